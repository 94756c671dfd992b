"""Answers on effects whose outcome is known by hand, and statistics against closed forms and SciPy."""

import math

import numpy as np
import pytest
from scipy import stats

from infoflow.verdicts.questions import (
    Each,
    Exact,
    Mean,
    Reported,
    Same,
    Trend,
    kendall,
    mean_interval,
    median_interval,
)


def each(**options):
    return Each("effect", "nats", **({"above": 1.0} | options))


@pytest.mark.parametrize(
    ("held", "missed", "expected"),
    [
        (5, 0, "holds"),
        (4, 1, "undecided"),  # Wilson's lower bound of 4 of 5 is 0.38
        (4, 0, "undecided"),  # too few units
        (16, 4, "holds"),
        (15, 5, "mixed"),
        (4, 16, "fails"),
        (0, 5, "fails"),
        (5, 4, "undecided"),  # nine units cannot tell a mixed population
        (5, 5, "mixed"),
        (0, 0, "undecided"),
    ],
)
def test_each_unit_is_asked(held, missed, expected):
    assert each().answer(np.array([2.0] * held + [0.0] * missed)).outcome == expected


def test_an_event_that_never_comes_is_not_held():
    made = each(above=None, below=50.0).answer(np.array([40.0] * 10 + [np.nan] * 2))
    assert made.held.sum() == 10
    assert made.value == 40


def test_an_effect_within_three_standard_errors_is_none():
    effects, errors = np.array([0.2, 0.2]), np.array([0.01, 0.1])
    assert each(above=0.1).held(effects, errors).tolist() == [True, False]
    assert each(above=None, below=0.1).held(effects, errors).tolist() == [False, True]


def test_a_mean_is_decided_by_its_interval():
    inside = np.array([1.9, 2.0, 2.1, 2.0, 2.0])
    assert Mean("effect", above=1.0).answer(inside).outcome == "holds"
    assert Mean("effect", below=1.0).answer(inside).outcome == "fails"
    assert Mean("effect", above=2.0).answer(inside).outcome == "undecided"
    assert Mean("effect", above=1.0).answer(inside[:4]).outcome == "undecided"


def test_two_one_sided_tests():
    near, far = np.linspace(-0.1, 0.1, 9), np.linspace(2.9, 3.1, 9)
    same = Same("effect", within=0.5, control="less")
    assert same.answer(near).outcome == "holds"
    assert same.answer(far).outcome == "fails"
    assert same.answer(5 * near).outcome == "holds"  # 90 % interval: ±0.21
    assert same.answer(20 * near).outcome == "undecided"
    assert Same("effect", within=0.5, reference=3.0, control="less").answer(far).outcome == "holds"


def test_p_of_sameness_is_twice_the_larger_of_two_one_sided_tests():
    values = np.array([0.1, -0.2, 0.3, 0.0, 0.2, -0.1])
    sides = [
        stats.ttest_1samp(values, bound, alternative=side).pvalue for bound, side in ((-0.5, "greater"), (0.5, "less"))
    ]
    assert Same("effect", within=0.5, control="less").answer(values).p == pytest.approx(2 * max(sides))


def test_a_trend_is_the_mean_of_the_units_tau():
    rows = np.arange(5.0) + np.zeros((6, 1))
    made = Trend("τ", above=0.5).answer(rows)
    assert (made.outcome, made.value) == ("holds", 1.0)
    assert Trend("τ", above=0.5).answer(rows[:, ::-1]).outcome == "fails"
    assert made.p == pytest.approx(2 * stats.page_trend_test(rows).pvalue)


@pytest.mark.parametrize("seed", range(5))
def test_kendall_is_scipys(seed):
    row = np.random.default_rng(seed).integers(0, 4, 9).astype(float)
    assert kendall(row) == pytest.approx(stats.kendalltau(np.arange(9), row)[0])


def test_exact_questions_need_all():
    assert Exact("all equal").answer(np.array([1.0, 1.0])).outcome == "holds"
    assert Exact("all equal").answer(np.array([1.0, 0.0])).outcome == "fails"
    assert Exact("error", below=1e-8).answer(np.array([1e-9, 1e-7])).outcome == "fails"


def test_a_number_decides_nothing():
    assert Reported("share").answer(np.array([0.5, 0.7])).outcome == "reported"


def test_margins_scale_from_their_reference():
    assert Each("x", above=0.6, reference=1.0).scaled(0.5).margin == pytest.approx(0.8)
    assert Each("x", below=-0.1).scaled(2).margin == pytest.approx(-0.2)
    assert Same("x", within=2.0, reference=5.0, control="less").scaled(2).margin == 4.0
    assert not Each("x", above=0.0).scalable


def test_a_question_needs_one_margin_and_a_reason_for_no_control():
    with pytest.raises(ValueError, match="one of above, below and within"):
        Each("x", above=1.0, below=2.0)
    with pytest.raises(ValueError, match="a mean within a margin is asked by same"):
        Mean("x", within=1.0)
    with pytest.raises(ValueError, match="'none: ' with a reason"):
        Each("x", above=1.0, control="none")


def test_intervals():
    values = np.array([0.3, 1.2, -0.4, 0.9, 2.0])
    assert mean_interval(values)[1:] == pytest.approx(stats.ttest_1samp(values, 0).confidence_interval(0.95))
    assert median_interval(np.arange(5.0)) == (2.0, 0.0, 4.0)
    assert median_interval(np.arange(20.0)) == (9.5, 5.0, 14.0)  # orders 6 and 15 cover 95.9 %
    assert all(map(math.isnan, median_interval(np.array([np.nan]))))
