"""The walk of an estimator through a recording: every layer of every network at every snapshot, on each part of the samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimatorTask
from infoflow.estimation.rows import Row, spread, table, trimmed_spread
from infoflow.recording.recording import OUTPUT, Recording
from infoflow.recording.samples import evenly_spaced
from infoflow.seeds import torch_generator


@dataclass(frozen=True)
class Layer:
    """A layer, or one of its maps, of one network at one snapshot.

    Attributes:
        values: noiseless values (n, d), float64.
        labels: classes (n,), or None where targets are continuous.
        index: the samples, (n,).
        name, depth: of the layer.
        part: `layer`, or `channel:<k>` of one map.
        seed, snapshot: of the network.
        scale: what relative widths are shares of: its spread (`infoflow.estimation.rows.spread`) at the first snapshot at which it
            varies, 0 until then, or one of this snapshot.
    """

    values: Tensor
    labels: Tensor | None
    index: Tensor
    name: str
    depth: int
    part: str
    seed: int
    snapshot: int
    scale: float = 0.0

    def generator(self, job: EstimatorTask) -> torch.Generator:
        """The source of what an estimator draws for this layer."""
        return torch_generator(job.seed, self.seed, "estimate", self.snapshot, self.depth)


LayerRows = Callable[[EstimatorTask, Layer, Any], Iterable[Row]]


def table_of(job: EstimatorTask, recordings: list[Recording], layer_rows: LayerRows) -> pd.DataFrame:
    """The tidy table of a family that looks at layers one by one: `layer_rows(job, layer, recording)` for each."""
    return of_points(job, recordings, lambda recording: rows(job, recording, layer_rows))


def of_points(
    job: EstimatorTask, recordings: list[Recording], rows_of: Callable[[Recording], Iterable[Row]]
) -> pd.DataFrame:
    """The tidy table of a job from the rows of each of its points."""
    return pd.concat(
        [table(job, rows_of(one), labels) for labels, one in zip(job.points, recordings, strict=True)],
        ignore_index=True,
    )


def rows(job: EstimatorTask, recording: Recording, layer_rows: LayerRows) -> Iterator[Row]:
    """Rows of every layer that the job asks for; one snapshot is in memory at a time, of a wide network some of its layers."""
    for seed, snapshots in recording.epochs.items():
        for samples in job.section.samples:
            index = chosen(job, recording, seed, samples)
            for snapshot in recording.snapshots(seed, samples):
                for layer in layers(job, recording, seed, snapshot, index):
                    place = {**when(job, seed, snapshot), "samples": samples, "layer": layer.name, "depth": layer.depth}
                    if getattr(job.section, "relative", []):
                        layer = replace(layer, scale=_scale(job, recording, layer, samples))
                    for row in layer_rows(job, layer, recording):
                        yield {**place, "part": layer.part, **row}
        recording.report(seed, len(snapshots))


def _scale(job: EstimatorTask, recording: Recording, layer: Layer, samples: str) -> float:
    """What relative widths are shares of."""
    now = float(spread(layer.values))
    if job.section.relative_to == "start":
        return recording.first_spread((layer.seed, samples, layer.name, layer.part), now)
    # 0 where nearly all samples coincide
    return (trimmed_spread(layer.values) if job.section.relative_to == "trimmed" else now) or now


def asked(job: EstimatorTask, recording: Recording) -> list[str]:
    """Names of the layers that the job asks for, in the network's order."""
    return [*recording.chosen(job.section.layers), *([OUTPUT] if job.section.output else [])]


def chosen(job: EstimatorTask, recording: Recording, seed: int, samples: str) -> Tensor:
    """Indices of the samples of a part that the job asks for."""
    return evenly_spaced(recording.samples(seed).part(samples), job.section.inputs)


def layers(job: EstimatorTask, recording: Recording, seed: int, snapshot: int, index: Tensor) -> Iterator[Layer]:
    """The layers of one network that the job asks for and, where it asks for them, the maps of those that have several."""
    labels = recording.samples(seed).labels
    labels = None if labels is None else labels[index]
    for name, values in recording.values(seed, snapshot, index, asked(job, recording)):
        values = as_published(values, getattr(job.section, "published_rows", []))
        place = (labels, index, name, depth(recording, name))
        yield Layer(values.flatten(1).double(), *place, "layer", seed, snapshot)
        if getattr(job.section, "maps", False) and values.shape[1] > 1:
            for k in range(values.shape[1]):
                yield Layer(values[:, k].double(), *place, f"channel:{k}", seed, snapshot)


def depth(recording: Recording, layer: str) -> int:
    """Number of a layer, counted from 1; the output comes after all of them."""
    return len(recording.layers) + 1 if layer == OUTPUT else recording.layers.index(layer) + 1


def when(job: EstimatorTask, seed: int, snapshot: int) -> Row:
    """The columns that name a network at a snapshot."""
    steps = job.steps_per_epoch
    return {"seed": seed, "epoch": snapshot / steps, "step": snapshot} if steps else {"seed": seed, "epoch": snapshot}


def as_published(values: Tensor, rows: list[int]) -> Tensor:
    """Rows (n, …) as the published code left them: training and validation rows written from 0, the rest zero.

    The loader's indices were positions within a part, and both parts wrote into one array of all tracks
    (Ausilio et al. 2023): labels no longer belong to their rows.
    """
    if not rows:
        return values
    train, validation = rows
    published = torch.zeros_like(values)
    published[:train] = values[:train]
    published[:validation] = values[train : train + validation]
    return published
