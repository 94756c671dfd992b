"""The documentation's code runs, in its order, in an empty folder; its overlays are configs."""

import re
import subprocess
import sys
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


def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "infoflow.cli", "site", "--folder", str(tmp_path / "site")]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (made.returncode, made.stdout + made.stderr) == (0, "")
    pages = {path.relative_to(tmp_path / "site").as_posix() for path in (tmp_path / "site").rglob("*.html")}
    assert {"index.html", "your-own.html", "reference.html", "glossary.html", "benchmarks/detection.html"} <= pages
    reference = (tmp_path / "site/reference.html").read_text(encoding="utf-8")
    for name in ("infoflow.api.record", "infoflow.estimators.kde.input_information", "infoflow.verdicts.rule.verdict"):
        assert f'id="{name}"' in reference
    # the site opens from the disk: nothing is fetched
    for page in pages:
        text = (tmp_path / "site" / page).read_text(encoding="utf-8")
        fetched = re.findall(
            r'<(?:script|img|iframe)[^>]+src="https?://[^"]+"|<link[^>]+rel="stylesheet"[^>]+href="https?://[^"]+"',
            text,
        )
        assert not fetched, page
