"""The base of convolutional networks with batch normalisation.

Running means and variances are entries of the parameters: they get no gradient, so that optimisers leave them alone, and
snapshots and resume states hold them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from infoflow.models.activations import ACTIVATIONS

MOMENTUM, EPSILON = 0.1, 1e-5  # PyTorch's defaults


class Normalised:
    """What such networks share: parameters by shape, normalisation, and a loop over the networks of the stack.

    `training` says whether normalisation uses the batch (and keeps running values) or the running values.
    """

    noise_units = 0
    training = False

    def __init__(self, input_shape: tuple[int, ...], classes: int, activation: str) -> None:
        self.input_shape, self.classes, self.activation = input_shape, classes, ACTIVATIONS[activation]
        self.weights: dict[str, tuple[int, ...]] = {}  # convolutions and the read-out
        self.normalised: dict[str, int] = {}  # maps of each normalisation
        self._declare()
        unit = {name: torch.zeros(shape) for name, shape in self._shapes().items()}
        with torch.no_grad():
            _, observed = self.one(unit, torch.zeros(1, *input_shape))
        self.shapes = {name: tuple(t.shape[1:]) for name, t in zip(self.observed, observed, strict=True)}
        self.maps = [shape[0] if len(shape) == 3 else 1 for shape in self.shapes.values()]

    def _declare(self) -> None:
        raise NotImplementedError

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for name, shape in self.weights.items():
            shapes |= {name: shape, f"b{name}": shape[:1]}
        for name, maps in self.normalised.items():
            shapes |= {f"{kind}{name}": (maps,) for kind in ("gain_", "shift_", "mean_", "variance_")}
        return shapes

    def initialise(self, generators: list[torch.Generator]) -> dict[str, Tensor]:
        """PyTorch's default: weights and biases uniform in ±1/sqrt(fan-in), normalisations the identity."""
        parameters = {}
        for name, shape in self.weights.items():
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            for key, size in ((name, shape), (f"b{name}", shape[:1])):
                parameters[key] = torch.stack([bound * (2 * torch.rand(size, generator=g) - 1) for g in generators])
        for name, maps in self.normalised.items():
            for kind, value in (("gain_", 1.0), ("shift_", 0.0), ("mean_", 0.0), ("variance_", 1.0)):
                parameters[f"{kind}{name}"] = torch.full((len(generators), maps), value)
        return parameters

    def forward(self, parameters: dict[str, Tensor], x: Tensor, noise: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """Outputs (nets, batch, classes) of `x` (nets, batch, channels, height, width); layers this wide are not handed out."""
        made = [self.one({n: p[i] for n, p in parameters.items()}, x[i])[0] for i in range(len(x))]
        return torch.stack(made), []

    def one(self, parameters: dict[str, Tensor], x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Output (batch, classes) and observed layers (batch, maps, height, width) or (batch, width) of one network."""
        raise NotImplementedError

    def _convolve(self, p: dict[str, Tensor], name: str, t: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(t, p[name], p[f"b{name}"], stride=stride, padding=padding)

    def _normalise(self, p: dict[str, Tensor], name: str, t: Tensor) -> Tensor:
        running = p[f"mean_{name}"].detach(), p[f"variance_{name}"].detach()
        return F.batch_norm(t, *running, p[f"gain_{name}"], p[f"shift_{name}"], self.training, MOMENTUM, EPSILON)

    def _read_out(self, p: dict[str, Tensor], t: Tensor) -> Tensor:
        return F.linear(t.flatten(1), p["D"], p["bD"])
