"""Convolutional networks for mel-spectrograms: a plain chain and a residual network, both with batch normalisation.

What is observed is a convolution's activation *before* its normalisation.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from infoflow.errors import InputError
from infoflow.models.batch_norm import Normalised


class SimpleCnn(Normalised):
    """Four times convolution, activation T_k, batch normalisation; then the average over each map and a read-out.

    The first convolution is 8 × 8 with stride 4 and padding 2, the others 3 × 3 with stride 2 and padding 1.
    """

    def __init__(self, input_shape: tuple[int, ...], classes: int, filters: list[int], activation: str) -> None:
        if min(input_shape[1:]) < 8:
            raise InputError(f"model: spectrograms of {input_shape[1:]} are smaller than the first kernel, 8 × 8")
        self.filters = filters
        self.observed = [f"T{k}" for k in range(1, len(filters) + 1)]
        super().__init__(input_shape, classes, activation)

    def _declare(self) -> None:
        channels = [self.input_shape[0], *self.filters]
        for k, (inp, out) in enumerate(zip(channels, self.filters, strict=False), start=1):
            side = 8 if k == 1 else 3
            self.weights[f"C{k}"], self.normalised[str(k)] = (out, inp, side, side), out
        self.weights["D"] = (self.classes, self.filters[-1])

    def one(self, parameters: dict[str, Tensor], x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """As in the base class."""
        t, observed = x, []
        for k in range(1, len(self.filters) + 1):
            stride, padding = (4, 2) if k == 1 else (2, 1)
            t = self.activation(self._convolve(parameters, f"C{k}", t, stride, padding))
            observed.append(t)
            t = self._normalise(parameters, str(k), t)
        return self._read_out(parameters, t.mean((2, 3))), observed


class AudioResNet(Normalised):
    """A residual network (He et al. 2015): stem, max-pooling, two stages of blocks, average pooling to 7 × 7, read-out.

    The stem is a 7 × 7 convolution of stride 2; a block is two 3 × 3 convolutions beside a 1 × 1 one. Observed are the
    stem `S`, `MaxPool`, each block `R<stage>.<block>` after its activation, and `AvgPool`.
    """

    BLOCKS = (3, 4)
    POOLED = (7, 7)

    def __init__(self, input_shape: tuple[int, ...], classes: int, filters: list[int], activation: str) -> None:
        if len(filters) != len(self.BLOCKS) or min(input_shape[1:]) < 32:
            raise InputError(
                f"model: the residual network takes the numbers of filters of its two stages, not {filters}, and spectrograms of "
                f"at least 32 × 32, not {input_shape[1:]}"
            )
        self.filters = filters
        self.blocks = [f"R{stage}.{block}" for stage in (1, 2) for block in range(1, self.BLOCKS[stage - 1] + 1)]
        self.observed = ["S", "MaxPool", *self.blocks, "AvgPool"]
        super().__init__(input_shape, classes, activation)

    def _declare(self) -> None:
        self.weights["S"], self.normalised["S"] = (self.filters[0], self.input_shape[0], 7, 7), self.filters[0]
        inp = self.filters[0]
        for name in self.blocks:
            out = self.filters[int(name[1]) - 1]
            for part, shape in (("a", (out, inp, 3, 3)), ("b", (out, out, 3, 3)), ("s", (out, inp, 1, 1))):
                self.weights[f"{name}{part}"], self.normalised[f"{name}{part}"] = shape, out
            inp = out
        self.weights["D"] = (self.classes, inp * math.prod(self.POOLED))

    def one(self, parameters: dict[str, Tensor], x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """As in the base class."""
        stem = self.activation(self._convolve(parameters, "S", x, 2, 3))
        t = F.max_pool2d(self._normalise(parameters, "S", stem), 3, 2, 1)
        observed = [stem, t]
        for name in self.blocks:
            t = self._block(parameters, name, t)
            observed.append(t)
        t = F.adaptive_avg_pool2d(t, self.POOLED)
        return self._read_out(parameters, t), [*observed, t]

    def _block(self, p: dict[str, Tensor], name: str, t: Tensor) -> Tensor:
        stride = 2 if name == "R2.1" else 1
        inner = self.activation(self._normalise(p, f"{name}a", self._convolve(p, f"{name}a", t, stride, 1)))
        inner = self._normalise(p, f"{name}b", self._convolve(p, f"{name}b", inner, 1, 1))
        return self.activation(inner + self._normalise(p, f"{name}s", self._convolve(p, f"{name}s", t, stride)))
