"""Matrix-based Rényi information of the layers of any network, on mini-batches (Yu, Jenssen & Príncipe 2018)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.estimators import KernelWidth, MatrixRenyi
from infoflow.config.jobs import EstimatorTask
from infoflow.errors import InputError
from infoflow.estimation import layers
from infoflow.estimation.map_pairs import pair_rows
from infoflow.estimation.rows import Row, mean_and_error, median_distance, spread
from infoflow.estimators import renyi
from infoflow.recording.recording import OUTPUT, Recording
from infoflow.recording.samples import evenly_spaced, mini_batches
from infoflow.seeds import torch_generator
from infoflow.storage.files import canonical_json

Sides = dict[tuple[float, KernelWidth], dict[str, renyi.Side]]  # Gram matrices of X and Y by order and width
NEAR = 0.02  # an entropy this close to log2 n or to 0, as a share of log2 n, says nothing
SMOOTHING = 0.9  # weight of the widths before in an aligned one
SMALL_ERROR = 0.1  # max |δ| below this many kernel widths is too small for the kernel


class Distances(NamedTuple):
    """Squared distances of a layer's maps within each batch, and the dimension of one map."""

    squares: Tensor  # (B, C, n, n), float64
    size: int


@dataclass
class Batches:
    """The mini-batches of one part of a network's samples, and what is known of their inputs and labels.

    Attributes:
        index: samples, (B · n,), batch after batch.
        samples: the part of the data set.
        labels: Gram matrices of the labels by order, none where targets are continuous.
        y: classes (B · n,), or None.
        sides: Gram matrices of the inputs that layers are compared with, by layer; "" is the whole input.
    """

    index: Tensor
    samples: str
    y: Tensor | None
    labels: dict[float, renyi.Side]
    sides: dict[str, Sides] = field(default_factory=dict)


def estimate(job: EstimatorTask, recordings: list[Recording]) -> pd.DataFrame:
    """Tidy rows, in bits, of every seed and snapshot: means over the mini-batches, with their standard error.

    S_X (layer `input`); for every layer S_T, I_XT, I_TY and over the batches the smallest margins of S(T) + S(X) ≥ S(T, X)
    (`margin_sum`) and of S(T, X) ≥ S(T), S(X) (`margin_joint`), with `maps` I_XT of each `channel:k`, the net redundancy
    Σ_c I(X;T^c) − I(X;{T^c}) and the number of dead maps, with `errors` I_delta = I(δ_L; {δ_k^c}) and max_delta,
    with `pairs` what `infoflow.estimation.map_pairs` makes of pairs of maps. Under `kernel: tensor` a layer is one variable.
    """
    drawn: dict[tuple[int, str], Batches] = {}  # points and seeds share what they are compared with
    return layers.of_points(job, recordings, lambda recording: _rows(job, recording, drawn))


def _rows(job: EstimatorTask, recording: Recording, drawn: dict[tuple[int, str], Batches]) -> Iterator[Row]:
    for seed in recording.epochs:
        for samples in job.section.samples:
            key = id(recording.samples(seed)), samples
            if key not in drawn:
                drawn[key] = _batches(job, recording, seed, samples)
            yield from _of_network(job, recording, seed, drawn[key])
        recording.report(seed, len(recording.epochs[seed]))


def _batches(job: EstimatorTask, recording: Recording, seed: int, samples: str) -> Batches:
    """The mini-batches of a part of the samples."""
    section, source = job.section, recording.samples(seed)
    n, count = section.batch_size, section.batches
    part = evenly_spaced(source.part(samples), section.inputs)
    index = mini_batches(part, count, n, torch_generator(job.seed, "probe")).flatten()
    if source.labels is None:
        return Batches(index, samples, None, {})
    y = source.labels[index]
    different = (y.view(count, n, 1) != y.view(count, 1, n)).double()
    # one-hot labels: |y − y'|² = 2
    labels = {alpha: renyi.side(different / section.label_width**2, alpha) for alpha in section.alphas}
    return Batches(index, samples, y, labels)


