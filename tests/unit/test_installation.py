"""What a light installation holds: the wheel, and what works without the packages of the extras."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest
from factories import ROOT

import infoflow

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULES = {  # module of a package whose name differs
    "scikit-learn": "sklearn", "pillow": "PIL", "pytest-xdist": "xdist", "faiss-cpu": "faiss", "py-rattler": "rattler",
    "pyyaml": "yaml", "snakemake-executor-plugin-slurm": "snakemake_executor_plugin_slurm", "jupyter": "jupyter_core",
    "pytest-benchmark": "pytest_benchmark",
}  # fmt: skip
# what torch and the light packages bring themselves, and what a test needs to run at all
SHARED = {"filelock", "setuptools", "pillow", "pygments", "pytest", "hypothesis", "pytest-xdist"}

USE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"{name} is not in a light installation", name=name)

sys.meta_path.insert(0, Refuse())
import warnings
warnings.simplefilter("ignore")
import matplotlib
matplotlib.use("agg")
import torch
from torch import nn
import infoflow
from infoflow.training import RateDistortion, orthonormal_step

net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
x, y = torch.randn(80, 4), torch.arange(80) % 2
with infoflow.record(net) as recording, infoflow.record(net, to="recorded") as streamed:
    for epoch in range(4):
        recording.snapshot(epoch, x, y)
        streamed.snapshot(epoch, x, y)
table = infoflow.estimate("recorded")
for name in ("trajectories", "information_plane", "geometry", "agreement"):
    getattr(infoflow.plot, name)(table).savefig("figure.png")
infoflow.decide([infoflow.estimate(recording)] * 5)
RateDistortion(net, ["1"], variance=1.0)(x)
orthonormal_step(net, 0.1)
infoflow.estimators.knn.entropy(x, 3)
print("light")
"""


def names(requirements):
    found = {re.match(r"[A-Za-z0-9_.-]+", one)[0].lower() for one in requirements}
    return found - {"infoflow"}


def test_everything_of_ones_own_works_without_the_extras(tmp_path):
    light = names(PROJECT["dependencies"])
    extras = set().union(*(names(listed) for listed in PROJECT["optional-dependencies"].values())) - light - SHARED
    refused = {MODULES.get(name, name.replace("-", "_")) for name in extras}
    assert {"snakemake", "seaborn", "librosa", "torchvision", "papermill", "sklearn"} <= refused
    run = subprocess.run(
        [sys.executable, "-c", f"REFUSED = {sorted(refused)!r}\n{USE}"], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "light"


def test_importing_takes_no_torch_and_no_time():
    code = "import sys, time; t = time.perf_counter(); import infoflow; print(time.perf_counter() - t, *sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    _, *modules = run.stdout.split()
    heavy = {"torch", "numpy", "pandas", "matplotlib", "pydantic", "scipy"} & set(modules)
    assert not heavy
    with pytest.raises(AttributeError, match="no attribute 'recrod'"):
        _ = infoflow.recrod


def test_the_wheel_builds_and_works_where_nothing_else_of_the_project_lies(tmp_path):
    copy = tmp_path / "project"  # building leaves files behind
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, copy / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, copy],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("infoflow-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
        archive.extractall(tmp_path / "installed")
    assert "infoflow/api.py" in files
    assert not [name for name in files if name.startswith(("tests", "benchmarks", "results"))]
    code = "import infoflow, torch; from infoflow.estimators import knn; print(infoflow.__file__, float(knn.entropy(torch.randn(50, 2), 3)))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "installed"), "PATH": ""},
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert str(tmp_path / "installed") in run.stdout


def test_windows_is_told_where_the_workflow_runs(monkeypatch, capsys):
    from infoflow.cli import main

    monkeypatch.setattr("sys.platform", "win32")
    assert main(["run"]) == 2
    assert "on Windows run it under WSL" in capsys.readouterr().err
