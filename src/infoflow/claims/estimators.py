"""The benchmark of truth: its tables. It makes no claims about documents, so it has no verdicts."""

from __future__ import annotations

from typing import Any

import pandas as pd

from infoflow.claims.stage import Results

KEY = ["task", "estimator", "n", "seed"]


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """The values of the benchmark, what they cost, and the sweeps.

    Seconds are measured and differ between runs; they have a table of their own, so that every other one is the same
    for any number of cores.
    """
    rows = results.truth("part").sort_values(KEY, ignore_index=True)
    return {
        "truth": rows.drop(columns="seconds"),
        "costs": rows[[*KEY, "seconds"]],
        "widths": results.truth("widths"),
        "subadditivity": results.truth("subadditivity"),
    }


def verdicts(results: Results) -> list[dict[str, Any]]:
    """None."""
    return []
