"""Information through layers with Gaussian noise, T = S + Z with Z ~ N(0, std^2 I), in nats.

The output of a noisy layer is a Gaussian mixture, whose entropy has no closed form: it is integrated on a
grid in one or two dimensions, averaged over draws beyond, and exact to quadrature for chains of scalar
neurons. Components too far away to matter are left out, and what that may change is in `bias_bound`.
Values are differentiable with the draws held fixed, but for those of the scalar chains; errors and bounds are not.

Sources: Goldfeld et al., Estimating information flow in deep neural networks, ICML 2019 (sample propagation).
"""

import math

import torch
from torch import Tensor

from infoflow.estimators import _guards, _mixtures, _pairs
from infoflow.estimators._common import (
    Estimate,
    randn,
    reported_in,
)
from infoflow.estimators._inputs import as_numbers, as_samples, choice, counting, need_generator, positive
from infoflow.estimators._scalar_chain import continuous_inputs, scalar_chain, scalar_chain_density

__all__ = [
    "Estimate",
    "continuous_inputs",
    "linearised",
    "mixture_entropy",
    "mutual_information",
    "scalar_chain",
    "scalar_chain_density",
]

STEP = 0.25  # of the quadrature, in standard deviations of the noise
MARGIN = 9.0  # of the grid beyond the outermost centres
AFFORDABLE = 4e9  # multiplications in a two-dimensional quadrature
METHODS = ("auto", "quadrature", "monte_carlo")


def gaussian_entropy(d: int, std: float) -> float:
    """Return d/2 ln(2 pi e std^2), the entropy of the noise in nats."""
    return 0.5 * d * math.log(2 * math.pi * math.e) + d * math.log(std)


@reported_in("nats")
def mixture_entropy(
    centres,
    std: float,
    *,
    samples: int = 10_000,
    generator: torch.Generator | None = None,
    method: str = "auto",
) -> Estimate:
    """Entropy of the equal-weight mixture (1/n) sum_j N(centre_j, std^2 I), in nats.

    h = -E[ln p(T)], by trapezoid (step std/4, d <= 2) or by Monte Carlo: T = centre + noise, every centre
    drawn equally often, and -ln p(T) averaged. The exactly known E[ln N(Z)] is a control variate, so that a
    mixture of separated centres has no error but that of rounding.

    Args:
        centres: (n, d), n >= 1.
        std: Standard deviation of the noise, > 0.
        samples: Monte-Carlo draws.
        generator: Source of the draws; needed where Monte Carlo is used.
        method: "auto" (quadrature for d = 1, and for d = 2 where the grid is affordable), "quadrature",
            "monte_carlo".

    Returns:
        Estimate in nats; it lies between h(Z) = d/2 ln(2 pi e std^2) and its ceiling h(Z) + ln n. The value is
        differentiable with respect to the centres: the draws (or the quadrature's grid) are held fixed.

    Raises:
        ValueError: On bad centres, std, samples or method; quadrature with d > 2; Monte Carlo without
            generator.
    """
    centres = as_samples(centres, "centres", minimum=1)
    std = positive(std, "std")
    if _by_quadrature(centres, std, choice(method, "method", METHODS)):
        excess, error, bound = _excess_by_quadrature(centres / std)
    else:
        generator = need_generator(generator, "mixture_entropy by Monte Carlo")
        excess, error, bound = _excess_by_draws(centres / std, counting(samples, "samples", 2), generator)
    return Estimate(excess + gaussian_entropy(centres.shape[1], std), error, bound)


