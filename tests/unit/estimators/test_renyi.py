"""Matrix-based Renyi entropies against eigenvalues written out, identities, and counterexamples."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infoflow.estimators import renyi

ORDERS = [0.3, 0.5, 0.99, 1.0, 1.01, 1.3, 2.0, 3.0, 5.0, math.inf]


def normal(n, *shape, seed=0):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def reference_gram(x, sigma):
    x = x.reshape(len(x), -1).numpy()
    return np.exp(-((x[:, None] - x) ** 2).sum(2) / (2 * sigma**2))


def reference_entropy(K, alpha):
    values = np.linalg.eigvalsh(K / np.trace(K))
    values = values[values > len(K) * 2.3e-16 * values.max()]
    if alpha == 1:
        return -(values * np.log2(values)).sum()
    if alpha == math.inf:
        return -np.log2(values.max())
    return np.log2((values**alpha).sum()) / (1 - alpha)


def delta(labels):
    return (labels[:, None] == labels).double().numpy()


@pytest.mark.parametrize("alpha", ORDERS)
def test_entropies_are_the_definition(alpha):
    x, t = normal(60, 4), normal(60, 3, seed=1)
    kx, kt = reference_gram(x, 1.5), reference_gram(t, 0.8)
    assert renyi.gram(x, 1.5).numpy() == pytest.approx(kx, abs=1e-12)
    assert renyi.gram_entropy(torch.tensor(kx), alpha).item() == pytest.approx(reference_entropy(kx, alpha), abs=1e-9)
    assert renyi.entropy(x, alpha, 1.5).item() == pytest.approx(reference_entropy(kx, alpha), abs=1e-9)
    joint = renyi.joint_entropy([x, t], alpha, [1.5, 0.8]).item()
    assert joint == pytest.approx(reference_entropy(kx * kt, alpha), abs=1e-9)
    expected = sum(reference_entropy(k, alpha) for k in (kx, kt)) - reference_entropy(kx * kt, alpha)
    assert renyi.mutual_information(x, t, alpha, [1.5, 0.8]).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("n", [127, 128, 129, 300])
def test_gram_matrices_of_several_panels_are_whole_and_symmetric(n):
    x = normal(n, 5)
    K = renyi.gram(x, 1.5)
    assert K.numpy() == pytest.approx(reference_gram(x, 1.5), abs=1e-12)
    assert K.numpy() == pytest.approx(K.T.numpy(), abs=1e-15)
    assert (K.diagonal() == 1).all()


@pytest.mark.parametrize("alpha", ORDERS)
def test_labels_are_a_delta_kernel(alpha):
    x, labels = normal(60, 4), torch.arange(60) % 7
    kx = reference_gram(x, 1.5)
    both, alone = reference_entropy(kx * delta(labels), alpha), reference_entropy(delta(labels), alpha)
    assert renyi.entropy(labels, alpha, None).item() == pytest.approx(alone, abs=1e-9)
    assert renyi.joint_entropy([x, labels], alpha, [1.5, None]).item() == pytest.approx(both, abs=1e-9)
    expected = reference_entropy(kx, alpha) + alone - both
    assert renyi.mutual_information(x, labels, alpha, [1.5, None]).item() == pytest.approx(expected, abs=1e-9)


def test_many_maps_are_one_product_of_grams():
    maps = [normal(40, 6, 6, seed=s) for s in range(5)]
    sigmas = [4.0, 5.0, 6.0, 7.0, 8.0]
    product = np.prod([reference_gram(m, s) for m, s in zip(maps, sigmas, strict=True)], axis=0)
    for alpha in (1.01, 2):
        value = renyi.joint_entropy(maps, alpha, sigmas).item()
        assert value == pytest.approx(reference_entropy(product, alpha), abs=1e-9)


@pytest.mark.parametrize("alpha", [0, *ORDERS])
def test_extremes(alpha):
    n = 32
    assert renyi.gram_entropy(torch.eye(n), alpha).item() == pytest.approx(5, abs=1e-9)
    assert renyi.gram_entropy(2 * torch.eye(n), alpha).item() == pytest.approx(5, abs=1e-9)
    assert renyi.gram_entropy(torch.ones(n, n), alpha).item() == pytest.approx(0, abs=1e-9)
    labels = torch.arange(n) % 4
    assert renyi.entropy(labels, alpha, None).item() == pytest.approx(2, abs=1e-9)
    onehot = torch.nn.functional.one_hot(labels).double()
    assert renyi.entropy(onehot, alpha, 0.01).item() == pytest.approx(2, abs=1e-9)


def test_limits_of_alpha():
    x = normal(50, 3)
    at = {a: renyi.entropy(x, a, 1.0).item() for a in (1 - 1e-9, 1, 1 + 1e-9, 200.0, math.inf)}
    assert at[1 - 1e-9] == pytest.approx(at[1], abs=1e-7)
    assert at[1 + 1e-9] == pytest.approx(at[1], abs=1e-7)
    assert at[200.0] == pytest.approx(at[math.inf], rel=0.01)
    assert renyi.entropy(x[:7].repeat(5, 1), 0, 0.05).item() == pytest.approx(math.log2(7), abs=1e-9)


def test_saturated_partner_gives_the_other_entropy():
    x, t = normal(50, 3), normal(50, 3, seed=1)
    assert renyi.mutual_information(x, t, 1.01, [1e-3, 1.0]).item() == pytest.approx(
        renyi.entropy(t, 1.01, 1.0).item(), abs=1e-9
    )


@pytest.mark.parametrize(
    ("alpha", "table", "expected"),
    [
        (0.3, [[1, 2], [2, 27]], -0.0340),
        (0.5, [[1, 2], [2, 19]], -0.0170),
        (1.01, [[5, 48], [1, 10]], -1.1e-5),
        (1.1, [[5, 21], [1, 5]], -7.7e-4),
        (1.5, [[1, 0], [4, 1]], -0.0272),
        (2.0, [[0, 1], [1, 2]], -0.0589),
        (2.0, [[0, 5], [5, 14]], -0.0725),
    ],
)
def test_joint_can_exceed_the_sum(alpha, table, expected):
    cells = [(i, j) for i in range(2) for j in range(2) for _ in range(table[i][j])]
    x, y = torch.tensor(cells, dtype=torch.float64).T
    narrow = renyi.mutual_information(x, y, alpha, 0.05).item()
    assert narrow == pytest.approx(expected, rel=0.05)
    assert renyi.mutual_information(x.long(), y.long(), alpha, None).item() == pytest.approx(narrow, abs=1e-9)


@given(st.integers(0, 10_000), st.sampled_from(ORDERS), st.floats(0.1, 5))
@settings(max_examples=30, deadline=None)
def test_joint_is_at_least_each_marginal_and_at_most_log_n(seed, alpha, sigma):
    x, t = normal(20, 2, seed=seed), normal(20, 3, seed=seed + 1)
    joint = renyi.joint_entropy([x, t], alpha, sigma)
    marginals = [renyi.entropy(v, alpha, sigma) for v in (x, t)]
    assert joint >= max(marginals) - 1e-9
    assert -1e-9 <= min(marginals)
    assert joint <= math.log2(20) + 1e-9


def test_order_place_scale_and_repetition():
    x = normal(40, 3)
    for alpha in (0.5, 1.01, 2.0):
        value = renyi.entropy(x, alpha, 1.0).item()
        assert renyi.entropy(x.flip(0) + 100, alpha, 1.0).item() == pytest.approx(value, abs=1e-7)
        assert renyi.entropy(7 * x, alpha, 7.0).item() == pytest.approx(value, abs=1e-9)
        assert renyi.entropy(x.repeat(3, 1), alpha, 1.0).item() == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.01, 2.0, 3.0])
def test_gradients(alpha):
    x, t, labels = normal(8, 3).requires_grad_(), normal(8, 2, seed=1).requires_grad_(), torch.arange(8) % 3
    assert torch.autograd.gradcheck(lambda a, b: renyi.mutual_information(a, b, alpha, [1.0, 0.7]), (x, t))
    assert torch.autograd.gradcheck(lambda a: renyi.mutual_information(a, labels, alpha, [1.0, None]), x)


def test_gradients_at_degenerate_spectra_are_finite():
    for x in (torch.zeros(16, 3), torch.eye(16), normal(4, 3).repeat(4, 1)):
        for alpha in (0.5, 1.01, 2.0):
            leaf = x.double().clone().requires_grad_()
            renyi.entropy(leaf, alpha, 0.5).backward()
            assert torch.isfinite(leaf.grad).all()
    constant = torch.zeros(16, 3, dtype=torch.float64, requires_grad=True)
    renyi.entropy(constant, 0.5, 1.0).backward()
    assert constant.grad.abs().max() == 0


@pytest.mark.parametrize("alpha", [0.5, 1.01, 2.0])
def test_float32_loses_nothing(alpha):
    generator = torch.Generator().manual_seed(1)
    cases = [
        (torch.randn(150, 10, generator=generator) + 1000, 2.0),
        (5 * torch.relu(torch.randn(60, 4096, generator=generator)), 200.0),
        (torch.randn(100, 10, generator=generator), 1e-4),
        (torch.full((100, 10), 3.0) + 1e-2 * torch.randn(100, 1, generator=generator), 0.05),
        (torch.relu(torch.randn(100, 3, generator=generator) - 3), 0.05),
        (torch.randn(20, 10, generator=generator).repeat(5, 1), 1e-3),
    ]
    for x, sigma in cases:
        expected = reference_entropy(reference_gram(x.double(), sigma), alpha)
        assert renyi.entropy(x, alpha, sigma).item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("approximation", ["nystrom", "random_features"])
@pytest.mark.parametrize("alpha", [1.01, 2.0])
def test_approximations_approach_the_exact_value(approximation, alpha):
    x, labels = normal(600, 5), torch.arange(600) % 3
    exact = renyi.mutual_information(x, labels, alpha, [3.0, None]).item()
    errors = []
    for rank in (20, 400):
        value = renyi.mutual_information(
            x,
            labels,
            alpha,
            [3.0, None],
            approximation=approximation,
            rank=rank,
            generator=torch.Generator().manual_seed(0),
        )
        errors.append(abs(value.item() - exact))
    assert errors[1] < max(errors[0], 0.02)
    assert errors[1] < 0.05


def test_nystrom_with_all_landmarks_is_exact():
    x = normal(100, 3)
    value = renyi.entropy(x, 1.01, 1.0, approximation="nystrom", rank=100, generator=torch.Generator().manual_seed(0))
    assert value.item() == pytest.approx(renyi.entropy(x, 1.01, 1.0).item(), abs=1e-6)


def test_width_rules():
    x = torch.tensor([[0.0], [1.0], [2.0]])
    assert renyi.power_width(1000, 6, 5.0) == pytest.approx(5 * 1000**-0.1)
    assert renyi.power_width(1000, 6, 5.0, dimensions=True) == pytest.approx(5 * 1000**-0.1 * math.sqrt(6))
    assert renyi.median_width(x, 0.5) == pytest.approx(0.5)
    labels = torch.arange(120) % 2
    clusters = 0.1 * normal(120, 2) + 10 * labels[:, None]
    candidates = [1e-3, 0.5, 1.0, 100.0]
    target = delta(labels)
    grams = [reference_gram(clusters, s) for s in candidates]
    expected = candidates[int(np.argmax([(g * target).sum() / np.linalg.norm(g) for g in grams]))]
    assert renyi.alignment_width(clusters, labels, candidates) == expected
    assert 0.1 < renyi.alignment_width(clusters, labels) < 10


def test_diagnostics():
    x = normal(64, 2)
    found = renyi.diagnostics(6.0, x, 1e-3)
    assert found.ceiling == 6
    assert found.saturation == 1
    assert found.ties == 0
    assert math.isnan(renyi.diagnostics(1.0, torch.arange(4), None).relative_width)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: renyi.entropy(x, -1, 1.0), "alpha"),
        (lambda x: renyi.entropy(x, math.nan, 1.0), "alpha"),
        (lambda x: renyi.entropy(x, 2, 0.0), "sigma"),
        (lambda x: renyi.entropy(x, 2, None), "integer labels"),
        (lambda x: renyi.entropy(x * math.inf, 2, 1.0), "finite"),
        (lambda x: renyi.gram_entropy(x, 2), "square"),
        (lambda x: renyi.joint_entropy([x, x[:5]], 2, 1.0), "equal numbers"),
        (lambda x: renyi.joint_entropy([x, x], 2, [1.0]), "sigmas"),
        (lambda x: renyi.entropy(x, 2, 1.0, approximation="magic"), "approximation"),
        (lambda x: renyi.entropy(x, 2, 1.0, approximation="nystrom"), "generator"),
        (lambda x: renyi.median_width(0 * x), "median distance"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(normal(10, 2))


# --- layers of several maps ---


@pytest.mark.parametrize("alpha", [1.0, 1.01, 2.0, 0.5])
def test_layer_terms_equal_the_variables_one_by_one(alpha):
    draw = torch.Generator().manual_seed(3)
    batches, maps, n, d = 2, 4, 24, 5
    t = torch.randn(batches, maps, n, d, generator=draw, dtype=torch.float64)
    t[:, 2] = 0.0  # a dead map
    x = torch.randn(batches, n, 7, generator=draw, dtype=torch.float64)
    y = torch.randint(3, (batches, n), generator=draw)
    sigmas, sigma_x = [1.0, 2.0, 3.0, 0.5], 1.5
    scale = 2 * torch.tensor(sigmas, dtype=torch.float64).square()
    exponents = renyi.squared_distances(t) / scale[:, None, None]
    one_hot = torch.nn.functional.one_hot(y).double()
    sides = {
        "X": renyi.side(renyi.squared_distances(x) / (2 * sigma_x**2), alpha),
        "Y": renyi.side(renyi.squared_distances(one_hot) / (2 * 0.1**2), alpha),
    }
    made = renyi.layer_terms(exponents, sides, alpha, parts="X")
    for b in range(batches):
        layer = list(t[b])
        near = {"rel": 1e-9, "abs": 1e-9}
        assert float(made.entropy[b]) == pytest.approx(float(renyi.joint_entropy(layer, alpha, sigmas)), **near)
        whole = float(renyi.mutual_information(x[b], layer, alpha, [sigma_x, *sigmas]))
        assert float(made.information["X"][b]) == pytest.approx(whole, **near)
        labels = float(renyi.mutual_information(y[b], layer, alpha, [None, *sigmas]))
        assert float(made.information["Y"][b]) == pytest.approx(labels, **near)
        each = [
            float(renyi.mutual_information(x[b], m, alpha, [sigma_x, s])) for m, s in zip(layer, sigmas, strict=True)
        ]
        assert made.part_information[b].tolist() == pytest.approx(each, **near)
        assert float(made.redundancy[b]) == pytest.approx(sum(each) - whole, **near)
        own = [float(renyi.entropy(m, alpha, s)) for m, s in zip(layer, sigmas, strict=True)]
        assert made.part_entropy[b].tolist() == pytest.approx(own, **near)


@pytest.mark.parametrize("shape", [(7, 3), (4, 7, 3), (2, 3, 7, 3), (5, 9, 60, 200)], ids=str)
def test_squared_distances_are_those_of_every_pair_however_many_parts_they_take(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 100.0
    x[..., 1, :] = x[..., 0, :]
    for one in (x, x.transpose(0, 1).contiguous().transpose(0, 1)):
        squares = renyi.squared_distances(one)
        assert squares.shape == (*shape[:-1], shape[-2])
        exact = torch.cdist(x.double(), x.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
        assert torch.allclose(squares, exact, rtol=1e-9, atol=1e-9)
        assert (squares[..., 0, 1] == 0).all()
        assert (squares.diagonal(dim1=-2, dim2=-1) == 0).all()
    assert math.prod((5, 9, 60, 200)) > renyi.IN_CACHE


def test_a_layer_of_one_map_has_no_redundancy():
    draw = torch.Generator().manual_seed(4)
    exponents = renyi.squared_distances(torch.randn(3, 1, 16, 4, generator=draw))
    sides = {"X": renyi.side(renyi.squared_distances(torch.randn(3, 16, 4, generator=draw)), 1.01)}
    made = renyi.layer_terms(exponents, sides, 1.01, parts="X")
    assert torch.equal(made.part_information[:, 0], made.information["X"])
    assert made.redundancy.tolist() == [0.0, 0.0, 0.0]


def test_copies_of_a_map_are_redundant():
    draw = torch.Generator().manual_seed(5)
    t = torch.randn(1, 1, 32, 3, generator=draw, dtype=torch.float64).expand(1, 2, 32, 3)
    x = renyi.side(renyi.squared_distances(t[:, 0]) * 100, 1.01)  # every sample alone: I(X;T) = S(T)
    narrow = renyi.squared_distances(t) * 100
    made = renyi.layer_terms(narrow, {"X": x}, 1.01, parts="X")
    assert float(made.redundancy[0]) == pytest.approx(float(made.information["X"][0]), abs=1e-3)


@pytest.mark.parametrize("alpha", [0, 0.5, 1, 1.01, 2, 3.0, math.inf])
def test_a_stack_of_gram_matrices_gives_each_ones_entropy(alpha):
    draw = torch.Generator().manual_seed(6)
    x = torch.randn(2, 3, 10, 4, generator=draw, dtype=torch.float64)
    K = torch.exp(-renyi.squared_distances(x) / 2)
    stacked = renyi.gram_entropy(K, alpha)
    assert stacked.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            alone = renyi.gram_entropy(renyi.gram(x[i, j], 1.0), alpha)
            assert float(stacked[i, j]) == pytest.approx(float(alone), abs=1e-9)
