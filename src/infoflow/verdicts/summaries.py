"""What a document's small tables hold of its estimates: bands over seeds, at the digits that figures need."""

from __future__ import annotations

import pandas as pd


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
