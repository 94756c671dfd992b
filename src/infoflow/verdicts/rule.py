"""From a test's outcome for each seed to a verdict: holds, fails, mixed, undecided, vacuous or rehearsal.

A claim holds when at least 80 % of the seeds hold it, the lower 95 % Wilson bound of that share exceeds one half, and
the value lies outside the central 95 % of the same statistic on a matched control (the null). It fails when at most
20 % hold it. Fewer than five seeds leave it undecided. Verdicts on stand-in data or cut-down sizes are rehearsals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from infoflow.verdicts.statistics import MINIMUM_SEEDS, holm, interval, mean_interval, wilson_lower

COLUMNS = [
    "id", "document", "claim", "outcome", "value", "unit", "threshold", "null_value", "null", "ci_low", "ci_high",
    "sensitivity", "seeds_held", "seeds", "variant", "data", "stand_in", "spread", "p_value", "p_holm", "detail",
    "figure",
]  # fmt: skip

Test = Callable[[Any], "Evidence | Iterable[Evidence]"]


@dataclass(frozen=True)
class Claim:
    """What a document says: id, figure, statement, the test with its threshold in words, and the function that tests it."""

    id: str
    figure: str
    statement: str
    threshold: str
    unit: str = "nats"
    needs: str = ""  # experiment without which it is not tested
    test: Callable[[Any], Evidence | Iterable[Evidence]] | None = None


CLAIMS: dict[str, dict[str, Claim]] = {}  # by the module that tests them, then by id, in the order of the source


def claim(
    name: str, figure: str, statement: str, threshold: str, unit: str = "nats", *, needs: str = ""
) -> Callable[[Test], Test]:
    """Make a function the test of a claim of its document.

    The function takes the document's study (what its module's `study(results)` returns) and returns the evidence, or
    several pieces of it, one a row of the table of claims. Where it returns none, the claim is listed as not tested.

    Args:
        name: id, for example `V-004-8`.
        figure: id of the figure that shows it.
        statement: what the document says.
        threshold: the test in words.
        unit: unit of the value.
        needs: experiment without which the claim is not tested.
    """

    def register(test: Test) -> Test:
        CLAIMS.setdefault(test.__module__, {})[name] = Claim(name, figure, statement, threshold, unit, needs, test)
        return test

    return register


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
    stand_in: bool = False
    vacuous: bool = False
    needs_null: bool = True
    verdict: Callable[[float], str] | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def outcome(held: np.ndarray, outside_null: bool) -> str:
    """Verdict on the seeds alone."""
    count = len(held)
    if count < MINIMUM_SEEDS:
        return "undecided"
    share = held.mean()
    if share >= 0.8 and wilson_lower(int(held.sum()), count) > 0.5:
        return "holds" if outside_null else "mixed"
    return "fails" if share <= 0.2 else "mixed"


def outside(value: float, null: np.ndarray) -> bool:
    """Whether a value lies outside the central 95 % of the null."""
    null = null[np.isfinite(null)]
    if not len(null) or not np.isfinite(value):
        return False
    low, high = np.quantile(null, [0.025, 0.975])
    return bool(value < low or value > high)


def decide(claim: Claim, evidence: Evidence, *, rehearsal: bool) -> dict[str, Any]:
    """One row of the table of claims."""
    stand_in = evidence.stand_in
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


def missing(claim: Claim, *, rehearsal: bool) -> dict[str, Any]:
    """The row of a claim whose experiment this run does not hold."""
    why = "this run holds no network that the claim is about"
    if claim.needs:
        why = f"experiment {claim.needs} is not in this run; it is in configs/paper.yaml"
    row = dict.fromkeys(COLUMNS)
    row |= {
        "id": claim.id, "claim": claim.statement, "outcome": "rehearsal" if rehearsal else "undecided", "value": np.nan, "unit": claim.unit,
        "threshold": claim.threshold, "null_value": np.nan, "null": "", "ci_low": np.nan, "ci_high": np.nan,
        "sensitivity": "", "seeds_held": 0, "seeds": 0, "variant": "", "data": "", "stand_in": False,
        "spread": np.nan, "p_value": np.nan, "figure": claim.figure,
        "detail": json.dumps({"why": why}),
    }  # fmt: skip
    return row


def verdicts(module: str, study: Any, has: Callable[[str], bool], *, rehearsal: bool) -> list[dict[str, Any]]:
    """Rows of all claims that a module tests, in the order of their ids.

    Args:
        module: name of the module.
        study: what its tests take.
        has: whether the run holds an experiment.
        rehearsal: whether no verdict counts.
    """
    rows = []
    for claim in sorted(CLAIMS.get(module, {}).values(), key=lambda claim: _position(claim.id)):
        evidence = claim.test(study) if not claim.needs or has(claim.needs) else []
        pieces = [evidence] if isinstance(evidence, Evidence) else list(evidence)
        rows += [decide(claim, piece, rehearsal=rehearsal) for piece in pieces] or [missing(claim, rehearsal=rehearsal)]
    return rows


def _position(name: str) -> tuple[str, int, str]:
    """What claims are sorted by: numbers first, then controls (C) and extensions (E), each by number and letter."""
    family, number, letter = re.fullmatch(r"V-\d+-([A-Z]?)(\d*)(\w*)", name).groups()
    return family, int(number or 0), letter


def ledger(document: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """All verdicts of a document, perhaps none, their p-values adjusted by Holm's method among themselves."""
    table = pd.DataFrame(rows, columns=None if rows else COLUMNS)
    table["document"] = document
    table["p_holm"] = holm(table["p_value"].to_numpy(float))
    return table[COLUMNS]


def _plain(value: Any) -> Any:
    """NumPy values as JSON."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item()
