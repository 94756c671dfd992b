"""Values that would mislead: right, or flagged where they are computed."""

import math
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from infoflow.estimators import EstimatorWarning, binning, clustering, findings, gravest, kde, knn, noisy, renyi


def draws(seed, *shape, of=torch.randn):
    return of(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def flags(estimator, *arguments, **options):
    with findings() as found:
        value = estimator(*arguments, **options)
    return value, {finding.flag for finding in found}


# --- atoms --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", ["auto", "brute"])
def test_independent_relu_columns_share_nothing(index):
    x, y = draws(0, 1000, 2).relu().unbind(1)
    value, found = flags(knn.mutual_information, x, y, 3, index=index)
    assert abs(value) < 0.25
    assert "ties" in found
    for algorithm in (1, 2):  # those that do not know atoms say so
        assert "ties" in flags(knn.mutual_information, x, y, 3, algorithm=algorithm)[1]


def mixture(n, seed):
    """Gao et al. 2017: X is a coin with Y = X in half of the cases and a pair of normals of correlation ρ in the others."""
    rho, coin = 0.8, (draws(seed, n, of=torch.rand) < 0.5).double()
    x, noise = draws(seed + 1, n), draws(seed + 2, n)
    y = rho * x + math.sqrt(1 - rho**2) * noise
    bits = (draws(seed + 3, n, of=torch.rand) < 0.5).double()
    same = torch.where(draws(seed + 4, n, of=torch.rand) < 0.8, bits, 1 - bits)
    of_bits = math.log(2) + 0.8 * math.log(0.8) + 0.2 * math.log(0.2)
    truth = 0.5 * of_bits + 0.5 * -0.5 * math.log(1 - rho**2) + math.log(2)  # which half a sample is of is seen in both
    # the two halves do not overlap: bits are moved to where no normal falls
    return torch.where(coin > 0, bits + 50, x), torch.where(coin > 0, same + 50, y), truth


def test_a_mixture_of_atoms_and_densities():
    values, truth = [], 0.0
    for seed in range(5):
        x, y, truth = mixture(1000, 10 * seed)
        with findings():
            values.append(float(knn.mutual_information(x, y, 3)))
    # the terms are logarithms of ratios of densities, of standard deviation below 1.5 here
    assert np.mean(values) == pytest.approx(truth, abs=4 * 1.5 / math.sqrt(5000) + 0.02)


def test_without_ties_mixed_is_algorithm_1():
    x, y = draws(1, 300, 2), draws(2, 300, 3)
    for index in ("brute", "kdtree"):
        values = [float(knn.mutual_information(x, y, 4, algorithm=a, index=index)) for a in (1, "mixed")]
        assert values[0] == pytest.approx(values[1], abs=1e-12)


def test_tree_and_all_pairs_count_the_same_with_ties():
    x, y = (draws(3, 400, 2) * 2).round(), (draws(4, 400, 1) * 3).round() / 3
    y[::2] += draws(5, 200, 1)
    values = [float(knn.mutual_information(x, y, 3, algorithm="mixed", index=index)) for index in ("brute", "kdtree")]
    assert values[0] == pytest.approx(values[1], abs=1e-12)


def test_atoms_alone_give_the_plug_in_information():
    bit = torch.arange(100) % 2
    constant = torch.ones(100)
    assert flags(knn.mutual_information, bit, bit, 3)[0].item() == pytest.approx(math.log(2), abs=1e-12)
    value, found = flags(knn.mutual_information, constant, constant, 3)
    assert value.item() == pytest.approx(0, abs=1e-12)
    assert "dead" in found
    noise = (draws(0, 1000, of=torch.rand) < 0.5).long()
    x, y = torch.arange(1000) % 4, (torch.arange(1000) // 4) % 2 + noise * 2
    counted = binning.mutual_information(x.double(), y, 1.0)
    assert flags(knn.mutual_information, x, y, 3)[0].item() == pytest.approx(counted.item(), abs=1e-9)
    assert flags(knn.label_information, x.double(), y, 3)[0].item() == pytest.approx(counted.item(), abs=1e-9)


@pytest.mark.parametrize("d", [1, 9])
def test_a_dead_layer_tells_nothing_of_labels(d):
    value, found = flags(knn.label_information, torch.full((128, d), 0.3), torch.arange(128) % 10, 3)
    assert value.item() == pytest.approx(0, abs=1e-12)
    assert "dead" in found


def test_labels_by_tree_and_by_all_pairs_count_the_same():
    x, labels = (draws(6, 500, 3) * 2).round() / 2, torch.arange(500) % 5
    x[::3] += draws(7, 167, 3)
    wide = torch.cat([x, torch.zeros(500, 7)], 1)  # the same distances, beyond where the tree is taken
    by_tree, by_pairs = (flags(knn.label_information, v, labels, 3)[0].item() for v in (x, wide))
    assert by_tree == pytest.approx(by_pairs, abs=1e-12)


@pytest.mark.parametrize("estimator", ["entropy", "label_information", "mutual_information"])
def test_rows_that_repeat_are_searched_once(estimator):
    """20 000 rows of which 90 % are 0: all pairs of the zeros in one leaf of a tree are 3 · 10⁸ distances a million times."""
    n = 20_000
    x = torch.where(draws(0, n, of=torch.rand) < 0.9, 0.0, draws(1, n, of=torch.rand))
    arguments = {
        "entropy": (x, 3),
        "label_information": (x, torch.arange(n) % 2, 3),
        "mutual_information": (x, x.flip(0), 3),
    }
    value, found = flags(getattr(knn, estimator), *arguments[estimator])
    assert "ties" in found
    assert value == -math.inf if estimator == "entropy" else abs(value) < 0.05


# --- scale and dimension ------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [1e-30, 1e-3, 1.0, 1e3, 1e30])
def test_an_information_has_no_unit(a):
    values = []
    for seed in range(5):
        x, u = draws(2 * seed, 1000, of=torch.rand), draws(2 * seed + 1, 1000, of=torch.rand)
        values.append(float(knn.mutual_information(a * x, (x + u) / 2, 3)))
    # exactly ½; the support has edges, which neighbours look across
    assert np.mean(values) == pytest.approx(0.5, abs=0.06)
    if a in (1e-3, 1e3):
        value, found = flags(knn.mutual_information, a * x, (x + u) / 2, 3, standardise=False)
        assert "scale" in found
        assert value < 0.1


def test_entropies_move_with_the_scale_alone():
    x = draws(2, 400, 12)
    for scale in (2.0**-100, 2.0**100):
        moved = knn.entropy(scale * x, 3) - 12 * math.log(scale)
        assert moved.item() == pytest.approx(knn.entropy(x, 3).item(), abs=1e-9)


def test_neighbours_in_many_dimensions_are_flagged():
    x = draws(0, 2000, 16)
    y = 0.5 * x + math.sqrt(0.75) * draws(1, 2000, 16)
    value, found = flags(knn.mutual_information, x, y, 3)
    assert value < 1  # the truth is 2.301
    assert found & {"dimension", "not_levelled"}
    strong = 0.9 * x[:1000, :5] + math.sqrt(1 - 0.81) * draws(1, 1000, 5)
    assert "not_levelled" in flags(knn.mutual_information, x[:1000, :5], strong, 3)[1]


@pytest.mark.parametrize(("d", "rho"), [(1, 0.0), (1, 0.9), (2, 0.5), (3, 0.0)])
def test_few_dimensions_are_not_flagged(d, rho):
    x = draws(0, 2000, d)
    y = rho * x + math.sqrt(1 - rho**2) * draws(1, 2000, d)
    assert not flags(knn.mutual_information, x, y, 3)[1]
    assert not flags(knn.entropy, x, 3)[1]


# --- ceilings and floors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "narrow", "wide"),
    [
        (lambda x, width: binning.entropy(x, width), 1e-6, 1e3),
        (lambda x, width: binning.mutual_information(x, torch.arange(200) % 2, width), 1e-6, 1e3),
        (lambda x, width: kde.input_information(x, width**2, "upper"), 1e-6, 1e3),
        (lambda x, width: kde.label_information(x, torch.arange(200) % 2, width**2, "lower"), 1e-6, 1e3),
        (lambda x, width: renyi.entropy(x, 1.01, width), 1e-6, 1e3),
        (lambda x, width: renyi.mutual_information(x, x, 2, [width, width]), 1e-6, 1e3),
        (
            lambda x, width: renyi.conditional_information(x, [x], torch.arange(200) % 2, 2, [width, width, None]),
            1e-6,
            1e3,
        ),
    ],
)
def test_widths_that_set_the_value_are_flagged(estimator, narrow, wide):
    x = draws(0, 200, 3)
    assert "saturated" in flags(estimator, x, narrow)[1]
    assert "flat" in flags(estimator, x, wide)[1] or "flat" not in flags(estimator, x, narrow)[1]
    assert not flags(estimator, x, 1.0)[1] & {"saturated", "flat", "dead"}
    assert "dead" in flags(estimator, torch.ones(200, 3), 1.0)[1]


def test_a_label_information_that_cannot_be_is_flagged_and_kept():
    x = torch.cat([draws(0, 60, 1), draws(1, 20, 1) + 1])
    labels = (torch.arange(80) >= 60).long()
    found = {}
    for variance in (1e-3, 1e-2, 0.1):
        value, of_value = flags(kde.label_information, x, labels, variance, "lower")
        found[float(value)] = "impossible" in of_value
    entropy = float(renyi.label_entropy(labels)) * math.log(2)
    assert found
    assert all(impossible == (not -1e-9 <= value <= entropy + 1e-9) for value, impossible in found.items())


def test_negative_values_beyond_their_noise_are_flagged():
    x, y = draws(0, 1000, 2).relu().unbind(1)
    value, found = flags(knn.mutual_information, x, y, 3, algorithm=2)
    assert value < -1
    assert "impossible" in found


def test_renyi_information_may_be_negative_and_says_so():
    a, b = torch.tensor([0, 1, 1, 1]), torch.tensor([1, 0, 1, 1])  # counts [[0, 1], [1, 2]]
    value, found = flags(renyi.mutual_information, a, b, 2, None)
    assert value.item() == pytest.approx(
        1.3561 - 1.4150, abs=1e-4
    )  # two entropies of 0.6781 bits, a joint one of 1.4150
    assert "impossible" in found


def test_noisy_layers():
    means = 100.0 * torch.arange(20, dtype=torch.float64)[:, None]
    identity = torch.eye(1, dtype=torch.float64).expand(20, 1, 1)
    generator = torch.Generator().manual_seed(0)
    assert "saturated" in flags(noisy.linearised, means, identity, generator=generator)[1]
    assert "dead" in flags(noisy.linearised, torch.zeros(20, 1), identity, generator=generator)[1]
    passes = draws(0, 20, 8, 1)
    equal = partial(noisy.mutual_information, std=0.1, generator=generator)
    assert not flags(equal, passes.flatten(0, 1), passes)[1]
    assert "unlike_passes" in flags(equal, passes[:, :3].flatten(0, 1), passes)[1]


# --- bins ---------------------------------------------------------------------------------------------------


def test_edges_are_those_of_numpy():
    x = [[-0.5], [0.5]] * 50
    assert binning.entropy(x, edges=[-1, 0, 1]).item() == pytest.approx(math.log(2), abs=1e-12)
    values, edges = draws(0, 500), np.array([-2.0, -0.7, 0.1, 1.0, 3.0])
    inside = values[(values >= -2) & (values <= 3)]
    shares = np.histogram(inside, edges)[0] / len(inside)
    assert binning.entropy(inside, edges=edges).item() == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-12)
    for bad in ([1.0, 0.0], [0.0, 0.0, 1.0], [0.0], [0.0, math.nan], ["a", "b"]):
        with pytest.raises(ValueError, match="edges"):
            binning.entropy(x, edges=bad)


