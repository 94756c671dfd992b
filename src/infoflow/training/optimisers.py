"""Optimisers of stacked networks on one flat tensor: torch.optim knows no learning rate for each network.

Parameters and their gradients become views of two flat tensors, so that a step is a handful of
operations whatever the number of layers.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Flat:
    """Parameters as views of `values` and their gradients as views of `gradients`, both (all numbers,).

    Args:
        parameters: stacked parameters (nets, …), which become views.
        learning_rate: of all networks, or of each one, (nets,).
        nets: number of networks.
    """

    def __init__(self, parameters: dict[str, Tensor], learning_rate: float | Tensor, nets: int) -> None:
        size = sum(p.numel() for p in parameters.values())
        self.values, self.gradients = torch.empty(size), torch.zeros(size)
        self.decayed = torch.zeros(nets, dtype=torch.bool)
        self.net = torch.empty(size, dtype=torch.int64)  # network that a number belongs to
        start = 0
        for name, value in parameters.items():
            own = slice(start, start + value.numel())
            self.values[own] = value.flatten()
            self.net[own] = torch.arange(nets).repeat_interleave(value[0].numel())
            parameters[name] = self.values[own].view(value.shape).requires_grad_()
            parameters[name].grad = self.gradients[own].view(value.shape)
            start = own.stop
        self.rate = torch.as_tensor(learning_rate, dtype=torch.float32).expand(nets)[self.net]  # of each number

    def decay(self, reached: Tensor, divisor: float) -> None:
        """Divide the learning rate of networks that reach the level for the first time."""
        now = reached & ~self.decayed
        if now.any():
            self.rate[now[self.net]] /= divisor
            self.decayed |= now

    def state(self) -> dict[str, Tensor]:
        """Tensors that a resumed run needs."""
        return {"gradients": self.gradients, "rate": self.rate, "decayed": self.decayed}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over a saved state."""
        for name, value in self.state().items():
            value.copy_(state[name])


class Sgd(Flat):
    """Plain gradient descent; with `reset=False` gradients add up from step to step."""

    @torch.no_grad()
    def step(self, reset: bool = True) -> None:
        """One update."""
        self.values.addcmul_(self.rate, self.gradients, value=-1)
        if reset:
            self.gradients.zero_()


class Momentum(Flat):
    """Gradient descent with momentum μ: v ← μ v + g, θ ← θ − η v."""

    def __init__(
        self, parameters: dict[str, Tensor], learning_rate: float | Tensor, nets: int, momentum: float
    ) -> None:
        super().__init__(parameters, learning_rate, nets)
        self.velocity, self.momentum = torch.zeros_like(self.values), momentum

    def state(self) -> dict[str, Tensor]:
        """Tensors that a resumed run needs."""
        return {**super().state(), "velocity": self.velocity}

    @torch.no_grad()
    def step(self, reset: bool = True) -> None:
        """One update."""
        self.velocity.mul_(self.momentum).add_(self.gradients)
        self.values.addcmul_(self.rate, self.velocity, value=-1)
        if reset:
            self.gradients.zero_()


class Adam(Flat):
    """Adam (Kingma & Ba, arXiv:1412.6980) with the usual β = (0.9, 0.999), ε = 1e-8."""

    def __init__(self, parameters: dict[str, Tensor], learning_rate: float | Tensor, nets: int) -> None:
        super().__init__(parameters, learning_rate, nets)
        self.first, self.second = torch.zeros_like(self.values), torch.zeros_like(self.values)
        self.count = torch.zeros((), dtype=torch.int64)

    def state(self) -> dict[str, Tensor]:
        """Tensors that a resumed run needs."""
        return {**super().state(), "first": self.first, "second": self.second, "count": self.count}

    @torch.no_grad()
    def step(self, reset: bool = True) -> None:
        """One update."""
        self.count += 1
        n = int(self.count)
        self.first.lerp_(self.gradients, 0.1)
        self.second.mul_(0.999).addcmul_(self.gradients, self.gradients, value=0.001)
        scale = (self.second / (1 - 0.999**n)).sqrt_().add_(1e-8)
        self.values.sub_(self.rate * self.first / scale.mul_(1 - 0.9**n))
        if reset:
            self.gradients.zero_()


@torch.no_grad()
def orthonormal_step(parameters: dict[str, Tensor], strength: Tensor) -> None:
    """W ← W − α (W Wᵀ W − W) for all weight matrices but the last (Parseval networks; Goldfeld et al. 2019).

    Args:
        parameters: stacked weights `W1` … and biases, changed in place.
        strength: α of every network, (nets,).
    """
    weights = [value for name, value in parameters.items() if name.startswith("W")][:-1]
    own = torch.nonzero(strength > 0).flatten()
    first, last = int(own[0]), int(own[-1]) + 1  # networks of one point lie side by side: a view, no copy
    for weight in weights:
        w = weight[first:last]
        w -= strength[first:last, None, None] * (w @ w.transpose(1, 2) @ w - w)
