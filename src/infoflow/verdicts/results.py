"""The results of a document's experiments: tables of estimates, histories and data sets, read when asked for."""

from __future__ import annotations

from typing import Any

import pandas as pd

from infoflow.config.jobs import ClaimsJob, ClaimsPoint
from infoflow.storage.hdf5 import read_h5
from infoflow.storage.tables import read_table, read_tables


class Results:
    """The results of a document's experiments."""

    def __init__(self, job: ClaimsJob) -> None:
        self.experiments, self.seed, self.rehearsal = job.experiments, job.seed, job.rehearsal
        self._datasets, self._studies = job.datasets, job.studies
        self.compared, self.families = job.compared, job.families
        self._cache: dict[str, pd.DataFrame] = {}

    def has(self, experiment: str) -> bool:
        """Whether this run holds an experiment."""
        return experiment in self.experiments

    def estimates(self, experiment: str) -> pd.DataFrame:
        """Every estimate of an experiment."""
        if experiment not in self._cache:
            self._cache[experiment] = read_tables(self.experiments[experiment].estimates)
        return self._cache[experiment]

    def figure_table(self, experiment: str, estimator: str) -> pd.DataFrame:
        """What an estimator made of an experiment for figures alone, with columns of its own."""
        return read_tables(self.experiments[experiment].figure_tables[estimator])

    def history(self, experiment: str, point: str) -> pd.DataFrame:
        """Losses and accuracies of one point."""
        return read_table(self.experiments[experiment].history[point])

    def points(self, experiment: str) -> dict[str, ClaimsPoint]:
        """Points of an experiment by id."""
        return self.experiments[experiment].points

    def study(self, name: str) -> pd.DataFrame:
        """The tables of a study that the document's `READS` names."""
        return read_tables(self._studies[name])

    def dataset(self, name: str, *arrays: str) -> dict[str, Any]:
        """Arrays of a data set."""
        return read_h5(self._datasets[name], *arrays)[0]

    def attributes(self, name: str) -> dict[str, Any]:
        """Attributes of a data set: its source and tier, and whether it is a stand-in."""
        return read_h5(self._datasets[name], "y")[1]

    def dataset_of(self, experiment: str, point: str) -> str:
        """Name of the data set that a point uses."""
        return self.points(experiment)[point].dataset
