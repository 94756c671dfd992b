"""The README's table of figures against the documents' own."""

from factories import ROOT, plan

HEADER = "| document | figure | target | notebook | minutes on two cores |"


def test_table_of_figures_agrees_with_the_documents():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    start = lines.index(HEADER) + 2
    end = next(i for i in range(start, len(lines)) if not lines[i].startswith("|"))
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|"))[:4] for line in lines[start:end]]
    documents = list(dict.fromkeys(row[0] for row in rows))  # in an order to read them in
    assert sorted(documents) == sorted(plan().documents)
    assert rows == [
        (key, f"{name} · {figure.title}", f"`results/figures/{key}/{name}.svg`", f"`notebooks/{key}.ipynb`")
        for key in documents
        for name, figure in plan().figures_of(key).items()
    ]


def test_the_picture_is_in_the_repository():
    assert "docs/goldfeld2019-F5.png" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "docs/goldfeld2019-F5.png").stat().st_size > 50_000
