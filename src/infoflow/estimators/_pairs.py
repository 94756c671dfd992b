"""Sums of Gaussian kernels over all pairs of samples, in blocks: the currency of KDE and Renyi estimators.

One product gives a block of squared distances, one exponential a block of kernels, and powers of that block
the narrower kernels. Blocks below the diagonal are never formed. Nothing of size n x n is held.
"""

import torch
from torch import Tensor

BLOCK = 512  # rows and columns of a block: 2 MiB of float64 stay in cache
WIDE = 64  # dimensions above which copies of the samples cost more than adding norms to each block
DIRECT = "donot_use_mm_for_euclid_dist"
LOWEST = -700.0  # exp() of float64 is six times slower where its result is denormal or zero


def kernel_sums(x: Tensor, rates, powers: tuple[int, ...] = (1,), ends: list[int] | None = None):
    """Return sum_j exp(-power rate |x_i - x_j|^2), over all j and over the j of i's class.

    Args:
        x: (n, d), float64; classes are runs of rows that end at `ends`.
        rates: (V,).
        powers: 1, then products of 2 and 4 of the one before, like (1, 4) or (1, 2).
        ends: Ends of the classes' runs; None for no classes.

    Returns:
        whole, same: (V, len(powers), n); `same` is zero without classes. Differentiable with respect to x.
    """
    return _KernelSums.apply(x, tuple(float(rate) for rate in rates), powers, ends)


