"""Neighbours of samples: exact distances to the k-th, and how many lie within a distance.

Blocks of float64 distances pick candidates, whose distances are then taken by differences; a row whose candidates
cannot be told apart from the rest is searched again by differences alone. In few dimensions a tree is faster; it holds
every distinct row once, since rows that repeat would all land in one leaf.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from infoflow.estimators import _pairs
from infoflow.estimators._common import row_groups
from infoflow.estimators._inputs import choice

INDEXES = ("auto", "brute", "kdtree")  # exact
PROBES = 64  # of about 4 sqrt(n) cells that a query of the inverted file looks into
FEW = 4  # dimensions up to which a tree beats all pairs at n = 10 000
ELEMENTS = 2**18  # of a block of distances: 2 MiB of float64
GROUP = 64  # columns whose smallest distance stands for them; a power of 2
WIDE = 1024  # dimensions above which float32 never tells the neighbours apart
SPARE = 4  # candidates beyond the k neighbours


def row_blocks(n: int, elements: int = 0):
    """Yield slices of rows, so that a block of rows times n columns has about ELEMENTS."""
    step = max(1, (elements or ELEMENTS) // n)
    return (slice(first, min(first + step, n)) for first in range(0, n, step))


def radii(x: Tensor, k: int, p: float, index: str) -> Tensor:
    """Return the distance (n,) of every row to its k-th neighbour.

    Rows are searched about their mean and divided by a power of 2, so that no square leaves the range of float32.
    """
    if by_tree(index, x.shape[1]):
        return tree_radii(x, k, p)
    if p != 2:
        return torch.cat([smallest(distances(x, rows, p), k) for rows in row_blocks(len(x))])
    x, scale = _within_range(x)
    return _euclidean_radii(x, k) * scale


def approximate_radii(x: Tensor, k: int) -> Tensor:
    """Return distances (n,) to about the k-th neighbour, never nearer than that, from an inverted file of cells."""
    x, scale = _within_range(x)
    return _inverted_file_radii(x, k) * scale


def radii_of(x: Tensor, some: Tensor, k: int) -> Tensor:
    """Return the Euclidean distance (m,) of some rows to their k-th neighbour, by differences."""
    parts = some.split(max(1, ELEMENTS // len(x)))
    blocks = (torch.cdist(x[part], x, compute_mode=_pairs.DIRECT) for part in parts)
    return torch.cat(
        [smallest(block.scatter_(1, part[:, None], math.inf), k) for block, part in zip(blocks, parts, strict=True)]
    )


def _within_range(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return samples about their mean, divided by a power of 2 near their largest number, and that power."""
    x = x - x.mean(0)
    largest = x.abs().max()
    scale = torch.exp2(largest.log2().floor()) if largest > 0 else torch.ones_like(largest)
    return x / scale, scale


def differentiable(x: Tensor, found: Tensor, p: float) -> Tensor:
    """Return distances to neighbours (n,) as a function of x: each neighbour is found again by its distance.

    Only the pairs (sample, neighbour) enter the graph, so that its memory is n d.
    """
    fixed = x.detach()
    gaps = ((distances(fixed, rows, p) - found[rows, None]).abs() for rows in row_blocks(len(x)))
    neighbour = torch.cat([gap.argmin(1) for gap in gaps])
    apart = torch.linalg.vector_norm(x - x[neighbour], p, dim=1)
    return torch.where(found > 0, apart, found)


def by_tree(index: str, d: int) -> bool:
    """Return whether an index stands for the tree in d dimensions."""
    return choice(index, "index", INDEXES) == "kdtree" or (index == "auto" and d <= FEW)


