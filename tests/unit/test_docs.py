"""The documentation's code runs, in its order, in an empty folder; its overlays are configs."""

import re
import warnings

import matplotlib
import pytest
import torch
import yaml
from factories import ROOT

from infoflow.config.loading import read_default

DOCS = ("docs/your-own.md", "docs/which-estimator.md")


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / path).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("path", DOCS)
def test_python_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    threads = torch.get_num_threads()
    names = {"__name__": "docs"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, code in enumerate(blocks(path, "python")):
            exec(compile(code, f"{path}, block {number}", "exec"), names)
    torch.set_num_threads(threads)
    if path == "docs/your-own.md":
        assert (tmp_path / "plane.png").stat().st_size > 10_000
        assert len(names["verdicts"]) > 0


@pytest.mark.parametrize("path", DOCS)
def test_overlays_are_configs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    for number, text in enumerate(blocks(path, "yaml")):
        assert yaml.safe_load(text)
        (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8")
        read_default(tmp_path / f"{number}.yaml")
