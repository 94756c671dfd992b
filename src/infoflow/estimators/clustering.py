"""How far a layer's activities have gathered into clusters: entropies, distances, similarities, counts."""

from typing import NamedTuple

import torch
from torch import Tensor

from infoflow.estimators import binning
from infoflow.estimators._common import as_labels, as_samples, as_tensor, finite, positive, reported_in

ROWS = 256  # of a block of distances
DIRECT = 64  # dimensions up to which differences are taken directly, without cancellation


class ClassDistances(NamedTuple):
    """Mean Euclidean distances over pairs of samples; NaN where there is no such pair."""

    within: Tensor
    between: Tensor
    overall: Tensor
    ratio: Tensor  # within / overall


class CosineSimilarities(NamedTuple):
    """Mean cosine similarities over pairs of samples; NaN where there is no such pair."""

    within: Tensor
    between: Tensor


@reported_in("nats")
def binned_entropy(activity, width: float) -> Tensor:
    """Entropy H(Bin(T)) of a layer's binned vectors, in nats: a clustering measure (Goldfeld et al. 2019).

    Args:
        activity: (n, d).
        width: Bin width; they take 10 standard deviations of the noise.

    Returns:
        0-d, nats; ceiling ln n. Low means few occupied cells.

    Raises:
        ValueError: On bad activity or width <= 0.
    """
    return binning.entropy(activity, width)


def class_distances(activity, labels) -> ClassDistances:
    """Mean Euclidean distance of pairs within classes, between classes, and of all pairs.

    Args:
        activity: (n, d).
        labels: (n,), any discrete labels.

    Returns:
        ClassDistances of 0-d tensors; ratio = within / overall falls when classes become clusters, and is
        unchanged by translation and scale.

    Raises:
        ValueError: On bad activity or labels.
    """
    activity = as_samples(activity, "activity")
    activity = activity - activity.detach().mean(0)
    labels = as_labels(labels, len(activity), activity.device)
    sizes = labels.bincount()
    n, same_pairs = len(labels), (sizes * (sizes - 1)).sum() / 2
    pairs = n * (n - 1) / 2
    total = _pair_sum(activity)
    same = torch.stack([_pair_sum(activity[labels == c]) for c in range(len(sizes))]).sum()
    within, overall = same / same_pairs, total / pairs
    return ClassDistances(within, (total - same) / (pairs - same_pairs), overall, within / overall)


def _pair_sum(x: Tensor) -> Tensor:
    """Return the sum of the distances of all pairs of rows, block by block."""
    mode = "donot_use_mm_for_euclid_dist" if x.shape[1] <= DIRECT else "use_mm_for_euclid_dist"
    total = x.new_zeros(())
    for first in range(0, len(x), ROWS):
        rows = x[first : first + ROWS]
        distances = torch.cdist(rows, x[first:], compute_mode=mode)  # pairs with earlier rows are done
        total = total + distances.sum() - distances[:, : len(rows)].sum() / 2
    return total


def cosine_similarities(activity, labels) -> CosineSimilarities:
    """Mean cosine similarity of pairs within classes and of pairs between classes.

    The sum of u_i . u_j over pairs of unit vectors is |sum u|^2 - n, so that no pair is ever formed.

    Args:
        activity: (n, d). A row of zeros has no direction; its similarities count as 0.
        labels: (n,), any discrete labels.

    Returns:
        CosineSimilarities of 0-d tensors in [-1, 1].

    Raises:
        ValueError: On bad activity or labels.
    """
    activity = as_samples(activity, "activity")
    labels = as_labels(labels, len(activity), activity.device)
    unit = torch.nn.functional.normalize(activity, dim=1, eps=1e-300)
    sizes = labels.bincount()
    sums = unit.new_zeros(len(sizes), unit.shape[1]).index_add(0, labels, unit)  # (C, d)
    own = unit.square().sum()
    same = sums.square().sum() - own
    everything = sums.sum(0).square().sum() - own
    n, pairs = sizes.sum(), (sizes * (sizes - 1)).sum()
    return CosineSimilarities(same / pairs, (everything - same) / (n * (n - 1) - pairs))


def cluster_count(values, gap: float) -> Tensor:
    """Number of groups of scalars, where neighbours more than `gap` apart belong to different groups.

    Args:
        values: (..., n): leading dimensions are batched.
        gap: > 0.

    Returns:
        int64 (...), between 1 and n.

    Raises:
        ValueError: On NaN, no values, or gap <= 0.
    """
    values = finite(as_tensor(values).to(torch.float64), "values")
    if values.ndim < 1 or values.shape[-1] < 1:
        raise ValueError(f"values: expected shape (..., n) with n >= 1, got {tuple(values.shape)}")
    return 1 + (values.sort(-1).values.diff(dim=-1) > positive(gap, "gap")).sum(-1)


def saturated_fraction(activity, threshold: float) -> Tensor:
    """Fraction of single activities with |t| >= threshold.

    Args:
        activity: (n, d).
        threshold: > 0, for example 0.9 for tanh.

    Returns:
        0-d float64 in [0, 1].

    Raises:
        ValueError: On bad activity or threshold <= 0.
    """
    activity = as_samples(activity, "activity", minimum=1)
    return (activity.abs() >= positive(threshold, "threshold")).to(torch.float64).mean()
