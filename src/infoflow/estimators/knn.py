"""Nearest-neighbour estimators of entropy and information, in nats.

Neighbours are exact unless an approximation is asked for. Estimates are consistent, not bounds, and degrade with dimension. The
entropy is differentiable; the informations are made of counts of neighbours, which are piecewise constant, and have no
gradient. Samples that coincide (a layer of ReLUs, counts, classes) are atoms: informations count them as such.

Sources: Kozachenko & Leonenko 1987 (entropy); Kraskov, Stogbauer & Grassberger, Phys. Rev. E 69, 066138, 2004
(information); Ross, PLoS ONE 9(2) e87357, 2014 (information with a discrete variable); Gao, Kannan, Oh & Viswanath,
NeurIPS 2017, arXiv 1709.06212 (mixtures of atoms and densities); Frenzel & Pompe, Phys. Rev. Lett. 99, 204101, 2007
(conditional information).
"""

import math

import torch
from torch import Tensor

from infoflow.estimators import _guards, _neighbours, _pairs
from infoflow.estimators._common import (
    Diagnostics,
    Estimate,
    count_ties,
    diagnose,
    plug_in_entropy,
    ratio,
    reported_in,
    row_groups,
)
from infoflow.estimators._inputs import as_labels, as_samples, choice, counting, number

METRICS = {"euclidean": 2.0, "chebyshev": math.inf}
APPROXIMATIONS = ("exact", "inverted_file")
CHECKED = 1000  # samples that tell what an approximation adds
ALGORITHMS = (1, 2, "mixed")
SHARED = 1.5  # standard error of a mean of terms that share neighbours, in that of independent ones (measured: 1.4)
NOISE = 3  # standard errors that the noise of an estimate may put it on the wrong side of a limit


@reported_in("nats")
def entropy(
    activity,
    k: int,
    metric: str = "euclidean",
    *,
    offset: float = 0.0,
    index: str = "auto",
    approximation: str = "exact",
) -> Tensor | Estimate:
    """Kozachenko-Leonenko entropy h = (d/n) sum_i ln(r_i + offset) + ln V_d + psi(n) - psi(k), in nats.

    r_i is the distance of sample i to its k-th neighbour and V_d the volume of the metric's unit ball.

    Args:
        activity: (n, d).
        k: Neighbour, 1 <= k < n.
        metric: "euclidean" or "chebyshev".
        offset: Added to the distances. At 0, rows that occur more than k times give -inf (see `diagnostics`);
            with ties a positive offset sets the number by itself.
        index: "brute" (blocks of all pairs), "kdtree" (scipy's tree, on the CPU); "auto" takes the tree for d <= 4.
        approximation: "exact", or "inverted_file" (faiss) for large n, on the CPU and for the Euclidean metric: cost n^1.5,
            no faster up to n = 20 000 (benchmarks/neighbours.md). A neighbour that it misses is replaced by one farther
            away; how much that adds is measured on CHECKED samples, whose neighbours are searched exactly, and taken off.

    Returns:
        0-d, nats, no ceiling. Differentiable with respect to `activity` while neighbours keep their order: the
        gradient is that of d <ln(r_i + offset)> with each k-th neighbour held fixed. Samples at distance 0
        (value -inf at offset 0) pass no gradient. It costs one more pass over all
        pairs, whatever the index. The approximation is an `Estimate`, without gradient, with the standard error of what was
        taken off.

    Raises:
        ValueError: On bad activity, k, metric, offset, index or approximation; the inverted file with another metric.
        ImportError: The inverted file without faiss.
    """
    activity = as_samples(activity, "activity", minimum=2)
    n, d = activity.shape
    k = counting(k, "k", 1, n - 1)
    choice(metric, "metric", tuple(METRICS))
    choice(index, "index", _neighbours.INDEXES)
    choice(approximation, "approximation", APPROXIMATIONS)
    if approximation != "exact" and metric != "euclidean":
        raise ValueError(f"approximation: {approximation!r} needs the Euclidean metric, got {metric!r}")
    offset = number(offset, "offset")
    if not 0 <= offset < math.inf:
        raise ValueError(f"offset: expected a finite number >= 0, got {offset}")
    constant = _log_ball(d, metric) + _psi(n) - _psi(k)
    if approximation != "exact":
        return _approximate_entropy(activity.detach(), k, offset, constant)
    radii = _neighbours.radii(activity.detach(), k, METRICS[metric], index)
    _guard_entropy(radii, activity.detach(), METRICS[metric], k)
    if activity.requires_grad:
        radii = _neighbours.differentiable(activity, radii, METRICS[metric])
    radii = radii + offset
    return d * radii.log().mean() + constant


