"""Grids of epochs: geometric ones, and the recorded epochs near to them."""

from __future__ import annotations

import bisect


def geometric(start: int, stop: int, count: int) -> list[int]:
    """Distinct rounded points of a geometric grid, both ends included."""
    if count == 1 or start == stop:
        return [stop]
    ratio = stop / start
    return sorted({round(start * ratio ** (i / (count - 1))) for i in range(count)})


def spread(epochs: list[int], count: int) -> list[int]:
    """About `count` of the recorded epochs, near a geometric grid; the first and the last are always among them."""
    if len(epochs) <= count:
        return list(epochs)
    grid = geometric(1, max(epochs[-1], 2), count - 1)
    return sorted({epochs[0], epochs[-1]} | {_nearest(epochs, value) for value in grid})


def _nearest(ascending: list[int], value: int) -> int:
    """The entry nearest to a value, the smaller of two that are as near."""
    i = bisect.bisect_left(ascending, value)
    return min(ascending[max(0, i - 1) : i + 1] or ascending[-1:], key=lambda entry: abs(entry - value))