class _KernelSums(torch.autograd.Function):
    """The sums, and their gradient by a second pass over the same blocks."""

    @staticmethod
    def forward(ctx, x, rates, powers, ends):
        x = x.detach()
        ctx.save_for_backward(x)
        ctx.settings = rates, powers, ends
        whole = x.new_zeros(len(rates), len(powers), len(x))
        same = torch.zeros_like(whole)
        buffer = x.new_empty(BLOCK * BLOCK)
        for rows, columns, squares in distance_blocks(x, max(rates) * max(powers)):
            kernel = squares if len(rates) == 1 else buffer[: squares.numel()].view_as(squares)
            runs = _common_runs(rows, columns, ends)
            for v, rate in enumerate(rates):
                _kernel(squares, rate, powers, kernel)
                for p, power in enumerate(powers):
                    _raise(kernel, power // powers[max(p - 1, 0)])
                    _add(whole[v, p], kernel, rows, columns)
                    for i, j in runs:
                        part = kernel[i.start - rows.start : i.stop - rows.start, j.start - columns.start :]
                        _add(same[v, p], part[:, : j.stop - j.start], i, j, rows == columns)
        return whole, same

    @staticmethod
    def backward(ctx, whole, same):
        (x,) = ctx.saved_tensors
        x = x - x.mean(0)
        rates, powers, ends = ctx.settings
        classes = _class_numbers(len(x), ends, x.device)
        gradient = torch.zeros_like(x)
        for first in range(0, len(x), BLOCK):
            rows = slice(first, first + BLOCK)
            squares = torch.cdist(x[rows], x, compute_mode=DIRECT).square_()
            mine = classes[rows, None] == classes
            pull = torch.zeros_like(squares)
            for v, rate in enumerate(rates):
                for p, power in enumerate(powers):
                    kernel = (squares * (-rate * power)).clamp_(min=LOWEST).exp_()
                    weight = whole[v, p][rows, None] + whole[v, p]
                    weight = weight + mine * (same[v, p][rows, None] + same[v, p])
                    pull += kernel * weight * (-2 * rate * power)
            gradient[rows] = pull.sum(1, keepdim=True) * x[rows] - pull @ x
        return gradient, None, None, None


def distance_blocks(x: Tensor, rate: float):
    """Yield (rows, columns, squares): a reused block of squared distances, none below the diagonal.

    Samples are taken about their mean. Where |a|^2 + |b|^2 - 2 a.b would cost the exponent rate * distance^2 its seventh
    digit, differences are taken directly.
    """
    middle = x.mean(0)
    norms = torch.cat([(part - middle).square_().sum(1) for part in x.split(BLOCK)])
    direct = rate * norms.max().item() * torch.finfo(x.dtype).eps > 1e-8
    products = _direct if direct else _wide_products if x.shape[1] > WIDE else _products
    squares_of = products(x, middle, norms)
    buffer = x.new_empty(BLOCK * BLOCK)
    for first in range(0, len(x), BLOCK):
        rows = slice(first, min(first + BLOCK, len(x)))
        for start in range(first, len(x), BLOCK):
            columns = slice(start, min(start + BLOCK, len(x)))
            shape = rows.stop - rows.start, columns.stop - columns.start
            block = squares_of(rows, columns, buffer[: shape[0] * shape[1]].view(shape))
            if rows == columns:
                block.fill_diagonal_(0.0)
            yield rows, columns, block


def _direct(x: Tensor, middle: Tensor, norms: Tensor):
    """Return the squared distances of a block by differences."""

    def squares(rows: slice, columns: slice, out: Tensor) -> Tensor:
        return torch.cdist(x[rows] - middle, x[columns] - middle, compute_mode=DIRECT).square_()

    return squares


def _products(x: Tensor, middle: Tensor, norms: Tensor):
    """Return the squared distances of a block by one product of (n, d + 2) and (d + 2, n)."""
    centred, ones = x - middle, torch.ones_like(norms)[:, None]
    left = torch.cat([centred, norms[:, None], ones], 1)
    right = torch.cat([-2 * centred, ones, norms[:, None]], 1).T

    def squares(rows: slice, columns: slice, out: Tensor) -> Tensor:
        return torch.mm(left[rows], right[:, columns], out=out)

    return squares


def _wide_products(x: Tensor, middle: Tensor, norms: Tensor):
    """Return the squared distances of a block by a product of its own rows alone; samples about their mean are not copied."""
    low, high = x.aminmax()  # |x| would be a copy
    about_zero = middle.abs().max() <= 1e-12 * torch.maximum(-low, high)
    centred = x if about_zero else x - middle

    def squares(rows: slice, columns: slice, out: Tensor) -> Tensor:
        torch.add(norms[rows, None], norms[columns], out=out)
        return out.addmm_(centred[rows], centred[columns].T, alpha=-2)

    return squares


def _kernel(squares: Tensor, rate: float, powers: tuple[int, ...], out: Tensor) -> None:
    torch.mul(squares, -rate, out=out).clamp_(LOWEST / max(powers), 0.0).exp_()


def _raise(kernel: Tensor, power: int) -> None:
    while power > 1:
        kernel.square_()
        power //= 2


def _add(sums: Tensor, kernel: Tensor, rows: slice, columns: slice, diagonal: bool | None = None) -> None:
    """Add a block's sums to its rows, and to its columns unless it lies on the diagonal."""
    sums[rows] += kernel.sum(1)
    if not (rows == columns if diagonal is None else diagonal):
        sums[columns] += kernel.sum(0)


def _common_runs(rows: slice, columns: slice, ends: list[int] | None) -> list[tuple[slice, slice]]:
    """Return the parts of a block in which both samples are of one class."""
    runs, start = [], 0
    for end in ends or []:
        i = slice(max(start, rows.start), min(end, rows.stop))
        j = slice(max(start, columns.start), min(end, columns.stop))
        if i.start < i.stop and j.start < j.stop:
            runs.append((i, j))
        start = end
    return runs


def _class_numbers(n: int, ends: list[int] | None, device) -> Tensor:
    """Return the class (n,) of every row; without classes every row is its own."""
    if ends is None:
        return torch.arange(n, device=device)
    ends = torch.tensor(ends, device=device)
    return torch.searchsorted(ends, torch.arange(n, device=device), right=True)


def median_distance(x: Tensor, limit: int = 1000) -> float:
    """Return the median Euclidean distance between samples, over at most `limit` evenly spaced ones."""
    x = x.detach()
    some = x[torch.linspace(0, len(x) - 1, min(limit, len(x)), device=x.device).long()]
    return torch.nn.functional.pdist(some - some.mean(0)).median().item()
