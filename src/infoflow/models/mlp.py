"""Fully connected networks with Gaussian noise after their activations (Goldfeld et al., ICML 2019; Kong 2019)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor, nn

from infoflow.errors import InputError
from infoflow.models.activations import ACTIVATIONS, DERIVATIVES, SECOND_DERIVATIVES
from infoflow.models.modules import Activation, Dropout, GaussianNoise
from infoflow.models.stack import Stack


class StackedMlp(Stack):
    """Networks of `Mlp` side by side: one batched product a layer, parameters (nets, …)."""

    def __init__(self, members: list[Mlp]) -> None:
        super().__init__(members)
        first = members[0]
        linear = [[getattr(member, f"W{k}") for member in members] for k in range(1, first.depth + 1)]
        self.weights = nn.ParameterList(torch.stack([one.weight.detach() for one in layer]) for layer in linear)
        self.biases = nn.ParameterList(torch.stack([one.bias.detach() for one in layer])[..., None] for layer in linear)
        # what a pass needs of each layer, looked up once: (weights, biases, activation)
        functions = [ACTIVATIONS[name] for name in first.activations]
        self._layers = list(zip(self.weights, self.biases, functions, strict=True))
        self.widths, self.hidden = first.widths, first.hidden

    def forward(
        self, x: Tensor, noise: Tensor | None = None, masks: Tensor | None = None, keep: Collection[str] = ()
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As in the base class; inputs of any shape are flattened."""
        # Features before samples inside: with matrices this thin the product is eight times faster.
        t, kept = x.flatten(2).transpose(1, 2), {}
        noisy, masked = 0, 0
        for k, (weight, bias, activation) in enumerate(self._layers):
            t = activation(torch.baddbmm(bias, weight, t))  # (nets, fan_out, batch)
            if masks is not None and k < len(self.hidden):
                t = t * masks[:, masked : masked + self.hidden[k]]
                masked += self.hidden[k]
            if noise is not None and k < len(self.widths):
                t = t + noise[:, noisy : noisy + self.widths[k]]
                noisy += self.widths[k]
            if keep and (name := f"T{k + 1}") in keep:
                kept[name] = t.transpose(1, 2)
        return t.transpose(1, 2), kept

    def stacked(self) -> dict[str, Tensor]:
        """As in the base class."""
        state = {}
        for k, (weight, bias, _) in enumerate(self._layers, start=1):
            state |= {f"W{k}.weight": weight.detach(), f"W{k}.bias": bias.detach()[..., 0]}
        return state

    def matrices(self) -> list[list[Tensor]]:
        """As in the base class."""
        return [[weight] for weight in self.weights]


