"""Trajectory metrics on series whose answer is known; none of them hangs on how finely a run was sampled."""

import math

import numpy as np
import pytest

from infoflow.verdicts import trajectories as tr

GRIDS = {points: np.unique(np.r_[0, np.geomspace(1, 10_000, points).round()]) for points in (30, 60, 200)}


def series(epochs, function, errors=0.0):
    values = np.atleast_2d(function(np.asarray(epochs, float)))
    return tr.Series(np.asarray(epochs, float), values, np.full(values.shape, errors), np.arange(len(values)))


def rise_and_fall(epochs):
    """Rises to 2 nats by epoch 100, falls to 1 by epoch 2000."""
    return np.interp(np.log(np.maximum(epochs, 1)), np.log([1, 100, 300, 2000]), [0, 2, 2, 1])


@pytest.mark.parametrize("points", GRIDS)
def test_the_drop_does_not_hang_on_the_grid(points):
    one = series(GRIDS[points], rise_and_fall)
    assert tr.drop(one)[0] == pytest.approx(1.0, abs=0.03)
    assert tr.peak(one)[0][0] == pytest.approx(2.0, abs=0.03)
    assert 100 <= tr.peak(one)[1][0] <= 300
    assert tr.rise(one)[0] == pytest.approx(2.0, abs=0.03)


def test_a_series_that_still_rises_does_not_fall():
    assert tr.drop(series(GRIDS[60], np.log1p))[0] < 0


@pytest.mark.parametrize("points", GRIDS)
def test_the_fall_of_pure_noise_is_removed(points):
    noise = np.random.default_rng(1).standard_normal((300, len(GRIDS[points])))
    falls = tr.drop(series(GRIDS[points], lambda _: noise, errors=1.0))
    assert abs(falls.mean()) < 4 * falls.std() / math.sqrt(len(falls)) + 4 * falls.std() / math.sqrt(400)


def test_smoothing_spans_a_factor_in_epochs_and_leaves_the_start_alone():
    epochs = np.array([0, 1, 2, 3, 10, 11, 12, 13, 100.0])
    values = np.array([[9, 0, 0, 5, 1, 1, 7, 1, 3.0]])
    made = tr.smooth(values, epochs)[0]
    assert made[0] == 9
    assert made[6] == 1  # the median of epochs 10, 11, 12, 13
    assert made[1] == 0  # at least three points, epoch 0 not among them
    assert made[8] == 3


def test_final_is_the_last_tenth_of_the_epochs():
    one = series(np.arange(101.0), lambda epochs: np.where(epochs >= 90, 1.0, 0.0))
    assert tr.final(one)[0] == 1.0
    assert tr.final(series([0, 1, 10, 100], lambda epochs: epochs))[0] == pytest.approx(37)  # three points at least


def test_series_are_compared_where_both_have_epochs_and_seeds():
    one = tr.Series(np.array([0, 1, 2, 4.0]), np.arange(8.0).reshape(2, 4), np.zeros((2, 4)), np.array([0, 1]))
    other = tr.Series(np.array([0, 2, 4.0]), np.ones((2, 3)), np.zeros((2, 3)), np.array([1, 2]))
    a, b = tr.shared(one, other)
    assert a.epochs.tolist() == b.epochs.tolist() == [0, 2, 4]
    assert a.values.tolist() == [[4, 6, 7]]
    assert a.seeds.tolist() == b.seeds.tolist() == [1]


def test_escape_needs_five_successive_records():
    row = np.zeros(30)
    row[3], row[10:] = 1.0, 1.0
    assert tr.escape(series(np.arange(30), lambda _: row)).tolist() == [10]
    assert tr.escape(series(np.arange(30), np.zeros_like)).tolist() == [29]


def test_falls_below_interpolates_between_records():
    one = series(np.arange(6), lambda _: np.array([0, 1, 2, 2, 1, 0.0]))
    assert tr.falls_below(one, 1.5)[0] == pytest.approx(3.5)
    assert math.isnan(tr.falls_below(one, 1.5, after=np.array([4.0]))[0])


def test_first_local_maximum_must_stand_out():
    row = np.concatenate([np.linspace(0, 1, 20), np.linspace(1, 0.5, 20), np.linspace(0.5, 2, 20)])
    assert tr.first_local_maximum(series(np.arange(60), lambda _: row))[0] == pytest.approx(19, abs=1)
    assert math.isnan(tr.first_local_maximum(series(np.arange(50), lambda epochs: epochs / 25))[0])
