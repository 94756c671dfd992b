"""Metrics of a trajectory of information over training. Arrays are (seeds, epochs) unless said otherwise."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.ndimage import median_filter
from scipy.signal import find_peaks

from infoflow.verdicts.selection import Selection

COMPRESSION = 0.10  # nats: a smaller fall is none


class Series(NamedTuple):
    """One quantity of one layer over training."""

    epochs: np.ndarray  # (epochs,)
    values: np.ndarray  # (seeds, epochs)
    errors: np.ndarray  # (seeds, epochs), standard errors of the estimates
    seeds: np.ndarray  # (seeds,)


def series(table: pd.DataFrame, quantity: str, layer: str, **where: object) -> Series:
    """Pick one quantity of one layer; seeds that lack an epoch of the first seed's grid are left out.

    Raises:
        KeyError: no row fits.
    """
    rows = Selection(table).where(quantity=quantity, layer=layer, **where).table
    if rows.empty:
        raise KeyError(f"no estimate of {quantity} in {layer} with {where}")
    values = rows.pivot(index="seed", columns="epoch", values="value").dropna(axis=0)
    errors = rows.pivot(index="seed", columns="epoch", values="std_error").loc[values.index]
    return Series(values.columns.to_numpy(), values.to_numpy(), errors.to_numpy(), values.index.to_numpy())


def by_grid(table: pd.DataFrame, quantity: str, layer: str, **where: object) -> list[Series]:
    """As `series`, one for each grid of epochs that seeds share (all snapshots, or a thinned set of them)."""
    rows = Selection(table).where(quantity=quantity, layer=layer, **where).table
    grids = rows.groupby("seed")["epoch"].agg(lambda epochs: tuple(sorted(epochs)))
    return [series(rows[rows["seed"].isin(seeds.index)], quantity, layer) for _, seeds in grids.groupby(grids)]


def smooth(values: np.ndarray) -> np.ndarray:
    """Median filter of width 5 along epochs."""
    return median_filter(values, size=(1, 5), mode="nearest")


def final(values: np.ndarray) -> np.ndarray:
    """Mean over the last max(3, 5 %) points, (seeds,)."""
    return values[:, -max(3, round(0.05 * values.shape[1])) :].mean(1)


@functools.cache
def flat_drop(points: int) -> float:
    """Expected peak-to-end fall of a flat series with unit noise after the median filter."""
    noise = smooth(np.random.default_rng(0).standard_normal((400, points)))
    return float((noise.max(1) - final(noise)).mean())


def standard_error(one: Series) -> np.ndarray:
    """Typical standard error of a seed's estimates, (seeds,)."""
    return np.median(one.errors, axis=1)


def drop(one: Series) -> np.ndarray:
    """Fall from the peak to the end, less what a flat series with the same noise would show, (seeds,)."""
    values = smooth(one.values)
    return values.max(1) - final(values) - flat_drop(values.shape[1]) * standard_error(one)


def peak(one: Series) -> tuple[np.ndarray, np.ndarray]:
    """Peak of the filtered series and its epoch, each (seeds,)."""
    values = smooth(one.values)
    return values.max(1), one.epochs[values.argmax(1)]


def compresses(one: Series, scale: float = 1.0) -> np.ndarray:
    """Whether each seed falls by more than 0.10 nat (× scale) and three standard errors, peaking before 90 % of training."""
    limit = np.maximum(COMPRESSION * scale, 3 * standard_error(one))
    return (drop(one) > limit) & (peak(one)[1] < 0.9 * one.epochs[-1])


def stays(one: Series, scale: float = 1.0) -> np.ndarray:
    """Whether each seed does not compress: its fall stays within the limit."""
    return drop(one) <= np.maximum(COMPRESSION * scale, 3 * standard_error(one))


def escape(one: Series, level: float = 0.5, records: int = 5) -> np.ndarray:
    """Index of the first of `records` successive values above `level` nats, or the last index, (seeds,)."""
    above = one.values > level
    run = np.lib.stride_tricks.sliding_window_view(above, min(records, above.shape[1]), axis=1).all(2)
    return np.where(run.any(1), run.argmax(1), one.values.shape[1] - 1)


def increasing(one: Series, start: np.ndarray) -> np.ndarray:
    """Spearman's ρ between epoch and value from an index on, (seeds,); nan where fewer than five points are left or none differs."""
    rho = np.full(len(one.values), np.nan)
    for i, first in enumerate(start):
        if one.values.shape[1] - first >= 5 and np.ptp(one.values[i, first:]) > 0:
            rho[i] = stats.spearmanr(one.epochs[first:], one.values[i, first:])[0]
    return rho


def falls_below(one: Series, level: float, after: np.ndarray | None = None) -> np.ndarray:
    """Epoch at which each seed, having been above `level`, first falls below it; nan where it does not, (seeds,).

    Linear between the two records beside the crossing. `after`: epochs before which crossings do not count.
    """
    crossings = np.full(len(one.values), np.nan)
    for i, row in enumerate(one.values):
        down = np.flatnonzero((row[:-1] >= level) & (row[1:] < level))
        if after is not None:
            down = down[one.epochs[down + 1] > after[i]] if np.isfinite(after[i]) else down[:0]
        if len(down):
            k = down[0]
            share = (row[k] - level) / (row[k] - row[k + 1])
            crossings[i] = one.epochs[k] + share * (one.epochs[k + 1] - one.epochs[k])
    return crossings


def first_local_maximum(one: Series, prominence: float = 0.1) -> np.ndarray:
    """Epoch of the first maximum of the filtered series that stands out by `prominence` nats; nan if none, (seeds,)."""
    epochs = np.full(len(one.values), np.nan)
    for i, row in enumerate(smooth(one.values)):
        found, _ = find_peaks(row, prominence=prominence)
        if len(found):
            epochs[i] = one.epochs[found[0]]
    return epochs


def per_seed(groups: list[Series], statistic: Callable[[Series], np.ndarray]) -> pd.Series:
    """A statistic of every seed, (seeds,) indexed by seed, computed on each seed's own grid of epochs."""
    made = [pd.Series(statistic(one), index=one.seeds) for one in groups]
    return pd.concat(made).sort_index()


def dense(groups: list[Series]) -> Series:
    """The seeds with the finest grid of epochs."""
    return max(groups, key=lambda one: len(one.epochs))
