"""Optimisers of stacked networks on one flat tensor: torch.optim knows no learning rate for each network.

Parameters and their gradients become views of two flat tensors, so that a step is a handful of
operations whatever the number of layers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from infoflow.models.stack import Stack


class Flat:
    """Parameters as views of `values` and their gradients as views of `gradients`, both (all numbers,).

    Args:
        stack: networks, whose parameters become views.
        learning_rate: of all networks, or of each one, (nets,).
    """

    def __init__(self, stack: Stack, learning_rate: float | Tensor) -> None:
        owned = list(stack.owned())
        size = sum(parameter.numel() for parameter, _ in owned)
        self.values, self.gradients = torch.empty(size), torch.zeros(size)
        self.decayed = torch.zeros(stack.nets, dtype=torch.bool)
        self.net = torch.empty(size, dtype=torch.int64)  # network that a number belongs to
        start = 0
        for parameter, net in owned:
            own = slice(start, start + parameter.numel())
            self.values[own] = parameter.detach().flatten()
            self.net[own] = (
                torch.arange(stack.nets).repeat_interleave(parameter[0].numel()) if net is None else torch.tensor(net)
            )
            parameter.data = self.values[own].view(parameter.shape)
            parameter.grad = self.gradients[own].view(parameter.shape)
            start = own.stop
        self.rate = torch.as_tensor(learning_rate, dtype=torch.float32).expand(stack.nets)[self.net]  # of each number

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
    """Gradient descent with momentum μ: v ← μ v + g, θ ← θ − η v; with `reset=False` gradients add up from step to step."""

    def __init__(self, stack: Stack, learning_rate: float | Tensor, momentum: float = 0.0) -> None:
        super().__init__(stack, learning_rate)
        self.momentum = momentum
        self.velocity = torch.zeros_like(self.values) if momentum else self.gradients  # without momentum v is g

    def state(self) -> dict[str, Tensor]:
        """Tensors that a resumed run needs."""
        return {**super().state(), **({"velocity": self.velocity} if self.momentum else {})}

    @torch.no_grad()
    def step(self, reset: bool = True) -> None:
        """One update."""
        if self.momentum:
            self.velocity.mul_(self.momentum).add_(self.gradients)
        self.values.addcmul_(self.rate, self.velocity, value=-1)
        if reset:
            self.gradients.zero_()


class Adam(Flat):
    """Adam (Kingma & Ba, arXiv:1412.6980) with the usual β = (0.9, 0.999), ε = 1e-8."""

    def __init__(self, stack: Stack, learning_rate: float | Tensor) -> None:
        super().__init__(stack, learning_rate)
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


class Orthonormal:
    """W ← W − α (W Wᵀ W − W) for all weight matrices but the last (Parseval networks; Goldfeld et al. 2019).

    Args:
        stack: networks, whose weights are changed in place; a convolution's are the matrix (maps, all the rest).
        strength: α of every network, (nets,); networks of one point lie side by side.
    """

    def __init__(self, stack: Stack, strength: Tensor) -> None:
        self.parts: list[tuple[Tensor, Tensor]] = []  # views of weights (nets, out, in) and their α (nets, 1, 1)
        for blocks in stack.matrices()[:-1]:
            for block, own in zip(blocks, strength.split([len(block) for block in blocks]), strict=True):
                chosen = torch.nonzero(own > 0).flatten().tolist()
                if chosen:
                    among = slice(chosen[0], chosen[-1] + 1)
                    self.parts.append((block.detach()[among], own[among, None, None]))

    def step(self) -> None:
        """One step of every network that has a strength."""
        for w, strength in self.parts:
            towards_orthonormal(w, strength)


def towards_orthonormal(w: Tensor, strength: Tensor | float) -> None:
    """One step W ← W − α (W Wᵀ W − W) of weights (nets, out, in) in place, with α of each net (nets, 1, 1) or of all."""
    w.sub_(torch.bmm(torch.bmm(w, w.transpose(1, 2)), w).sub_(w).mul_(strength))
