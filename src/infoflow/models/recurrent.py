"""A noisy tanh recurrent network that reads a sequence of scalars and classifies from its last state."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from infoflow.models.activations import tanh
from infoflow.models.mlp import Moments, propagate


class Recurrent:
    """h_t = tanh(W h_{t−1} + u x_t + b) + Z_t with h_0 = 0 and Z_t ~ N(0, std²); output V h_T + c."""

    def __init__(self, input_shape: tuple[int, ...], hidden: int, gain: float = 1.0, classes: int = 2) -> None:
        (self.length,) = input_shape
        self.hidden, self.gain, self.classes = hidden, gain, classes
        self.observed = [f"h{t}" for t in range(1, self.length + 1)]
        self.noise_units = hidden * self.length

    def initialise(self, generators: list[torch.Generator]) -> dict[str, Tensor]:
        """Uniform in ±gain/sqrt(hidden)."""
        shapes = {
            "W": (self.hidden, self.hidden),
            "u": (1, self.hidden),
            "b": (1, self.hidden),
            "V": (self.classes, self.hidden),
            "c": (1, self.classes),
        }
        return {
            name: torch.stack([2 * torch.rand(shape, generator=g) - 1 for g in generators])
            * (self.gain / math.sqrt(self.hidden))
            for name, shape in shapes.items()
        }

    def forward(self, parameters: dict[str, Tensor], x: Tensor, noise: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """Outputs and the state after each step; `x` is (nets, batch, length)."""
        h = x.new_zeros((*x.shape[:2], self.hidden))
        observed = []
        for t in range(self.length):
            drive = x[..., t : t + 1] * parameters["u"] + parameters["b"]  # (nets, batch, hidden)
            h = tanh(torch.baddbmm(drive, h, parameters["W"].transpose(1, 2)))
            if noise is not None:
                h = h + noise[:, t * self.hidden : (t + 1) * self.hidden].transpose(1, 2)
            observed.append(h)
        return torch.baddbmm(parameters["c"], h, parameters["V"].transpose(1, 2)), observed

    def moments(self, parameters: dict[str, Tensor], x: Tensor, std: float) -> dict[str, Moments]:
        """Moments of every state given each sequence; `parameters` of one network, `x` (n, length)."""
        start = x.new_zeros((len(x), self.hidden))
        moments, result = Moments(start, None, None), {}
        for t, layer in enumerate(self.observed):
            s = moments.mean @ parameters["W"].T + x[:, t : t + 1] * parameters["u"] + parameters["b"]
            moments = propagate(moments, s, parameters["W"], "tanh", std)
            result[layer] = moments
        return result
