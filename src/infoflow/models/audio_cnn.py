"""Convolutional networks for mel-spectrograms: a plain chain and a residual network, both with batch normalisation.

What is observed is a convolution's activation *before* its normalisation.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from infoflow.errors import InputError
from infoflow.models.modules import Activation, Dropout, initialise_uniform
from infoflow.models.stack import ModuleStack


class SimpleCnn(nn.Module):
    """Four times convolution, activation T_k, batch normalisation; then the average over each map and a read-out.

    The first convolution is 8 × 8 with stride 4 and padding 2, the others 3 × 3 with stride 2 and padding 1.

    Attributes:
        layers: {layer: module} of the observed layers.
        precision: type in which a recording runs the network.
    """

    stack = ModuleStack
    precision = torch.float32

    def __init__(self, input_shape: tuple[int, ...], classes: int, filters: list[int], activation: str) -> None:
        if min(input_shape[1:]) < 8:
            raise InputError(f"model: spectrograms of {input_shape[1:]} are smaller than the first kernel, 8 × 8")
        super().__init__()
        self.layers = {f"T{k}": f"T{k}" for k in range(1, len(filters) + 1)}
        channels = [input_shape[0], *filters]
        for k, (inp, out) in enumerate(zip(channels, filters, strict=False), start=1):
            side, stride, padding = (8, 4, 2) if k == 1 else (3, 2, 1)
            convolution = nn.Conv2d(inp, out, side, stride, padding)
            self.add_module(f"T{k}", nn.Sequential(convolution, Activation(activation)))
            self.add_module(f"norm{k}", nn.BatchNorm2d(out))
        self.dropout = Dropout((filters[-1],))
        self.output = nn.Linear(filters[-1], classes)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial values as PyTorch does."""
        initialise_uniform(self, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (batch, classes) of spectrograms (batch, channels, height, width)."""
        t = x
        for k in range(1, len(self.layers) + 1):
            t = getattr(self, f"norm{k}")(getattr(self, f"T{k}")(t))  # (batch, maps, height, width)
        return self.output(self.dropout(t.mean((2, 3))))


class AudioResNet(nn.Module):
    """A residual network (He et al. 2015): stem, max-pooling, two stages of blocks, average pooling to 7 × 7, read-out.

    The stem is a 7 × 7 convolution of stride 2; a block is two 3 × 3 convolutions beside a 1 × 1 one.

    Attributes:
        layers: {layer: module} of the observed layers: the stem `S`, `MaxPool`, each block `R<stage>.<block>` after its
            activation, and `AvgPool`.
        precision: type in which a recording runs the network.
    """

    BLOCKS = (3, 4)
    POOLED = (7, 7)
    stack = ModuleStack
    precision = torch.float32

    def __init__(self, input_shape: tuple[int, ...], classes: int, filters: list[int], activation: str) -> None:
        if len(filters) != len(self.BLOCKS) or min(input_shape[1:]) < 32:
            raise InputError(
                f"model: the residual network takes the numbers of filters of its two stages, not {filters}, and spectrograms of "
                f"at least 32 × 32, not {input_shape[1:]}"
            )
        super().__init__()
        first, last = filters
        self.stem = nn.Sequential(nn.Conv2d(input_shape[0], first, 7, 2, 3), Activation(activation))
        self.norm = nn.BatchNorm2d(first)
        self.max_pool = nn.MaxPool2d(3, 2, 1)
        self.stages = nn.ModuleList()
        for inp, out, count, stride in ((first, first, self.BLOCKS[0], 1), (first, last, self.BLOCKS[1], 2)):
            blocks = [Block(inp if k == 0 else out, out, activation, stride if k == 0 else 1) for k in range(count)]
            self.stages.append(nn.Sequential(*blocks))
        self.average = nn.AdaptiveAvgPool2d(self.POOLED)
        self.dropout = Dropout((last * math.prod(self.POOLED),))
        self.output = nn.Linear(last * math.prod(self.POOLED), classes)
        blocks = {f"R{i + 1}.{k + 1}": f"stages.{i}.{k}" for i, count in enumerate(self.BLOCKS) for k in range(count)}
        self.layers = {"S": "stem", "MaxPool": "max_pool", **blocks, "AvgPool": "average"}

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial values as PyTorch does."""
        initialise_uniform(self, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (batch, classes) of spectrograms (batch, channels, height, width)."""
        t = self.max_pool(self.norm(self.stem(x)))  # (batch, maps, height / 4, width / 4)
        for stage in self.stages:
            t = stage(t)
        return self.output(self.dropout(self.average(t).flatten(1)))


class Block(nn.Module):
    """f(norm(conv(f(norm(conv(t))))) + norm(conv₁ₓ₁(t)))."""

    def __init__(self, inp: int, out: int, activation: str, stride: int) -> None:
        super().__init__()
        self.first, self.first_norm = nn.Conv2d(inp, out, 3, stride, 1), nn.BatchNorm2d(out)
        self.second, self.second_norm = nn.Conv2d(out, out, 3, 1, 1), nn.BatchNorm2d(out)
        self.beside, self.beside_norm = nn.Conv2d(inp, out, 1, stride), nn.BatchNorm2d(out)
        self.activation = Activation(activation)

    def forward(self, t: Tensor) -> Tensor:
        """(batch, inp, height, width) -> (batch, out, height / stride, width / stride)."""
        inner = self.activation(self.first_norm(self.first(t)))
        inner = self.second_norm(self.second(inner))
        return self.activation(inner + self.beside_norm(self.beside(t)))
