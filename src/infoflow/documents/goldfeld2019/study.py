"""The results of goldfeld2019 as its claims and tables read them."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from infoflow.documents.goldfeld2019.constants import NOISY, PLAIN, REGULAR, SHUFFLED, TWIN
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.results import Results
from infoflow.verdicts.selection import Selection


class Net:
    """The estimates and history of one point of an experiment."""

    def __init__(self, results: Results, experiment: str, point: str) -> None:
        table = results.estimates(experiment)
        self.table = table[table["point"] == point]
        self.history = results.history(experiment, point)

    def information(self, layer: str = "T5", estimator: str = "linearised") -> list[tr.Series]:
        """I(X;T) of a layer, one series for each grid of epochs."""
        return tr.by_grid(self.table, "I_XT", layer, estimator=estimator)

    def measure(self, quantity: str, layer: str = "T5", estimator: str = "clusters") -> list[tr.Series]:
        """A clustering measure or a binned entropy of a layer."""
        return tr.by_grid(self.table, quantity, layer, estimator=estimator)

    def last(self, metric: str, split: str, noisy: bool) -> np.ndarray:
        """A metric at the last epoch, (seeds,)."""
        rows = Selection(self.history).where(metric=metric, split=split, noisy=noisy)
        return rows.last().by_seed().to_numpy()


class Study:
    """The networks that the claims compare."""

    def __init__(self, results: Results) -> None:
        self.results = results

    @functools.cached_property
    def plain(self) -> Net:
        """The noisy network without regularisation."""
        return Net(self.results, NOISY, PLAIN)

    @functools.cached_property
    def regular(self) -> Net:
        """The noisy network under orthonormal regularisation."""
        return Net(self.results, NOISY, REGULAR)

    @functools.cached_property
    def null(self) -> Net:
        """The noisy network on shuffled labels."""
        return Net(self.results, SHUFFLED, PLAIN)

    @functools.cached_property
    def twin(self) -> Net:
        """The deterministic network."""
        return Net(self.results, TWIN, PLAIN)

    @functools.cached_property
    def convergence(self) -> pd.DataFrame:
        """The convergence study of the sample-propagation estimate."""
        return self.results.study("convergence")
