"""Matrix-based Rényi information of the layers of convolutional networks, as in Yu, Jenssen & Príncipe (2018).

From weights rather than from a file of activations: the values and error signals of one snapshot on ten mini-batches
take 80 MB for LeNet and 400 MB for 32 and 64 filters, and less time to make than to read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.estimators import KernelWidth, MatrixRenyi
from infoflow.config.jobs import EstimateJob
from infoflow.estimation.map_pairs import pair_rows
from infoflow.estimation.rows import Inputs, Row, mean_and_error, median_distance, spread, table
from infoflow.estimation.snapshot import Snapshot, Value
from infoflow.estimators import renyi
from infoflow.models import build
from infoflow.recording.batches import layers_and_errors, mini_batches
from infoflow.seeds import torch_generator
from infoflow.storage.files import canonical_json
from infoflow.storage.hdf5 import read_h5
from infoflow.storage.weights import read_weights

Sides = dict[tuple[float, KernelWidth], dict[str, renyi.Side]]  # Gram matrices of X and Y by order and width
NEAR = 0.02  # an entropy this close to log2 n or to 0, as a share of log2 n, says nothing
SMOOTHING = 0.9  # weight of the widths before in an aligned one
SMALL_ERROR = 0.1  # max |δ| below this many kernel widths is too small for the kernel


class Distances(NamedTuple):
    """Squared distances of a layer's maps within each batch, and the dimension of one map."""

    squares: Tensor  # (B, C, n, n), float64
    size: int


def estimate(job: EstimateJob, inputs: Inputs) -> pd.DataFrame:
    """Tidy rows, in bits, of every seed and snapshot: means over the mini-batches, with their standard error.

    S_X (layer `input`); for every layer S_T, I_XT, I_TY and over the batches the smallest margins of S(T) + S(X) ≥ S(T, X)
    (`margin_sum`) and of S(T, X) ≥ S(T), S(X) (`margin_joint`), with `maps` I_XT of each `channel:k`, the net redundancy
    Σ_c I(X;T^c) − I(X;{T^c}) and the number of dead maps, with `errors` I_delta = I(δ_L; {δ_k^c}) and max_delta,
    with `pairs` what `infoflow.estimation.map_pairs` makes of pairs of maps. Under `kernel: tensor` a layer is one variable.
    """
    data, attributes = read_h5(inputs["dataset"][0], "x", "y", "split")
    model = build(job.model, tuple(data["x"].shape[1:]), attributes.get("classes"))
    n, count = job.section.batch_size, job.section.batches
    generator = torch_generator(job.seed, "probe")
    index = mini_batches(torch.from_numpy(data["split"]), count, n, generator, job.section.samples).flatten()
    x, y = torch.from_numpy(data["x"])[index], torch.from_numpy(data["y"])[index]
    given = _distances(x.flatten(1)[:, None], count)
    different = (y.view(count, n, 1) != y.view(count, 1, n)).double()
    sides: Sides = {}
    for alpha in job.section.alphas:
        labels = renyi.side(different / job.section.label_width**2, alpha)  # one-hot: |y − y'|² = 2
        for rule in job.section.widths:
            exponents = _exponents(given, rule, rule.factor)[:, 0]
            sides[alpha, rule] = {"X": renyi.side(exponents, alpha), "Y": labels}

    def recorded(snapshot: int, seed: int, errors: bool) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        own = {
            name: value[seed - job.first_seed].float()
            for name, value in read_weights(inputs["weights"][0], {snapshot})[snapshot].items()
        }
        made = layers_and_errors(model, own, x, y, job.loss, errors)
        if job.section.kernel == "maps":
            return made
        return tuple({layer: value.flatten(1)[:, None] for layer, value in part.items()} for part in made)

    rows = []
    for seed in range(job.first_seed, job.first_seed + job.seeds):
        initial, aligned = {}, {}
        if any(rule.rescaled for rule in job.section.widths):
            initial = {layer: float(spread(value.double())) for layer, value in recorded(0, seed, False)[0].items()}
        for snapshot in job.snapshots:
            values, errors = recorded(snapshot, seed, job.section.errors)
            if any(rule.rule == "alignment" for rule in job.section.widths):
                aligned = {k: _aligned_width(v[:, 0], y, count, aligned.get(k)) for k, v in values.items()}
            made = list(_forward(job, values, initial, aligned, sides, count))
            made += list(_backward(job, errors, count))
            if job.section.pairs:
                made += list(_pairs(job, values, sides, count))
            steps = job.steps_per_epoch
            place = {"seed": seed, "epoch": snapshot / steps if steps else snapshot}
            if steps:
                place["step"] = snapshot
            rows += [{**place, "n": n, "unit": "bits", "refers_to": "sample", **row} for row in made]
        print(f"seed {seed}: {len(job.snapshots)} snapshots", flush=True)
    return table(job, rows)


