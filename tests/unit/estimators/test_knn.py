"""Nearest neighbours against sorting all distances, and estimates against known values."""

import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import digamma, polygamma
from tolerance import differences, rounding, standard_errors

from infoflow.estimators import _neighbours, knn


def normal(n, d, seed=0, scale=1.0):
    return scale * torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def distances(x, metric):
    gaps = (x[:, None] - x).abs()
    found = gaps.square().sum(2).sqrt() if metric == "euclidean" else gaps.amax(2)
    return found.fill_diagonal_(math.inf)


def reference_entropy(x, k, metric, offset=0.0):
    n, d = x.shape
    radii = distances(x, metric).sort(1).values[:, k - 1].numpy() + offset
    ball = d * math.log(2) if metric == "chebyshev" else d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1)
    return d * np.log(radii).mean() + ball + digamma(n) - digamma(k)


def slack(x, k, metric="euclidean", offset=0.0, place=0.0):
    """Bound on the error of the entropy of x, whose values were rounded at the size `place`.

    A distance is off by d + 2 roundings of itself, or by two values' rounding in each of d coordinates; then d <ln r> is a mean
    of n terms.
    """
    n, d = x.shape
    gaps = torch.cdist(x, x, p=knn.METRICS[metric], compute_mode="donot_use_mm_for_euclid_dist")
    radii = gaps.fill_diagonal_(math.inf).kthvalue(k, 1).values + offset
    moved = rounding(2 * math.sqrt(d), place) * float((1 / radii).mean())
    constants = d + math.lgamma(0.5 * d + 1) + digamma(n) + abs(digamma(k))
    return d * (rounding(d + 2) + moved) + rounding(n + 2, d * float(radii.log().abs().mean())) + rounding(4, constants)


def counting_error(n):
    """Bound on the error of psi(k) + psi(n) - <psi + psi>, whose counts are exact: a mean of n terms up to 2 psi(n)."""
    return rounding(n + 4, 2 * digamma(n))


@pytest.mark.parametrize("metric", ["euclidean", "chebyshev"])
@pytest.mark.parametrize(("n", "d", "k"), [(10, 1, 1), (300, 3, 2), (1500, 10, 3), (600, 40, 5), (20, 2, 19)])
def test_entropy_is_the_definition(n, d, k, metric):
    x = normal(n, d)
    expected = reference_entropy(x, k, metric)
    near = slack(x, k, metric)
    assert knn.entropy(x, k, metric).item() == pytest.approx(expected, abs=near)
    assert knn.entropy(x, k, metric, index="kdtree").item() == pytest.approx(expected, abs=near)


@pytest.mark.parametrize("offset", [1000.0, 1e6])
def test_tight_clusters_far_apart_keep_their_neighbours(offset):
    x = 1e-4 * normal(1500, 5) + offset * (torch.arange(1500) % 3)[:, None]
    near = slack(x, 3, place=2 * offset)  # about the mean, values are rounded again, at up to twice the offset
    assert knn.entropy(x, 3).item() == pytest.approx(reference_entropy(x, 3, "euclidean"), abs=near)


def expected_entropy(n, d, k, steps=60):
    """Expectation of the estimate for normals: the mass within r of x is Beta(k, n - k), and r^2 its noncentral chi-squared quantile.

    By the midpoint rule in the quantiles of |x|^2 and of the mass.
    """
    middle = (np.arange(steps) + 0.5) / steps
    squares, mass = stats.chi2.ppf(middle, d), stats.beta.ppf(middle, k, n - k)
    radii = np.sqrt(stats.ncx2.ppf(mass[None], d, squares[:, None]))
    return d * np.log(radii).mean() + d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1) + digamma(n) - digamma(k)


@pytest.mark.parametrize("d", [1, 3, 10])
def test_entropy_of_normals(d):
    """Of -ln p and of the mass within the neighbour, variances d / 2 and psi_1(k), the terms' own; neighbours share at most half."""
    value = np.mean([knn.entropy(normal(1000, d, seed), 2).item() for seed in range(5)])
    expected = expected_entropy(1000, d, 2)
    halved = abs(
        expected - expected_entropy(1000, d, 2, 30)
    )  # what the quadrature still lacks is below its last change
    variance = d / 2 + 2 * polygamma(1, 2)
    near = standard_errors(variance, 5 * 1000) + halved
    assert value == pytest.approx(expected, abs=near)
    true = d / 2 * math.log(2 * math.pi * math.e)
    bias = (2 / 1000) ** (2 / d)  # order of the bias: the square of the distance
    assert value == pytest.approx(true, abs=near + bias)
    assert near < 0.2


def test_ties_give_minus_infinity_and_are_counted():
    x = torch.relu(normal(200, 2) - 1)
    value = knn.entropy(x, 3)
    assert value == -math.inf
    assert knn.diagnostics(value, x, 3).ties == int((x == 0).all(1).sum())
    expected = reference_entropy(x, 3, "euclidean", 1e-16)
    assert knn.entropy(x, 3, offset=1e-16).item() == pytest.approx(expected, abs=slack(x, 3, offset=1e-16))