@reported_in("nats")
def mutual_information(
    layer_centres,
    conditional_centres,
    std: float,
    *,
    samples: int = 2048,
    generator: torch.Generator | None = None,
    method: str = "auto",
) -> Estimate:
    """Information I(X; T) = h(T) - mean_x h(T | x) of a noisy layer by sample propagation, in nats.

    h(T) is the entropy of the mixture around all noiseless layer values, h(T | x) that around the values
    which one input gives in repeated noisy passes. Both depend on how many passes R there are: use the same
    R in both (with unequal R the bias of several tenths of a nat looks like compression), and compare R
    with 2R.

    Args:
        layer_centres: (n R, d): noiseless values S of the layer, n inputs times R passes.
        conditional_centres: (m, R, d): the passes of m inputs; all n of them, or a random part. None for a
            first layer, where h(T | x) = d/2 ln(2 pi e std^2) exactly. If they are the layer's own centres
            in the same order, both terms share their draws, which cancels most of the noise.
        std: Standard deviation of the noise.
        samples: Draws for h(T), and for the mean of h(T | x) altogether (at least one an input).
        generator: Source of the draws.
        method: As in `mixture_entropy`; quadrature is used only for a first layer or scalar layers.

    Returns:
        Estimate in nats; ceiling ln n (n inputs), also ln(n R) by construction. std_error combines both
        terms; the conditional one counts the spread between inputs, and so is conservative if all inputs
        are given. The value is differentiable with respect to both sets of centres.

    Raises:
        ValueError: As `mixture_entropy`; also on conditional centres that are not (m, R, d).
    """
    layer = as_samples(layer_centres, "layer_centres", minimum=1)
    std, d = positive(std, "std"), layer.shape[1]
    if conditional_centres is None:
        h = mixture_entropy(layer, std, samples=samples, generator=generator, method=method)
        return h._replace(value=h.value - gaussian_entropy(d, std))
    conditional = _as_conditional(conditional_centres, d, layer.device)
    _guard_passes(len(layer), conditional.shape[1])
    generator = need_generator(generator, "mutual_information with conditional centres")
    samples = counting(samples, "samples", 2)
    if conditional.numel() == layer.numel() and torch.equal(conditional.reshape(layer.shape), layer):
        return _shared_draws(layer / std, conditional / std, samples, generator)
    whole = mixture_entropy(layer, std, samples=samples, generator=generator, method=method)
    terms, _ = _conditional_terms(conditional / std, samples, generator)
    mean, error = _mean_and_error(terms)
    value = whole.value - gaussian_entropy(d, std) - mean
    return Estimate(value, (whole.std_error.square() + error.square()).sqrt(), whole.bias_bound)


@reported_in("nats")
def linearised(means, covariances, *, draws: int = 1, generator: torch.Generator | None = None) -> Estimate:
    """Information I(X; T) of n equally likely inputs with p(t | x_i) = N(m_i, S_i), in nats.

    I = mean_i mean_draws [ln N(t; m_i, S_i) - ln (1/n) sum_j N(t; m_j, S_j)], t ~ N(m_i, S_i). No term
    exceeds ln n, so neither does the mean: a saturated layer reads ln n, but for rounding. It is exact for this
    mixture; the error of linearising the layers (S = J S' J^T + std^2 I at the noiseless mean) is not in
    `bias_bound`.

    Args:
        means: (n, d).
        covariances: (n, d, d), symmetric and positive definite.
        draws: Draws an input.
        generator: Source of the draws; always needed.

    Returns:
        Estimate in nats, ceiling ln n. The value is differentiable with respect to means and covariances, the
        draws being held fixed in units of each covariance. The inputs are enumerated, so std_error is that of the draws alone:
        from the spread within inputs if draws > 1; with one draw from the spread of all terms, which is
        conservative.

    Raises:
        ValueError: On shapes that do not match, a covariance that is not positive definite, or no generator.
    """
    means = as_samples(means, "means")
    covariances = _as_covariances(covariances, means)
    draws = counting(draws, "draws")
    generator = need_generator(generator, "linearised")
    n, d = means.shape
    factors = _cholesky(covariances)
    z = randn((draws, n, d), generator, means.device)
    t = means + (factors @ z.permute(1, 2, 0)).permute(2, 0, 1)  # (draws, n, d)
    own = -0.5 * d * math.log(2 * math.pi) - factors.diagonal(dim1=1, dim2=2).log().sum(1) - 0.5 * z.square().sum(2)
    log_sums, missed = _mixtures.gaussian_log_sums(t.reshape(-1, d), means, covariances, factors)
    terms = (own.reshape(-1) - log_sums + math.log(n)).clamp(max=math.log(n)).view(draws, n)
    spread = terms.detach()
    variance = spread.var(0).mean() if draws > 1 else spread.var() if n > 1 else spread.new_zeros(())
    if not _guards.dead(torch.cat([means, covariances.flatten(1)], 1), "the layer"):
        _guards.at_ceiling(terms.mean(), math.log(n), "ln n", "the layer has hardly any noise at its own scale")
    return Estimate(terms.mean(), (variance / (n * draws)).sqrt(), missed.mean())


