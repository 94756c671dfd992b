"""The tidy table of estimates: one row a value, the unit beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from infoflow.errors import InputError
from infoflow.storage.files import atomic

COLUMNS = {
    "seed": "int32", "epoch": "int32", "step": "Int64", "layer": "str", "depth": "int16", "part": "str", "samples": "str",
    "quantity": "str", "estimator": "str", "settings": "str", "kind": "str", "refers_to": "str",
    "value": "float64", "std_error": "float64", "per_batch": "object", "bias_bound": "float64", "unit": "str", "n": "Int64",
    "ceiling": "float64", "saturation": "float64", "ties": "Int64", "width": "float64", "relative_width": "float64", "flag": "str",
}  # fmt: skip

KEY = (
    "seed",
    "epoch",
    "layer",
    "part",
    "samples",
    "quantity",
    "estimator",
    "settings",
    "kind",
)  # of a row within a point
NAMES = ("experiment", "point", "variant")

DEFAULTS = {
    "step": pd.NA, "part": "layer", "samples": "all", "per_batch": None, "settings": "{}", "kind": "point", "refers_to": "population", "std_error": 0.0,
    "bias_bound": 0.0, "unit": "nats", "n": pd.NA, "ceiling": np.nan, "saturation": np.nan, "ties": pd.NA,
    "width": np.nan, "relative_width": np.nan, "flag": "",
}  # fmt: skip


def tidy(
    rows: Iterable[dict[str, Any]] | pd.DataFrame,
    *,
    estimator: str,
    names: dict[str, str],
    axes: dict[str, Any],
    by_update: bool = False,
) -> pd.DataFrame:
    """Rows as a table with every column, those that are not given at their default.

    `width` is that of a bin or of the noise, in the layer's own units, `relative_width` the same over the layer's spread.
    `flag` says why a value means little: one of `infoflow.estimators.FLAGS`, or "small_delta" (error signals below a tenth
    of their kernel width); empty: nothing found. A value is saturated, or flat, within 1 % of its ceiling, or of 0 (a Rényi
    entropy within 2 % of log2 n, or of 0).

    Args:
        rows: one a value, at least with seed, epoch, layer, depth, quantity and value.
        estimator: id of the estimator.
        names: experiment, point and variant.
        axes: value of each sweep axis by its dotted path.
        by_update: snapshots are counted in updates, so that epochs have fractions.

    Raises:
        ValueError: a row has a column that the table does not know.
    """
    table = pd.DataFrame(rows if isinstance(rows, pd.DataFrame) else list(rows))
    if unknown := set(table) - set(COLUMNS):
        raise ValueError(f"unknown columns {sorted(unknown)}; known: {sorted(COLUMNS)}")
    table["estimator"] = estimator
    for name, value in DEFAULTS.items():
        if name not in table:
            table[name] = value
        elif isinstance(value, str):
            table[name] = table[name].fillna(value)
    table["saturation"] = table["saturation"].fillna(table["value"] / table["ceiling"])
    types = COLUMNS | ({"epoch": "float64"} if by_update else {})  # snapshots within an epoch
    table = table[list(COLUMNS)].astype(types)
    for i, name in enumerate(NAMES):
        table.insert(i, name, names[name])
    for i, (axis, value) in enumerate(axes.items()):
        table.insert(len(NAMES) + i, axis.rsplit(".", 1)[-1], value)
    return table


def check_tidy(table: pd.DataFrame) -> None:
    """Hold a table of estimates against the schema: names, axes, then `COLUMNS` in order with their types.

    Raises:
        ValueError: a column is missing, misplaced or of another type, a key is missing, or two rows have the same key.
    """
    if tuple(table.columns[:3]) != NAMES or list(table.columns[-len(COLUMNS) :]) != list(COLUMNS):
        raise ValueError(f"columns {list(table)}; expected {NAMES}, the axes, then {list(COLUMNS)}")
    for name, kind in COLUMNS.items():
        allowed = ("int32", "float64") if name == "epoch" else ("str", "object", "string") if kind == "str" else (kind,)
        if str(table[name].dtype) not in allowed:
            raise ValueError(f"column {name} is {table[name].dtype}; expected {' or '.join(allowed)}")
    if table[list(KEY)].isna().any(axis=None):
        raise ValueError(f"a row lacks one of {', '.join(KEY)}")
    twice = table.duplicated([*table.columns[: -len(COLUMNS)], *KEY])
    if twice.any():
        raise ValueError(f"two rows have the same key: {table.loc[twice, list(KEY)].iloc[0].to_dict()}")


def write_table(path: str | os.PathLike, table: pd.DataFrame) -> None:
    """Write a DataFrame as compressed Parquet."""
    with atomic(path) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")


def read_tables(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> pd.DataFrame:
    """Read and concatenate Parquet tables."""
    paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    return pd.concat([read_table(path) for path in paths], ignore_index=True)


def read_table(path: str | os.PathLike) -> pd.DataFrame:
    """Read one Parquet table.

    Raises:
        InputError: the file is missing or damaged.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such table; run the rule that makes it (snakemake {path})")
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: damaged ({error}); delete it and run the rule that makes it (snakemake {path})"
        ) from None
