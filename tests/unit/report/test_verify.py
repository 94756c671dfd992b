"""A folder of results against its manifest and against the reference results."""

import json

import numpy as np
import pytest

from infoflow.cli import main
from infoflow.errors import InputError
from infoflow.report.notebook import without_times
from infoflow.report.verify import verify
from infoflow.storage.files import sha256
from infoflow.storage.tables import write_table
from infoflow.verdicts import rule
from infoflow.verdicts.questions import Each


def ledger(**falls):
    """Claims whose seeds fall by so much."""
    made = []
    for name, fall in falls.items():
        claim = rule.Claim(
            name.replace("_", "-"), "F1", "It falls", (Each("fall", "nats", above=1.0, control="none: a test"),)
        )
        made.append(rule.decide(claim, rule.Evidence(np.full(8, fall) + np.arange(8) / 50), rehearsal=False))
    return rule.join([rule.ledger("one", made)])


@pytest.fixture
def results(tmp_path):
    """A finished run of two claims that hold, and reference results in which they do too."""
    folder = tmp_path / "results"
    write_table(folder / "claims.parquet", ledger(V_000_1=3.0, V_000_2=3.0))
    (folder / "index.html").write_text("page")
    outputs = {name: sha256(folder / name) for name in ("claims.parquet", "index.html")}
    (folder / "MANIFEST.json").write_text(json.dumps({"outputs": outputs}))
    write_table(tmp_path / "reference/one/claims.parquet", ledger(V_000_1=3.0, V_000_2=3.0, V_000_3=0.0))
    return folder


def test_a_run_as_its_manifest_says_that_agrees_with_the_reference(results, tmp_path, capsys):
    assert main(["verify", str(results), "--reference", str(tmp_path / "reference")]) == 0
    said = capsys.readouterr().out
    assert "all 2 files are those of MANIFEST.json" in said
    assert "2 claims are decided here" in said
    assert "2 of them alike" in said


def test_a_file_that_was_cut_or_is_gone_is_named(results, tmp_path):
    (results / "index.html").write_text("pag")
    with pytest.raises(InputError, match=r"1 of 2 files differ .*\nindex.html: not the file that the run wrote"):
        verify(results, tmp_path / "reference")
    (results / "index.html").unlink()
    with pytest.raises(InputError, match="index.html: missing"):
        verify(results, tmp_path / "reference")
    (results / "MANIFEST.json").write_text("{")
    with pytest.raises(InputError, match="MANIFEST.json: damaged"):
        verify(results, tmp_path / "reference")
    (results / "MANIFEST.json").unlink()
    with pytest.raises(InputError, match="finish the run first"):
        verify(results, tmp_path / "reference")


def test_a_claim_that_is_decided_otherwise_is_said(results, tmp_path, capsys):
    write_table(tmp_path / "reference/one/claims.parquet", ledger(V_000_1=3.0, V_000_2=0.0))
    assert main(["verify", str(results), "--reference", str(tmp_path / "reference")]) == 1
    assert "V-000-2: holds here, fails in the reference" in capsys.readouterr().out
    assert verify(results, tmp_path / "nowhere")[1]  # without a reference nothing differs


def test_what_differs_from_run_to_run_is_taken_out_of_a_notebook():
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {"papermill": {"duration": 1.2}, "execution": {"t": 1}, "tags": []},
        "source": "x",
    }
    drawn = {**cell, "id": "5f3e", "metadata": {"tags": ["injected-parameters"], "papermill": {}}}
    made = json.loads(
        without_times(json.dumps({"metadata": {"papermill": {"start": 1}, "kernelspec": {}}, "cells": [cell, drawn]}))
    )
    assert made["metadata"] == {"kernelspec": {}}
    assert [c["id"] for c in made["cells"]] == ["a", "injected-1"]
    assert [c["metadata"] for c in made["cells"]] == [{"tags": []}, {"tags": ["injected-parameters"]}]