def _approximate_entropy(activity: Tensor, k: int, offset: float, constant: float) -> Estimate:
    """Return the entropy from approximate neighbours less what they add, as measured on some samples."""
    d = activity.shape[1]
    radii = _neighbours.approximate_radii(activity, k)
    _guard_entropy(radii, activity, 2.0, k)
    some = torch.linspace(0, len(activity) - 1, min(CHECKED, len(activity)), device=activity.device).long()
    exact = _neighbours.radii_of(activity, some, k)
    excess = torch.where(radii[some] > exact, d * ((radii[some] + offset) / (exact + offset)).log(), 0.0)
    error = excess.std() / math.sqrt(len(some)) if len(some) < len(activity) else excess.new_zeros(())
    return Estimate(d * (radii + offset).log().mean() + constant - excess.mean(), error, torch.zeros_like(error))


@reported_in("nats")
def mutual_information(
    x, y, k: int, *, algorithm: int | str | None = None, standardise: bool = True, index: str = "auto"
) -> Tensor:
    """Information I(X; Y) from neighbours, in nats, with the maximum norm in the joint space and in both marginals.

    Algorithm 1 (Kraskov): psi(k) + psi(n) - <psi(n_x + 1) + psi(n_y + 1)>, n_x the samples nearer in x than the k-th
    joint neighbour. Algorithm 2: psi(k) - 1/k + psi(n) - <psi(n_x) + psi(n_y)>, n_x the samples not farther
    in x than the farthest of the k joint neighbours is in x. "mixed" (Gao et al.): psi(n) + <psi(m + 1) - psi(n_x + 1) -
    psi(n_y + 1)> with the counts of algorithm 1, m of them in the joint space; where the k-th neighbour coincides with the
    sample, the counts are those of the samples that coincide and psi is the logarithm, so that atoms alone give the
    plug-in information. Without ties it is algorithm 1. (Gao et al. count closed balls throughout, which costs -0.07 nats
    for independent normals, n = 1000 and k = 3.)

    Args:
        x: (n, d_x).
        y: (n, d_y).
        k: Neighbour, 1 <= k < n.
        algorithm: 1, 2 or "mixed"; None takes 1, or "mixed" where more than k rows of x or of y are equal, and says so.
        standardise: Divide each column by its standard deviation first. The information has no unit, but the maximum norm
            has: without it, a variable of another scale is not seen.
        index: As in `entropy`, exact ones alone, with d = d_x + d_y; algorithm 2 searches all pairs.

    Returns:
        0-d, nats, may be slightly negative; ceiling psi(n) - psi(k) for algorithm 1 and 1/k less
        for algorithm 2, because the nearer neighbours count in both marginals, and for "mixed" the ceiling of algorithm 1 or
        that of the atoms, min(H(X), H(Y)). For ties, with which their values may lie beyond, 1 and 2 are not meant. No
        gradient: a function of counts alone.

    Raises:
        ValueError: On bad x, y, k, algorithm or index.
    """
    x, y = as_samples(x, "x", minimum=2).detach(), as_samples(y, "y", minimum=2).detach()
    n = len(x)
    if len(y) != n:
        raise ValueError(f"x and y: expected equal numbers of samples, got {n} and {len(y)}")
    k = counting(k, "k", 1, n - 1)
    choice(algorithm, "algorithm", (*ALGORITHMS, None))
    by_tree = choice(index, "index", _neighbours.INDEXES) and _neighbours.by_tree(index, x.shape[1] + y.shape[1])
    if standardise:
        x, y = _standardised(x), _standardised(y)
    else:
        _guards.scales(x, y)
    algorithm = _algorithm(algorithm, x, y, k)
    terms = _information_terms(x, y, k, algorithm, by_tree)
    _guard_information(terms, x, y, k, algorithm, by_tree)
    return terms.mean()


