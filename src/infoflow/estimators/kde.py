"""Bounds on the entropy and information of a layer with Gaussian noise, from pairwise distances, in nats.

The layer's samples, with noise N(0, variance I) on each, form a Gaussian mixture. "upper" uses
Kullback-Leibler divergences between its components and "lower" Bhattacharyya distances, which is "upper" at
four times the variance. They bound the information of this mixture, with X uniform on the samples; they
bound I(X; T) of a population only where the samples are the whole input space. Both saturate at ln n.

Source: Kolchinsky & Tracey, Estimating mixture entropy with pairwise distances, Entropy 19(7), 2017.
"""

import math

from torch import Tensor

from infoflow.estimators import _guards, _pairs
from infoflow.estimators._common import (
    Diagnostics,
    count_ties,
    diagnose,
    plug_in_entropy,
    ratio,
    reported_in,
)
from infoflow.estimators._inputs import (
    as_labels,
    as_samples,
    choice,
    positive,
)

BOUNDS = ("upper", "lower")
LABEL_BOUNDS = (*BOUNDS, "rigorous_upper", "rigorous_lower")


@reported_in("nats")
def entropy(activity, variance: float, bound: str) -> Tensor:
    """Bound on the differential entropy h(T + noise) = input information + d/2 ln(2 pi e variance), in nats.

    Args:
        activity: (n, d).
        variance: Of the noise, > 0.
        bound: "upper" or "lower".

    Returns:
        0-d, nats, differentiable; ceiling ln n + d/2 ln(2 pi e variance).

    Raises:
        ValueError: On bad activity, variance <= 0 or an unknown bound.
    """
    activity = as_samples(activity, "activity")
    noise = 0.5 * activity.shape[1] * math.log(2 * math.pi * math.e * positive(variance, "variance"))
    return input_information(activity, variance, bound) + noise


@reported_in("nats")
def input_information(activity, variance: float, bound: str) -> Tensor:
    """Bound on I(X; T + noise) = -mean_i ln (1/n) sum_j exp(-|t_i - t_j|^2 / (2 s)), in nats.

    s is the variance for "upper" and four times the variance for "lower".

    Args:
        activity: (n, d).
        variance: Of the noise, > 0.
        bound: "upper" or "lower".

    Returns:
        0-d, nats, differentiable, in [0, ln n].

    Raises:
        ValueError: On bad activity, variance <= 0 or an unknown bound.
    """
    activity = as_samples(activity, "activity")
    rate = 0.5 if choice(bound, "bound", BOUNDS) == "upper" else 0.125
    whole, _ = _pairs.kernel_sums(activity, [rate / positive(variance, "variance")])
    value = math.log(len(activity)) - whole[0, 0].log().mean()
    _guard_inputs(value, activity)
    return value


@reported_in("nats")
def label_information(activity, labels, variance: float, bound: str) -> Tensor:
    """Information I(T + noise; Y) = h(T) - sum_y p(y) h(T | y) from the bounds on both terms, in nats.

    "upper" and "lower" take the same bound in both terms: estimates, not bounds. "rigorous_upper" takes the
    upper bound of h(T) and the lower of h(T | y), and "rigorous_lower" the opposite: bounds for the mixture.

    Args:
        activity: (n, d).
        labels: (n,), any discrete labels.
        variance: Of the noise, > 0.
        bound: "upper", "lower", "rigorous_upper" or "rigorous_lower".

    Returns:
        0-d, nats, differentiable. The truth lies in [0, H(Y)]; this may not.

    Raises:
        ValueError: On bad activity, labels, variance <= 0 or an unknown bound.
    """
    choice(bound, "bound", LABEL_BOUNDS)
    activity = as_samples(activity, "activity")
    labels = as_labels(labels, len(activity), activity.device)
    values = _table(activity, labels, [variance])
    if _guard_inputs(values["input_upper"][0], activity) and bound in BOUNDS:
        ceiling = plug_in_entropy(labels.bincount()).item()
        _guards.possible(
            values[f"label_{bound}"][0], 0.0, ceiling, "the same bound of both terms is no bound of the difference"
        )
    return values[f"label_{bound}"][0]


