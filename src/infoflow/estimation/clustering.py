"""Distances, cosines, saturation and binned entropy: how far a layer clusters."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob
from infoflow.estimation import recorded_layers
from infoflow.estimation.rows import Inputs, Row, relative_width, spread, table
from infoflow.estimators import clustering
from infoflow.estimators._common import count_ties
from infoflow.storage.files import canonical_json


def estimate(job: EstimateJob, inputs: Inputs) -> pd.DataFrame:
    """Tidy rows of every recorded layer, seed and snapshot."""
    return table(job, recorded_layers.rows(job, inputs["activations"][0], layer_rows))


def layer_rows(
    job: EstimateJob, layer: dict[str, Tensor], labels: Tensor, depth: int, generator: torch.Generator
) -> Iterator[Row]:
    """Clustering measures of the noiseless layer."""
    mean = layer["mean"]
    n = len(mean)
    width, threshold = job.section.width, job.section.saturation
    yield {
        "quantity": "H_T",
        "settings": canonical_json({"width": width}),
        "value": float(clustering.binned_entropy(mean, width)),
        "n": n,
        "ceiling": math.log(n),
        "ties": count_ties(mean.double()),
        "relative_width": relative_width(width, mean),
    }
    some = torch.linspace(0, n - 1, min(n, job.section.inputs)).long()
    measures = {f"{k}_distance": v for k, v in clustering.class_distances(mean[some], labels[some])._asdict().items()}
    measures |= {f"{k}_cosine": v for k, v in clustering.cosine_similarities(mean, labels)._asdict().items()}
    measures["saturated_fraction"] = clustering.saturated_fraction(mean, threshold)
    measures["overall_std"] = spread(mean)
    for name, value in measures.items():
        yield {"quantity": name, "value": float(value), "unit": "none", "n": n}