def _forward(
    job: EstimateJob,
    values: dict[str, Tensor],
    initial: dict[str, float],
    aligned: dict[str, float],
    references: Sides,
    count: int,
) -> Iterator[Row]:
    """Rows of the inputs and of the layers' values."""
    for (alpha, rule), sides in references.items():
        labels = _settings(job.section, alpha, rule)
        yield {
            **labels,
            "layer": "input",
            "depth": 0,
            "quantity": "S_X",
            **mean_and_error(sides["X"].entropy),
            **_ceiling(job),
        }
    for depth, (layer, value) in enumerate(values.items(), start=1):
        if job.section.layers and layer not in job.section.layers:
            continue
        distances = _distances(value, count)
        dead = (distances.squares.amax((0, 2, 3)) == 0).tolist()
        for rule in job.section.widths:
            exponents = _exponents(distances, rule, rule.factor)
            if rule.rule == "alignment":
                exponents = distances.squares / (2 * aligned[layer] ** 2)
            if rule.rescaled:
                exponents = exponents * (initial[layer] / max(float(spread(value.double())), 1e-12)) ** 2
            for alpha in job.section.alphas:
                sides = references[alpha, rule]
                parts = "X" if job.section.maps else None
                terms = renyi.layer_terms(exponents, sides, alpha, parts=parts)
                place = {**_settings(job.section, alpha, rule), "layer": layer, "depth": depth}
                yield from _layer_rows(job, place, exponents, terms, sides, dead)


def _layer_rows(
    job: EstimateJob,
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
        "flag": _flag(job, terms.entropy, all(dead)),
    }
    yield {**common, "quantity": "S_T", **mean_and_error(terms.entropy), **_ceiling(job)}
    for quantity, name in (("I_XT", "X"), ("I_TY", "Y")):
        ceiling = float(sides[name].entropy.mean())
        yield {**common, "quantity": quantity, **mean_and_error(terms.information[name]), "ceiling": ceiling}
    information = terms.information["X"]
    smaller = torch.minimum(sides["X"].entropy, terms.entropy)
    yield {**common, "quantity": "margin_sum", "value": float(information.min())}
    yield {**common, "quantity": "margin_joint", "value": float((smaller - information).min())}
    if terms.redundancy is None:
        return
    yield {**common, "quantity": "redundancy", **mean_and_error(terms.redundancy)}
    yield {**common, "quantity": "dead_maps", "value": sum(dead), "unit": "count", "ceiling": float(len(dead))}
    if len(dead) == 1:
        return  # the layer is its only map
    ceiling = float(sides["X"].entropy.mean())
    for k, silent in enumerate(dead):
        yield {
            **place, "part": f"channel:{k}", "quantity": "I_XT", **mean_and_error(terms.part_information[:, k]), "ceiling": ceiling,
            "relative_width": _relative_width(exponents[:, k]), "flag": _flag(job, terms.part_entropy[:, k], silent),
        }  # fmt: skip


def _pairs(
    job: EstimateJob,
    values: dict[str, Tensor],
    references: Sides,
    count: int,
) -> Iterator[Row]:
    """Rows of pairs of maps of the layers that have several, under the first width."""
    rule = job.section.widths[0]
    for depth, (layer, value) in enumerate(values.items(), start=1):
        if value.shape[1] < 2 or (job.section.layers and layer not in job.section.layers):
            continue
        exponents = _exponents(_distances(value, count), rule, rule.factor)
        for alpha in job.section.alphas:
            generator = torch_generator(job.seed, "pairs", depth)
            given = references[alpha, rule]["X"]
            for row in pair_rows(exponents, given, alpha, job.section.pairs, job.section.planted, generator):
                yield {**_settings(job.section, alpha, rule), "layer": layer, "depth": depth, **row}