def _sides(job: EstimatorTask, recording: Recording, seed: int, snapshot: int, batches: Batches, layer: str) -> Sides:
    """Gram matrices of what a layer is compared with: the input, or what the network names for it."""
    own = layer if recording.has_own_input(layer) else ""
    if own not in batches.sides:
        x = recording.inputs_of(seed, snapshot, batches.index, layer)
        given = _distances(x[:, None], job.section.batches)
        batches.sides[own] = {}
        for alpha in job.section.alphas:
            for rule in job.section.widths:
                side = renyi.side(_input_exponents(given, rule)[:, 0], alpha)
                labels = {"Y": batches.labels[alpha]} if batches.labels else {}
                batches.sides[own][alpha, rule] = {"X": side, **labels}
    return batches.sides[own]


def _of_network(job: EstimatorTask, recording: Recording, seed: int, batches: Batches) -> Iterator[Row]:
    """Rows of one network's snapshots."""
    section, count = job.section, job.section.batches
    names = layers.asked(job, recording)

    def recorded(snapshot: int) -> dict[str, Tensor]:
        values = dict(recording.values(seed, snapshot, batches.index, names))
        return {name: _variables(section, value) for name, value in values.items()}

    initial: dict[str, float] = {}
    aligned: dict[str, float | None] = {}
    held: dict[str, float | None] = {}  # the aligned widths of the first snapshot
    if any(rule.rescaled for rule in section.widths):
        initial = {name: float(spread(value.double())) for name, value in recorded(0).items()}
    for snapshot in recording.snapshots(seed, batches.samples):
        values = recorded(snapshot)
        if any(rule.rule == "alignment" for rule in section.widths):
            if batches.y is None:
                raise InputError("widths: the rule alignment needs classes, not continuous targets")
            aligned = {k: _aligned_width(v[:, 0], batches.y, count, aligned.get(k)) for k, v in values.items()}
            held = held or aligned
        sides = {name: _sides(job, recording, seed, snapshot, batches, name) for name in names}
        rows = list(_inputs(job, sides, recording))
        for name, value in values.items():
            rows += _forward(job, (name, layers.depth(recording, name)), value, initial, (aligned, held), sides[name])
        if section.errors:
            errors = recording.errors(seed, snapshot, batches.index)
            rows += _backward(job, recording, {name: _variables(section, one) for name, one in errors.items()})
        if section.pairs:
            rows += _pairs(job, recording, values, sides)
        place = {**layers.when(job, seed, snapshot), "samples": batches.samples}
        for row in rows:
            yield {**place, "n": section.batch_size, "unit": "bits", "refers_to": "sample", **row}


def _variables(section: MatrixRenyi, value: Tensor) -> Tensor:
    """A layer (n, maps, size) as the variables whose kernels are taken: its maps, or the whole as one."""
    return value if section.kernel == "maps" else value.flatten(1)[:, None]


def _inputs(job: EstimatorTask, sides: dict[str, Sides], recording: Recording) -> Iterator[Row]:
    """S_X of the inputs: layer `input`, or the layer itself where it is compared with inputs of its own."""
    shown: set[str] = set()
    for name, references in sides.items():
        own = name if recording.has_own_input(name) else "input"
        if own in shown:
            continue
        shown.add(own)
        place = {"layer": own, "depth": layers.depth(recording, name) if own == name else 0, "quantity": "S_X"}
        for (alpha, rule), of in references.items():
            yield {**_settings(job.section, alpha, rule), **place, **mean_and_error(of["X"].entropy), **_ceiling(job)}


def _forward(
    job: EstimatorTask,
    layer: tuple[str, int],
    value: Tensor,
    initial: dict[str, float],
    aligned: tuple[dict[str, float | None], dict[str, float | None]],
    references: Sides,
) -> Iterator[Row]:
    """Rows of one layer's values, for every width and order; `aligned` has the widths of this snapshot and of the first."""
    name, depth = layer
    distances = _distances(value, job.section.batches)
    dead = (distances.squares.amax((0, 2, 3)) == 0).tolist()
    for rule in job.section.widths:
        exponents = _exponents(distances, rule, rule.factor)
        if rule.rule == "alignment":
            exponents = distances.squares / (2 * aligned[rule.held][name] ** 2)
        if rule.rescaled:
            exponents = exponents * (initial[name] / max(float(spread(value.double())), 1e-12)) ** 2
        for alpha in job.section.alphas:
            sides = references[alpha, rule]
            terms = renyi.layer_terms(exponents, sides, alpha, parts="X" if job.section.maps else None)
            place = {**_settings(job.section, alpha, rule), "layer": name, "depth": depth}
            yield from _layer_rows(job, place, exponents, terms, sides, dead)


