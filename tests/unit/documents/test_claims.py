"""Trajectory metrics on series whose answer is known, and the rules that turn them into verdicts."""

import json
import math

import numpy as np
import pytest

from infoflow.documents.kong2019.constants import PLATEAUS
from infoflow.documents.kong2019.study import found_plateaus, mid_falls
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.rule import Claim, Evidence, decide
from infoflow.verdicts.statistics import holm, wilson_lower


def one_series(rows, errors=0.0):
    values = np.atleast_2d(np.asarray(rows, float))
    return tr.Series(np.arange(values.shape[1]), values, np.full(values.shape, errors), np.arange(len(values)))


RISE = np.linspace(0, 2, 50)
RISE_AND_FALL = np.concatenate([RISE, np.linspace(2, 1, 50), np.full(20, 1.0)])


def test_drop_is_peak_minus_the_last_five_percent():
    assert tr.drop(one_series(RISE_AND_FALL))[0] == pytest.approx(1.0, abs=0.05)
    assert tr.drop(one_series(RISE))[0] == pytest.approx(0.04, abs=0.02)


def test_a_fall_compresses_and_a_rise_does_not():
    assert tr.compresses(one_series(RISE_AND_FALL)).tolist() == [True]
    assert tr.compresses(one_series(RISE)).tolist() == [False]
    assert tr.stays(one_series(RISE)).tolist() == [True]


def test_the_fall_of_pure_noise_is_removed():
    noise = np.random.default_rng(1).standard_normal((300, 80))
    falls = tr.drop(one_series(noise, errors=1.0))
    assert abs(falls.mean()) < 3 * falls.std() / math.sqrt(len(falls))
    assert not tr.compresses(one_series(0.3 * noise, errors=0.3)).mean() > 0.05


def test_escape_needs_five_successive_records():
    row = np.zeros(30)
    row[3], row[10:] = 1.0, 1.0
    assert tr.escape(one_series(row)).tolist() == [10]
    assert tr.escape(one_series(np.zeros(30))).tolist() == [29]


def test_falls_below_interpolates_between_records():
    row = np.array([0, 1, 2, 2, 1, 0.0])
    assert tr.falls_below(one_series(row), 1.5)[0] == pytest.approx(3.5)
    assert math.isnan(tr.falls_below(one_series(row), 1.5, after=np.array([4.0]))[0])


def test_first_local_maximum_must_stand_out():
    row = np.concatenate([np.linspace(0, 1, 20), np.linspace(1, 0.5, 20), np.linspace(0.5, 2, 20)])
    assert tr.first_local_maximum(one_series(row))[0] == pytest.approx(19, abs=1)
    assert math.isnan(tr.first_local_maximum(one_series(RISE))[0])


def test_plateaus_of_the_four_points():
    assert PLATEAUS == pytest.approx((1.3863, 1.0397, 0.5623), abs=5e-5)


def test_plateaus_and_mid_falls_are_found_in_a_staircase():
    levels = PLATEAUS
    row = np.concatenate([np.linspace(0, levels[0], 10), *(np.full(40, level) for level in levels)])
    assert found_plateaus(one_series(row))[0] == pytest.approx(levels, abs=1e-9)
    first, second = mid_falls(one_series(row))
    assert first[0] == pytest.approx(49.5, abs=0.6)
    assert second[0] == pytest.approx(89.5, abs=0.6)


CLAIM = Claim("V-0", "F0", "a claim", "value > 1")


def evidence(values, null=(0.0, 0.1, -0.1), **options):
    values = np.asarray(values, float)
    return Evidence(lambda scale: values > scale, values, np.asarray(null), "a control", **options)


@pytest.mark.parametrize(
    ("values", "null", "expected"),
    [
        ([3.0] * 20, (0.0, 0.1), "holds"),
        ([0.5] * 20, (0.0, 0.1), "fails"),
        ([3.0] * 10 + [0.5] * 10, (0.0, 0.1), "mixed"),
        ([3.0] * 4, (0.0, 0.1), "undecided"),
        ([3.0] * 20, (2.0, 4.0), "mixed"),  # inside the null
    ],
)
def test_outcomes(values, null, expected):
    assert decide(CLAIM, evidence(values, null), rehearsal=False)["outcome"] == expected


def test_a_rehearsal_keeps_what_the_outcome_would_be():
    row = decide(CLAIM, evidence([3.0] * 20), rehearsal=True)
    assert row["outcome"] == "rehearsal"
    assert json.loads(row["detail"])["would_be"] == "holds"


def test_sensitivity_to_the_thresholds():
    assert decide(CLAIM, evidence([3.0] * 20), rehearsal=False)["sensitivity"] == "robust"
    assert decide(CLAIM, evidence([1.5] * 20), rehearsal=False)["sensitivity"] == "threshold-dependent"


def test_vacuous_evidence_says_nothing():
    assert decide(CLAIM, evidence([3.0] * 20, vacuous=True), rehearsal=False)["outcome"] == "vacuous"


def test_wilson_bound_of_five_out_of_five():
    assert wilson_lower(5, 5) == pytest.approx(0.5655, abs=1e-4)


def test_holm_by_hand():
    adjusted = holm(np.array([0.01, np.nan, 0.04, 0.03]))
    assert adjusted[[0, 2, 3]] == pytest.approx([0.03, 0.06, 0.06])
    assert math.isnan(adjusted[1])
