"""Noisy layers against quadrature, closed forms and brute force."""

import math

import numpy as np
import pytest
import torch
from factories import config
from scipy import integrate, stats
from tolerance import differences, moved, printed, rounding

from infoflow.data import scalar
from infoflow.estimators import kde, noisy

STD = 0.05
STATED = 1e-6  # error that `scalar_chain` promises; the panels' own, 1e-7 and more, is in its bound
TAILS = (
    8e-11 * 6.5**2
)  # continuous inputs end at 6.5 standard deviations: the mass beyond, with terms up to the square of that
REACH = math.sqrt(2 * math.log(1e10) + 1)  # of one component in one dimension, in standard deviations of the noise


def products(d, radius):
    """Bound on the error of |q - c|^2 / 2 by products, for points within `radius` of the middle, in units of the noise."""
    return rounding(d + 4, 2 * radius**2)


def trapezoid(step=0.25):
    """Bound on the error of the trapezoid rule for -p ln p, in nats.

    Between two components s apart, p = 0 at i pi / s off the line, which leaves exp(-2 pi^2 / (s step)) of the jump 2 pi p of the
    logarithm, p = exp(-s^2 / 8) / sqrt(2 pi) there. The worst s is (8 pi^2 / step)^(1/3).
    """
    s = (8 * math.pi**2 / step) ** (1 / 3)
    return 2 * math.sqrt(2 * math.pi) * math.exp(-2 * math.pi**2 / (s * step) - s**2 / 8)


def quadrature(centres, d):
    """Bound on the rounding of sums over grids of 73 points in each dimension around so many separate centres, and on lost tails.

    Beyond the reach of a component its density, below 1e-10 of the peak, is left out.
    """
    return rounding(centres * 73**d, 2 * d + math.log(centres)) + 1e-10 * (1 + REACH**2 / 2)


def pruned(samples, d, seed):
    """The bound that draws of this seed give: 1e-10 of exp(-d / 2) is left out, over a sum that has the draw's own component."""
    z = torch.randn((samples, d), generator=generator(seed), dtype=torch.float64)
    return 1e-10 * (0.5 * (z.square().sum(1) - d)).exp().mean().item()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def uniform(m):
    return torch.full((m,), 1 / m, dtype=torch.float64)


def dense_entropy(centres, std, samples, seed):
    """Monte-Carlo reference written out in numpy: value and standard error."""
    rng = np.random.default_rng(seed)
    n, d = centres.shape
    t = centres[rng.integers(n, size=samples)] + std * rng.standard_normal((samples, d))
    terms = [-np.logaddexp.reduce(-((row - centres) ** 2).sum(1) / (2 * std**2)) + math.log(n) for row in t]
    constant = 0.5 * d * math.log(2 * math.pi * std**2)
    return np.mean(terms) + constant, np.std(terms) / math.sqrt(samples)


def brute_information(values, probabilities, std):
    """I(X; S + Z) for scalar values by a fine Riemann sum."""
    t = np.arange(values.min() - 10 * std, values.max() + 10 * std, std / 60)
    p = (probabilities[:, None] * stats.norm.pdf(t, values[:, None], std)).sum(0)
    return -np.sum(p * np.log(np.maximum(p, 1e-300))) * std / 60 - 0.5 * math.log(2 * math.pi * math.e * std**2)


@pytest.mark.parametrize("d", [1, 2, 3, 10])
def test_one_centre_is_a_gaussian(d):
    estimate = noisy.mixture_entropy(torch.ones(1, d), 0.3, samples=500, generator=generator())
    exact = 0.5 * d * math.log(2 * math.pi * math.e * 0.3**2)
    near = quadrature(1, d) if d <= 2 else products(d, 10) + rounding(500, 2 * d)  # no draw is 10 away
    assert estimate.value.item() == pytest.approx(exact, abs=near)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_separated_centres_reach_the_ceiling_but_for_rounding(d):
    """Draws differ in the rounding of |q - c|^2, whose size is that of the whole box of centres, 700 standard deviations wide."""
    centres = torch.arange(8.0)[:, None].expand(8, d)
    estimate = noisy.mixture_entropy(centres, 0.01, samples=1000, generator=generator())
    exact = math.log(8) + 0.5 * d * math.log(2 * math.pi * math.e * 1e-4)
    near = quadrature(8, d) if d <= 2 else products(d, 350 * math.sqrt(d) + 10) + rounding(1000, 2 * d + math.log(8))
    assert estimate.value.item() == pytest.approx(exact, abs=near)
    assert estimate.std_error <= (0 if d <= 2 else near / math.sqrt(1000))


