"""Exact information through chains of scalar noisy neurons, T_l = f_l(w_l T_{l-1} + b_l) + Z_l.

Given the noiseless value s of layer 1, every deeper layer is independent of the input, and p(t_l | s)
varies with s on the scale of the noise. So many inputs are replaced by a few values of s with the same
moments, panel by panel, and densities are carried from layer to layer as products with the matrix of N(t_l;
f_l(w_l t_{l-1} + b_l), std^2). All integrals are Gauss-Legendre panels; a kink of the next activation lies
on a panel's edge, and panels shrink where the next layer is steep.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from infoflow.estimators._common import (
    Estimate,
    reported_in,
)
from infoflow.estimators._inputs import (
    as_tensor,
    choice,
    finite,
    positive,
)

ORDER = 10  # nodes a panel
PANEL = 2.5  # width of a panel, in standard deviations of the noise
REACH = 7.5  # of the grid beyond the noiseless values; leaves out a mass of 6e-14
BLOCK = 2**20  # elements of the largest matrix at a time
TAIL = 6.5  # of normal inputs, in their standard deviations; leaves out a mass of 8e-11
CHECKED = 3  # parameter sets that are integrated again with finer panels
FINER = 0.6
ACCURACY = 1e-7  # of the panels, the worst over hundreds of sets against panels of a quarter of the width
RUN = 128  # values s at a time, where there are more than SMALL
SMALL = 128


class Activation(NamedTuple):
    """A monotone function, the bound of its slope, and whether it has a kink at 0."""

    function: object
    slope: float
    kinked: bool


ACTIVATIONS = {
    "tanh": Activation(torch.tanh, 1.0, False),
    "leaky_relu": Activation(lambda a: torch.maximum(a, a / 10), 1.0, True),
    "relu": Activation(torch.relu, 1.0, True),
    "linear": Activation(lambda a: a, 1.0, False),
    "sigmoid": Activation(torch.sigmoid, 0.25, False),
}


class Panels(NamedTuple):
    """Grids of one layer: `count` panels of half width `half` from `start` on; each (sets,)."""

    start: Tensor
    half: Tensor
    count: Tensor


class Densities(NamedTuple):
    """Densities of a block of B sets, layer by layer: p(t_i) = sum_k masses_k N(t_i; points_k, std^2)."""

    points: list[Tensor]  # (B, K_i)
    masses: list[Tensor]  # (B, K_i)
    entropy: Tensor  # (B, L), h(T_i)
    conditional: Tensor  # (B, L), sum_x p(x) h(T_i | x)


@reported_in("nats")
def scalar_chain(weights, biases, activations, inputs, probabilities, std: float, *, continuous=False) -> Estimate:
    """Information I(X; T_l) for every layer l of chains of scalar noisy neurons, in nats, by quadrature.

    T_0 = X, T_l = f_l(w_l T_{l-1} + b_l) + Z_l with Z_l ~ N(0, std^2): the model of Kong (2019) after
    Goldfeld et al. (2019). I(X; T_l) = h(T_l) - sum_x p(x) h(T_l | x), both integrated to better than 1e-6.

    Args:
        weights: (..., L), one weight a layer; leading dimensions are parameter sets, worked off in blocks.
        biases: (..., L).
        activations: L names, or one for all: "tanh", "leaky_relu" (max(a, a / 10)), "relu", "linear",
            "sigmoid".
        inputs: (m,), values of X.
        probabilities: (m,), >= 0, of sum 1.
        std: Standard deviation of the noise.
        continuous: The inputs are nodes of a quadrature over a continuous X (see `continuous_inputs`). Then
            it is an error if a steep first layer maps neighbours so far apart that they no longer act as a
            continuum.

    Returns:
        Estimate with fields (..., L), in nats: std_error 0; bias_bound is the largest change found when a
        few of the parameter sets (cheapest, median, costliest) are integrated with finer panels, at
        least 1e-7. Ceiling: H(X) if X is discrete, and h(T_l) - h(Z_l).

    Raises:
        ValueError: On shapes that do not match, an unknown activation, probabilities that are no
            distribution, or nodes too far apart for the steepest first layer.
    """
    chain = _Chain.checked(weights, biases, activations, inputs, probabilities, std, continuous)
    plan = chain.plan(PANEL)
    cost = chain.cost(plan)
    value = torch.empty_like(chain.weights)
    for block in _blocks(cost):
        value[block] = chain.select(block).information([Panels(*(x[block] for x in p)) for p in plan])
    few = cost.argsort()[torch.linspace(0, len(cost) - 1, min(CHECKED, len(cost))).long()]
    finer = chain.select(few)
    change = torch.stack([finer.select(i).information(finer.select(i).plan(PANEL * FINER))[0] for i in _each(few)])
    bound = (change - value[few]).abs().amax(0).clamp(min=ACCURACY).expand_as(value)
    shape = as_tensor(weights).shape
    return Estimate(value.view(shape), torch.zeros_like(value).view(shape), bound.reshape(shape))


def scalar_chain_density(weights, biases, activations, inputs, probabilities, std: float, grid) -> Tensor:
    """Densities p(t_l) of every layer of the same chains on a given grid.

    Args:
        weights: (..., L); the other arguments are as in `scalar_chain`.
        biases: (..., L).
        activations: L names, or one for all.
        inputs: (m,).
        probabilities: (m,).
        std: Standard deviation of the noise.
        grid: (G,), values of t for all layers, or (L, G).

    Returns:
        (..., L, G), densities per unit of t.

    Raises:
        ValueError: As `scalar_chain`; also on a grid of another shape.
    """
    chain = _Chain.checked(weights, biases, activations, inputs, probabilities, std, False)
    sets, depth = chain.weights.shape
    grid = finite(as_tensor(grid, chain.weights.device).to(torch.float64), "grid")
    if grid.ndim not in (1, 2) or (grid.ndim == 2 and len(grid) != depth):
        raise ValueError(f"grid: expected shape (G,) or ({depth}, G), got {tuple(grid.shape)}")
    grid = grid.expand(depth, -1)
    plan = chain.plan(PANEL)
    density = grid.new_empty(sets, depth, grid.shape[1])
    for block in _blocks(chain.cost(plan)):
        found = chain.select(block).densities([Panels(*(x[block] for x in p)) for p in plan])
        for i, (points, masses) in enumerate(zip(found.points, found.masses, strict=True)):
            t = grid[i].expand(len(block), -1)
            density[block, i] = _mix(masses[:, None], points, t, chain.std)[:, 0]
    return density.view(*as_tensor(weights).shape, grid.shape[1])


def continuous_inputs(distribution: str, *, resolution: float = 0.05 / 30, **parameters) -> tuple[Tensor, Tensor]:
    """Quadrature nodes and probabilities of a continuous input.

    Args:
        distribution: "normal" (mean=0, std), "normal_mixture" (means=(-1, 1), std=0.5, equal weights), or
            "uniform" (low, high).
        resolution: Largest distance between nodes. A first layer of weight w and noise std needs std / |w|
            or less; the default serves |w| <= 30 at std 0.05.
        **parameters: Of the distribution, as above.

    Returns:
        nodes (m,) and probabilities (m,), which sum to 1. Sums over them are integrals to about 1e-9 for
        functions that vary on the scale of `resolution` or slower.

    Raises:
        ValueError: On an unknown distribution or parameter, or a width <= 0.
    """
    resolution = positive(resolution, "resolution")
    choice(distribution, "distribution", tuple(_DISTRIBUTIONS))
    try:
        return _DISTRIBUTIONS[distribution](resolution, **parameters)
    except TypeError as error:
        raise ValueError(f"continuous_inputs: parameters of {distribution!r}: {error}") from None


def _normal(resolution: float, *, std: float, mean: float = 0.0) -> tuple[Tensor, Tensor]:
    return _normal_mixture(resolution, means=(mean,), std=std)


def _normal_mixture(resolution: float, *, means=(-1.0, 1.0), std: float = 0.5) -> tuple[Tensor, Tensor]:
    means, std = torch.as_tensor(means, dtype=torch.float64), positive(std, "std")
    low, high = means.min().item() - TAIL * std, means.max().item() + TAIL * std
    step = min(resolution, std / 4)
    nodes = torch.linspace(low, high, math.ceil((high - low) / step) + 1, dtype=torch.float64)
    probabilities = torch.exp(-0.5 * ((nodes[:, None] - means) / std).square()).sum(1)
    return nodes, probabilities / probabilities.sum()


def _uniform(resolution: float, *, low: float, high: float) -> tuple[Tensor, Tensor]:
    width = positive(high - low, "high - low")
    x, w = _legendre(torch.zeros(()))
    count = math.ceil(width * x.diff().max().item() / 2 / resolution)
    middles = low + width * (torch.arange(count, dtype=torch.float64) + 0.5) / count
    nodes = middles[:, None] + x * (width / count / 2)
    return nodes.flatten(), (w / (2 * count)).expand(count, -1).flatten()


_DISTRIBUTIONS = {"normal": _normal, "normal_mixture": _normal_mixture, "uniform": _uniform}


class _Chain(NamedTuple):
    """Checked parameters of N chains of L layers."""

    weights: Tensor  # (N, L)
    biases: Tensor  # (N, L)
    activations: list[Activation]
    inputs: Tensor  # (m,)
    probabilities: Tensor  # (m,)
    std: float

    @classmethod
    def checked(cls, weights, biases, activations, inputs, probabilities, std, continuous) -> "_Chain":
        weights = finite(as_tensor(weights).detach().to(torch.float64), "weights")
        biases = finite(as_tensor(biases, weights.device).detach().to(torch.float64), "biases")
        if weights.ndim < 1 or weights.numel() == 0 or biases.shape != weights.shape:
            shapes = f"{tuple(weights.shape)} and {tuple(biases.shape)}"
            raise ValueError(f"weights and biases: expected equal shapes (..., L), got {shapes}")
        depth = weights.shape[-1]
        names = [activations] * depth if isinstance(activations, str) else list(activations)
        if len(names) != depth:
            raise ValueError(f"activations: expected {depth} names, one a layer, got {len(names)}")
        functions = [ACTIVATIONS[choice(name, "activations", tuple(ACTIVATIONS))] for name in names]
        inputs, probabilities = _as_distribution(inputs, probabilities, weights.device)
        std = positive(std, "std")
        chain = cls(weights.reshape(-1, depth), biases.reshape(-1, depth), functions, inputs, probabilities, std)
        if continuous:
            chain._check_continuum()
        return chain

    def _check_continuum(self) -> None:
        gap = self.inputs.sort().values.diff().max().item()
        steepest = self.weights[:, 0].abs().max().item() * self.activations[0].slope
        if gap * steepest > self.std * 1.001:
            raise ValueError(
                f"inputs: nodes {gap:.3g} apart are too coarse for a first layer of slope {steepest:.3g} "
                f"at noise {self.std:.3g}; expected at most {self.std / steepest:.3g} (see continuous_inputs)"
            )

    def select(self, sets: Tensor) -> "_Chain":
        return self._replace(weights=self.weights[sets], biases=self.biases[sets])

    def plan(self, panel: float) -> list[Panels]:
        """Return the panels of the values s of layer 1, then of T_1, ..., T_L, for every set."""
        ends = torch.stack([self.inputs.min(), self.inputs.max()]).expand(len(self.weights), 2)
        width = torch.full_like(self.weights[:, 0], panel * self.std / 2)
        plan = []
        for i in range(self.weights.shape[1]):
            ends = self._noiseless(i, ends).sort(1).values  # (N, 2)
            if i == 0:
                count = ((ends[:, 1] - ends[:, 0]) / (2 * width)).ceil().clamp(min=1)
                plan.append(Panels(ends[:, 0], width, count.long()))
            ends = ends + REACH * self.std * torch.tensor([-1.0, 1.0]).to(ends)
            plan.append(self._panels(i + 1, ends, width))
        return plan

    def _panels(self, following: int, ends: Tensor, width: Tensor) -> Panels:
        """Panels from ends[:, 0] to ends[:, 1], fit to integrate against layer `following`."""
        start, end = ends[:, 0], ends[:, 1]
        if following < self.weights.shape[1]:
            w, b = self.weights[:, following], self.biases[:, following]
            width = width / (w.abs() * self.activations[following].slope).clamp(min=1.0)
            if self.activations[following].kinked:
                kink = -b / w
                inside = (kink > start) & (kink < end)
                start = torch.where(inside, kink - 2 * width * ((kink - start) / (2 * width)).ceil(), start)
        return Panels(start, width, ((end - start) / (2 * width)).ceil().clamp(min=1).long())

    def cost(self, plan: list[Panels]) -> Tensor:
        """Elements of the largest matrix of each set (N,)."""
        sizes = [ORDER * p.count for p in plan]
        first = sizes[0].clamp(max=len(self.inputs))
        products = [first * sizes[1]] + [a * b for a, b in zip(sizes[1:], sizes[2:], strict=False)]
        products += [torch.full_like(first, ORDER * len(self.inputs))] if len(self.inputs) > ORDER else []
        return torch.stack(products).amax(0)

    def _noiseless(self, i: int, t: Tensor) -> Tensor:
        return self.activations[i].function(self.weights[:, i, None] * t + self.biases[:, i, None])

    def sources(self, panels: Panels) -> tuple[Tensor, Tensor]:
        """Return values s of layer 1 and their probabilities, each (B, M): the inputs' own, or fewer."""
        s = self._noiseless(0, self.inputs.expand(len(self.weights), -1))  # (B, m)
        if s.shape[1] <= ORDER * int(panels.count.max()):
            return s, self.probabilities.expand_as(s)
        return _compressed(s, self.probabilities, panels)

    def densities(self, plan: list[Panels]) -> Densities:
        """Carry the densities of a block of sets from layer to layer, for a run of values s at a time."""
        sources, weight = self.sources(plan[0])
        grids = [_nodes(panels) for panels in plan[1:]]
        marginals = [torch.zeros_like(t) for t, _ in grids]
        conditional = torch.zeros_like(self.weights)
        wide = sources.shape[1] > SMALL
        for s, share in zip(*(v.split(RUN if wide else SMALL, 1) for v in (sources, weight)), strict=True):
            points, given = s, None
            for i, (t, quadrature) in enumerate(grids):
                near = _near(t, points, self.std)
                t, quadrature = t[:, near], quadrature[:, None, near]
                given = _kernel(points, t, self.std) if i == 0 else _mix(given, points, t, self.std)  # (B, M, G)
                marginals[i][:, near] += (share[:, None] @ given)[:, 0]
                if i > 0:
                    conditional[:, i] += (share * _entropy(given, quadrature)).sum(1)
                if i + 1 < len(grids):
                    given, points = given * quadrature, self._noiseless(i + 1, t)
        conditional[:, 0] = 0.5 * math.log(2 * math.pi * math.e) + math.log(self.std)
        entropy = [_entropy(p, quadrature) for p, (_, quadrature) in zip(marginals, grids, strict=True)]
        masses = [weight] + [p * quadrature for p, (_, quadrature) in zip(marginals, grids, strict=True)]
        points = [sources] + [self._noiseless(i + 1, t) for i, (t, _) in enumerate(grids[:-1])]
        return Densities(points, masses[:-1], torch.stack(entropy, 1), conditional)

    def information(self, plan: list[Panels]) -> Tensor:
        """Return I(X; T_l), (B, L), of a block of sets."""
        found = self.densities(plan)
        return found.entropy - found.conditional


