"""Notebooks in git: thin, stripped, openable by anyone."""

import json

import pytest
from factories import ROOT, config, plan

from infoflow.studies import is_study

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return json.loads(request.param.read_text(encoding="utf-8"))


def code(notebook):
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_there_is_one_for_each_document():
    assert {path.stem for path in NOTEBOOKS} == set(plan().documents) == set(config().documents)


def test_every_figure_is_shown():
    for path in NOTEBOOKS:
        text = "\n".join(code(json.loads(path.read_text(encoding="utf-8"))))
        figures = plan().figures_of(path.stem)
        assert figures
        if is_study(path.stem):
            assert "for figure in doc.figures:\n    doc.show(figure)" in text
            continue
        for figure in figures:
            assert f'doc.show("{figure}"' in text


def test_holds_no_output(notebook):
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_kernel_is_python3(notebook):
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["metadata"]["language_info"]["name"] == "python"


def test_has_one_parameters_cell(notebook):
    tagged = [c for c in notebook["cells"] if "parameters" in c["metadata"].get("tags", [])]
    assert len(tagged) == 1


def test_code_is_thin(notebook):
    for source in code(notebook):
        assert len([line for line in source.splitlines() if line.strip()]) <= 2
        assert "def " not in source
        assert "random" not in source
