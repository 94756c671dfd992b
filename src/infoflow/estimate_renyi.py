"""Matrix-based Rényi information of the layers of convolutional networks, as in Yu, Jenssen & Príncipe (2018).

From weights rather than from a file of activations: the values and error signals of one snapshot on ten mini-batches
take 80 MB for LeNet and 400 MB for 32 and 64 filters, and less time to make than to read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from infoflow.estimate_pairs import pair_rows
from infoflow.estimators import renyi
from infoflow.io import canonical_json, read_h5
from infoflow.models import build
from infoflow.probing.batches import layers_and_errors, mini_batches
from infoflow.probing.record import read_weights
from infoflow.seeds import torch_generator
from infoflow.tables import tidy

Row = dict[str, Any]
NEAR = 0.02  # an entropy this close to log2 n or to 0, as a share of log2 n, says nothing
SMOOTHING = 0.9  # weight of the widths before in an aligned one
SMALL_ERROR = 0.1  # max |δ| below this many kernel widths is too small for the kernel


class Distances(NamedTuple):
    """Squared distances of a layer's maps within each batch, and the dimension of one map."""

    squares: Tensor  # (B, C, n, n), float64
    size: int


def matrix_renyi(settings: dict[str, Any], weights: str, dataset: str) -> pd.DataFrame:
    """Tidy rows, in bits, of every seed and snapshot: means over the mini-batches, with their standard error.

    S_X (layer `input`); for every layer S_T, I_XT, I_TY and over the batches the smallest margins of S(T) + S(X) ≥ S(T, X)
    (`margin_sum`) and of S(T, X) ≥ S(T), S(X) (`margin_joint`), with `maps` I_XT of each `channel:k`, the net redundancy
    Σ_c I(X;T^c) − I(X;{T^c}) and the number of dead maps, with `errors` I_delta = I(δ_L; {δ_k^c}) and max_delta,
    with `pairs` what `infoflow.estimate_pairs` makes of pairs of maps. Under `kernel: tensor` a layer is one variable.
    """
    data, about = read_h5(dataset, "x", "y", "split")
    model = build(settings["model"], tuple(data["x"].shape[1:]), about.get("classes"))
    n, count = settings["batch_size"], settings["batches"]
    generator = torch_generator(settings["seed"], "probe")
    index = mini_batches(torch.from_numpy(data["split"]), count, n, generator, settings["samples"]).flatten()
    x, y = torch.from_numpy(data["x"])[index], torch.from_numpy(data["y"])[index]
    given = _distances(x.flatten(1)[:, None], count)
    different = (y.view(count, n, 1) != y.view(count, 1, n)).double()
    inputs = {}
    for alpha in settings["alphas"]:
        labels = renyi.side(different / settings["label_width"] ** 2, alpha)  # one-hot: |y − y'|² = 2
        for rule in settings["widths"]:
            exponents = _exponents(given, rule, rule["factor"])[:, 0]
            inputs[alpha, canonical_json(rule)] = {"X": renyi.side(exponents, alpha), "Y": labels}

    def recorded(snapshot: int, seed: int, errors: bool) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        own = {
            name: value[seed - settings["first_seed"]].float()
            for name, value in read_weights(weights, {snapshot})[snapshot].items()
        }
        made = layers_and_errors(model, own, x, y, settings["loss"], errors)
        if settings["kernel"] == "maps":
            return made
        return tuple({layer: value.flatten(1)[:, None] for layer, value in part.items()} for part in made)

    rows = []
    for seed in range(settings["first_seed"], settings["first_seed"] + settings["seeds"]):
        initial, aligned = {}, {}
        if any(rule["rescaled"] for rule in settings["widths"]):
            initial = {layer: _spread(value) for layer, value in recorded(0, seed, False)[0].items()}
        for snapshot in settings["snapshots"]:
            values, errors = recorded(snapshot, seed, settings["errors"])
            if any(rule["rule"] == "alignment" for rule in settings["widths"]):
                aligned = {k: _aligned_width(v[:, 0], y, count, aligned.get(k)) for k, v in values.items()}
            made = list(_forward(settings, values, initial, aligned, inputs, count))
            made += list(_backward(settings, errors, count))
            if settings["pairs"]:
                made += list(_pairs(settings, values, inputs, count))
            steps = settings["steps_per_epoch"]
            place = {"seed": seed, "epoch": snapshot / steps if steps else snapshot}
            if steps:
                place["step"] = snapshot
            rows += [{**place, "n": n, "unit": "bits", "refers_to": "sample", **row} for row in made]
        print(f"seed {seed}: {len(settings['snapshots'])} snapshots", flush=True)
    return tidy(rows, settings)


