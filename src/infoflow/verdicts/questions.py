"""The five questions that a claim may ask, each with its test, and numbers that are reported beside them.

A question takes one effect a unit (a seed, a network, a test speaker) and a margin, and answers `holds`, `fails`, `mixed` or
`undecided`. Fewer than five units decide nothing, except where the question is exact.

The tests are Wilson's interval of a share (Wilson 1927), Student's t, two one-sided t-tests (Schuirmann 1987), Kendall's τ
within units and Page's test for ordered alternatives (Page 1963).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from scipy import special, stats

MINIMUM_UNITS = 5
MIXED_UNITS = 10  # with fewer, a mixed population looks like a small sample of an even one
LEVEL = 0.95
ERRORS = 3  # standard errors of its estimate that an effect must exceed


@dataclass(frozen=True)
class Answer:
    """What a question says of some effects.

    Attributes:
        outcome: `holds`, `fails`, `mixed` or `undecided`.
        value, low, high: the typical effect and its 95 % interval: the median where each unit is asked, else the mean.
        held: whether each unit lies on the claimed side, (units,).
        p: two-sided p-value of the question's null hypothesis; nan where there is none.
    """

    outcome: str
    value: float
    low: float
    high: float
    held: np.ndarray
    p: float


@dataclass(frozen=True)
class Question:
    """One part of a claim: its effect, the margin, and on which side of its control a network must lie.

    Attributes:
        effect: what one unit contributes, in words.
        unit: unit of the effect.
        above, below, within: the margin; an effect lies above it, below it, or no further than this from the reference.
        reference: where the margin is measured from.
        control: `greater` or `less` (than the same effect of the control), or `none: ` with the reason.
        part: name of the part, in a claim that has several.
    """

    effect: str
    unit: str = "nats"
    above: float | None = None
    below: float | None = None
    within: float | None = None
    reference: float = 0.0
    control: str = "greater"
    part: str = ""

    name: ClassVar[str] = ""
    windows: ClassVar[bool] = True  # whether it can be asked with `within`

    def __post_init__(self) -> None:
        if self.within is not None and not self.windows:
            raise ValueError(
                f"{self.effect}: {self.name} takes above or below; a mean within a margin is asked by same"
            )
        if sum(margin is not None for margin in (self.above, self.below, self.within)) != 1:
            raise ValueError(f"{self.effect}: give one of above, below and within")
        if self.control not in ("greater", "less") and not self.control.startswith("none: "):
            raise ValueError(f"{self.effect}: control is 'greater', 'less' or 'none: ' with a reason")

    @property
    def margin(self) -> float:
        """The margin, whichever side it is on."""
        return next(margin for margin in (self.above, self.below, self.within) if margin is not None)

    @property
    def needs_control(self) -> bool:
        """Whether the claim says on which side of a control a network lies."""
        return self.control in ("greater", "less")

    @property
    def criterion(self) -> str:
        """The test in words."""
        if self.within is not None:
            centre = f"{self.reference:g} " if self.reference else ""
            return f"{self.effect}: {centre}± {self.margin:g} {self.unit}".rstrip()
        return f"{self.effect} {'>' if self.above is not None else '<'} {self.margin:g} {self.unit}".rstrip()

    def scaled(self, scale: float) -> Self:
        """The question with its margin `scale` times as far from its reference."""
        if self.within is not None:
            return replace(self, within=scale * self.within)
        moved = self.reference + scale * (self.margin - self.reference)
        return replace(self, above=moved) if self.above is not None else replace(self, below=moved)

    @property
    def scalable(self) -> bool:
        """Whether the margin has a distance from its reference."""
        return self.within is not None or self.margin != self.reference

    def held(self, effects: np.ndarray, errors: np.ndarray | None = None) -> np.ndarray:
        """Whether each effect is on the claimed side; an event that never came (nan) is not, (units,).

        With the standard errors of the effects, (units,), a margin nearer to its reference than three of them is taken there.
        """
        if self.within is not None:
            return np.abs(effects - self.reference) <= self.margin
        margin = np.full(len(effects), float(self.margin))
        if errors is not None:
            side = 1.0 if self.margin >= self.reference else -1.0
            margin = self.reference + side * np.maximum(abs(self.margin - self.reference), ERRORS * errors)
        return effects > margin if self.above is not None else effects < margin

    def answer(self, effects: np.ndarray, errors: np.ndarray | None = None) -> Answer:
        """Answer the question from the effects of the units, (units,), of `Trend` (units, levels)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Exact(Question):
    """A proposition, an identity, a count: true for all, or false. Without a margin the effects are truth values."""

    above: float | None = 0.5
    unit: str = ""
    control: str = "none: exact"
    name: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        if self.below is not None or self.within is not None:
            object.__setattr__(self, "above", None)
        super().__post_init__()

    @property
    def criterion(self) -> str:
        """The test in words."""
        return self.effect if self.above == 0.5 and not self.unit else super().criterion

    def answer(self, effects: np.ndarray, errors: np.ndarray | None = None) -> Answer:
        """As in the base class."""
        held = self.held(effects)
        worst = effects.max() if self.above is None else effects.min()
        return Answer("holds" if held.all() else "fails", float(worst), math.nan, math.nan, held, math.nan)


