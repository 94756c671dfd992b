"""Every slip of a document names a test that is there."""

import ast
import importlib
from pathlib import Path

import pytest

from infoflow.verdicts.errata import COLUMNS, READING, table

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted(path.parent.name for path in (ROOT / "src/infoflow/documents").glob("*/errata.py"))


def errata(document):
    return importlib.import_module(f"infoflow.documents.{document}.errata").ERRATA


def test_the_five_documents_have_errata():
    assert DOCUMENTS == ["goldfeld2019", "huang2016", "kong2019", "padova2023", "yu2018"]
    assert len(errata("padova2023")) >= 16


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_right_is_checked_by_a_test_that_exists(document):
    missing = []
    for one in errata(document):
        if one.test == READING:
            continue
        file, _, name = one.test.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        if name not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
            missing.append(one.test)
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_slip_has_an_id_of_its_own_and_both_readings(document):
    rows = table(document, errata(document))
    assert list(rows) == COLUMNS
    assert rows["id"].is_unique
    assert (rows[["place", "printed", "right"]].map(len) > 0).all(axis=None)
    assert (rows["printed"] != rows["right"]).all()
