"""Statistics of verdicts: intervals, adjusted p-values, tests of equivalence, differences between seeds."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

MINIMUM_SEEDS = 5


def wilson_lower(held: int, count: int) -> float:
    """Lower end of the 95 % Wilson interval of a share."""
    return float(stats.binomtest(held, count).proportion_ci(0.95, method="wilson").low)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the median over seeds."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return (float("nan"), float("nan"))
    picks = np.random.default_rng(0).integers(len(values), size=(2000, len(values)))
    low, high = np.quantile(np.median(values[picks], axis=1), [0.025, 0.975])
    return float(low), float(high)


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean over seeds and its 95 % interval by Student's t."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return float(values.mean()) if len(values) else float("nan"), float("nan"), float("nan")
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment; nan stays nan."""
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known])]
    worst = 0.0
    for rank, index in enumerate(order):
        worst = max(worst, min(1.0, (len(order) - rank) * p[index]))
        adjusted[index] = worst
    return adjusted


def between(values: np.ndarray) -> np.ndarray:
    """Differences of every ordered pair of seeds: what two networks differ by that differ in their seed alone."""
    i, j = np.nonzero(~np.eye(len(values), dtype=bool))
    return values[i] - values[j]


def equivalent(difference: np.ndarray, margin: float) -> str:
    """Two one-sided t-tests at 5 %: holds inside ±margin, fails where the difference is surely outside, else undecided."""
    values = difference[np.isfinite(difference)]
    if len(values) < MINIMUM_SEEDS:
        return "undecided"
    if np.ptp(values) == 0:
        return "holds" if abs(values[0]) <= margin else "fails"
    error = values.std(ddof=1) / math.sqrt(len(values))
    reach = stats.t.ppf(0.95, len(values) - 1) * error
    if values.mean() - reach > -margin and values.mean() + reach < margin:
        return "holds"
    return "fails" if values.mean() - reach > margin or values.mean() + reach < -margin else "undecided"
