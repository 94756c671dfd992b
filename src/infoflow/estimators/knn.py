"""Nearest-neighbour estimators of entropy and information, in nats.

Neighbours are exact unless an approximate index is asked for: blocks of float64 distances pick candidates, whose distances are then taken by
differences; a row whose candidates cannot be told apart from the rest is searched again by differences
alone. Estimates are consistent, not bounds, and degrade with dimension. The entropy is differentiable; the
informations are made of counts of neighbours, which are piecewise constant, and have no gradient.

Sources: Kozachenko & Leonenko 1987 (entropy); Kraskov, Stogbauer & Grassberger, Phys. Rev. E 69, 066138, 2004
(information); Ross, PLoS ONE 9(2) e87357, 2014 (information with a discrete variable).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from infoflow.estimators import _pairs
from infoflow.estimators._common import (
    Diagnostics,
    as_labels,
    as_samples,
    choice,
    count_ties,
    counting,
    diagnose,
    ratio,
    reported_in,
)

METRICS = {"euclidean": 2.0, "chebyshev": math.inf}
INDEXES = ("auto", "brute", "kdtree")  # exact
PROBES = 64  # of about 4 sqrt(n) cells that a query of the approximate index looks into
FEW = 4  # dimensions up to which a tree beats all pairs at n = 10 000
ELEMENTS = 2**18  # of a block of distances: 2 MiB of float64
GROUP = 64  # columns whose smallest distance stands for them; a power of 2
WIDE = 1024  # dimensions above which float32 never tells the neighbours apart
SPARE = 4  # candidates beyond the k neighbours


@reported_in("nats")
def entropy(activity, k: int, metric: str = "euclidean", *, offset: float = 0.0, index: str = "auto") -> Tensor:
    """Kozachenko-Leonenko entropy h = (d/n) sum_i ln(r_i + offset) + ln V_d + psi(n) - psi(k), in nats.

    r_i is the distance of sample i to its k-th neighbour and V_d the volume of the metric's unit ball.

    Args:
        activity: (n, d).
        k: Neighbour, 1 <= k < n.
        metric: "euclidean" or "chebyshev".
        offset: Added to the distances. At 0, rows that occur more than k times give -inf (see `diagnostics`);
            with ties a positive offset sets the number by itself.
        index: "brute" (blocks of all pairs), "kdtree" (scipy's tree, on the CPU), both exact; "auto" takes
            the tree for d <= 4. "approximate" is faiss' inverted file, for large n, on the CPU and for the
            Euclidean metric: cost n^1.5. A neighbour that it misses is replaced by one farther away, so that
            the value is never below the exact one. Measured excess for normals and k = 3: 2e-4 nats at d = 10 and
            n = 100 000, but 0.8 at d = 64 and n = 50 000 (benchmarks/neighbours.md). No faster up to n = 20 000.

    Returns:
        0-d, nats, no ceiling. Differentiable with respect to `activity` while neighbours keep their order: the
        gradient is that of d <ln(r_i + offset)> with each k-th neighbour held fixed. Samples at distance 0
        (value -inf at offset 0) pass no gradient. It costs one more pass over all
        pairs, whatever the index.

    Raises:
        ValueError: On bad activity, k, metric, offset or index; the approximate index with another metric.
        ImportError: The approximate index without faiss.
    """
    activity = as_samples(activity, "activity")
    n, d = activity.shape
    k = counting(k, "k", 1, n - 1)
    choice(metric, "metric", tuple(METRICS))
    choice(index, "index", (*INDEXES, "approximate"))
    if index == "approximate" and metric != "euclidean":
        raise ValueError(f"index: 'approximate' needs the Euclidean metric, got {metric!r}")
    if not 0 <= offset < math.inf:
        raise ValueError(f"offset: expected a finite number >= 0, got {offset}")
    radii = _radii(activity.detach(), k, METRICS[metric], index)
    if activity.requires_grad:
        radii = _differentiable(activity, radii, METRICS[metric])
    radii = radii + offset
    return d * radii.log().mean() + _log_ball(d, metric) + _psi(n) - _psi(k)


@reported_in("nats")
def mutual_information(x, y, k: int, *, algorithm: int = 1, index: str = "auto") -> Tensor:
    """Kraskov's estimate of I(X; Y), in nats, with the maximum norm in the joint space and in both marginals.

    Algorithm 1: psi(k) + psi(n) - <psi(n_x + 1) + psi(n_y + 1)>, n_x the samples nearer in x than the k-th
    joint neighbour. Algorithm 2: psi(k) - 1/k + psi(n) - <psi(n_x) + psi(n_y)>, n_x the samples not farther
    in x than the farthest of the k joint neighbours is in x.

    Args:
        x: (n, d_x).
        y: (n, d_y).
        k: Neighbour, 1 <= k < n.
        algorithm: 1 or 2.
        index: As in `entropy`, exact ones alone, with d = d_x + d_y; the tree serves algorithm 1.

    Returns:
        0-d, nats, may be slightly negative; ceiling psi(n) - psi(k) for algorithm 1 and 1/k less
        for algorithm 2, because the nearer neighbours count in both marginals. For ties (repeated values), with
        which values may lie beyond, it is not meant. No gradient: a function of counts alone.

    Raises:
        ValueError: On bad x, y, k or algorithm.
    """
    x, y = as_samples(x, "x").detach(), as_samples(y, "y").detach()
    n = len(x)
    if len(y) != n:
        raise ValueError(f"x and y: expected equal numbers of samples, got {n} and {len(y)}")
    k = counting(k, "k", 1, n - 1)
    if algorithm not in (1, 2):
        raise ValueError(f"algorithm: expected 1 or 2, got {algorithm}")
    if algorithm == 1 and _by_tree(index, x.shape[1] + y.shape[1]):
        terms = _kraskov_terms_by_tree(x, y, k)
    else:
        terms = torch.cat([_kraskov_terms(x, y, rows, k, algorithm) for rows in _row_blocks(n)])
    return _psi(k) - (1 / k if algorithm == 2 else 0.0) + _psi(n) - terms.mean()


@reported_in("nats")
def label_information(activity, labels, k: int) -> Tensor:
    """Ross' estimate of I(T; Y) for vectors T and labels Y, in nats, with the maximum norm.

    I = psi(n) + <psi(k_i)> - <psi(n_y)> - <psi(m_i)>: r_i is the distance to the k-th neighbour of the same
    class, m_i the number of other samples, of any class, within r_i; k_i that of the same class (k, if
    there are no ties). Classes with fewer than k + 1 samples use all they have; those with one sample are
    left out.

    Args:
        activity: (n, d).
        labels: (n,), any discrete labels, at least one of them twice.
        k: Neighbour, >= 1.

    Returns:
        0-d, nats, may be slightly negative or exceed H(Y) a little; ceiling psi(n) - <psi(n_y)>. No
        gradient: a function of counts alone.

    Raises:
        ValueError: On bad activity, labels or k, or if every label occurs once.
    """
    activity = as_samples(activity, "activity").detach()
    labels = as_labels(labels, len(activity), activity.device)
    sizes = labels.bincount()
    kept = sizes[labels] > 1
    if not kept.any():
        raise ValueError("labels: expected at least one label that occurs twice")
    activity, labels = activity[kept], labels[kept]
    k = counting(k, "k")
    blocks = [_ross_counts(activity, labels, sizes, rows, k) for rows in _row_blocks(len(activity))]
    own, all_classes = (torch.cat(counts) for counts in zip(*blocks, strict=True))
    psi = torch.digamma
    return _psi(len(labels)) + (psi(own) - psi(sizes[labels].to(own)) - psi(all_classes)).mean()


def diagnostics(value, activity, k: int, *, labels=None) -> Diagnostics:
    """What to know beside an entropy (no ceiling) or, with labels, a label information of this module.

    Args:
        value: The value, in nats.
        activity: (n, d).
        k: As there.
        labels: As there; None for an entropy.

    Returns:
        Diagnostics: ties are the samples whose k-th neighbour is at distance 0; relative width = median
        distance to the k-th neighbour / median distance.
    """
    activity = as_samples(activity, "activity").detach()
    ceiling = math.nan
    if labels is not None:
        labels = as_labels(labels, len(activity), activity.device)
        sizes = labels.bincount()
        ceiling = (_psi(len(labels)) - torch.digamma(sizes[labels].double()).mean()).item()
    some = _radii(activity, counting(k, "k", 1, len(activity) - 1), 2.0, "brute").median().item()
    return diagnose(value, ceiling, count_ties(activity, k), ratio(some, _pairs.median_distance(activity)))


def _psi(value: int) -> float:
    return torch.digamma(torch.tensor(float(value), dtype=torch.float64)).item()


def _log_ball(d: int, metric: str) -> float:
    """Return the logarithm of the volume of the unit ball, so that no dimension overflows."""
    return d * math.log(2) if metric == "chebyshev" else 0.5 * d * math.log(math.pi) - math.lgamma(0.5 * d + 1)


def _row_blocks(n: int, elements: int = 0):
    """Yield slices of rows, so that a block of rows times n columns has about ELEMENTS."""
    step = max(1, (elements or ELEMENTS) // n)
    return (slice(first, min(first + step, n)) for first in range(0, n, step))


def _radii(x: Tensor, k: int, p: float, index: str) -> Tensor:
    """Return the distance (n,) of every row to its k-th neighbour."""
    if index == "approximate":
        return _approximate_radii(x, k)
    if _by_tree(index, x.shape[1]):
        return _tree_radii(x, k, p)
    if p == 2:
        return _euclidean_radii(x - x.mean(0), k)
    return torch.cat([_smallest(_distances(x, rows, p), k) for rows in _row_blocks(len(x))])


def _differentiable(x: Tensor, radii: Tensor, p: float) -> Tensor:
    """Return the radii (n,) as a function of x: distances to the neighbours found again by their distance.

    Only the pairs (sample, neighbour) enter the graph, so that its memory is n d.
    """
    fixed = x.detach()
    gaps = ((_distances(fixed, rows, p) - radii[rows, None]).abs() for rows in _row_blocks(len(x)))
    neighbour = torch.cat([gap.argmin(1) for gap in gaps])
    apart = x - x[neighbour]
    found = torch.linalg.vector_norm(apart, p, dim=1)
    return torch.where(radii > 0, found, radii)


def _by_tree(index: str, d: int) -> bool:
    return choice(index, "index", INDEXES) == "kdtree" or (index == "auto" and d <= FEW)


def _tree_radii(x: Tensor, k: int, p: float) -> Tensor:
    from scipy.spatial import cKDTree  # here: a fifth of a second that other estimators need not wait for

    values = x.cpu().numpy()
    distances = cKDTree(values).query(values, k=[k + 1], p=p, workers=torch.get_num_threads())[0]
    return torch.as_tensor(distances[:, 0], device=x.device)


def _approximate_radii(x: Tensor, k: int) -> Tensor:
    """Return float64 distances to the k-th of the neighbours found in the cells nearest to each sample.

    Cells are those of k-means (Jegou, Douze & Schmid 2011); a sample whose cells hold too few is searched exactly.
    """
    try:
        import faiss
    except ImportError as missing:
        raise ImportError("index='approximate' needs faiss: pip install 'infoflow[index]'") from missing
    n, d = x.shape
    values = (x - x.mean(0)).to("cpu", torch.float32).numpy()
    cells = max(1, min(round(4 * math.sqrt(n)), n // 39))  # k-means wants 39 samples a cell
    found = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, cells)
    found.train(values)  # with a fixed seed
    found.add(values)
    found.nprobe = min(PROBES, cells)
    columns = torch.as_tensor(found.search(values, min(k + 1 + SPARE, n))[1], device=x.device)
    places = torch.arange(n, device=x.device)
    lacking = ((columns >= 0) & (columns != places[:, None])).sum(1) < k
    radii = torch.empty_like(x[:, 0])
    for rows in _row_blocks(n, max(1, ELEMENTS // (d * columns.shape[1])) * n):
        near = columns[rows]
        squares = (x[near] - x[rows, None]).square().sum(2)
        squares.masked_fill_((near < 0) | (near == places[rows, None]), math.inf)
        radii[rows] = squares.kthvalue(k, 1).values.sqrt()
    for row in lacking.nonzero()[:, 0].tolist():
        radii[row] = _smallest(_distances(x, slice(row, row + 1), 2.0), k)[0]
    return radii


def _distances(x: Tensor, rows: slice, p: float) -> Tensor:
    """Return distances (rows, n) by differences, with infinity to itself."""
    distances = torch.cdist(x[rows], x, p=p, compute_mode="donot_use_mm_for_euclid_dist")
    return _without_self(distances, rows)


def _without_self(distances: Tensor, rows: slice) -> Tensor:
    distances[:, rows].fill_diagonal_(math.inf)
    return distances


def _smallest(distances: Tensor, k: int) -> Tensor:
    """Return the k-th smallest of each row."""
    return _candidates(distances, k)[0][:, k - 1]


def _candidates(distances: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the `count` smallest of each row, sorted, and their columns.

    The smallest `count` lie in the `count` groups of columns with the smallest minima.
    """
    rows, n = distances.shape
    groups = n // GROUP
    if groups <= 2 * count:
        return distances.topk(count, largest=False)
    minima = distances[:, : groups * GROUP]  # a group is every `groups`-th column
    while minima.shape[1] > groups:  # halving keeps to whole vectors, unlike a reduction over strides
        minima = torch.minimum(*minima.chunk(2, 1))
    best = minima.topk(count, largest=False).indices  # (rows, count)
    columns = best[:, None] + groups * torch.arange(GROUP, device=distances.device)[:, None]
    rest = torch.arange(groups * GROUP, n, device=distances.device).expand(rows, -1)
    columns = torch.cat([columns.flatten(1), rest], 1)
    values, place = distances.gather(1, columns).topk(count, largest=False)
    return values, columns.gather(1, place)


def _euclidean_radii(x: Tensor, k: int) -> Tensor:
    """Return the k-th neighbour distances: candidates by float32 products, distances by float64 differences.

    Where float32 leaves too many rows unsure (near neighbours of far-off samples), float64 picks the
    candidates.
    """
    n = len(x)
    radii = torch.empty_like(x[:, 0])
    factors = _Factors.of(x, torch.float32 if x.shape[1] <= WIDE else torch.float64)
    for rows in _row_blocks(n, 4 * ELEMENTS):
        exact, unsure = factors.radii(x, rows, k)
        if factors.left.dtype == torch.float32 and unsure.sum() > 0.05 * len(unsure):
            factors = _Factors.of(x, torch.float64)
            exact, unsure = factors.radii(x, rows, k)
        if unsure.any():
            again = torch.cdist(x[rows][unsure], x, compute_mode="donot_use_mm_for_euclid_dist")
            again.scatter_(1, unsure.nonzero() + rows.start, math.inf)
            exact[unsure] = _smallest(again, k)
        radii[rows] = exact
    return radii


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
        values, columns = _candidates(_without_self(squares, rows), count)
        exact = _squares_to(x, rows, columns).kthvalue(k, 1).values
        unsure = (exact + self.rounding > values[:, -1]) & (exact > 0) & (count < n - 1)
        return exact.sqrt(), unsure


def _squares_to(x: Tensor, rows: slice, columns: Tensor) -> Tensor:
    """Return squared distances (rows, candidates) of samples to their candidates, by differences, some rows at a time."""
    step = max(1, 2 * ELEMENTS // (columns.shape[1] * x.shape[1]))
    pairs = zip(x[rows].split(step), columns.split(step), strict=True)
    return torch.cat([(x[near] - own[:, None]).square_().sum(2) for own, near in pairs])


def _kraskov_terms(x: Tensor, y: Tensor, rows: slice, k: int, algorithm: int) -> Tensor:
    """Return the digamma terms (rows,) of both marginals."""
    in_x, in_y = _distances(x, rows, math.inf), _distances(y, rows, math.inf)
    joint = torch.maximum(in_x, in_y)
    if algorithm == 1:
        radius = _smallest(joint, k)[:, None]
        counts = [1 + (marginal < radius).sum(1) for marginal in (in_x, in_y)]
    else:
        columns = _candidates(joint, k)[1]
        counts = [(m <= m.gather(1, columns).amax(1, keepdim=True)).sum(1) for m in (in_x, in_y)]
    return sum(torch.digamma(count.to(torch.float64)) for count in counts)


def _kraskov_terms_by_tree(x: Tensor, y: Tensor, k: int) -> Tensor:
    """Return the digamma terms (n,) of algorithm 1, from the same differences as without the tree."""
    radius = _tree_radii(torch.cat([x, y], 1), k, math.inf)
    inner = torch.nextafter(radius, torch.full_like(radius, -1.0))  # the tree counts <=, algorithm 1 counts <
    return sum(torch.digamma(_count_within(v, inner).clamp(min=1).to(torch.float64)) for v in (x, y))


def _count_within(x: Tensor, radius: Tensor) -> Tensor:
    """Return how many samples (n,), oneself included, are within `radius` in the maximum norm."""
    from scipy.spatial import cKDTree

    values = x.cpu().numpy()
    options = {"p": math.inf, "return_length": True, "workers": torch.get_num_threads()}
    counts = cKDTree(values).query_ball_point(values, radius.cpu().numpy(), **options)
    return torch.as_tensor(counts, device=x.device)


def _ross_counts(activity: Tensor, labels: Tensor, sizes: Tensor, rows: slice, k: int) -> tuple[Tensor, Tensor]:
    """Return how many of the same class, and of all, are within the k-th neighbour of the same class."""
    distances = _distances(activity, rows, math.inf)
    own = distances.masked_fill(labels[rows, None] != labels, math.inf)
    nearest = own.topk(min(k, len(labels) - 1), largest=False).values
    last = sizes[labels[rows]].sub(1).clamp(max=nearest.shape[1]) - 1
    radius = nearest.gather(1, last[:, None])
    return (own <= radius).sum(1).to(torch.float64), (distances <= radius).sum(1).to(torch.float64)
