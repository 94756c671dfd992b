"""What every estimator shares: the result type and the checks of its inputs."""

from typing import NamedTuple

import torch
from torch import Tensor


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


def as_samples(x, name: str, *, minimum: int = 2) -> Tensor:
    """Return `x` as a finite float64 tensor (n, d); one-dimensional input is taken as d = 1.

    Raises:
        ValueError: If `x` is not (n, d) with n >= minimum and d >= 1, or holds NaN or infinity.
    """
    x = torch.as_tensor(x)
    if x.is_complex():
        raise ValueError(f"{name}: expected real numbers, got {x.dtype}")
    x = x.to(torch.float64)
    if x.ndim == 1:
        x = x[:, None]
    if x.ndim != 2 or len(x) < minimum or x.shape[1] < 1:
        raise ValueError(
            f"{name}: expected shape (n, d) with n >= {minimum} and d >= 1, got {tuple(x.shape)}"
        )
    return finite(x, name)


def finite(x: Tensor, name: str) -> Tensor:
    """Return `x`, which must hold neither NaN nor infinity."""
    bad = ~torch.isfinite(x.detach())
    if bad.any():
        where = tuple(bad.nonzero()[0].tolist())
        raise ValueError(f"{name}: expected finite numbers, got {x[where].item()} at index {where}")
    return x


def as_labels(labels, n: int, device, name: str = "labels") -> Tensor:
    """Return class numbers 0..C-1 (n,), int64, from any one-dimensional labels of length n."""
    labels = torch.as_tensor(labels, device=device)
    if labels.shape != (n,):
        raise ValueError(f"{name}: expected shape ({n},), one label a sample, got {tuple(labels.shape)}")
    if labels.is_floating_point():
        finite(labels, name)
    return torch.unique(labels, return_inverse=True)[1]


def positive(value, name: str) -> float:
    """Return `value` as a float, which must be finite and above 0."""
    value = float(value)
    if not 0.0 < value < float("inf"):
        raise ValueError(f"{name}: expected a finite number > 0, got {value}")
    return value


def counting(value, name: str, minimum: int = 1, maximum: int | None = None) -> int:
    """Return `value` as an int, which must lie in [minimum, maximum]."""
    if int(value) != value or value < minimum or (maximum is not None and value > maximum):
        upper = "" if maximum is None else f" and <= {maximum}"
        raise ValueError(f"{name}: expected an integer >= {minimum}{upper}, got {value}")
    return int(value)


def choice(value: str, name: str, allowed: tuple[str, ...]) -> str:
    """Return `value`, which must be one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")
    return value


def need_generator(generator: torch.Generator | None, where: str) -> torch.Generator:
    """Return `generator`; the global random state is never used."""
    if generator is None:
        raise ValueError(f"{where}: expected generator=torch.Generator(...), because this draws samples")
    return generator


def randn(shape, generator: torch.Generator, device) -> Tensor:
    """Standard normal float64 draws, made where the generator lives, moved to `device`."""
    return torch.randn(shape, generator=generator, dtype=torch.float64, device=generator.device).to(device)
