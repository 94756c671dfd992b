"""What every estimator shares: types of results, units, and counts of equal rows."""

import functools
import inspect
import math
from typing import NamedTuple

import torch
from torch import Tensor

from infoflow.estimators._inputs import choice


class Estimate(NamedTuple):
    """A value that is not exact, with what is known of its error.

    Attributes:
        value: The estimate, a float64 tensor, 0-d or of the batch's shape.
        std_error: Standard error of the Monte-Carlo draws; 0 where there are none.
        bias_bound: Bound on what approximations (pruning, quadrature) may have changed.
    """

    value: Tensor
    std_error: Tensor
    bias_bound: Tensor


class Diagnostics(NamedTuple):
    """What a reader must know beside a value; NaN where it means nothing.

    Attributes:
        ceiling: The largest value that the estimator can return on these data, in the unit of the value.
        saturation: value / ceiling; near 1 the number tells of n and the width, not of the network.
        ties: Samples whose row occurs more than once (k-NN: more than k times, so that the distance is 0).
        relative_width: Kernel or bin width against the scale of the data: the median distance for kernels,
            the root mean square spread of a unit for bins.
    """

    ceiling: float
    saturation: float
    ties: int
    relative_width: float


def diagnose(value, ceiling: float, ties: int, relative_width: float) -> Diagnostics:
    """Return the diagnostics of `value` with saturation = value / ceiling."""
    return Diagnostics(float(ceiling), float(value) / ceiling if ceiling else float("nan"), ties, relative_width)


def randn(shape, generator: torch.Generator, device) -> Tensor:
    """Standard normal float64 draws, made where the generator lives, moved to `device`."""
    return torch.randn(shape, generator=generator, dtype=torch.float64, device=generator.device).to(device)


def ratio(width: float, scale: float) -> float:
    """Return width / scale, infinite for data without spread."""
    return width / scale if scale > 0 else float("inf")


def row_groups(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the group number (n,) of every row of (n, d) float64, and the sizes of the groups of equal rows.

    Rows are hashed to 64 bits and the hashes sorted; groups are then compared with their first row, so that a
    collision costs time but never a wrong count. -0.0 equals 0.0.
    """
    keys = torch.cat([_hashes(part) for part in rows.split(max(1, 2**16 // rows.shape[1]))])
    _, group, sizes = torch.unique(keys, return_inverse=True, return_counts=True)
    place = torch.arange(len(rows), device=rows.device)
    first = torch.empty_like(sizes).scatter_(0, group, place)  # any member, if it is written by several
    shared = place[sizes[group] > 1]
    if not torch.equal(rows[shared], rows[first[group[shared]]]):
        _, group, sizes = torch.unique(rows + 0.0, dim=0, return_inverse=True, return_counts=True)
    return group, sizes


def _hashes(rows: Tensor) -> Tensor:
    """Return sum_k m_k bits_k modulo 2^64 with fixed random m_k; equal rows have equal hashes."""
    bits = (rows + 0.0).view(torch.int64)  # adding 0.0 turns -0.0 into 0.0
    bits = bits ^ (bits >> 32)  # whole numbers have their information in the upper half alone
    fixed = torch.Generator().manual_seed(0)
    factors = torch.randint(-(2**62), 2**62, (rows.shape[1],), generator=fixed) * 2 + 1
    return (bits * factors.to(rows.device)).sum(1)


def count_ties(rows: Tensor, more_than: int = 1) -> int:
    """Return how many rows occur more than `more_than` times."""
    sizes = row_groups(rows.detach())[1]
    return int(sizes[sizes > more_than].sum())


def plug_in_entropy(sizes: Tensor) -> Tensor:
    """Return -sum p ln p in nats for the counts of each symbol."""
    sizes = sizes.to(torch.float64)
    n = sizes.sum()
    return n.log() - torch.xlogy(sizes, sizes).sum() / n


_PER_NAT = {"nats": 1.0, "bits": 1 / math.log(2)}


def reported_in(native: str):
    """Give an estimator the keyword `unit` ("nats" or "bits"), whose default is its `native` unit."""

    def decorate(estimator):
        @functools.wraps(estimator)
        def converted(*arguments, unit: str = native, **options):
            factor = _PER_NAT[choice(unit, "unit", tuple(_PER_NAT))] / _PER_NAT[native]
            result = estimator(*arguments, **options)
            return result if unit == native else _scaled(result, factor)

        signature = inspect.signature(estimator)
        keyword = inspect.Parameter("unit", inspect.Parameter.KEYWORD_ONLY, default=native, annotation=str)
        parameters = [*signature.parameters.values(), keyword]
        converted.__signature__ = signature.replace(parameters=parameters)
        return converted

    return decorate


def _scaled(result, factor: float):
    """Return a tensor, an estimate or a dictionary of tensors times `factor`."""
    if isinstance(result, Estimate):
        return Estimate(*(part * factor for part in result))
    if isinstance(result, dict):
        return {key: value * factor for key, value in result.items()}
    return result * factor