@pytest.mark.parametrize("d", [1, 2])
def test_quadrature_and_monte_carlo_agree(d):
    centres = torch.randn(200, d, generator=generator(), dtype=torch.float64)
    exact = noisy.mixture_entropy(centres, 0.2)
    drawn = noisy.mixture_entropy(centres, 0.2, samples=20_000, generator=generator(1), method="monte_carlo")
    assert exact.std_error == 0
    assert abs(exact.value - drawn.value) < 4 * drawn.std_error


@pytest.mark.parametrize(("d", "std"), [(2, 0.01), (3, 0.05), (5, 0.3), (10, 0.5)])
def test_mixture_entropy_against_a_dense_reference(d, std):
    centres = torch.randn(300, d, generator=generator(d), dtype=torch.float64)
    estimate = noisy.mixture_entropy(centres, std, samples=4000, generator=generator(1), method="monte_carlo")
    value, error = dense_entropy(centres.numpy(), std, 4000, 2)
    assert abs(estimate.value.item() - value) < 4 * math.hypot(error, estimate.std_error.item())
    assert estimate.bias_bound <= pruned(4000, d, 1) * (1 + products(d, 5 * math.sqrt(d) / std))


def test_linearised_in_one_dimension_against_quadrature():
    means = torch.tensor([-0.3, 0.0, 0.02, 0.5], dtype=torch.float64)
    variances = torch.tensor([0.01, 0.0004, 0.002, 0.04], dtype=torch.float64)
    t = np.arange(-3, 4, 1e-4)
    densities = stats.norm.pdf(t, means.numpy()[:, None], variances.sqrt().numpy()[:, None])
    p = densities.mean(0)
    entropy = -np.sum(p * np.log(np.maximum(p, 1e-300))) * 1e-4
    exact = entropy - 0.5 * np.log(2 * math.pi * math.e * variances.numpy()).mean()
    estimate = noisy.linearised(means, variances.view(-1, 1, 1), draws=5000, generator=generator())
    assert abs(estimate.value.item() - exact) < 4 * estimate.std_error.item()


@pytest.mark.parametrize("d", [2, 5])
def test_linearised_against_torch_distributions(d):
    means = torch.randn(64, d, generator=generator(), dtype=torch.float64)
    roots = 0.3 * torch.randn(64, d, d, generator=generator(1), dtype=torch.float64)
    covariances = roots @ roots.mT + 0.01 * torch.eye(d, dtype=torch.float64)
    estimate = noisy.linearised(means, covariances, draws=100, generator=generator(2))
    component = torch.distributions.MultivariateNormal(means, covariances)
    terms = []
    for z in torch.randn(100, 64, d, generator=generator(3), dtype=torch.float64):
        t = means + (component.scale_tril @ z[:, :, None])[:, :, 0]
        terms.append(component.log_prob(t) - component.log_prob(t[:, None]).logsumexp(1) + math.log(64))
    terms = torch.stack(terms)
    error = math.hypot(terms.std() / math.sqrt(terms.numel()), estimate.std_error)
    assert abs(estimate.value - terms.mean()) < 4 * error


def test_linearised_saturates_at_log_n_but_for_rounding():
    """Exponents are quadratic forms about the middle of a box, 1000 times the reach wide at most; here within 20 of each line."""
    means = torch.arange(4096.0)[:, None] * torch.ones(3)
    covariances = (0.005**2 * torch.eye(3)).expand(4096, 3, 3)
    estimate = noisy.linearised(means, covariances, generator=generator())
    near = rounding(10, 3 * 2 * (20 / 0.005) ** 2) + rounding(4096, math.log(4096))
    assert estimate.value.item() == pytest.approx(math.log(4096), abs=near)
    assert estimate.std_error < near / math.sqrt(4096)


