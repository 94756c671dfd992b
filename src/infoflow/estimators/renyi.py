"""Matrix-based Renyi entropy and information, in bits.

S_alpha(A) = log2(sum_i lambda_i^alpha) / (1 - alpha) with A = K / tr K and K the Gaussian Gram matrix of
the samples; the joint entropy is that of the Hadamard product of the Grams. A product of Gaussian Grams is
the Gram of the concatenated, scaled data, and labels (the delta kernel) make it block diagonal, so that
many variables cost as much as one. No value exceeds log2 n, and near it the kernel width, not the data,
sets the number. Joint >= each marginal always; joint <= sum fails for every alpha but 0 and 1, so that
informations may be slightly negative and are never clipped.

Source: Sanchez Giraldo, Rao & Principe, Measures of entropy from data using infinitely divisible kernels,
IEEE Trans. Inf. Theory 61, 2015 (arXiv 1211.2459); Yu, Jenssen & Principe, arXiv 1804.06537 (many variables).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from infoflow.estimators import _guards, _pairs
from infoflow.estimators._common import (
    Diagnostics,
    Estimate,
    count_ties,
    diagnose,
    plug_in_entropy,
    randn,
    ratio,
    reported_in,
)
from infoflow.estimators._inputs import (
    as_array,
    as_labels,
    as_numbers,
    as_tensor,
    choice,
    counting,
    finite,
    is_number,
    need_generator,
    number,
    positive,
)

APPROXIMATIONS = ("exact", "nystrom", "random_features")
REPEATS = 4  # draws of an approximation
PANEL = 128  # columns of a Gram matrix that are multiplied at once
IN_CACHE = 2**18  # numbers of a stack of variables taken at once: four times faster than 2**22
NEAR_ONE = 0.2  # |alpha - 1| below which the sum of powers is taken as a difference from 1


def gram(x, sigma: float) -> Tensor:
    """Gaussian Gram matrix K_ij = exp(-|x_i - x_j|^2 / (2 sigma^2)).

    Args:
        x: (n, ...); everything but the first dimension is flattened.
        sigma: Kernel width, > 0.

    Returns:
        (n, n), float64, with a diagonal of exactly 1; differentiable.

    Raises:
        ValueError: On bad x or sigma <= 0.
    """
    return _gram(_concatenated([_as_data(x, "x")], [positive(sigma, "sigma")]))


@reported_in("bits")
def gram_entropy(K, alpha: float) -> Tensor:
    """Renyi entropy S_alpha of a Gram matrix or of a stack of them, scaled to trace 1, in bits.

    alpha = 0: log2 of the rank; 1: -sum lambda log2 lambda; 2: -log2 |A|_F^2, without eigenvalues; infinity:
    -log2 of the largest eigenvalue. Eigenvalues below n eps lambda_max count as zero.

    Args:
        K: (..., n, n), symmetric and positive semidefinite, trace > 0.
        alpha: Order, >= 0, may be infinite.

    Returns:
        (...), bits, in [0, log2 n]; differentiable (only eigenvalues are used, so repeated ones do no harm).

    Raises:
        ValueError: On a K that is not square, finite and of positive trace, or alpha < 0.
    """
    K = as_numbers(K, "K")
    square = K.ndim >= 2 and K.shape[-1] == K.shape[-2] and K.shape[-1] >= 1
    if not square or not (trace := K.diagonal(dim1=-2, dim2=-1).sum(-1)).gt(0).all():
        raise ValueError(f"K: expected a square matrix of positive trace, got shape {tuple(K.shape)}")
    alpha = _order(alpha)
    if alpha == 2:
        return 2 * trace.log2() - K.square().sum((-2, -1)).log2()
    return _spectrum_entropy(_eigenvalues(K), alpha)


@reported_in("bits")
def entropy(
    x,
    alpha: float,
    sigma: float | None,
    *,
    approximation: str = "exact",
    rank: int = 500,
    generator: torch.Generator | None = None,
) -> Tensor | Estimate:
    """Matrix-based Renyi entropy S_alpha of one variable, in bits.

    Args:
        x: (n, ...), or labels: one-dimensional integers or text with sigma None, which take the delta kernel.
        alpha: Order, >= 0, may be infinite; alpha = 2 holds no n x n matrix and computes no eigenvalues.
        sigma: Kernel width, > 0; None for labels.
        approximation: "exact"; "nystrom" (`rank` landmarks) or "random_features" (`rank` cosine-sine pairs)
            for large n, in n rank^2 operations and blocks of rows: a million samples take minutes.
        rank: Of the approximation.
        generator: Source of landmarks or features; needed by both.

    Returns:
        0-d, bits, in [0, log2 n]; differentiable. An approximation is an `Estimate`: the mean of REPEATS draws, its standard
        error, and as bias bound the change that half of the rank makes, which is an indication and no theorem.

    Raises:
        ValueError: On bad x, alpha, sigma or approximation.
    """
    return joint_entropy.__wrapped__([x], alpha, [sigma], approximation=approximation, rank=rank, generator=generator)


@reported_in("bits")
def joint_entropy(
    xs,
    alpha: float,
    sigmas,
    *,
    approximation: str = "exact",
    rank: int = 500,
    generator: torch.Generator | None = None,
) -> Tensor | Estimate:
    """Joint Renyi entropy S_alpha of several variables, in bits: that of the Hadamard product of their Grams.

    Args:
        xs: List of variables as in `entropy`, all with n samples.
        alpha: Order.
        sigmas: Width of each variable, None for labels; one number serves all.
        approximation: As in `entropy`.
        rank: As in `entropy`.
        generator: As in `entropy`.

    Returns:
        0-d, bits, in [max of the marginals, log2 n]; differentiable. An approximation is an `Estimate`, as in `entropy`.

    Raises:
        ValueError: As `entropy`; also on lists or sample numbers that do not match.
    """
    if choice(approximation, "approximation", APPROXIMATIONS) == "exact":
        value = _joint_entropy(xs, alpha, sigmas)
        _guard_entropy(value, xs, "xs")
        return value
    generator = need_generator(generator, approximation)
    found = _approximated(lambda size: _joint_entropy(xs, alpha, sigmas, approximation, size, generator), rank)
    _guard_entropy(found.value, xs, "xs")
    return found


def _approximated(value_of, rank: int) -> Estimate:
    """Return the mean of several draws of an approximation, its error, and what half of the rank changes."""
    rank = counting(rank, "rank", 2)
    whole, half = (torch.stack([value_of(size) for _ in range(REPEATS)]) for size in (rank, rank // 2))
    change = (whole.mean() - half.mean()).detach().abs()
    return Estimate(whole.mean(), whole.detach().std() / math.sqrt(REPEATS), change)


def _joint_entropy(xs, alpha: float, sigmas, approximation: str = "exact", rank: int = 0, generator=None) -> Tensor:
    alpha = _order(alpha)
    z, labels = _combine(xs, sigmas)
    if z is None:
        return _frequency_entropy(labels, alpha)
    n = len(z)
    if alpha == 2 and approximation == "exact":
        return 2 * math.log2(n) - _sum_of_squares(z, labels).log2()
    if approximation == "exact":
        blocks = [_gram(part) for part in _split(z, labels)]
    else:
        features = (_nystrom if approximation == "nystrom" else _random_features)(z, rank, generator)
        blocks = [_sum_of_products(features, part, rank) for part in _split(z, labels)]
    return _spectrum_entropy(torch.cat([_eigenvalues(block) for block in blocks]), alpha)


@reported_in("bits")
def mutual_information(
    x,
    ts,
    alpha: float,
    sigmas,
    *,
    approximation: str = "exact",
    rank: int = 500,
    generator: torch.Generator | None = None,
) -> Tensor | Estimate:
    """Information I_alpha(X; T) = S(X) + S(T_1, ..., T_C) - S(X, T_1, ..., T_C), in bits.

    Args:
        x: A variable as in `entropy`.
        ts: A variable, or a list of them (the maps of a layer).
        alpha: Order.
        sigmas: Widths: first x's, then those of ts in order; None for labels; one number serves all.
        approximation: As in `entropy`.
        rank: As in `entropy`.
        generator: As in `entropy`.

    Returns:
        0-d, bits, differentiable; at most min(S(X), S(T)) <= log2 n. Not clipped at 0. An approximation is an `Estimate`,
        as in `entropy`.

    Raises:
        ValueError: As `joint_entropy`.
    """
    ts = _variables(ts)
    sigmas = _as_widths(sigmas, 1 + len(ts))

    def entropies(*options) -> tuple[Tensor, Tensor, Tensor]:
        alone, layer = _joint_entropy([x], alpha, sigmas[:1], *options), _joint_entropy(ts, alpha, sigmas[1:], *options)
        return alone, layer, _joint_entropy([x, *ts], alpha, sigmas, *options)

    if choice(approximation, "approximation", APPROXIMATIONS) != "exact":
        generator = need_generator(generator, approximation)

        def information(size: int) -> Tensor:
            alone, layer, joint = entropies(approximation, size, generator)
            return alone + layer - joint

        return _approximated(information, rank)
    alone, layer, joint = entropies() if alpha == 2 else _exact_entropies([x], ts, _order(alpha), sigmas)
    value = alone + layer - joint
    if _guard_entropy(alone, [x], "x") and _guard_entropy(layer, ts, "ts"):
        _guards.possible(value, 0.0, min(alone.item(), layer.item()), "joint entropies of matrices are not subadditive")
    return value


@reported_in("bits")
def conditional_information(x, ts, given, alpha: float, sigmas) -> Tensor:
    """Information I_alpha(X; T | Y) = S(X, Y) + S(T, Y) - S(X, T, Y) - S(Y), in bits.

    Args:
        x: A variable as in `entropy`.
        ts: A variable, or a list of them (the maps of a layer).
        given: Y, a variable as in `entropy`; labels, for the information within classes.
        alpha: Order.
        sigmas: Widths: first x's, then those of ts in order, then that of given; None for labels; one number serves all.

    Returns:
        0-d, bits, differentiable; at most log2 n - S(Y). Not clipped at 0.

    Raises:
        ValueError: As `joint_entropy`.
    """
    ts = _variables(ts)
    of_x, *of_ts, of_given = _as_widths(sigmas, 2 + len(ts))
    with_x = _joint_entropy([x, given], alpha, [of_x, of_given])
    with_t = _joint_entropy([*ts, given], alpha, [*of_ts, of_given])
    both = _joint_entropy([x, *ts, given], alpha, [of_x, *of_ts, of_given])
    alone = _joint_entropy([given], alpha, [of_given])
    if _guard_entropy(with_x, [x], "x") and _guard_entropy(with_t, ts, "ts"):
        high = math.log2(len(given)) - alone.item()
        _guards.possible(with_x + with_t - both - alone, 0.0, high, "joint entropies of matrices are not subadditive")
    return with_x + with_t - both - alone


def _guard_entropy(value: Tensor, xs: list, name: str) -> bool:
    """Warn of an entropy (a 0-d tensor) at its ceiling or floor; return whether the samples differ."""
    xs = _variables(xs)
    if all(_is_dead(x) for x in xs):
        _guards.warn("dead", f"{name} is the same for all samples, so that its information is 0 whatever the kernel")
        return False
    limit = math.log2(len(xs[0]))
    _guards.at_ceiling(value, limit, f"log2 n, as entropy of {name}", "widen the kernel")
    _guards.flat(value, limit, f"the kernel of {name} is wider than all distances, narrow it")
    return True


def _is_dead(x) -> bool:
    """Whether a variable, of numbers or labels, is the same for all samples."""
    if isinstance(x, Tensor):
        return _guards.is_dead(x.detach())
    x = as_array(x, "x")
    return bool((x == x[0]).all())


def _exact_entropies(xs: list, ts: list, alpha: float, sigmas: list) -> tuple[Tensor, Tensor, Tensor]:
    """S(X), S(T) and S(X, T) from one Gram matrix of each side and their product."""
    (z, x_labels), (u, t_labels) = _combine(xs, sigmas[:1]), _combine(ts, sigmas[1:])
    if len(z if z is not None else x_labels) != len(u if u is not None else t_labels):
        raise ValueError("x and ts: expected equal numbers of samples")
    K = None if z is None else _gram(z)
    alone = _product_entropy(K, x_labels, alpha)
    L = None if u is None else _gram(u)
    layer = _product_entropy(L, t_labels, alpha)
    if K is None or L is None:
        both = L if K is None else K
    else:
        both = K * L if K.requires_grad or L.requires_grad else K.mul_(L)
    del K, L
    return alone, layer, _product_entropy(both, _joint_labels(x_labels, t_labels), alpha)


def _product_entropy(K: Tensor | None, labels: Tensor | None, alpha: float) -> Tensor:
    """Return S_alpha of a Gram matrix times the delta kernel of labels, either perhaps None."""
    if K is None:
        return _frequency_entropy(labels, alpha)
    blocks = [K] if labels is None else [K[i][:, i] for i in _members(labels)]
    return _spectrum_entropy(torch.cat([_eigenvalues(block) for block in blocks]), alpha)


class Side(NamedTuple):
    """A variable that layers are held against, in B batches: Gram matrices of diagonal 1 and their entropies."""

    gram: Tensor  # (B, n, n)
    entropy: Tensor  # (B,), bits


class LayerTerms(NamedTuple):
    """Entropies and informations of one layer of C maps in B batches, in bits."""

    entropy: Tensor  # S(T^1, ..., T^C), (B,)
    information: dict[str, Tensor]  # I(side; {T^c}) by side, (B,)
    part_entropy: Tensor | None  # S(T^c), (B, C); None where not asked for, like the two below
    part_information: Tensor | None  # I(side; T^c), (B, C)
    redundancy: Tensor | None  # sum_c I(side; T^c) - I(side; {T^c}), (B,)


def side(exponents, alpha: float) -> Side:
    """The Gram matrices exp(-exponents), (B, n, n), and their entropies."""
    gram = (-as_tensor(exponents)).clamp(min=_pairs.LOWEST).exp()
    return Side(gram, gram_entropy(gram, alpha))


def squared_distances(x) -> Tensor:
    """Squared Euclidean distances between the samples of a stack of variables, float64.

    Args:
        x: (..., n, d).

    Returns:
        (..., n, n) with a diagonal of exactly 0.

    Raises:
        ValueError: On values that are not finite.
    """
    x = as_tensor(x)
    *stack, n, d = x.shape
    parts = x.reshape(-1, n, d).split(max(1, IN_CACHE // (n * max(n, d))))
    return torch.cat([_squared_distances(part) for part in parts]).view(*stack, n, n)


def _squared_distances(x: Tensor) -> Tensor:
    """`squared_distances` of (m, n, d)."""
    x = finite(x.to(torch.float64), "x")
    x = x - x.mean(-2, keepdim=True)
    products = x @ x.transpose(-1, -2)
    norms = products.diagonal(dim1=-2, dim2=-1).contiguous()
    rounding = 8 * torch.finfo(torch.float64).eps * norms.amax(-1)[..., None, None]
    squares = (norms[..., :, None] + norms[..., None, :]).add_(products, alpha=-2)
    return squares.masked_fill_(squares <= rounding, 0.0)


def layer_terms(exponents, sides: dict[str, Side], alpha: float, *, parts: str | None = None) -> LayerTerms:
    """Entropy of a layer of C maps, its information about other variables, and the maps' own, in a stack of batches.

    I(X; {T^c}) = S(X) + S(T^1, ..., T^C) - S(X, T^1, ..., T^C) (Yu, Jenssen & Principe, arXiv 1804.06537). The joint Gram
    over the maps is one exponential of the sum of their exponents, and a joint with X a product with X's Gram; only
    `parts` takes an exponential a map.

    Args:
        exponents: |t_i - t_j|^2 / (2 sigma_c^2) of every map, (B, C, n, n).
        sides: The other variables by name.
        alpha: Order.
        parts: Name of the side about which each map's information and the net redundancy (redundancy minus synergy) are
            wanted; None: neither.

    Returns:
        LayerTerms, in bits. No value is clipped.

    Raises:
        ValueError: As `gram_entropy`.
    """
    T = (-exponents.sum(1)).clamp_(min=_pairs.LOWEST).exp_()
    entropy = gram_entropy(T, alpha)
    information = {name: other.entropy + entropy - gram_entropy(T * other.gram, alpha) for name, other in sides.items()}
    if parts is None:
        return LayerTerms(entropy, information, None, None, None)
    if exponents.shape[1] == 1:  # the layer is its only map
        only = information[parts]
        return LayerTerms(entropy, information, entropy[:, None], only[:, None], torch.zeros_like(only))
    gram, alone = sides[parts]
    maps = (-exponents).clamp_(min=_pairs.LOWEST).exp_()
    own = gram_entropy(maps, alpha)
    each = alone[:, None] + own - gram_entropy(maps.mul_(gram[:, None]), alpha)
    return LayerTerms(entropy, information, own, each, each.sum(1) - information[parts])


class SquaredSide(NamedTuple):
    """As `Side` for order 2, which needs the squares of the Gram matrices alone."""

    squares: Tensor  # K_ij², (B, n, n)
    entropy: Tensor  # (B,), bits


def squared_side(x, variance: float) -> SquaredSide:
    """Squared Gram matrices of stacks of samples (B, n, d) and their entropies of order 2, in the type of `x`.

    Meant for training losses in float32: distances to itself are exactly 0, and what float32 costs is below 1e-4 bits.
    """
    squares = _squared_gram(x.detach(), positive(variance, "variance"))
    return SquaredSide(squares, 2 * math.log2(x.shape[-2]) - squares.sum((-2, -1)).log2())


def order2_information(side: SquaredSide, values: Tensor, variance: float) -> Tensor:
    """I_2(X; T) = S_2(X) + S_2(T) − S_2(X, T) in bits of stacks of layers, in the type of `values`; differentiable.

    With E_ij = exp(−|t_i − t_j|²/σ²) = L_ij², S_2(T) = 2 log2 n − log2 ΣE and S_2(X, T) = 2 log2 n − log2 Σ K²∘E. The
    gradient is the closed form (2/σ²)(diag(P1) − P) T with P = (2/ln 2) E∘(1/ΣE − K²/Σ K²∘E), after Huang & Narayanan,
    MLSP 2016: a quarter of the time of differentiating each step.

    Args:
        side: of the inputs X, B stacks.
        values: T, (B, n, d).
        variance: σ² of the kernel of T.

    Returns:
        (B,), not clipped.
    """
    return _Order2.apply(values, side.squares, side.entropy, positive(variance, "variance"))


def _squared_gram(x: Tensor, variance: float) -> Tensor:
    """K_ij² = exp(−|x_i − x_j|²/σ²) of (..., n, d), diagonal exactly 1."""
    x = x - x.mean(-2, keepdim=True)
    norms = x.square().sum(-1)
    squares = torch.baddbmm(norms[..., :, None] + norms[..., None, :], x, x.transpose(-1, -2), alpha=-2)
    squares.diagonal(dim1=-2, dim2=-1).zero_()
    # exp of less would be a denormal number, a hundred times slower
    return squares.mul_(-1 / variance).clamp_(-80.0, 0.0).exp_()


class _Order2(torch.autograd.Function):
    """`order2_information` with its closed gradient."""

    @staticmethod
    def forward(context, values, squares, entropy, variance):
        own = _squared_gram(values, variance)
        both = own * squares
        alone, joint = own.sum((-2, -1)), both.sum((-2, -1))
        context.save_for_backward(values, own, both, alone, joint)
        context.variance = variance
        return entropy + joint.log2() - alone.log2()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, gradient):
        values, own, both, alone, joint = context.saved_tensors
        scale = gradient * (4 / (math.log(2) * context.variance))
        weights = own * (scale / alone)[:, None, None]
        weights.addcmul_(both, (scale / joint)[:, None, None], value=-1)
        rows = weights.sum(-1, keepdim=True)
        return torch.baddbmm(rows * values, weights, values, alpha=-1), None, None, None


def power_width(n: int, d: int, factor: float, *, dimensions: bool = False, offset: int = 4) -> float:
    """Width sigma = factor n^(-1 / (offset + d)), with `dimensions` times sqrt(d).

    Yu et al. take the first with factor 5 (activations) and 0.1 (errors), offset 1 in arXiv 1804.06537 and 4 in the
    journal; Tapia & Estevez (2020) the second.
    """
    width = positive(factor, "factor") * counting(n, "n") ** (-1 / (offset + counting(d, "d")))
    return width * math.sqrt(d) if dimensions else width


def median_width(x, factor: float = 1.0) -> float:
    """Width sigma = factor times the median distance between samples (over at most 1000 of them)."""
    width = positive(factor, "factor") * _pairs.median_distance(_as_data(x, "x"))
    return positive(width, "median distance of x")


def alignment_width(x, labels, candidates=None) -> float:
    """Width whose Gram matrix is best aligned with that of the labels, <K, L> / (|K| |L|).

    Source: Cristianini et al., On kernel-target alignment, 2001; for this use Wickstrom et al., arXiv
        1909.11396.

    Args:
        x: (n, ...).
        labels: (n,).
        candidates: Widths to choose from; by default 25 between 0.1 and 10 median distances, evenly in
            logarithm.

    Returns:
        The best candidate; the narrowest of equally good ones.

    Raises:
        ValueError: On bad x, labels or candidates.
    """
    x = _as_data(x, "x").detach()
    labels = as_labels(labels, len(x), x.device)
    if candidates is None:
        candidates = (median_width(x) * torch.logspace(-1, 1, 25, dtype=torch.float64)).tolist()
    candidates = sorted(positive(width, "candidates") for width in candidates)
    sizes = labels.bincount()
    rates = [0.5 / width**2 for width in candidates]
    order = labels.argsort(stable=True)
    whole, same = _pairs.kernel_sums(x[order], rates, (1, 2), sizes.cumsum(0).tolist())
    alignment = same[:, 0].sum(1) / whole[:, 1].sum(1).sqrt()  # |L| is the same for all
    return candidates[int(alignment.argmax())]


def diagnostics(value, x, sigma: float | None, *, ceiling: float | None = None) -> Diagnostics:
    """What to know beside an entropy or information of `x`.

    Args:
        value: The value, in bits.
        x: The variable (of an information: the layer) as in `entropy`.
        sigma: Its width; None for labels.
        ceiling: In bits; by default log2 n. An information cannot exceed S(X) either.

    Returns:
        Diagnostics; relative width = sigma / median distance (NaN for labels).
    """
    if sigma is None:
        x = as_labels(x, len(x), None)[:, None].to(torch.float64)
        return diagnose(value, ceiling or math.log2(len(x)), count_ties(x), float("nan"))
    x = _as_data(x, "x")
    width = ratio(positive(sigma, "sigma"), _pairs.median_distance(x))
    return diagnose(value, ceiling or math.log2(len(x)), count_ties(x), width)


def _order(alpha: float) -> float:
    alpha = number(alpha, "alpha")
    if not alpha >= 0:
        raise ValueError(f"alpha: expected a number >= 0, got {alpha}")
    return alpha


def _as_data(x, name: str) -> Tensor:
    x = as_numbers(x, name)
    if x.ndim < 1 or x.numel() == 0:
        raise ValueError(f"{name}: expected shape (n, ...) with n >= 1, got {tuple(x.shape)}")
    return x.reshape(len(x), -1)


def _variables(xs) -> list:
    """Return a list of variables; a list of numbers or of text is one of them."""
    several = isinstance(xs, list | tuple) and not all(is_number(x) or isinstance(x, str) for x in xs)
    return list(xs) if several or (isinstance(xs, list | tuple) and not xs) else [xs]


def _as_widths(sigmas, count: int) -> list:
    widths = [sigmas] * count if sigmas is None or is_number(sigmas) else list(sigmas)
    if len(widths) != count:
        raise ValueError(f"sigmas: expected {count}, one a variable, got {len(widths)}")
    return widths


def _combine(xs, sigmas) -> tuple[Tensor | None, Tensor | None]:
    """Return the concatenated, scaled variables (n, d) and the joint labels (n,), either perhaps None."""
    xs = _variables(xs)
    if not xs:
        raise ValueError("xs: expected at least one variable")
    data, scales, labels = [], [], None
    for i, (x, sigma) in enumerate(zip(xs, _as_widths(sigmas, len(xs)), strict=True)):
        if sigma is None:
            labels = _joint_labels(labels, _integer_labels(x, f"xs[{i}]"))
        else:
            data.append(_as_data(x, f"xs[{i}]"))
            scales.append(positive(sigma, f"sigmas[{i}]"))
    lengths = {len(v) for v in data} | ({len(labels)} if labels is not None else set())
    if len(lengths) != 1:
        raise ValueError(f"xs: expected equal numbers of samples, got {sorted(lengths)}")
    return (_concatenated(data, scales) if data else None), labels


def _integer_labels(x, name: str) -> Tensor:
    x = x if isinstance(x, Tensor) else as_array(x, name)
    floats = x.is_floating_point() if isinstance(x, Tensor) else x.dtype.kind == "f"
    real = floats and bool((x % 1 != 0).any())  # NaN too
    if x.ndim != 1 or real or len(x) < 1:
        kind = "real numbers" if real else f"shape {tuple(x.shape)}"
        raise ValueError(f"{name}: without a sigma expected integer labels (n,) or text, got {kind}; give it a width")
    return as_labels(x, len(x), x.device if isinstance(x, Tensor) else None, name)


def _joint_labels(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """Return class numbers of pairs of labels (n,), either perhaps None."""
    if first is None or second is None:
        return second if first is None else first
    if len(first) != len(second):
        raise ValueError(f"xs: expected equal numbers of samples, got {len(first)} and {len(second)}")
    return torch.unique(first * (second.max() + 1) + second, return_inverse=True)[1]


def _concatenated(data: list[Tensor], scales: list[float]) -> Tensor:
    """Return the variables (n, d_i), each divided by its scale, side by side, in one copy."""
    if any(x.requires_grad for x in data):
        return torch.cat([(x - x.detach().mean(0)) / s for x, s in zip(data, scales, strict=True)], 1)
    result = data[0].new_empty(len(data[0]), sum(x.shape[1] for x in data))
    places = result.split([x.shape[1] for x in data], 1)
    for x, scale, place in zip(data, scales, places, strict=True):
        torch.sub(x, x.mean(0), out=place).div_(scale)
    return result


def _members(labels: Tensor) -> list[Tensor]:
    """Return the samples' numbers of each class."""
    return [(labels == c).nonzero()[:, 0] for c in range(int(labels.max()) + 1)]


