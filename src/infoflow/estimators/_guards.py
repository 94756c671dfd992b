"""What makes a value mean little, seen when it is computed: one flag for each reason, one warning with what to do."""

import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

NEAR = 0.01  # within this share of its ceiling a value is saturated, below it flat
LOCAL = 0.5  # neighbours farther than this share of the typical distance are not local
UNEQUAL = 100.0  # ratio of scales beyond which a maximum norm sees one variable alone
CLIPPED = 0.01  # share of the values in the end bins beyond which edges do not fit the data
LEVEL = 0.02  # share of a value by which it may change with half of the samples
ROUNDING = 1e-9  # what rounding may put on the wrong side of a limit, as a share of it
FEW = 256  # samples that give a typical distance

# The reasons to doubt a value, the gravest first.
FLAGS = {
    "dead": "all samples are the same",
    "undefined": "there is no pair of samples that the measure is about",
    "ties": "samples coincide, which a density does not know",
    "impossible": "the value is beyond what any information can be",
    "saturated": "the value is at the largest that n allows",
    "flat": "the value is near 0 because of the width",
    "dimension": "neighbours are not local",
    "not_levelled": "the value still moves with n",
    "clipped": "the bins end within the data",
    "scale": "one variable drowns the other",
    "unlike_passes": "two terms have unequal numbers of noisy passes",
    "compressed": "too few components are kept",
    "sliced": "slices go through many dimensions",
}

_here = str(Path(__file__).parent)


class Finding(NamedTuple):
    """A reason to doubt a value, in one word and in a sentence."""

    flag: str
    message: str


_collected: ContextVar[list[Finding] | None] = ContextVar("findings", default=None)


class EstimatorWarning(UserWarning):
    """A value that says little, or not what it seems to say.

    Attributes:
        flag: The reason in one word, as in the tables' column `flag`; see `FLAGS`.
    """

    def __init__(self, message: str, flag: str = "") -> None:
        super().__init__(message)
        self.flag = flag


def warn(flag: str, message: str) -> None:
    """Warn the caller of the estimator, or add it to the findings that are collected."""
    collected = _collected.get()
    if collected is not None:
        collected.append(Finding(flag, message))
        return
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_here):
        level, frame = level + 1, frame.f_back
    warnings.warn(EstimatorWarning(f"{flag}: {message}", flag), stacklevel=level)


@contextmanager
def findings() -> Iterator[list[Finding]]:
    """Collect what the estimators called within would warn of, instead of warning."""
    token = _collected.set([])
    try:
        yield _collected.get()
    finally:
        _collected.reset(token)


def gravest(found: Iterable[Finding]) -> str:
    """Return the gravest flag of some findings, or "" if there is none."""
    order = list(FLAGS)
    return min((finding.flag for finding in found), key=order.index, default="")


def is_dead(x: Tensor) -> bool:
    """Whether all samples (n, d) are the same; one sample tells nothing of a layer."""
    return len(x) > 1 and bool((x == x[0]).all())


def dead(x: Tensor, name: str) -> bool:
    """Warn of a variable that is the same for every sample, and return whether it is."""
    found = is_dead(x.detach())
    if found:
        warn(
            "dead", f"{name} is the same for all {len(x)} samples, so that its information is 0 whatever the estimator"
        )
    return found


def at_ceiling(value, limit: float, what: str, remedy: str) -> None:
    """Warn of a value within 1 % of the largest one that the estimator can return."""
    value = _plain(value)
    if limit > 0 and value > (1 - NEAR) * limit:
        warn(
            "saturated",
            f"{value:.4g} is at its ceiling of {limit:.4g}, {what}: it tells of that, not of the data; {remedy}",
        )


def flat(value, limit: float, remedy: str) -> None:
    """Warn of a value below 1 % of its ceiling for data that are not constant."""
    value = _plain(value)
    if limit > 0 and value < NEAR * limit:
        warn("flat", f"{value:.4g} of a ceiling of {limit:.4g}, though the samples differ; {remedy}")


def possible(value, low: float, high: float, why: str, slack: float = 0.0) -> None:
    """Warn of a value that no information can have, beyond what its noise may do; it is returned as it is."""
    value = _plain(value)
    slack = max(slack, ROUNDING * max(1.0, high))
    if value < low - slack or value > high + slack:
        warn(
            "impossible",
            f"{value:.4g} lies outside [{low:.4g}, {high:.4g}], where every information lies: {why}",
        )


def _plain(value) -> float:
    """Return a number or a 0-d tensor, perhaps with a gradient, as a float."""
    return float(value.detach() if isinstance(value, Tensor) else value)


def some(n: int, device) -> Tensor:
    """Return the places of at most FEW evenly spaced samples among n."""
    return torch.linspace(0, n - 1, min(FEW, n), device=device).long()


def local(radii: Tensor, x: Tensor, p: float, k: int) -> None:
    """Warn where the k-th neighbours (n,) of (n, d) lie about as far as any other sample."""
    typical = torch.nn.functional.pdist(x[some(len(x), x.device)], p).median()
    share = float(radii.median() / typical) if typical > 0 else 0.0
    if share > LOCAL:
        warn(
            "dimension",
            f"neighbour {k} of {len(x)} samples in {x.shape[1]} dimensions lies at {share:.0%} of the typical distance, so "
            "that it is not local and the value is biased, informations towards 0; take more samples, compress first "
            "(`compressed`), and look at the curve over n (`uncertainty`)",
        )


def levelled(value, half, error: float) -> None:
    """Warn of a value that half of the samples do not give, beyond their standard error and a share of it."""
    value, half = _plain(value), _plain(half)
    change = value - half
    if abs(change) > max(2 * error, LEVEL * abs(value)):
        warn(
            "not_levelled",
            f"half of the samples give {half:.3g} in place of {value:.3g}: the value still moves with n; "
            "look at the curve and its extrapolation (`uncertainty`), take more samples, or compress first (`compressed`)",
        )


def scales(x: Tensor, y: Tensor) -> None:
    """Warn of variables whose scales differ so much that a maximum norm sees one of them alone."""
    spreads = torch.cat([v.std(0, correction=0) for v in (x, y)])
    spreads = spreads[spreads > 0]
    if len(spreads) and (unequal := float(spreads.max() / spreads.min())) > UNEQUAL:
        warn(
            "scale",
            f"columns differ in scale by a factor of {unequal:.3g}; the maximum norm sees the widest alone; standardise",
        )
