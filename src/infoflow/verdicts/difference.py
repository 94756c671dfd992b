"""What moved between the verdicts of two folders of results."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from infoflow.errors import InputError
from infoflow.storage.tables import read_table

KEY = ["id", "part", "variant", "data"]  # what names a verdict
SHOWN = ["outcome", "value", "ci_low", "ci_high", "control", "seeds_held", "seeds"]


def report(before: str | Path, after: str | Path, *, every: bool = False) -> str:
    """The verdicts that moved as text, one paragraph each, with how many did.

    Args:
        before: folder of results, or of reference results (`results/reference`).
        after: another one.
        every: also those that did not move.

    Raises:
        InputError: a folder holds no verdicts.
    """
    table = compare(verdicts(before), verdicts(after))
    counts = ", ".join(f"{count} {change}" for change, count in table["change"].value_counts().items())
    shown = table if every else table[table["change"] != "same"]
    lines = [f"{before} → {after}: {counts or 'no verdicts'}"]
    lines += [_line(row) for _, row in shown.iterrows()]
    return "\n".join(lines)


def verdicts(folder: str | Path) -> pd.DataFrame:
    """The ledger of a run, or the tables of claims of reference results together.

    Raises:
        InputError: the folder holds neither.
    """
    folder = Path(folder)
    paths = [folder / "claims.parquet"] if (folder / "claims.parquet").is_file() else []
    paths = paths or sorted(folder.glob("*/claims.parquet"))
    if not paths:
        raise InputError(f"{folder}: holds no verdicts; expected claims.parquet of a run, or <document>/claims.parquet")
    table = pd.concat([read_table(path) for path in paths], ignore_index=True)
    return table.reindex(columns=[*KEY, "claim", "unit", *SHOWN]).fillna({"part": "", "control": ""})


def compare(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Both verdicts of every row side by side (suffixes `_before` and `_after`), with `change`.

    `outcome`: another outcome; `effect`: the same one, of an effect outside the other's interval; `same`; `new`; `gone`.
    """
    table = before.merge(after, on=KEY, how="outer", suffixes=("_before", "_after"), indicator=True, sort=False)
    outside = (table["value_after"] < table["ci_low_before"]) | (table["value_after"] > table["ci_high_before"])
    change = pd.Series("same", index=table.index).mask(outside, "effect")
    change = change.mask(table["outcome_before"] != table["outcome_after"], "outcome")
    sides = table["_merge"].astype(str)
    table["change"] = change.mask(sides == "left_only", "gone").mask(sides == "right_only", "new")
    return table.drop(columns="_merge")


def _line(row: pd.Series) -> str:
    """One verdict: what it is, and both sides of it."""
    name = " · ".join(filter(None, [row["id"], row["part"], row["variant"], row["data"]]))
    claim = row["claim_after"] if isinstance(row["claim_after"], str) else row["claim_before"]
    sides = [_side(row, side) for side in ("before", "after") if isinstance(row[f"outcome_{side}"], str)]
    return f"\n{row['change']:>7}  {name}: {claim}\n         " + "\n       → ".join(sides)


def _side(row: pd.Series, side: str) -> str:
    value, low, high = (row[f"{name}_{side}"] for name in ("value", "ci_low", "ci_high"))
    interval = f" ({low:.3g} … {high:.3g})" if low == low else ""
    control = f", control {row[f'control_{side}']}" if row[f"control_{side}"] else ""
    held = f"{row[f'seeds_held_{side}']:.0f}/{row[f'seeds_{side}']:.0f}"
    return f"{row[f'outcome_{side}']}: {value:.3g}{interval} {row[f'unit_{side}']}, {held}{control}"
