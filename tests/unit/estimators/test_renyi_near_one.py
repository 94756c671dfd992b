"""Rényi entropies of orders that nearly are 1 against 50 digits, on matrices whose eigenvalues are known exactly.

Points on a circle have circulant Gram matrices, exp(-a sin(pi k / n)^2) between points k apart, whose eigenvalues are cosine
sums. Several variables add their a, and labels that take every second point leave a circle of half as many.
"""

import math

import pytest
import torch
from tolerance import eigenvalues, exponents, rounding, spectrum

from infoflow.estimators import renyi

mpmath = pytest.importorskip("mpmath", reason="comes with torch")
mp = mpmath.mp.clone()
mp.dps = 50

N = 16
NEAR = [sign * 10.0**-k for k in range(3, 14) for sign in (1, -1)]
SPECTRA = {
    "equal": torch.full((7,), 0.3, dtype=torch.float64),
    "mixed": torch.rand(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
    "steep": 10.0 ** -torch.arange(13, dtype=torch.float64),
    "nearly pure": torch.tensor([5.0, 1e-9, 1e-10], dtype=torch.float64),
}


def exact(values, alpha):
    """S_alpha in bits of positive numbers, scaled to sum 1, in 50 digits."""
    total = mp.fsum(values)
    shares = [value / total for value in values]
    if alpha == 1:
        return -mp.fsum(p * mp.log(p, 2) for p in shares)
    return mp.log(mp.fsum(p ** mp.mpf(alpha) for p in shares), 2) / (1 - mp.mpf(alpha))


def circle(n, a):
    """Eigenvalues of the Gram matrix of n points on a circle."""
    row = [mp.exp(-mp.mpf(a) * mp.sin(mp.pi * k / n) ** 2) for k in range(n)]
    return [mp.fsum(row[k] * mp.cos(2 * mp.pi * j * k / n) for k in range(n)) for j in range(n)]


def split(n, a):
    """Eigenvalues of the same with labels that take every second point."""
    return 2 * circle(n // 2, a)


def points(n=N):
    angles = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    return torch.stack([angles.cos(), angles.sin()], 1)


def width(a):
    """Kernel width at which |x_i - x_j|^2 / (2 sigma^2) = a sin^2 on the circle of radius 1."""
    return math.sqrt(2 / a)


def bound(values, alpha):
    """Bound on the error of an entropy of points on a circle, from the errors of its Gram matrix and eigenvalues."""
    shares = [float(value) for value in values]
    shares = [value / sum(shares) for value in shares]
    entries = exponents(points(), 8.0)  # |x| = 1, and no a below exceeds 16
    return spectrum(shares, alpha, eigenvalues(max(shares), len(shares), entries))


def agrees(value, spectra, alpha, signs=None):
    """Hold a value against the signed sum of the exact entropies of spectra."""
    signs = signs or [1] * len(spectra)
    expected = mp.fsum(sign * exact(values, alpha) for sign, values in zip(signs, spectra, strict=True))
    slack = sum(bound(values, alpha) for values in spectra)
    assert value == pytest.approx(float(expected), abs=slack), alpha
    return slack


@pytest.mark.parametrize("name", list(SPECTRA))
def test_entropies_of_spectra_have_all_their_digits(name):
    values = SPECTRA[name]
    for offset in (0.0, *NEAR):
        expected = float(exact([mp.mpf(v) for v in values.tolist()], 1 + offset))
        # Terms of one sign lose eps each; a rounded eigenvalue moves S by eps / ln 2 at most. Nothing grows with 1 / |alpha - 1|.
        slack = rounding(len(values), expected + 1)
        assert renyi._spectrum_entropy(3.7 * values, 1 + offset).item() == pytest.approx(expected, abs=slack)
        shares = values / values.sum()
        slack = spectrum(shares, 1 + offset, eigenvalues(shares.max().item(), len(values)))
        assert renyi.gram_entropy(values.diag(), 1 + offset).item() == pytest.approx(expected, abs=slack)


@pytest.mark.parametrize("counts", [[1, 1], [5, 48, 1, 10], [1, 999], [3] * 50], ids=str)
def test_entropies_of_labels_have_all_their_digits(counts):
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    for offset in (0.0, *NEAR):
        expected = float(exact([mp.mpf(c) for c in counts], 1 + offset))
        slack = rounding(len(counts), expected + 1)
        assert renyi.entropy(labels, 1 + offset, None).item() == pytest.approx(expected, abs=slack)
        # a variable and itself: I = S
        assert renyi.mutual_information(labels, labels, 1 + offset, None).item() == pytest.approx(
            expected, abs=3 * slack
        )


def test_entropies_of_samples_agree_with_exact_eigenvalues():
    x, labels = points(), torch.arange(N) % 2
    alone, joint, both = circle(N, 8.0), circle(N, 12.0), split(N, 8.0)
    of_labels = [mp.mpf(N // 2)] * 2
    for offset in (0.0, *NEAR):
        alpha = 1 + offset
        agrees(renyi.entropy(x, alpha, width(8.0)).item(), [alone], alpha)
        agrees(renyi.gram_entropy(renyi.gram(x, width(8.0)), alpha).item(), [alone], alpha)
        agrees(renyi.joint_entropy([x, x], alpha, [width(8.0), width(4.0)]).item(), [joint], alpha)
        agrees(renyi.joint_entropy([x, labels], alpha, [width(8.0), None]).item(), [both], alpha)
        found = renyi.mutual_information(x, x, alpha, [width(8.0), width(4.0)]).item()
        agrees(found, [alone, circle(N, 4.0), joint], alpha, [1, 1, -1])
        found = renyi.mutual_information(labels, x, alpha, [None, width(8.0)]).item()
        slack = agrees(found, [of_labels, alone, both], alpha, [1, 1, -1])
        assert slack < 1e-10


def test_terms_of_layers_agree_with_exact_eigenvalues():
    gaps = torch.arange(N)[:, None] - torch.arange(N)
    sines = (math.pi * gaps.double() / N).sin().square()
    maps, of_x = [2.0, 5.0], 6.0
    exponent = sines * torch.tensor(maps, dtype=torch.float64)[:, None, None]
    layer, with_x = circle(N, sum(maps)), circle(N, sum(maps) + of_x)
    parts = [(circle(N, a), circle(N, a + of_x)) for a in maps]
    x = circle(N, of_x)
    for offset in (0.0, *NEAR):
        alpha = 1 + offset
        made = renyi.layer_terms(exponent[None], {"X": renyi.side(of_x * sines[None], alpha)}, alpha, parts="X")
        agrees(made.entropy.item(), [layer], alpha)
        agrees(made.information["X"].item(), [x, layer, with_x], alpha, [1, 1, -1])
        for c, (own, both) in enumerate(parts):
            agrees(made.part_entropy[0, c].item(), [own], alpha)
            agrees(made.part_information[0, c].item(), [x, own, both], alpha, [1, 1, -1])


@pytest.mark.parametrize("name", list(SPECTRA))
def test_order_one_is_the_limit(name):
    """In nats S = -K(t) / t with t = alpha - 1 and K the cumulants' function of ln lambda: -k1 - k2 t / 2, and a third order."""
    values = SPECTRA[name]
    shares = values / values.sum()
    logs = shares.log()
    variance = (shares * logs.square()).sum() - (shares * logs).sum() ** 2
    third = (logs.max() - logs.min()) ** 3 / 6  # bounds |k3| / 6 of every order
    at_one = renyi._spectrum_entropy(values, 1).item()
    for t in NEAR:
        found = renyi._spectrum_entropy(values, 1 + t).item()
        expected = at_one - t * variance.item() / (2 * math.log(2))
        rest = t**2 * third.item() / math.log(2) + rounding(len(values), at_one + 1)
        assert found == pytest.approx(expected, abs=rest)
    orders = sorted({0.0, *NEAR})
    falling = torch.stack([renyi._spectrum_entropy(values, 1 + t) for t in orders])
    assert (falling.diff() <= rounding(len(values), at_one + 1)).all()


def test_gradients_near_one_are_those_of_order_one():
    """dS/d lambda changes with the order by at most |t| (ln lambda)^2 / ln 2; nothing grows with 1 / |t|."""
    values = SPECTRA["mixed"].clone().requires_grad_()
    total = values.sum().item()
    slope = torch.autograd.grad(renyi._spectrum_entropy(values, 1), values)[0]
    steepest = (values.min() / total).log().square().item()
    for t in NEAR:
        found = torch.autograd.grad(renyi._spectrum_entropy(values, 1 + t), values)[0]
        slack = (2 * abs(t) * steepest / math.log(2) + rounding(len(values), 10)) / total
        torch.testing.assert_close(found, slope, rtol=0, atol=slack)
