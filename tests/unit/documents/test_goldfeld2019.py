"""What the claims of goldfeld2019 read, on tables whose answer is known."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from factories import ROOT

from infoflow.documents.goldfeld2019 import claims, errata
from infoflow.documents.goldfeld2019.constants import BEST, END
from infoflow.documents.goldfeld2019.study import Net, matched, start_of_fall
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.rule import CLAIMS, decide


def one_series(row, epochs):
    values = np.atleast_2d(np.asarray(row, float))
    return tr.Series(np.asarray(epochs), values, np.zeros(values.shape), np.arange(len(values)))


def estimates(seeds, epochs):
    rows = [(s, e, "T5", "I_XT", "linearised", 1.0, 0.01) for s in seeds for e in epochs]
    return pd.DataFrame(rows, columns=["seed", "epoch", "layer", "quantity", "estimator", "value", "std_error"])


def history(seeds):
    """Test loss lowest at epoch 10, training loss at the end; with noise 0.1 more."""
    losses = {"test": {1: 0.7, 10: 0.2, 100: 0.3}, "train": {1: 0.7, 10: 0.15, 100: 0.01}}
    rows = [
        (seed, epoch, split, noisy, "loss", loss + 0.1 * noisy + 0.01 * seed)
        for seed in seeds
        for split, curve in losses.items()
        for epoch, loss in curve.items()
        for noisy in (False, True)
    ]
    return pd.DataFrame(rows, columns=["seed", "epoch", "split", "noisy", "metric", "value"])


def test_metrics_at_the_end_and_at_the_lowest_test_loss():
    net = Net(estimates(range(2), [1, 10, 100]), history(range(2)))
    assert net.metric("loss", "test") == pytest.approx([0.3, 0.31])
    assert net.metric("loss", "test", BEST) == pytest.approx([0.2, 0.21])
    assert net.metric("loss", "train", BEST) == pytest.approx([0.15, 0.16])
    assert net.metric("loss", "test", BEST, noisy=True) == pytest.approx([0.3, 0.31])
    assert claims.gap(net, END) == pytest.approx([0.29, 0.29])


def test_networks_are_matched_by_seed_and_epoch():
    one = Net(estimates(range(3), [0, 1, 2, 5]), history(range(3)))
    other = Net(estimates(range(1, 5), [0, 2, 5]), history(range(1, 5)))
    for net in matched(one, other):
        assert net.information().epochs.tolist() == [0, 2, 5]
        assert net.information().seeds.tolist() == [1, 2]
        assert len(net.metric("loss", "test")) == 2


def test_the_fall_starts_where_the_margin_is_lost():
    epochs = np.arange(200)
    row = np.interp(epochs, [0, 30, 80, 199], [0, 2, 2, 1.0])
    assert start_of_fall(one_series(row, epochs))[0] == pytest.approx(80 + 0.1 * 119, abs=12)  # half a window at most
    assert np.isnan(start_of_fall(one_series(np.linspace(0, 2, 200), epochs))[0])


def test_an_exponential_is_told_from_a_power_law():
    d, noise = np.arange(1.0, 9), np.random.default_rng(0).normal(scale=0.05, size=8)
    assert claims.exponential_over_power(d, np.exp(2 + d + noise)) > 10
    assert claims.exponential_over_power(d, np.exp(2 + 3 * np.log(d) + noise)) < -10


def test_samples_needed_are_interpolated_between_numbers_of_centres():
    rows = [
        {"study": "gaussian", "repeat": repeat, "d": 1, "n": n, "truth": 0.0, "value": 1 / math.sqrt(n)}
        for repeat in range(5)
        for n in (8, 32, 128, 512)
    ]
    needed = claims.samples_needed(pd.DataFrame(rows))
    assert needed["n"].to_numpy() == pytest.approx([100] * 5)


def test_the_document_shows_the_end_of_training():
    asked = CLAIMS[claims.__name__]
    for name in ("V-004-9a", "V-004-9b", "V-004-9c"):
        assert asked[name].primary == {"part": END}
        assert {question.part for question in asked[name].questions} == {END, BEST}


class MadeUp:
    """Results of the two experiments that the default run leaves out."""

    def __init__(self, gap=0.6, fall=0.5, gain=0.1, seeds=10):
        self.gap, self.fall, self.gain, self.seeds = gap, fall, gain, range(seeds)

    def points(self, name):
        if name == "goldfeld_mnist_cnn":
            return {"quiet": SimpleNamespace(dataset="mnist5k", noise_std=0.0)}
        return {str(w): SimpleNamespace(axes={"training.clustering_penalty": w}) for w in (0.0, 0.1)}

    def attributes(self, name):
        return {"stand_in": False, "source": "MNIST"}

    def has(self, name):
        return name != "goldfeld_mnist_cnn_relu"

    def estimates(self, name):
        if name != "goldfeld_mnist_cnn":
            return estimates(self.seeds, [1, 10, 100]).assign(point="")
        ends = {
            "within_centred_cosine": (0.5, 0.5 + self.gap),
            "between_centred_cosine": (0.4, 0.4),
            "ratio_distance": (0.9, 0.9 - self.fall),
        }
        rows = [
            ("quiet", s, e, layer, q, "clusters_wide", value + 0.01 * s, 0.0)
            for s in self.seeds for q, both in ends.items() for e, value in zip((0, 20), both, strict=True) for layer in ("T1", "T2")
        ]  # fmt: skip
        columns = ["point", "seed", "epoch", "layer", "quantity", "estimator", "value", "std_error"]
        return pd.DataFrame(rows, columns=columns)

    def history(self, name, point):
        made = pd.concat([history(self.seeds), history(self.seeds).assign(metric="accuracy")])
        shift = (self.gain + 0.01 * made["seed"] / 10) * (point == "0.1")
        return made.assign(value=made["value"] - shift * (made["metric"] == "loss"))


@pytest.mark.parametrize(
    ("made_up", "name", "outcomes"),
    [
        (MadeUp(), "V-004-E1", {"holds"}),
        (MadeUp(gap=0.1), "V-004-E1", {"holds", "fails"}),
        (MadeUp(gap=0.1, fall=0.0), "V-004-E1", {"fails"}),
        (MadeUp(), "V-004-E2", {"holds"}),
        (MadeUp(gain=-0.1), "V-004-E2", {"fails"}),
    ],
)
def test_the_experiments_of_larger_runs(made_up, name, outcomes):
    asked = CLAIMS[claims.__name__][name]
    rows = [decide(asked, evidence, rehearsal=False) for evidence in asked.test(claims.study(made_up))]
    assert {row["outcome"] for row in rows} == outcomes
    assert {row["primary"] for row in rows} == {True, False}


def test_every_erratum_has_its_test():
    for one in errata.ERRATA:
        file, name = one.test.split("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
