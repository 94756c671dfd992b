"""Which estimator to take: the one that saw most of the compressions of layers of this size (`benchmarks/detection.py`)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from infoflow.errors import InputError

TABLE = Path(__file__).parent / "recommended.json"  # written by benchmarks/detection.py


class Recommendation(NamedTuple):
    """An estimator with its settings, and how it did on layers that are known to compress or not.

    Attributes:
        units: sizes of the layers that it was tried on, from and to.
        estimator: as `infoflow.estimate` takes it.
        kind: of its rows, `upper`, `lower` or `point`.
        threshold: fall, in nats, that 5 % of the layers without compression show.
        rate: share of the compressing layers that fall by more, with its 95 % interval (Wilson) `low`, `high`.
        rate_at_margin, alarms_at_margin: shares of the compressing layers, and of the others, that fall by more than 0.10 nats.
        layers: how many compressed.
    """

    units: tuple[int, int]
    estimator: dict[str, Any]
    kind: str
    threshold: float
    rate: float
    low: float
    high: float
    rate_at_margin: float
    alarms_at_margin: float
    layers: int

    def __str__(self) -> str:
        return (
            f"{self.estimator} ({self.kind}): in layers of {self.units[0]} to {self.units[1]} units it saw {self.rate:.0%} "
            f"({self.low:.0%} to {self.high:.0%}) of {self.layers} compressions at 5 % false alarms, and {self.rate_at_margin:.0%} as falls "
            f"of more than 0.10 nats at {self.alarms_at_margin:.0%}"
        )


def table() -> list[Recommendation]:
    """The recommended estimator of each range of sizes, the smallest first."""
    rows = json.loads(TABLE.read_text(encoding="utf-8"))
    return [Recommendation(**{**row, "units": tuple(row["units"])}) for row in rows]


MARKS = "<!-- recommended: written by `python benchmarks/detection.py` -->", "<!-- end of recommended -->"


def markdown() -> str:
    """The recommendations as the table of docs/which-estimator.md, within its marks."""
    lines = [
        "| units | estimator | sees at 5 % false alarms | 95 % interval | a fall of 0.10 nats: seen | false alarms |",
        "|---|---|---|---|---|---|",
    ]
    for one in table():
        settings = ", ".join(
            f"{name}: {value}" for name, value in one.estimator.items() if name != "kind" and value != []
        )
        name = f"`{one.estimator['kind']}`" + (f" ({one.kind} bound)" if one.kind in ("upper", "lower") else "")
        lines.append(
            f"| {one.units[0]} to {one.units[1]} | {name}{f', `{settings}`' if settings else ''} | {one.rate:.0%} of {one.layers} | "
            f"{one.low:.0%} to {one.high:.0%} | {one.rate_at_margin:.0%} | {one.alarms_at_margin:.0%} |"
        )
    return "\n".join([MARKS[0], *lines, MARKS[1]])


def recommend(values: Any) -> Recommendation:
    """The estimator of information to take for a layer of this size.

    `infoflow.estimate(recording, recommend(values).estimator)` uses it.

    Args:
        values: of the layer, (n, …), or their shape.

    Returns:
        The recommendation for the range of sizes that is nearest, on a logarithmic scale.

    Raises:
        InputError: fewer than two axes, or an empty one.
    """
    shape = tuple(values) if isinstance(values, (tuple, list)) and not np.ndim(values[0]) else tuple(np.shape(values))
    if len(shape) < 2 or 0 in shape:
        raise InputError(f"values: expected (n, …) with one row a sample, got shape {shape}")
    units = math.prod(shape[1:])
    return min(table(), key=lambda one: max(math.log(one.units[0] / units), math.log(units / one.units[1]), 0.0))
