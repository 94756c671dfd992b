"""Convolutional networks of LeNet's kind for images, with optional Gaussian noise after their observed layers."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from infoflow.errors import InputError
from infoflow.models.activations import ACTIVATIONS
from infoflow.models.mlp import Moments

KERNEL = 5


class MaxPool(torch.autograd.Function):
    """Maximum of 2 × 2 squares, an odd last row or column left out: `max_pool2d`, many times as fast on one CPU thread."""

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


POOLINGS = {"max": MaxPool.apply, "average": lambda x: F.avg_pool2d(x, 2)}


class Cnn:
    """Blocks of 5 × 5 convolution C, activation and 2 × 2 pooling P, then dense layers F and a linear read-out.

    `observe: blocks` records P1, …, F1, … as T1, T2, …; `observe: layers` records C1, P1, …, F1, … under these names.
    `maps` holds the number of feature maps of each observed layer, 1 for a dense one.
    """

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
    ) -> None:
        channels, side, _ = input_shape
        self.activation, self.pooling, self.pool = ACTIVATIONS[activation], pooling, POOLINGS[pooling]
        self.padding = padding or [KERNEL // 2] * len(filters)
        self.initialisation, self.gain = initialisation, gain
        self.convolutions = list(zip([channels, *filters], filters, strict=False))
        layers: list[tuple[str, tuple[int, ...]]] = []
        for k, (count, pad) in enumerate(zip(filters, self.padding, strict=True), start=1):
            convolved = side + 2 * pad - KERNEL + 1
            side = convolved // 2
            if side < 1:
                raise InputError(
                    f"model.filters: images of {input_shape[1:]} leave nothing of layer P{k}; take fewer filters or more padding"
                )
            layers += [(f"C{k}", (count, convolved, convolved)), (f"P{k}", (count, side, side))]
        self.dense = list(zip([filters[-1] * side**2, *dense], [*dense, classes], strict=True))
        layers += [(f"F{k}", (width,)) for k, width in enumerate(dense, start=1)]
        shown = [(n, s) for n, s in layers if observe == "layers" or not n.startswith("C")]
        self.shapes, self.last = dict(shown), shown[-1][0]
        self.observed = [n if observe == "layers" else f"T{k}" for k, (n, _) in enumerate(shown, start=1)]
        self.maps = [shape[0] if len(shape) == 3 else 1 for shape in self.shapes.values()]
        self.noise_units = sum(math.prod(shape) for shape in self.shapes.values())

    def initialise(self, generators: list[torch.Generator]) -> dict[str, Tensor]:
        """Initial values.

        uniform: weights in ±1/sqrt(fan-in), biases 0. default: biases so too, PyTorch's default. xavier: weights in
        ±gain sqrt(6 / (fan-in + fan-out)), biases 0 (Glorot & Bengio 2010).
        """
        shapes = {f"C{k + 1}": (out, inp, KERNEL, KERNEL) for k, (inp, out) in enumerate(self.convolutions)}
        shapes |= {f"D{k + 1}": (out, inp) for k, (inp, out) in enumerate(self.dense)}
        parameters = {}
        for name, shape in shapes.items():
            fan_in = math.prod(shape[1:])
            bound = 1 / math.sqrt(fan_in)
            if self.initialisation == "xavier":
                bound = self.gain * math.sqrt(6 / (fan_in + shape[0] * math.prod(shape[2:])))
            parameters[name] = torch.stack([bound * (2 * torch.rand(shape, generator=g) - 1) for g in generators])
            biases = torch.zeros(len(generators), shape[0])
            if self.initialisation == "default":
                biases = torch.stack([bound * (2 * torch.rand(shape[0], generator=g) - 1) for g in generators])
            parameters[f"b{name}"] = biases
        return parameters

    def forward(self, parameters: dict[str, Tensor], x: Tensor, noise: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """Outputs and flattened observed layers, without noise only the last of them; `x` is (nets, batch, channels, side, side)."""
        # A loop, not grouped convolutions: on a CPU the stack is no faster.
        nets = [{n: p[i] for n, p in parameters.items()} for i in range(len(x))]
        if noise is None:
            made = [self.one(own, x[i], observe=False) for i, own in enumerate(nets)]
        else:
            made = [self.one(own, x[i], noise[i]) for i, own in enumerate(nets)]
        return torch.stack([output for output, _ in made]), [
            torch.stack([value.flatten(1) for value in layer]) for layer in zip(*(o for _, o in made), strict=True)
        ]

    def one(
        self, parameters: dict[str, Tensor], x: Tensor, noise: Tensor | None = None, observe: bool = True
    ) -> tuple[Tensor, list[Tensor]]:
        """Output (batch, classes) and observed layers (batch, maps, side, side) or (batch, width) of one network.

        The output is computed from the very tensors that are returned, so that gradients with respect to them exist.
        Not to `observe` leaves all but the last layer out, and takes an activation after its maximum, which is the same
        for functions that rise, and a quarter of the work.
        """
        t, observed, start = x, [], 0

        def seen(name: str, t: Tensor) -> Tensor:
            nonlocal start
            if name not in self.shapes or not (observe or name == self.last):
                return t
            if noise is not None:
                size = math.prod(self.shapes[name])
                t = t + noise[start : start + size].T.reshape(-1, *self.shapes[name])
                start += size
            observed.append(t)
            return t

        for k, pad in enumerate(self.padding, start=1):
            t = F.conv2d(t, parameters[f"C{k}"], parameters[f"bC{k}"], padding=pad)
            if observe or self.pooling != "max":
                t = seen(f"P{k}", self.pool(seen(f"C{k}", self.activation(t))))
            else:
                t = seen(f"P{k}", self.activation(self.pool(t)))
        t = t.flatten(1)
        for k in range(1, len(self.dense)):
            t = seen(f"F{k}", self.activation(F.linear(t, parameters[f"D{k}"], parameters[f"bD{k}"])))
        last = len(self.dense)
        return F.linear(t, parameters[f"D{last}"], parameters[f"bD{last}"]), observed

    def moments(self, parameters: dict[str, Tensor], x: Tensor, std: float) -> dict[str, Moments]:
        """Noiseless values of every observed layer; layers this wide get no covariances."""
        _, observed = self.one(parameters, x)
        values = (value.flatten(1) for value in observed)
        return {layer: Moments(value, None, None) for layer, value in zip(self.observed, values, strict=True)}
