"""The page and the reference results where a document has no verdicts."""

import json

import numpy as np
import pandas as pd
import pytest

from infoflow.config.loading import read_default
from infoflow.errors import InputError
from infoflow.plan import Plan
from infoflow.report.page import errata_of, page
from infoflow.report.reference import keep_reference
from infoflow.verdicts import rule
from infoflow.verdicts.questions import Each


def test_a_document_without_verdicts_has_an_empty_table_of_them():
    made = rule.ledger("estimators", [])
    assert made.empty
    assert list(made) == rule.COLUMNS


def test_its_section_shows_figures_and_no_verdicts(tmp_path):
    job = Plan(read_default("configs/estimators.yaml")).report_settings()
    text = page(job, rule.ledger("estimators", []), errata_of([]), {}, tmp_path)
    assert "No claims are decided in this run" in text
    assert "<h3>Verdicts" not in text
    assert 'id="filters"' not in text
    assert text.count("<figure ") == len(job.documents["estimators"].figures) == 9
    assert text.count("<dt>experiments</dt><dd>none") == 9
    assert "<code>experiments." not in text


def test_a_verdict_is_shown_with_its_control_and_errata_with_their_test(tmp_path):
    job = Plan(read_default()).report_settings()
    claim = rule.Claim("V-000-1", "F3", "It falls", (Each("fall", "nats", above=1.0),))
    evidence = rule.Evidence(np.full(8, 3.0) + np.arange(8) / 50, np.zeros(8), "labels <shuffled>")
    ledger = rule.join([rule.ledger("huang2016", [rule.decide(claim, evidence, rehearsal=False)])])
    text = page(job, ledger, errata_of(["huang2016", "estimators"]), {}, tmp_path)
    assert "1 of 1 claims decided: 1 hold (0 of them firm), 0 fail" in text
    assert "beyond; labels &lt;shuffled&gt;: 0; differs by 3.07 (3.03 … 3.11)" in text
    assert 'aria-label="effect 3.07, interval 3 to 3.14, margin 1, control 0"' in text
    assert "<option>huang2016</option>" in text
    assert "src/infoflow/documents/huang2016/claims.py, V-000-1" in text
    assert text.count("<h3>Errata</h3>") == 1
    assert "E-000-1" in text


@pytest.fixture
def finished(tmp_path):
    """A finished run of two documents."""
    for document in ("one", "two"):
        for path in (f"claims/{document}.parquet", f"tables/{document}/values.parquet"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame({"value": [1.0]}).to_parquet(tmp_path / path)
    made = dict.fromkeys(("commit", "python", "platform", "cpu", "seed"))
    made["data"] = {name: {"tier": "T0"} for name in ("points", "images", "sounds")}
    experiments = {
        "a": {"document": "one", "dataset": "points", "axes": {}},
        "b": {"document": "two", "dataset": "points", "axes": {"dataset": ["points", "images"]}},
    }
    made |= {
        "config": {"rehearsal": False, "experiments": experiments},
        "versions": dict.fromkeys(("torch", "numpy", "scipy", "pandas"), "1"),
    }
    (tmp_path / "MANIFEST.json").write_text(json.dumps(made), encoding="utf-8")
    (tmp_path / "SECONDS.json").write_text(json.dumps({"train": 1.0}), encoding="utf-8")
    return tmp_path


def test_a_reference_is_kept_of_the_named_documents_with_the_command_that_made_it(finished):
    keep_reference(str(finished), str(finished / "kept"), ["two"], "snakemake --cores 1")
    assert sorted(p.name for p in (finished / "kept").iterdir()) == ["two"]
    assert sorted(p.name for p in (finished / "kept/two").iterdir()) == [
        "claims.parquet",
        "provenance.json",
        "values.parquet",
    ]
    made = json.loads((finished / "kept/two/provenance.json").read_text())
    assert made["command"] == "snakemake --cores 1"
    assert sorted(made["data"]) == ["images", "points"]


def test_a_reference_of_a_document_that_the_run_lacks_is_refused(finished):
    with pytest.raises(InputError, match="holds no three; it holds one, two"):
        keep_reference(str(finished), str(finished / "kept"), ["three"], "")
    assert not (finished / "kept").exists()
