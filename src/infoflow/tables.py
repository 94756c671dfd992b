"""The tidy table of estimates: one row a value, the unit beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = {
    "seed": "int32", "epoch": "int32", "step": "Int64", "layer": "str", "depth": "int16", "part": "str",
    "quantity": "str", "estimator": "str", "settings": "str", "kind": "str", "refers_to": "str",
    "value": "float64", "std_error": "float64", "bias_bound": "float64", "unit": "str", "n": "Int64",
    "ceiling": "float64", "saturation": "float64", "ties": "Int64", "relative_width": "float64", "flag": "str",
}  # fmt: skip

DEFAULTS = {
    "step": pd.NA, "part": "layer", "settings": "{}", "kind": "point", "refers_to": "population", "std_error": 0.0,
    "bias_bound": 0.0, "unit": "nats", "n": pd.NA, "ceiling": np.nan, "saturation": np.nan, "ties": pd.NA,
    "relative_width": np.nan, "flag": "",
}  # fmt: skip


def tidy(rows: Iterable[dict[str, Any]] | pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Rows as a table with every column, those that are not given at their default.

    `flag` says why a value means little: "saturated" or "flat" (the kernel is narrower or wider than all distances: S is
    within 2 % of log2 n, or of 0), "dead" (a map that is the same for every sample), "small_delta" (error signals below a tenth of
    their kernel width); empty: nothing found.

    `settings` (those of the estimate job) supply the experiment, its point, variant and axes, and the estimator.

    Raises:
        ValueError: a row has a column that the table does not know.
    """
    table = pd.DataFrame(rows if isinstance(rows, pd.DataFrame) else list(rows))
    if unknown := set(table) - set(COLUMNS):
        raise ValueError(f"unknown columns {sorted(unknown)}; known: {sorted(COLUMNS)}")
    table["estimator"] = settings["estimator"]
    for name, value in DEFAULTS.items():
        if name not in table:
            table[name] = value
        elif isinstance(value, str):
            table[name] = table[name].fillna(value)
    table["saturation"] = table["saturation"].fillna(table["value"] / table["ceiling"])
    types = COLUMNS | ({"epoch": "float64"} if settings.get("steps_per_epoch") else {})  # snapshots within an epoch
    table = table[list(COLUMNS)].astype(types)
    for i, name in enumerate(("experiment", "point", "variant")):
        table.insert(i, name, settings[name])
    for i, (axis, value) in enumerate(settings["axes"].items()):
        table.insert(3 + i, axis.rsplit(".", 1)[-1], value)
    return table


def difference(a: pd.DataFrame, b: pd.DataFrame) -> np.ndarray:
    """Values of `a` minus values of `b`.

    Raises:
        ValueError: the tables carry different units.
    """
    units = set(a["unit"]) | set(b["unit"])
    if len(units) > 1:
        raise ValueError(f"cannot subtract values in different units: {sorted(units)}")
    return a["value"].to_numpy() - b["value"].to_numpy()