@pytest.mark.parametrize(
    ("m", "spacing", "expected"),
    [(4, 0.05, "0.40"), (4, 0.15, "1.14"), (4, 0.3, "1.38"), (8, 0.1, "1.45"), (8, 0.2, "1.97"), (8, 0.25, "2.05")],
)
def test_equally_spaced_points(m, spacing, expected):
    inputs = spacing * torch.arange(m, dtype=torch.float64)
    chain = noisy.scalar_chain([1.0], [0.0], "linear", inputs, uniform(m), STD)
    propagated = noisy.mutual_information(inputs[:, None], None, STD).value.item()
    value, bound = chain.value.item(), chain.bias_bound.item()
    assert value == printed(expected)
    assert value == pytest.approx(brute_information(inputs.numpy(), uniform(m).numpy(), STD), abs=bound)
    assert propagated == pytest.approx(value, abs=bound + trapezoid() + quadrature(m, 1))


@pytest.mark.parametrize(
    ("inputs", "probabilities", "expected"),
    [
        ([0.0, 1.0, 2.0], [0.5, 0.25, 0.25], "1.0397"),
        ([0.0, 1.0], [0.75, 0.25], "0.5623"),
        ([0.0, 0.25], [0.5, 0.5], "0.676"),
        (list(range(8)), [0.125] * 8, "2.0794"),
    ],
)
def test_plateaus(inputs, probabilities, expected):
    estimate = noisy.scalar_chain([1.0], [0.0], "linear", torch.tensor(inputs), probabilities, STD)
    assert estimate.value.item() == printed(expected)


def test_final_weights_of_the_second_network():
    inputs = torch.arange(1.0, 9.0)
    estimate = noisy.scalar_chain([-0.88], [4.3], "leaky_relu", inputs, uniform(8), STD)
    assert estimate.value.item() == printed("1.763")


def two_layer_reference(w, b, functions, inputs, probabilities, std):
    """I(X; T_2) by nested adaptive integration of every conditional density."""
    (f1, f2), (w1, w2), (b1, b2) = functions, w, b
    s = f1(w1 * inputs + b1)
    t1 = np.arange(s.min() - 9 * std, s.max() + 9 * std, std / 200)
    s2 = f2(w2 * t1 + b2)
    t2 = np.arange(s2.min() - 9 * std, s2.max() + 9 * std, std / 20)
    given = stats.norm.pdf(t1, s[:, None], std) @ stats.norm.pdf(t2, s2[:, None], std) * std / 200
    entropy = [integrate.simpson(-np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0), x=t2) for p in given]
    p = probabilities @ given
    whole = integrate.simpson(-np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0), x=t2)
    return whole - probabilities @ np.array(entropy)


@pytest.mark.parametrize(
    ("names", "functions", "w", "b"),
    [
        (["tanh", "tanh"], (np.tanh, np.tanh), (1.5, -4.0), (0.3, 0.2)),
        (["leaky_relu"] * 2, (lambda a: np.maximum(a, a / 10),) * 2, (-0.8, 2.0), (0.1, -0.3)),
        (["leaky_relu", "tanh"], (lambda a: np.maximum(a, a / 10), np.tanh), (2.0, 6.0), (0.0, -1.0)),
        (["sigmoid", "linear"], (lambda a: 1 / (1 + np.exp(-a)), lambda a: a), (5.0, 1.5), (0.0, 0.5)),
    ],
)
def test_two_layers_against_brute_force(names, functions, w, b):
    inputs = np.array([-1.0, -0.3, 0.0, 0.4, 1.0])
    probabilities = np.array([0.1, 0.3, 0.2, 0.25, 0.15])
    estimate = noisy.scalar_chain(w, b, names, torch.tensor(inputs), torch.tensor(probabilities), STD)
    first = brute_information(functions[0](w[0] * inputs + b[0]), probabilities, STD)
    second = two_layer_reference(w, b, functions, inputs, probabilities, STD)
    bound = estimate.bias_bound.tolist()
    # At a kink the reference's own Riemann sum lacks step^2 / 12 times the jump of the slope, in units of the noise.
    kink = (1 / 200) ** 2 / 12 * abs(w[1]) * 0.9 * (names[1] == "leaky_relu")
    assert estimate.value[0].item() == pytest.approx(first, abs=bound[0])
    assert estimate.value[1].item() == pytest.approx(second, abs=bound[1] + kink)
    assert max(bound) < STATED