def _layer_rows(
    job: EstimatorTask,
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
    for name, side in sides.items():
        quantity = {"X": "I_XT", "Y": "I_TY"}[name]
        ceiling = float(side.entropy.mean())
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
    job: EstimatorTask, recording: Recording, values: dict[str, Tensor], references: dict[str, Sides]
) -> Iterator[Row]:
    """Rows of pairs of maps of the layers that have several, under the first width."""
    rule = job.section.widths[0]
    for name, value in values.items():
        if value.shape[1] < 2:
            continue
        exponents = _exponents(_distances(value, job.section.batches), rule, rule.factor)
        depth = layers.depth(recording, name)
        for alpha in job.section.alphas:
            generator = torch_generator(job.seed, "pairs", depth)
            given = references[name][alpha, rule]["X"]
            for row in pair_rows(exponents, given, alpha, job.section.pairs, job.section.planted, generator):
                yield {**_settings(job.section, alpha, rule), "layer": name, "depth": depth, **row}


def _backward(job: EstimatorTask, recording: Recording, errors: dict[str, Tensor]) -> Iterator[Row]:
    """Rows of the error signals δ; widths that differ only in what concerns the layers' values are taken once."""
    count = job.section.batches
    rules = {(r.rule, r.error_factor, r.offset): r for r in reversed(job.section.widths) if not r.rescaled}
    last = _distances(errors[OUTPUT], count)
    outputs = [
        (rule, alpha, renyi.side(_exponents(last, rule, rule.error_factor)[:, 0], alpha))
        for rule in reversed(rules.values())
        for alpha in job.section.alphas
    ]
    for layer, error in errors.items():
        if layer == OUTPUT:
            continue
        depth = layers.depth(recording, layer)
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


def _input_exponents(distances: Distances, rule: KernelWidth) -> Tensor:
    """|x_i − x_j|² / (2σ²) of the inputs, (B, 1, n, n)."""
    squares = distances.squares
    if not rule.unit_inputs:
        return squares / (2 * rule.variance) if rule.rule == "fixed" else _exponents(distances, rule, rule.factor)
    i, j = torch.triu_indices(squares.shape[-1], squares.shape[-1], 1)
    median = squares[..., i, j].median(-1).values.clamp(min=1e-12)  # (B, 1), of each batch
    return squares / (2 * rule.variance * median[..., None, None])


def _exponents(distances: Distances, rule: KernelWidth, factor: float) -> Tensor:
    """|t_i − t_j|² / (2σ²), (B, C, n, n), with σ by the rule; a map without any distance keeps zeros."""
    squares = distances.squares
    if rule.rule == "fixed":
        return squares / (2 * rule.variance * (distances.size if rule.per_unit else 1))
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


def _flag(job: EstimatorTask, entropy: Tensor, dead: bool) -> str:
    """Why values of a layer or map with this entropy (B,) mean little, see `infoflow.storage.tables.tidy`."""
    share = float(entropy.mean()) / math.log2(job.section.batch_size)
    return "dead" if dead else "flat" if share < NEAR else "saturated" if share > 1 - NEAR else ""


def _ceiling(job: EstimatorTask) -> Row:
    return {"ceiling": math.log2(job.section.batch_size)}


def _settings(section: MatrixRenyi, alpha: float, rule: KernelWidth) -> Row:
    """The column `settings`: order, width rule, number of batches and kernel."""
    shared = {"batches": section.batches, "kernel": section.kernel}
    return {"settings": canonical_json({"alpha": alpha, **shared, **rule.shown()})}