def _guard_passes(rows: int, passes: int) -> None:
    """Warn where the layer's centres cannot hold as many passes of each input as the conditional ones."""
    if rows % passes:
        _guards.warn(
            "unlike_passes",
            f"{rows} centres are no multiple of the {passes} passes of the conditional ones: unequal numbers of passes bias the "
            "two terms differently, by several tenths of a nat; take the same number in both",
        )


def _as_conditional(centres, d: int, device) -> Tensor:
    centres = as_numbers(centres, "conditional_centres").to(device)
    if centres.ndim != 3 or centres.shape[2] != d or 0 in centres.shape:
        raise ValueError(f"conditional_centres: expected shape (m, R, {d}), got {tuple(centres.shape)}")
    return centres


def _as_covariances(covariances, means: Tensor) -> Tensor:
    n, d = means.shape
    covariances = as_numbers(covariances, "covariances").to(means.device)
    if covariances.shape != (n, d, d):
        raise ValueError(f"covariances: expected shape ({n}, {d}, {d}), got {tuple(covariances.shape)}")
    return covariances


def _cholesky(covariances: Tensor) -> Tensor:
    factors, info = torch.linalg.cholesky_ex(covariances)
    if info.any():
        raise ValueError(f"covariances: expected positive definite ones, number {info.nonzero()[0].item()} is not")
    return factors


def _by_quadrature(centres: Tensor, std: float, method: str) -> bool:
    n, d = centres.shape
    if method == "quadrature" and d > 2:
        raise ValueError(f"method: quadrature needs d <= 2, got d = {d}")
    if method == "auto" and d == 2:
        rows, columns = ((centres.amax(0) - centres.amin(0)) / std + 2 * MARGIN).div(STEP).tolist()
        return rows * columns * n <= AFFORDABLE
    return method == "quadrature" or (method == "auto" and d == 1)