@pytest.mark.parametrize("w", [0.5, 3.0, 20.0])
def test_continuous_input_of_a_linear_neuron(w):
    nodes, probabilities = noisy.continuous_inputs("normal", std=0.5, resolution=STD / 20)
    estimate = noisy.scalar_chain([w, 1.0], [0.1, 0.0], "linear", nodes, probabilities, STD, continuous=True)
    signal = (0.5 * w) ** 2
    exact = [0.5 * math.log(1 + signal / STD**2), 0.5 * math.log(1 + signal / (2 * STD**2))]
    assert estimate.value.tolist() == pytest.approx(exact, abs=estimate.bias_bound.max().item() + TAILS)


def propagate(means, passes, seed):
    """Noiseless second-layer values of a small net from repeated noisy passes: (n, passes, 2)."""
    noise = 0.1 * torch.randn(len(means), passes, 2, generator=generator(seed), dtype=torch.float64)
    mixing = torch.tensor([[1.0, -0.5], [0.3, 0.8]], dtype=torch.float64)
    return torch.tanh((means[:, None] + noise) @ mixing)


def test_sample_propagation_with_shared_and_with_separate_draws():
    means = torch.randn(40, 2, generator=generator(), dtype=torch.float64)
    values = propagate(means, 8, 1)
    given = [noisy.mixture_entropy(v, 0.1).value for v in values]
    exact = noisy.mixture_entropy(values.reshape(-1, 2), 0.1).value - torch.stack(given).mean()
    shared = noisy.mutual_information(values.reshape(-1, 2), values, 0.1, samples=8000, generator=generator(2))
    assert abs(shared.value - exact) < 4 * shared.std_error
    separate = noisy.mutual_information(
        values.reshape(-1, 2), values.flip(0), 0.1, samples=8000, generator=generator(3)
    )
    assert abs(separate.value - exact) < 4 * separate.std_error
    assert shared.std_error < 0.02


def test_first_layer_needs_no_conditional_centres():
    layer = torch.randn(100, 3, generator=generator(), dtype=torch.float64)
    estimate = noisy.mutual_information(layer, None, 0.01, generator=generator(1))
    lower = kde.input_information(layer, 0.01**2, "lower").item()
    assert lower <= math.log(100)
    assert estimate.value >= lower - 4 * estimate.std_error
    assert estimate.value <= math.log(100) + 4 * estimate.std_error


def test_same_generator_same_numbers():
    layer = torch.randn(100, 3, generator=generator(), dtype=torch.float64)
    first, second = (noisy.mixture_entropy(layer, 0.3, generator=generator(5)) for _ in range(2))
    assert first == second


def test_pruning_is_certified_and_saves_most_pairs():
    centres = torch.rand(4096, 4, generator=generator(), dtype=torch.float64)
    estimate = noisy.mixture_entropy(centres, 0.005, samples=2000, generator=generator(1))
    assert 0 < estimate.bias_bound <= pruned(2000, 4, 1) * (1 + products(4, 2 / 0.005))
    value, error = dense_entropy(centres.numpy(), 0.005, 500, 0)
    assert abs(estimate.value.item() - value) < 4 * math.hypot(error, estimate.std_error.item())


def test_far_apart_clusters_keep_their_digits():
    near = torch.randn(50, 3, generator=generator(), dtype=torch.float64) * 1e-3
    apart = torch.cat([near, near + 1000.0])
    once = noisy.mixture_entropy(near, 1e-3, samples=40_000, generator=generator(1))
    twice = noisy.mixture_entropy(apart, 1e-3, samples=40_000, generator=generator(2))
    error = math.hypot(once.std_error, twice.std_error)
    assert abs(twice.value - once.value - math.log(2)) < 4 * error


