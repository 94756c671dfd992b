"""The results of padova2023 as its claims read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from infoflow.documents.padova2023.constants import JOINT, POOLED, VARIANCE
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.results import Results
from infoflow.verdicts.rule import Evidence
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


def matched(
    results: Results, experiments: Sequence[str], layers: Sequence[str], **how: Any
) -> tuple[list[tr.Series], ...]:
    """Series of several layers of several experiments on the seeds and epochs that all experiments have, by experiment."""
    pairs = [tr.shared(*(one_series(results, name, layer, **how) for name in experiments)) for layer in layers]
    return tuple(list(several) for several in zip(*pairs, strict=True))


def rows_of(results: Results, experiment: str, settings: Mapping[str, Any] | None = None, **where: Any) -> pd.DataFrame:
    """Estimates of whole layers by one measure."""
    where = {"part": "layer", "kind": "point", **where}
    table = results.estimates(experiment)
    rows = Selection(table[~table["estimator"].str.contains("maps")]).where(**where)
    return (rows.where(settings=settings) if settings else rows).table


def map_series(results: Results, experiment: str) -> dict[tuple[str, str], tr.Series]:
    """Entropy of every single map by pooled binning, by layer and map; none where no map was measured."""
    if not results.has(experiment):
        return {}
    table = results.estimates(experiment)
    rows = Selection(table[table["part"].str.startswith("channel")]).where(quantity="H_T", settings=POOLED).table
    return {key: tr.series(one, "H_T", key[0]) for key, one in rows.groupby(["layer", "part"])}


def of(results: Results, experiment: str, evidence: Evidence, point: str = "") -> Evidence:
    """Evidence with the data set of an experiment's point, and the training accuracy that its networks reached.

    The point is the first where none is named.
    """
    attributes = results.attributes(results.dataset_of(experiment, point or next(iter(results.points(experiment)))))
    evidence.data, evidence.stand_in = evidence.data or str(attributes["source"]), bool(attributes["stand_in"])
    if evidence.trained is None:
        evidence.trained = reached(results, experiment, point).to_numpy()
    return evidence


def reached(results: Results, experiment: str, point: str = "", split: str = "train") -> pd.Series:
    """Accuracy at the end by seed, of one point of an experiment: the first where none is named."""
    rows = results.history(experiment, point or next(iter(results.points(experiment))))
    return Selection(rows[~rows["noisy"]]).where(metric="accuracy", split=split).last().by_seed()


def relative_fall(one: tr.Series) -> np.ndarray:
    """Fall over peak, (seeds,)."""
    return tr.drop(one) / np.abs(tr.peak(one)[0])


def share_of_range(one: tr.Series) -> np.ndarray:
    """Fall as a share of the range of a seed's values, (seeds,)."""
    return tr.drop(one) / np.maximum(np.ptp(one.values, axis=1), 1e-12)


def published_rows(results: Results, quantity: str, kind: str) -> pd.DataFrame:
    """The last epoch of the run as published."""
    table = results.estimates("padova_published")
    table = table[~table["estimator"].str.contains("maps")]
    return Selection(table).where(part="layer", quantity=quantity, kind=kind).last().table.sort_values("depth")
