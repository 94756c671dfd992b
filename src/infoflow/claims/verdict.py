"""From a test's outcome for each seed to a verdict: holds, fails, mixed, undecided, vacuous or rehearsal.

A claim holds when at least 80 % of the seeds hold it, the lower 95 % Wilson bound of that share exceeds one half, and
the value lies outside the central 95 % of the same statistic on a matched control (the null). It fails when at most
20 % hold it. Fewer than five seeds leave it undecided. Verdicts on stand-in data or cut-down sizes are rehearsals.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

COLUMNS = [
    "id", "document", "claim", "outcome", "value", "unit", "threshold", "null_value", "null", "ci_low", "ci_high",
    "sensitivity", "seeds_held", "seeds", "variant", "data", "stand_in", "spread", "p_value", "p_holm", "detail",
    "figure",
]  # fmt: skip

MINIMUM_SEEDS = 5


@dataclass(frozen=True)
class Claim:
    """What a document says: id, figure, statement and the test with its threshold in words."""

    id: str
    figure: str
    statement: str
    threshold: str
    unit: str = "nats"


@dataclass
class Evidence:
    """What the test found.

    `test(scale)` gives for each seed whether the claim is held with every threshold multiplied by `scale`; `values` is
    the statistic of each seed and `null` the same statistic on the control that `control` names. A claim about a mean over
    seeds gives its own `verdict(scale)`, which takes the place of the share of seeds; value and interval are then those of the mean.
    """

    test: Callable[[float], np.ndarray]
    values: np.ndarray
    null: np.ndarray
    control: str
    variant: str = ""
    data: str = ""
    vacuous: bool = False
    needs_null: bool = True
    verdict: Callable[[float], str] | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def wilson_lower(held: int, count: int) -> float:
    """Lower end of the 95 % Wilson interval of a share."""
    return float(stats.binomtest(held, count).proportion_ci(0.95, method="wilson").low)


def outcome(held: np.ndarray, outside_null: bool) -> str:
    """Verdict on the seeds alone."""
    count = len(held)
    if count < MINIMUM_SEEDS:
        return "undecided"
    share = held.mean()
    if share >= 0.8 and wilson_lower(int(held.sum()), count) > 0.5:
        return "holds" if outside_null else "mixed"
    return "fails" if share <= 0.2 else "mixed"


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


def outside(value: float, null: np.ndarray) -> bool:
    """Whether a value lies outside the central 95 % of the null."""
    null = null[np.isfinite(null)]
    if not len(null) or not np.isfinite(value):
        return False
    low, high = np.quantile(null, [0.025, 0.975])
    return bool(value < low or value > high)


def decide(claim: Claim, evidence: Evidence, *, rehearsal: bool, stand_in: bool = False) -> dict[str, Any]:
    """One row of the table of claims."""
    values, null = np.asarray(evidence.values, float), np.asarray(evidence.null, float)
    median = float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan")
    beyond = not evidence.needs_null or outside(median, null)
    held = {scale: np.asarray(evidence.test(scale), bool) for scale in (0.5, 1.0, 2.0)}
    verdicts = {scale: evidence.verdict(scale) if evidence.verdict else outcome(h, beyond) for scale, h in held.items()}
    result = verdicts[1.0]
    if evidence.vacuous:
        result = "vacuous"
    detail = {
        "share": float(held[1.0].mean()) if len(held[1.0]) else None,
        "outside_null": beyond,
        **evidence.detail,
    }
    if rehearsal or stand_in:
        detail["would_be"] = result
        result = "rehearsal"
    low, high = interval(values)
    if evidence.verdict:  # a claim about the mean
        median, low, high = mean_interval(values)
    usable, control = values[np.isfinite(values)], null[np.isfinite(null)]
    p = stats.mannwhitneyu(usable, control).pvalue if len(usable) > 1 and len(control) > 1 else np.nan
    return {
        "id": claim.id, "claim": claim.statement, "outcome": result, "value": median, "unit": claim.unit,
        "threshold": claim.threshold, "null_value": float(np.nanmedian(null)) if len(control) else np.nan,
        "null": evidence.control, "ci_low": low, "ci_high": high,
        "sensitivity": "robust" if len(set(verdicts.values())) == 1 else "threshold-dependent",
        "seeds_held": int(held[1.0].sum()), "seeds": len(held[1.0]), "variant": evidence.variant,
        "data": evidence.data, "stand_in": stand_in, "spread": float(np.std(usable)) if len(usable) else np.nan,
        "p_value": float(p), "detail": json.dumps(detail, sort_keys=True, default=_plain), "figure": claim.figure,
    }  # fmt: skip


def missing(claim: Claim, experiment: str, *, rehearsal: bool) -> dict[str, Any]:
    """The row of a claim whose experiment this run does not hold."""
    row = dict.fromkeys(COLUMNS)
    row |= {
        "id": claim.id, "claim": claim.statement, "outcome": "rehearsal" if rehearsal else "undecided", "value": np.nan, "unit": claim.unit,
        "threshold": claim.threshold, "null_value": np.nan, "null": "", "ci_low": np.nan, "ci_high": np.nan,
        "sensitivity": "", "seeds_held": 0, "seeds": 0, "variant": "", "data": "", "stand_in": False,
        "spread": np.nan, "p_value": np.nan, "figure": claim.figure,
        "detail": json.dumps({"why": f"experiment {experiment} is not in this run; it is in configs/paper.yaml"}),
    }  # fmt: skip
    return row


def table(document: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """All verdicts of a document, perhaps none, their p-values adjusted by Holm's method among themselves."""
    made = pd.DataFrame(rows, columns=None if rows else COLUMNS)
    made["document"] = document
    made["p_holm"] = holm(made["p_value"].to_numpy(float))
    return made[COLUMNS]


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


def _plain(value: Any) -> Any:
    """NumPy values as JSON."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item()