def tree_radii(x: Tensor, k: int, p: float) -> Tensor:
    """Return the distance (n,) of every row to its k-th neighbour; 0 where more than k rows are equal."""
    group, sizes = row_groups(x)
    first = first_of(group, sizes)
    distinct, lonely = x[first], sizes <= k
    found = x.new_zeros(len(sizes))
    if lonely.any():
        ranks = list(range(1, min(k + 1, len(sizes)) + 1))
        found_at = tree(distinct).query(distinct[lonely].cpu().numpy(), ranks, p=p, workers=_workers())
        gaps, places = (torch.as_tensor(part, device=x.device) for part in found_at)
        reached = (sizes[places].cumsum(1) > k).to(torch.int8).argmax(1, keepdim=True)  # the first is the row itself
        found[lonely] = gaps.gather(1, reached)[:, 0]
    return found[group]


def count_within(tree, asked: Tensor, radius: Tensor) -> Tensor:
    """Return how many rows of a tree are within `radius` (m,) of those asked (m, d) in the maximum norm."""
    options = {"p": math.inf, "return_length": True, "workers": _workers()}
    counts = tree.query_ball_point(asked.cpu().numpy(), radius.cpu().numpy(), **options)
    return torch.as_tensor(counts, device=asked.device)


def first_of(group: Tensor, sizes: Tensor) -> Tensor:
    """Return one row of every group of equal rows, from the groups' numbers (n,) and sizes."""
    return torch.empty_like(sizes).scatter_(0, group, torch.arange(len(group), device=group.device))


def tree(x: Tensor):
    """Return scipy's tree of rows (n, d)."""
    from scipy.spatial import cKDTree  # here: a fifth of a second that other estimators need not wait for

    return cKDTree(x.cpu().numpy())


def _workers() -> int:
    return torch.get_num_threads()


