"""The claims stage: every table of a document's experiments in; its verdicts and its figures' tables out."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from infoflow.claims.verdict import table
from infoflow.io import read_h5, read_tables, write_table


class Results:
    """The results of a document's experiments, read when asked for."""

    def __init__(self, settings: dict[str, Any], inputs: dict[str, Any]) -> None:
        self.settings, self.experiments = settings, settings["experiments"]
        self.rehearsal: bool = settings["rehearsal"]
        self._estimates: dict[str, list[str]] = {}
        for path in inputs["estimates"]:
            self._estimates.setdefault(path.split("/")[-3], []).append(path)
        self._history = {tuple(Path(path).parts[-3:-1]): path for path in inputs["history"]}
        self._datasets = {Path(path).stem: path for path in inputs["datasets"]}
        self._convergence = inputs.get("convergence", [])
        self._truth = inputs.get("truth", [])
        self._cache: dict[str, pd.DataFrame] = {}

    def has(self, experiment: str) -> bool:
        """Whether this run holds an experiment."""
        return experiment in self.experiments

    def estimates(self, experiment: str) -> pd.DataFrame:
        """Every estimate of an experiment."""
        if experiment not in self._cache:
            self._cache[experiment] = read_tables(self._with_column(experiment, "quantity"))
        return self._cache[experiment]

    def drawn(self, experiment: str, column: str) -> pd.DataFrame:
        """The tables of an experiment made for figures alone, known by a column: density, share or label."""
        return read_tables(self._with_column(experiment, column))

    def _with_column(self, experiment: str, column: str) -> list[str]:
        return [p for p in self._estimates[experiment] if column in pq.read_schema(p).names]

    def history(self, experiment: str, point: str) -> pd.DataFrame:
        """Losses and accuracies of one point."""
        return read_tables(self._history[experiment, point])

    def points(self, experiment: str) -> dict[str, Any]:
        """Points of an experiment by id."""
        return self.experiments[experiment]["points"]

    def convergence(self) -> pd.DataFrame:
        """The convergence study of the sample-propagation estimate."""
        return read_tables(self._convergence)

    def truth(self, name: str) -> pd.DataFrame:
        """The benchmark's tables whose file names begin with `name`."""
        return read_tables(path for path in self._truth if Path(path).stem.startswith(name))

    def dataset(self, name: str, *arrays: str) -> dict[str, Any]:
        """Arrays of a data set."""
        return read_h5(self._datasets[name], *arrays)[0]

    def about(self, name: str) -> dict[str, Any]:
        """Attributes of a data set: its source and tier, and whether it is a stand-in."""
        return read_h5(self._datasets[name], "y")[1]

    def data_of(self, experiment: str, point: str) -> str:
        """Name of the data set that a point uses."""
        return self.points(experiment)[point]["dataset"]


def run(settings: dict[str, Any], inputs: dict[str, Any], output: str, tables: str) -> None:
    """Decide every claim of a document and write its verdicts and tables."""
    module = importlib.import_module(f"infoflow.claims.{settings['document']}")
    results = Results(settings, inputs)
    for name, made in module.tables(results).items():
        write_table(f"{tables}/{name}.parquet", made)
    verdicts = table(settings["document"], module.verdicts(results))
    write_table(output, verdicts)
    print(
        verdicts[["id", "variant", "outcome", "value", "null_value", "seeds_held", "seeds"]].to_string(),
        flush=True,
    )


def summary(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Median, the central 80 % and the number of seeds of `value` within groups: what a band over seeds is drawn from."""
    groups = table.groupby(by, sort=False, observed=True)["value"]
    made = groups.quantile([0.1, 0.5, 0.9]).unstack()
    made.columns = ["low", "median", "high"]
    made["seeds"] = groups.count()
    return made.reset_index()


def single_precision(table: pd.DataFrame) -> pd.DataFrame:
    """The table as figures need it: seven digits are enough, and keep large tables under the 1 MB of reference results."""
    columns = table.select_dtypes("float64").columns.drop("epoch", errors="ignore")
    return table.astype(dict.fromkeys(columns, "float32"))


def shared_epochs(estimates: pd.DataFrame) -> pd.DataFrame:
    """Rows at epochs that every seed of a point has."""
    by = ["point", "estimator"]
    seeds = estimates.groupby(by)["seed"].transform("nunique")
    have = estimates.groupby([*by, "epoch"])["seed"].transform("nunique")
    return estimates[have == seeds]
