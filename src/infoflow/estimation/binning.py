"""Entropy of binned layers, and their information about the labels."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob
from infoflow.estimation import recorded_layers
from infoflow.estimation.rows import Inputs, Row, relative_width, table
from infoflow.estimation.snapshot import Snapshot, Value
from infoflow.estimators import binning
from infoflow.estimators._common import row_groups
from infoflow.storage.files import canonical_json


def estimate(job: EstimateJob, inputs: Inputs) -> pd.DataFrame:
    """Tidy rows of every recorded layer, seed and snapshot."""
    return table(job, recorded_layers.rows(job, inputs["activations"][0], layer_rows))


def layer_rows(
    job: EstimateJob, layer: dict[str, Tensor], labels: Tensor, depth: int, generator: torch.Generator
) -> Iterator[Row]:
    """H(Bin(T)) and I(Bin(T);Y) of the noiseless layer, for every width and every set of edges.

    All inputs are distinct, so H(Bin(T)) is also I(X;Bin(T)).
    """
    mean = layer["mean"]
    n = len(mean)
    share = torch.bincount(labels) / n
    label_entropy = float(-(share * share.log()).nansum())
    sizes = row_groups(mean.double())[1]
    ties = int(sizes[sizes > 1].sum())
    choices = [({"width": w}, {"width": w}, w) for w in job.section.widths]
    choices += [({"edges": e}, {"edges": (e[0], e[1], int(e[2]))}, (e[1] - e[0]) / e[2]) for e in job.section.edges]
    for shown, options, width in choices:
        common = {"settings": canonical_json(shown), "n": n, "ties": ties}
        common["relative_width"] = relative_width(width, mean)
        entropy, information = binning.entropy_and_information(mean, labels, **options)
        yield {**common, "quantity": "H_T", "value": float(entropy), "ceiling": math.log(n)}
        yield {**common, "quantity": "I_TY", "value": float(information), "ceiling": label_entropy}
    yield {
        "quantity": "distinct_rows",
        "value": float(len(sizes)),
        "n": n,
        "ties": ties,
        "ceiling": float(n),
        "unit": "count",
    }


def recompute(at: Snapshot) -> Value:
    """H(Bin(T)) of one layer at the last of the widths."""
    mean = at.network().moments(at.parameters, at.inputs.double(), 0.0)[at.layer].mean
    width = at.section.widths[-1]
    return Value("H_T", canonical_json({"width": width}), float(binning.entropy(mean, width)))
