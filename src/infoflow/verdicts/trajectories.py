"""Metrics of a trajectory of information over training, defined in epochs and not in points, so that they do not hang on the grid.

Arrays are (seeds, epochs) unless said otherwise.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.signal import find_peaks

from infoflow.verdicts.selection import Selection

COMPRESSION = 0.10  # nats: a smaller fall is none
WINDOW = 1.6  # ratio of the epochs at the ends of a running median
LATE = 0.9  # share of training after which a value counts as final


class Series(NamedTuple):
    """One quantity of one layer over training."""

    epochs: np.ndarray  # (epochs,)
    values: np.ndarray  # (seeds, epochs)
    errors: np.ndarray  # (seeds, epochs), standard errors of the estimates
    seeds: np.ndarray  # (seeds,)


def series(table: pd.DataFrame, quantity: str, layer: str, **where: object) -> Series:
    """Pick one quantity of one layer, at the epochs that all its seeds share.

    Raises:
        KeyError: no row fits.
    """
    rows = Selection(table).where(quantity=quantity, layer=layer, **where).table
    if rows.empty:
        raise KeyError(f"no estimate of {quantity} in {layer} with {where}")
    values = rows.pivot(index="seed", columns="epoch", values="value").dropna(axis=1)
    errors = rows.pivot(index="seed", columns="epoch", values="std_error")[values.columns]
    return Series(values.columns.to_numpy(), values.to_numpy(), errors.to_numpy(), values.index.to_numpy())


def shared(*several: Series) -> list[Series]:
    """The same series at the epochs and seeds that all of them have: a network and its control on one grid."""
    epochs = functools.reduce(np.intersect1d, [one.epochs for one in several])
    seeds = functools.reduce(np.intersect1d, [one.seeds for one in several])
    return [_restricted(one, np.isin(one.seeds, seeds), np.isin(one.epochs, epochs)) for one in several]


def until(one: Series, epoch: float) -> Series:
    """The series up to an epoch."""
    return _restricted(one, np.ones(len(one.seeds), bool), one.epochs <= epoch)


def _restricted(one: Series, seeds: np.ndarray, epochs: np.ndarray) -> Series:
    among = np.ix_(seeds, epochs)
    return Series(one.epochs[epochs], one.values[among], one.errors[among], one.seeds[seeds])


def smooth(values: np.ndarray, epochs: np.ndarray) -> np.ndarray:
    """Running median along epochs, over windows whose ends lie a factor of 1.6 apart; epoch 0 stands alone, (seeds, epochs)."""
    made = values.copy()
    for k, (low, high) in enumerate(_windows(tuple(epochs))):
        if high > low:
            made[:, k] = np.median(values[:, low:high], axis=1)
    return made


@functools.cache
def _windows(epochs: tuple[float, ...]) -> list[tuple[int, int]]:
    """First and last point (exclusive) of every epoch's window, at least three where there are as many; epoch 0 has none."""
    grid = np.array(epochs, float)
    first = int(np.searchsorted(grid, 0, side="right"))
    made = [(0, 0)] * first
    for k in range(first, len(grid)):
        low = int(np.searchsorted(grid, grid[k] / np.sqrt(WINDOW) * (1 - 1e-9)))
        high = int(np.searchsorted(grid, grid[k] * np.sqrt(WINDOW) * (1 + 1e-9), side="right"))
        low = max(first, min(low, k - 1, len(grid) - 3))
        made.append((low, min(len(grid), max(high, low + 3))))
    return made


def final(one: Series) -> np.ndarray:
    """Mean over the last tenth of the epochs, at least three points, (seeds,)."""
    return one.values[:, -_late(one.epochs) :].mean(1)


def _late(epochs: np.ndarray) -> int:
    """Number of points that count as the end."""
    return max(3, int((epochs >= LATE * epochs[-1]).sum()))


def standard_error(one: Series) -> np.ndarray:
    """Typical standard error of a seed's estimates, (seeds,)."""
    return np.median(one.errors, axis=1)


def peak(one: Series) -> tuple[np.ndarray, np.ndarray]:
    """Peak of the smoothed series before the points that count as the end, and its epoch, each (seeds,)."""
    early = max(1, len(one.epochs) - _late(one.epochs))
    values = smooth(one.values, one.epochs)[:, :early]
    return values.max(1), one.epochs[values.argmax(1)]


def peak_index(one: Series) -> np.ndarray:
    """Index of the epoch of the peak, (seeds,)."""
    return np.searchsorted(one.epochs, peak(one)[1])


@functools.cache
def flat_drop(epochs: tuple[float, ...]) -> float:
    """Expected fall from peak to end of a flat series with unit noise on this grid of epochs (simulated)."""
    noise = np.random.default_rng(0).standard_normal((400, len(epochs)))
    flat = Series(np.array(epochs), noise, np.ones_like(noise), np.arange(len(noise)))
    return float((peak(flat)[0] - final(flat)).mean())


def drop(one: Series) -> np.ndarray:
    """Fall from the peak to the end, less what a flat series with the same noise would show, (seeds,)."""
    return peak(one)[0] - final(one) - flat_drop(tuple(one.epochs)) * standard_error(one)


def rise(one: Series) -> np.ndarray:
    """Peak less the value at the first epoch, (seeds,)."""
    return peak(one)[0] - one.values[:, 0]


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
    """Epoch of the first maximum of the smoothed series that stands out by `prominence` nats; nan if none, (seeds,)."""
    epochs = np.full(len(one.values), np.nan)
    for i, row in enumerate(smooth(one.values, one.epochs)):
        found, _ = find_peaks(row, prominence=prominence)
        if len(found):
            epochs[i] = one.epochs[found[0]]
    return epochs
