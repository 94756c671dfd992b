"""VGG-11 and ResNet-18 for images of 32 × 32, with batch normalisation after every convolution.

Smaller images are framed with zeros. Widths are the config's; at 64 filters in the first stage, doubling to 512, both are
the published networks but for what 32 × 32 asks: no max-pooling in ResNet's stem, two small dense layers in VGG.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from infoflow.errors import InputError
from infoflow.models.cnn import MaxPool
from infoflow.models.modules import Activation, Dropout, initialise_uniform
from infoflow.models.stack import ModuleStack

SIDE = 32


class DeepCnn(nn.Module):
    """What both have: square inputs, framed with zeros, and PyTorch's initial values.

    Attributes:
        layers: {layer: module} of the observed layers.
        precision: type in which a recording runs the network.
    """

    stack = ModuleStack
    precision = torch.float32
    layers: dict[str, str]

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        if max(input_shape[1:]) > SIDE:
            raise InputError(
                f"model: VGG-11 and ResNet-18 take images of at most {SIDE} × {SIDE}, not {input_shape[1:]}; "
                "give the data set a smaller size"
            )

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial values as PyTorch does."""
        initialise_uniform(self, generator)


def framed(x: Tensor) -> Tensor:
    """Images (n, channels, h, w) with zeros around them, (n, channels, 32, 32)."""
    top, left = ((SIDE - side) // 2 for side in x.shape[-2:])
    return F.pad(x, (left, SIDE - x.shape[-1] - left, top, SIDE - x.shape[-2] - top))


def convolution(inp: int, out: int, side: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution and its normalisation; at stride 1 the size stays."""
    return nn.Sequential(nn.Conv2d(inp, out, side, stride, padding=side // 2), nn.BatchNorm2d(out))


class Vgg11(DeepCnn):
    """Simonyan & Zisserman (2015), configuration A: eight 3 × 3 convolutions C in five stages, two dense layers F, a read-out.

    Every stage ends in 2 × 2 max-pooling. C and F are observed after their activation. Dropout on the dense layers only
    where training asks for it.
    """

    STAGES = (1, 1, 2, 2, 2)  # convolutions of each

    def __init__(
        self, input_shape: tuple[int, ...], classes: int, filters: list[int], dense: list[int], activation: str
    ) -> None:
        super().__init__(input_shape)
        widths = [width for width, count in zip(filters, self.STAGES, strict=True) for _ in range(count)]
        ends = {sum(self.STAGES[: k + 1]) for k in range(len(self.STAGES))}  # convolutions before a pooling
        parts: list[nn.Module] = []
        self.layers = {}
        for k, (inp, out) in enumerate(zip([input_shape[0], *widths], widths, strict=False), start=1):
            self.layers[f"C{k}"] = f"features.{len(parts)}"
            parts.append(convolution(inp, out).append(Activation(activation)))
            parts += [MaxPool()] if k in ends else []
        self.features = nn.Sequential(*parts)
        self.classifier = nn.Sequential()
        for k, (inp, out) in enumerate(zip([widths[-1], *dense], dense, strict=False)):
            self.layers[f"F{k + 1}"] = f"classifier.{k}"
            self.classifier.append(nn.Sequential(nn.Linear(inp, out), Activation(activation), Dropout((out,))))
        self.output = nn.Linear(dense[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (batch, classes) of images (batch, channels, height, width)."""
        t = self.features(framed(x))  # (batch, last filters, 1, 1)
        return self.output(self.classifier(t.flatten(1)))


class ResNet18(DeepCnn):
    """He et al. (2016) for small images: a 3 × 3 stem S, four stages of two blocks R, the average A over each map, a read-out.

    A block is two 3 × 3 convolutions beside the identity, or beside a 1 × 1 convolution where the size changes; it is
    observed after its sum's activation, and A as one vector.
    """

    def __init__(self, input_shape: tuple[int, ...], classes: int, filters: list[int], activation: str) -> None:
        super().__init__(input_shape)
        self.stem = convolution(input_shape[0], filters[0]).append(Activation(activation))
        self.stages = nn.ModuleList()
        for i, (inp, out) in enumerate(zip([filters[0], *filters], filters, strict=False)):
            first = Block(inp, out, activation, changes=i > 0)
            self.stages.append(nn.Sequential(first, Block(out, out, activation, changes=False)))
        self.average = Average()
        self.dropout = Dropout((filters[-1],))
        self.output = nn.Linear(filters[-1], classes)
        blocks = {f"R{i + 1}.{k + 1}": f"stages.{i}.{k}" for i in range(len(filters)) for k in (0, 1)}
        self.layers = {"S": "stem", **blocks, "A": "average"}

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (batch, classes) of images (batch, channels, height, width)."""
        t = self.stem(framed(x))
        for stage in self.stages:
            t = stage(t)  # (batch, maps, side, side)
        return self.output(self.dropout(self.average(t)))


class Average(nn.Module):
    """The mean over each map."""

    def forward(self, t: Tensor) -> Tensor:
        """(batch, maps, height, width) -> (batch, maps)."""
        return t.mean((2, 3))


class Block(nn.Module):
    """f(conv(f(conv(t))) + t), with a 1 × 1 convolution of stride 2 on t where the size changes."""

    def __init__(self, inp: int, out: int, activation: str, changes: bool) -> None:
        super().__init__()
        stride = 2 if changes else 1
        self.first, self.second = convolution(inp, out, stride=stride), convolution(out, out)
        self.beside = convolution(inp, out, side=1, stride=stride) if changes else nn.Identity()
        self.activation = Activation(activation)

    def forward(self, t: Tensor) -> Tensor:
        """(batch, inp, side, side) -> (batch, out, side / stride, side / stride)."""
        inner = self.second(self.activation(self.first(t)))
        return self.activation(inner + self.beside(t))