@dataclass(frozen=True)
class Each(Question):
    """`A network of this kind does X`, against the null hypothesis that half of them do."""

    name: ClassVar[str] = "each"

    def answer(self, effects: np.ndarray, errors: np.ndarray | None = None) -> Answer:
        """As in the base class: holds at a share of 0.8 with a lower Wilson bound above one half, fails at the mirror image."""
        held = self.held(effects, errors)
        count, n = int(held.sum()), len(held)
        value, low, high = median_interval(effects)
        if n < MINIMUM_UNITS:
            return Answer("undecided", value, low, high, held, math.nan)
        test, share = stats.binomtest(count, n), count / n
        least, most = test.proportion_ci(LEVEL, method="wilson")
        if share >= 0.8 and least > 0.5:
            outcome = "holds"
        elif share <= 0.2 and most < 0.5:
            outcome = "fails"
        else:
            outcome = "mixed" if n >= MIXED_UNITS and 0.2 < share < 0.8 else "undecided"
        return Answer(outcome, value, low, high, held, float(test.pvalue))


@dataclass(frozen=True)
class Mean(Question):
    """An average over units against a margin: the 95 % interval of the mean lies wholly on one side."""

    name: ClassVar[str] = "mean"
    windows: ClassVar[bool] = False

    def answer(self, effects: np.ndarray, errors: np.ndarray | None = None) -> Answer:
        """As in the base class."""
        values, held = effects[np.isfinite(effects)], self.held(effects)
        value, low, high = mean_interval(values)
        if len(values) < MINIMUM_UNITS:
            return Answer("undecided", value, low, high, held, math.nan)
        inside, outside = low > self.margin, high < self.margin
        if self.below is not None:
            inside, outside = outside, inside
        outcome = "holds" if inside else "fails" if outside else "undecided"
        return Answer(outcome, value, low, high, held, t_test(values, self.margin))


@dataclass(frozen=True)
class Same(Question):
    """A mean equals its reference up to a margin: its 90 % interval lies within (two one-sided tests at 5 %)."""

    name: ClassVar[str] = "same"

    def answer(self, effects: np.ndarray, errors: np.ndarray | None = None) -> Answer:
        """As in the base class."""
        values, held = effects[np.isfinite(effects)], self.held(effects)
        value, low, high = mean_interval(values)
        if len(values) < MINIMUM_UNITS:
            return Answer("undecided", value, low, high, held, math.nan)
        _, least, most = mean_interval(values - self.reference, 0.90)
        if -self.margin < least and most < self.margin:
            outcome = "holds"
        else:
            outcome = "fails" if least > self.margin or most < -self.margin else "undecided"
        apart = values - self.reference
        p = 2 * max(one_sided(apart + self.margin), one_sided(self.margin - apart))
        if outcome == "fails":  # that it lies outside
            p = 2 * min(one_sided(-apart - self.margin), one_sided(apart - self.margin))
        return Answer(outcome, value, low, high, held, min(1.0, p))


