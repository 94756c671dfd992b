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

from infoflow.estimators import _guards
from infoflow.estimators._common import (
    Diagnostics,
    count_ties,
    diagnose,
    plug_in_entropy,
    ratio,
    reported_in,
    row_groups,
)
from infoflow.estimators._inputs import (
    as_labels,
    as_numbers,
    as_samples,
    counting,
    positive,
)

MANY = 2**20  # codes of single numbers that are counted rather than sorted


@reported_in("nats")
def entropy(activity, width: float | None = None, *, edges=None, grid=None, pooled: bool = False) -> Tensor:
    """Entropy H(Bin(T)) = -sum_c p_c ln p_c of the joint codes of a layer, in nats.

    Args:
        activity: (n, d).
        width: Bin width; the code of x is floor(x / width), over all reals.
        edges: Instead of `width`, the edges of all bins, increasing, as numpy's histograms have them: [-1, 0, 1] are two
            bins. The last one holds its right edge, and values beyond the ends go into the end bins.
        grid: Instead of `width`, (low, high, bins): equal bins; values beyond the ends go into the end bins.
        pooled: Every scalar is a sample of its own, n d of them, instead of the layer's vectors.

    Returns:
        0-d, nats; ceiling ln n (pooled: ln(n d)), with edges or a grid also d ln bins. Piecewise constant, so no
        gradient.

    Raises:
        ValueError: On bad activity, width <= 0, bad edges or grid, or not exactly one of the three.
    """
    activity = as_samples(activity, "activity")
    codes = _codes(activity, width, edges, grid, pooled)
    single = _single_codes(codes)
    sizes = row_groups(codes)[1] if single is None else single.bincount()
    value = plug_in_entropy(sizes[sizes > 0])
    _guard(value, activity, codes)
    return value


@reported_in("nats")
def mutual_information(
    activity, labels, width: float | None = None, *, edges=None, grid=None, pooled: bool = False
) -> Tensor:
    """Information I(Bin(T); Y) = H(Bin(T)) - sum_y p(y) H(Bin(T) | y), in nats.

    Args:
        activity: (n, d).
        labels: (n,), any discrete labels.
        width: As in `entropy`.
        edges: As in `entropy`.
        grid: As in `entropy`.
        pooled: As in `entropy`; a sample's label goes with each of its d scalars.

    Returns:
        0-d, nats, >= 0; ceiling H(Y).

    Raises:
        ValueError: As `entropy`, and on labels that are not (n,).
    """
    return entropy_and_information(activity, labels, width, edges=edges, grid=grid, pooled=pooled)[1]


@reported_in("nats")
def conditional_information(
    activity, labels, width: float | None = None, *, edges=None, grid=None, pooled: bool = False
) -> Tensor:
    """Information I(X; Bin(T) | Y) = H(Bin(T) | Y) = H(Bin(T)) - I(Bin(T); Y) of a deterministic layer, in nats.

    Args:
        activity: (n, d).
        labels: (n,), any discrete labels.
        width: As in `entropy`.
        edges: As in `entropy`.
        grid: As in `entropy`.
        pooled: As in `mutual_information`.

    Returns:
        0-d, nats, >= 0; ceiling sum_y p(y) ln n_y = ln n - H(Y).

    Raises:
        ValueError: As `mutual_information`.
    """
    whole, information = entropy_and_information(activity, labels, width, edges=edges, grid=grid, pooled=pooled)
    return whole - information


def entropy_and_information(
    activity, labels, width: float | None = None, *, edges=None, grid=None, pooled: bool = False
) -> tuple[Tensor, Tensor]:
    """`entropy` and `mutual_information` from one pass over the codes, in nats; arguments and errors as there."""
    activity = as_samples(activity, "activity")
    codes = _codes(activity, width, edges, grid, pooled)
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
    _guard(whole, activity, codes)
    information = whole + plug_in_entropy(classes) - plug_in_entropy(joint[joint > 0])
    return whole, information.clamp(min=0)


def diagnostics(
    value, activity, width: float | None = None, *, edges=None, grid=None, pooled: bool = False, labels=None
) -> Diagnostics:
    """What to know beside a value that `entropy` (no labels) or `mutual_information` gave.

    Args:
        value: The value, in nats.
        activity: As there.
        width: As there.
        edges: As there.
        grid: As there.
        pooled: As there.
        labels: As there; None for an entropy.

    Returns:
        Diagnostics; ties are counted before binning, and the relative width is that of the mean bin.
    """
    activity = as_samples(activity, "activity")
    codes = _codes(activity, width, edges, grid, pooled)
    low, high, bins = grid or ((edges[0], edges[-1], len(edges) - 1) if edges is not None else (0.0, 0.0, math.inf))
    ceiling = min(math.log(len(codes)), codes.shape[1] * math.log(bins))
    if labels is not None:
        ceiling = plug_in_entropy(as_labels(labels, len(activity), activity.device).bincount()).item()
    width = float(width) if width is not None else float(high - low) / bins
    spread = activity.var(0, correction=0).mean().sqrt().item()
    return diagnose(value, ceiling, count_ties(activity), ratio(width, spread))


def _codes(activity: Tensor, width, edges, grid, pooled: bool) -> Tensor:
    """Return bin numbers (n, d), or (n d, 1) if pooled, as whole float64 numbers."""
    activity = activity.detach()
    if sum(bins is not None for bins in (width, edges, grid)) != 1:
        raise ValueError("width, edges, grid: expected exactly one of them")
    if width is not None:
        codes = _unbounded(activity, width)
    else:
        codes = _by_edges(activity, edges) if grid is None else _by_grid(activity, grid)
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


def _by_edges(activity: Tensor, edges) -> Tensor:
    edges = as_numbers(edges, "edges").to(activity.device)
    if edges.ndim != 1 or len(edges) < 2 or not (edges.diff() > 0).all():
        raise ValueError(f"edges: expected at least two increasing numbers, got {edges.tolist()}")
    _guard_range(activity, float(edges[0]), float(edges[-1]))
    return (torch.bucketize(activity, edges, right=True) - 1).clamp_(0, len(edges) - 2).to(torch.float64)


def _by_grid(activity: Tensor, grid) -> Tensor:
    if len(grid) != 3 or not -math.inf < grid[0] < grid[1] < math.inf:
        raise ValueError(f"grid: expected (low, high, bins) with low < high, got {tuple(grid)}")
    low, high, bins = grid
    bins = counting(bins, "grid: bins")
    _guard_range(activity, low, high)
    return ((activity - low) * (bins / (high - low))).floor_().clamp_(0, bins - 1)


def _guard_range(activity: Tensor, low: float, high: float) -> None:
    """Warn of bins that end within the data."""
    beyond = float(((activity < low) | (activity > high)).to(torch.float64).mean())
    if beyond > _guards.CLIPPED:
        _guards.warn(
            "clipped", f"{beyond:.1%} of the values lie beyond the bins from {low:g} to {high:g} and count as end bins"
        )


def _guard(value: Tensor, activity: Tensor, codes: Tensor) -> None:
    """Warn of an entropy at its ceiling or floor."""
    if not _guards.dead(activity, "activity"):
        limit = math.log(len(codes))
        _guards.at_ceiling(value, limit, "ln n", "take wider bins or more samples")
        _guards.flat(value, limit, "the bins are wider than their spread, take narrower ones")