def _inverted_file_radii(x: Tensor, k: int) -> Tensor:
    """Return float64 distances to the k-th of the neighbours found in the cells nearest to each sample.

    Cells are those of k-means (Jegou, Douze & Schmid 2011); a sample whose cells hold too few is searched exactly.
    """
    try:
        import faiss
    except ImportError as missing:
        raise ImportError("approximation='inverted_file' needs faiss: pip install 'infoflow[index]'") from missing
    n, d = x.shape
    values = x.to("cpu", torch.float32).numpy()
    cells = max(1, min(round(4 * math.sqrt(n)), n // 39))  # k-means wants 39 samples a cell
    found = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, cells)
    found.train(values)  # with a fixed seed
    found.add(values)
    found.nprobe = min(PROBES, cells)
    columns = torch.as_tensor(found.search(values, min(k + 1 + SPARE, n))[1], device=x.device)
    places = torch.arange(n, device=x.device)
    lacking = ((columns >= 0) & (columns != places[:, None])).sum(1) < k
    found_radii = torch.empty_like(x[:, 0])
    for rows in row_blocks(n, max(1, ELEMENTS // (d * columns.shape[1])) * n):
        near = columns[rows]
        squares = (x[near] - x[rows, None]).square().sum(2)
        squares.masked_fill_((near < 0) | (near == places[rows, None]), math.inf)
        found_radii[rows] = squares.kthvalue(k, 1).values.sqrt()
    for row in lacking.nonzero()[:, 0].tolist():
        found_radii[row] = smallest(distances(x, slice(row, row + 1), 2.0), k)[0]
    return found_radii


def distances(x: Tensor, rows: slice, p: float) -> Tensor:
    """Return distances (rows, n) by differences, with infinity to itself."""
    return _without_self(torch.cdist(x[rows], x, p=p, compute_mode=_pairs.DIRECT), rows)


def _without_self(block: Tensor, rows: slice) -> Tensor:
    block[:, rows].fill_diagonal_(math.inf)
    return block


def smallest(block: Tensor, k: int) -> Tensor:
    """Return the k-th smallest of each row."""
    return candidates(block, k)[0][:, k - 1]


def candidates(block: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the `count` smallest of each row, sorted, and their columns.

    The smallest `count` lie in the `count` groups of columns with the smallest minima.
    """
    rows, n = block.shape
    groups = n // GROUP
    if groups <= 2 * count:
        return block.topk(count, largest=False)
    minima = block[:, : groups * GROUP]  # a group is every `groups`-th column
    while minima.shape[1] > groups:  # halving keeps to whole vectors, unlike a reduction over strides
        minima = torch.minimum(*minima.chunk(2, 1))
    best = minima.topk(count, largest=False).indices  # (rows, count)
    columns = best[:, None] + groups * torch.arange(GROUP, device=block.device)[:, None]
    rest = torch.arange(groups * GROUP, n, device=block.device).expand(rows, -1)
    columns = torch.cat([columns.flatten(1), rest], 1)
    values, place = block.gather(1, columns).topk(count, largest=False)
    return values, columns.gather(1, place)


def _euclidean_radii(x: Tensor, k: int) -> Tensor:
    """Return the k-th neighbour distances: candidates by float32 products, distances by float64 differences.

    Where float32 leaves too many rows unsure (near neighbours of far-off samples), float64 picks the
    candidates.
    """
    n = len(x)
    found = torch.empty_like(x[:, 0])
    factors = _Factors.of(x, torch.float32 if x.shape[1] <= WIDE else torch.float64)
    for rows in row_blocks(n, 4 * ELEMENTS):
        exact, unsure = factors.radii(x, rows, k)
        if factors.left.dtype == torch.float32 and unsure.sum() > 0.05 * len(unsure):
            factors = _Factors.of(x, torch.float64)
            exact, unsure = factors.radii(x, rows, k)
        if unsure.any():
            again = torch.cdist(x[rows][unsure], x, compute_mode=_pairs.DIRECT)
            again.scatter_(1, unsure.nonzero() + rows.start, math.inf)
            exact[unsure] = smallest(again, k)
        found[rows] = exact
    return found


class _Factors(NamedTuple):
    """Two matrices whose product holds the squared distances up to `rounding`, and a buffer for a block."""

    left: Tensor  # (n, d + 2)
    right: Tensor  # (d + 2, n)
    rounding: float
    buffer: Tensor

    @classmethod
    def of(cls, x: Tensor, dtype: torch.dtype) -> "_Factors":
        norms = x.square().sum(1, keepdim=True)
        ones = torch.ones_like(norms)
        left, right = torch.cat([x, norms, ones], 1), torch.cat([-2 * x, ones, norms], 1)
        rounding = 4 * (x.shape[1] + 2) * torch.finfo(dtype).eps * norms.max().item()
        buffer = torch.empty(max(len(x), 4 * ELEMENTS), dtype=dtype, device=x.device)
        return cls(left.to(dtype), right.to(dtype).T.contiguous(), rounding, buffer)

    def radii(self, x: Tensor, rows: slice, k: int) -> tuple[Tensor, Tensor]:
        """Return distances (rows,) to the k-th neighbour, and which of them a better candidate might beat."""
        n = len(x)
        count = min(k + SPARE, n - 1)
        squares = self.buffer[: (rows.stop - rows.start) * n].view(-1, n)
        torch.mm(self.left[rows], self.right, out=squares)
        values, columns = candidates(_without_self(squares, rows), count)
        exact = _squares_to(x, rows, columns).kthvalue(k, 1).values
        unsure = (exact + self.rounding > values[:, -1]) & (exact > 0) & (count < n - 1)
        return exact.sqrt(), unsure


def _squares_to(x: Tensor, rows: slice, columns: Tensor) -> Tensor:
    """Return squared distances (rows, candidates) of samples to their candidates, by differences, some rows at a time."""
    step = max(1, 2 * ELEMENTS // (columns.shape[1] * x.shape[1]))
    pairs = zip(x[rows].split(step), columns.split(step), strict=True)
    return torch.cat([(x[near] - own[:, None]).square_().sum(2) for own, near in pairs])
