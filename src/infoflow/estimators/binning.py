"""Plug-in entropy and information of binned layers, in nats.

A layer's symbol is the joint code of its whole vector of bins. For a deterministic network on distinct inputs
I(X; Bin(T)) = H(Bin(T)) exactly, because H(Bin(T) | X) = 0; width and n, not the network, then set the number
wherever it is near ln n.

Source: Saxe et al., On the information bottleneck theory of deep learning, ICLR 2018 (bins of fixed width);
Shwartz-Ziv & Tishby 2017 (a fixed number of bins over a range).
"""

import math

import torch
from torch import Tensor

from infoflow.estimators._common import (
    Diagnostics,
    as_labels,
    as_samples,
    count_ties,
    counting,
    diagnose,
    plug_in_entropy,
    positive,
    ratio,
    reported_in,
    row_groups,
)

MANY = 2**20  # codes of single numbers that are counted rather than sorted


@reported_in("nats")
def entropy(activity, width: float | None = None, *, edges=None, pooled: bool = False) -> Tensor:
    """Entropy H(Bin(T)) = -sum_c p_c ln p_c of the joint codes of a layer, in nats.

    Args:
        activity: (n, d).
        width: Bin width; the code of x is floor(x / width), over all reals.
        edges: Instead of `width`, (low, high, bins): equal bins, values beyond the ends go into the end bins.
        pooled: Every scalar is a sample of its own, n d of them, instead of the layer's vectors.

    Returns:
        0-d, nats; ceiling ln n (pooled: ln(n d)), with edges also d ln bins. Piecewise constant, so no
        gradient.

    Raises:
        ValueError: On bad activity, width <= 0, bad edges, or not exactly one of width and edges.
    """
    return plug_in_entropy(_groups(_codes(activity, width, edges, pooled))[1])


@reported_in("nats")
def mutual_information(activity, labels, width: float | None = None, *, edges=None, pooled: bool = False) -> Tensor:
    """Information I(Bin(T); Y) = H(Bin(T)) - sum_y p(y) H(Bin(T) | y), in nats.

    Args:
        activity: (n, d).
        labels: (n,), any discrete labels.
        width: As in `entropy`.
        edges: As in `entropy`.
        pooled: As in `entropy`; a sample's label goes with each of its d scalars.

    Returns:
        0-d, nats, >= 0; ceiling H(Y).

    Raises:
        ValueError: As `entropy`, and on labels that are not (n,).
    """
    codes = _codes(activity, width, edges, pooled)
    n = len(activity)
    labels = as_labels(labels, n, codes.device).repeat_interleave(len(codes) // n)
    group, sizes = _groups(codes)
    joint = (group * (labels.max() + 1) + labels).bincount()
    return (plug_in_entropy(sizes) + plug_in_entropy(labels.bincount()) - plug_in_entropy(joint[joint > 0])).clamp(
        min=0
    )


def diagnostics(
    value, activity, width: float | None = None, *, edges=None, pooled: bool = False, labels=None
) -> Diagnostics:
    """What to know beside a value that `entropy` (no labels) or `mutual_information` gave.

    Args:
        value: The value, in nats.
        activity: As there.
        width: As there.
        edges: As there.
        pooled: As there.
        labels: As there; None for an entropy.

    Returns:
        Diagnostics; ties are counted before binning.
    """
    activity = as_samples(activity, "activity")
    codes = _codes(activity, width, edges, pooled)
    bins = math.inf if edges is None else codes.shape[1] * math.log(edges[2])
    ceiling = min(math.log(len(codes)), bins)
    if labels is not None:
        ceiling = plug_in_entropy(as_labels(labels, len(activity), activity.device).bincount()).item()
    width = float(width) if edges is None else (edges[1] - edges[0]) / edges[2]
    spread = activity.var(0, correction=0).mean().sqrt().item()
    return diagnose(value, ceiling, count_ties(activity), ratio(width, spread))


def _codes(activity, width, edges, pooled: bool) -> Tensor:
    """Return bin numbers (n, d), or (n d, 1) if pooled, as whole float64 numbers."""
    activity = as_samples(activity, "activity").detach()
    if (width is None) == (edges is None):
        raise ValueError("width, edges: expected exactly one of them")
    codes = _unbounded(activity, width) if edges is None else _clipped(activity, edges)
    return codes.reshape(-1, 1) if pooled else codes


def _groups(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the group of each row of codes (n,) and the groups' sizes: counted where codes are few, else sorted."""
    if codes.shape[1] == 1:
        single = codes[:, 0] - codes.min()
        if single.max() < MANY:
            counts = single.long().bincount()
            used = counts > 0
            return (used.cumsum(0) - 1)[single.long()], counts[used]
    return row_groups(codes)


def _unbounded(activity: Tensor, width: float) -> Tensor:
    codes = (activity / positive(width, "width")).floor_()
    if not torch.isfinite(codes).all():
        raise ValueError(f"width: {width} is too small for activities up to {activity.abs().max().item()}")
    return codes


def _clipped(activity: Tensor, edges) -> Tensor:
    if len(edges) != 3 or not -math.inf < edges[0] < edges[1] < math.inf:
        raise ValueError(f"edges: expected (low, high, bins) with low < high, got {tuple(edges)}")
    low, high, bins = edges
    bins = counting(bins, "edges: bins")
    return ((activity - low) * (bins / (high - low))).floor_().clamp_(0, bins - 1)
