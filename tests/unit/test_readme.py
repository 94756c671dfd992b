"""The README and the documentation beside it: what they run, what they link, and the numbers that they give."""

import re
import subprocess

import matplotlib
import pytest
import torch
import yaml
from factories import ROOT, plan

from infoflow.config.loading import read_default

README = (ROOT / "README.md").read_text(encoding="utf-8")
HEADER = "| document | figure | target | notebook | minutes on two cores |"
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))]


def block(language):
    (text,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return text


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 120


def test_its_python_runs():
    matplotlib.use("agg")
    torch.manual_seed(0)
    names = {
        "model": torch.nn.ModuleDict({
            "features": torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 5), torch.nn.Tanh()),
            "classifier": torch.nn.Linear(5, 2),
        }),
        "x_probe": torch.randn(150, 4), "y_probe": torch.arange(150) % 2, "train_one_epoch": lambda model: None,
    }  # fmt: skip
    names["model"].forward = lambda x: names["model"]["classifier"](names["model"]["features"](x))
    with pytest.warns(match="."):  # an untrained network this small warns
        exec(compile(block("python"), "README.md", "exec"), names)
    assert set(names["table"]["layer"]) >= {"features.0", "features.3", "classifier"}


def test_its_overlay_is_a_config(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text(block("yaml"), encoding="utf-8")
    made = read_default(file)
    assert made.experiments["my_net"].document == "my_study"
    assert len(yaml.safe_load(block("yaml"))["experiments"]["my_net"]) <= 10


@pytest.mark.parametrize("target", re.findall(r"`?make (\w+)", README))
def test_its_make_targets_are_there(target):
    made = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        if not link.startswith("http"):
            assert ((ROOT / page).parent / link).exists(), link


def test_the_table_of_figures_agrees_with_the_documents():
    lines = (ROOT / "docs/figures.md").read_text(encoding="utf-8").splitlines()
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
    assert "docs/goldfeld2019-F5.png" in README
    assert (ROOT / "docs/goldfeld2019-F5.png").stat().st_size > 50_000
