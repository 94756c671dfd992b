"""How far a long job is, with an estimate of the time left."""

from __future__ import annotations

import time


class Progress:
    """Prints `<unit> <done>/<total>, … s, about … s left`, at most every ten seconds.

    Args:
        unit: what is counted.
        total: how many there are.
        done: how many an earlier run has done.
        every: seconds between two lines.
    """

    def __init__(self, unit: str, total: int, done: int = 0, every: float = 10.0) -> None:
        self.unit, self.total, self.first, self.every = unit, total, done, every
        self.started = self.reported = time.monotonic()

    def due(self) -> bool:
        """Whether it is time for a line."""
        return time.monotonic() - self.reported > self.every

    def report(self, done: int) -> None:
        """Print a line."""
        now = time.monotonic()
        spent, since = now - self.started, done - self.first
        left = f", about {spent / since * (self.total - done):.0f} s left" if since else ""
        print(f"{self.unit} {done}/{self.total}, {spent:.0f} s{left}", flush=True)
        self.reported = now
