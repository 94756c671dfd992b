"""Binned, kernel-density and nearest-neighbour estimates of layers too wide to store; activations recomputed from weights.

One snapshot is in memory at a time, and of a wide network some of its layers. A layer is looked at as a whole and, where asked, map by map.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob
from infoflow.errors import InputError
from infoflow.estimation.rows import Inputs, Row, table
from infoflow.estimation.snapshot import Snapshot, Value
from infoflow.estimators import binning, kde, knn
from infoflow.estimators._common import count_ties, ratio
from infoflow.models import build
from infoflow.storage.files import canonical_json
from infoflow.storage.hdf5 import read_h5
from infoflow.storage.weights import read_weights

BLOCK = 2**25  # numbers of a layer that are made at once
HELD = 2**28  # numbers of layers that are held at once; a network whose layers have more is run again for the next ones
NEAR = 0.01  # within this share of its ceiling a value is saturated


def estimate(job: EstimateJob, inputs: Inputs) -> pd.DataFrame:
    """Tidy rows, in nats, of every seed and snapshot.

    Binning: H_T and I_TY of joint codes, and pooled ones (every number a sample). KDE: I_XT (kind upper, lower), h_T
    (upper) and I_TY (upper, lower and the rigorous pair) of the mixture over the samples. Nearest neighbours: h_T.

    Raises:
        InputError: the estimator asks for a layer that the network does not have.
    """
    data, attributes = read_h5(inputs["dataset"][0], "x", "y", scaled=False)
    x, y, divisor = torch.from_numpy(data["x"]), torch.from_numpy(data["y"]), attributes.get("x_divisor")
    model = build(job.model, tuple(x.shape[1:]), attributes.get("classes"))
    layers = job.section.layers or model.observed
    if unknown := set(layers) - set(model.observed):
        raise InputError(
            f"estimators.{job.estimator}.layers: {', '.join(sorted(unknown))} not among {', '.join(model.observed)}"
        )
    some = torch.arange(len(x))
    if job.section.inputs and job.section.inputs < len(x):
        some = torch.linspace(0, len(x) - 1, job.section.inputs).long()
    x, y = x[some], y[some]
    if divisor is not None:
        x = x.float() / float(divisor)

    def values(snapshot: int, seed: int) -> Iterator[tuple[str, Tensor]]:
        stored = read_weights(inputs["weights"][0], {snapshot})[snapshot]
        own = {name: value[seed] for name, value in stored.items()}
        for group in _held_at_once(model, layers, len(x)):
            yield from layer_values(model, own, x, group).items()

    rows = []
    for seed in range(job.seeds):
        edges = _ranges_over_run(job.section.run_bins, (values(k, seed) for k in job.snapshots))
        for snapshot in job.snapshots:
            for layer, made in values(snapshot, seed):
                activity = as_published(made, job.section.published_rows)
                place = {"seed": seed, "epoch": snapshot, "layer": layer, "depth": model.observed.index(layer) + 1}
                rows += [{**place, **row} for row in _of_layer(job, activity, y, edges.get(layer))]
        print(f"seed {seed}: {len(job.snapshots)} snapshots", flush=True)
    return table(job, rows)


@torch.no_grad()
def layer_values(
    model: Any, parameters: dict[str, Tensor], x: Tensor, layers: Sequence[str] | None = None
) -> dict[str, Tensor]:
    """Noiseless values (n, maps, size) of the observed layers (or some) of one network, (n, 1, width) of dense ones.

    Convolutional networks run in float32, as they were trained; dense ones in float64.
    """
    layers = layers or model.observed
    if not hasattr(model, "maps"):
        moments = model.moments(parameters, x.double(), 0.0)
        return {layer: moments[layer].mean[:, None] for layer in layers}
    own = {name: value.float() for name, value in parameters.items()}
    size = max(1, BLOCK // max(1, sum(math.prod(shape) for shape in model.shapes.values())))
    made = {layer: torch.empty(len(x), *model.shapes[layer]) for layer in layers}
    for start in range(0, len(x), size):
        block = dict(zip(model.observed, model.one(own, x[start : start + size])[1], strict=True))
        for layer, values in made.items():
            values[start : start + size] = block[layer]
    maps = dict(zip(model.observed, model.maps, strict=True))
    return {layer: values.view(len(x), maps[layer], -1) for layer, values in made.items()}


def _held_at_once(model: Any, layers: Sequence[str], n: int) -> list[list[str]]:
    """The layers in groups, in order, whose values for n inputs fit into `HELD`; a larger layer is a group of its own."""
    if not hasattr(model, "maps"):
        return [list(layers)]
    groups: list[list[str]] = []
    room = 0
    for layer in layers:
        size = n * math.prod(model.shapes[layer])
        if size > room:
            groups.append([])
            room = HELD
        groups[-1].append(layer)
        room -= size
    return groups


def as_published(activity: Tensor, rows: list[int]) -> Tensor:
    """Rows (n, …) as the published code left them: training and validation rows written from 0, the rest zero.

    The loader's indices were positions within a part, and both parts wrote into one array of all tracks
    (Ausilio et al. 2023): labels no longer belong to their rows.
    """
    if not rows:
        return activity
    train, validation = rows
    published = torch.zeros_like(activity)
    published[:train] = activity[:train]
    published[:validation] = activity[train : train + validation]
    return published


def _ranges_over_run(
    bins: int | None, values: Iterable[Iterable[tuple[str, Tensor]]]
) -> dict[str, tuple[float, float, int]]:
    """Bins from a layer's least to its greatest value over all snapshots: a range that grows would fake compression."""
    if bins is None:
        return {}
    ends: dict[str, list[float]] = {}
    for snapshot in values:
        for layer, activity in snapshot:
            ends.setdefault(layer, []).extend([float(activity.min()), float(activity.max())])
    # a layer that never changes: all its values go into the first bin
    return {layer: (min(e), max(e) if max(e) > min(e) else min(e) + 1, bins) for layer, e in ends.items()}


