"""The results of kong2019 as its claims and tables read them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from infoflow.documents.kong2019.constants import MIDS
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.results import Results
from infoflow.verdicts.selection import Selection


class Run:
    """The series of one experiment's variant, for seeds that share their snapshots."""

    def __init__(self, table: pd.DataFrame, point: str) -> None:
        self.table, self.point = table, point

    @classmethod
    def all(cls, results: Results, experiment: str, point: str) -> list[Run]:
        """One run for each set of snapshots that seeds share, the finest first."""
        table = results.estimates(experiment)
        table = table[table["point"] == point]
        epochs = table.groupby("seed")["epoch"].nunique()
        return [cls(table[table["seed"].isin(s.index)], point) for _, s in sorted(epochs.groupby(epochs), reverse=True)]

    def information(self, layer: str, until: int | None = None) -> tr.Series:
        """I(X;T) of a layer, up to an epoch."""
        return self._series("I_XT", layer, until)

    def clusters(self, layer: str) -> tr.Series:
        """Number of clusters of a layer."""
        return self._series("clusters", layer)

    def std(self, layer: str) -> tr.Series:
        """Standard deviation of a layer's noiseless values."""
        return self._series("std_T", layer)

    def _series(self, quantity: str, layer: str, until: int | None = None) -> tr.Series:
        one = tr.series(self.table, quantity, layer, point=self.point)
        if until is None:
            return one
        kept = one.epochs <= until
        return tr.Series(one.epochs[kept], one.values[:, kept], one.errors[:, kept], one.seeds)

    def inputs(self, layer: str) -> np.ndarray:
        """Noiseless values of the enumerated inputs at the end, (seeds, inputs)."""
        rows = Selection(self.table).where(quantity="value_T", layer=layer, point=self.point).table
        return rows.pivot(index="seed", columns="part", values="value").to_numpy()


def with_null(results: Results, experiment: str) -> list[tuple[str, str]]:
    """Points of an experiment whose labels are the task's, each with the one that differs in shuffled labels alone."""
    return [
        (point, point.replace("labels~task", "labels~shuffled"))
        for point, labels in results.points(experiment).items()
        if labels.axes["training.labels"] == "task"
    ]


def found_plateaus(one: tr.Series) -> np.ndarray:
    """Values of the three plateaus of F2, (seeds, 3): the peak, the median between the mid-falls, the end.

    A plateau that a seed never reaches is taken from where it stays: then it is far from its target.
    """
    first, second = mid_falls(one)
    end = tr.final(one.values)
    middle = np.empty(len(end))
    for i, row in enumerate(one.values):
        inside = (one.epochs > first[i]) & ~(one.epochs > second[i])  # nan compares false: open ends
        middle[i] = np.median(row[inside]) if inside.any() else end[i]
    return np.stack([one.values.max(1), middle, end], axis=1)


def mid_falls(one: tr.Series) -> tuple[np.ndarray, np.ndarray]:
    """Epochs at which the information falls through the middle between adjacent plateaus."""
    first = tr.falls_below(one, MIDS[0])
    return first, tr.falls_below(one, MIDS[1], after=first)
