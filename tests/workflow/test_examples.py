"""The overlays of configs/examples run as they stand, but for their sizes, on data that the tests make."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "configs/examples"
SMALL = {"training": {"epochs": 3, "batch_size": 8}, "snapshots": {"every_until": 0, "log_spaced": 3}, "seeds": 2}

pytestmark = pytest.mark.workflow


def images(folder):
    rng = np.random.default_rng(0)
    for k, name in enumerate(("cat", "dog", "Bär")):
        (folder / "my_images" / name).mkdir(parents=True)
        for i in range(30):
            shape = (20 + i, 30, 3) if i % 3 else (40, 25)  # of every size, some grey
            pixels = rng.integers(0, 100, shape).astype(np.uint8) + 50 * k
            Image.fromarray(pixels).save(folder / "my_images" / name / f"{i}.{'png' if i % 2 else 'jpg'}")


def arrays(folder):
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    np.savez(folder / "my_arrays.npz", x=rng.standard_normal((120, 8, 4)) + y[:, None, None], y=y)


def tone(path, frequency, seconds, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * 22_050)) / 22_050
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * frequency * t) + 0.05 * rng.standard_normal(len(t)), 22_050)


def speech(folder):
    rows = []
    for k in range(32):
        label, speaker = ("happy", "sad")[k % 2], f"s{k // 4 % 4}"
        path = folder / "my_speech" / f"{k}.wav"
        tone(path, 200 + 100 * (k % 2), 0.6, k)
        rows.append({"path": path.name, "label": label, "speaker": speaker})
    pd.DataFrame(rows).to_csv(folder / "my_speech/manifest.csv", index=False)


def music(folder):
    for k in range(24):
        tone(folder / "my_music" / ("jazz", "rock")[k % 2] / f"{k}.wav", 220 * (1 + k % 2), 3.2, k)


def checkpoints(folder):
    sys.path.insert(0, str(EXAMPLES))
    import my_nets

    for seed in range(2):
        place = folder / f"runs/seed{seed}"
        place.mkdir(parents=True)
        for epoch in (0, 1, 2):
            torch.manual_seed(10 * seed + epoch)
            torch.save(my_nets.small_cnn((1, 28, 28), 10).state_dict(), place / f"epoch_{epoch}.pt")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project, so that its lock is not a running workflow's."""
    folder = tmp_path_factory.mktemp("project")
    for part in ("src", "workflow", "profiles", "configs", "notebooks"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for part in ("Snakefile", "config.yaml", "environment.yml"):
        shutil.copyfile(ROOT / part, folder / part)
    return folder


MADE = {
    "images": images, "arrays": arrays, "speech": speech, "music": music, "own_checkpoints": checkpoints,
    "own_network": None, "own_estimator": None,
}  # fmt: skip


def test_every_example_is_tried_and_short():
    files = {path.stem: path for path in EXAMPLES.glob("*.yaml")}
    assert set(files) == set(MADE)
    for path in files.values():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 15, path


@pytest.mark.parametrize("name", MADE)
def test_an_example_runs(name, tmp_path, project):
    example = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))
    data, results = tmp_path / "data", tmp_path / "results"
    data.mkdir()
    if MADE[name] is not None:
        MADE[name](tmp_path if name == "own_checkpoints" else data)
    (experiment,) = example["experiments"]
    small = {key: dict(value) if isinstance(value, dict) else value for key, value in SMALL.items()}
    if name == "own_checkpoints":
        small = {"seeds": 2, "training": {"checkpoints": str(tmp_path / "runs/seed{seed}/epoch_*.pt")}}
    if name == "speech":
        small = {"training": {"epochs": 1, "batch_size": 8}, "seeds": 2}
    sizes = {
        "results": str(results), "data_root": str(data), "rehearsal": True, "experiments": {experiment: small},
        "estimators": {key: {"inputs": 60} for key in ("kde", "knn", "clustering", "binning")} | {"renyi": {"batch_size": 16, "batches": 1}},
        "datasets": {"mnist": {"limit": 200}},
    }  # fmt: skip
    if name == "own_estimator":
        sizes["experiments"][experiment]["training"]["batch_size"] = 256
    (tmp_path / "sizes.yaml").write_text(yaml.safe_dump(sizes), encoding="utf-8")
    command = [
        sys.executable, "-m", "infoflow.cli", "run", "--warm", "--cores", "1", "--configfile", f"configs/examples/{name}.yaml",
        tmp_path / "sizes.yaml",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    run = subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr[-3000:]
    (document,) = example["documents"]
    page = (results / "index.html").read_text(encoding="utf-8")
    assert example["documents"][document]["title"] in page
    assert (results / f"notebooks/{document}.html").is_file()
    claims = pd.read_parquet(results / "claims.parquet")
    assert set(claims["outcome"]) <= {"rehearsal"}
    figures = list((results / f"figures/{document}").glob("*.svg"))
    assert len(figures) >= (2 if name == "speech" else 3)
    if name == "own_estimator":
        assert "rank" in set(pd.read_parquet(results / f"tables/{document}/estimates.parquet")["quantity"])
