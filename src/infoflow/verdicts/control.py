"""Where a network lies beside its control: the same effect on networks that differ in the one thing the claim is about."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import stats

from infoflow.verdicts.questions import LEVEL, MINIMUM_UNITS, Question, mean_interval, t_test


@dataclass(frozen=True)
class Comparison:
    """A network beside its control.

    Attributes:
        state: `beyond` (the interval of the difference lies wholly on the claimed side), `opposite` (wholly on the other),
            `open`, `none` (the claim has no control) or `too few`.
        difference, low, high: network less control, the mean and its 95 % interval; of held or not held a difference of shares.
        p: two-sided p-value; nan where there is none.
    """

    state: str
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan


def compare(question: Question, effects: np.ndarray, control: np.ndarray | None, *, paired: bool) -> Comparison:
    """Compare the effects of a network and of its control.

    Paired effects are compared by their differences, others by Welch's t-test. Where an effect is a truth value, or an event
    that never came (nan), held is compared with not held: McNemar's exact test for pairs, Fisher's otherwise.

    Args:
        question: says on which side of the control the network must lie.
        effects: (units,) or (units, levels).
        control: the same of the control, unit by unit where paired.
        paired: whether both come from the same units.
    """
    if not question.needs_control:
        return Comparison("none")
    if control is None:
        return Comparison("too few")
    held, other = (question.held(values) if np.ndim(values) == 1 else None for values in (effects, control))
    effects, control = (compared(question, values) for values in (effects, control))
    if min(len(effects), len(control)) < MINIMUM_UNITS:
        return Comparison("too few")
    sign = 1.0 if question.control == "greater" else -1.0
    if held is not None and _are_events(np.concatenate([effects, control])):
        made = _mcnemar(held, other) if paired else _fisher(held, other)
        sign = 1.0  # the side is in what is held
    else:
        made = _paired(effects - control) if paired else _welch(effects, control)
    least, most = sorted((sign * made.low, sign * made.high))
    state = "beyond" if least > 0 else "opposite" if most < 0 else "open"
    return Comparison(state, made.difference, made.low, made.high, made.p)


def _are_events(values: np.ndarray) -> bool:
    """Whether effects are truth values, or hold events that never came."""
    return bool((~np.isfinite(values)).any() or np.isin(values, (0.0, 1.0)).all())


def compared(question: Question, effects: np.ndarray) -> np.ndarray:
    """What is compared of each unit, (units,): a trend's last level less its first, the distance from a window's middle, or the effect."""
    if np.ndim(effects) == 2:
        return effects[:, -1] - effects[:, 0]
    return np.abs(effects - question.reference) if question.within is not None else effects


def bootstrap(differences: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean by the BCa bootstrap (Efron 1987), a check on Student's t; nan where it is degenerate."""
    if len(differences) < MINIMUM_UNITS or not np.isfinite(differences).all() or np.ptp(differences) == 0:
        return math.nan, math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of nearly equal differences, where it gives nan
        made = stats.bootstrap((differences,), np.mean, n_resamples=2000, rng=np.random.default_rng(0))
    return float(made.confidence_interval.low), float(made.confidence_interval.high)


def _paired(differences: np.ndarray) -> Comparison:
    centre, low, high = mean_interval(differences)
    return Comparison("", centre, low, high, t_test(differences))


def _welch(effects: np.ndarray, control: np.ndarray) -> Comparison:
    centre = float(effects.mean() - control.mean())
    if np.ptp(effects) == 0 and np.ptp(control) == 0:
        return Comparison("", centre, centre, centre, 1.0 if centre == 0 else 0.0)
    test = stats.ttest_ind(effects, control, equal_var=False)
    low, high = test.confidence_interval(LEVEL)
    return Comparison("", centre, float(low), float(high), float(test.pvalue))


def _mcnemar(held: np.ndarray, other: np.ndarray) -> Comparison:
    """Exact test of the pairs that differ; the interval of the difference of shares follows from that of their share."""
    more, less = int((held & ~other).sum()), int((~held & other).sum())
    difference, apart = (more - less) / len(held), more + less
    if not apart:
        return Comparison("", 0.0, 0.0, 0.0, 1.0)
    test = stats.binomtest(more, apart)
    low, high = ((2 * end - 1) * apart / len(held) for end in test.proportion_ci(LEVEL, method="exact"))
    return Comparison("", difference, low, high, float(test.pvalue))


def _fisher(held: np.ndarray, other: np.ndarray) -> Comparison:
    table = [[int(held.sum()), int((~held).sum())], [int(other.sum()), int((~other).sum())]]
    p = float(stats.fisher_exact(table)[1])
    difference = float(held.mean() - other.mean())
    # the sign alone is decided: no exact interval of a difference of shares goes with this test
    return Comparison("", difference, *(_signed(difference) if p <= 1 - LEVEL else (-1.0, 1.0)), p)


def _signed(difference: float) -> tuple[float, float]:
    """An interval that lies on one side of 0 as a difference does."""
    return (math.nextafter(0, 1), 1.0) if difference > 0 else (-1.0, math.nextafter(0, -1))