@pytest.mark.parametrize("metric", ["euclidean", "chebyshev"])
@pytest.mark.parametrize("index", ["brute", "kdtree"])
def test_entropy_has_the_gradient_of_finite_differences(metric, index):
    x = normal(30, 3).requires_grad_()
    near = slack(x.detach(), 2, metric)
    for offset in (0.0, 0.1):
        value = lambda t, o=offset: knn.entropy(t, 2, metric, offset=o, index=index)  # noqa: E731
        assert torch.autograd.gradcheck(value, x, **differences(near))
    assert knn.entropy(x, 2, metric).item() == pytest.approx(knn.entropy(x.detach(), 2, metric).item(), abs=near)


def test_gradients_at_ties_are_finite():
    x = torch.cat([torch.zeros(5, 2, dtype=torch.float64), normal(20, 2)]).requires_grad_()
    knn.entropy(x, 3, offset=1e-3).backward()
    assert torch.isfinite(x.grad).all()
    assert (x.grad[5:] != 0).any()


def test_informations_are_counts_without_gradient():
    x, y = normal(50, 2).requires_grad_(), normal(50, 2, 1)
    assert not knn.mutual_information(x, y, 3).requires_grad
    assert not knn.label_information(x, torch.arange(50) % 2, 3).requires_grad


@pytest.mark.parametrize("d", [3, 10, 64])
def test_an_approximation_is_within_its_error_of_the_exact_value(d):
    pytest.importorskip("faiss", reason="needs the extra `index`")
    x = normal(5000, d)
    found, exact = knn.entropy(x, 3, approximation="inverted_file"), knn.entropy(x, 3, index="brute")
    # what the file misses is a mean over 1000 of the 5000 samples
    assert found.value.item() == pytest.approx(exact.item(), abs=4 * found.std_error.item() + 2 * slack(x, 3))
    assert found.std_error < 0.05
    radii = _neighbours.approximate_radii(x, 3)  # never nearer than the neighbour
    assert (radii >= _neighbours.radii(x, 3, 2.0, "brute") * (1 - 1e-12)).all()


def test_an_approximation_with_ties_and_few_samples():
    pytest.importorskip("faiss", reason="needs the extra `index`")
    x = normal(30, 2)  # one cell: exact
    near = slack(x, 29, place=x.abs().max().item())
    found = knn.entropy(x, 29, approximation="inverted_file")
    assert found.value.item() == pytest.approx(knn.entropy(x, 29).item(), abs=near)
    assert found.std_error == 0
    tied = torch.relu(normal(2000, 2) - 1)
    assert knn.entropy(tied, 3, approximation="inverted_file").value == -math.inf


def test_an_approximation_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ImportError, match=r"infoflow\[index\]"):
        knn.entropy(normal(100, 2), 3, approximation="inverted_file")
    with pytest.raises(ValueError, match="Euclidean"):
        knn.entropy(normal(100, 2), 3, "chebyshev", approximation="inverted_file")
    with pytest.raises(ValueError, match="approximation"):
        knn.entropy(normal(100, 2), 3, approximation="index")


def test_high_dimensions_do_not_overflow():
    assert math.isfinite(knn.entropy(normal(100, 4096), 3))


def test_scale_place_and_order():
    x = normal(500, 4)
    value = knn.entropy(x, 3).item()
    moved = 1e-3 * x.flip(0) + 5
    near = slack(x, 3) + slack(moved, 3, place=5 + 1e-3 * x.abs().max().item())
    assert knn.entropy(moved, 3).item() == pytest.approx(value + 4 * math.log(1e-3), abs=near)
    y = x[:, :2] + normal(500, 2, 1)
    information = knn.mutual_information(x, y, 3).item()
    assert knn.mutual_information(1024 * x, 1024 * y, 3).item() == information  # a power of 2 rounds nothing
    turned = knn.mutual_information(y.flip(0), x.flip(0), 3).item()
    assert turned == pytest.approx(information, abs=counting_error(500))


def reference_information(x, y, k, algorithm):
    n = len(x)
    in_x, in_y = (distances(v, "chebyshev") for v in (x, y))
    joint = torch.maximum(in_x, in_y)
    terms = []
    for i in range(n):
        near = joint[i].argsort()[:k]
        if algorithm == 1:
            radius = joint[i, near[-1]]
            counts = [(m[i] < radius).sum().item() + 1 for m in (in_x, in_y)]
        else:
            counts = [(m[i] <= m[i, near].max()).sum().item() for m in (in_x, in_y)]
        terms.append(sum(digamma(c) for c in counts))
    return digamma(k) - (1 / k if algorithm == 2 else 0) + digamma(n) - np.mean(terms)


