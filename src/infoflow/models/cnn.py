"""Convolutional networks of LeNet's kind for images, with optional Gaussian noise after their observed layers."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn

from infoflow.errors import InputError
from infoflow.models.modules import Activation, Dropout, GaussianNoise
from infoflow.models.stack import ModuleStack

KERNEL = 5


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        """(n, maps, h, w) -> (n, maps, h // 2, w // 2)."""
        height, width = (side // 2 * 2 for side in x.shape[-2:])
        a, b, c, d = (x[..., i:height:2, j:width:2] for i in (0, 1) for j in (0, 1))
        upper, lower = torch.maximum(a, b), torch.maximum(c, d)
        if ctx.needs_input_grad[0]:
            row = x.shape[-1]
            corner = 2 * row * torch.arange(height // 2)[:, None] + 2 * torch.arange(width // 2)
            place = torch.where(lower > upper, (d > c) + row, b > a) + corner  # the first of equal maxima
            ctx.save_for_backward(x, place)
        return torch.maximum(upper, lower)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        """Gradients go to the places of the maxima."""
        x, place = ctx.saved_tensors
        return torch.ops.aten.max_pool2d_with_indices_backward(
            gradient.contiguous(), x, [2, 2], [2, 2], [0, 0], [1, 1], False, place
        )


class MaxPool(nn.Module):
    """Maximum of 2 × 2 squares, an odd last row or column left out: `nn.MaxPool2d(2)`, many times as fast on one CPU thread."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, maps, h, w) -> (n, maps, h // 2, w // 2)."""
        return _MaxPool.apply(x)


POOLINGS = {"max": MaxPool, "average": lambda: nn.AvgPool2d(2)}


class Cnn(nn.Module):
    """Blocks of 5 × 5 convolution C, activation and 2 × 2 pooling P, then dense layers F and a linear read-out.

    Attributes:
        layers: {layer: module} of the observed layers: P1, …, F1, … as T1, T2, … under `observe: blocks`, and C1, P1, …,
            F1, … by these names under `observe: layers`.
        precision: type in which a recording runs the network.
    """

    stack = ModuleStack
    precision = torch.float32

    def __init__(
        self,
        input_shape: tuple[int, ...],
        filters: list[int],
        dense: list[int],
        classes: int,
        activation: str = "tanh",
        padding: list[int] | None = None,
        pooling: str = "max",
        observe: str = "blocks",
        initialisation: str = "uniform",
        gain: float = 1.0,
        noise_std: float = 0.0,
    ) -> None:
        super().__init__()
        self.initialisation, self.gain, self.pooling = initialisation, gain, pooling
        self.convolutions, self.dense = len(filters), len(dense)
        channels, side, _ = input_shape
        padding = padding or [KERNEL // 2] * len(filters)
        blocks = observe == "blocks"
        for k, (inp, out, pad) in enumerate(zip([channels, *filters], filters, padding, strict=False), start=1):
            side = side + 2 * pad - KERNEL + 1
            if side // 2 < 1:
                raise InputError(
                    f"model.filters: images of {input_shape[1:]} leave nothing of layer P{k}; take fewer filters or more padding"
                )
            convolved = OrderedDict(activation=Activation(activation))
            if not blocks:
                convolved["noise"] = GaussianNoise(noise_std, (out, side, side))
            side //= 2
            pooled = OrderedDict(pooling=POOLINGS[pooling](), noise=GaussianNoise(noise_std, (out, side, side)))
            self.add_module(f"conv{k}", nn.Conv2d(inp, out, KERNEL, padding=pad))
            self.add_module(f"C{k}", nn.Sequential(convolved))
            self.add_module(f"P{k}", nn.Sequential(pooled))
        widths = [filters[-1] * side**2, *dense]
        for k, (inp, out) in enumerate(zip(widths, dense, strict=False), start=1):
            noise = GaussianNoise(noise_std, (out,))
            parts = OrderedDict(activation=Activation(activation), dropout=Dropout((out,)), noise=noise)
            self.add_module(f"dense{k}", nn.Linear(inp, out))
            self.add_module(f"F{k}", nn.Sequential(parts))
        self.output = nn.Linear(widths[-1], classes)
        names = [f"{kind}{k}" for k in range(1, self.convolutions + 1) for kind in ("P" if blocks else "CP")]
        names += [f"F{k}" for k in range(1, self.dense + 1)]
        self.layers = {f"T{k}" if blocks else name: name for k, name in enumerate(names, start=1)}

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial values.

        uniform: weights in ±1/sqrt(fan-in), biases 0. default: biases so too, PyTorch's default. xavier: weights in
        ±gain sqrt(6 / (fan-in + fan-out)), biases 0 (Glorot & Bengio 2010).
        """
        for module in self.modules():
            if not isinstance(module, (nn.Conv2d, nn.Linear)):
                continue
            shape = module.weight.shape
            fan_in = math.prod(shape[1:])
            bound = 1 / math.sqrt(fan_in)
            if self.initialisation == "xavier":
                bound = self.gain * math.sqrt(6 / (fan_in + shape[0] * math.prod(shape[2:])))
            module.weight.copy_(bound * (2 * torch.rand(shape, generator=generator) - 1))
            module.bias.zero_()
            if self.initialisation == "default":
                module.bias.copy_(bound * (2 * torch.rand(shape[0], generator=generator) - 1))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (batch, classes) of images (batch, channels, side, side)."""
        t = x
        for k in range(1, self.convolutions + 1):
            s = getattr(self, f"conv{k}")(t)  # (batch, maps, side, side)
            t = self._pooled(s, getattr(self, f"C{k}"), getattr(self, f"P{k}"))  # (batch, maps, side / 2, side / 2)
        t = t.flatten(1)
        for k in range(1, self.dense + 1):
            t = getattr(self, f"F{k}")(getattr(self, f"dense{k}")(t))  # (batch, width)
        return self.output(t)

    def _pooled(self, s: Tensor, convolved: nn.Sequential, pooled: nn.Sequential) -> Tensor:
        """Activation, then pooling; where nothing looks at either, the activation of the maximum: a quarter of the work."""
        parts = [*convolved.modules(), *pooled.modules()]
        looked_at = any(part._forward_hooks or getattr(part, "values", None) is not None for part in parts)
        if looked_at or self.pooling != "max":
            return pooled(convolved(s))
        return convolved.activation(pooled.pooling(s))  # the same for functions that rise