def _split(z: Tensor, labels: Tensor | None) -> list[Tensor]:
    """Return the samples of each class."""
    return [z] if labels is None else [z[i] for i in _members(labels)]


def _gram(z: Tensor) -> Tensor:
    """Return exp(-|z_i - z_j|^2 / 2) in one matrix for z about its mean; distances below rounding are 0."""
    products = _products(z)
    norms = products.diagonal()[:, None].clone()
    rounding = 8 * torch.finfo(z.dtype).eps * norms.detach().max()
    if rounding > 1e-7:  # |a|^2 + |b|^2 - 2 a.b would cost digits
        exponents, rounding = torch.cdist(z, z, compute_mode=_pairs.DIRECT).square().mul(-0.5), 0.0
    else:
        exponents = products.sub_(0.5 * norms).sub_(0.5 * norms.T)
    exponents = exponents.masked_fill_(exponents.detach() >= -rounding, 0.0)
    return exponents.clamp_(min=_pairs.LOWEST).exp_()


def _products(z: Tensor) -> Tensor:
    """Return z z^T (n, n); where no gradient is wanted, panels on and below the diagonal, and their mirror images."""
    if z.requires_grad:
        return torch.mm(z, z.T)
    products = z.new_empty(len(z), len(z))
    for first in range(0, len(z), PANEL):
        panel, below = slice(first, first + PANEL), slice(first + PANEL, None)
        products[first:, panel] = torch.mm(z[first:], z[panel].T)
        products[panel, below] = products[below, panel].T
    return products