@reported_in("nats")
def table(activity, labels, variances) -> dict[str, Tensor]:
    """All bounds for many variances in one pass over the pairs of samples, in nats.

    Args:
        activity: (n, d).
        labels: (n,), any discrete labels.
        variances: (V,), each > 0.

    Returns:
        Tensors (V,), differentiable: entropy_upper, entropy_lower, input_upper, input_lower (see `entropy`
        and `input_information`), label_upper, label_lower, label_rigorous_upper, label_rigorous_lower (see
        `label_information`).

    Raises:
        ValueError: On bad activity, labels or a variance <= 0.
    """
    activity = as_samples(activity, "activity")
    _guards.dead(activity, "activity")
    return _table(activity, as_labels(labels, len(activity), activity.device), variances)


def _table(activity: Tensor, labels: Tensor, variances) -> dict[str, Tensor]:
    n, d = activity.shape
    variances = [positive(variance, "variances") for variance in variances]
    order, sizes = labels.argsort(stable=True), labels.bincount()
    rates = [1 / (8 * variance) for variance in variances]
    ordered = activity[order]  # a copy
    ordered = ordered - activity.mean(0) if activity.requires_grad else ordered.sub_(activity.mean(0))
    whole, same = _pairs.kernel_sums(ordered, rates, (1, 4), sizes.cumsum(0).tolist())
    lower, upper = (math.log(n) - whole.log().mean(2)).unbind(1)
    own_size = sizes[labels[order]].to(whole).log()
    given_lower, given_upper = (own_size - same.log()).mean(2).unbind(1)
    noise = whole.new_tensor([0.5 * d * math.log(2 * math.pi * math.e * v) for v in variances])
    return {
        "entropy_upper": upper + noise,
        "entropy_lower": lower + noise,
        "input_upper": upper,
        "input_lower": lower,
        "label_upper": upper - given_upper,
        "label_lower": lower - given_lower,
        "label_rigorous_upper": upper - given_lower,
        "label_rigorous_lower": lower - given_upper,
    }


@reported_in("nats")
def conditional_information(activity, labels, variance: float, bound: str) -> Tensor:
    """Bound on I(X; T + noise | Y) = sum_y p(y) I(X; T + noise | Y = y), in nats: `input_information` within each class.

    Args:
        activity: (n, d).
        labels: (n,), any discrete labels.
        variance: Of the noise, > 0.
        bound: "upper" or "lower".

    Returns:
        0-d, nats, differentiable; ceiling sum_y p(y) ln n_y = ln n - H(Y).

    Raises:
        ValueError: On bad activity, labels, variance <= 0 or an unknown bound.
    """
    choice(bound, "bound", BOUNDS)
    activity = as_samples(activity, "activity")
    labels = as_labels(labels, len(activity), activity.device)
    values = _table(activity, labels, [variance])
    value = values[f"input_{bound}"][0] - values[f"label_{bound}"][0]
    if not _guards.dead(activity, "activity"):
        limit = math.log(len(activity)) - plug_in_entropy(labels.bincount()).item()
        _guards.at_ceiling(value, limit, "the mean ln n of a class", "add more noise or take more samples")
    return value


def _guard_inputs(value: Tensor, activity: Tensor) -> bool:
    """Warn of an input information at its ceiling or floor; return whether the samples differ."""
    if _guards.dead(activity, "activity"):
        return False
    limit = math.log(len(activity))
    _guards.at_ceiling(value, limit, "ln n", "add more noise or take more samples")
    _guards.flat(value, limit, "the noise is wider than their distances, add less")
    return True


def diagnostics(value, activity, variance: float, *, labels=None) -> Diagnostics:
    """What to know beside an information (or, with labels, a label information) that this module gave.

    Args:
        value: The value, in nats; of an entropy, subtract d/2 ln(2 pi e variance) first.
        activity: As there.
        variance: As there.
        labels: As there; None for `input_information`.

    Returns:
        Diagnostics: ceiling ln n, or H(Y) with labels; relative width = noise std / median distance.
    """
    activity = as_samples(activity, "activity")
    ceiling = math.log(len(activity))
    if labels is not None:
        ceiling = plug_in_entropy(as_labels(labels, len(activity), activity.device).bincount()).item()
    width = ratio(math.sqrt(positive(variance, "variance")), _pairs.median_distance(activity))
    return diagnose(value, ceiling, count_ties(activity), width)
