"""Intervals, curves and p-values of estimators whose errors are known; compression, slices and probes against references."""

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from infoflow.estimators import (
    EstimatorWarning,
    binning,
    compressed,
    findings,
    kde,
    knn,
    noisy,
    probe,
    sliced,
    uncertainty,
)
from infoflow.estimators.probing import _fitted


def draws(seed, *shape, of=torch.randn):
    return of(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def mean(x):
    return x.mean()


@pytest.mark.parametrize("method", ["subsampling", "jackknife"])
def test_the_standard_error_of_a_mean(method):
    """Of 400 draws: 0.05, in means over ten data sets of an estimate whose own relative error is 1/√(2 · 11), or 1/√(2 · 19)."""
    errors, covered = [], 0
    for seed in range(10):
        with findings():
            result = uncertainty(mean, draws(seed, 400), method=method)
        errors.append(result.std_error)
        covered += result.interval[0] <= 0 <= result.interval[1]
        assert result.interval[0] < result.value == pytest.approx(sum(result.interval) / 2, abs=1e-12)
        assert math.isnan(result.p_value)
    assert np.mean(errors) == pytest.approx(0.05, rel=4 / math.sqrt(2 * 11 * 10))
    assert covered >= 7  # of ten intervals of 95 %: fewer in one case of a thousand


def test_a_wider_confidence_is_a_wider_interval():
    with findings():
        narrow, wide = (uncertainty(mean, draws(0, 100), confidence=c).interval for c in (0.5, 0.99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_the_curve_is_extrapolated_in_one_over_n():
    def biased(x):
        return 3 + 5 / len(x) + 70 / len(x) ** 2

    result = uncertainty(biased, torch.zeros(1600, 1))
    assert [point.n for point in result.curve] == [1600, 800, 400]
    assert [point.value for point in result.curve] == pytest.approx([biased(range(n)) for n in (1600, 800, 400)])
    assert result.extrapolated == pytest.approx(3, abs=1e-9)
    assert result.levelled
    assert (result.std_error, result.flag) == (pytest.approx(0, abs=1e-12), "")


def test_a_value_that_moves_with_n_is_flagged():
    with pytest.warns(EstimatorWarning, match="not_levelled: .*from 200") as caught:
        result = uncertainty(lambda x: math.log(len(x)), torch.zeros(400, 1))
    assert (result.levelled, result.flag) == (False, "not_levelled")
    assert caught[0].filename == __file__
    with findings() as found:
        saturated = uncertainty(partial(binning.entropy, width=1e-6), draws(0, 300))
    assert saturated.flag == "saturated"
    assert {finding.flag for finding in found} == {"saturated", "not_levelled"}


def test_the_bias_of_neighbours_in_many_dimensions_is_seen():
    x = draws(0, 1000, 8)
    y = 0.9 * x + math.sqrt(0.19) * draws(1, 1000, 8)
    with findings():
        result = uncertainty(partial(knn.mutual_information, k=3), x, y, permutations=0)
    assert not result.levelled
    values = [point.value for point in result.curve]
    assert values == sorted(values, reverse=True)
    assert result.extrapolated > result.value  # towards the truth, 6.64


def test_p_values_of_dependent_and_independent_variables():
    x, y = draws(0, 200, 1), draws(1, 200, 1)
    estimator = partial(knn.mutual_information, k=3)
    with findings():
        together = uncertainty(estimator, x, x + y, permutations=39)
        apart = [
            uncertainty(estimator, draws(2 * s, 100), draws(2 * s + 1, 100), permutations=19).p_value for s in range(10)
        ]
    assert together.p_value == 1 / 40
    assert together.interval[0] > 0
    assert min(apart) >= 1 / 20
    assert np.mean(apart) == pytest.approx(0.525, abs=4 / math.sqrt(12 * 10))  # uniform on 1/20 … 1


def test_labels_of_any_kind_and_exact_estimates():
    x, labels = draws(0, 120, 2), np.array(["b", "a", "c"])[np.arange(120) % 3]
    with findings():
        results = [
            uncertainty(partial(binning.mutual_information, width=1.0), array, y, permutations=9)
            for array, y in (
                (x, labels),
                (x.numpy(), pd.Categorical(labels)),
                (pd.DataFrame(x.numpy()), pd.Series(labels)),
            )
        ]
        entropy = uncertainty(
            lambda c: noisy.mixture_entropy(c, 0.5, generator=torch.Generator().manual_seed(0)), x[:, 0]
        )
    assert results[0] == results[1] == results[2]
    assert entropy.value == pytest.approx(float(noisy.mixture_entropy(x[:, 0], 0.5).value))


def test_one_generator_decides_and_no_other_is_touched():
    x, y = draws(0, 100, 1), draws(1, 100, 1)
    state = torch.random.get_rng_state()
    with findings():
        first, again = (uncertainty(partial(knn.mutual_information, k=3), x, y) for _ in range(2))
        other = uncertainty(partial(knn.mutual_information, k=3), x, y, generator=torch.Generator().manual_seed(1))
    assert torch.equal(state, torch.random.get_rng_state())
    assert first == again
    assert (first.value, first.std_error) != (other.value, other.std_error)


def test_few_samples_have_no_curve():
    with findings():
        result = uncertainty(mean, torch.arange(10.0))
    assert [point.n for point in result.curve] == [10]
    assert math.isnan(result.std_error)
    assert math.isnan(result.extrapolated)
    assert result.flag == "not_levelled"


@pytest.mark.parametrize(
    ("arrays", "options", "words"),
    [
        ((), {}, "at least one"),
        ((torch.zeros(3), torch.zeros(4)), {}, r"all of one length, got \[3, 4\]"),
        ((torch.zeros(30),), {"confidence": 1.0}, "confidence"),
        ((torch.zeros(30),), {"permutations": -1}, "permutations"),
        ((torch.zeros(30),), {"method": "bootstrap"}, "subsampling, jackknife"),
    ],
)
def test_bad_options_are_refused(arrays, options, words):
    with pytest.raises(ValueError, match=words):
        uncertainty(mean, *arrays, **options)


# --- conditional forms ----------------------------------------------------------------------------------------


def test_conditional_information_is_that_within_classes():
    x, labels = draws(0, 90, 2), torch.arange(90) % 3
    classes = [x[labels == c] for c in range(3)]
    with findings():
        whole = binning.conditional_information(x, labels, 1.0)
        assert whole.item() == pytest.approx(np.mean([float(binning.entropy(c, 1.0)) for c in classes]), abs=1e-12)
        for bound in kde.BOUNDS:
            within = np.mean([float(kde.input_information(c, 0.1, bound)) for c in classes])
            assert kde.conditional_information(x, labels, 0.1, bound).item() == pytest.approx(within, abs=1e-9)
        y = x + draws(1, 90, 2)
        within = np.mean([float(knn.mutual_information(x[labels == c], y[labels == c], 3)) for c in range(3)])
        assert knn.conditional_information(x, y, 3, labels=labels).item() == pytest.approx(within, abs=1e-12)


def test_conditional_information_of_normals():
    """X → Z → Y: none given Z. X = A + Z, Y = A + B + Z: that of A + Z and A + B + Z given Z is ½ ln 2."""
    values = []
    for seed in range(5):
        a, b, z = (draws(3 * seed + k, 1000, 1) for k in range(3))
        with findings():
            chain = knn.conditional_information(a, z + b, 3, given=z)
            values.append((float(chain), float(knn.conditional_information(a + z, a + b + z, 3, given=z))))
    # the noise of a term is about 1, half as much again for neighbours that are shared
    near = 4 * 1.5 / math.sqrt(5000)
    none, half = np.mean(values, 0)
    assert none == pytest.approx(0, abs=near)
    assert half == pytest.approx(0.5 * math.log(2), abs=near)
    with pytest.raises(ValueError, match="exactly one"):
        knn.conditional_information(a, b, 3)
    with pytest.raises(ValueError, match="class of more than k"):
        knn.conditional_information(a, b, 3, labels=torch.arange(1000))


# --- compression and slices -------------------------------------------------------------------------------------


def test_components_are_those_of_the_singular_values():
    x = draws(0, 50, 6) @ draws(1, 6, 6)
    components = compressed(x, 6)
    assert torch.allclose(components.T @ components, torch.diag(components.square().sum(0)), atol=1e-9)
    assert torch.allclose(torch.nn.functional.pdist(components), torch.nn.functional.pdist(x), atol=1e-9)
    variances = np.linalg.eigvalsh(np.cov(x.numpy().T))[::-1]
    assert components.var(0).numpy() == pytest.approx(variances)
    assert torch.allclose(compressed(x[:, torch.arange(6)] + 100, 6), components, atol=1e-9)


def test_what_two_variables_share_is_found_after_compression():
    """One shared direction in 40 dimensions: 0.83 nats that neighbours in 80 dimensions do not see."""
    a = draws(0, 1000, 1)
    b = 0.9 * a + math.sqrt(0.19) * draws(1, 1000, 1)
    x, y = (10 * v @ draws(2, 1, 40) / math.sqrt(40) + 0.3 * draws(3 + k, 1000, 40) for k, v in enumerate((a, b)))
    with findings() as found:
        raw = knn.mutual_information(x, y, 3)
    assert {"dimension", "not_levelled"} & {finding.flag for finding in found}
    reduced = knn.mutual_information(compressed(x, 1), compressed(y, 1), 3)
    assert raw < 0.75 * -0.5 * math.log(0.19)
    assert reduced.item() == pytest.approx(-0.5 * math.log(0.19), abs=0.1)


def test_too_few_components_are_flagged():
    with pytest.warns(EstimatorWarning, match="compressed: 2 of 10 components"):
        compressed(draws(0, 200, 10), 2)
    with pytest.raises(ValueError, match="components"):
        compressed(draws(0, 5, 10), 6)


def test_a_slice_of_scalars_is_the_whole():
    x, y = draws(0, 300, 1), draws(1, 300, 1)
    generator = torch.Generator().manual_seed(0)
    with findings():
        value = sliced(x, x + y, 3, slices=5, generator=generator).value
        assert value.item() == pytest.approx(knn.mutual_information(x, x + y, 3).item(), abs=1e-9)


def test_slices_fall_with_dimension_and_warn():
    values = {}
    for d in (2, 20):
        x = draws(0, 400, d)
        y = 0.9 * x + math.sqrt(0.19) * draws(1, 400, d)
        with findings() as found:
            values[d] = sliced(x, y, 3, slices=30, generator=torch.Generator().manual_seed(0)).value
        assert ("sliced" in {finding.flag for finding in found}) == (d > 10)
    assert values[2] > 5 * values[20]
    with pytest.raises(ValueError, match="generator"):
        sliced(x, y, 3)


# --- probes -----------------------------------------------------------------------------------------------------


def test_the_probe_is_logistic_regression():
    x, y = draws(0, 120, 4), torch.arange(120) % 3
    x = x + 2 * torch.eye(4, dtype=torch.float64)[y]
    weights = _fitted(x, y, torch.zeros(3, dtype=torch.float64), 0.01)
    reference = LogisticRegression(C=1 / (0.01 * 120), tol=1e-10, max_iter=10_000).fit(x.numpy(), y.numpy())
    ours = torch.softmax(x @ weights[:-1] + weights[-1], 1).numpy()
    assert ours == pytest.approx(reference.predict_proba(x.numpy()), abs=1e-4)  # the last steps of either search


def test_what_a_line_separates_is_usable_and_what_it_does_not_is_none():
    signs = draws(0, 600, 2).sign()
    noise = 0.1 * draws(1, 600, 2)
    separable = probe(signs + noise, (signs[:, 0] > 0).long())
    crossed = probe(signs + noise, (signs[:, 0] * signs[:, 1] > 0).long())
    assert separable.value.item() == pytest.approx(math.log(2), abs=0.05)
    assert abs(crossed.value.item()) < 4 * crossed.std_error.item() + 0.01
    with findings():
        exact = binning.mutual_information(signs, (signs[:, 0] * signs[:, 1] > 0).long(), 0.5)
    assert exact.item() == pytest.approx(math.log(2), abs=0.01)  # all of it is there


def test_a_probe_that_fits_noise_is_flagged():
    x, labels = draws(0, 40, 60), torch.arange(40) % 2
    with findings() as found:
        fitted = probe(x, labels, penalty=0.0)
    assert fitted.value < 0
    assert "impossible" in {finding.flag for finding in found}
    with findings() as found:
        dead = probe(torch.ones(40, 3), labels)
    assert (dead.value, [finding.flag for finding in found]) == (0, ["dead"])
    with pytest.raises(ValueError, match="folds"):
        probe(x, labels, folds=1)
