"""The README's table of figures against the config."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
HEADER = "| document | figure | target | notebook | minutes on two cores |"


def test_table_of_figures_agrees_with_the_config():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    start = lines.index(HEADER) + 2
    end = next(i for i in range(start, len(lines)) if not lines[i].startswith("|"))
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|"))[:4] for line in lines[start:end]]
    documents = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["documents"]
    assert rows == [
        (key, f"{name} · {figure['title']}", f"`results/figures/{key}/{name}.svg`", f"`notebooks/{key}.ipynb`")
        for key, document in documents.items()
        for name, figure in document["figures"].items()
    ]


def test_the_picture_is_in_the_repository():
    assert "docs/goldfeld2019-F5.png" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "docs/goldfeld2019-F5.png").stat().st_size > 50_000
