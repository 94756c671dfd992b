"""Log-densities of Gaussian mixtures at many points, leaving out components that are too far to matter.

Queries are split at medians into boxes (as a k-d tree does); a box meets only the components whose reach
overlaps it. A component is out of reach of t if |t_k - m_k| > r sqrt(S_kk) in some coordinate k, and then
(t - m)' S^-1 (t - m) >= (t_k - m_k)^2 / S_kk > r^2, so that its density is below its peak times exp(-r^2 /
2). Sums are differentiable with respect to queries and components; which pairs are left out is held fixed.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

LEAF = 128  # queries of a box that is not divided further
WORK = 2**18  # pairs of a box that is not worth dividing further
TILE = 2**17  # exponents at a time: 1 MiB of float64 stays in the second-level cache
WIDE = 1000.0  # times the reach: a wider box would cost its exponents more than half of their digits
LOWEST = -700.0  # exp() of float64 is six times slower where its result is denormal or zero


def reach(n: int, d: int) -> float:
    """Reach r in standard deviations at which n pruned terms stay below about 1e-10 of a query's own term."""
    return math.sqrt(2 * math.log(n / 1e-10) + d)


def boxes(queries: Tensor, low: Tensor, high: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (rows, columns): a box of queries (m, d) and the components whose [low, high] (n, d) meets it."""
    device = queries.device
    queries, low, high = queries.T.contiguous(), low.T.contiguous(), high.T.contiguous()  # (d, m), (d, n)
    reached = (high - low).amin() / 2
    narrow, wide = reached / 4, WIDE * reached  # halving a narrow box leaves it the same components
    everything = torch.arange(low.shape[1], device=device)
    stack = [(torch.arange(queries.shape[1], device=device), everything, 0)]
    while stack:
        rows, columns, axis = stack.pop()
        inside = queries.index_select(1, rows)
        bottom, top = inside.aminmax(dim=1)
        columns = columns[(low[axis][columns] <= top[axis]) & (high[axis][columns] >= bottom[axis])]
        width, axis = (top - bottom).max(0)
        small = len(rows) <= LEAF or len(rows) * len(columns) <= WORK
        if width < narrow or (small and width < wide) or len(rows) == 1:
            yield from ((part, columns) for part in rows.split(max(LEAF, WORK // max(1, len(columns)))))
            continue
        order, half = inside[axis].argsort(), len(rows) // 2
        stack += [(rows[order[:half]], columns, axis), (rows[order[half:]], columns, axis)]


def sum_exp_product(left: Tensor, right: Tensor) -> Tensor:
    """Return sum_j exp((left @ right)_ij) for left (b, f) and right (f, n), tile by tile in one buffer."""
    differentiable = torch.is_grad_enabled() and (left.requires_grad or right.requires_grad)
    return _SumExpProduct.apply(left, right) if differentiable else _sum_exp_product(left, right)


class _SumExpProduct(torch.autograd.Function):
    """The sums, and their gradient from the same tiles computed again, so that no exponential is kept."""

    @staticmethod
    def forward(ctx, left, right):
        ctx.save_for_backward(left, right)
        return _sum_exp_product(left, right)

    @staticmethod
    def backward(ctx, gradient):
        left, right = ctx.saved_tensors
        step = max(1, TILE // len(left))
        of_left, of_right = torch.zeros_like(left), []
        for part in right.split(step, 1):
            weights = (left @ part).clamp_(min=LOWEST).exp_().mul_(gradient[:, None])  # (b, tile)
            of_left += weights @ part.T
            of_right.append(left.T @ weights)
        return of_left, torch.cat(of_right, 1)


def _sum_exp_product(left: Tensor, right: Tensor) -> Tensor:
    total = torch.zeros_like(left[:, 0])
    buffer = left.new_empty(max(TILE, len(left)))
    for part in right.split(max(1, TILE // len(left)), 1):
        tile = buffer[: len(left) * part.shape[1]].view(len(left), part.shape[1])
        total += torch.mm(left, part, out=tile).clamp_(min=LOWEST).exp_().sum(1)
    return total


def isotropic_log_sums(queries: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Return log sum_j exp(-|q_i - c_j|^2 / 2) (m,) and a bound (m,) on what pruning took from it.

    Distances are in units of the noise.
    """
    n, d = centres.shape
    radius = reach(n, d)
    missed = torch.full_like(queries[:, 0], math.inf, requires_grad=False)  # where no centre is within reach
    result = -missed
    fixed = centres.detach()
    for rows, columns in boxes(queries.detach(), fixed - radius, fixed + radius):
        if len(columns) == 0:
            continue
        asked, near = queries[rows], centres[columns]
        sums = _isotropic_sums(asked, near, asked.detach().mean(0))
        result[rows] = sums.log()
        missed[rows] = (n - len(columns)) * math.exp(-(radius**2) / 2) / sums.detach()
    return result, missed


def _isotropic_sums(asked: Tensor, near: Tensor, middle: Tensor) -> Tensor:
    """Sum exp(-|q - c|^2 / 2) by |q|^2 + |c|^2 - 2 q.c about the box's own middle, to keep its digits."""
    asked, near = asked - middle, near - middle
    asked_square, near_square = asked.square().sum(1, keepdim=True), near.square().sum(1, keepdim=True)
    left = torch.cat([asked, -0.5 * asked_square, torch.ones_like(asked_square)], 1)  # (b, d + 2)
    right = torch.cat([near, torch.ones_like(near_square), -0.5 * near_square], 1)  # (n, d + 2)
    return sum_exp_product(left, right.T)


def gaussian_log_sums(queries: Tensor, means: Tensor, covariances: Tensor, factors: Tensor) -> tuple[Tensor, Tensor]:
    """Return log sum_j N(t_i; m_j, S_j) (m,) and a bound (m,) on what pruning took from it.

    `factors` are the Cholesky factors of the covariances (n, d, d).
    The exponent is linear in the products t_a t_b, the t_a and 1, so that one matrix product gives it.
    """
    n, d = means.shape
    middle = means.detach().mean(0)
    queries, means = queries - middle, means - middle
    log_peaks = -0.5 * d * math.log(2 * math.pi) - factors.diagonal(dim1=1, dim2=2).log().sum(1)
    top = log_peaks.detach().max()
    precisions = torch.cholesky_inverse(factors)
    radius = reach(n, d)
    spread = radius * covariances.detach().diagonal(dim1=1, dim2=2).sqrt()  # (n, d)
    fixed = means.detach()
    right = _quadratic_coefficients(means, precisions, log_peaks - top)
    wide = fixed.abs().max() > WIDE * spread.min()
    result, missed = queries.detach().new_empty(len(queries)), queries.detach().new_empty(len(queries))
    for rows, columns in boxes(queries.detach(), fixed - spread, fixed + spread):
        asked, near = queries[rows], right[:, columns]
        if wide:  # centre the box on itself, so that the exponent keeps its digits
            middle = asked.detach().mean(0)
            asked, near = asked - middle, means[columns] - middle
            near = _quadratic_coefficients(near, precisions[columns], log_peaks[columns] - top)
        sums = sum_exp_product(_quadratic_features(asked), near)
        result[rows] = sums.log() + top
        missed[rows] = (n - len(columns)) * math.exp(-(radius**2) / 2) / sums.detach()
    return result, missed


def _quadratic_features(t: Tensor) -> Tensor:
    """Return (m, d (d + 1) / 2 + d + 1): products t_a t_b with a <= b, then t, then 1."""
    a, b = torch.triu_indices(t.shape[1], t.shape[1], device=t.device)
    return torch.cat([t[:, a] * t[:, b], t, torch.ones_like(t[:, :1])], 1)


def _quadratic_coefficients(means: Tensor, precisions: Tensor, constants: Tensor) -> Tensor:
    """Return (d (d + 1) / 2 + d + 1, n), so that features @ coefficients = constants - Mahalanobis^2 / 2."""
    d = means.shape[1]
    a, b = torch.triu_indices(d, d, device=means.device)
    quadratic = -precisions[:, a, b] * torch.where(a == b, 0.5, 1.0).to(means)
    linear = (precisions @ means[:, :, None])[:, :, 0]
    constant = constants - 0.5 * (linear * means).sum(1)
    return torch.cat([quadratic, linear, constant[:, None]], 1).T.contiguous()
