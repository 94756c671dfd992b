"""Rényi ratios I_α(X^l; X)/S_α(K) of networks on contexts, α = 2, in bits, from weights.

K is the Gram matrix of the inputs. Rows hold I_XT, S_T and S_X, means over mini-batches with their standard errors; the ratio
is I_XT over S_X, whose ceiling is 1. What the axioms of matrix-based entropy say is checked in each batch: `joint_margin` is
the least S(X, T) − max(S(X), S(T)), never negative; `least_I` the least I, negative where subadditivity fails (it is no
theorem at α = 2), and `negative_I` the share of such batches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob
from infoflow.estimation.rows import Inputs, Row, mean_and_error, median_distance, table
from infoflow.estimators import renyi
from infoflow.models import build
from infoflow.seeds import torch_generator
from infoflow.storage.files import canonical_json
from infoflow.storage.hdf5 import read_h5
from infoflow.storage.weights import read_weights

ALPHA = 2.0


def estimate(job: EstimateJob, inputs: Inputs) -> pd.DataFrame:
    """Tidy rows of every point, network and layer, after training and once before it; X1 … are layers, the last the softmax."""
    data, _ = read_h5(inputs["dataset"][0], "x", "split")
    x, split = torch.from_numpy(data["x"]).double(), torch.from_numpy(data["split"])
    model = build(job.model, tuple(x.shape[2:]))
    batches = [list(_batches(job, x[k], split[k], k)) for k in range(len(x))]
    tables = []
    for number, (labels, path) in enumerate(zip(job.points, inputs["weights"], strict=True)):
        stored = read_weights(path)
        snapshots = sorted(stored) if number == 0 else [max(stored)]  # all points start from the same weights
        rows = []
        for epoch in snapshots:
            for seed in range(job.seeds):
                own = {name: value[seed : seed + 1] for name, value in stored[epoch].items()}
                for place, inputs, side, variance in batches[seed % len(x)]:
                    made = _layer_rows(job, model, own, inputs, side, variance)
                    rows += [{"seed": seed, "epoch": epoch, **place, **row} for row in made]
        tables.append(table(job, rows, labels))
        print(f"{labels.point}: {job.seeds} networks", flush=True)
    return pd.concat(tables, ignore_index=True)


def _batches(job: EstimateJob, x: Tensor, split: Tensor, fold: int) -> Iterator[tuple[Row, Tensor, renyi.Side, float]]:
    """Where a fold's batches are from, their inputs (batches, n, d), Gram matrices with entropies, and the inputs' σ²."""
    wanted = [("train", split == 0, n, job.section.batches) for n in job.section.sizes]
    if job.section.held_out:
        wanted.append(("held_out", split != 0, job.section.held_out, job.section.batches))
    for name, inside, n, count in wanted:
        part = torch.nonzero(inside).flatten()
        n = min(n, len(part))
        generator = torch_generator(job.seed, fold, "ratios", name, n)
        index = torch.stack([part[torch.randperm(len(part), generator=generator)[:n]] for _ in range(count)])
        inputs = x[index]
        squares = renyi.squared_distances(inputs)
        variance = _variance(job, squares)
        settings = canonical_json({"on": name, "n": n, "width": job.section.width})
        place = {"settings": settings, "n": n, "unit": "bits", "refers_to": "sample"}
        yield place, inputs, renyi.side(squares / (2 * variance), ALPHA), variance


def _variance(job: EstimateJob, squares: Tensor) -> float:
    """σ²: the published one, or the median squared distance."""
    if job.section.width == "fixed":
        return job.section.variance
    return max(median_distance(squares), 1e-12)


def _layer_rows(
    job: EstimateJob, model: Any, own: dict[str, Tensor], inputs: Tensor, side: renyi.Side, variance: float
) -> Iterator[Row]:
    """Rows of the inputs and of each layer of one network on a stack of batches."""
    count, n, _ = inputs.shape
    ceiling = math.log2(n)
    yield {"layer": "input", "depth": 0, "quantity": "S_X", **mean_and_error(side.entropy), "ceiling": ceiling,
           "relative_width": _relative(inputs, variance)}  # fmt: skip
    output, hidden = model.forward(own, inputs.flatten(0, 1)[None], None)
    for depth, layer in enumerate([*hidden, output.softmax(-1)], start=1):
        values = layer[0].view(count, n, -1)
        squares = renyi.squared_distances(values)
        width = _variance(job, squares)
        terms = renyi.layer_terms(squares[:, None] / (2 * width), {"X": side}, ALPHA)
        information = terms.information["X"]
        joint = side.entropy + terms.entropy - information
        place = {"layer": f"X{depth}", "depth": depth, "relative_width": _relative(values, width)}
        yield {**place, "quantity": "I_XT", **mean_and_error(information), "ceiling": float(side.entropy.mean())}
        yield {**place, "quantity": "S_T", **mean_and_error(terms.entropy), "ceiling": ceiling}
        margin = (joint - torch.maximum(side.entropy, terms.entropy)).min()
        yield {**place, "quantity": "joint_margin", "value": float(margin)}
        yield {**place, "quantity": "least_I", "value": float(information.min())}
        yield {**place, "quantity": "negative_I", "value": float((information < 0).double().mean()), "unit": "share"}


def _relative(values: Tensor, variance: float) -> float:
    """σ over the median distance within the batches."""
    median = median_distance(renyi.squared_distances(values))
    return math.sqrt(variance / median) if median > 0 else math.inf