def _forward(
    settings: dict[str, Any],
    values: dict[str, Tensor],
    initial: dict[str, float],
    aligned: dict[str, float],
    inputs: dict[tuple[float, str], dict[str, renyi.Side]],
    count: int,
) -> Iterator[Row]:
    """Rows of the inputs and of the layers' values."""
    for (alpha, rule), sides in inputs.items():
        said = _said(settings, alpha, rule)
        yield {
            **said,
            "layer": "input",
            "depth": 0,
            "quantity": "S_X",
            **_mean(sides["X"].entropy),
            **_ceiling(settings),
        }
    for depth, (layer, value) in enumerate(values.items(), start=1):
        if settings["layers"] and layer not in settings["layers"]:
            continue
        distances = _distances(value, count)
        dead = (distances.squares.amax((0, 2, 3)) == 0).tolist()
        for rule in settings["widths"]:
            exponents = _exponents(distances, rule, rule["factor"])
            if rule["rule"] == "alignment":
                exponents = distances.squares / (2 * aligned[layer] ** 2)
            if rule["rescaled"]:
                exponents = exponents * (initial[layer] / max(_spread(value), 1e-12)) ** 2
            for alpha in settings["alphas"]:
                sides = inputs[alpha, canonical_json(rule)]
                parts = "X" if settings["maps"] else None
                terms = renyi.layer_terms(exponents, sides, alpha, parts=parts)
                place = {**_said(settings, alpha, canonical_json(rule)), "layer": layer, "depth": depth}
                yield from _layer_rows(settings, place, exponents, terms, sides, dead)


def _layer_rows(
    settings: dict[str, Any],
    place: Row,
    exponents: Tensor,
    terms: renyi.LayerTerms,
    sides: dict[str, renyi.Side],
    dead: list[bool],
) -> Iterator[Row]:
    """Rows of one layer under one order and width."""
    common = {
        **place,
        "relative_width": _relative_width(exponents.sum(1)),
        "flag": _flag(settings, terms.entropy, all(dead)),
    }
    yield {**common, "quantity": "S_T", **_mean(terms.entropy), **_ceiling(settings)}
    for quantity, name in (("I_XT", "X"), ("I_TY", "Y")):
        ceiling = float(sides[name].entropy.mean())
        yield {**common, "quantity": quantity, **_mean(terms.information[name]), "ceiling": ceiling}
    about = terms.information["X"]
    smaller = torch.minimum(sides["X"].entropy, terms.entropy)
    yield {**common, "quantity": "margin_sum", "value": float(about.min())}
    yield {**common, "quantity": "margin_joint", "value": float((smaller - about).min())}
    if terms.redundancy is None:
        return
    yield {**common, "quantity": "redundancy", **_mean(terms.redundancy)}
    yield {**common, "quantity": "dead_maps", "value": sum(dead), "unit": "count", "ceiling": float(len(dead))}
    if len(dead) == 1:
        return  # the layer is its only map
    ceiling = float(sides["X"].entropy.mean())
    for k, silent in enumerate(dead):
        yield {
            **place, "part": f"channel:{k}", "quantity": "I_XT", **_mean(terms.part_information[:, k]), "ceiling": ceiling,
            "relative_width": _relative_width(exponents[:, k]), "flag": _flag(settings, terms.part_entropy[:, k], silent),
        }  # fmt: skip


def _pairs(
    settings: dict[str, Any],
    values: dict[str, Tensor],
    inputs: dict[tuple[float, str], dict[str, renyi.Side]],
    count: int,
) -> Iterator[Row]:
    """Rows of pairs of maps of the layers that have several, under the first width."""
    rule = settings["widths"][0]
    for depth, (layer, value) in enumerate(values.items(), start=1):
        if value.shape[1] < 2 or (settings["layers"] and layer not in settings["layers"]):
            continue
        exponents = _exponents(_distances(value, count), rule, rule["factor"])
        for alpha in settings["alphas"]:
            generator = torch_generator(settings["seed"], "pairs", depth)
            given = inputs[alpha, canonical_json(rule)]["X"]
            for row in pair_rows(exponents, given, alpha, settings["pairs"], settings["planted"], generator):
                yield {**_said(settings, alpha, canonical_json(rule)), "layer": layer, "depth": depth, **row}