class Mlp(nn.Module):
    """T_l = f_l(W_l T_{l−1} + b_l) + Z_l with Z_l ~ N(0, std²) on the observed layers.

    Attributes:
        layers: {layer: module} of the observed layers, T1 from the input on.
        precision: type in which a recording runs the network.
    """

    stack = StackedMlp
    precision = torch.float64

    def __init__(
        self,
        input_shape: tuple[int, ...],
        layers: list[int],
        activations: list[str],
        observe: str = "hidden",
        initialisation: str = "uniform",
        initial: dict[str, list[float]] | None = None,
        noise_std: float = 0.0,
    ) -> None:
        if math.prod(input_shape) != layers[0]:
            raise InputError(
                f"model.layers: the data set has {math.prod(input_shape)} inputs, the first layer {layers[0]}"
            )
        super().__init__()
        self.activations, self.depth = activations, len(layers) - 1
        self.initialisation, self.initial = initialisation, initial
        observed = self.depth if observe == "all" else self.depth - 1
        self.layers = {f"T{k}": f"T{k}" for k in range(1, observed + 1)}
        self.widths, self.hidden = layers[1 : observed + 1], layers[1:-1]
        for k in range(1, self.depth + 1):
            parts: OrderedDict[str, nn.Module] = OrderedDict(activation=Activation(activations[k - 1]))
            if k < self.depth:
                parts["dropout"] = Dropout((layers[k],))
            if k <= observed:
                parts["noise"] = GaussianNoise(noise_std, (layers[k],))
            self.add_module(f"W{k}", nn.Linear(layers[k - 1], layers[k]))
            self.add_module(f"T{k}", nn.Sequential(parts))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial values, or take the fixed ones of a scalar chain.

        uniform: weights and biases in ±1/sqrt(fan-in), PyTorch's default for linear layers. truncated_normal: weights
        of standard deviation 1/sqrt(fan-out) with values beyond two of them drawn again, biases 0 (as the code of
        Saxe et al., ICLR 2018, has them).
        """
        for k in range(self.depth):
            linear = getattr(self, f"W{k + 1}")
            if self.initial:
                linear.weight.fill_(self.initial["weights"][k])
                linear.bias.fill_(self.initial["biases"][k])
            elif self.initialisation == "uniform":
                for value in (linear.weight, linear.bias):
                    unit = torch.rand(value.shape, generator=generator)
                    value.copy_((2 * unit - 1) / math.sqrt(linear.in_features))
            else:
                std = 1 / math.sqrt(linear.out_features)
                nn.init.trunc_normal_(linear.weight, std=std, a=-2 * std, b=2 * std, generator=generator)
                linear.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (batch, outputs) of inputs (batch, …)."""
        t = x.flatten(1)
        for k in range(1, self.depth + 1):
            t = getattr(self, f"T{k}")(getattr(self, f"W{k}")(t))  # (batch, width of layer k)
        return t

    @torch.no_grad()
    def moments(self, x: Tensor, std: float) -> dict[str, Moments]:
        """Moments of every observed layer given each input.

        Args:
            x: inputs, (n, …).
            std: standard deviation of the noise; 0 gives means alone.
        """
        moments, result = Moments(x.flatten(1), None, None), {}
        for k, layer in enumerate(self.layers):
            linear = getattr(self, f"W{k + 1}")
            moments = propagate(moments, linear(moments.mean), linear.weight, self.activations[k], std)
            result[layer] = moments
        return result


class Autoencoder(Mlp):
    """Inputs in (0, 1) through hidden layers T1, … and a bottleneck back to inputs; the last activation is a sigmoid."""

    def __init__(
        self,
        input_shape: tuple[int, ...],
        widths: list[int],
        bottleneck: int,
        activation: str = "tanh",
        noise_std: float = 0.0,
    ) -> None:
        outside = math.prod(input_shape)
        layers = [outside, *widths, bottleneck, *reversed(widths), outside]
        super().__init__(input_shape, layers, [activation] * (len(layers) - 2) + ["sigmoid"], noise_std=noise_std)


class Moments(NamedTuple):
    """A layer given each of n inputs: noiseless mean (n, d), covariance (n, d, d), second-order shift of the mean (n, d)."""

    mean: Tensor
    covariance: Tensor | None
    shift: Tensor | None


def propagate(below: Moments, s: Tensor, weight: Tensor, activation: str, std: float) -> Moments:
    """Moments of T = f(s) + Z, s = W T_below + b, linearised at the noiseless value.

    Σ = J Σ_below Jᵀ + std² I with J = diag(f'(s)) W: exact for a first layer and for linear ones. The shift is the
    leading term that linearising leaves out of the mean, J shift_below + ½ f''(s) diag(W Σ_below Wᵀ).
    """
    mean = ACTIVATIONS[activation](s)
    if std == 0:
        return Moments(mean, None, None)
    n, d = mean.shape
    if below.covariance is None:
        noise = std**2 * torch.eye(d, dtype=mean.dtype)
        return Moments(mean, noise.repeat(n, 1, 1), torch.zeros_like(mean))
    slope = DERIVATIVES[activation](s)
    spread = weight @ (below.covariance @ weight.T)  # (n, d, d), covariance of s
    variance = spread.diagonal(dim1=1, dim2=2)
    shift = slope * (below.shift @ weight.T) + SECOND_DERIVATIVES[activation](s) * variance / 2
    covariance = slope[:, :, None] * spread * slope[:, None, :]
    covariance.diagonal(dim1=1, dim2=2).add_(std**2)
    return Moments(mean, covariance, shift)