@pytest.mark.parametrize("algorithm", [1, 2])
@pytest.mark.parametrize(("d", "k"), [(1, 1), (2, 3), (6, 4)])
def test_information_is_the_definition(d, k, algorithm):
    x = normal(400, d)
    y = x + normal(400, d, 1)
    scaled = x * torch.arange(1, d + 1), y / 10
    whole = [v / v.std(0, correction=0) for v in scaled]
    for pair, standardise, known in ((scaled, False, scaled), (scaled, True, whole)):
        expected = reference_information(*known, k, algorithm)
        for index in ("auto", "brute", "kdtree"):
            value = knn.mutual_information(*pair, k, algorithm=algorithm, index=index, standardise=standardise)
            assert value.item() == pytest.approx(expected, abs=counting_error(400))


@pytest.mark.parametrize("algorithm", [1, 2])
@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_information_of_correlated_normals(rho, algorithm):
    n, k, seeds = 2000, 3, 4
    values, variances = [], []
    for seed in range(seeds):
        x = normal(n, 1, 2 * seed)
        y = rho * x + math.sqrt(1 - rho**2) * normal(n, 1, 2 * seed + 1)
        values.append(knn.mutual_information(x, y, k, algorithm=algorithm).item())
        variances.append(knn._kraskov_terms(x, y, slice(0, n), k, algorithm).var().item())
    # A term goes with those of its k neighbours; the bias is of the order of k / n, the share within the neighbours.
    near = standard_errors((1 + k) * np.mean(variances), seeds * n) + k / n
    assert np.mean(values) == pytest.approx(-0.5 * math.log(1 - rho**2), abs=near)
    assert near < 0.12


def ross_reference(x, labels, k):
    gaps = distances(x, "chebyshev")
    sizes = torch.bincount(labels)
    terms = []
    for i in range(len(x)):
        same = labels == labels[i]
        near = min(k, int(sizes[labels[i]]) - 1)
        radius = gaps[i][same].sort().values[near - 1]
        own, every = (gaps[i][same] <= radius).sum().item(), (gaps[i] <= radius).sum().item()
        terms.append(digamma(own) - digamma(int(sizes[labels[i]])) - digamma(every))
    return digamma(len(x)) + np.mean(terms)


@pytest.mark.parametrize(("d", "k", "classes"), [(1, 3, 2), (4, 3, 5), (2, 5, 50)])
def test_label_information_is_the_definition(d, k, classes):
    labels = torch.arange(300) % classes
    x = normal(300, d) + labels[:, None]
    assert knn.label_information(x, labels, k).item() == pytest.approx(
        ross_reference(x, labels, k), abs=counting_error(300)
    )


def test_label_information_of_separated_and_unrelated_classes():
    labels = torch.arange(1000) % 4
    separated = knn.label_information(normal(1000, 3) + 100 * labels[:, None], labels, 3)
    # Within its class every neighbour counts: psi(1000) - psi(250), and psi(n) = ln n - 1 / (2 n) - 1 / (12 n^2).
    assert separated.item() == pytest.approx(math.log(4), abs=1 / 500)
    ceiling = knn.diagnostics(separated, normal(1000, 3), 3, labels=labels).ceiling
    assert separated.item() == pytest.approx(ceiling, abs=2 * counting_error(1000))
    unrelated = knn.label_information(normal(1000, 3), labels, 3).item()
    # The mass within the third neighbour has a logarithm of variance psi_1(3); neighbours share at most half of it.
    assert unrelated == pytest.approx(0, abs=standard_errors(2 * polygamma(1, 3), 1000))


def test_labels_that_occur_once_are_left_out():
    x = normal(101, 2)
    labels = torch.cat([torch.arange(100) % 2, torch.tensor([7])])
    assert knn.label_information(x, labels, 3) == knn.label_information(x[:100], labels[:100], 3)


@given(st.integers(0, 1000), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_order_of_samples_does_not_matter(seed, k):
    x, y = normal(60, 2, seed), normal(60, 3, seed + 1)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(seed))
    assert knn.entropy(x[order], k).item() == pytest.approx(knn.entropy(x, k).item(), abs=slack(x, k))
    moved = knn.mutual_information(x[order], y[order], k).item()
    assert moved == pytest.approx(knn.mutual_information(x, y, k).item(), abs=counting_error(60))


def test_float32_loses_nothing():
    x = (normal(500, 6) + 1000).float()
    expected = reference_entropy(x.double(), 3, "euclidean")
    assert knn.entropy(x, 3).item() == pytest.approx(expected, abs=slack(x.double(), 3, place=1005))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: knn.entropy(x, 0), "k: expected"),
        (lambda x: knn.entropy(x, 10), "k: expected"),
        (lambda x: knn.entropy(x, 3, "manhattan"), "metric"),
        (lambda x: knn.entropy(x, 3, offset=-1), "offset"),
        (lambda x: knn.entropy(x, 3, index="faiss"), "index"),
        (lambda x: knn.mutual_information(x, x[:5], 3), "equal numbers"),
        (lambda x: knn.mutual_information(x, x, 3, algorithm=3), "algorithm"),
        (lambda x: knn.label_information(x, list(range(10)), 3), "twice"),
        (lambda x: knn.label_information(x, [0, 1], 3), "labels"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(normal(10, 2))
