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
    codes = _codes(activity, width, edges, pooled)
    single = _single_codes(codes)
    sizes = row_groups(codes)[1] if single is None else single.bincount()
    return plug_in_entropy(sizes[sizes > 0])


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
    return entropy_and_information(activity, labels, width, edges=edges, pooled=pooled)[1]


def entropy_and_information(
    activity, labels, width: float | None = None, *, edges=None, pooled: bool = False
) -> tuple[Tensor, Tensor]:
    """`entropy` and `mutual_information` from one pass over the codes, in nats; arguments and errors as there."""
    codes = _codes(activity, width, edges, pooled)
    labels = as_labels(labels, len(activity), codes.device)
    classes = labels.bincount()
    single = _single_codes(codes)
    bins = 0 if single is None else int(single.max()) + 1
    if single is None or bins * len(classes) > 16 * MANY:
        group, sizes = row_groups(codes)
        joint = (group * len(classes) + labels.repeat_interleave(len(codes) // len(labels))).bincount()
    else:
        joint = (single.view(len(labels), -1) + bins * labels[:, None]).flatten()
        joint = joint.bincount(minlength=bins * len(classes)).view(-1, bins)  # (classes, bins)
        sizes = joint.sum(0)
    whole = plug_in_entropy(sizes[sizes > 0])
    information = whole + plug_in_entropy(classes) - plug_in_entropy(joint[joint > 0])
    return whole, information.clamp(min=0)


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


def _single_codes(codes: Tensor) -> Tensor | None:
    """Return codes of single numbers (n,) from 0 on, to be counted; None where they are vectors or too many, to be sorted."""
    if codes.shape[1] > 1:
        return None
    low, high = codes.aminmax()
    return (codes[:, 0] - low).long() if high - low < MANY else None


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
