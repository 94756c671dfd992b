"""The benchmark of compression detection: what is known of its layers, and what its rates say."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from infoflow.estimators import noisy
from infoflow.truth import detection
from infoflow.verdicts import detection as analysis

SEED = 3


def of(change, **fields):
    """A small trajectory of one change."""
    given = {
        "number": 5,
        "regime": "low",
        "base": "tanh",
        "d": 2,
        "n": 64,
        "noise": 0.25,
        "strength": 1.0,
        "late": False,
        "classes": "four",
    }
    return detection.Trajectory(change=change, **(given | fields))


def known(one):
    x, y, layers = detection.steps(one, SEED)
    generator = torch.Generator().manual_seed(0)
    return np.array([float(detection.known(values, width, generator).value) for values, width in layers])


@pytest.mark.parametrize("change", ["clustering", "saturation", "collapse", "coarsening"])
def test_planted_changes_lower_what_is_known(change):
    information = known(of(change, base="linear"))
    assert information[0] - information[-1] > 0.3
    np.testing.assert_allclose(information[-3:], information[-1], atol=1e-9)  # over before the end
    assert known(of(change, late=True))[3] == pytest.approx(known(of(change))[0], abs=1e-6)


@pytest.mark.parametrize("change", ["scale", "drift", "rotation"])
@pytest.mark.parametrize("d", [1, 2])
def test_what_is_taken_for_compression_leaves_what_is_known(change, d):
    information = known(of(change, d=d))
    np.testing.assert_allclose(information, information[0], atol=2e-3)  # quadrature


@pytest.mark.parametrize("change", ["outliers", "growth"])
def test_what_spreads_a_layer_raises_what_is_known(change):
    information = known(of(change))
    assert information[-1] > information[0] - 1e-6


def test_what_is_known_is_that_of_equally_likely_samples():
    values, width = torch.tensor([[0.0], [50.0], [100.0], [100.0]], dtype=torch.float64), 1.0
    expected = -(0.5 * math.log(0.5) + 0.5 * math.log(0.25))  # far apart: the entropy of the distinct values
    assert float(detection.known(values, width, torch.Generator().manual_seed(0)).value) == pytest.approx(
        expected, abs=1e-6
    )
    far = detection.known(torch.randn(64, 16).double() * 100, 1e-3, torch.Generator().manual_seed(0))
    assert float(far.value) == pytest.approx(math.log(64), abs=1e-6)


@pytest.mark.parametrize("base", ["linear", "relu", "tanh", "maps"])
def test_layers_begin_with_a_spread_of_one(base):
    x, y, v = detection.start(of("drift", base=base, d=16), SEED)
    assert len(x) == len(y) == len(v) == 64
    assert float(v.std(0, correction=0).square().mean()) == pytest.approx(1, rel=1e-6)
    assert set(y.tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("classes", "shares"), [("two", [0.5] * 2), ("rare", [0.9, 0.1]), ("four", [0.25] * 4), ("ten", [0.1] * 10)]
)
def test_classes_hold_their_shares_of_the_samples(classes, shares):
    y = detection.start(of("drift", classes=classes, n=4096), SEED)[1]
    found = torch.bincount(y).double() / len(y)
    assert found.tolist() == pytest.approx(shares, abs=4 * math.sqrt(0.25 / len(y)))  # four standard errors at most


def test_trajectories_take_turns_and_are_the_same_again():
    first = [detection.trajectory(k, SEED) for k in range(120)]
    assert first == [detection.trajectory(k, SEED) for k in range(120)]
    counts = pd.Series([(one.regime, detection.CHANGES[one.change].planted) for one in first]).value_counts()
    assert set(counts) == {20}
    assert {one.change for one in first} == set(detection.CHANGES)
    one = of("clustering")
    a, b = (detection.steps(one, SEED)[2] for _ in range(2))
    assert all(torch.equal(p, q) and v == w for (p, v), (q, w) in zip(a, b, strict=True))


def test_every_candidate_runs_and_the_known_noise_is_matched_by_its_own_bounds():
    one = of("clustering", d=4, n=96, noise=0.25)
    rows = pd.DataFrame(detection.evaluate(one, detection.CANDIDATES, SEED))
    assert set(rows["estimator"]) == {"known", *detection.CANDIDATES}
    assert (rows.groupby(["estimator", "kind"])["step"].nunique() == detection.STEPS).all()
    wide = rows.pivot_table(index="step", columns=["estimator", "kind"], values="value")
    error = 4 * rows.loc[rows["estimator"] == "known", "std_error"].max() + 1e-6
    kde = "kde, noise by the first spread"
    assert (wide[kde, "upper"] >= wide["known", "point"] - error).all()  # the same noise: bounds hold
    assert (wide[kde, "lower"] <= wide["known", "point"] + error).all()


def rows_of(falls, estimates):
    """Rows of the benchmark with given falls of what is known and of one estimator."""
    made = []
    for number, (fall, estimate) in enumerate(zip(falls, estimates, strict=True)):
        common = dict.fromkeys(analysis.OF_TRAJECTORY, 0) | {
            "number": number,
            "regime": "low",
            "change": "scale",
            "planted": fall > 0,
        }
        for name, total in (("known", fall), ("mine", estimate)):
            for step, share in enumerate(np.interp(range(10), [0, 2, 6, 9], [0, 0, 1, 1])):
                made.append({**common, "estimator": name, "kind": "point", "step": step, "value": 5 - share * total,
                             "std_error": 0.0, "flag": "", "seconds": 0.0})  # fmt: skip
    return pd.DataFrame(made)


def test_rates_are_those_of_the_definition():
    falls = [0.0] * 100 + [0.5] * 50 + [0.06] * 7
    alarms = [0.2] * 5 + [0.0] * 95
    estimates = alarms + [0.4] * 40 + [0.05] * 10 + [1.0] * 7
    table = analysis.effects(rows_of(falls, estimates))
    assert table["compresses"].isna().sum() == 7  # neither
    row = analysis.rates(table).iloc[0]
    assert row["threshold"] == pytest.approx(0.2, abs=0.01)  # 5 of 100 fall so far
    assert row["rate"] == pytest.approx(0.8)
    assert row["low"] < 0.8 < row["high"]
    assert (row["planted"], row["fakes"]) == (50, 100)
    assert row["alarms_at_margin"] == pytest.approx(0.05)
    assert row["rate_at_margin"] == pytest.approx(0.8)
    sizes = analysis.by_size(table).set_index("from")["planted"]
    assert sizes[0.3] == 50
    assert sizes[0.1] == 0


def test_an_estimator_that_sees_nothing_detects_nothing():
    table = analysis.effects(rows_of([0.0] * 60 + [0.5] * 60, [0.0] * 120))
    assert analysis.rates(table).iloc[0]["rate"] == 0
    assert analysis.rates(table).iloc[0]["auc"] == pytest.approx(0.5)


def test_an_entropy_without_end_from_the_start_does_not_fall():
    rows = rows_of([0.0] * 60 + [0.5] * 60, [0.0] * 60 + [0.4] * 60)
    dead = rows["estimator"].eq("mine") & rows["number"].lt(3)
    later = rows["estimator"].eq("mine") & rows["number"].eq(100) & rows["step"].ge(4)
    table = analysis.effects(rows.assign(value=rows["value"].where(~(dead | later), -np.inf)))
    assert (table.loc[table["number"] < 3, "effect"] == 0).all()
    assert table.set_index("number")["effect"][100] == np.inf
    assert analysis.rates(table).iloc[0]["rate"] == 1


def test_the_best_of_a_regime_is_recommended():
    falls = [0.0] * 60 + [0.5] * 60
    good, bad = (rows_of(falls, estimates) for estimates in ([0.0] * 60 + [0.4] * 60, [0.0] * 120))
    both = pd.concat([good, bad[bad["estimator"] == "mine"].assign(estimator="blind")])
    (row,) = analysis.recommended(analysis.effects(both)).to_dict("records")
    assert row["estimator"] == "mine"


def test_noise_is_in_the_units_of_the_layer():
    one = of("drift", base="linear", d=1, n=256)
    _, _, layers = detection.steps(one, SEED)
    values, width = layers[0]
    assert width == pytest.approx(0.25)
    assert float(noisy.mutual_information(values, None, width).value) == pytest.approx(0.5 * math.log(1 + 16), abs=0.1)