def test_scalar_quadrature_skips_wide_gaps():
    centres = torch.tensor([0.0, 17.0, 40.0, 1e6], dtype=torch.float64)
    estimate = noisy.mutual_information(centres[:, None], None, 1.0)
    assert estimate.value.item() == pytest.approx(math.log(4), abs=quadrature(4, 1))
    # On a grid of 71 standard deviations 1e-10 of a peak times 1 + |ln p| is left out, and no point is farther than 9 from centres.
    assert 0 <= estimate.bias_bound < 71 * 1e-10 * (1 + 9**2 / 2 + math.log(4))


def test_constant_layer_has_no_information():
    for d in (1, 2, 4):
        layer = torch.full((300, d), 0.7)
        estimate = noisy.mutual_information(layer, None, 0.005, generator=generator())
        near = quadrature(300, d) if d <= 2 else products(d, 10) + rounding(10_000, 2 * d)
        assert estimate.value.item() == pytest.approx(0, abs=near)


def test_float32_centres_agree_with_float64():
    centres = torch.randn(200, 1, generator=generator()) + 1000
    expected = noisy.mixture_entropy(centres.double(), 0.05).value
    assert noisy.mixture_entropy(centres, 0.05).value == expected


def test_linear_chain_of_three_layers():
    nodes, probabilities = noisy.continuous_inputs("normal", std=0.5, resolution=STD / 10)
    weights = torch.tensor([[1.0, 2.0, -3.0], [0.2, 1.0, 1.0]])
    estimate = noisy.scalar_chain(weights, 0 * weights, "linear", nodes, probabilities, STD, continuous=True)
    near = estimate.bias_bound.max().item() + TAILS
    for w, values in zip(weights.tolist(), estimate.value.tolist(), strict=True):
        signal, noise = 0.25, 0.0
        for weight, value in zip(w, values, strict=True):
            signal, noise = weight**2 * signal, weight**2 * noise + STD**2
            assert value == pytest.approx(0.5 * math.log(1 + signal / noise), abs=near)


def test_batches_agree_with_single_sets():
    inputs = torch.arange(1.0, 9.0)
    weights = torch.linspace(-3, 3, 30).view(3, 5, 2)
    estimate = noisy.scalar_chain(weights, weights.flip(0), ["leaky_relu", "tanh"], inputs, uniform(8), STD)
    assert estimate.value.shape == (3, 5, 2)
    one = noisy.scalar_chain(weights[1, 2], weights[1, 2], ["leaky_relu", "tanh"], inputs, uniform(8), STD)
    assert estimate.value[1, 2].tolist() == pytest.approx(one.value.tolist(), abs=one.bias_bound.max().item())


def test_density_is_the_mixture_of_the_first_layer_and_integrates_to_one():
    inputs = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    grid = torch.linspace(-2, 2, 4001, dtype=torch.float64)
    density = noisy.scalar_chain_density([2.0, 1.5], [0.1, 0.0], "tanh", inputs, uniform(3), STD, grid)
    first = stats.norm.pdf(grid.numpy(), np.tanh(2 * inputs.numpy() + 0.1)[:, None], STD).mean(0)
    beyond = stats.norm.pdf(7.5) / STD  # of the grids' reach
    peak = 1 / (STD * math.sqrt(2 * math.pi))  # exponents are differences of numbers up to 2 / STD
    assert density[0].numpy() == pytest.approx(first, abs=beyond + moved(1, peak * 2 / STD))
    assert torch.trapezoid(density, grid).tolist() == pytest.approx([1, 1], abs=1e-7)  # the accuracy of the panels


def test_steep_first_layer_needs_dense_nodes():
    nodes, probabilities = noisy.continuous_inputs("normal_mixture", resolution=0.01)
    with pytest.raises(ValueError, match="too coarse"):
        noisy.scalar_chain([30.0], [0.0], "tanh", nodes, probabilities, STD, continuous=True)


