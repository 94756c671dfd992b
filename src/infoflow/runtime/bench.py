"""`infoflow bench`: how often an estimator of one's own sees a compression that is known."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import pandas as pd

from infoflow.estimation.live import Asked
from infoflow.truth import detection
from infoflow.verdicts.detection import effects, rates


def bench(asked: Asked, quantity: str, trajectories: Iterable[int], seed: int = 2019) -> pd.DataFrame:
    """How often an estimator of one's own sees a compression, beside those of `infoflow.truth.detection.CANDIDATES`.

    Args:
        asked: as `infoflow.estimate` takes it: a function, or a mapping with `kind` and settings.
        quantity: what falls when a layer compresses: the quantity's name in the table.
        trajectories: numbers of the layers that it is tried on.
        seed: of the layers.

    Returns:
        Rates as `rates` gives them; the estimator is called `mine`.
    """
    candidates = {"mine": detection.Candidate(asked, quantity), **detection.CANDIDATES}
    rows: list[dict[str, object]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in trajectories:
            rows += detection.evaluate(detection.trajectory(number, seed), candidates, seed)
    return rates(effects(pd.DataFrame(rows)))
