"""Clustering measures against all pairs written out."""

import math

import pytest
import torch
from tolerance import differences, plug_in, rounding

from infoflow.estimators import clustering


def data(n=600, d=5, classes=3):
    generator = torch.Generator().manual_seed(n + d)
    return (
        torch.randn(n, d, generator=generator, dtype=torch.float64),
        torch.randint(classes, (n,), generator=generator),
    )


def slack(x):
    """Bound on the relative error of a mean distance over pairs.

    A sum of as many terms; above 64 dimensions distances are roots of |a|^2 + |b|^2 - 2 a.b, whose error 2 distance divides.
    """
    n, d = x.shape
    gaps = torch.pdist(x)
    norms = (x - x.mean(0)).square().sum(1).max() if d > clustering.DIRECT else 0.0
    return rounding(n * (n - 1) / 2 + d + 4, 1.0) + float((rounding(d + 4, 2 * norms) / gaps).mean() / gaps.mean())


def pair_means(matrix, labels):
    n = len(labels)
    same = labels[:, None] == labels
    pairs = torch.triu(torch.ones(n, n, dtype=torch.bool), 1)
    return matrix[pairs & same].mean(), matrix[pairs & ~same].mean(), matrix[pairs].mean()


@pytest.mark.parametrize("d", [1, 5, 100])
def test_distances_are_means_over_pairs(d):
    x, labels = data(d=d)
    matrix = (x[:, None] - x).square().sum(2).sqrt()
    found = clustering.class_distances(x, labels)
    within, between, overall = pair_means(matrix, labels)
    expected = [within, between, overall, within / overall]
    assert [v.item() for v in found] == pytest.approx([v.item() for v in expected], rel=2 * slack(x))


def test_ratio_ignores_place_and_scale_and_falls_with_clustering():
    x, labels = data()
    ratio = clustering.class_distances(x, labels).ratio
    moved = 2 * math.sqrt(5) * rounding(1, 100 / (7 * torch.pdist(x).mean().item()))  # 7 x + 100 is rounded at 100
    place = clustering.class_distances(7 * x + 100, labels).ratio.item()
    assert place == pytest.approx(ratio.item(), rel=2 * (slack(x) + moved))
    clustered = 0.01 * x + labels[:, None]
    found, before = clustering.class_distances(clustered, labels), clustering.class_distances(x, labels)
    apart = math.sqrt(5) - 0.01 * torch.pdist(x).max().item()  # least distance between two classes
    share = (labels[:, None] != labels).double().mean().item()  # of such pairs
    assert found.ratio < 0.01 * before.within / (share * apart) < ratio


def test_cosines_are_means_over_pairs():
    x, labels = data()
    unit = x / x.norm(dim=1, keepdim=True)
    within, between, _ = pair_means(unit @ unit.T, labels)
    found = clustering.cosine_similarities(x, labels)
    near = rounding(len(x) * (len(x) - 1) / 2)  # cosines are at most 1
    assert found.within.item() == pytest.approx(within.item(), abs=near)
    assert found.between.item() == pytest.approx(between.item(), abs=near)


def test_one_class_has_no_pairs_between():
    x, _ = data(n=10)
    assert math.isnan(clustering.class_distances(x, torch.zeros(10)).between)
    assert math.isnan(clustering.cosine_similarities(x, torch.zeros(10)).between)


def test_dead_units_have_no_direction():
    found = clustering.cosine_similarities(torch.zeros(4, 3), [0, 0, 1, 1])
    assert found.within == 0
    assert found.between == 0


def test_cluster_count_is_batched():
    values = torch.tensor([[0.0, 0.1, 1.0, 1.05], [3.0, 1.0, 2.0, 0.0], [5.0, 5.0, 5.0, 5.0]])
    assert clustering.cluster_count(values, 0.15).tolist() == [2, 4, 1]
    assert clustering.cluster_count([1.0], 0.15) == 1


def test_saturated_fraction():
    assert clustering.saturated_fraction([[0.95, -0.99], [0.1, 0.9]], 0.9) == 0.75


def test_binned_entropy_counts_cells():
    value = clustering.binned_entropy([[0.01], [0.02], [0.91], [0.93]], 0.1)
    assert value.item() == pytest.approx(math.log(2), abs=plug_in(4))


def test_distances_are_differentiable():
    x, labels = data(n=12, d=2)

    def ratio(t):
        return clustering.class_distances(t, labels).ratio

    assert torch.autograd.gradcheck(ratio, x.requires_grad_(), **differences(2 * slack(x.detach())))


@pytest.mark.parametrize("function", [clustering.class_distances, clustering.cosine_similarities])
def test_bad_input_is_refused(function):
    with pytest.raises(ValueError, match="activity"):
        function([[1.0], [float("inf")]], [0, 1])
    with pytest.raises(ValueError, match="labels"):
        function([[1.0], [2.0]], [0, 1, 2])


def test_bad_scalars_are_refused():
    with pytest.raises(ValueError, match="gap"):
        clustering.cluster_count([1.0, 2.0], 0)
    with pytest.raises(ValueError, match="values"):
        clustering.cluster_count([1.0, float("nan")], 1)
    with pytest.raises(ValueError, match="threshold"):
        clustering.saturated_fraction([[1.0]], -1)