def test_bins_that_end_within_the_data_are_flagged():
    x = 3 * draws(0, 500)
    for options in ({"edges": [-1, 0, 1]}, {"grid": (-1, 1, 30)}):
        assert "clipped" in flags(binning.entropy, x, **options)[1]
        assert "clipped" not in flags(binning.entropy, x.tanh(), **options)[1]


# --- inputs as people have them ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [np.float32(1.5), np.float64(1.5), torch.tensor(1.5), np.array(1.5)],
    ids=["float32", "float64", "tensor", "array"],
)
def test_numbers_of_any_kind(number):
    x = draws(0, 50, 2)
    expected = renyi.mutual_information(x, x.flip(0), 2, 1.5)
    assert renyi.mutual_information(x, x.flip(0), 2, number) == expected
    assert renyi.entropy(x, 2, number) == renyi.entropy(x, 2, 1.5)
    assert kde.input_information(x, number, "upper") == kde.input_information(x, 1.5, "upper")
    assert binning.entropy(x, number) == binning.entropy(x, 1.5)


def test_whole_numbers_of_any_kind():
    x = draws(0, 50, 2)
    for k in (np.int64(3), torch.tensor(3), np.uint8(3), 3.0):
        assert knn.entropy(x, k) == knn.entropy(x, 3)
    for bad in (2.5, "3", None, [3], True + 1j, math.nan, math.inf):
        with pytest.raises(ValueError, match="k: expected"):
            knn.entropy(x, bad)
    assert renyi.entropy(x, 2, np.int64(5)) == renyi.entropy(x, 2, 5)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.ma.masked_array([[1.0], [2.0]], mask=[[False], [True]]), r"masked values.*index \(1, 0\)"),
        (pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}), r"missing values.*index \(1, 0\)"),
        ([["a"], ["b"]], r"expected numbers, got .*'a'"),
        ([[1.0], [None]], r"expected numbers, got None at index \(1, 0\)"),
        ([[1.0], [2.0, 3.0]], "rows of one length"),
        ([[2**53 + 1], [0]], r"index \(0, 0\) is a whole number beyond 2\*\*53"),
        ([[2**70 + 1], [0]], r"index \(0, 0\) is a whole number beyond 2\*\*53"),
        (np.array([[2**64 - 1], [0]], dtype=np.uint64), r"whole number beyond 2\*\*53"),
        (np.array([["2020-01-01"], ["2021-01-01"]], dtype="M8[D]"), "expected numbers"),
        (np.array([1 + 1j, 2.0]), "real numbers"),
    ],
)
def test_what_is_no_number_is_refused_by_name_and_place(samples, words):
    with pytest.raises(ValueError, match=f"activity: .*{words}"):
        binning.entropy(samples, 0.5)


