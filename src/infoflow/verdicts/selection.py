"""Rows of a tidy table, chosen by columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Selection:
    """Some rows of a table of estimates, of a history, or of a document's small tables."""

    table: pd.DataFrame

    def where(self, **columns: Any) -> Selection:
        """The rows whose columns have the given values.

        `settings`, whose column holds JSON, is given as a mapping and compared as one: the order of its keys does not count.
        """
        rows = self.table
        for name, value in columns.items():
            if name == "settings" and isinstance(value, Mapping):
                fits = {text for text in rows[name].unique() if json.loads(text) == dict(value)}
                rows = rows[rows[name].isin(fits)]
            else:
                rows = rows[rows[name] == value]
        return Selection(rows)

    def last(self) -> Selection:
        """The rows at the last epoch."""
        return Selection(self.table[self.table["epoch"] == self.table["epoch"].max()])

    def until(self, epoch: float) -> Selection:
        """The rows up to an epoch."""
        return Selection(self.table[self.table["epoch"] <= epoch])

    def by_seed(self) -> pd.Series:
        """The values of a selection that has one row a seed, by seed."""
        return self.table.sort_values("seed").set_index("seed")["value"]