@reported_in("nats")
def label_information(activity, labels, k: int) -> Tensor:
    """Ross' estimate of I(T; Y) for vectors T and labels Y, in nats, with the maximum norm.

    I = psi(n) + <psi(k_i)> - <psi(n_y)> - <psi(m_i)>: r_i is the distance to the k-th neighbour of the same
    class, m_i the number of other samples, of any class, within r_i; k_i that of the same class (k, if
    there are no ties). Where r_i is 0, more than k samples of the class coincide, and the term is that of the plug-in
    information, ln n + ln(k_i + 1) - ln n_y - ln(m_i + 1). Classes with fewer than k + 1 samples use all they have; those
    with one sample are left out.

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
    activity = as_samples(activity, "activity", minimum=2).detach()
    labels = as_labels(labels, len(activity), activity.device)
    sizes = labels.bincount()
    kept = sizes[labels] > 1
    if not kept.any():
        raise ValueError("labels: expected at least one label that occurs twice")
    activity, labels = activity[kept], labels[kept]
    k = counting(k, "k")
    if activity.shape[1] <= _neighbours.FEW:
        own, everyone, radius = _ross_counts_by_tree(activity, labels, k)
    else:
        blocks = [_ross_counts(activity, labels, sizes, rows, k) for rows in _neighbours.row_blocks(len(activity))]
        own, everyone, radius = (torch.cat(part) for part in zip(*blocks, strict=True))
    n, of_class, psi = len(labels), sizes[labels].to(own), torch.digamma
    density = _psi(n) + psi(own) - psi(of_class) - psi(everyone)
    atom = math.log(n) + own.log1p() - of_class.log() - everyone.log1p()
    terms = torch.where(radius > 0, density, atom)
    _guard_labels(terms, activity, labels, radius, k)
    return terms.mean()


@reported_in("nats")
def conditional_information(x, y, k: int, *, given=None, labels=None, standardise: bool = True) -> Tensor:
    """Information I(X; Y | Z) for vectors Z, or I(X; Y | C) for labels C, in nats, with the maximum norm.

    For vectors (Frenzel & Pompe): psi(k) + <psi(n_z + 1) - psi(n_xz + 1) - psi(n_yz + 1)>, with the numbers of samples nearer
    than the k-th joint neighbour in Z, in (X, Z) and in (Y, Z). For labels: sum_c p(c) I(X; Y | C = c), each by
    `mutual_information`; classes with k samples or fewer are left out.

    Args:
        x: (n, d_x).
        y: (n, d_y).
        k: Neighbour, 1 <= k < n.
        given: Z, (n, d_z); or
        labels: C, (n,), any discrete labels.
        standardise: As in `mutual_information`.

    Returns:
        0-d, nats, may be slightly negative. No gradient.

    Raises:
        ValueError: On bad x, y, k, given or labels, not exactly one of these two, or no class of more than k samples.
    """
    x, y = as_samples(x, "x", minimum=2).detach(), as_samples(y, "y", minimum=2).detach()
    n = len(x)
    if (given is None) == (labels is None):
        raise ValueError("given, labels: expected exactly one of them")
    if labels is not None:
        return _within_classes(x, y, as_labels(labels, n, x.device), counting(k, "k", 1, n - 1), standardise)
    z = as_samples(given, "given", minimum=2).detach()
    if len(y) != n or len(z) != n:
        raise ValueError(f"x, y and given: expected equal numbers of samples, got {n}, {len(y)} and {len(z)}")
    k = counting(k, "k", 1, n - 1)
    x, y, z = (_standardised(v) if standardise else v for v in (x, y, z))
    joint, spaces = torch.cat([x, y, z], 1), (z, torch.cat([x, z], 1), torch.cat([y, z], 1))
    if count_ties(joint, k):
        _guards.warn(
            "ties", f"more than {k} rows of (x, y, given) are equal, which this estimator does not know; take labels"
        )
    terms = []
    for rows in _neighbours.row_blocks(n):
        radius = _neighbours.smallest(_neighbours.distances(joint, rows, math.inf), k)[:, None]
        counts = [1 + (_neighbours.distances(v, rows, math.inf) < radius).sum(1) for v in spaces]
        psi_z, psi_xz, psi_yz = (torch.digamma(count.to(torch.float64)) for count in counts)
        terms.append(psi_z - psi_xz - psi_yz)
    return _psi(k) + torch.cat(terms).mean()


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
    activity = as_samples(activity, "activity", minimum=2).detach()
    ceiling = math.nan
    if labels is not None:
        labels = as_labels(labels, len(activity), activity.device)
        sizes = labels.bincount()
        ceiling = (_psi(len(labels)) - torch.digamma(sizes[labels].double()).mean()).item()
    some = _neighbours.radii(activity, counting(k, "k", 1, len(activity) - 1), 2.0, "brute").median().item()
    return diagnose(value, ceiling, count_ties(activity, k), ratio(some, _pairs.median_distance(activity)))


def _psi(value: int) -> float:
    return torch.digamma(torch.tensor(float(value), dtype=torch.float64)).item()


def _log_ball(d: int, metric: str) -> float:
    """Return the logarithm of the volume of the unit ball, so that no dimension overflows."""
    return d * math.log(2) if metric == "chebyshev" else 0.5 * d * math.log(math.pi) - math.lgamma(0.5 * d + 1)


def _information_terms(x: Tensor, y: Tensor, k: int, algorithm: int | str, by_tree: bool) -> Tensor:
    """Return the terms (n,) whose mean is the information."""
    n = len(x)
    if algorithm == "mixed":
        return _mixed_terms(x, y, k, by_tree)
    constant = _psi(k) - (1 / k if algorithm == 2 else 0.0) + _psi(n)
    if algorithm == 1 and by_tree:
        return constant - _kraskov_terms_by_tree(x, y, k)
    return constant - torch.cat([_kraskov_terms(x, y, rows, k, algorithm) for rows in _neighbours.row_blocks(n)])


def _kraskov_terms(x: Tensor, y: Tensor, rows: slice, k: int, algorithm: int) -> Tensor:
    """Return the digamma terms (rows,) of both marginals."""
    in_x, in_y = _neighbours.distances(x, rows, math.inf), _neighbours.distances(y, rows, math.inf)
    joint = torch.maximum(in_x, in_y)
    if algorithm == 1:
        radius = _neighbours.smallest(joint, k)[:, None]
        counts = [1 + (marginal < radius).sum(1) for marginal in (in_x, in_y)]
    else:
        columns = _neighbours.candidates(joint, k)[1]
        counts = [(m <= m.gather(1, columns).amax(1, keepdim=True)).sum(1) for m in (in_x, in_y)]
    return sum(torch.digamma(count.to(torch.float64)) for count in counts)


def _kraskov_terms_by_tree(x: Tensor, y: Tensor, k: int) -> Tensor:
    """Return the digamma terms (n,) of algorithm 1, from the same differences as without the tree."""
    radius = _neighbours.tree_radii(torch.cat([x, y], 1), k, math.inf)
    inner = torch.nextafter(radius, torch.full_like(radius, -1.0))  # the tree counts <=, algorithm 1 counts <
    counts = [_neighbours.count_within(_neighbours.tree(v), v, inner).clamp(min=1).to(torch.float64) for v in (x, y)]
    return sum(torch.digamma(count) for count in counts)


def _mixed_terms(x: Tensor, y: Tensor, k: int, by_tree: bool) -> Tensor:
    """Return the terms (n,) of the estimate for mixtures; rows that coincide are looked at once."""
    joint = torch.cat([x, y], 1)
    group, sizes = row_groups(joint)
    first = _neighbours.first_of(group, sizes)
    if by_tree:
        radius = _neighbours.tree_radii(joint, k, math.inf)[first]
        inner = torch.nextafter(radius, torch.full_like(radius, -1.0)).clamp(min=0.0)  # an atom counts what coincides
        counts = [_neighbours.count_within(_neighbours.tree(v), v[first], inner) for v in (joint, x, y)]
    else:
        blocks = [_open_counts(x, y, first[rows], k) for rows in _neighbours.row_blocks(len(x)) if len(first[rows])]
        radius, *counts = (torch.cat(part) for part in zip(*blocks, strict=True))
    within = torch.stack(counts).to(torch.float64)  # (3, groups)
    psi, log = torch.digamma(within), within.log()
    n = len(x)
    density = psi[0] + _psi(n) - psi[1] - psi[2]
    return torch.where(radius > 0, density, log[0] + math.log(n) - log[1] - log[2])[group]


def _open_counts(x: Tensor, y: Tensor, rows: Tensor, k: int) -> tuple[Tensor, ...]:
    """Return the distance (m,) of some rows to their k-th joint neighbour, and the samples nearer than that, themselves included.

    In the joint space and in both marginals; where that distance is 0, the samples that coincide.
    """
    in_x, in_y = (torch.cdist(v[rows], v, p=math.inf, compute_mode=_pairs.DIRECT) for v in (x, y))
    joint = torch.maximum(in_x, in_y)
    radius = joint.kthvalue(k + 1, 1).values  # the nearest is the row itself
    limit = torch.where(radius > 0, radius, torch.finfo(radius.dtype).tiny)[:, None]
    return radius, *((distances < limit).sum(1) for distances in (joint, in_x, in_y))


def _ross_counts(activity: Tensor, labels: Tensor, sizes: Tensor, rows: slice, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return how many of the same class, and of all, are within the k-th neighbour of the same class, and its distance."""
    distances = _neighbours.distances(activity, rows, math.inf)
    own = distances.masked_fill(labels[rows, None] != labels, math.inf)
    nearest = own.topk(min(k, len(labels) - 1), largest=False).values
    last = sizes[labels[rows]].sub(1).clamp(max=nearest.shape[1]) - 1
    radius = nearest.gather(1, last[:, None])
    within = ((block <= radius).sum(1).to(torch.float64) for block in (own, distances))
    return *within, radius[:, 0]


