"""VGG-11 and ResNet-18 for images of 32 × 32, with batch normalisation after every convolution.

Smaller images are framed with zeros. Widths are the config's; at 64 filters in the first stage, doubling to 512, both are
the published networks but for what 32 × 32 asks: no max-pooling in ResNet's stem, two small dense layers in VGG.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from infoflow.errors import InputError
from infoflow.models.batch_norm import Normalised
from infoflow.models.cnn import MaxPool

SIDE = 32


class DeepCnn(Normalised):
    """What both have: square inputs, and the size of their observed layers."""

    def __init__(self, input_shape: tuple[int, ...], classes: int, activation: str) -> None:
        if max(input_shape[1:]) > SIDE:
            raise InputError(
                f"model: VGG-11 and ResNet-18 take images of at most {SIDE} × {SIDE}, not {input_shape[1:]}; "
                "give the data set a smaller size"
            )
        super().__init__(input_shape, classes, activation)
        self.noise_units = sum(math.prod(shape) for shape in self.shapes.values())  # what evaluation keeps alive

    def _framed(self, x: Tensor) -> Tensor:
        """Images (n, channels, h, w) with zeros around them, (n, channels, 32, 32)."""
        top, left = ((SIDE - side) // 2 for side in x.shape[-2:])
        return F.pad(x, (left, SIDE - x.shape[-1] - left, top, SIDE - x.shape[-2] - top))

    def _convolution(self, p: dict[str, Tensor], name: str, t: Tensor, stride: int = 1) -> Tensor:
        """Convolution without activation, normalised; 3 × 3 ones keep the size that the stride leaves."""
        return self._normalise(p, name, self._convolve(p, name, t, stride, padding=p[name].shape[-1] // 2))

    def _declare_convolution(self, name: str, inp: int, out: int, side: int = 3) -> None:
        self.weights[name], self.normalised[name] = (out, inp, side, side), out


class Vgg11(DeepCnn):
    """Simonyan & Zisserman (2015), configuration A: eight 3 × 3 convolutions C in five stages, two dense layers F, a read-out.

    Every stage ends in 2 × 2 max-pooling. C and F are observed after their activation. No dropout.
    """

    STAGES = (1, 1, 2, 2, 2)  # convolutions of each

    def __init__(
        self, input_shape: tuple[int, ...], classes: int, filters: list[int], dense: list[int], activation: str
    ) -> None:
        self.widths = [width for width, count in zip(filters, self.STAGES, strict=True) for _ in range(count)]
        self.ends = {sum(self.STAGES[: k + 1]) for k in range(len(self.STAGES))}  # convolutions before a pooling
        self.dense = dense
        self.observed = [f"C{k}" for k in range(1, len(self.widths) + 1)] + [f"F{k}" for k in range(1, len(dense) + 1)]
        super().__init__(input_shape, classes, activation)

    def _declare(self) -> None:
        channels = [self.input_shape[0], *self.widths]
        for k, (inp, out) in enumerate(zip(channels, self.widths, strict=False), start=1):
            self._declare_convolution(f"C{k}", inp, out)
        units = [self.widths[-1], *self.dense]
        for k, (inp, out) in enumerate(zip(units, self.dense, strict=False), start=1):
            self.weights[f"F{k}"] = (out, inp)
        self.weights["D"] = (self.classes, units[-1])

    def one(self, parameters: dict[str, Tensor], x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """As in the base class."""
        t, observed = self._framed(x), []
        for k in range(1, len(self.widths) + 1):
            t = self.activation(self._convolution(parameters, f"C{k}", t))
            observed.append(t)
            t = MaxPool.apply(t) if k in self.ends else t
        t = t.flatten(1)
        for k in range(1, len(self.dense) + 1):
            t = self.activation(F.linear(t, parameters[f"F{k}"], parameters[f"bF{k}"]))
            observed.append(t)
        return self._read_out(parameters, t), observed


class ResNet18(DeepCnn):
    """He et al. (2016) for small images: a 3 × 3 stem S, four stages of two blocks R, the average A over each map, a read-out.

    A block is two 3 × 3 convolutions beside the identity, or beside a 1 × 1 convolution where the size changes; it is
    observed after its sum's activation, and A as one vector.
    """

    def __init__(self, input_shape: tuple[int, ...], classes: int, filters: list[int], activation: str) -> None:
        self.filters = filters
        self.blocks = [f"R{stage}.{block}" for stage in range(1, len(filters) + 1) for block in (1, 2)]
        self.observed = ["S", *self.blocks, "A"]
        super().__init__(input_shape, classes, activation)

    def _declare(self) -> None:
        inp = self.filters[0]
        self._declare_convolution("S", self.input_shape[0], inp)
        for name in self.blocks:
            out = self.filters[int(name[1]) - 1]
            self._declare_convolution(f"{name}a", inp, out)
            self._declare_convolution(f"{name}b", out, out)
            if name.endswith(".1") and name != "R1.1":
                self._declare_convolution(f"{name}s", inp, out, side=1)
            inp = out
        self.weights["D"] = (self.classes, inp)

    def one(self, parameters: dict[str, Tensor], x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """As in the base class."""
        t = self.activation(self._convolution(parameters, "S", self._framed(x)))
        observed = [t]
        for name in self.blocks:
            t = self._block(parameters, name, t)
            observed.append(t)
        t = t.mean((2, 3))
        return self._read_out(parameters, t), [*observed, t]

    def _block(self, p: dict[str, Tensor], name: str, t: Tensor) -> Tensor:
        changes = f"{name}s" in self.weights
        stride = 2 if changes else 1
        inner = self.activation(self._convolution(p, f"{name}a", t, stride))
        inner = self._convolution(p, f"{name}b", inner)
        return self.activation(inner + (self._convolution(p, f"{name}s", t, stride) if changes else t))
