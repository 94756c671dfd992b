"""Modules that networks are built from, and initial values from an explicit generator."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from infoflow.models.activations import ACTIVATIONS


class Activation(nn.Module):
    """An activation function by its name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.function = name, ACTIVATIONS[name]

    def forward(self, s: Tensor) -> Tensor:
        """The function of every number."""
        return self.function(s)


class Handed(nn.Module):
    """A module that works with numbers which the caller draws and hands to it; without them it is the identity.

    `shape` is that of one sample's numbers, `units` their count.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape, self.units = tuple(shape), math.prod(shape)
        self.values: Tensor | None = None  # (batch, *shape)


class GaussianNoise(Handed):
    """T + Z with Z ~ N(0, std²). The noise is drawn beforehand, from the seed's own generator."""

    def __init__(self, std: float, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.std = std

    def forward(self, t: Tensor) -> Tensor:
        """`t` (batch, *shape) with the noise that was handed over."""
        return t if self.values is None else t + self.values


class Dropout(Handed):
    """T ⊙ M with a mask M of zeros and 1 / (1 − p), drawn beforehand."""

    def forward(self, t: Tensor) -> Tensor:
        """`t` (batch, *shape) times the mask that was handed over."""
        return t if self.values is None else t * self.values


def handed_units(network: nn.Module, kind: type[Handed]) -> int:
    """Numbers that one sample takes, all modules of a kind together."""
    return sum(module.units for module in network.modules() if isinstance(module, kind))


@contextmanager
def handed(network: nn.Module, kind: type[Handed], values: Tensor | None) -> Iterator[None]:
    """Hand the modules of a kind their parts of `values` (units, batch), in order, for the passes within."""
    modules = [] if values is None else [module for module in network.modules() if isinstance(module, kind)]
    start = 0
    for module in modules:
        module.values = values[start : start + module.units].T.reshape(-1, *module.shape)
        start += module.units
    try:
        yield
    finally:
        for module in modules:
            module.values = None


@torch.no_grad()
def initialise_uniform(network: nn.Module, generator: torch.Generator) -> None:
    """Weights and biases of convolutions and linear layers in ±1/sqrt(fan-in), PyTorch's default, in the modules' order."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            bound = 1 / math.sqrt(module.weight[0].numel())
            for value in (module.weight, module.bias):
                value.copy_(bound * (2 * torch.rand(value.shape, generator=generator) - 1))