def test_large_whole_numbers_that_float64_holds_are_taken():
    x = torch.tensor([[2**60], [2**61], [2**60]])
    assert binning.entropy(x, 1.0).item() == pytest.approx(math.log(3) - 2 / 3 * math.log(2), abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array(["a", None, "b"], dtype=object), "got None at index 1"),
        (pd.Categorical(["a", None, "b"]), r"missing values, got one at index \(1,\)"),
        (pd.array([0, None, 1], dtype="Int64"), r"missing values, got one at index \(1,\)"),
        ([0.0, math.nan, 1.0], "got nan at index 1|index 1"),
        (np.array(["a", 1, "b"], dtype=object), "labels of one type, got int, str"),
        ([[1, 0], [0, 1], [1, 0]], "one label a sample"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_by_place(labels, words):
    with pytest.raises(ValueError, match=f"labels: .*({words})"):
        binning.mutual_information([[0.0], [1.0], [2.0]], labels, 0.5)


def test_one_sample_gives_what_the_definition_gives():
    one = [[0.3, 0.4]]
    assert binning.entropy(one, 0.1) == 0
    assert binning.mutual_information(one, ["a"], 0.1) == 0
    assert kde.input_information(one, 0.1, "upper") == 0
    assert kde.entropy(one, 0.1, "upper").item() == pytest.approx(math.log(2 * math.pi * math.e * 0.1), abs=1e-12)
    assert renyi.entropy(one, 1.01, 1.0) == 0
    assert renyi.mutual_information(torch.tensor(one), torch.tensor(one), 2, 1.0) == 0
    generator = torch.Generator().manual_seed(0)
    assert noisy.linearised(one, torch.eye(2)[None], generator=generator).value.item() == pytest.approx(0, abs=1e-12)
    assert clustering.cluster_count([0.3], 1.0) == 1


# --- warnings -------------------------------------------------------------------------------------------------


def test_a_warning_names_the_flag_and_blames_the_caller():
    with pytest.warns(EstimatorWarning, match="^dead: ") as caught:
        binning.entropy(torch.ones(10, 2), 0.1)
    assert caught[0].message.flag == "dead"
    assert caught[0].filename == __file__


def test_findings_are_collected_in_place_of_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with findings() as outer:
            with findings() as inner:
                binning.entropy(torch.ones(10, 2), 0.1)
            knn.entropy(torch.ones(10, 2), 3, offset=1.0)
    assert [finding.flag for finding in inner] == ["dead"]
    assert [finding.flag for finding in outer] == ["ties"]
    assert gravest([*outer, *inner]) == "dead"
    assert gravest([]) == ""
