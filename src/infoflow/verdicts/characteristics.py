"""Operating characteristics of the rule: how often it says what, on simulated units whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from infoflow.verdicts.control import compare
from infoflow.verdicts.questions import Each, Mean, Question, Same, Trend

UNITS = (5, 8, 12, 16, 20)
LEVELS = 6  # of the factor of a trend
ENOUGH = 0.8  # power at which a number of units is said to decide


class Case(NamedTuple):
    """One kind of units.

    Attributes:
        question: name of what is asked, or `control`.
        strength: share of units that hold, or distance from the null hypothesis in standard deviations between units.
        null: whether saying `holds` is false.
        draw: effects of n units from a generator.
        says: outcome for the effects.
    """

    question: str
    strength: float
    null: bool
    draw: Callable[[np.random.Generator, int], np.ndarray]
    says: Callable[[np.ndarray], str]


def cases() -> list[Case]:
    """Every question at its null hypothesis and beyond it."""
    made = []
    each, mean, trend = (kind("effect", "", above=0.0) for kind in (Each, Mean, Trend))
    for share in (0.5, 0.7, 0.9):
        made.append(Case("each", share, share == 0.5, _truths(share), _says(each)))
    for strength in (0.0, 0.5, 1.0, 2.0):
        made.append(Case("mean", strength, strength == 0, _normal(strength), _says(mean)))
        # the true difference is 0 and the margin wide; at the null it lies on the margin
        same = Same("effect", "", within=strength or 1.0, control="less")
        made.append(Case("same", strength, strength == 0, _normal(0.0 if strength else 1.0), _says(same)))
        made.append(Case("trend", strength, strength == 0, _rising(strength), _says(trend)))
        made.append(Case("control", strength, strength == 0, _pairs(strength), _beside(each)))
    return made


def characteristics(trials: int, seed: int = 0, units: tuple[int, ...] = UNITS) -> pd.DataFrame:
    """Share of trials in which each outcome comes: question, strength, null, units, outcome, share.

    Args:
        trials: simulated claims of each kind.
        seed: of the generator.
        units: numbers of units.
    """
    rows = []
    for k, case in enumerate(cases()):
        for n in units:
            generator = np.random.default_rng([seed, k, n])
            said = pd.Series([case.says(case.draw(generator, n)) for _ in range(trials)])
            for outcome, share in said.value_counts(normalize=True).items():
                rows.append((case.question, case.strength, case.null, n, outcome, share))
    return pd.DataFrame(rows, columns=["question", "strength", "null", "units", "outcome", "share"])


def units_to_decide(table: pd.DataFrame) -> pd.DataFrame:
    """Least number of units with which a claim that is true holds in 80 % of trials: question, strength, units (nan: more)."""
    held = table[~table["null"] & table["outcome"].isin(["holds", "beyond"])]
    rows = []
    for question, strength in (
        table.loc[~table["null"], ["question", "strength"]].drop_duplicates().itertuples(index=False)
    ):
        power = held[(held["question"] == question) & (held["strength"] == strength)].set_index("units")["share"]
        enough = power.index[power >= ENOUGH]
        rows.append((question, strength, float(enough.min()) if len(enough) else np.nan))
    return pd.DataFrame(rows, columns=["question", "strength", "units"])


def _says(question: Question) -> Callable[[np.ndarray], str]:
    return lambda effects: question.answer(effects).outcome


def _beside(question: Question) -> Callable[[np.ndarray], str]:
    return lambda effects: compare(question, effects[0], effects[1], paired=True).state


def _truths(share: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda generator, n: np.where(generator.random(n) < share, 1.0, -1.0)


def _normal(mean: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda generator, n: generator.standard_normal(n) + mean


def _rising(strength: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    levels = np.linspace(0, strength, LEVELS)
    return lambda generator, n: generator.standard_normal((n, LEVELS)) + levels


def _pairs(strength: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    """Effects of a network and of its control, (2, units), whose differences have a standard deviation of 1."""
    shift = np.array([[strength], [0.0]])
    return lambda generator, n: generator.standard_normal((2, n)) / np.sqrt(2) + shift
