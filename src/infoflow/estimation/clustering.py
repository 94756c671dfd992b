"""Distances, cosines, saturation and binned entropy: how far a layer clusters."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import torch

from infoflow.config.jobs import EstimatorTask
from infoflow.estimation import layers
from infoflow.estimation.layers import Layer
from infoflow.estimation.rows import Row, flagged, known
from infoflow.estimators import clustering
from infoflow.estimators._common import ratio
from infoflow.recording.recording import Recording
from infoflow.storage.files import canonical_json


def estimate(job: EstimatorTask, recordings: list[Recording]) -> pd.DataFrame:
    """Tidy rows of every layer, seed and snapshot."""
    return layers.table_of(job, recordings, rows)


def rows(job: EstimatorTask, layer: Layer, recording: Recording | None = None) -> Iterator[Row]:
    """Clustering and geometry of the noiseless layer; without classes what needs none."""
    values, labels, section = layer.values, layer.labels, job.section
    n, (columns, deviation) = len(values), known(values)
    if section.width is not None:
        entropy = float(clustering.binned_entropy(values, section.width))
        row = {**columns, "quantity": "H_T", "value": entropy, "ceiling": math.log(n)}
        row["relative_width"] = ratio(section.width, deviation)
        yield flagged({**row, "settings": canonical_json({"width": section.width})})
    some = torch.linspace(0, n - 1, min(n, section.pair_inputs)).long()
    classes = torch.zeros(n, dtype=torch.int64) if labels is None else labels
    distances = clustering.class_distances(values[some], classes[some])._asdict()
    measures = {f"{k}_distance": v for k, v in distances.items()}
    # a mean activation that all samples share makes every cosine large: with the layer as it is, and centred
    for name, one in (("cosine", values), ("centred_cosine", values - values.mean(0))):
        measures |= {f"{k}_{name}": v for k, v in clustering.cosine_similarities(one, classes)._asdict().items()}
    if labels is None:
        measures = {name: value for name, value in measures.items() if name.startswith("overall")}
    measures["participation_ratio"] = clustering.participation_ratio(values)
    measures["effective_rank"] = clustering.effective_rank(values)
    measures["saturated_fraction"] = clustering.saturated_fraction(values, section.saturation)
    measures["overall_std"] = deviation
    for name, value in measures.items():
        yield {"quantity": name, "value": float(value), "unit": "none", "n": n, "flag": columns["flag"]}