def _of_layer(job: EstimateJob, activity: Tensor, y: Tensor, edges: tuple[float, float, int] | None) -> Iterator[Row]:
    """Rows of a layer and, where asked, of its maps."""
    yield from _of_part(job, activity.flatten(1), y, edges)
    if job.section.maps and activity.shape[1] > 1:
        for k in range(activity.shape[1]):
            for row in _of_part(job, activity[:, k], y, edges, kernels=False):
                yield {**row, "part": f"channel:{k}"}


def _of_part(
    job: EstimateJob, activity: Tensor, y: Tensor, edges: tuple[float, float, int] | None, kernels: bool = True
) -> Iterator[Row]:
    activity = activity.double()
    spread = float(activity.var(0, correction=0).mean().sqrt())
    classes = y.bincount().double() / len(y)
    common = {"n": len(y), "ties": count_ties(activity), "flag": "" if spread else "dead"}
    label_entropy = float(torch.special.entr(classes).sum())
    for row in [
        *_binned(job, activity, y, edges),
        *(_kernel(job, activity, y) if kernels else ()),
        *_neighbours(job, activity),
    ]:
        own = row.pop("ceiling", math.nan)
        ceiling = label_entropy if row["quantity"] == "I_TY" else own
        near = row["quantity"] != "I_TY" and row["value"] > (1 - NEAR) * ceiling
        shown = {**common, "ceiling": ceiling, "relative_width": ratio(row.pop("width"), spread), **row}
        yield {**shown, "flag": common["flag"] or ("saturated" if near else "")}


def _binned(job: EstimateJob, activity: Tensor, y: Tensor, edges: tuple[float, float, int] | None) -> Iterator[Row]:
    """Joint codes and pooled scalars for every width; equal bins over the run's range, joint codes alone."""
    n, d = activity.shape
    asked = [
        (
            canonical_json({"width": width} | ({"pooled": True} if pooled else {})),
            width,
            {"width": width, "pooled": pooled},
        )
        for width in job.section.widths
        for pooled in (False, True)
    ]
    if edges:
        low, high, bins = edges
        asked.append((canonical_json({"run_bins": bins}), (high - low) / bins, {"edges": edges}))
    for setting, width, how in asked:
        entropy, information = binning.entropy_and_information(activity, y, **how)
        ceiling = math.log(n * d if how.get("pooled") else n)
        for quantity, value in (("H_T", entropy), ("I_TY", information)):
            yield {"quantity": quantity, "settings": setting, "value": float(value), "ceiling": ceiling, "width": width}


def _kernel(job: EstimateJob, activity: Tensor, y: Tensor) -> Iterator[Row]:
    """Pairwise-distance estimates for every noise variance: of the mixture over these samples."""
    if not job.section.variances:
        return
    table = kde.table(activity, y, job.section.variances)
    named = [("I_XT", "upper", "input_upper"), ("I_XT", "lower", "input_lower"), ("h_T", "upper", "entropy_upper")]
    named += [("I_TY", kind, f"label_{kind}") for kind in kde.LABEL_BOUNDS]
    for k, variance in enumerate(job.section.variances):
        for quantity, kind, name in named:
            ceiling = math.log(len(y)) if quantity == "I_XT" else math.nan
            yield {
                "quantity": quantity, "kind": kind, "refers_to": "sample", "settings": canonical_json({"variance": variance}),
                "value": float(table[name][k]), "ceiling": ceiling, "width": math.sqrt(variance),
            }  # fmt: skip


def _neighbours(job: EstimateJob, activity: Tensor) -> Iterator[Row]:
    """Kozachenko–Leonenko entropy; repeated rows stay in, and set the value through the offset where they are many."""
    k = job.section.neighbour
    if k is not None:
        value = float(knn.entropy(activity, k, offset=job.section.offset))
        setting = canonical_json({"d": activity.shape[1], "k": k, "offset": job.section.offset})
        yield {"quantity": "h_T", "settings": setting, "value": value, "width": math.nan}


def recompute(at: Snapshot) -> Value:
    """Pooled H(Bin(T)) of one layer at the first width."""
    width = at.section.widths[0]
    activity = layer_values(at.network(), at.parameters, at.inputs)[at.layer].flatten(1)
    settings = canonical_json({"pooled": True, "width": width})
    return Value("H_T", settings, float(binning.entropy(activity, width, pooled=True)))
