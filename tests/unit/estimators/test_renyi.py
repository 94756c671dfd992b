"""Matrix-based Renyi entropies against eigenvalues written out, identities, and counterexamples."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerance import EPS, differences, eigenvalues, exponents, moved, printed, rounding, spectrum, standard_errors

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


def entries(*scaled):
    """Bound on the errors of Gram matrices of variables in units of their widths, alone or multiplied."""
    z = torch.cat([v.double().reshape(len(v), -1) for v in scaled], 1)
    norms = (z - z.mean(0)).square().sum(1).max().item()
    return exponents(z, 0.5, direct=8 * EPS * norms > 1e-7)


def slack(alpha, *grams, error=0.0):
    """Bound on the error of a sum of entropies of Gram matrices that are known to `error`."""
    total = 0.0
    for K in grams:
        values = np.linalg.eigvalsh(np.asarray(K) / np.trace(K))
        total += spectrum(values, alpha, eigenvalues(values.max(), len(values), error))
    return total


def delta(labels):
    return (labels[:, None] == labels).double().numpy()


@pytest.mark.parametrize("alpha", ORDERS)
def test_entropies_are_the_definition(alpha):
    x, t = normal(60, 4), normal(60, 3, seed=1)
    kx, kt = reference_gram(x, 1.5), reference_gram(t, 0.8)
    error = entries(x / 1.5, t / 0.8)
    alone, both = slack(alpha, kx, error=error), slack(alpha, kx * kt, error=error)
    assert renyi.gram(x, 1.5).numpy() == pytest.approx(kx, abs=error)
    value = reference_entropy(kx, alpha)
    assert renyi.gram_entropy(torch.tensor(kx), alpha).item() == pytest.approx(value, abs=slack(alpha, kx))
    assert renyi.entropy(x, alpha, 1.5).item() == pytest.approx(value, abs=alone)
    joint = renyi.joint_entropy([x, t], alpha, [1.5, 0.8]).item()
    assert joint == pytest.approx(reference_entropy(kx * kt, alpha), abs=both)
    expected = sum(reference_entropy(k, alpha) for k in (kx, kt)) - reference_entropy(kx * kt, alpha)
    known = pytest.approx(expected, abs=alone + slack(alpha, kt, error=error) + both)
    assert renyi.mutual_information(x, t, alpha, [1.5, 0.8]).item() == known


@pytest.mark.parametrize("n", [127, 128, 129, 300])
def test_gram_matrices_of_several_panels_are_whole_and_symmetric(n):
    x = normal(n, 5)
    K = renyi.gram(x, 1.5)
    assert K.numpy() == pytest.approx(reference_gram(x, 1.5), abs=entries(x / 1.5))
    # a panel's own square comes from one product, in which the two halves may be rounded apart
    assert K.numpy() == pytest.approx(K.T.numpy(), abs=entries(x / 1.5))
    assert (K.diagonal() == 1).all()


@pytest.mark.parametrize("alpha", ORDERS)
def test_labels_are_a_delta_kernel(alpha):
    x, labels = normal(60, 4), torch.arange(60) % 7
    kx, error = reference_gram(x, 1.5), entries(x / 1.5)
    both, alone = reference_entropy(kx * delta(labels), alpha), reference_entropy(delta(labels), alpha)
    of_labels, of_both = slack(alpha, delta(labels)), slack(alpha, kx * delta(labels), error=error)
    assert renyi.entropy(labels, alpha, None).item() == pytest.approx(alone, abs=of_labels)
    assert renyi.joint_entropy([x, labels], alpha, [1.5, None]).item() == pytest.approx(both, abs=of_both)
    expected = reference_entropy(kx, alpha) + alone - both
    known = pytest.approx(expected, abs=slack(alpha, kx, error=error) + of_labels + of_both)
    assert renyi.mutual_information(x, labels, alpha, [1.5, None]).item() == known


def test_many_maps_are_one_product_of_grams():
    maps = [normal(40, 6, 6, seed=s) for s in range(5)]
    sigmas = [4.0, 5.0, 6.0, 7.0, 8.0]
    product = np.prod([reference_gram(m, s) for m, s in zip(maps, sigmas, strict=True)], axis=0)
    error = entries(*(m / s for m, s in zip(maps, sigmas, strict=True)))
    for alpha in (1.01, 2):
        value = renyi.joint_entropy(maps, alpha, sigmas).item()
        known = pytest.approx(reference_entropy(product, alpha), abs=slack(alpha, product, error=error))
        assert value == known


@pytest.mark.parametrize("alpha", [0, *ORDERS])
def test_extremes(alpha):
    n = 32
    full, constant = slack(alpha, np.eye(n)), slack(alpha, np.ones((n, n)))
    assert renyi.gram_entropy(torch.eye(n), alpha).item() == pytest.approx(5, abs=full)
    assert renyi.gram_entropy(2 * torch.eye(n), alpha).item() == pytest.approx(5, abs=full)
    assert renyi.gram_entropy(torch.ones(n, n), alpha).item() == pytest.approx(0, abs=constant)
    labels = torch.arange(n) % 4
    assert renyi.entropy(labels, alpha, None).item() == pytest.approx(2, abs=spectrum([0.25] * 4, alpha, 0))
    onehot = torch.nn.functional.one_hot(labels).double()  # distances of exactly 0, and kernels of exp(-700)
    assert renyi.entropy(onehot, alpha, 0.01).item() == pytest.approx(2, abs=slack(alpha, delta(labels)))


def test_limits_of_alpha():
    x = normal(50, 3)
    K = reference_gram(x, 1.0)
    at = {a: renyi.entropy(x, a, 1.0).item() for a in (1 - 1e-9, 1, 1 + 1e-9, 200.0, math.inf)}
    values = np.linalg.eigvalsh(K / 50).clip(min=EPS)
    steep = values @ np.log(values) ** 2 / (2 * math.log(2))  # dS/d alpha = -Var(ln lambda) / (2 ln 2)
    near = 2 * slack(1, K, error=entries(x)) + 1e-9 * steep
    assert at[1 - 1e-9] == pytest.approx(at[1], abs=near)
    assert at[1 + 1e-9] == pytest.approx(at[1], abs=near)
    above = at[200.0] / at[math.inf]  # S_inf <= S_alpha <= S_inf alpha / (alpha - 1)
    rest = slack(200, K, error=entries(x)) + slack(math.inf, K, error=entries(x))
    assert 1 - rest <= above <= 200 / 199 + rest
    rank = renyi.entropy(x[:7].repeat(5, 1), 0, 0.05).item()
    assert rank == pytest.approx(math.log2(7), abs=rounding(1, math.log2(7)))


def test_saturated_partner_gives_the_other_entropy():
    x, t = normal(50, 3), normal(50, 3, seed=1)
    rest = slack(1.01, np.eye(50), np.eye(50), reference_gram(t, 1.0), error=entries(t))  # kernels of x: exp(-700)
    expected = renyi.entropy(t, 1.01, 1.0).item()
    assert renyi.mutual_information(x, t, 1.01, [1e-3, 1.0]).item() == pytest.approx(expected, abs=rest)


@pytest.mark.parametrize(
    ("alpha", "table", "expected"),
    [
        (0.3, [[1, 2], [2, 27]], "-0.0340"),
        (0.5, [[1, 2], [2, 19]], "-0.0170"),
        (1.01, [[5, 48], [1, 10]], "-1.1e-5"),
        (1.1, [[5, 21], [1, 5]], "-7.7e-4"),
        (1.5, [[1, 0], [4, 1]], "-0.0272"),
        (2.0, [[0, 1], [1, 2]], "-0.0589"),
        (2.0, [[0, 5], [5, 14]], "-0.0725"),
    ],
)
def test_joint_can_exceed_the_sum(alpha, table, expected):
    cells = [(i, j) for i in range(2) for j in range(2) for _ in range(table[i][j])]
    x, y = torch.tensor(cells, dtype=torch.float64).T
    value = renyi.mutual_information(x.long(), y.long(), alpha, None).item()
    assert value == printed(expected)
    narrow = renyi.mutual_information(x, y, alpha, 0.05).item()  # kernels of exp(-200), and repeated samples
    grams = delta(x), delta(y), delta(x) * delta(y)
    assert narrow == pytest.approx(value, abs=slack(alpha, *grams))


@given(st.integers(0, 10_000), st.sampled_from(ORDERS), st.floats(0.1, 5))
@settings(max_examples=30, deadline=None)
def test_joint_is_at_least_each_marginal_and_at_most_log_n(seed, alpha, sigma):
    x, t = normal(20, 2, seed=seed), normal(20, 3, seed=seed + 1)
    joint = renyi.joint_entropy([x, t], alpha, sigma)
    marginals = [renyi.entropy(v, alpha, sigma) for v in (x, t)]
    kx, kt = reference_gram(x, sigma), reference_gram(t, sigma)
    rest = slack(alpha, kx, kt, kx * kt, error=entries(x / sigma, t / sigma))
    assert joint >= max(marginals) - rest
    assert -rest <= min(marginals)
    assert joint <= math.log2(20) + rest


def test_order_place_scale_and_repetition():
    x = normal(40, 3)
    for alpha in (0.5, 1.01, 2.0):
        value = renyi.entropy(x, alpha, 1.0).item()
        K, error = reference_gram(x, 1.0), entries(x)
        away = slack(alpha, K, error=2 * error + moved(3, 100))  # x + 100 is rounded at 100
        assert renyi.entropy(x.flip(0) + 100, alpha, 1.0).item() == pytest.approx(value, abs=away)
        assert renyi.entropy(7 * x, alpha, 7.0).item() == pytest.approx(value, abs=slack(alpha, K, error=2 * error))
        thrice = slack(alpha, K, np.tile(K, (3, 3)), error=error)
        assert renyi.entropy(x.repeat(3, 1), alpha, 1.0).item() == pytest.approx(value, abs=thrice)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.01, 2.0, 3.0])
def test_gradients(alpha):
    x, t, labels = normal(8, 3).requires_grad_(), normal(8, 2, seed=1).requires_grad_(), torch.arange(8) % 3
    kx, kt = reference_gram(x.detach(), 1.0), reference_gram(t.detach(), 0.7)
    error = entries(x.detach(), t.detach() / 0.7)
    options = differences(slack(alpha, kx, kt, kx * kt, error=error))
    assert torch.autograd.gradcheck(lambda a, b: renyi.mutual_information(a, b, alpha, [1.0, 0.7]), (x, t), **options)
    options = differences(slack(alpha, kx, delta(labels), kx * delta(labels), error=error))
    assert torch.autograd.gradcheck(lambda a: renyi.mutual_information(a, labels, alpha, [1.0, None]), x, **options)


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
        K = reference_gram(x.double(), sigma)
        known = pytest.approx(reference_entropy(K, alpha), abs=slack(alpha, K, error=entries(x.double() / sigma)))
        assert renyi.entropy(x, alpha, sigma).item() == known


def approximated(approximation, alpha, rank):
    """Information of 600 samples about three labels, by an approximation, and the matrices of the exact one."""
    x, labels = normal(600, 5), torch.arange(600) % 3
    options = {"approximation": approximation, "rank": rank, "generator": torch.Generator().manual_seed(0)}
    value = renyi.mutual_information(x, labels, alpha, [3.0, None], **options)
    return value.value.item(), renyi.gram(x, 3.0), labels[:, None] == labels


@pytest.mark.parametrize("approximation", ["nystrom", "random_features"])
@pytest.mark.parametrize("alpha", [1.01, 2.0])
def test_approximations_approach_the_exact_value(approximation, alpha):
    x, labels = normal(600, 5), torch.arange(600) % 3
    exact = renyi.mutual_information(x, labels, alpha, [3.0, None]).item()
    few, many = (abs(approximated(approximation, alpha, rank)[0] - exact) for rank in (20, 400))
    assert many < few / 2  # random features: a part falls with rank and another with its root, by 20 and by 4.5


def test_nystrom_is_as_near_as_the_trace_that_it_lacks():
    """Fannes & Audenaert: |S_1(A) - S_1(B)| <= T log2(n - 1) + h(T), T half the trace norm of A - B, at most the trace that B lacks."""
    found, K, same = approximated("nystrom", 1, 400)
    exact = renyi.gram_entropy(K, 1) + math.log2(3) - renyi.gram_entropy(K * same, 1)
    generator, rest = torch.Generator().manual_seed(0), 0.0
    x = normal(600, 5) / 3
    for _ in range(2):  # each entropy has its own landmarks, each draw too, and lacks about as much
        features = renyi._nystrom(x, 400, generator)(x)
        lacking = 1 - features.square().sum().item() / 600 + eigenvalues(1, 600)
        entropy = -lacking * math.log2(lacking) - (1 - lacking) * math.log2(1 - lacking)
        rest += lacking * math.log2(599) + entropy
    assert found == pytest.approx(exact.item(), abs=rest)


def test_random_features_are_as_near_as_their_variance_says():
    """|K + D|^2 / |K|^2 = 1 + 2 sum K D / |K|^2 + sum D^2 / |K|^2, of which the second has mean 0 and E D^2 = (1 - K^2)^2 / (2 rank)."""
    found, K, same = approximated("random_features", 2.0, 400)
    exact = renyi.gram_entropy(K, 2) + math.log2(3) - renyi.gram_entropy(K * same, 2)
    x = normal(600, 5) / 3
    features = renyi._random_features(x, 1000, torch.Generator().manual_seed(1))(x) * math.sqrt(1000)
    variance, bias = 0.0, 0.0
    for kernel in (K, same * K):  # each entropy has its own features
        whole = kernel.square().sum()
        products = (features * (kernel @ features)).sum(0).view(2, 1000).sum(
            0
        ) / whole  # sum K_ij cos(w (x_i - x_j)), by w
        variance += 4 * products.var().item()
        bias += ((1 - K.square()).square() * (kernel > 0)).sum().item() / (800 * whole.item())
    assert found == pytest.approx(exact.item(), abs=(standard_errors(variance, 400) + bias) / math.log(2))


def test_nystrom_with_all_landmarks_is_exact():
    x = normal(100, 3)
    value = renyi.entropy(x, 1.01, 1.0, approximation="nystrom", rank=100, generator=torch.Generator().manual_seed(0))
    K = reference_gram(x, 1.0)
    # K K^-1 K: what the root of an eigenvalue above the cut divides, it multiplies again
    rest = slack(1.01, K, K, error=2 * entries(x))
    assert value.value.item() == pytest.approx(renyi.entropy(x, 1.01, 1.0).item(), abs=rest)


@pytest.mark.parametrize("approximation", ["nystrom", "random_features"])
def test_an_approximation_knows_its_error(approximation):
    """Its own standard error, and what half of the rank changes, cover what is lacking of the exact value."""
    x = normal(800, 4)
    exact = renyi.entropy(x, 2, 2.0).item()
    found = renyi.entropy(x, 2, 2.0, approximation=approximation, rank=200, generator=torch.Generator().manual_seed(0))
    assert abs(found.value.item() - exact) <= 4 * found.std_error.item() + found.bias_bound.item()
    assert found.std_error + found.bias_bound < 0.1
    blocks = renyi._sum_of_products(lambda part: part, x, 2**22)  # a row a block
    assert torch.allclose(blocks, x.T @ x)


def test_width_rules():
    x = torch.tensor([[0.0], [1.0], [2.0]])
    width = 5 * 1000**-0.1
    assert renyi.power_width(1000, 6, 5.0) == pytest.approx(width, rel=rounding(3))
    assert renyi.power_width(1000, 6, 5.0, dimensions=True) == pytest.approx(width * math.sqrt(6), rel=rounding(3))
    assert renyi.median_width(x, 0.5) == 0.5
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
    exponent = renyi.squared_distances(t) / scale[:, None, None]
    one_hot = torch.nn.functional.one_hot(y).double()
    sides = {
        "X": renyi.side(renyi.squared_distances(x) / (2 * sigma_x**2), alpha),
        "Y": renyi.side(renyi.squared_distances(one_hot) / (2 * 0.1**2), alpha),
    }
    made = renyi.layer_terms(exponent, sides, alpha, parts="X")
    for b in range(batches):
        layer = list(t[b])
        grams = [reference_gram(m, s) for m, s in zip(layer, sigmas, strict=True)]
        kx, ky, T = reference_gram(x[b], sigma_x), delta(y[b]), np.prod(grams, axis=0)
        error = entries(x[b] / sigma_x, *(m / s for m, s in zip(layer, sigmas, strict=True)))

        def near(expected, *grams, error=error):
            return pytest.approx(expected, abs=2 * slack(alpha, *grams, error=error))

        assert float(made.entropy[b]) == near(float(renyi.joint_entropy(layer, alpha, sigmas)), T)
        whole = float(renyi.mutual_information(x[b], layer, alpha, [sigma_x, *sigmas]))
        assert float(made.information["X"][b]) == near(whole, kx, T, kx * T)
        labels = float(renyi.mutual_information(y[b], layer, alpha, [None, *sigmas]))
        assert float(made.information["Y"][b]) == near(labels, ky, T, ky * T)
        each = [
            float(renyi.mutual_information(x[b], m, alpha, [sigma_x, s])) for m, s in zip(layer, sigmas, strict=True)
        ]
        for c, (value, K) in enumerate(zip(each, grams, strict=True)):
            assert float(made.part_information[b, c]) == near(value, kx, K, kx * K)
            own = float(renyi.entropy(layer[c], alpha, sigmas[c]))
            assert float(made.part_entropy[b, c]) == near(own, K)
        parts = [m for K in grams for m in (kx, K, kx * K)]
        assert float(made.redundancy[b]) == near(sum(each) - whole, *parts, kx, T, kx * T)


@pytest.mark.parametrize("shape", [(7, 3), (4, 7, 3), (2, 3, 7, 3), (5, 9, 60, 200)], ids=str)
def test_squared_distances_are_those_of_every_pair_however_many_parts_they_take(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 100.0
    x[..., 1, :] = x[..., 0, :]
    for one in (x, x.transpose(0, 1).contiguous().transpose(0, 1)):
        squares = renyi.squared_distances(one)
        assert squares.shape == (*shape[:-1], shape[-2])
        exact = torch.cdist(x.double(), x.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
        norms = (one.double() - one.double().mean(-2, keepdim=True)).square().sum(-1).max().item()
        torch.testing.assert_close(squares, exact, rtol=0, atol=rounding(shape[-1] + 4, 4 * norms))
        assert (squares[..., 0, 1] == 0).all()
        assert (squares.diagonal(dim1=-2, dim2=-1) == 0).all()
    assert math.prod((5, 9, 60, 200)) > renyi.IN_CACHE


def test_a_layer_of_one_map_has_no_redundancy():
    draw = torch.Generator().manual_seed(4)
    exponent = renyi.squared_distances(torch.randn(3, 1, 16, 4, generator=draw))
    sides = {"X": renyi.side(renyi.squared_distances(torch.randn(3, 16, 4, generator=draw)), 1.01)}
    made = renyi.layer_terms(exponent, sides, 1.01, parts="X")
    assert torch.equal(made.part_information[:, 0], made.information["X"])
    assert made.redundancy.tolist() == [0.0, 0.0, 0.0]


def test_copies_of_a_map_are_redundant():
    draw = torch.Generator().manual_seed(5)
    t = torch.randn(1, 1, 32, 3, generator=draw, dtype=torch.float64).expand(1, 2, 32, 3)
    x = renyi.side(renyi.squared_distances(t[:, 0]) * 100, 1.01)  # every sample alone: I(X;T) = S(T)
    narrow = renyi.squared_distances(t) * 100
    made = renyi.layer_terms(narrow, {"X": x}, 1.01, parts="X")
    K = reference_gram(t[0, 0], math.sqrt(1 / 200))
    rest = 2 * slack(1.01, *[K] * 3, *[K**2] * 3, K**3, error=entries(t[0, 0] * math.sqrt(200)))
    once, twice, thrice = (reference_entropy(K**power, 1.01) for power in (1, 2, 3))
    assert float(made.redundancy[0]) == pytest.approx(3 * once - 3 * twice + thrice, abs=rest)
    # All three lie between S(K) and log2 n, so that information and redundancy differ by at most twice that.
    near = 2 * (5 - once) + rest
    assert float(made.redundancy[0]) == pytest.approx(float(made.information["X"][0]), abs=near)
    assert near < 1


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
            rest = 2 * slack(alpha, reference_gram(x[i, j], 1.0), error=entries(x[i, j]))
            assert float(stacked[i, j]) == pytest.approx(float(alone), abs=rest)