def _ross_counts_by_tree(activity: Tensor, labels: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """`_ross_counts` of all rows, from the same differences, by trees; rows of a class that coincide are looked at once."""
    own, everyone, radius = (torch.zeros_like(activity[:, 0]) for _ in range(3))
    whole = _neighbours.tree(activity)
    for label in labels.unique():
        members = (labels == label).nonzero()[:, 0]
        values = activity[members]
        group, sizes = row_groups(values)
        first = _neighbours.first_of(group, sizes)
        found = _neighbours.tree_radii(values, min(k, len(values) - 1), math.inf)[first]
        radius[members] = found[group]
        for counts, tree in ((own, _neighbours.tree(values)), (everyone, whole)):
            counts[members] = _neighbours.count_within(tree, values[first], found)[group].to(counts) - 1
    return own, everyone, radius


def _within_classes(x: Tensor, y: Tensor, labels: Tensor, k: int, standardise: bool) -> Tensor:
    """Return the mean over the classes of more than k samples, by their size, of the information within each."""
    parts = [(labels == label).nonzero()[:, 0] for label in labels.unique()]
    kept = [members for members in parts if len(members) > k]
    if not kept:
        raise ValueError(f"labels: expected a class of more than k = {k} samples")
    values = torch.stack([mutual_information(x[i], y[i], k, standardise=standardise) for i in kept])
    sizes = values.new_tensor([len(members) for members in kept])
    return (sizes * values).sum() / sizes.sum()


def _standardised(x: Tensor) -> Tensor:
    """Return columns of standard deviation 1; constant ones become 0."""
    largest = x.abs().amax(0)
    x = x / torch.where(largest > 0, largest, 1.0)  # squares stay within range
    spread = x.std(0, correction=0)
    varies = (x != x[0]).any(0) & (spread > 0)
    return torch.where(varies, x / torch.where(varies, spread, 1.0), 0.0)


def _algorithm(asked: int | str | None, x: Tensor, y: Tensor, k: int) -> int | str:
    """Return the algorithm: the one asked for, else 1, or "mixed" where rows repeat."""
    ties = max(count_ties(x, k), count_ties(y, k))
    if ties and asked != "mixed":
        taken = (
            "algorithm 'mixed' is taken" if asked is None else f"algorithm {asked} does not know atoms, take 'mixed'"
        )
        _guards.warn("ties", f"{ties} of {len(x)} samples repeat more than {k} times in one variable; {taken}")
    return asked or ("mixed" if ties else 1)


def _guard_entropy(radii: Tensor, activity: Tensor, p: float, k: int) -> None:
    tied = int((radii == 0).sum())
    if tied:
        why = "a density has no atoms: the entropy is -inf, and with an offset the offset sets it; count them (`binning.entropy`)"
        _guards.warn("ties", f"{tied} of {len(activity)} samples coincide with more than {k - 1} others; {why}")
    else:
        _guards.local(radii, activity, p, k)


def _guard_information(terms: Tensor, x: Tensor, y: Tensor, k: int, algorithm: int | str, by_tree: bool) -> None:
    if _guards.dead(x, "x") or _guards.dead(y, "y"):
        return
    n, value = len(x), terms.mean()
    atoms = min(plug_in_entropy(row_groups(v)[1]).item() for v in (x, y))
    limit = _psi(n) - _psi(k) - (1 / k if algorithm == 2 else 0.0)
    _guards.at_ceiling(value, limit, "psi(n) - psi(k)", "take more samples")
    _guards.possible(value, 0.0, max(limit, atoms), "more than its noise explains", slack=NOISE * _error(terms))
    if by_tree or algorithm == "mixed":  # few dimensions, or atoms, for which neighbours at distance 0 are right
        return
    joint, some = torch.cat([x, y], 1), _guards.some(n, x.device)
    _guards.local(torch.cdist(joint[some], joint, p=math.inf).kthvalue(k + 1, 1).values, joint, math.inf, k)
    if n >= 4 * (k + 1):
        half = _information_terms(x[::2], y[::2], k, algorithm, by_tree)
        error = math.hypot(_error(terms), _error(half))
        _guards.levelled(value, half.mean(), error)


def _guard_labels(terms: Tensor, activity: Tensor, labels: Tensor, radius: Tensor, k: int) -> None:
    if _guards.dead(activity, "activity"):
        return
    tied = int((radius == 0).sum())
    if tied:
        _guards.warn(
            "ties", f"{tied} of {len(activity)} samples coincide with {k} or more of their class, and count as atoms"
        )
    else:
        _guards.local(radius, activity, math.inf, k)
    limit = plug_in_entropy(labels.bincount()).item()
    _guards.possible(terms.mean(), 0.0, limit, "more than its noise explains", slack=NOISE * _error(terms))


def _error(terms: Tensor) -> float:
    """Return the standard error of a mean of terms, SHARED times that of independent ones."""
    return SHARED * float(terms.std() / math.sqrt(len(terms))) if len(terms) > 1 else 0.0