def _eigenvalues(K: Tensor) -> Tensor:
    """Return eigenvalues (..., n) of (..., n, n), with those of rounding set to zero."""
    values = torch.linalg.eigvalsh(K)
    floor = K.shape[-1] * torch.finfo(K.dtype).eps * values.detach().amax(-1, keepdim=True)
    return torch.where(values > floor, values, 0.0)


def _spectrum_entropy(values: Tensor, alpha: float) -> Tensor:
    """Return S_alpha in bits of eigenvalues (..., n), which are scaled to sum 1 here.

    Near alpha = 1 the sum of powers is 1 + sum_i lambda_i ((lambda_i^(alpha - 1)) - 1). No term of that sum changes its
    sign, and nothing that a division by 1 - alpha would amplify is left: a sum of 1 + r would count as r / (1 - alpha).
    """
    values = values / values.sum(-1, keepdim=True)
    positive = values > 0
    if alpha == 0:
        return positive.sum(-1).to(values.dtype).log2()
    if alpha == math.inf:
        return -values.amax(-1).log2()
    logs = torch.where(positive, values, 1.0).log()
    if alpha == 1:
        return -(values * logs).sum(-1) / math.log(2)
    if abs(alpha - 1) < NEAR_ONE:
        small = (values * torch.expm1((alpha - 1) * logs)).sum(-1)
        return small.log1p() / (math.log(2) * (1 - alpha))
    top = values.detach().amax(-1, keepdim=True)
    powers = torch.where(positive, (torch.where(positive, values, 1.0) / top).pow(alpha), 0.0)
    return (powers.sum(-1).log2() + alpha * top[..., 0].log2()) / (1 - alpha)


