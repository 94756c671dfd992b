"""Losses and accuracies of stacked networks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def target_of(kind: str, x: Tensor, y: Tensor) -> Tensor:
    """What outputs are held against: labels or targets y (nets, batch), or the inputs x (nets, batch, …) as (nets, batch, d)."""
    return x.flatten(2) if kind == "reconstruction" else y


def per_sample_loss(kind: str, output: Tensor, target: Tensor) -> Tensor:
    """Loss of every sample, (nets, batch): squared error of one output or in the mean of all, or cross-entropy in nats."""
    if kind == "reconstruction":
        return (output - target).square().mean(-1)
    if kind == "mse":
        return (output[..., 0] - target) ** 2
    return F.cross_entropy(output.transpose(1, 2), target, reduction="none")


def accuracy(kind: str, output: Tensor, target: Tensor, targets: tuple[float, float]) -> Tensor:
    """Share of right answers of every network, (nets,); scalar outputs are cut midway between the two targets.

    Of reconstructions it is the share of the inputs' variance that outputs explain.
    """
    if kind == "reconstruction":
        spread = (target - target.mean(1, keepdim=True)).square().sum((1, 2))
        return 1 - (output - target).square().sum((1, 2)) / spread.clamp(min=torch.finfo(spread.dtype).tiny)
    if kind == "mse":
        middle = sum(targets) / 2
        right = (output[..., 0] > middle) == (target > middle)
    else:
        right = output.argmax(-1) == target
    return right.float().mean(1)


def class_scatter(activity: Tensor, labels: Tensor) -> Tensor:
    """Mean squared distance to the class mean within a batch, (nets,): (nets, batch, d), (nets, batch)."""
    onehot = F.one_hot(labels).to(activity.dtype)  # (nets, batch, classes)
    counts = onehot.sum(1).clamp(min=1)  # (nets, classes)
    means = (onehot.transpose(1, 2) @ activity) / counts[..., None]  # (nets, classes, d)
    return (activity - onehot @ means).square().sum(-1).mean(1)


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """Weights (classes,) inversely proportional to the classes' frequency, with mean 1 over the samples."""
    counts = torch.bincount(labels, minlength=classes).clamp(min=1).double()
    return (len(labels) / (classes * counts)).float()
