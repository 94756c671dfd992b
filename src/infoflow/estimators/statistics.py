"""What is known of the error of an estimate: its interval, its change with n, and whether chance would give as much.

Any estimator will do: a function of one or more arrays whose first axis holds the samples. Deterministic for one generator.

Sources: Holmes & Nemenman, Phys. Rev. E 100, 022404, 2019 (variance from disjoint parts); Strong et al., Phys. Rev. Lett. 80,
197, 1998 (extrapolation in 1/n); Phipson & Smyth, Stat. Appl. Genet. Mol. Biol. 9, 39, 2010 (permutation p-values are never 0).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from infoflow.estimators import _guards
from infoflow.estimators._common import Estimate
from infoflow.estimators._inputs import as_array, choice, counting, number

METHODS = ("subsampling", "jackknife")
PARTS = (2, 4, 8)  # disjoint parts that the samples are cut into; the first two give the curve
SHUFFLES = 4  # times that the samples are cut anew
BLOCKS = 20  # that the jackknife leaves out in turn
LEAST = 8  # samples of a part


class CurvePoint(NamedTuple):
    """The estimate from n samples, a mean over parts."""

    n: int
    value: float


class Uncertainty(NamedTuple):
    """An estimate with what is known of its error, in the unit of the estimator.

    Attributes:
        value: From all samples.
        std_error: Of the value; NaN for too few samples.
        interval: Confidence interval of what the estimator would give on average at this n: its bias is not in it.
        curve: The estimate from n, n/2 and n/4 samples.
        extrapolated: Value at infinite n of the parabola in 1/n through the curve; NaN for too few samples.
        levelled: Whether the last doubling of n changed the value by less than its standard error, or by less than 2 %.
        p_value: Share of permutations of the last array that give as much or more; NaN for one array or no permutations.
        flag: The gravest reason to doubt the value, "" if there is none: see `infoflow.estimators.FLAGS`.
    """

    value: float
    std_error: float
    interval: tuple[float, float]
    curve: tuple[CurvePoint, ...]
    extrapolated: float
    levelled: bool
    p_value: float
    flag: str


def uncertainty(
    estimator: Callable[..., Any],
    *arrays: Any,
    method: str = "subsampling",
    confidence: float = 0.95,
    permutations: int = 99,
    generator: torch.Generator | None = None,
) -> Uncertainty:
    """The value of an estimator with its interval, its curve over n and, for several arrays, a permutation p-value.

    The variance of an estimate from n samples falls as 1/n. "subsampling" takes its factor from estimates of disjoint parts
    of n/2, n/4 and n/8 samples; "jackknife" from estimates without a twentieth of the samples each.

    Args:
        estimator: Function of the arrays that returns a number or an `Estimate`; give options by `functools.partial`.
        *arrays: Samples (n, ...) or labels (n,), all with the same n.
        method: "subsampling" or "jackknife".
        confidence: Of the interval, between 0 and 1.
        permutations: Times that the rows of the last array are shuffled against the others; 0 for no p-value.
        generator: Source of the shuffles; by default one of seed 0.

    Returns:
        Uncertainty. It warns where the value has not levelled off, and of what the estimator itself warns of.

    Raises:
        ValueError: On arrays of different lengths, no array, or bad options; and whatever the estimator raises.

    Example:
        >>> uncertainty(functools.partial(knn.mutual_information, k=3), x, y)
    """
    choice(method, "method", METHODS)
    confidence = number(confidence, "confidence")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
    permutations = counting(permutations, "permutations", 0)
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    samples = [
        array if isinstance(array, Tensor) else as_array(array, f"arrays[{i}]") for i, array in enumerate(arrays)
    ]
    if len({len(array) for array in samples}) != 1:
        raise ValueError(f"arrays: expected at least one, all of one length, got {[len(array) for array in samples]}")
    n = len(samples[0])

    def value_of(*places: Tensor) -> float:
        result = estimator(*(_rows(array, index) for array, index in zip(samples, places, strict=True)))
        return float(result.value if isinstance(result, Estimate) else result)

    everything = torch.arange(n)
    with _guards.findings() as found:
        value = value_of(*[everything] * len(samples))
    with _guards.findings():  # parts have fewer samples than the value that is judged
        means, error, freedom = _from_parts(value_of, len(samples), n, generator)
        if method == "jackknife":
            error, freedom = _jackknife(value_of, len(samples), n, generator)
        p_value = _p_value(value_of, len(samples), n, value, permutations, generator)
    curve = (
        CurvePoint(n, value),
        *(CurvePoint(n // parts, mean) for parts, mean in means.items() if parts in PARTS[:2]),
    )
    levelled = len(curve) > 1 and abs(value - curve[1].value) <= max(error, _guards.LEVEL * abs(value))
    if not levelled:
        shown = ", ".join(f"{point.value:.3g} from {point.n}" for point in curve)
        found.append(_guards.Finding("not_levelled", f"the value still moves with the number of samples: {shown}"))
    for finding in dict.fromkeys(found):
        _guards.warn(*finding)
    reach = _quantile(confidence, freedom) * error
    return Uncertainty(
        value,
        error,
        (value - reach, value + reach),
        curve,
        _extrapolated(curve),
        levelled,
        p_value,
        _guards.gravest(found),
    )


def _from_parts(value_of, count: int, n: int, generator: torch.Generator) -> tuple[dict[int, float], float, int]:
    """Return the mean estimate by number of parts, the standard error at n samples and its degrees of freedom."""
    found: dict[int, list[Tensor]] = {}
    for _ in range(SHUFFLES):
        order = torch.randperm(n, generator=generator, device=generator.device).cpu()
        for parts in PARTS:
            if n // parts >= LEAST:
                pieces = order[: n // parts * parts].view(parts, -1)
                try:
                    values = torch.tensor([value_of(*[piece] * count) for piece in pieces], dtype=torch.float64)
                except ValueError:  # too few samples for the estimator, or for one of its classes
                    continue
                found.setdefault(parts, []).append(values)
    if not found:
        return {}, math.nan, 1
    freedom = sum(parts - 1 for parts in found)
    factor = sum((parts - 1) / parts * torch.stack(values).var(1).mean() for parts, values in found.items())
    means = {parts: float(torch.stack(values).mean()) for parts, values in found.items()}
    return means, math.sqrt(float(factor) / freedom), freedom


def _jackknife(value_of, count: int, n: int, generator: torch.Generator) -> tuple[float, int]:
    """Return the standard error from leaving out a block at a time, and its degrees of freedom."""
    blocks = min(BLOCKS, n // 2)
    if blocks < 2:
        return math.nan, 1
    member = torch.randperm(n, generator=generator, device=generator.device).cpu() % blocks
    values = [value_of(*[(member != block).nonzero()[:, 0]] * count) for block in range(blocks)]
    return float(np.std(values)) * math.sqrt(blocks - 1), blocks - 1


def _p_value(value_of, count: int, n: int, value: float, permutations: int, generator: torch.Generator) -> float:
    if count < 2 or not permutations:
        return math.nan
    everything = torch.arange(n)
    orders = (torch.randperm(n, generator=generator, device=generator.device).cpu() for _ in range(permutations))
    as_much = sum(value_of(*[everything] * (count - 1), order) >= value for order in orders)
    return (1 + as_much) / (1 + permutations)


def _extrapolated(curve: tuple[CurvePoint, ...]) -> float:
    """Return the value at 1/n = 0 of the parabola through 1/n, 2/n and 4/n."""
    if len(curve) < 3:
        return math.nan
    whole, half, quarter = (point.value for point in curve)
    return (8 * whole - 6 * half + quarter) / 3


def _quantile(confidence: float, freedom: int) -> float:
    from scipy.stats import t  # here: other estimators need not wait for it

    return float(t.ppf(0.5 + confidence / 2, freedom))


def _rows(array: Tensor | np.ndarray, index: Tensor) -> Tensor | np.ndarray:
    return array[index.to(array.device)] if isinstance(array, Tensor) else array[index.numpy()]