@dataclass(frozen=True)
class Trend(Question):
    """Monotone over an ordered factor, units as blocks: the mean of Kendall's τ within each unit against a margin."""

    name: ClassVar[str] = "trend"
    windows: ClassVar[bool] = False

    def answer(self, effects: np.ndarray, errors: np.ndarray | None = None) -> Answer:
        """As in the base class: effects (units, levels); levels that are saturated are left out for all units beforehand."""
        values = np.atleast_2d(effects)
        taus = np.array([kendall(row) for row in values])
        made = Mean(self.effect, self.unit, above=self.above, below=self.below, control=self.control).answer(taus)
        complete = values[np.isfinite(values).all(1)]
        p = math.nan
        if len(complete) >= 2 and complete.shape[1] >= 3:
            falls = made.value < 0
            p = min(1.0, 2 * float(stats.page_trend_test(-complete if falls else complete).pvalue))
        return Answer(made.outcome, made.value, made.low, made.high, made.held, p)


@dataclass(frozen=True)
class Reported(Question):
    """No question: a number beside the claims, with its mean over the units. It decides nothing and is never primary."""

    above: float | None = 0.0
    control: str = "none: a number"
    name: ClassVar[str] = "number"

    @property
    def criterion(self) -> str:
        """What is reported."""
        return self.effect

    @property
    def scalable(self) -> bool:
        """A number has no margin."""
        return False

    def answer(self, effects: np.ndarray, errors: np.ndarray | None = None) -> Answer:
        """As in the base class; nothing is held."""
        return Answer("reported", *mean_interval(effects), np.zeros(len(effects), bool), math.nan)


def mean_interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float, float]:
    """Mean and its interval by Student's t; nan without two values."""
    values = values[np.isfinite(values)]
    centre = float(values.mean()) if len(values) else math.nan
    if len(values) < 2:
        return centre, math.nan, math.nan
    half = special.stdtrit(len(values) - 1, 0.5 + level / 2) * values.std(ddof=1) / math.sqrt(len(values))
    return centre, float(centre - half), float(centre + half)


def median_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Median and its interval between two order statistics, which covers 95 %; with fewer than six values the range.

    An event that never came (nan) is left out; an infinite effect counts.
    """
    ordered = np.sort(values[~np.isnan(values)])
    n = len(ordered)
    if n < 2:
        return (float(ordered[0]) if n else math.nan), math.nan, math.nan
    rank = max(0, int(stats.binom.ppf((1 - LEVEL) / 2, n, 0.5)) - 1)
    return float(np.median(ordered)), float(ordered[rank]), float(ordered[n - 1 - rank])


def kendall(row: np.ndarray) -> float:
    """Kendall's τ_b between the order of the levels and their values; nan where none differ."""
    row = row[np.isfinite(row)]
    signs = np.sign(row[None, :] - row[:, None])[np.triu_indices(len(row), 1)]
    differ = np.count_nonzero(signs)
    return float(signs.sum() / math.sqrt(len(signs) * differ)) if differ else math.nan


def t_test(values: np.ndarray, margin: float = 0.0) -> float:
    """Two-sided p-value of a mean against a margin, by Student's t."""
    return 2 * min(one_sided(values - margin), one_sided(margin - values))


def one_sided(values: np.ndarray) -> float:
    """One-sided p-value that the mean is above 0, by Student's t."""
    spread = values.std(ddof=1)
    if spread == 0:
        return 0.0 if values[0] > 0 else 0.5 if values[0] == 0 else 1.0
    return float(special.stdtr(len(values) - 1, -values.mean() * math.sqrt(len(values)) / spread))
