"""What the errata of yu2018 say is right."""

import math

import pytest
import torch
from factories import ROOT

from infoflow.config.yamlfile import load
from infoflow.documents.yu2018.claims import COUNTS, counterexample
from infoflow.documents.yu2018.constants import TRAINED
from infoflow.estimators import renyi


def spectrum_entropy(matrix, alpha):
    """log2 Σ λ^α / (1 − α) of a matrix as it is."""
    return float(torch.linalg.eigvalsh(matrix).clamp(min=0).pow(alpha).sum().log2() / (1 - alpha))


@pytest.fixture
def maps():
    return torch.randn(5, 16, 9, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("alpha", [1.01, 2.0])
def test_without_the_factor_of_the_samples_entropies_shift(maps, alpha):
    n, kernel = maps.shape[1], renyi.gram(maps[0], 2.0)
    right, printed = spectrum_entropy(kernel / n, alpha), spectrum_entropy(kernel, alpha)
    assert right == pytest.approx(float(renyi.entropy(maps[0], alpha, 2.0)), abs=1e-9)
    assert right - printed == pytest.approx(alpha / (alpha - 1) * math.log2(n))
    assert printed < 0 < right < math.log2(n)


def test_the_maps_of_a_layer_have_a_matrix_of_samples_each(maps):
    grams = torch.stack([renyi.gram(one, 4.0) for one in maps])
    assert grams.shape == (5, 16, 16)
    joint = float(renyi.gram_entropy(grams.prod(0), 1.01))
    assert joint == pytest.approx(float(renyi.joint_entropy(list(maps), 1.01, [4.0] * 5)), abs=1e-9)


@pytest.mark.parametrize("alpha", [0.5, 1.01, 2.0])
def test_the_lower_half_follows_one_variable_at_a_time(maps, alpha):
    joints = [float(renyi.joint_entropy(list(maps[:k]), alpha, [6.0] * k)) for k in range(1, 6)]
    assert joints == sorted(joints)
    assert joints[-1] > max(float(renyi.entropy(one, alpha, 6.0)) for one in maps)


def test_a_joint_entropy_may_exceed_the_sum():
    joint, total = counterexample(0, 1)
    shares = [count / 4 for row in COUNTS for count in row]
    assert joint == pytest.approx(-math.log2(sum(p**2 for p in shares)), abs=1e-12)
    assert total == pytest.approx(-2 * math.log2(0.25**2 + 0.75**2), abs=1e-12)
    assert (joint, total) == pytest.approx((1.4150, 1.3561), abs=5e-5)


@pytest.mark.parametrize("count", [3, 6])
def test_constant_maps_carry_the_counterexample_to_any_number(count):
    table = torch.tensor([[i, j] for i in range(2) for j in range(2) for _ in range(COUNTS[i][j])], dtype=torch.float64)
    maps = [*table.T[:, :, None], *torch.zeros(count - 2, 4, 1, dtype=torch.float64)]
    grams = [renyi.gram(one, 0.05) for one in maps]
    total = sum(float(renyi.gram_entropy(one, 2.0)) for one in grams)
    assert float(renyi.gram_entropy(torch.stack(grams).prod(0), 2.0)) - total == pytest.approx(0.0589, abs=5e-5)


def test_the_middle_panel_is_a_third_of_training():
    paper = load(ROOT / "configs/paper.yaml").values["experiments"]
    epochs = {name: paper[name]["training"]["epochs"] for name in ("yu_baseline", "yu_svhn")}
    assert TRAINED == (epochs["yu_baseline"] // 3, epochs["yu_baseline"])
    assert epochs["yu_svhn"] // 3 in paper["yu_svhn"]["snapshots"]["at"]