def _as_distribution(inputs, probabilities, device) -> tuple[Tensor, Tensor]:
    inputs = finite(as_tensor(inputs, device).to(torch.float64), "inputs")
    probabilities = finite(as_tensor(probabilities, device).to(torch.float64), "probabilities")
    if inputs.ndim != 1 or len(inputs) < 1 or probabilities.shape != inputs.shape:
        shapes = f"{tuple(inputs.shape)} and {tuple(probabilities.shape)}"
        raise ValueError(f"inputs and probabilities: expected shapes (m,) and (m,), got {shapes}")
    if (probabilities < 0).any() or abs(probabilities.sum().item() - 1) > 1e-6:
        raise ValueError(f"probabilities: expected >= 0 and a sum of 1, got the sum {probabilities.sum().item()}")
    return inputs, probabilities / probabilities.sum()


def _blocks(cost: Tensor) -> Iterator[Tensor]:
    """Yield groups of sets of similar cost, each of bounded size."""
    order = cost.argsort(descending=True)
    first = 0
    while first < len(order):
        size = max(1, BLOCK // int(cost[order[first]]))
        yield order[first : first + size]
        first += size


def _each(sets: Tensor) -> list[Tensor]:
    return list(torch.arange(len(sets), device=sets.device).split(1))


def _legendre(like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nodes in [-1, 1] and weights of Gauss-Legendre quadrature."""
    x, w = np.polynomial.legendre.leggauss(ORDER)
    return torch.as_tensor(x, device=like.device), torch.as_tensor(w, device=like.device)


def _nodes(panels: Panels) -> tuple[Tensor, Tensor]:
    """Return nodes and weights (B, G) on as many panels as the widest set of the block needs."""
    x, w = _legendre(panels.start)
    count = int(panels.count.max())
    middles = 2 * torch.arange(count, device=x.device) + 1
    nodes = panels.start[:, None, None] + panels.half[:, None, None] * (middles[:, None] + x)  # (B, count, ORDER)
    weights = (panels.half[:, None, None] * w).expand_as(nodes)
    return nodes.flatten(1), weights.flatten(1)


def _compressed(s: Tensor, probabilities: Tensor, panels: Panels) -> tuple[Tensor, Tensor]:
    """Replace values s (B, m) by panel nodes (B, M) whose weights have the same moments up to ORDER - 1.

    Weight of node k: w_k sum_j (j + 1/2) P_j(x_k) E[P_j(xi)], with xi in [-1, 1] the place of s in its panel.
    """
    x, w = _legendre(s)
    count = int(panels.count.max())
    place = (s - panels.start[:, None]) / (2 * panels.half[:, None])
    panel = place.floor().clamp_(0, count - 1)
    polynomials = _legendre_polynomials(2 * (place - panel) - 1)  # ORDER of (B, m)
    panel = panel.long()
    moments = s.new_zeros(ORDER, len(s), count)
    for moment, polynomial in zip(moments, polynomials, strict=True):
        moment.scatter_add_(1, panel, polynomial * probabilities)
    degree = torch.arange(ORDER, device=s.device) + 0.5
    basis = torch.stack(_legendre_polynomials(x)) * degree[:, None] * w  # (ORDER, ORDER): degree, node
    weights = torch.einsum("jbp,jk->bpk", moments, basis)
    return _nodes(panels)[0], weights.flatten(1)


def _legendre_polynomials(x: Tensor) -> list[Tensor]:
    values = [torch.ones_like(x), x]
    for j in range(1, ORDER - 1):
        values.append(((2 * j + 1) * x * values[j] - j * values[j - 1]) / (j + 1))
    return values


def _kernel(points: Tensor, t: Tensor, std: float) -> Tensor:
    """Return N(t_g; points_k, std^2), (B, K, G)."""
    difference = (t / std)[:, None, :] - (points / std)[:, :, None]
    return difference.square_().mul_(-0.5).clamp_(min=-700.0).exp_().mul_(1 / (std * math.sqrt(2 * math.pi)))


def _mix(masses: Tensor, points: Tensor, t: Tensor, std: float) -> Tensor:
    """Return sum_k masses_mk N(t_g; points_k, std^2), (B, M, G), a bounded part of the kernel at a time."""
    result = masses.new_zeros(len(points), masses.shape[1], t.shape[1])
    rows = max(ORDER, BLOCK // (4 * len(points) * t.shape[1]))
    for point, mass in zip(points.split(rows, 1), masses.split(rows, 2), strict=True):
        near = _near(t, point, std)
        result[:, :, near] += mass @ _kernel(point, t[:, near], std)
    return result


def _near(t: Tensor, points: Tensor, std: float) -> slice:
    """Return the slice of the grids t (B, G) that the densities around `points` reach."""
    wanted = ((t >= points.amin() - REACH * std) & (t <= points.amax() + REACH * std)).any(0).nonzero()[:, 0]
    return slice(int(wanted[0]), int(wanted[-1]) + 1) if len(wanted) else slice(0, 0)


def _entropy(density: Tensor, weights: Tensor) -> Tensor:
    density = density.clamp(min=0)  # compressed inputs may leave -1e-20 in the tails
    return -(torch.xlogy(density, density) * weights).sum(-1)
