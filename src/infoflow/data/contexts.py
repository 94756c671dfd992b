"""Context vectors of all folds as one data set, at a scale at which a Gaussian kernel of fixed width sees differences.

Arrays: `x` (folds, n, d) float32, `y` (n,), `group` (n,), `split` (folds, n). At the published σ² = 0.2 vectors that are too
long or too short make every pair of samples different (S(K) = log2 n) or the same (S(K) = 0); the attribute `scales` holds
S(K)/log2 64 of each scale, the mean over folds and batches of their training parts.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.errors import InputError
from infoflow.estimators import renyi
from infoflow.seeds import torch_generator
from infoflow.storage.files import canonical_json
from infoflow.storage.hdf5 import read_h5

BATCH, BATCHES = 64, 10
LOW, HIGH = 0.3, 0.95  # of log2 n: between them the kernel tells samples apart without isolating them


def make(job: DatasetJob) -> DataSet:
    """Arrays and attributes; `job.inputs` are the files of the folds in order.

    Raises:
        InputError: the folds are of different data.
    """
    read = [read_h5(path, "x", "y", "group", "split") for path in job.inputs]
    first, about = read[0]
    if any(not np.array_equal(arrays["y"], first["y"]) for arrays, _ in read):
        raise InputError(f"datasets.{job.dataset}: the folds hold different utterances; remove results/contexts")
    speakers = int(first["group"].max()) + 1
    if len(read) < speakers:
        print(
            f"{len(read)} of {speakers} speakers are tested: those that {job.section.experiment} has a fold of",
            flush=True,
        )
    x, split = np.stack([arrays["x"] for arrays, _ in read]), np.stack([arrays["split"] for arrays, _ in read])
    scaled = {name: scale(x, split) for name, scale in SCALES.items()}
    seen = {name: saturation(values, split, job) for name, values in scaled.items()}
    chosen = job.section.scale if job.section.scale != "auto" else choose(seen)
    print(
        f"S(K)/log2 {BATCH}: " + ", ".join(f"{k} {v:.3f}" for k, v in seen.items()) + f"; taken: {chosen}", flush=True
    )
    arrays = {"x": scaled[chosen].astype(np.float32), "y": first["y"], "group": first["group"], "split": split}
    kept = {name: about[name] for name in ("classes", "class_names", "tier", "licence", "stand_in")}
    provenance = {
        "folds": [int(attributes["fold"]) for _, attributes in read],
        "scale": chosen,
        "scales": canonical_json(seen),
        "source": f"contexts of {job.section.experiment}: {about['source']}",
    }
    return arrays, {**kept, **provenance}


def _raw(x: np.ndarray, split: np.ndarray) -> np.ndarray:
    return x


def _unit_norm(x: np.ndarray, split: np.ndarray) -> np.ndarray:
    """Vectors of length 1."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def _zscore(x: np.ndarray, split: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and deviation 1 over a fold's training part, over the root of the dimension."""
    made = np.empty_like(x)
    for k, own in enumerate(split == 0):
        made[k] = (x[k] - x[k, own].mean(0)) / np.maximum(x[k, own].std(0), 1e-6)
    return made / math.sqrt(x.shape[-1])


SCALES = {"none": _raw, "unit_norm": _unit_norm, "zscore": _zscore}


def saturation(x: np.ndarray, split: np.ndarray, job: DatasetJob) -> float:
    """Mean S_2(K)/log2 n over batches of n = 64 training samples of every fold (fewer where a fold is smaller)."""
    values = []
    for k, own in enumerate(split == 0):
        generator = torch_generator(job.seed, k, "scale")
        samples = torch.from_numpy(x[k, own]).double()
        for _ in range(BATCHES):
            batch = samples[torch.randperm(len(samples), generator=generator)[:BATCH]]
            exponents = renyi.squared_distances(batch[None]) / (2 * job.section.variance)
            values.append(float(renyi.side(exponents, 2.0).entropy) / math.log2(len(batch)))
    return float(np.mean(values))


def choose(seen: dict[str, float]) -> str:
    """The first scale whose S(K)/log2 n lies in [0.3, 0.95], else the one nearest to the middle."""
    inside = [name for name, value in seen.items() if LOW <= value <= HIGH]
    return inside[0] if inside else min(seen, key=lambda name: abs(seen[name] - (LOW + HIGH) / 2))
