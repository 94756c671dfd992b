"""What the claims of kong2019 read, on series whose answer is known."""

import math

import numpy as np
import pandas as pd
import pytest
from factories import ROOT

from infoflow.documents.kong2019 import claims, errata
from infoflow.documents.kong2019.constants import PLATEAUS
from infoflow.documents.kong2019.study import (
    Run,
    found_plateaus,
    matched,
    merges,
    mid_falls,
    single_mode,
    steepest_rise,
)
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.rule import CLAIMS


def one_series(row, epochs=None):
    values = np.atleast_2d(np.asarray(row, float))
    epochs = np.arange(values.shape[1]) if epochs is None else np.asarray(epochs)
    return tr.Series(epochs, values, np.zeros(values.shape), np.arange(len(values)))


def estimates(seeds, epochs, value=1.0, layer="T1", quantity="I_XT"):
    rows = [(s, e, layer, quantity, value, 0.0) for s in seeds for e in epochs]
    return pd.DataFrame(rows, columns=["seed", "epoch", "layer", "quantity", "value", "std_error"])


def history(seeds, accuracy=0.9, loss=0.005):
    rows = [
        (seed, epoch, "train", False, metric, last if epoch == 10 else 0.5)
        for seed in seeds
        for epoch in (0, 10)
        for metric, last in (("accuracy", accuracy), ("loss", loss))
    ]
    return pd.DataFrame(rows, columns=["seed", "epoch", "split", "noisy", "metric", "value"])


def staircase():
    return np.concatenate([np.linspace(0, PLATEAUS[0], 10), *(np.full(40, level) for level in PLATEAUS)])


def test_plateaus_of_the_four_points():
    assert PLATEAUS == pytest.approx((1.3863, 1.0397, 0.5623), abs=5e-5)


def test_plateaus_and_mid_falls_are_found_in_a_staircase():
    one = one_series(staircase())
    assert found_plateaus(one)[0] == pytest.approx(PLATEAUS, abs=1e-9)
    assert mid_falls(one)[0] == pytest.approx([49.5, 89.5], abs=0.6)


def test_a_fall_that_never_comes_is_none():
    one = one_series(np.concatenate([np.linspace(0, PLATEAUS[0], 10), np.full(80, PLATEAUS[1])]))
    assert np.isfinite(mid_falls(one)[0]).tolist() == [True, False]
    assert abs(found_plateaus(one)[0, 2] - PLATEAUS[2]) > 0.4


def test_merges_count_from_the_most_clusters_on():
    count = one_series([[1, 2, 4, 4, 3, 3, 2, 2], [1, 2, 4, 4, 4, 4, 4, 4]])
    assert merges(count)[0].tolist() == [4, 6]
    assert np.isnan(merges(count)[1]).all()


def test_the_steepest_rise_is_one_an_epoch():
    assert steepest_rise(one_series([0, 0.1, 0.5, 1.5], epochs=[0, 1, 2, 10])).tolist() == [2]


def test_a_bump_of_the_density_is_a_mode_where_it_stands_out():
    t = np.linspace(-3, 3, 100)
    curves = {0: np.exp(-(t**2)), 1: np.exp(-((t - 1.5) ** 2)) + np.exp(-((t + 1.5) ** 2)), 2: np.exp(-((t - 3) ** 2))}
    rows = [pd.DataFrame({"epoch": epoch, "t": t, "density": curve}) for epoch, curve in curves.items()]
    assert single_mode(pd.concat(rows).assign(seed=0)).tolist() == [pytest.approx(2 / 3)]
    seeds = pd.concat([rows[0].assign(seed=0), rows[1].assign(seed=1)])
    assert single_mode(seeds).tolist() == [1, 0]


def test_runs_are_matched_by_seed_and_epoch():
    run = Run(estimates(range(4), [0, 1, 2, 5]), history(range(4)))
    null = Run(estimates(range(1, 6), [0, 2, 4, 5]), history(range(1, 6)))
    for one in matched(run, null):
        assert one.seeds.tolist() == [1, 2, 3]
        assert one.information("T1").epochs.tolist() == [0, 2, 5]
        assert one.accuracy() == pytest.approx([0.9] * 3)
        assert one.fit() == pytest.approx([0.5] * 3)


def test_epochs_of_events_are_asked_without_a_control():
    asked = CLAIMS[claims.__name__]
    for name in ("V-002-2a", "V-002-2b", "V-002-13"):
        assert all(question.control.startswith("none: ") for question in asked[name].questions)
    assert asked["V-002-4"].question("peak").reference == pytest.approx(math.log(8))


def test_every_erratum_has_its_test():
    for one in errata.ERRATA:
        file, name = one.test.split("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
