"""Entropy of binned layers, and their information about the labels."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimatorTask
from infoflow.estimation import layers
from infoflow.estimation.layers import Layer
from infoflow.estimation.rows import Row, flagged, known, label_entropy
from infoflow.estimators import binning
from infoflow.estimators._common import ratio, row_groups
from infoflow.estimators._guards import findings
from infoflow.recording.recording import Recording
from infoflow.storage.files import canonical_json

Edges = dict[tuple[str, str], tuple[float, float, int]]  # bins by layer and part


def estimate(job: EstimatorTask, recordings: list[Recording]) -> pd.DataFrame:
    """Tidy rows of every layer, seed and snapshot."""
    return layers.of_points(job, recordings, lambda recording: _rows(job, recording))


def _rows(job: EstimatorTask, recording: Recording) -> Iterator[Row]:
    edges: dict[int, Edges] = {}

    def layer_rows(job: EstimatorTask, layer: Layer, recording: Recording) -> Iterator[Row]:
        if job.section.run_bins and layer.seed not in edges:
            edges[layer.seed] = ranges_over_run(job, recording, layer.seed, layer.index)
        return rows(job, layer, edges.get(layer.seed, {}).get((layer.name, layer.part)))

    return layers.rows(job, recording, layer_rows)


def rows(job: EstimatorTask, layer: Layer, run: tuple[float, float, int] | None = None) -> Iterator[Row]:
    """H(Bin(T)) and I(Bin(T);Y) of joint codes for every width and every set of edges, and pooled where asked.

    Where all inputs are distinct, H(Bin(T)) is also I(X;Bin(T)). Pooled, every number of the layer is a sample.

    Args:
        job: its section holds the widths.
        layer: noiseless values.
        run: bins over the range of the whole run.
    """
    values, labels = layer.values, layer.labels
    n, d = values.shape
    columns, deviation = known(values)
    for shown, options, width in choices(job, run, layer.scale):
        common = {
            **columns,
            "width": width,
            "relative_width": ratio(width, deviation),
            "settings": canonical_json(shown),
        }
        if labels is None:
            with findings() as found:
                entropy = binning.entropy(values, **options)
            yield flagged({**common, **_entropy(entropy, n, d, options)}, found)
            continue
        with findings() as found:
            entropy, information = binning.entropy_and_information(values, labels, **options)
        yield flagged({**common, **_entropy(entropy, n, d, options)}, found)
        of_labels = {"quantity": "I_TY", "value": float(information), "ceiling": label_entropy(labels)}
        yield flagged({**common, **of_labels}, found)
    sizes = row_groups(values)[1]
    distinct = {"quantity": "distinct_rows", "value": float(len(sizes)), "ceiling": float(n), "unit": "count"}
    yield {**columns, **distinct}


def _entropy(value: Tensor, n: int, d: int, options: Row) -> Row:
    ceiling = math.log(n * d if options.get("pooled") else n)
    return {"quantity": "H_T", "value": float(value), "ceiling": ceiling}


def choices(
    job: EstimatorTask, run: tuple[float, float, int] | None, scale: float = 0.0
) -> Iterator[tuple[Row, Row, float]]:
    """What is asked for: as the column `settings` shows it, options of the estimator, and width of a bin."""
    section = job.section
    for width in section.widths:
        yield {"width": width}, {"width": width}, width
        if section.pooled:
            yield {"width": width, "pooled": True}, {"width": width, "pooled": True}, width
    for relative in section.relative:
        width = relative * scale or 1.0  # a layer that has not varied yet has one symbol, whatever the width
        to = {} if section.relative_to == "start" else {"relative_to": section.relative_to}
        yield {"relative": relative, **to}, {"width": width}, width
    for low, high, bins in section.edges:
        yield {"edges": [low, high, bins]}, {"grid": (low, high, int(bins))}, (high - low) / bins
    if run:
        low, high, bins = run
        yield {"run_bins": bins}, {"grid": run}, (high - low) / bins


def ranges_over_run(job: EstimatorTask, recording: Recording, seed: int, index: Tensor) -> Edges:
    """Bins from a layer's least to its greatest value over all snapshots: a range that grows would fake compression."""
    ends: dict[tuple[str, str], list[float]] = {}
    for snapshot in recording.snapshots(seed, job.section.samples[0]):
        for layer in layers.layers(job, recording, seed, snapshot, index):
            low, high = torch.aminmax(layer.values)
            ends.setdefault((layer.name, layer.part), []).extend([float(low), float(high)])
    bins = job.section.run_bins
    # a layer that never changes: all its values go into the first bin
    return {key: (min(e), max(e) if max(e) > min(e) else min(e) + 1, bins) for key, e in ends.items()}
