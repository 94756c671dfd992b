"""The results of goldfeld2019 as its claims and tables read them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from infoflow.documents.goldfeld2019.constants import END, NOISY, PLAIN, REGULAR, SHUFFLED, TWIN
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.results import Results
from infoflow.verdicts.selection import Selection


@dataclass(frozen=True)
class Net:
    """The estimates and the history of one point of an experiment."""

    table: pd.DataFrame
    history: pd.DataFrame

    @classmethod
    def of(cls, results: Results, experiment: str, point: str) -> Net:
        """The networks of a point of an experiment."""
        table = results.estimates(experiment)
        return cls(table[table["point"] == point], results.history(experiment, point))

    def at(self, seeds: np.ndarray, epochs: np.ndarray) -> Net:
        """The networks of some seeds, with the estimates of some snapshots."""
        kept = self.table["seed"].isin(seeds) & self.table["epoch"].isin(epochs)
        return Net(self.table[kept], self.history[self.history["seed"].isin(seeds)])

    def information(self, layer: str = "T5", estimator: str = "linearised") -> tr.Series:
        """I(X;T) of a layer."""
        return tr.series(self.table, "I_XT", layer, estimator=estimator)

    def measure(self, quantity: str, layer: str = "T5", estimator: str = "clusters") -> tr.Series:
        """A clustering measure or a binned entropy of a layer."""
        return tr.series(self.table, quantity, layer, estimator=estimator)

    def binned(self, layer: str, width: str) -> tr.Series:
        """Binned entropy of a layer at a width of the sweep."""
        return tr.series(self.table, "H_T", layer, settings={"width": float(width)})

    def metric(self, name: str, split: str, when: str = END, *, noisy: bool = False) -> np.ndarray:
        """A metric at the last epoch, or at that of each seed's lowest test loss without noise, (seeds,)."""
        values = self._over_epochs(name, split, noisy)
        if when == END:
            return values.iloc[:, -1].to_numpy()
        best = self._over_epochs("loss", "test", noisy=False).to_numpy().argmin(1)
        return values.to_numpy()[np.arange(len(best)), best]

    def _over_epochs(self, name: str, split: str, noisy: bool) -> pd.DataFrame:
        rows = Selection(self.history).where(metric=name, split=split, noisy=noisy).table
        return rows.pivot(index="seed", columns="epoch", values="value")


def matched(*nets: Net) -> list[Net]:
    """The networks of the seeds and snapshots that all have: networks beside their control."""
    grid = tr.shared(*(net.information() for net in nets))[0]
    return [net.at(grid.seeds, grid.epochs) for net in nets]


def start_of_fall(one: tr.Series) -> np.ndarray:
    """First epoch after the peak at which the smoothed series has fallen by more than the margin of compression; nan: never."""
    top, where = tr.peak(one)
    fallen = tr.smooth(one.values, one.epochs) < (top - tr.COMPRESSION)[:, None]
    after = fallen & (one.epochs > where[:, None])
    return np.where(after.any(1), one.epochs[after.argmax(1)], np.nan)


@dataclass(frozen=True)
class Study:
    """The networks that the claims compare."""

    results: Results

    @functools.cached_property
    def plain(self) -> Net:
        """The noisy network without regularisation."""
        return Net.of(self.results, NOISY, PLAIN)

    @functools.cached_property
    def regular(self) -> Net:
        """The noisy network under orthonormal regularisation."""
        return Net.of(self.results, NOISY, REGULAR)

    @functools.cached_property
    def twin(self) -> Net:
        """The deterministic network."""
        return Net.of(self.results, TWIN, PLAIN)

    @functools.cached_property
    def beside_shuffled(self) -> tuple[Net, Net]:
        """The noisy network and the same on shuffled labels, at the snapshots of both."""
        plain, shuffled = matched(self.plain, Net.of(self.results, SHUFFLED, PLAIN))
        return plain, shuffled

    @functools.cached_property
    def convergence(self) -> pd.DataFrame:
        """The convergence study of the sample-propagation estimate."""
        return self.results.study("convergence")
