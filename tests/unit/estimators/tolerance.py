"""Tolerances that follow from a computation: rounding of float64, sampling errors, and what eigenvalues do to entropies."""

import math

import numpy as np
import pytest

EPS = 2.0**-52
SAFETY = 4  # value and reference both round, and a log or an exp of a library may be off by two units in the last place
STEP = 1e-6  # of the finite differences of torch.autograd.gradcheck


def rounding(terms, size=1.0):
    """Bound on the error of a sum of `terms` numbers whose magnitudes add up to `size`: terms eps size (Higham, section 4.2)."""
    return SAFETY * EPS * terms * size


def standard_errors(variance, n, count=4):
    """`count` standard errors of a mean of n draws of this variance; 4 are exceeded by one seed in 16 000."""
    return count * math.sqrt(variance / n)


def differences(error, step=STEP):
    """Options of torch.autograd.gradcheck for a function that is known to `error`.

    Central differences are off by error / step, and by a part of (step / length)^2, below the step where the function varies
    over lengths above the root of the step.
    """
    return {"eps": step, "atol": error / step, "rtol": step}


def printed(text):
    """A number that is known as printed: to half a unit of its last digit."""
    digits, _, power = text.partition("e")
    unit = 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))
    return pytest.approx(float(text), abs=0.5 * unit * (1 + EPS * 8))


def exponents(x, rate, direct=False):
    """Bound on the error of rate |x_i - x_j|^2, weighted by its kernel, for x (n, d).

    By |a|^2 + |b|^2 - 2 a.b about the mean, d + 4 roundings are of the size of 4 max|x|^2; by differences, they are of that of
    the exponent itself, and e exp(-e) < 1. Each coordinate is rounded once about the mean.
    """
    d, x = x.shape[1], x.double() - x.double().mean(0)
    norms = 0.0 if direct else 4 * rate * float(x.square().sum(1).max())
    return rounding(d + 4, 1 + norms) + moved(d, math.sqrt(rate) * float(x.abs().max()))


def moved(d, size):
    """Bound on the change of a kernel exp(-r^2) when the d coordinates of both points are rounded at `size`, in units of r.

    |d exp(-r^2)| < |dr|.
    """
    return rounding(2 * math.sqrt(d), size)


def plug_in(n):
    """Bound on the error of ln n - sum c ln c / n, at most n terms that add up to ln n."""
    return rounding(n + 2, math.log(n))


def eigenvalues(largest, n, entries=0.0):
    """Bound on the error of the eigenvalues of K / tr K, n x n, for K of diagonal 1 with errors of `entries`.

    Weyl: no eigenvalue moves by more than the norm of the change, n eps lambda_max by the solver and `entries` by K / n. The
    estimator cuts at n eps lambda_max, which moves no eigenvalue farther than that.
    """
    return 2 * rounding(n, largest) + entries


def spectrum(values, alpha, change):
    """Bound, in bits, on what moving eigenvalues of sum 1 by up to `change` each does to S_alpha, and on its own rounding.

    S = ln(1 + (1 - alpha) H) / ((1 - alpha) ln 2) with H = sum h(lambda), h = (lambda^alpha - lambda) / (1 - alpha), so that dS = dH /
    (ln 2 sum lambda^alpha); far from 1 the powers and the sum of the eigenvalues are taken apart, which is sharper. An eigenvalue
    near 0 counts by the whole of its power where alpha < 1.
    """
    values = np.clip(np.asarray(values, dtype=float), 0, None)
    n, top = len(values), values.max()
    if alpha == 0:
        return rounding(1, math.log2(n))
    if alpha == math.inf:
        return (change * n + change / top) / math.log(2) + rounding(n, math.log2(n) + 1)
    ends = np.stack([np.clip(values - change, 0, None), values + change])
    power = np.power(values, alpha).sum()
    change_of_h = np.abs(_tsallis(ends, alpha) - _tsallis(values, alpha)).max(0).sum()
    found = change_of_h / power
    if alpha != 1:
        apart = np.abs(ends**alpha - values**alpha).max(0).sum() / power + alpha * n * change
        found = min(found, apart / abs(alpha - 1))
    own = 1 if abs(alpha - 1) < 0.2 else (1 + alpha) / abs(alpha - 1)  # no term near 1 changes its sign
    return found / math.log(2) + rounding(n, own * (math.log2(n) + 2))


def _tsallis(values, alpha):
    logs = np.log(np.where(values > 0, values, 1.0))
    return -values * logs if alpha == 1 else values * np.expm1((alpha - 1) * logs) / (1 - alpha)
