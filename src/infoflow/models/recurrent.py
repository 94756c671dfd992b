"""A noisy tanh recurrent network that reads a sequence of scalars and classifies from its last state."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection

import torch
from torch import Tensor, nn

from infoflow.models.activations import tanh
from infoflow.models.mlp import Moments, propagate
from infoflow.models.modules import Activation, Dropout, GaussianNoise
from infoflow.models.stack import Stack

PARAMETERS = ("W.weight", "W.bias", "u.weight", "V.weight", "V.bias")


class StackedRecurrent(Stack):
    """Networks of `Recurrent` side by side: one batched product a step, parameters (nets, …)."""

    def __init__(self, members: list[Recurrent]) -> None:
        super().__init__(members)
        states = [member.state_dict() for member in members]
        self.w, self.b, self.u, self.v, self.c = (
            nn.Parameter(torch.stack([state[name] for state in states])) for name in PARAMETERS
        )
        self.hidden = members[0].hidden

    def forward(
        self, x: Tensor, noise: Tensor | None = None, masks: Tensor | None = None, keep: Collection[str] = ()
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As in the base class; `x` is (nets, batch, length)."""
        h = x.new_zeros((*x.shape[:2], self.hidden))
        kept = {}
        for t, layer in enumerate(self.layers):
            drive = x[..., t : t + 1] * self.u.transpose(1, 2) + self.b[:, None]  # (nets, batch, hidden)
            h = tanh(torch.baddbmm(drive, h, self.w.transpose(1, 2)))
            if noise is not None:
                h = h + noise[:, t * self.hidden : (t + 1) * self.hidden].transpose(1, 2)
            if layer in keep:
                kept[layer] = h
        if masks is not None:
            h = h * masks.transpose(1, 2)
        return torch.baddbmm(self.c[:, None], h, self.v.transpose(1, 2)), kept

    def stacked(self) -> dict[str, Tensor]:
        """As in the base class."""
        values = (self.w, self.b, self.u, self.v, self.c)
        return {name: value.detach() for name, value in zip(PARAMETERS, values, strict=True)}

    def matrices(self) -> list[list[Tensor]]:
        """As in the base class."""
        return [[self.w], [self.u], [self.v]]


class Recurrent(nn.Module):
    """h_t = tanh(W h_{t−1} + u x_t + b) + Z_t with h_0 = 0 and Z_t ~ N(0, std²); output V h_T + c.

    Attributes:
        layers: {layer: module} of the states, h1 from the first step on.
        precision: type in which a recording runs the network.
    """

    stack = StackedRecurrent
    precision = torch.float64

    def __init__(
        self, input_shape: tuple[int, ...], hidden: int, gain: float = 1.0, classes: int = 2, noise_std: float = 0.0
    ) -> None:
        super().__init__()
        (self.length,) = input_shape
        self.hidden, self.gain = hidden, gain
        self.layers = {f"h{t}": f"h.{t - 1}" for t in range(1, self.length + 1)}
        self.W = nn.Linear(hidden, hidden)
        self.u = nn.Linear(1, hidden, bias=False)
        self.h = nn.ModuleList(
            nn.Sequential(OrderedDict(activation=Activation("tanh"), noise=GaussianNoise(noise_std, (hidden,))))
            for _ in self.layers
        )
        self.dropout = Dropout((hidden,))
        self.V = nn.Linear(hidden, classes)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw all parameters uniformly in ±gain/sqrt(hidden)."""
        for value in (self.W.weight, self.u.weight, self.W.bias, self.V.weight, self.V.bias):
            unit = 2 * torch.rand(value.shape, generator=generator) - 1
            value.copy_(unit * (self.gain / math.sqrt(self.hidden)))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (batch, classes) of sequences (batch, length)."""
        h = x.new_zeros((len(x), self.hidden))
        for t, state in enumerate(self.h):
            h = state(self.W(h) + self.u(x[:, t : t + 1]))  # (batch, hidden)
        return self.V(self.dropout(h))

    @torch.no_grad()
    def moments(self, x: Tensor, std: float) -> dict[str, Moments]:
        """Moments of every state given each sequence, `x` (n, length)."""
        start = x.new_zeros((len(x), self.hidden))
        moments, result = Moments(start, None, None), {}
        for t, layer in enumerate(self.layers):
            s = self.W(moments.mean) + self.u(x[:, t : t + 1])
            moments = propagate(moments, s, self.W.weight, "tanh", std)
            result[layer] = moments
        return result
