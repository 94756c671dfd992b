"""Binned entropies against counting by hand, and the identities they must satisfy."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tolerance import plug_in, standard_errors

from infoflow.estimators import binning

activities = hnp.arrays(
    np.float64,
    st.tuples(st.integers(2, 30), st.integers(1, 4)),
    elements=st.floats(-3, 3, width=32).map(lambda v: round(v, 1)),
)


def counted(symbols):
    counts = np.array(list(Counter(symbols).values()))
    return float(-(counts / counts.sum() * np.log(counts / counts.sum())).sum())


def codes(x, width):
    return [tuple(int(math.floor(v / width)) for v in row) for row in x.tolist()]


@given(activities, st.sampled_from([0.05, 0.3, 2.0]))
def test_entropy_is_that_of_the_counted_codes(x, width):
    assert binning.entropy(x, width).item() == pytest.approx(counted(codes(x, width)), abs=plug_in(len(x)))


@given(activities, st.sampled_from([0.05, 0.3, 2.0]), st.data())
def test_information_is_the_difference_of_counted_entropies(x, width, data):
    labels = data.draw(st.lists(st.integers(-2, 2), min_size=len(x), max_size=len(x)))
    symbols = codes(x, width)
    expected = counted(symbols) + counted(labels) - counted(zip(symbols, labels, strict=True))
    assert binning.mutual_information(x, labels, width).item() == pytest.approx(expected, abs=3 * plug_in(len(x)))


@given(activities)
@settings(max_examples=25)
def test_order_and_repetition_of_samples_do_not_matter(x):
    value = binning.entropy(x, 0.3)
    assert binning.entropy(x[::-1].copy(), 0.3).item() == pytest.approx(value.item(), abs=plug_in(2 * len(x)))
    assert binning.entropy(np.concatenate([x, x]), 0.3).item() == pytest.approx(value.item(), abs=plug_in(2 * len(x)))


@pytest.mark.parametrize("many", [1, 2**20])  # codes sorted, codes counted
@pytest.mark.parametrize("pooled", [False, True])
def test_one_pass_gives_entropy_and_information_whichever_way_codes_are_counted(monkeypatch, many, pooled):
    monkeypatch.setattr(binning, "MANY", many)
    x = torch.randn(200, 3 if pooled else 1, generator=torch.Generator().manual_seed(0))
    for labels in (torch.arange(200) % 7, torch.arange(200)):  # classes, and a label of its own for each
        each = torch.repeat_interleave(labels, x.shape[1]).tolist()
        symbols = codes(x.view(-1, 1), 0.1)
        whole, information = binning.entropy_and_information(x, labels, 0.1, pooled=pooled)
        assert whole.item() == pytest.approx(counted(symbols), abs=plug_in(len(symbols)))
        joint = counted(zip(symbols, each, strict=True))
        expected = counted(symbols) + counted(each) - joint
        assert information.item() == pytest.approx(expected, abs=3 * plug_in(len(symbols)))


def test_distinct_rows_in_narrow_bins_reach_log_n():
    x = torch.randn(1000, 10, generator=torch.Generator().manual_seed(0))
    value = binning.entropy(x, 1e-6)
    assert value.item() == pytest.approx(math.log(1000), abs=plug_in(1000))
    found = binning.diagnostics(value, x, 1e-6)
    assert found.saturation == pytest.approx(1, abs=plug_in(1000))
    assert found.ties == 0
    # a variance of normals has a variance of 2 / n, and its root half the relative error
    assert found.relative_width == pytest.approx(1e-6, rel=standard_errors(2, 10_000) / 2)


def test_information_with_labels_reaches_their_entropy():
    labels = torch.arange(100) % 4
    value = binning.mutual_information(labels.double(), labels, 0.5)
    assert value.item() == pytest.approx(math.log(4), abs=3 * plug_in(100))
    saturation = binning.diagnostics(value, labels.double(), 0.5, labels=labels).saturation
    assert saturation == pytest.approx(1, abs=4 * plug_in(100))


def test_edges_clip_the_ends():
    x = torch.tensor([-5.0, -1.0, -0.5, 0.5, 1.0, 7.0])
    assert binning.entropy(x, grid=(-1, 1, 2)).item() == pytest.approx(math.log(2), abs=plug_in(6))
    assert binning.diagnostics(0.6, x, grid=(-1, 1, 2)).ceiling == math.log(2)


def test_pooled_takes_every_scalar_as_a_sample():
    x = torch.tensor([[0.1, 1.1], [2.1, 0.2]])
    assert binning.entropy(x, 1.0, pooled=True).item() == pytest.approx(1.5 * math.log(2), abs=plug_in(4))
    assert binning.entropy(x, 1.0).item() == pytest.approx(math.log(2), abs=plug_in(2))
    value = binning.mutual_information(x, [0, 1], 1.0, pooled=True)
    assert value.item() == pytest.approx(1.5 * math.log(2) + math.log(2) - 2 * math.log(2), abs=3 * plug_in(4))


def test_zero_has_one_sign():
    assert binning.entropy(torch.tensor([[0.0, 1.0], [-0.0, 1.0]]), 0.5) == 0


def test_constant_layer_has_no_entropy():
    assert binning.entropy(torch.full((50, 3), 0.7), 0.1) == 0
    assert math.isinf(binning.diagnostics(0.0, torch.full((50, 3), 0.7), 0.1).relative_width)


def test_float32_activities_agree_with_float64():
    x = torch.randn(2000, 8, generator=torch.Generator().manual_seed(0)) + 1000
    assert binning.entropy(x, 0.5) == binning.entropy(x.double(), 0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([[0.0], [float("nan")]], 0.1), "activity.*finite"),
        (([], 0.1), "activity.*n >= 1"),
        (([[0.0], [1.0]], 0.0), "width"),
        (([[0.0], [1.0]], None), "exactly one"),
        (([[0.0], [1e300]], 1e-300), "too small"),
    ],
)
def test_bad_input_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        binning.entropy(*arguments)


def test_bad_edges_and_labels_are_refused():
    with pytest.raises(ValueError, match="low < high"):
        binning.entropy([[0.0], [1.0]], grid=(1, 0, 3))
    with pytest.raises(ValueError, match="bins"):
        binning.entropy([[0.0], [1.0]], grid=(0, 1, 0))
    with pytest.raises(ValueError, match="labels"):
        binning.mutual_information([[0.0], [1.0]], [1], 0.1)
