"""Time and memory of padova2023 at the real size of FMA-small: 8000 clips of 30 s, 128 × 1290, as configs/paper.yaml has it.

    python benchmarks/fma_full_size.py [--clips 8000] [--timed 1000] [--composed 16]

Composes some clips and lays them out as FMA with hard links, 8000 tracks. The project's own commands then run with the
settings of configs/paper.yaml: the data set whole, trainings for a few updates, estimates at one snapshot. Memory is the
peak of each process as the kernel counted it, trainings on all clips; time is extrapolated from seconds an update, an
evaluation and a snapshot on some of them.
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
from typing import Any

import numpy as np

from infoflow.config.jobs import EstimateGroup
from infoflow.config.loading import read_default
from infoflow.data import fma
from infoflow.data.standins import music
from infoflow.plan import Plan
from infoflow.storage.job_files import JobFiles

SECONDS = 30.0
TRAINED = ("padova_relu", "padova_full_batch", "padova_resnet")  # one for each cost of an update
ESTIMATED = ("padova_relu", "padova_resnet")


def main(clips: int, timed: int, composed: int) -> None:
    """Time the stages on some clips, take the memory of the largest on all of them, and add up."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lay_out(root, clips, composed)
        plan = Plan(read_default("configs/paper.yaml", overlay(root)))
        whole, part = root / "fma.h5", root / "part.h5"
        whole_set = plan.dataset_settings("fma")
        for path, limit in ((whole, None), (part, timed)):
            job = whole_set.model_copy(update={"section": whole_set.section.model_copy(update={"limit": limit})})
            inputs = job_file(root, [])
            _, peak = command(root, "dataset", job, "--inputs", inputs, "--output", str(path), "--workers", "1")
            print(f"data set of {limit or clips} clips: {peak:.2f} GB", flush=True)
        times = {}
        for name in TRAINED:
            times[name] = training(plan, name, part, root)
            peak = one_update(plan, name, whole, root)[1]
            update, rest = times[name]
            print(f"{name}: {update:.2f} s an update of one network ({timed} clips where the batch is full), "
                  f"{rest:.1f} s an evaluation, {peak:.2f} GB on all clips", flush=True)  # fmt: skip
        hours = {
            "training": sum(job_seconds(job, times, clips, timed) for job in padova(plan)) / 3600,
            "estimates": 0.0,
        }
        for name in ESTIMATED:
            for estimator in plan.experiments[name].estimators:
                took, peak = estimate(plan, name, estimator, part, root)
                print(f"{name} {estimator}: {took:.0f} s a snapshot of one network, {peak:.2f} GB", flush=True)
                hours["estimates"] += took * snapshots(plan, estimator) / 3600
        said = ", ".join(f"{stage} {spent:.1f} h" for stage, spent in hours.items())
        print(f"{said} of one core; {sum(hours.values()) / 2:.1f} h of two cores, beside decoding")


def job_seconds(job: Any, times: dict[str, tuple[float, float]], clips: int, timed: int) -> float:
    """Seconds of a whole training job, from those of the timed one that is most like it."""
    full = "full_batch" in job.experiment
    update, rest = times["padova_full_batch" if full else "padova_resnet" if "resnet" in job.experiment else TRAINED[0]]
    training = job.settings.training
    updates = training.epochs * (clips / timed if full else 0.8 * clips / training.batch_size)
    evaluations = len(job.settings.snapshots) * clips / timed
    return job.settings.seeds * len(job.points) * (updates * update + evaluations * rest)


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


def command(root: Path, name: str, settings: Any, *arguments: str) -> tuple[float, float]:
    """Run one command of the project on one thread; its seconds and its peak memory in GB."""
    line = [sys.executable, "-m", "infoflow.cli", name, "--settings", job_file(root, settings), *arguments]
    started = time.monotonic()
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{name} failed: {' '.join(line)}")
    return time.monotonic() - started, usage.ru_maxrss / 2**20


def job_file(root: Path, value: Any) -> str:
    """Path of a file that holds settings or a list of files."""
    return JobFiles(str(root / ".settings")).path(value, write=True)


def padova(plan: Plan) -> Iterator:
    """Training jobs on FMA."""
    for job in plan.train_jobs():
        if plan.experiments[job.experiment].dataset == "fma":
            yield job


def one_update(plan: Plan, name: str, data: Path, root: Path, updates: int = 1, kept: int = 1) -> tuple[float, float]:
    """Seconds and memory of a training of some updates, each an epoch, with its last snapshots."""
    job = next(job for job in padova(plan) if job.experiment == name)
    rule = {"epochs": updates, **({"batch_size": 10**6} if "full_batch" in name else {"steps_per_epoch": 1})}
    points = [p.model_copy(update={"training": p.training.model_copy(update=rule)}) for p in job.settings.points]
    settings = job.settings.model_copy(update={"snapshots": [0, updates][-kept:], "points": points})
    folders = [str(root / name / point.id) for point in job.points]
    return command(root, "train", settings, "--dataset", str(data), "--folders", job_file(root, folders), "--resume",
                   str(root / ".resume"))  # fmt: skip


def training(plan: Plan, name: str, data: Path, root: Path) -> tuple[float, float]:
    """Seconds of an update and of an evaluation of one network."""
    job = next(job for job in padova(plan) if job.experiment == name)
    nets = job.settings.seeds * len(job.points)
    both, more, one = (one_update(plan, name, data, root, *how)[0] for how in ((1, 2), (4, 2), (1, 1)))
    return (more - both) / 3 / nets, max(0.0, both - one) / nets


def snapshots(plan: Plan, estimator: str) -> int:
    """Snapshots × networks that an estimator looks at, in all experiments that name it."""
    count = 0
    for job in padova(plan):
        for point in job.points:
            if estimator in plan.experiments[job.experiment].estimators:
                made = plan.estimate_settings(job.experiment, point.id, "all", estimator)
                count += sum(map(len, made.epochs.values()))
    return count


def estimate(plan: Plan, name: str, estimator: str, data: Path, root: Path) -> tuple[float, float]:
    """Seconds a snapshot of one network and peak memory, at the last snapshot of the short training."""
    job = next(job for job in padova(plan) if job.experiment == name)
    point = job.points[0].id
    settings = plan.estimate_settings(name, point, "all", estimator)
    group = EstimateGroup(jobs=[settings.model_copy(update={"epochs": {settings.first_seed: [1]}})])
    inputs = {"weights": [str(root / name / point / "weights.safetensors")], "dataset": [str(data)]}
    outputs = job_file(root, [str(root / f"{name}.{estimator}.parquet")])
    return command(root, "estimate", group, "--inputs", job_file(root, inputs), "--outputs", outputs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=8000)
    parser.add_argument("--timed", type=int, default=1000, help="clips that times are taken on")
    parser.add_argument("--composed", type=int, default=16, help="different recordings among the clips")
    given = parser.parse_args()
    main(given.clips, given.timed, given.composed)
