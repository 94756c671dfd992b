"""Rényi ratios I_α(X^l; X)/S_α(K) of networks on contexts and of recurrent encoders, α = 2, in bits, from weights.

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

from infoflow.estimators import renyi
from infoflow.io import canonical_json, read_h5
from infoflow.models import build
from infoflow.models.blstm import Blstm, padded
from infoflow.probing.record import read_weights
from infoflow.seeds import torch_generator
from infoflow.tables import tidy
from infoflow.training.rate_distortion import over_time
from infoflow.training.sequences import fold_split

ALPHA = 2.0
Row = dict[str, Any]


def ratios(settings: dict[str, Any], weights: list[str], dataset: str) -> pd.DataFrame:
    """Tidy rows of every point, network and layer, after training and once before it; X1 … are layers, the last the softmax."""
    data, _ = read_h5(dataset, "x", "split")
    x, split = torch.from_numpy(data["x"]).double(), torch.from_numpy(data["split"])
    model = build(settings["model"], tuple(x.shape[2:]))
    batches = [list(_batches(settings, x[k], split[k], k)) for k in range(len(x))]
    tables = []
    for number, (point, path) in enumerate(zip(settings["points"], weights, strict=True)):
        stored = read_weights(path)
        snapshots = sorted(stored) if number == 0 else [max(stored)]  # all points start from the same weights
        rows = []
        for epoch in snapshots:
            for seed in range(settings["seeds"]):
                own = {name: value[seed : seed + 1] for name, value in stored[epoch].items()}
                for place, inputs, side, variance in batches[seed % len(x)]:
                    made = _layer_rows(settings, model, own, inputs, side, variance)
                    rows += [{"seed": seed, "epoch": epoch, **place, **row} for row in made]
        tables.append(tidy(rows, {**settings, **point}))
        print(f"{point['point']}: {settings['seeds']} networks", flush=True)
    return pd.concat(tables, ignore_index=True)


def _batches(
    settings: dict[str, Any], x: Tensor, split: Tensor, fold: int
) -> Iterator[tuple[Row, Tensor, renyi.Side, float]]:
    """Where a fold's batches are from, their inputs (batches, n, d), Gram matrices with entropies, and the inputs' σ²."""
    wanted = [("train", split == 0, n, settings["batches"]) for n in settings["sizes"]]
    if settings["held_out"]:
        wanted.append(("held_out", split != 0, settings["held_out"], settings["batches"]))
    for name, inside, n, count in wanted:
        part = torch.nonzero(inside).flatten()
        n = min(n, len(part))
        generator = torch_generator(settings["seed"], fold, "ratios", name, n)
        index = torch.stack([part[torch.randperm(len(part), generator=generator)[:n]] for _ in range(count)])
        inputs = x[index]
        squares = renyi.squared_distances(inputs)
        variance = _variance(settings, squares)
        said = canonical_json({"on": name, "n": n, "width": settings["width"]})
        place = {"settings": said, "n": n, "unit": "bits", "refers_to": "sample"}
        yield place, inputs, renyi.side(squares / (2 * variance), ALPHA), variance


def _variance(settings: dict[str, Any], squares: Tensor) -> float:
    """σ²: the published one, or the median squared distance."""
    if settings["width"] == "fixed":
        return settings["variance"]
    i, j = torch.triu_indices(squares.shape[-1], squares.shape[-1], 1)
    return max(float(squares[..., i, j].median()), 1e-12)


def _layer_rows(
    settings: dict[str, Any], model: Any, own: dict[str, Tensor], inputs: Tensor, side: renyi.Side, variance: float
) -> Iterator[Row]:
    """Rows of the inputs and of each layer of one network on a stack of batches."""
    count, n, _ = inputs.shape
    ceiling = math.log2(n)
    yield {"layer": "input", "depth": 0, "quantity": "S_X", **_mean(side.entropy), "ceiling": ceiling,
           "relative_width": _relative(inputs, variance)}  # fmt: skip
    output, hidden = model.forward(own, inputs.flatten(0, 1)[None], None)
    for depth, layer in enumerate([*hidden, output.softmax(-1)], start=1):
        values = layer[0].view(count, n, -1)
        squares = renyi.squared_distances(values)
        width = _variance(settings, squares)
        terms = renyi.layer_terms(squares[:, None] / (2 * width), {"X": side}, ALPHA)
        information = terms.information["X"]
        joint = side.entropy + terms.entropy - information
        place = {"layer": f"X{depth}", "depth": depth, "relative_width": _relative(values, width)}
        yield {**place, "quantity": "I_XT", **_mean(information), "ceiling": float(side.entropy.mean())}
        yield {**place, "quantity": "S_T", **_mean(terms.entropy), "ceiling": ceiling}
        margin = (joint - torch.maximum(side.entropy, terms.entropy)).min()
        yield {**place, "quantity": "joint_margin", "value": float(margin)}
        yield {**place, "quantity": "least_I", "value": float(information.min())}
        yield {**place, "quantity": "negative_I", "value": float((information < 0).double().mean()), "unit": "share"}


def _relative(values: Tensor, variance: float) -> float:
    """σ over the median distance within the batches."""
    i, j = torch.triu_indices(values.shape[1], values.shape[1], 1)
    median = float(renyi.squared_distances(values)[:, i, j].median())
    return math.sqrt(variance / median) if median > 0 else math.inf


def _mean(values: Tensor) -> Row:
    return {"value": float(values.mean()), "std_error": float(values.std() / math.sqrt(len(values)))}


@torch.no_grad()
def ratios_over_time(settings: dict[str, Any], weights: str, dataset: str) -> pd.DataFrame:
    """Tidy rows of I(X_t; H_t) and S(X_t) at several places in time (layer `t1` …) on training sequences of each fold."""
    arrays, about = read_h5(dataset, "x", "offsets", "group")
    frames, offsets, group = (torch.from_numpy(arrays[k]) for k in ("x", "offsets", "group"))
    section, stored = settings["model"], read_weights(weights)
    model = Blstm(frames.shape[1], section["hidden"], section["decoder"], int(about["classes"]))
    rows, n = [], settings["n"]
    for seed in range(settings["seeds"]):
        fold = seed % (int(group.max()) + 1) if settings["fold"] is None else settings["fold"]
        own = torch.nonzero(fold_split(group, fold) == 0).flatten()
        generator = torch_generator(settings["seed"], seed, "ratios over time")
        index = [own[torch.randperm(len(own), generator=generator)[:n]] for _ in range(settings["batches"])]
        for epoch, parameters in stored.items():
            model.load_stacked(parameters, seed)
            found = []
            for batch in index:
                sequences, lengths = padded(frames, offsets, batch)
                _, _, states = model(sequences, lengths)
                made = over_time(sequences, states, lengths, settings["positions"], settings["variance"], ALPHA)
                found.append(torch.stack(made))
            information, entropy = torch.stack(found).unbind(1)  # (batches, positions)
            for t in range(settings["positions"]):
                place = {"seed": seed, "epoch": epoch, "layer": f"t{t + 1}", "depth": t + 1, "n": n, "unit": "bits"}
                place["refers_to"] = "sample"
                ceiling = float(entropy[:, t].mean())
                rows.append({**place, "quantity": "I_XT", **_mean(information[:, t]), "ceiling": ceiling})
                rows.append({**place, "quantity": "S_X", **_mean(entropy[:, t]), "ceiling": math.log2(n)})
        print(f"network {seed}: {len(stored)} snapshots", flush=True)
    return tidy(rows, settings)
