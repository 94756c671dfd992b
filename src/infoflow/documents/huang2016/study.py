"""The results of huang2016 as its claims read them."""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd

from infoflow.documents.huang2016.constants import CEILING, RD
from infoflow.documents.huang2016.tables import Tables
from infoflow.verdicts.results import Results


class View:
    """The tables as arrays over folds and trade-offs."""

    def __init__(self, results: Results) -> None:
        self.results, self.tables = results, Tables.of(results)
        self.folds, self.ratios, self.time = self.tables.folds, self.tables.ratios, self.tables.over_time
        self.scales = self.tables.scales
        attributes = results.attributes("speech")
        self.data, self.stand_in = str(attributes["source"]), bool(attributes["stand_in"])

    @functools.cached_property
    def flat(self) -> bool:
        """Whether the entropy of the inputs is near its floor or ceiling in more than half of the cases."""
        inside = self.ratio("X1", column="input")
        return bool(((inside <= 0.05) | (inside >= 0.99)).mean().mean() > 0.5)

    @staticmethod
    def extreme(table: pd.DataFrame) -> bool:
        """Whether more than half of the ratios lie within 2 % of their ceiling or floor."""
        return bool(((table > CEILING) | (table < 1 - CEILING)).to_numpy().mean() > 0.5)

    @functools.cached_property
    def held_out(self) -> int:
        """Size of the batches of speakers that were not trained on."""
        return int(self.ratios.loc[self.ratios["on"] == "held_out", "n"].mode().iloc[0])

    @functools.cached_property
    def logged(self) -> pd.DataFrame:
        """Ratios of the rate–distortion network, with what was logged of every batch."""
        return self.ratios[self.ratios["experiment"] == RD]

    def ua(self, experiment: str, variant: str = "", column: str = "ua", **where: Any) -> pd.Series:
        """UA in % by fold, the mean over repeats."""
        rows = self.folds[(self.folds["experiment"] == experiment) & (self.folds["variant"] == variant)]
        for name, value in where.items():
            rows = rows[rows[name] == value]
        return rows.groupby("fold")[column].mean()

    def pooled(self, experiment: str, variant: str = "", **where: Any) -> float:
        """Pooled UA in %, the mean over repeats."""
        return float(self.ua(experiment, variant, "pooled", **where).mean())

    def curve(self, experiment: str, variant: str = "", column: str = "last") -> pd.DataFrame:
        """UA in % at the last epoch by fold (rows) and trade-off β ≥ 0.5 (columns); `train_last`: on training speakers."""
        rows = self.folds[(self.folds["experiment"] == experiment) & (self.folds["variant"] == variant)]
        return from_half(rows.pivot_table(index="fold", columns="setting", values=column))

    def ratio(self, layer: str, experiment: str = RD, variant: str = "corrected", column: str = "ratio", **where: Any) -> pd.DataFrame:  # fmt: skip
        """Ratios by fold and trade-off, on training contexts at n = 64 unless said otherwise."""
        wanted = {"on": "train", "n": 64, "width": "fixed", "trained": True} | where
        rows = self.ratios[(self.ratios["experiment"] == experiment) & (self.ratios["variant"] == variant)]
        rows = rows[rows["layer"] == layer]
        for name, value in wanted.items():
            rows = rows[rows[name] == value]
        made = rows.pivot_table(index="fold", columns="setting", values=column)
        return made

    def tuned(
        self, experiment: str, variant: str = "", settings: list[float] | None = None
    ) -> tuple[pd.Series, pd.Series]:
        """UA in % by fold at the setting whose UA on the validating speaker is highest, and that setting."""
        rows = self.folds[(self.folds["experiment"] == experiment) & (self.folds["variant"] == variant)]
        rows = rows if settings is None else rows[rows["setting"].isin(settings)]
        means = rows.groupby(["fold", "setting"])[["valid", "ua"]].mean().reset_index()
        best = means.loc[means.groupby("fold")["valid"].idxmax()].set_index("fold")
        return best["ua"], best["setting"]


def from_half(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of trade-offs β ≥ 0.5."""
    return table[[column for column in table if column >= 0.5]]
