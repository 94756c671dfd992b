"""Notebooks in git: thin, stripped, openable by anyone."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return json.loads(request.param.read_text(encoding="utf-8"))


def code(notebook):
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_there_is_one_for_each_enabled_document():
    import yaml

    documents = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["documents"]
    assert {path.stem for path in NOTEBOOKS} == {
        name for name, section in documents.items() if section.get("enabled", True)
    }


def test_every_figure_of_the_config_is_shown():
    import yaml

    documents = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["documents"]
    for path in NOTEBOOKS:
        text = "\n".join(code(json.loads(path.read_text(encoding="utf-8"))))
        for figure in documents[path.stem]["figures"]:
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
