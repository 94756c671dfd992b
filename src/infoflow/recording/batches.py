"""Layers and error signals of one network on probe mini-batches."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from infoflow.errors import InputError

PARTS = {"train": 0, "test": 1}


def mini_batches(split: Tensor, batches: int, size: int, generator: torch.Generator, samples: str = "test") -> Tensor:
    """Samples of the test (or train) part in mini-batches: indices (batches, size), distinct within a batch.

    Batches are cut from random orders of the part: they share samples only where it is too small for all of them.

    Raises:
        InputError: the part is smaller than one batch.
    """
    part = torch.nonzero(split == PARTS[samples]).flatten()
    if len(part) < size:
        raise InputError(
            f"probe batches of {size}: the data set holds {len(part)} {samples} samples; take smaller batches"
        )
    whole = len(part) // size
    orders = [part[torch.randperm(len(part), generator=generator)] for _ in range(-(-batches // whole))]
    return torch.cat([order[: whole * size].view(whole, size) for order in orders])[:batches]


def layers_and_errors(
    model: Any, parameters: dict[str, Tensor], x: Tensor, y: Tensor, loss: str, errors: bool = True
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Post-activation values of every observed layer, and the error signals δ at the same places.

    δ_k is the gradient of the sum over samples of the loss, so that row i is the gradient of sample i's own loss: a
    mean over a batch would make it as many times smaller as the batch has samples. δ_L is that of the logits.

    Args:
        model: one with `one(parameters, x)`, such as `models.cnn.Cnn`.
        parameters: those of one network.
        x: (n, channels, side, side).
        y: labels, (n,).
        loss: name of the training loss.
        errors: whether to make the error signals; without, the second result is empty.

    Returns:
        values {layer: (n, maps, size)} and errors {layer: (n, maps, size), "output": (n, 1, classes)}.
    """
    if loss != "cross_entropy":
        raise InputError(f"training.loss: error signals are those of cross_entropy, not of {loss}")
    with torch.set_grad_enabled(errors):
        leaves = {name: value.detach().requires_grad_(errors) for name, value in parameters.items()}
        output, observed = model.one(leaves, x)
        made = dict(zip(model.observed, observed, strict=True))
        values = {name: _by_map(model, name, t.detach()) for name, t in made.items()}
        if not errors:
            return values, {}
        total = F.cross_entropy(output, y, reduction="sum")
        gradients = torch.autograd.grad(total, [*observed, output])
    signals = {name: _by_map(model, name, g) for name, g in zip(made, gradients, strict=False)}
    return values, signals | {"output": gradients[-1][:, None]}


def _by_map(model: Any, layer: str, value: Tensor) -> Tensor:
    """A layer's values as (n, maps, size)."""
    return value.reshape(len(value), model.maps[model.observed.index(layer)], -1)
