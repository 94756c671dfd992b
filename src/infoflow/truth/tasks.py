"""Tasks with known mutual information: a sampler and its truth in nats, by id.

Classic tasks are those of the literature on estimators (Czyz et al., Beyond normal, NeurIPS 2023, and
before); network tasks are layers whose information is known: linear-Gaussian, scalar noisy, the 12-bit
task, quantised, and injective maps of low-dimensional variables. A one-to-one map of either variable leaves
the information as it was.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import digamma, gammaln
from torch import Tensor

from infoflow.data import szt12
from infoflow.estimators import noisy

Generator = torch.Generator


class Sample(NamedTuple):
    """Samples of one task; what does not exist is None."""

    x: Tensor | None  # (n, d_x)
    t: Tensor  # (n, d_t)
    labels: Tensor | None = None  # (n,), the discrete variable
    centres: Tensor | None = None  # (n, d_t), t without its noise
    std: float | None = None  # of that noise
    step: float | None = None  # between the levels of a deterministic, discrete t


@dataclass(frozen=True)
class Task:
    """A task with known information."""

    id: str
    family: str
    network: bool
    known: Callable[[], float | noisy.Estimate]  # the information in nats; some take a second, so only where asked for
    sample: Callable[[int, Generator], Sample]

    @cached_property
    def truth(self) -> float:
        """The information in nats."""
        return float(self._known.value)

    @property
    def truth_std_error(self) -> float:
        """Of the truth, where that itself comes from draws."""
        return float(self._known.std_error)

    @cached_property
    def _known(self) -> noisy.Estimate:
        known = self.known()
        return known if isinstance(known, noisy.Estimate) else noisy.Estimate(known, 0.0, 0.0)


def normal(n: int, d: int, generator: Generator) -> Tensor:
    """Standard normal samples (n, d)."""
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def uniform(n: int, generator: Generator) -> Tensor:
    """Uniform samples (n, 1) on [0, 1)."""
    return torch.rand(n, 1, generator=generator, dtype=torch.float64)


def gaussian_information(rho: float, pairs: int = 1) -> float:
    """Information of `pairs` independent Gaussian pairs of correlation rho: -1/2 ln(1 - rho^2) each."""
    return 0.5 * pairs * math.log(1 / (1 - rho**2))


def correlated(rho: float, d: int, pairs: int) -> Callable[[int, Generator], tuple[Tensor, Tensor]]:
    """Sampler of two d-dimensional Gaussians whose first `pairs` coordinates are correlated."""

    def draw(n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        x, y = normal(n, d, generator), normal(n, d, generator)
        y[:, :pairs] = rho * x[:, :pairs] + math.sqrt(1 - rho**2) * y[:, :pairs]
        return x, y

    return draw


def mapped(draw, f=lambda x: x, g=lambda y: y) -> Callable[[int, Generator], Sample]:
    """Sampler of (f(x), g(y))."""

    def sample(n: int, generator: Generator) -> Sample:
        x, y = draw(n, generator)
        return Sample(f(x), g(y))

    return sample


def gaussian(rho: float, d: int = 1, pairs: int | None = None) -> Task:
    """Two Gaussians, correlated in `pairs` of their d coordinates."""
    pairs = d if pairs is None else pairs
    name = f"gaussian-{d}d-{pairs}pairs-rho{rho}"
    return Task(name, "gaussian", False, lambda: gaussian_information(rho, pairs), mapped(correlated(rho, d, pairs)))


def student(rho: float, d: int, degrees: float) -> Task:
    """Two parts of a multivariate Student distribution (Arellano-Valle et al., Scand. J. Stat. 40, 2013)."""

    def draw(n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        x, y = correlated(rho, d, d)(n, generator)
        squares = torch.distributions.Chi2(torch.tensor(float(degrees), dtype=torch.float64))
        quantile = torch._standard_gamma(squares.concentration.expand(n, 1).contiguous(), generator) * 2
        scale = (quantile / degrees).rsqrt()
        return x * scale, y * scale

    def part(v: float) -> float:
        return gammaln(v / 2) - v / 2 * digamma(v / 2)

    extra = part(degrees) + part(degrees + 2 * d) - 2 * part(degrees + d)
    truth = gaussian_information(rho, d) + float(extra)
    return Task(f"student-{d}d-dof{degrees}-rho{rho}", "heavy-tailed", False, lambda: truth, mapped(draw))


def half_cube(x: Tensor) -> Tensor:
    """Lengthen the tails: x |x|^(1/2)."""
    return x * x.abs().sqrt()


def normal_cdf(x: Tensor) -> Tensor:
    """Uniform margins."""
    return torch.special.ndtr(x)


def wiggle(x: Tensor) -> Tensor:
    """A monotone wave: its slope is at least 0.05."""
    return x + 0.3 * torch.sin(2 * x) + 0.05 * torch.sin(7 * x)


def swiss_roll(x: Tensor) -> Tensor:
    """Rolls the first coordinate up into a plane."""
    angle = 1.5 * math.pi * (1 + 2 * normal_cdf(x[:, :1]))
    return torch.cat([angle * angle.cos(), angle * angle.sin(), x[:, 1:]], 1) / 21


def spiral(x: Tensor) -> Tensor:
    """Rotates the first two coordinates by an angle that grows with the radius."""
    angle = x.norm(dim=1, keepdim=True)
    a, b = x[:, :1], x[:, 1:2]
    turned = torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], 1)
    return torch.cat([turned, x[:, 2:]], 1)


def twisted(name: str, rho: float, d: int, f, g) -> Task:
    """Gaussians behind one-to-one maps."""
    sample = mapped(correlated(rho, d, d), f, g)
    return Task(f"{name}-{d}d-rho{rho}", "twisted", False, lambda: gaussian_information(rho, d), sample)


def uniform_noise(half_width: float) -> Task:
    """X uniform on [0, 1), Y = X + uniform noise on [-e, e]."""
    e = half_width
    truth = 1 / (4 * e) if e >= 0.5 else e - math.log(2 * e)

    def draw(n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        x = uniform(n, generator)
        return x, x + e * (2 * uniform(n, generator) - 1)

    return Task(f"uniform-noise-{e}", "additive", False, lambda: truth, mapped(draw))


def mixture_information(centres, std: float, noise: float) -> float:
    """h(X + noise) - h(noise) for an equal mixture of scalar Gaussians X, by a fine Riemann sum."""
    centres, width = np.asarray(centres, dtype=float), math.hypot(std, noise)
    t = np.arange(centres.min() - 9 * width, centres.max() + 9 * width, width / 100)
    p = np.exp(-0.5 * ((t - centres[:, None]) / width) ** 2).mean(0) / (width * math.sqrt(2 * math.pi))
    entropy = -np.sum(p * np.log(np.maximum(p, 1e-300))) * width / 100
    return float(entropy - 0.5 * math.log(2 * math.pi * math.e * noise**2))


def gaussian_mixture(centres: tuple[float, ...], std: float, noise: float) -> Task:
    """X an equal mixture of scalar Gaussians, Y = X + Gaussian noise."""

    def draw(n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(centres), (n,), generator=generator)
        x = torch.tensor(centres, dtype=torch.float64)[chosen, None] + std * normal(n, 1, generator)
        return x, x + noise * normal(n, 1, generator)

    name = f"mixture-{len(centres)}-noise{noise}"
    return Task(name, "mixture", False, lambda: mixture_information(centres, std, noise), mapped(draw))


def shifted_classes(classes: int, distance: float) -> Task:
    """Labels uniform, T = distance times label + standard normal noise."""
    centres = distance * np.arange(classes)

    def sample(n: int, generator: Generator) -> Sample:
        labels = torch.randint(classes, (n,), generator=generator)
        return Sample(None, distance * labels[:, None] + normal(n, 1, generator), labels)

    name = f"classes-{classes}-distance{distance}"
    return Task(name, "discrete-continuous", False, lambda: mixture_information(centres, 0.0, 1.0), sample)


def overlapping_intervals(classes: int) -> Task:
    """Labels uniform on 0..m-1, T uniform on [label, label + 2] (Gao et al., NeurIPS 2017)."""

    def sample(n: int, generator: Generator) -> Sample:
        labels = torch.randint(classes, (n,), generator=generator)
        return Sample(None, labels[:, None] + 2 * uniform(n, generator), labels)

    truth = math.log(classes) - (classes - 1) * math.log(2) / classes
    return Task(f"intervals-{classes}", "discrete-continuous", False, lambda: truth, sample)


# Networks


def weights(rows: int, columns: int, seed: int) -> Tensor:
    """Fixed random weights (rows, columns) of variance 1 / rows."""
    return normal(rows, columns, Generator().manual_seed(seed)) / math.sqrt(rows)


def linear_layer(d_x: int, d_t: int, std: float) -> Task:
    """T = X W + Z with Gaussian X: 1/2 ln det(I + W'W / std^2)."""
    w = weights(d_x, d_t, d_x + d_t)

    def sample(n: int, generator: Generator) -> Sample:
        x = normal(n, d_x, generator)
        return Sample(x, x @ w + std * normal(n, d_t, generator), None, x @ w, std)

    truth = 0.5 * torch.logdet(torch.eye(d_t) + w.T @ w / std**2).item()
    return Task(f"linear-layer-{d_x}to{d_t}-noise{std}", "linear-Gaussian layer", True, lambda: truth, sample)


def scalar_net(name: str, w, b, activations, inputs, probabilities, layer: int, std: float = 0.05) -> Task:
    """Layer `layer` of a chain of scalar noisy neurons, whose truth is a quadrature."""
    functions = {"tanh": torch.tanh, "leaky_relu": lambda a: torch.maximum(a, a / 10)}
    discrete = len(inputs) < 100

    def known() -> float:
        chain = noisy.scalar_chain(w, b, activations, inputs, probabilities, std, continuous=not discrete)
        return chain.value[layer - 1].item()

    def sample(n: int, generator: Generator) -> Sample:
        chosen = torch.multinomial(probabilities, n, replacement=True, generator=generator)
        x = inputs[chosen, None]
        if not discrete:  # anywhere in the node's cell, so that no value repeats
            x = x + (inputs[1] - inputs[0]) * (uniform(n, generator) - 0.5)
        t = x
        for i in range(layer):
            centres = functions[activations[i]](w[i] * t + b[i])
            t = centres + std * normal(n, 1, generator)
        first = (centres, std) if layer == 1 else (None, None)
        return Sample(x, t, chosen if discrete else None, *first)

    return Task(f"scalar-{name}-layer{layer}", "scalar noisy net", True, known, sample)


def twelve_bit_layers(std: float) -> tuple[Tensor, Tensor, Tensor]:
    """Means (4096, 5) and covariances of the second layer of a 12-10-5 tanh net, and its inputs."""
    x = torch.as_tensor(szt12.patterns(), dtype=torch.float64)
    first, second = 2 * weights(12, 10, 1), 2 * weights(10, 5, 2)
    hidden = torch.tanh(x @ first)
    means = torch.tanh(hidden @ second)
    jacobians = (1 - means.square())[:, :, None] * second.T  # (4096, 5, 10)
    covariances = std**2 * (jacobians @ jacobians.mT + torch.eye(5))
    return means, covariances, x


def twelve_bit_linearised(std: float) -> Task:
    """X uniform on all 12-bit patterns; T Gaussian around the second layer, as linearising gives it."""
    means, covariances, x = twelve_bit_layers(std)
    factors = torch.linalg.cholesky(covariances)

    def known() -> noisy.Estimate:
        return noisy.linearised(means, covariances, draws=20, generator=Generator().manual_seed(0))

    def sample(n: int, generator: Generator) -> Sample:
        chosen = torch.randint(len(x), (n,), generator=generator)
        noise = (factors[chosen] @ normal(n, 5, generator)[:, :, None])[:, :, 0]
        return Sample(x[chosen], means[chosen] + noise)

    return Task(f"12bit-linearised-noise{std}", "12-bit net", True, known, sample)


def twelve_bit_first_layer(std: float) -> Task:
    """X uniform on all 12-bit patterns, T its tanh layer of three units with isotropic noise."""
    x = torch.as_tensor(szt12.patterns(), dtype=torch.float64)
    layer = torch.tanh(2 * x @ weights(12, 3, 3))

    def known() -> noisy.Estimate:
        return noisy.mutual_information(layer, None, std, samples=40_000, generator=Generator().manual_seed(0))

    def sample(n: int, generator: Generator) -> Sample:
        chosen = torch.randint(len(x), (n,), generator=generator)
        centres = layer[chosen]
        return Sample(x[chosen], centres + std * normal(n, 3, generator), None, centres, std)

    return Task(f"12bit-first-layer-noise{std}", "12-bit net", True, known, sample)


def quantised(units: int, levels: int, of_labels: bool) -> Task:
    """A deterministic layer of few levels on all 12-bit patterns: I(X; T) = H(T), or I(T; Y), by counting."""
    x = torch.as_tensor(szt12.patterns(), dtype=torch.float64)
    y = torch.as_tensor(szt12.labels(szt12.patterns()))
    t = torch.round(torch.tanh(x @ weights(12, units, units)) * (levels // 2))

    def entropy(symbols: Tensor) -> float:
        p = torch.unique(symbols, dim=0, return_counts=True)[1].double() / len(symbols)
        return -(p * p.log()).sum().item()

    both = entropy(torch.cat([t, y[:, None]], 1))
    truth = entropy(t) + entropy(y[:, None]) - both if of_labels else entropy(t)

    def sample(n: int, generator: Generator) -> Sample:
        chosen = torch.randint(len(x), (n,), generator=generator)
        parts = (None, t[chosen], y[chosen]) if of_labels else (x[chosen], t[chosen])
        return Sample(*parts, step=1.0)

    target = "labels" if of_labels else "inputs"
    return Task(f"quantised-{units}units-{levels}levels-{target}", "quantised net", True, lambda: truth, sample)


def injective(latent: int, width: int, rho: float) -> Task:
    """Two layers that are one-to-one maps of correlated Gaussian latents into many units."""
    a, b = weights(latent, width, 5), weights(latent, width, 6)
    sample = mapped(correlated(rho, latent, latent), lambda x: torch.asinh(2 * x @ a), lambda y: torch.tanh(y @ b))
    truth = gaussian_information(rho, latent)
    return Task(f"injective-{latent}to{width}-rho{rho}", "injective maps", True, lambda: truth, sample)


def _scalar_nets() -> list[Task]:
    four = torch.tensor([-3.0, -1.0, 1.0, 3.0], dtype=torch.float64)
    eight = torch.arange(1.0, 9.0, dtype=torch.float64)
    uniform4, uniform8 = torch.full((4,), 0.25).double(), torch.full((8,), 0.125).double()
    nodes, probabilities = noisy.continuous_inputs("normal", std=0.5, resolution=0.005)
    return [
        scalar_net("four-tanh", [0.5], [0.3], ["tanh"], four, uniform4, 1),
        scalar_net("eight-leaky", [-0.88, -1.0], [4.3, 0.2], ["leaky_relu"] * 2, eight, uniform8, 2),
        scalar_net("normal-tanh", [3.0, 2.0], [0.0, 0.1], ["tanh"] * 2, nodes, probabilities, 1),
        scalar_net("normal-tanh", [3.0, 2.0], [0.0, 0.1], ["tanh"] * 2, nodes, probabilities, 2),
    ]


def _classic() -> list[Task]:
    tasks = [gaussian(rho) for rho in (0.0, 0.3, 0.6, 0.9, 0.99)]
    tasks += [gaussian(0.5, d) for d in (2, 3, 5, 10, 25)] + [gaussian(0.8, 5, 1)]
    tasks += [student(0.0, 1, degrees) for degrees in (1, 2)] + [student(0.6, 1, degrees) for degrees in (1, 3, 10)]
    tasks += [student(0.5, 2, 2), student(0.5, 2, 5), student(0.5, 5, 3)]
    tasks += [twisted("half-cube", 0.6, d, half_cube, half_cube) for d in (1, 3)]
    tasks += [twisted("asinh", 0.6, d, torch.asinh, torch.asinh) for d in (1, 3)]
    tasks += [twisted("uniform-margins", rho, 1, normal_cdf, normal_cdf) for rho in (0.6, 0.9)]
    tasks += [twisted("wiggly", 0.6, 1, wiggle, wiggle), twisted("wiggly", 0.9, 1, wiggle, wiggle)]
    tasks += [twisted("swiss-roll", 0.8, d, swiss_roll, normal_cdf) for d in (1, 2)]
    tasks += [twisted("spiral", 0.6, d, spiral, spiral) for d in (2, 3)]
    tasks += [uniform_noise(0.1), uniform_noise(0.75)]
    tasks += [gaussian_mixture((-1.0, 1.0), 0.1, 0.3), gaussian_mixture((-2.0, 0.0, 2.0), 0.2, 0.2)]
    tasks += [gaussian_mixture((-1.0, 1.0), 0.5, 0.05)]
    tasks += [shifted_classes(m, distance) for m, distance in ((2, 1.0), (2, 3.0), (4, 2.0), (8, 4.0))]
    return [*tasks, overlapping_intervals(5)]


def _networks() -> list[Task]:
    tasks = [linear_layer(10, 3, 0.5), linear_layer(10, 10, 0.5), linear_layer(100, 5, 0.2)]
    tasks += [*_scalar_nets(), twelve_bit_linearised(0.05), twelve_bit_first_layer(0.05)]
    tasks += [
        twelve_bit_first_layer(0.2),
        quantised(3, 8, False),
        quantised(3, 8, True),
        quantised(10, 256, False),
    ]
    return [*tasks, injective(1, 10, 0.8), injective(2, 20, 0.8), injective(5, 50, 0.6)]


TASKS: dict[str, Task] = {task.id: task for task in [*_classic(), *_networks()]}
