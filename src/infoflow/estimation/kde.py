"""Kernel-density bounds on I(X;T) and I(T;Y), for Gaussian noise that the analysis adds."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from infoflow.config.jobs import EstimatorTask
from infoflow.estimation import layers
from infoflow.estimation.layers import Layer
from infoflow.estimation.rows import Row, flagged, known, label_entropy
from infoflow.estimators import kde
from infoflow.estimators._common import ratio
from infoflow.recording.recording import Recording
from infoflow.storage.files import canonical_json


def estimate(job: EstimatorTask, recordings: list[Recording]) -> pd.DataFrame:
    """Tidy rows of every layer, seed and snapshot."""
    return layers.table_of(job, recordings, rows)


def rows(job: EstimatorTask, layer: Layer, recording: Recording | None = None) -> Iterator[Row]:
    """I_XT (kind upper, lower), h_T (upper) and I_TY (upper, lower and the rigorous pair) of the mixture over the samples."""
    values, labels = layer.values, layer.labels
    total = layer.scale * math.sqrt(values.shape[1])  # root of the summed variance of the units
    # a layer that has not varied yet has no noise of its own: any does, since nothing is kept of the input
    variances = [*job.section.variances, *((share * total or 1.0) ** 2 for share in job.section.relative)]
    given = values.new_zeros(len(values), dtype=int) if labels is None else labels
    shown = [{"variance": v} for v in job.section.variances] + [_relative(job, r) for r in job.section.relative]
    table = kde.table(values, given, variances)
    named = [("I_XT", "upper", "input_upper"), ("I_XT", "lower", "input_lower"), ("h_T", "upper", "entropy_upper")]
    ceilings = {"I_XT": math.log(len(values)), "h_T": math.nan}
    if labels is not None:
        named += [("I_TY", kind, f"label_{kind}") for kind in kde.LABEL_BOUNDS]
        ceilings["I_TY"] = label_entropy(labels)
    columns, deviation = known(values)
    for k, variance in enumerate(variances):
        width = math.sqrt(variance)
        common = {**columns, "width": width, "relative_width": ratio(width, deviation), "refers_to": "sample"}
        for quantity, kind, name in named:
            bounds = kind.startswith("rigorous")  # which may lie beyond what they bound
            row = {
                **common, "quantity": quantity, "kind": kind, "settings": canonical_json(shown[k]),
                "value": float(table[name][k]), "ceiling": ceilings[quantity],
            }  # fmt: skip
            yield row if bounds else flagged(row)


def _relative(job: EstimatorTask, share: float) -> Row:
    to = job.section.relative_to
    return {"relative": share} if to == "start" else {"relative": share, "relative_to": to}
