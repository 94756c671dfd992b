"""The manifest: what was run, on what, with what, and the checksum of every output; measured seconds lie beside it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import h5py
import pandas as pd

from infoflow.config.jobs import ReportJob
from infoflow.storage.files import sha256


def datasets(folder: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """Source, tier, licence, checksum and stand-in flag of each data set."""
    made = {}
    for name in names:
        with h5py.File(folder / "data" / f"{name}.h5") as file:
            attributes = dict(file.attrs)
        made[name] = {k: attributes[k] for k in ("source", "tier", "licence", "sha256")} | {
            "stand_in": bool(attributes["stand_in"])
        }
    return made


def manifest(job: ReportJob, data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What was run, on what, with what, and the checksum of every output."""
    files = [*job.outputs, folder / "claims.parquet", folder / "index.html"]
    return {
        "commit": commit(),
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": {"model": cpu_model(), "count": os.cpu_count()},
        "seed": job.config.seed,
        "seeds": {name: e.seeds for name, e in job.config.experiments.items()},
        "config": job.config.model_dump(),
        "data": data,
        "outputs": {os.path.relpath(p, folder): sha256(p) for p in files},
    }


def commit() -> dict[str, Any] | None:
    """The checkout's commit and whether it has uncommitted changes; None outside a checkout."""
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        dirty = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": head, "dirty": bool(dirty.strip())}


def versions() -> dict[str, str]:
    """Version of every installed package."""
    return dict(sorted((d.metadata["Name"].lower(), d.version) for d in distributions()))


def cpu_model() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return names[0] if names else platform.processor()


def seconds(folder: Path) -> dict[str, float]:
    """Seconds that each rule's jobs took together, from their benchmark files."""
    totals: dict[str, float] = {}
    for path in sorted((folder / "benchmarks").rglob("*.tsv")):
        rule = path.relative_to(folder / "benchmarks").parts[0]
        totals[rule] = totals.get(rule, 0.0) + float(pd.read_csv(path, sep="\t")["s"].sum())
    return {rule: round(total, 1) for rule, total in totals.items()}
