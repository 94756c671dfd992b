"""A small tanh convolutional network for images, with Gaussian noise after its hidden activations."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from infoflow.models.activations import tanh
from infoflow.models.mlp import Moments


class Cnn:
    """Blocks of 5 × 5 convolution, tanh and 2 × 2 max-pooling, then dense tanh layers and a linear read-out."""

    def __init__(self, input_shape: tuple[int, ...], filters: list[int], dense: list[int], classes: int) -> None:
        channels, side, _ = input_shape
        self.convolutions = list(zip([channels, *filters], filters, strict=False))
        sides = [side // 2**k for k in range(1, len(filters) + 1)]
        flat = filters[-1] * sides[-1] ** 2
        self.dense = list(zip([flat, *dense], [*dense, classes], strict=True))
        self.shapes = [(f, s, s) for f, s in zip(filters, sides, strict=True)] + [(d,) for d in dense]
        self.observed = [f"T{k}" for k in range(1, len(self.shapes) + 1)]
        self.noise_units = sum(math.prod(shape) for shape in self.shapes)

    def initialise(self, generators: list[torch.Generator]) -> dict[str, Tensor]:
        """Uniform in ±1/sqrt(fan-in)."""
        shapes = {f"C{k + 1}": (out, inp, 5, 5) for k, (inp, out) in enumerate(self.convolutions)}
        shapes |= {f"D{k + 1}": (out, inp) for k, (inp, out) in enumerate(self.dense)}
        parameters = {}
        for name, shape in shapes.items():
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            parameters[name] = torch.stack([bound * (2 * torch.rand(shape, generator=g) - 1) for g in generators])
            parameters[f"b{name}"] = torch.zeros(len(generators), shape[0])
        return parameters

    def forward(self, parameters: dict[str, Tensor], x: Tensor, noise: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """Outputs and flattened observed layers; `x` is (nets, batch, channels, side, side)."""
        made = [
            self._one({n: p[i] for n, p in parameters.items()}, x[i], None if noise is None else noise[i])
            for i in range(len(x))
        ]
        return torch.stack([output for output, _ in made]), [
            torch.stack(layer) for layer in zip(*(o for _, o in made), strict=True)
        ]

    def _one(self, parameters: dict[str, Tensor], x: Tensor, noise: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        t, observed, start = x, [], 0
        for k, shape in enumerate(self.shapes):
            if k < len(self.convolutions):
                t = F.conv2d(t, parameters[f"C{k + 1}"], parameters[f"bC{k + 1}"], padding=2)
                t = F.max_pool2d(tanh(t), 2)  # (batch, filters, side / 2, side / 2)
            else:
                j = k - len(self.convolutions) + 1
                t = tanh(F.linear(t.flatten(1), parameters[f"D{j}"], parameters[f"bD{j}"]))
            if noise is not None:
                size = math.prod(shape)
                t = t + noise[start : start + size].T.reshape(-1, *shape)
                start += size
            observed.append(t.flatten(1))
        last = len(self.dense)
        return F.linear(t.flatten(1), parameters[f"D{last}"], parameters[f"bD{last}"]), observed

    def moments(self, parameters: dict[str, Tensor], x: Tensor, std: float) -> dict[str, Moments]:
        """Noiseless values of every observed layer; layers this wide get no covariances."""
        _, observed = self._one(parameters, x, None)
        return {layer: Moments(value, None, None) for layer, value in zip(self.observed, observed, strict=True)}
