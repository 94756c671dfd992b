"""The results of kong2019 as its claims and tables read them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.signal import find_peaks

from infoflow.documents.kong2019.constants import MIDS, NOISE_STD
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.results import Results
from infoflow.verdicts.selection import Selection

STANDS_OUT = 0.05  # share of the highest density by which a mode rises above its surroundings


@dataclass(frozen=True)
class Run:
    """The estimates and the history of one variant of an experiment."""

    table: pd.DataFrame
    history: pd.DataFrame

    @classmethod
    def of(cls, results: Results, experiment: str, point: str) -> Run:
        """The run of a point of an experiment."""
        table = results.estimates(experiment)
        return cls(table[table["point"] == point], results.history(experiment, point))

    @property
    def layers(self) -> list[str]:
        """Names of the layers, the shallowest first."""
        return sorted(self.table["layer"].unique(), key=lambda name: int(name[1:]))

    @property
    def seeds(self) -> np.ndarray:
        """The seeds of the run."""
        return np.sort(self.table["seed"].unique())

    def at(self, seeds: np.ndarray, epochs: np.ndarray) -> Run:
        """The run restricted to some seeds and snapshots."""
        kept = self.table["seed"].isin(seeds) & self.table["epoch"].isin(epochs)
        return replace(self, table=self.table[kept])

    def information(self, layer: str) -> tr.Series:
        """I(X;T) of a layer."""
        return tr.series(self.table, "I_XT", layer)

    def clusters(self, layer: str) -> tr.Series:
        """Number of clusters of a layer."""
        return tr.series(self.table, "clusters", layer)

    def std(self, layer: str) -> tr.Series:
        """Standard deviation of a layer's noiseless values."""
        return tr.series(self.table, "std_T", layer)

    def drop(self, layer: str) -> np.ndarray:
        """Fall of a layer's information, (seeds,)."""
        return tr.drop(self.information(layer))

    def inputs(self, layer: str) -> np.ndarray:
        """Noiseless values of the enumerated inputs at the end, (seeds, inputs)."""
        rows = Selection(self.table).where(quantity="value_T", layer=layer).table
        return rows.pivot(index="seed", columns="part", values="value").to_numpy()

    def accuracy(self, split: str = "train", *, noisy: bool = False) -> np.ndarray:
        """Accuracy at the last epoch, (seeds,)."""
        return self._last("accuracy", split, noisy)

    def fit(self) -> np.ndarray:
        """Variance of the noise over the mean squared error that is left without it on the training data, (seeds,)."""
        return NOISE_STD**2 / np.maximum(self._last("loss", "train", False), 1e-9)

    def _last(self, metric: str, split: str, noisy: bool) -> np.ndarray:
        rows = Selection(self.history).where(metric=metric, split=split, noisy=noisy).last().by_seed()
        return rows.loc[self.seeds].to_numpy()


def matched(*runs: Run) -> list[Run]:
    """The runs at the seeds and the snapshots that all of them have: a network beside its control."""
    grid = tr.shared(*(run.information(run.layers[0]) for run in runs))[0]
    return [run.at(grid.seeds, grid.epochs) for run in runs]


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
    first, second = mid_falls(one).T
    end = tr.final(one)
    middle = np.empty(len(end))
    for i, row in enumerate(one.values):
        inside = (one.epochs > first[i]) & ~(one.epochs > second[i])  # nan compares false: open ends
        middle[i] = np.median(row[inside]) if inside.any() else end[i]
    return np.stack([one.values.max(1), middle, end], axis=1)


def mid_falls(one: tr.Series) -> np.ndarray:
    """Epochs at which the information falls through the middle between adjacent plateaus; nan: never, (seeds, 2)."""
    first = tr.falls_below(one, MIDS[0])
    return np.stack([first, tr.falls_below(one, MIDS[1], after=first)], axis=1)


def merges(count: tr.Series) -> np.ndarray:
    """Epochs at which four clusters become three, and three two; nan: never, (seeds, 2)."""
    peak = count.values.argmax(1)
    found = np.full((len(peak), 2), np.nan)
    for i, row in enumerate(count.values):
        for k, left in enumerate((3, 2)):
            later = np.flatnonzero(row[peak[i] :] <= left)
            if len(later) and row[peak[i]] > left:
                found[i, k] = count.epochs[peak[i] + later[0]]
    return found


def steepest_rise(one: tr.Series) -> np.ndarray:
    """Epoch at the end of the steepest rise between two records, (seeds,)."""
    slopes = np.diff(one.values, axis=1) / np.diff(one.epochs)
    return one.epochs[1 + slopes.argmax(1)]


def single_mode(densities: pd.DataFrame) -> np.ndarray:
    """Share of epochs at which the density of a layer has one mode, (seeds,).

    Args:
        densities: of one layer, with `seed`, `epoch`, `t` and `density`.
    """
    return np.array([(_modes(rows) == 1).mean() for _, rows in densities.groupby("seed")])


def _modes(densities: pd.DataFrame) -> np.ndarray:
    """Number of modes at each epoch; one may lie at the edge."""
    curves = np.pad(densities.pivot(index="epoch", columns="t", values="density").to_numpy(), ((0, 0), (1, 1)))
    return np.array([len(find_peaks(row, prominence=STANDS_OUT * row.max())[0]) for row in curves])