def _excess_by_quadrature(centres: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return h(T) - h(Z), 0 and the pruning bound for centres in units of the noise."""
    d = centres.shape[1]
    value, bound = _quadrature_1d(centres) if d == 1 else _quadrature_2d(centres)
    return value - gaussian_entropy(d, 1.0), torch.zeros_like(value), bound


def _grid(values: Tensor) -> Tensor:
    low, high = values.min().item() - MARGIN, values.max().item() + MARGIN
    return low + STEP * torch.arange(math.ceil((high - low) / STEP) + 1, dtype=torch.float64, device=values.device)


def _quadrature_1d(centres: Tensor) -> tuple[Tensor, Tensor]:
    """-int p ln p over a grid that skips gaps between centres."""
    ordered = centres[:, 0].sort().values
    gaps = ordered.diff() > 2 * MARGIN
    pieces = ordered.tensor_split((gaps.nonzero()[:, 0] + 1).cpu())
    grid = torch.cat([_grid(piece) for piece in pieces])
    log_sums, missed = _mixtures.isotropic_log_sums(grid[:, None], centres)
    log_p = log_sums - math.log(len(centres)) - 0.5 * math.log(2 * math.pi)
    p = log_p.exp()  # 0 where no centre is within reach
    lost = torch.where(p > 0, p * missed * (1 + log_p.abs()), 0.0).detach()
    return _minus_p_log_p(p).sum() * STEP, lost.sum() * STEP


def _quadrature_2d(centres: Tensor) -> tuple[Tensor, Tensor]:
    """-int p ln p over a grid; the kernel is a product, so that p on the grid is one matrix product."""
    x, y = _grid(centres[:, 0]), _grid(centres[:, 1])
    by_y = _kernel(centres[:, 1], y)  # (n, columns)
    entropy = centres.new_zeros(())
    for rows in x.split(max(1, 2**22 // max(len(y), len(centres)))):
        p = _kernel(centres[:, 0], rows).T @ by_y / len(centres)
        entropy = entropy + _minus_p_log_p(p).sum() * STEP**2
    return entropy, torch.zeros_like(entropy)


def _minus_p_log_p(p: Tensor) -> Tensor:
    """Return -p ln p with a finite derivative at 0."""
    return -(p * p.clamp(min=1e-300).log())


def _kernel(centres: Tensor, grid: Tensor) -> Tensor:
    if centres.requires_grad:  # autograd needs what working in place overwrites
        exponents = -0.5 * (centres[:, None] - grid).square()
        return exponents.clamp(min=_mixtures.LOWEST).exp() / math.sqrt(2 * math.pi)
    exponents = (centres[:, None] - grid).square_().mul_(-0.5).clamp_(min=_mixtures.LOWEST)
    return exponents.exp_().div_(math.sqrt(2 * math.pi))


def _excess_by_draws(centres: Tensor, samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return h(T) - h(Z), its standard error and the pruning bound for centres in units of the noise."""
    n, d = centres.shape
    z = randn((samples, d), generator, centres.device)
    chosen = _balanced_choice(n, samples, generator, centres.device)
    log_sums, missed = _mixtures.isotropic_log_sums(centres[chosen] + z, centres)
    mean, error = _mean_and_error(_controlled(math.log(n) - log_sums, z))
    return mean - 0.5 * d, error, missed.mean()


def _balanced_choice(n: int, samples: int, generator: torch.Generator, device) -> Tensor:
    """Each of n centres as often as any other, the remainder at random."""
    order = torch.randperm(n, generator=generator, device=generator.device).to(device)
    return order[torch.arange(samples, device=device) % n]


def _controlled(terms: Tensor, z: Tensor) -> Tensor:
    """Replace |z|^2 / 2 in the terms, as far as it explains them, by its known mean d / 2."""
    control = 0.5 * (z.square().sum(1) - z.shape[1])
    centred = control - control.mean()
    slope = ((terms - terms.mean()) * centred).mean() / centred.square().mean()
    return terms - slope * control


def _mean_and_error(terms: Tensor) -> tuple[Tensor, Tensor]:
    return terms.mean(), terms.detach().std() / math.sqrt(len(terms))


def _conditional_terms(conditional: Tensor, samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return h(T | x) - h(Z) of each input (m,), from at least one draw an input, and the draws (m, q, d)."""
    m, passes, d = conditional.shape
    q = max(1, -(-samples // m))
    z = randn((m, q, d), generator, conditional.device)
    chosen = torch.randint(passes, (m, q), generator=generator, device=generator.device).to(conditional.device)
    t = conditional.gather(1, chosen[:, :, None].expand(m, q, d)) + z
    terms = math.log(passes) - _own_log_sums(t, conditional)  # (m, q)
    return _controlled(terms.view(-1), z.view(-1, d)).view(m, q).mean(1) - 0.5 * d, t


def _own_log_sums(t: Tensor, conditional: Tensor) -> Tensor:
    """Return log sum_r exp(-|t - s_r|^2 / 2) over the passes of each input, in blocks of inputs."""
    rows = max(1, 2**20 // (t.shape[1] * conditional.shape[1]))
    blocks = zip(t.split(rows), conditional.split(rows), strict=True)
    if t.requires_grad or conditional.requires_grad:  # working in place overwrites what cdist's gradient reads
        squares = ((a[:, :, None] - b[:, None]).square().sum(3) for a, b in blocks)
    else:
        squares = (torch.cdist(a, b, compute_mode=_pairs.DIRECT).square_() for a, b in blocks)
    return torch.cat([(-0.5 * block).logsumexp(2) for block in squares])


def _shared_draws(layer: Tensor, conditional: Tensor, samples: int, generator: torch.Generator) -> Estimate:
    """I = mean [ln p(t | x) - ln p(t)] over draws t that serve both terms."""
    m, passes, d = conditional.shape
    inputs = _balanced_choice(m, samples, generator, layer.device)
    own = conditional[inputs]  # (samples, R, d)
    chosen = torch.randint(passes, (samples,), generator=generator, device=generator.device).to(layer.device)
    t = own[torch.arange(samples, device=layer.device), chosen] + randn((samples, d), generator, layer.device)
    given = _own_log_sums(t[:, None], own)[:, 0] - math.log(passes)
    log_sums, missed = _mixtures.isotropic_log_sums(t, layer)
    mean, error = _mean_and_error(given - log_sums + math.log(m * passes))
    return Estimate(mean, error, missed.mean())
