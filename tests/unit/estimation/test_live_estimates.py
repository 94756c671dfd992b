"""Estimators on recordings of one's own: settings that suit a layer of any scale, functions of one's own, warnings."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import infoflow
from infoflow.config.loading import read_default
from infoflow.errors import InputError
from infoflow.estimation.live import DEFAULT, SUITED
from infoflow.estimation.rows import spread, trimmed_spread
from infoflow.estimators import EstimatorWarning, kde

N = 60


def recording_of(scale=1.0, labels="classes", epochs=2):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    with torch.no_grad():
        net[0].weight.mul_(scale)
    x = torch.randn(N, 4)
    y = {"classes": torch.arange(N) % 2, "targets": torch.randn(N), "none": None}[labels]
    with infoflow.record(net, ["0", "1", "2"]) as recording:
        for epoch in range(epochs):
            recording.snapshot(epoch, x, y)
            with torch.no_grad():
                net[0].weight.mul_(2)
    return recording


@pytest.mark.filterwarnings("ignore::infoflow.estimators.EstimatorWarning")
def test_five_families_by_default():
    table = infoflow.estimate(recording_of())
    assert set(table["estimator"]) == set(DEFAULT)
    assert {"I_XT", "I_TY", "H_T", "h_T", "ratio_distance"} <= set(table["quantity"])
    assert not {"experiment", "point", "variant"} & set(table)
    assert table["value"].notna().all()


@pytest.mark.filterwarnings("ignore::infoflow.estimators.EstimatorWarning")
@pytest.mark.parametrize("kind", ["kde", "binning"])
def test_widths_of_the_start_follow_the_scale_of_a_layer_but_not_its_growth(kind):
    one, other = (
        infoflow.estimate(recording_of(scale), [{"kind": kind, "relative_to": "start"}]) for scale in (1e5, 1e8)
    )
    first = [table[(table["layer"] == "0") & table["quantity"].isin(["I_XT", "H_T"])] for table in (one, other)]
    np.testing.assert_allclose(first[0]["value"], first[1]["value"], atol=1e-3)  # biases do not scale with weights
    by_epoch = first[0].groupby("epoch")["value"].max()
    assert by_epoch[1] > by_epoch[0]  # the layer doubled, the width stayed
    widths = first[0].groupby("epoch")["relative_width"].first()
    assert widths[0] == pytest.approx(2 * widths[1], rel=1e-6)


def test_the_width_of_kde_is_a_share_of_the_whole_spread():
    recording = recording_of(epochs=1)
    table = infoflow.estimate(recording, [{"kind": "kde", "relative": [0.5], "relative_to": "start"}], layers=["1"])
    values = dict(recording.values(0, 0, torch.arange(N), ["1"]))["1"][:, 0].double()
    variance = 0.25 * float(values.var(0, correction=0).sum())
    expected = kde.table(values, torch.arange(N) % 2, [variance])["input_upper"][0]
    row = table[(table["quantity"] == "I_XT") & (table["kind"] == "upper")].iloc[0]
    assert row["value"] == pytest.approx(float(expected), rel=1e-9)


def test_the_trimmed_spread_is_that_of_the_samples_near_the_median():
    values = torch.randn(300, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 50
    usual = trimmed_spread(values)
    assert 0.85 * float(spread(values)) < usual < float(spread(values))  # 15 of 300 are left out
    squares = (values - values.median(0).values).square().sum(1)
    assert usual == pytest.approx(float(spread(values[squares.argsort()[:285]])), rel=1e-12)
    assert trimmed_spread(7 * values) == pytest.approx(7 * usual)
    moved = values.clone()
    moved[:6] += 1000
    assert trimmed_spread(moved) == pytest.approx(usual, rel=0.05)  # nine more stay
    assert trimmed_spread(torch.zeros(1, 3)) == trimmed_spread(torch.ones(50, 3)) == 0
    alone = torch.randn(19, 2, dtype=torch.float64)
    assert trimmed_spread(alone) == pytest.approx(float(spread(alone)))  # of fewer than 20 none is left out


def test_a_rare_class_that_gathers_does_not_take_the_width_with_it():
    rare = torch.arange(400) % 10 == 0
    values = torch.zeros(400, 3, dtype=torch.float64)
    values[rare] = 1.0
    assert trimmed_spread(values) > 0.2
    assert float(torch.pdist(values).median()) == 0


def test_noise_by_the_trimmed_spread_goes_with_the_layer():
    table = infoflow.estimate(recording_of(), ["kde"], layers=["0"])
    widths = table[table["quantity"] == "I_XT"].groupby("epoch")["width"].first()
    assert widths[1] == pytest.approx(2 * widths[0], rel=1e-5)  # the layer doubled, and the noise with it


def test_the_config_and_the_notebook_have_the_same_settings():
    config = read_default()
    for kind, suited in SUITED.items():
        section = config.estimators[kind].model_dump()
        for name, value in suited.items():
            found = (
                [{"rule": w["rule"]} for w in section[name]] if name == "widths" and kind == "renyi" else section[name]
            )
            assert found == value, (kind, name)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("kd", r"did you mean 'kde'\?"),
        ({"kind": "kde", "variance": [1.0]}, r"did you mean 'variances'\?"),
        ({"kind": "knn", "neighbour": 0}, "neighbour"),
        ({"kind": "quantised"}, "unknown 'quantised'"),
        ({"kind": "kde", "layers": ["9"]}, "9 not among"),
        ({"kind": "renyi", "batch_size": 500}, "holds 60 samples"),
        ({"kind": "kde", "samples": ["test"]}, "the recording holds all"),
    ],
)
def test_what_cannot_be_estimated_is_said(asked, message):
    with pytest.raises(InputError, match=message):
        infoflow.estimate(recording_of(epochs=1), [asked])


def test_an_empty_recording_and_something_else():
    with infoflow.record(nn.Linear(2, 2)) as recording:
        pass
    with pytest.raises(InputError, match="holds no snapshot"):
        infoflow.estimate(recording)
    with pytest.raises(InputError, match=r"what infoflow\.record returns"):
        infoflow.estimate([1, 2])


def test_functions_of_ones_own():
    def norm(values, labels):
        assert values.dtype == torch.float64
        assert labels.dtype == torch.int64
        return values.norm()

    def two(values, labels):
        return {"largest": values.max(), "smallest": values.min()}

    table = infoflow.estimate(recording_of(epochs=1), [norm, two])
    assert set(table["quantity"]) == {"norm", "largest", "smallest"}
    assert set(table["estimator"]) == {"norm", "two"}
    with pytest.raises(InputError, match="expected a number"):
        infoflow.estimate(recording_of(epochs=1), [lambda values, labels: "many"])


def test_one_estimator_twice_keeps_two_names():
    asked = [{"kind": "kde", "variances": [0.1]}, {"kind": "kde", "variances": [0.2]}]
    assert set(infoflow.estimate(recording_of(epochs=1), asked)["estimator"]) == {"kde", "kde_2"}


@pytest.mark.parametrize("labels", ["targets", "none"])
@pytest.mark.filterwarnings("ignore::infoflow.estimators.EstimatorWarning")
def test_without_classes_there_is_no_information_about_them(labels):
    table = infoflow.estimate(recording_of(labels=labels, epochs=1), ["kde", "knn", "binning", "clustering"])
    assert "I_TY" not in set(table["quantity"])
    if labels == "none":
        table = infoflow.estimate(recording_of(labels=labels, epochs=1), "renyi")
        assert {"S_T", "I_XT"} <= set(table["quantity"])


def test_doubts_are_warned_of_once_an_estimator():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = infoflow.estimate(recording_of(), [{"kind": "binning", "widths": [1e-9]}])
    mine = [w for w in caught if issubclass(w.category, EstimatorWarning)]
    assert [w.message.flag for w in mine] == ["saturated"]
    assert "binning" in str(mine[0].message)
    assert mine[0].filename == __file__
    assert (table["flag"] == "saturated").any()