def _backward(settings: dict[str, Any], errors: dict[str, Tensor], count: int) -> Iterator[Row]:
    """Rows of the error signals δ; widths that differ only in what concerns the layers' values are taken once."""
    if not errors:
        return
    rules = {(r["rule"], r["error_factor"], r["offset"]): r for r in reversed(settings["widths"]) if not r["rescaled"]}
    last = _distances(errors["output"], count)
    outputs = [
        (rule, alpha, renyi.side(_exponents(last, rule, rule["error_factor"])[:, 0], alpha))
        for rule in reversed(rules.values())
        for alpha in settings["alphas"]
    ]
    for depth, (layer, error) in enumerate(errors.items(), start=1):
        if layer == "output":
            continue
        largest = float(error.abs().max())
        yield {"layer": layer, "depth": depth, "quantity": "max_delta", "value": largest, "unit": "none"}
        distances = _distances(error, count)
        for rule, alpha, output in outputs:
            exponents = _exponents(distances, rule, rule["error_factor"])
            terms = renyi.layer_terms(exponents, {"L": output}, alpha)
            flag = _flag(settings, terms.entropy, False)
            if rule["rule"] == "power" and largest < SMALL_ERROR * _width(distances, rule, rule["error_factor"]):
                flag = "small_delta"
            yield {
                **_said(settings, alpha, canonical_json(rule)), "layer": layer, "depth": depth, "quantity": "I_delta",
                **_mean(terms.information["L"]), "ceiling": float(output.entropy.mean()),
                "relative_width": _relative_width(exponents.sum(1)), "flag": flag,
            }  # fmt: skip


# --- widths and flags ------------------------------------------------------------------------------------


def _distances(value: Tensor, count: int) -> Distances:
    """Squared distances within each of `count` batches of values (samples, maps, size)."""
    batches = value.unflatten(0, (count, -1)).transpose(1, 2)  # (B, C, n, size)
    return Distances(renyi.squared_distances(batches), value.shape[2])


def _width(distances: Distances, rule: dict[str, Any], factor: float) -> float:
    return renyi.power_width(distances.squares.shape[-1], distances.size, factor, offset=rule["offset"])


def _exponents(distances: Distances, rule: dict[str, Any], factor: float) -> Tensor:
    """|t_i − t_j|² / (2σ²), (B, C, n, n), with σ by the rule; a map without any distance keeps zeros."""
    squares = distances.squares
    if rule["rule"] != "median":  # under `alignment` this is the input's
        return squares / (2 * _width(distances, rule, factor) ** 2)
    i, j = torch.triu_indices(squares.shape[-1], squares.shape[-1], 1)
    median = squares[:, :, i, j].transpose(0, 1).flatten(1).median(1).values  # (C,), of a map over all batches
    return squares / (2 * torch.where(median > 0, median, 1.0))[:, None, None]


def _aligned_width(value: Tensor, y: Tensor, count: int, before: float | None) -> float:
    """σ of a layer (samples, size) whose kernel is best aligned with the labels', smoothed over training.

    σ ← 0.9 σ + 0.1 σ_b over the mini-batches b of a snapshot in turn, from what the snapshot before it left (Wickstrøm
    et al., arXiv 1909.11396). Batches whose samples are mostly equal say nothing of σ.
    """
    for batch, labels in zip(value.unflatten(0, (count, -1)), y.view(count, -1), strict=True):
        i, j = torch.triu_indices(len(batch), len(batch), 1)
        if float(renyi.squared_distances(batch)[i, j].median()) > 0:
            best = renyi.alignment_width(batch, labels)
            before = best if before is None else SMOOTHING * before + (1 - SMOOTHING) * best
    return 1.0 if before is None else before


def _relative_width(exponents: Tensor) -> float:
    """σ over the median distance, of a sum over maps the width of their joint kernel: 1 / sqrt(2 median exponent)."""
    n = exponents.shape[-1]
    i, j = torch.triu_indices(n, n, 1)
    median = float(exponents[:, i, j].median())
    return 1 / math.sqrt(2 * median) if median > 0 else math.inf


def _flag(settings: dict[str, Any], entropy: Tensor, dead: bool) -> str:
    """Why values of a layer or map with this entropy (B,) mean little, see `infoflow.tables.tidy`."""
    share = float(entropy.mean()) / math.log2(settings["batch_size"])
    return "dead" if dead else "flat" if share < NEAR else "saturated" if share > 1 - NEAR else ""


def _spread(value: Tensor) -> float:
    """Root mean square over a layer's numbers of their standard deviation over samples, all maps together."""
    return float(value.double().std(0, correction=0).square().mean().sqrt())


def _mean(values: Tensor) -> Row:
    """Mean over batches and its standard error."""
    error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return {"value": float(values.mean()), "std_error": error}


def _ceiling(settings: dict[str, Any]) -> Row:
    return {"ceiling": math.log2(settings["batch_size"])}


def _said(settings: dict[str, Any], alpha: float, rule: str) -> Row:
    """The column `settings`: order, width rule, number of batches and their part of the data, and kernel."""
    import json

    shared = {name: settings[name] for name in ("batches", "samples", "kernel")}
    return {"settings": canonical_json({"alpha": alpha, **shared, **json.loads(rule)})}
