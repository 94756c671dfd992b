"""What the networks of a stack minimise: the task's loss, and the penalties that some of their points ask for."""

from __future__ import annotations

import importlib

import torch
from torch import Tensor

from infoflow.config.training import Training
from infoflow.errors import InputError
from infoflow.models.stack import Stack
from infoflow.training.losses import class_scatter, per_sample_loss


class Objective:
    """Loss of every network of a stack.

    Args:
        trainings: settings of each point.
        seeds: networks of each point.
        layers: names of the networks' layers.

    Raises:
        InputError: a penalty on a hidden layer is asked for where there is none.
    """

    def __init__(self, trainings: list[Training], seeds: int, layers: list[str]) -> None:
        self.training, self.points, self.layers = trainings[0], len(trainings), layers

        def per_net(values: list[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32).repeat_interleave(seeds)

        self.trade_off = per_net([one.trade_off for one in trainings])
        self.scatter = per_net([one.clustering_penalty for one in trainings])
        norms = {1: per_net([one.l1 for one in trainings]), 2: per_net([one.l2 for one in trainings])}
        self.norms = {power: strength for power, strength in norms.items() if strength.any()}
        self.orthonormal = per_net([one.orthonormal for one in trainings])
        self.dropout = per_net([one.dropout for one in trainings])
        # asked at every step
        self.scattered, self.dropped = bool(self.scatter.any()), bool(self.dropout.any())
        if self.scattered and not layers:
            raise InputError("training.clustering_penalty: is of the last hidden layer, and the network has none")
        self.rated = self.training.loss == "rate_distortion" and bool(torch.isfinite(self.trade_off).any())
        # by name: no other training depends on the estimators
        self.rate = importlib.import_module("infoflow.training.rate_distortion") if self.rated else None

    @property
    def keep(self) -> list[str]:
        """Layers whose values the loss needs."""
        if self.rated and self.training.rate_gradient:
            return self.layers
        return self.layers[-1:] if self.scattered else []

    def __call__(
        self, x: Tensor, y: Tensor, output: Tensor, values: dict[str, Tensor], weights: Tensor | None = None
    ) -> Tensor:
        """Loss of every network (nets,) on a batch.

        Args:
            x: inputs of the seeds, (seeds, batch, …).
            y: labels or targets, (nets, batch); of the loss reconstruction inputs, (nets, batch, d).
            output: (nets, batch, classes).
            values: the layers to keep, (nets, batch, …).
            weights: of each sample in the loss, (nets, batch).
        """
        samples = per_sample_loss(self.training.loss, output, y)
        loss = (samples if weights is None else samples * weights).mean(1)
        if self.rated:
            rate = self._rate(x, output, values) if self.training.rate_gradient else torch.zeros_like(loss)
            loss = self.rate.combine(rate, loss, self.trade_off, self.training.divide_loss)
        if self.scattered:
            loss = loss + self.scatter * class_scatter(values[self.layers[-1]].flatten(2), y)
        return loss

    def _rate(self, x: Tensor, output: Tensor, values: dict[str, Tensor]) -> Tensor:
        """Bits that all layers keep of the inputs, of every network, (nets,)."""
        layers = [*(values[name].flatten(2) for name in self.layers), output.softmax(-1)]
        return sum(self.rate.information(x.flatten(2), layers, self.training.kernel_variance, self.training.alpha))

    def of_weights(self, stack: Stack) -> Tensor | float:
        """Penalties on the weights, λ₁ Σ|W| + λ₂ ΣW², of every network, (nets,); 0 where no point has one."""
        total: Tensor | float = 0.0
        for power, strength in self.norms.items():
            sums = [torch.cat([w.abs().pow(power).sum((1, 2)) for w in blocks]) for blocks in stack.matrices()]
            total = total + strength * sum(sums)
        return total

    def masks(self, uniform: Tensor) -> Tensor:
        """Dropout masks of the networks (nets, units, batch), from the same uniform numbers (seeds, units, batch) for every point."""
        keep = (1 - self.dropout)[:, None, None]
        return (uniform.repeat(self.points, 1, 1) < keep) / keep