@pytest.mark.parametrize(
    ("name", "parameters", "mean", "variance"),
    [
        ("normal", {"std": 0.5}, 0.0, 0.25),
        ("normal_mixture", {"means": (-1, 1), "std": 0.5}, 0.0, 1.25),
        ("uniform", {"low": 1.0, "high": 4.0}, 2.5, 0.75),
    ],
)
def test_continuous_inputs_have_their_moments(name, parameters, mean, variance):
    nodes, probabilities = noisy.continuous_inputs(name, **parameters)
    n, largest = len(nodes), nodes.abs().max().item()
    tails = 8e-11 * (largest**2 + 1)  # the mass that normals have beyond their last node, and a part of it beyond again
    assert probabilities.sum().item() == pytest.approx(1, abs=rounding(n))
    assert (probabilities * nodes).sum().item() == pytest.approx(mean, abs=rounding(n, largest))
    second = (probabilities * (nodes - mean) ** 2).sum().item()
    assert second == pytest.approx(variance, abs=tails + rounding(n, variance))
    assert nodes.diff().max() <= 0.05 / 30 + rounding(1, largest)


def test_bits():
    inputs = 10 * torch.arange(8.0)
    estimate = noisy.scalar_chain([1.0], [0.0], "linear", inputs, uniform(8), STD, unit="bits")
    assert estimate.value.item() == pytest.approx(3, abs=estimate.bias_bound.item())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: noisy.mixture_entropy(torch.zeros(4, 3), 0.1), "generator"),
        (lambda: noisy.mixture_entropy(torch.zeros(4, 3), -1, generator=generator()), "std"),
        (lambda: noisy.mixture_entropy(torch.zeros(4, 3), 1, method="quadrature"), "d <= 2"),
        (lambda: noisy.mixture_entropy(torch.zeros(4, 3), 1, method="guess"), "method"),
        (lambda: noisy.mixture_entropy([[math.nan]], 1), "finite"),
        (lambda: noisy.mutual_information(torch.zeros(4, 3), torch.zeros(4, 3), 1), "conditional_centres"),
        (lambda: noisy.linearised(torch.zeros(4, 2), torch.zeros(4, 3, 3)), "covariances"),
        (
            lambda: noisy.linearised(torch.zeros(4, 2), torch.zeros(4, 2, 2), generator=generator()),
            "definite",
        ),
        (lambda: noisy.scalar_chain([1.0], [0.0, 1.0], "tanh", [0.0], [1.0], 1), "equal shapes"),
        (lambda: noisy.scalar_chain([1.0], [0.0], "gelu", [0.0], [1.0], 1), "activations"),
        (lambda: noisy.scalar_chain([1.0], [0.0], ["tanh"] * 2, [0.0], [1.0], 1), "one a layer"),
        (lambda: noisy.scalar_chain([1.0], [0.0], "tanh", [0.0, 1.0], [0.5, 0.4], 1), "sum of 1"),
        (
            lambda: noisy.scalar_chain_density([1.0], [0.0], "tanh", [0.0], [1.0], 1, torch.zeros(2, 3)),
            "grid",
        ),
        (lambda: noisy.continuous_inputs("cauchy"), "distribution"),
        (lambda: noisy.continuous_inputs("normal", width=3), "parameters"),
        (lambda: noisy.mixture_entropy(torch.zeros(4, 1), 1, unit="hartleys"), "unit"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    ("dataset", "activations", "weights"),
    [
        ("gauss30", "tanh", [[35.0, 38.0], [8.0, 4.0]]),
        ("gauss1000", ["leaky_relu", "tanh"], [[5.6, 5.1], [1.0, 2.0]]),
        ("gauss30", ["leaky_relu", "tanh"], [[7.9, 5.8], [8.6, 3.1]]),
        ("mixture1000", "tanh", [[7.7], [4.8]]),
        ("uniform1", ["leaky_relu", "tanh"], [[5.0, 4.6], [1.5, 1.0]]),
        ("uniform3", ["leaky_relu", "tanh"], [[3.7, 3.6], [1.5, 1.0]]),
    ],
)
def test_nodes_of_the_default_data_sets_are_dense_enough(dataset, activations, weights):
    """The steepest first layers of the default run change by less than 1e-6 nats on nodes eight times as dense."""
    section = config().datasets[dataset]
    weights = torch.tensor(weights, dtype=torch.float64)
    biases = torch.full_like(weights, 0.13)

    def information(resolution):
        nodes = scalar.population(section.model_copy(update={"resolution": resolution}))
        return noisy.scalar_chain(
            weights, biases, activations, *map(torch.as_tensor, nodes), STD, continuous=True
        ).value

    change = information(section.resolution) - information(section.resolution / 8)
    assert change.abs().max() < STATED


