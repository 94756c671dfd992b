"""The results of padova2023 as its claims read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from infoflow.documents.padova2023.constants import JOINT, LAYERS, POOLED, VARIANCE
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.results import Results
from infoflow.verdicts.selection import Selection


def one_series(
    results: Results,
    experiment: str,
    layer: str,
    quantity: str,
    kind: str = "point",
    settings: Mapping[str, Any] | None = None,
    **where: Any,
) -> tr.Series:
    """One quantity of a whole layer over training, (seeds, epochs)."""
    table = results.estimates(experiment)
    table = table[(table["part"] == where.pop("part", "layer")) & (table["kind"] == kind)]
    table = table[~table["estimator"].str.contains("maps")]
    return tr.series(table, quantity, layer, **({"settings": settings} if settings else {}), **where)


MEASURES: dict[str, dict[str, Any]] = {
    "": {"quantity": "H_T", "settings": POOLED},
    "j": {"quantity": "H_T", "settings": JOINT},
    "k": {"quantity": "I_XT", "kind": "upper", "settings": VARIANCE},
    "n": {"quantity": "h_T"},
}


def at_ceiling(
    results: Results, experiment: str, quantity: str, kind: str = "point", settings: Mapping[str, Any] | None = None
) -> float:
    """Share of a quantity's values within 2 % of their ceiling."""
    table = results.estimates(experiment)
    rows = Selection(table).where(part="layer", quantity=quantity, kind=kind)
    rows = rows.where(settings=settings).table if settings else rows.table
    return float((rows["value"] > 0.98 * rows["ceiling"]).mean())


def cut(one: tr.Series, last: float) -> tr.Series:
    """A series up to an epoch."""
    kept = one.epochs <= last
    return tr.Series(one.epochs[kept], one.values[:, kept], one.errors[:, kept], one.seeds)


def relative_fall(one: tr.Series) -> np.ndarray:
    """Fall over peak, (seeds,)."""
    return tr.drop(one) / np.abs(tr.peak(one)[0])


def falls(results: Results, experiment: str, scale: float = 1.0) -> np.ndarray:
    """Which layers' k-NN entropy ends more than 5 % of its range below its peak, (layers, seeds)."""
    made = []
    for layer in LAYERS:
        one = one_series(results, experiment, layer, "h_T")
        made.append(tr.drop(one) > 0.05 * scale * np.ptp(one.values, axis=1))
    return np.stack(made)


def published_rows(results: Results, quantity: str, kind: str) -> pd.DataFrame:
    """The last epoch of the run as published."""
    table = results.estimates("padova_published")
    table = table[~table["estimator"].str.contains("maps")]
    return Selection(table).where(part="layer", quantity=quantity, kind=kind).last().table.sort_values("depth")