def _frequency_entropy(labels: Tensor, alpha: float) -> Tensor:
    return _spectrum_entropy(labels.bincount().to(torch.float64), alpha)


def _sum_of_squares(z: Tensor, labels: Tensor | None) -> Tensor:
    """Return sum_ij K_ij^2 over pairs of one class, K_ij^2 = exp(-|z_i - z_j|^2), in blocks."""
    return torch.stack([_pairs.kernel_sums(part, [1.0])[0].sum() for part in _split(z, labels)]).sum()


def _sum_of_products(features, z: Tensor, rank: int) -> Tensor:
    """Return F^T F (m, m) for the features F (n, m) of samples, in blocks of rows."""
    return sum(part.T @ part for part in map(features, z.split(max(1, 2**22 // rank))))


def _nystrom(z: Tensor, rank: int, generator: torch.Generator):
    """Return the map from samples to F = K_nm K_mm^(-1/2), m landmarks among them (Williams & Seeger 2001); F F^T is near K."""
    chosen = torch.randperm(len(z), generator=generator, device=generator.device)[:rank].to(z.device)
    middle = z.detach().mean(0)
    landmarks = z[chosen] - middle
    values, vectors = torch.linalg.eigh(_gram(landmarks))
    kept = values > len(values) * torch.finfo(z.dtype).eps * values.max()
    whitened = vectors[:, kept] * values[kept].rsqrt()

    def features(part: Tensor) -> Tensor:
        part = part - middle
        squares = part.square().sum(1, keepdim=True) - 2 * part @ landmarks.T + landmarks.square().sum(1)
        return (-0.5 * squares).clamp(_pairs.LOWEST, 0.0).exp() @ whitened

    return features


def _random_features(z: Tensor, rank: int, generator: torch.Generator):
    """Return the map from samples to F = [cos(z w), sin(z w)] / sqrt(rank), w ~ N(0, I) (Rahimi & Recht 2007); F F^T is near K."""
    directions = randn((z.shape[1], rank), generator, z.device)

    def features(part: Tensor) -> Tensor:
        angles = part @ directions
        return torch.cat([angles.cos(), angles.sin()], 1) / math.sqrt(rank)

    return features


@reported_in("bits")
def label_entropy(labels) -> Tensor:
    """Shannon entropy H(Y) of labels (n,) in bits: the ceiling of an information with them for alpha = 1."""
    return plug_in_entropy(as_labels(labels, len(labels), None).bincount()) / math.log(2)