# --- gradients -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("d", "method"), [(1, "quadrature"), (2, "quadrature"), (1, "monte_carlo"), (3, "monte_carlo")]
)
def test_mixture_entropy_has_the_gradient_of_finite_differences(d, method):
    centres = torch.randn(6, d, generator=generator(), dtype=torch.float64)
    centres[0] += 40  # out of reach of the others

    def value(c):
        return noisy.mixture_entropy(c, 0.5, samples=60, generator=generator(1), method=method).value

    if method == "quadrature":
        near = rounding(2 * 73**d, 2 * d + 2)
        shift = 2 * math.pi / 0.25 * trapezoid()  # the grid begins at the least centre, and moves with it
    else:
        near, shift = products(d, (centres / 0.5).norm(dim=1).max().item() + 10) + rounding(60, 2 * d), 0.0
    options = differences(near)
    options["atol"] += shift
    assert torch.autograd.gradcheck(value, centres.clone().requires_grad_(), **options)
    assert value(centres.clone().requires_grad_()).item() == pytest.approx(value(centres).item(), abs=near)


@pytest.mark.parametrize("given", ["none", "its own", "others"])
def test_mutual_information_has_the_gradient_of_finite_differences(given):
    layer = torch.randn(12, 3, 2, generator=generator(), dtype=torch.float64)
    other = torch.randn(5, 3, 2, generator=generator(1), dtype=torch.float64).requires_grad_()

    def value(layer, other):
        conditional = {"none": None, "its own": layer, "others": other}[given]
        flat = layer.flatten(0, 1)
        return noisy.mutual_information(
            flat, conditional, 0.6, samples=40, generator=generator(), method="monte_carlo"
        ).value

    near = products(2, max(v.detach().norm(dim=2).max().item() for v in (layer, other)) / 0.6 + 10) + rounding(60, 8)
    assert torch.autograd.gradcheck(value, (layer.clone().requires_grad_(), other), **differences(2 * near))
    plain = value(layer, other.detach()).item()
    assert value(layer.clone().requires_grad_(), other).item() == pytest.approx(plain, abs=2 * near)


@pytest.mark.parametrize("shift", [0.0, 1e5])  # the second takes boxes about their own middle
def test_linearised_has_the_gradient_of_finite_differences(shift):
    means = torch.randn(5, 2, generator=generator(), dtype=torch.float64)
    means[0] += shift
    roots = 0.3 * torch.randn(5, 2, 2, generator=generator(1), dtype=torch.float64)

    def value(m, a):
        covariances = a @ a.mT + 0.2 * torch.eye(2, dtype=torch.float64)
        return noisy.linearised(m, covariances, draws=3, generator=generator(2)).value

    # Variances are 0.2 and more. Draws around a mean at 1e5 are rounded there, which moves exponents of slopes up to 10.
    near = products(2, 10 / math.sqrt(0.2)) + 10 * moved(2, shift / math.sqrt(0.2))
    inputs = (means.requires_grad_(), roots.requires_grad_())
    assert torch.autograd.gradcheck(value, inputs, **differences(near, 1e-4 if shift else 1e-6))


def test_gradients_cross_tiles_of_the_sums(monkeypatch):
    centres = torch.randn(300, 3, generator=generator(), dtype=torch.float64, requires_grad=True)

    def gradient():
        result = noisy.mixture_entropy(centres, 0.5, samples=400, generator=generator(1), method="monte_carlo")
        assert not result.std_error.requires_grad
        assert not result.bias_bound.requires_grad
        return torch.autograd.grad(result.value, centres)[0]

    whole = gradient()
    monkeypatch.setattr("infoflow.estimators._mixtures.TILE", 1000)
    # A centre's gradient is a mean over 400 draws of sums over 300 centres, of weights up to 1 and distances below 10 / 0.5.
    torch.testing.assert_close(gradient(), whole, rtol=0, atol=rounding(700, 20))
