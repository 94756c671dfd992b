"""What every family says of a layer: rows of the tidy table, means with their errors, widths relative to spreads."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimatorTask, PointLabels
from infoflow.estimators._common import count_ties, ratio
from infoflow.estimators._guards import Finding, at_ceiling, findings, flat, gravest, possible
from infoflow.storage.tables import tidy

Row = dict[str, Any]
Inputs = dict[str, list[str]]  # files by name: activations or weights, and the data set


def table(job: EstimatorTask, rows: Iterable[Row] | pd.DataFrame, labels: PointLabels | None = None) -> pd.DataFrame:
    """Rows as the tidy table of a job, or of one of its points."""
    labels = labels or job.points[0]
    return tidy(
        rows,
        estimator=job.estimator,
        names={"experiment": job.experiment, "point": labels.point, "variant": labels.variant},
        axes=labels.axes,
        by_update=bool(job.steps_per_epoch),
    )


def mean_and_error(values: Tensor) -> Row:
    """Mean over batches (B,), its standard error, nan for a single batch, and the values of the batches."""
    error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return {"value": float(values.mean()), "std_error": error, "per_batch": values.tolist()}


def known(values: Tensor) -> tuple[Row, float]:
    """What is known of a layer (n, d) whatever the estimator: samples, ties, whether it is dead; and its spread."""
    deviation = float(spread(values))
    return {"n": len(values), "ties": count_ties(values), "flag": "" if deviation else "dead"}, deviation


def flagged(row: Row, found: Iterable[Finding] = ()) -> Row:
    """A row with the gravest flag: its own, those that an estimator found, and what its value says beside its ceiling.

    An information about labels, I_TY, is impossible below 0 or above H(Y); other values of a layer that varies are saturated
    within 1 % of their ceiling, and flat below 1 % of it.
    """
    found = list(found)
    if row.get("flag"):
        found.append(Finding(row["flag"], ""))
    value, ceiling = row["value"], row.get("ceiling", math.nan)
    with findings() as of_value:
        if row["quantity"] == "I_TY":
            possible(value, 0.0, ceiling, "")
        else:
            at_ceiling(value, ceiling, "", "")
            flat(value, ceiling, "")
    return {**row, "flag": gravest([*found, *of_value])}


def label_entropy(labels: Tensor) -> float:
    """H(Y) in nats."""
    return float(torch.special.entr(labels.bincount().double() / len(labels)).sum())


def spread(values: Tensor) -> Tensor:
    """Root mean square over units of a layer's standard deviation over samples; `values` (n, …)."""
    return values.std(0, correction=0).square().mean().sqrt()


TRIMMED = 0.05  # of the samples


def trimmed_spread(values: Tensor) -> float:
    """`spread` of a layer (n, d) without the 5 % of its samples that are farthest from its median.

    A few samples that leave the others do not move it, and a class of one sample in ten that gathers at a place does not
    take it to 0, as it takes the median distance between samples. No copy of the layer is made.
    """
    far = _distances(values, values.median(0).values)
    kept = far.argsort(stable=True)[: len(values) - int(TRIMMED * len(values))]
    if not far[kept].any():
        return 0.0  # of equal rows the mean may differ by a rounding
    weights = values.new_zeros(len(values))
    weights[kept] = 1 / len(kept)
    squares = _distances(values, weights @ values).square()
    return math.sqrt(float(weights @ squares) / values.shape[1])


def _distances(values: Tensor, place: Tensor) -> Tensor:
    """Distances (n,) of the rows of `values` (n, d) to a place (d,)."""
    return torch.cdist(values, place[None], compute_mode="donot_use_mm_for_euclid_dist")[:, 0]


def relative_width(width: float, values: Tensor) -> float:
    """Width of a bin or of the noise over the layer's spread, infinite for a constant layer."""
    return ratio(width, float(spread(values)))


def median_distance(squares: Tensor) -> float:
    """Median over pairs of the squared distances (…, n, n) of different samples."""
    i, j = torch.triu_indices(squares.shape[-1], squares.shape[-1], 1)
    return float(squares[..., i, j].median())