def _backward(job: EstimateJob, errors: dict[str, Tensor], count: int) -> Iterator[Row]:
    """Rows of the error signals δ; widths that differ only in what concerns the layers' values are taken once."""
    if not errors:
        return
    rules = {(r.rule, r.error_factor, r.offset): r for r in reversed(job.section.widths) if not r.rescaled}
    last = _distances(errors["output"], count)
    outputs = [
        (rule, alpha, renyi.side(_exponents(last, rule, rule.error_factor)[:, 0], alpha))
        for rule in reversed(rules.values())
        for alpha in job.section.alphas
    ]
    for depth, (layer, error) in enumerate(errors.items(), start=1):
        if layer == "output":
            continue
        largest = float(error.abs().max())
        yield {"layer": layer, "depth": depth, "quantity": "max_delta", "value": largest, "unit": "none"}
        distances = _distances(error, count)
        for rule, alpha, output in outputs:
            exponents = _exponents(distances, rule, rule.error_factor)
            terms = renyi.layer_terms(exponents, {"L": output}, alpha)
            flag = _flag(job, terms.entropy, False)
            if rule.rule == "power" and largest < SMALL_ERROR * _width(distances, rule, rule.error_factor):
                flag = "small_delta"
            yield {
                **_settings(job.section, alpha, rule), "layer": layer, "depth": depth, "quantity": "I_delta",
                **mean_and_error(terms.information["L"]), "ceiling": float(output.entropy.mean()),
                "relative_width": _relative_width(exponents.sum(1)), "flag": flag,
            }  # fmt: skip


# --- widths and flags ------------------------------------------------------------------------------------


def _distances(value: Tensor, count: int) -> Distances:
    """Squared distances within each of `count` batches of values (samples, maps, size)."""
    batches = value.unflatten(0, (count, -1)).transpose(1, 2)  # (B, C, n, size)
    return Distances(renyi.squared_distances(batches), value.shape[2])


def _width(distances: Distances, rule: KernelWidth, factor: float) -> float:
    return renyi.power_width(distances.squares.shape[-1], distances.size, factor, offset=rule.offset)


def _exponents(distances: Distances, rule: KernelWidth, factor: float) -> Tensor:
    """|t_i − t_j|² / (2σ²), (B, C, n, n), with σ by the rule; a map without any distance keeps zeros."""
    squares = distances.squares
    if rule.rule != "median":  # under `alignment` this is the input's
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
        if median_distance(renyi.squared_distances(batch)) > 0:
            best = renyi.alignment_width(batch, labels)
            before = best if before is None else SMOOTHING * before + (1 - SMOOTHING) * best
    return 1.0 if before is None else before


def _relative_width(exponents: Tensor) -> float:
    """σ over the median distance, of a sum over maps the width of their joint kernel: 1 / sqrt(2 median exponent)."""
    median = median_distance(exponents)
    return 1 / math.sqrt(2 * median) if median > 0 else math.inf


def _flag(job: EstimateJob, entropy: Tensor, dead: bool) -> str:
    """Why values of a layer or map with this entropy (B,) mean little, see `infoflow.storage.tables.tidy`."""
    share = float(entropy.mean()) / math.log2(job.section.batch_size)
    return "dead" if dead else "flat" if share < NEAR else "saturated" if share > 1 - NEAR else ""


def _ceiling(job: EstimateJob) -> Row:
    return {"ceiling": math.log2(job.section.batch_size)}


def _settings(section: MatrixRenyi, alpha: float, rule: KernelWidth) -> Row:
    """The column `settings`: order, width rule, number of batches and their part of the data, and kernel."""
    shared = {"batches": section.batches, "samples": section.samples, "kernel": section.kernel}
    return {"settings": canonical_json({"alpha": alpha, **shared, **rule.model_dump()})}


def recompute(at: Snapshot) -> Value:
    """I(X; {T^c}) by the estimator of single variables, batch by batch."""
    section = at.section
    x, y, split = (torch.from_numpy(at.data[name]) for name in ("x", "y", "split"))
    n, alpha, rule = section.batch_size, section.alphas[0], section.widths[0]
    network = at.network()
    parameters = {name: value.float() for name, value in at.parameters.items()}
    generator = torch_generator(at.seed, "probe")
    values = []
    for index in mini_batches(split, section.batches, n, generator, section.samples):
        layers, _ = layers_and_errors(network, parameters, x[index], y[index], "cross_entropy", errors=False)
        variables = [x[index].flatten(1), *layers[at.layer].unbind(1)]
        widths = [renyi.power_width(n, v.shape[1], rule.factor, offset=rule.offset) for v in variables]
        values.append(renyi.mutual_information(variables[0], variables[1:], alpha, widths))
    return Value("I_XT", _settings(section, alpha, rule)["settings"], float(sum(values) / section.batches))
