"""How far a layer's activities have gathered into clusters: entropies, distances, similarities, counts."""

from typing import NamedTuple

import torch
from torch import Tensor

from infoflow.estimators import _guards, binning
from infoflow.estimators._common import (
    reported_in,
)
from infoflow.estimators._inputs import as_labels, as_numbers, as_samples, positive

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
    distances = ClassDistances(within, (total - same) / (pairs - same_pairs), overall, within / overall)
    _guard(activity, distances)
    return distances


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
    similarities = CosineSimilarities(same / pairs, (everything - same) / (n * (n - 1) - pairs))
    _guard(activity, similarities)
    return similarities


def _guard(activity: Tensor, measures: tuple[Tensor, ...]) -> None:
    """Warn of a layer that does not vary, and of measures that no pair of samples gives."""
    if not _guards.dead(activity, "activity") and torch.stack(measures).detach().isnan().any():
        _guards.warn("undefined", "there is no pair of samples of one class, or none of two; what it would give is NaN")


def participation_ratio(activity) -> Tensor:
    """Participation ratio (sum lambda)^2 / sum lambda^2 of the eigenvalues of a layer's covariance: how many directions it fills.

    Args:
        activity: (n, d).

    Returns:
        0-d, between 1 and min(n - 1, d); NaN for a layer that does not vary. Unchanged by translation, scale and rotation.

    Raises:
        ValueError: On bad activity.
    """
    variances = _principal_variances(activity)
    return variances.sum().square() / variances.square().sum()


def effective_rank(activity) -> Tensor:
    """Effective rank exp(-sum p ln p) of a layer's centred matrix, p its singular values over their sum (Roy & Vetterli 2007).

    Args:
        activity: (n, d).

    Returns:
        0-d, between 1 and min(n - 1, d); NaN for a layer that does not vary. Unchanged by translation, scale and rotation.

    Raises:
        ValueError: On bad activity.
    """
    singular = _principal_variances(activity).sqrt()
    return torch.special.entr(singular / singular.sum()).sum().exp()


def _principal_variances(activity) -> Tensor:
    """Return the eigenvalues of n times the covariance, from the smaller of the two Gram matrices; those of rounding are 0."""
    activity = as_samples(activity, "activity")
    largest = activity.detach().abs().amax()
    activity = activity / torch.where(largest > 0, largest, 1.0)  # squares stay within range
    if len(activity) == 1 or _guards.is_dead(activity.detach()):
        _guards.warn("dead", "the layer does not vary, and fills no direction")
        activity = torch.zeros_like(activity)
    activity = activity - activity.mean(0)
    n, d = activity.shape
    values = torch.linalg.eigvalsh(activity.T @ activity if d <= n else activity @ activity.T)
    floor = max(n, d) * torch.finfo(values.dtype).eps * values.detach().amax()
    return torch.where(values > floor, values, 0.0)


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
    values = as_numbers(values, "values")
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
