"""Statistics of the ledger: adjusted p-values, and whether a bounded estimate tells anything."""

from __future__ import annotations

import numpy as np
import pandas as pd

NEAR = 0.02  # share of its range within which a value lies at a bound


def holm(p: np.ndarray, tests: int = 0) -> np.ndarray:
    """Holm's step-down adjustment (Holm 1979) of at least `tests` p-values; nan stays nan."""
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order, worst = known[np.argsort(p[known])], 0.0
    count = max(len(order), tests)
    for rank, index in enumerate(order):
        worst = max(worst, min(1.0, (count - rank) * p[index]))
        adjusted[index] = worst
    return adjusted


def uninformative(rows: pd.DataFrame, floor: float = 0.0) -> bool:
    """Whether estimates tell nothing: more than half lie at a bound, or they differ by less than three standard errors.

    Args:
        rows: of a table of estimates, with `value`, `std_error` and `ceiling` (nan: none is known).
        floor: the least possible value.
    """
    value, ceiling = rows["value"], rows["ceiling"]
    reach = NEAR * (ceiling - floor)
    at_bound = (value >= ceiling - reach) | (value <= floor + reach)  # false where the ceiling is not known
    if at_bound.mean() > 0.5:
        return True
    return bool(np.ptp(value) < 3 * rows["std_error"].median())
