"""Networks beside their controls."""

import numpy as np
import pytest
from scipy import stats

from infoflow.verdicts.control import bootstrap, compare
from infoflow.verdicts.questions import Each, Same, Trend

RNG = np.random.default_rng(0)
SEEDS = RNG.standard_normal(12)
MORE = Each("effect", above=0.5)
LESS = Each("effect", below=0.5, control="less")


def test_pairs_see_what_seeds_hide():
    spread, effect = 10 * SEEDS, 0.3 + 0.1 * RNG.standard_normal(12)
    assert compare(MORE, spread + effect, spread, paired=True).state == "beyond"
    assert compare(MORE, spread + effect, spread, paired=False).state == "open"


def test_the_claimed_side_counts():
    assert compare(LESS, SEEDS - 1, SEEDS, paired=True).state == "beyond"
    assert compare(MORE, SEEDS - 1, SEEDS, paired=True).state == "opposite"
    assert compare(MORE, SEEDS, SEEDS, paired=True).state == "open"


def test_interval_and_p_are_those_of_the_t_tests():
    other = RNG.standard_normal(12)
    paired, unpaired = (compare(MORE, SEEDS, other, paired=paired) for paired in (True, False))
    truth = stats.ttest_rel(SEEDS, other)
    assert (paired.low, paired.high) == pytest.approx(tuple(truth.confidence_interval()))
    assert paired.p == pytest.approx(truth.pvalue)
    assert unpaired.p == pytest.approx(stats.ttest_ind(SEEDS, other, equal_var=False).pvalue)


def test_too_few_and_no_control():
    assert compare(MORE, SEEDS[:4], SEEDS[:4], paired=True).state == "too few"
    assert compare(MORE, SEEDS, None, paired=True).state == "too few"
    assert compare(Each("x", above=0.5, control="none: a theorem"), SEEDS, None, paired=True).state == "none"


def test_events_are_compared_by_mcnemars_test():
    came, never = np.full(12, 1.0), np.where(np.arange(12) < 8, np.nan, 1.0)
    made = compare(MORE, came, never, paired=True)
    assert made.p == pytest.approx(2 * 0.5**8)
    assert made.state == "beyond"
    assert made.difference == pytest.approx(8 / 12)
    assert compare(MORE, came, np.where(np.arange(12) < 5, np.nan, 1.0), paired=True).state == "open"  # p = 0.0625
    assert compare(MORE, never, came, paired=True).state == "opposite"


def test_events_of_unpaired_units_are_compared_by_fishers_test():
    held, missed = np.ones(8), np.zeros(8)
    assert compare(MORE, held, missed, paired=False).state == "beyond"
    assert compare(MORE, missed, held, paired=False).state == "opposite"
    assert compare(MORE, held, held, paired=False).state == "open"


def test_a_control_without_any_effect_is_still_one():
    assert compare(MORE, 3 + SEEDS, np.zeros(12), paired=True).difference == pytest.approx(3 + SEEDS.mean())


def test_windows_are_compared_by_the_distance_from_their_middle():
    window = Each("epoch", "", within=15, reference=30, control="less")
    assert compare(window, 30 + SEEDS, 90 + SEEDS, paired=True).state == "beyond"
    assert compare(Same("x", within=1, control="less"), SEEDS / 10, 5 + SEEDS, paired=True).state == "beyond"


def test_an_event_that_never_came_is_outside_a_window():
    window = Each("epoch", "", within=15, reference=30, control="less")
    never = np.where(np.arange(12) < 8, np.nan, 30.0)
    assert compare(window, 30 + SEEDS, never, paired=True).p == pytest.approx(2 * 0.5**8)


def test_trends_are_compared_by_their_amplitudes():
    rows = np.arange(4.0) * np.linspace(0.5, 1, 8)[:, None]
    assert compare(Trend("τ", above=0.0), 3 * rows, rows, paired=True).state == "beyond"


def test_the_bootstrap_agrees_with_student():
    differences = 1 + RNG.standard_normal(40)
    assert bootstrap(differences) == pytest.approx(
        tuple(stats.ttest_1samp(differences, 0).confidence_interval()), abs=0.1
    )
    assert np.isnan(bootstrap(np.ones(8))).all()
