"""What moved between two folders of verdicts."""

import numpy as np
import pytest

from infoflow.cli import main
from infoflow.errors import InputError
from infoflow.storage.tables import write_table
from infoflow.verdicts.difference import compare, report, verdicts
from infoflow.verdicts.questions import Each
from infoflow.verdicts.rule import Claim, Evidence, decide, join, ledger

SEEDS = np.linspace(-0.1, 0.1, 8)


def run(**effects):
    """Verdicts of claims whose networks have the given typical effect."""
    rows = []
    for name, effect in effects.items():
        claim = Claim(f"V-000-{name[1:]}", "F0", "a claim", (Each("fall", above=1.0, control="none: a theorem"),))
        rows.append(decide(claim, Evidence(effect + SEEDS), rehearsal=False))
    return join([ledger("huang2016", rows)])


@pytest.fixture
def folders(tmp_path):
    write_table(tmp_path / "before/claims.parquet", run(c1=2.0, c2=2.0, c3=2.0, c4=2.0))
    write_table(tmp_path / "after/claims.parquet", run(c1=2.0, c2=5.0, c3=0.0, c5=2.0))
    return tmp_path / "before", tmp_path / "after"


def test_every_verdict_is_named_by_what_became_of_it(folders):
    table = compare(*map(verdicts, folders))
    assert table.set_index("id")["change"].to_dict() == {
        "V-000-1": "same", "V-000-2": "effect", "V-000-3": "outcome", "V-000-4": "gone", "V-000-5": "new",
    }  # fmt: skip


def test_the_report_has_both_sides_with_intervals(folders):
    text = report(*folders)
    assert "holds: 2 (1.9 … 2.1) nats, 8/8, control none\n       → fails: 0 (-0.1 … 0.1) nats, 0/8" in text
    assert "V-000-1:" not in text
    assert "V-000-1:" in report(*folders, every=True)


def test_reference_results_are_read_from_their_documents(folders, tmp_path):
    write_table(tmp_path / "kept/huang2016/claims.parquet", run(c1=2.0))
    assert verdicts(tmp_path / "kept")["id"].tolist() == ["V-000-1"]


def test_a_folder_without_verdicts_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no verdicts; expected claims.parquet"):
        verdicts(tmp_path)


def test_the_command(folders, capsys):
    assert main(["diff", *map(str, folders)]) == 0
    assert capsys.readouterr().out.startswith(f"{folders[0]} → {folders[1]}: 1 same, 1 effect")
