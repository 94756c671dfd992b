"""Time and memory of padova2023 at the real size of FMA-small: 8000 clips of 30 s, 128 × 1290, as configs/paper.yaml has it.

    python benchmarks/fma_full_size.py [clips [composed]]

Composes some clips and lays them out as FMA with hard links, 8000 tracks. The project's own commands then run with the
settings of configs/paper.yaml: the data set whole, trainings for a few updates, estimates at one snapshot. Memory is the
peak of each process as the kernel counted it; time is extrapolated from seconds an update, an evaluation and a snapshot.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from infoflow.config import read
from infoflow.data import fma
from infoflow.data.standins import music
from infoflow.io import canonical_json
from infoflow.plan import Plan

SECONDS = 30.0
TRAINED = ("padova_relu", "padova_full_batch", "padova_resnet")  # one for each cost of an update
ESTIMATED = ("padova_relu", "padova_resnet")


def main(clips: int, composed: int) -> None:
    """Measure each stage and add up."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lay_out(root, clips, composed)
        plan = Plan(read("config.yaml", "configs/paper.yaml", overlay(root)))
        data = root / "fma.h5"
        settings = plan.dataset_settings("fma")
        took, peak = command("dataset", settings, "--output", str(data), "--inputs", "--workers", "1")
        print(f"data set of {clips} clips, {composed} of them decoded: {took:.0f} s, {peak:.2f} GB", flush=True)
        hours = {"training": 0.0, "estimates": 0.0}
        seconds: dict[str, tuple[float, float]] = {}
        for name in TRAINED:
            seconds[name], peak = training(plan, name, data, root)
            update, rest = seconds[name]
            print(
                f"{name}: {update:.2f} s an update of one network, {rest:.0f} s an evaluation, {peak:.2f} GB",
                flush=True,
            )
        for job in padova(plan):
            like = next((n for n in TRAINED[1:] if n == job.experiment), TRAINED[0])
            if "full_batch" in job.experiment:
                like = "padova_full_batch"
            nets, epochs = job.settings["seeds"] * len(job.points), job.settings["training"]["epochs"]
            size = min(job.settings["training"]["batch_size"], 0.8 * clips)
            updates = epochs * max(1, round(0.8 * clips / size))
            update, rest = seconds[like]
            hours["training"] += nets * (updates * update + len(job.settings["snapshots"]) * rest) / 3600
        for name in ESTIMATED:
            for estimator in plan.experiments[name].estimators:
                took, peak = estimate(plan, name, estimator, data, root)
                print(f"{name} {estimator}: {took:.0f} s a snapshot of one network, {peak:.2f} GB", flush=True)
                hours["estimates"] += took * snapshots(plan, name, estimator) / 3600
        print(", ".join(f"{k} {v:.1f} h" for k, v in hours.items()), "of one core;",
              f"{sum(hours.values()) / 2:.1f} h of two cores beside decoding")  # fmt: skip


def lay_out(root: Path, clips: int, composed: int) -> None:
    """Composed clips in FMA's layout, linked until there are enough tracks."""
    music.write(root, composed // len(music.GENRES), SECONDS, np.random.default_rng(0))
    tracks, _ = fma.read(root)
    rows = []
    for number in range(1, clips + 1):
        track = tracks[number % len(tracks)]
        path = root / "linked" / f"{number:06d}"[:3] / f"{number:06d}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(track.path, path)
        rows.append((number, track.genre, number % 1000, music.SPLITS[number % len(music.SPLITS)], SECONDS))
    (root / "fma_small").rename(root / "composed")
    (root / "linked").rename(root / "fma_small")
    music._write_tracks(root / "fma_metadata" / "tracks.csv", rows)


def overlay(root: Path) -> str:
    """A config file that points to the tracks."""
    path = root / "overlay.json"
    path.write_text(json.dumps({"data_root": str(root), "datasets": {"fma": {"source": "full"}}}), encoding="utf-8")
    return str(path)


def command(name: str, settings: dict, *arguments: str) -> tuple[float, float]:
    """Run one command of the project on one thread; its seconds and its peak memory in GB."""
    line = [sys.executable, "-m", "infoflow.cli", name, "--settings", canonical_json(settings), *arguments]
    started = time.monotonic()
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{name} failed: {' '.join(line)}")
    return time.monotonic() - started, usage.ru_maxrss / 2**20


def padova(plan: Plan) -> Iterator:
    """Training jobs on FMA."""
    for job in plan.train_jobs():
        if plan.experiments[job.experiment].dataset == "fma":
            yield job


def training(plan: Plan, name: str, data: Path, root: Path) -> tuple[tuple[float, float], float]:
    """Seconds (an update of one network, an evaluation of one network) and peak memory of the whole ensemble."""
    job = next(job for job in padova(plan) if job.experiment == name)
    nets = job.settings["seeds"] * len(job.points)
    full = "full_batch" in name
    times, peak = {}, 0.0
    for updates, kept in ((1, 2), (4 if not full else 2, 2), (1, 1)):
        settings = {**job.settings, "snapshots": [0, updates][-kept:]}
        settings["training"] = {**job.settings["training"], "epochs": updates}
        if not full:  # an epoch of one update
            settings["training"] |= {"steps_per_epoch": 1}
        else:
            settings["training"] |= {"batch_size": 10**6}
        folders = [str(root / name / point.id) for point in job.points]
        took, used = command("train", settings, "--dataset", str(data), "--folders", *folders, "--resume",
                             str(root / ".resume"), "--trainer", plan.trainer(name))  # fmt: skip
        times[updates, kept], peak = took, max(peak, used)
    most = max(updates for updates, _ in times)
    update = (times[most, 2] - times[1, 2]) / (most - 1) / nets
    return (update, max(0.0, times[1, 2] - times[1, 1]) / nets), peak


def snapshots(plan: Plan, name: str, estimator: str) -> int:
    """Snapshots × networks that an estimator looks at, in all experiments that name it."""
    count = 0
    for job in padova(plan):
        for point in job.points:
            if estimator in plan.experiments[job.experiment].estimators:
                made = plan.estimate_settings(job.experiment, point.id, "all", estimator)
                count += len(made["snapshots"]) * made["seeds"]
    return count


def estimate(plan: Plan, name: str, estimator: str, data: Path, root: Path) -> tuple[float, float]:
    """Seconds a snapshot of one network and peak memory, at the last snapshot of the short training."""
    job = next(job for job in padova(plan) if job.experiment == name)
    point = job.points[0].id
    settings = plan.estimate_settings(name, point, "all", estimator)
    settings |= {"snapshots": [1], "seeds": 1}
    return command("estimate", settings, "--weights", str(root / name / point / "weights.safetensors"), "--dataset",
                   str(data), "--output", str(root / f"{name}.{estimator}.parquet"))  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="?", type=int, default=8000)
    parser.add_argument("composed", nargs="?", type=int, default=16)
    given = parser.parse_args()
    main(given.clips, given.composed)
