"""Closed gradients of matrix-based Rényi entropies of a two-layer network, held against automatic differentiation.

Rows are samples: X¹ = g(X W¹ᵀ + b¹), X² = softmax(X¹ W²ᵀ + b²). With K the Gram matrix of trace 1, S'(M) = α/((1−α) ln 2) ·
M^(α−1)/tr M^α and P = (∂S/∂K^k) ∘ K^k/(2σ²), every entropy has ∂S/∂X^k = −4 D X^k, D = diag(P1) − P; for the joint entropy
∂S(K, K^k)/∂K^k = n K ∘ S'(n K ∘ K^k). Source: Huang & Narayanan, MLSP 2016, whose ∂S(K²)/∂W¹ ends in X¹ where the input X
belongs: as printed it has the shape (h, h) of no weight matrix.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from infoflow.estimators import renyi

DERIVATIVES = {"tanh": lambda v: 1 - v**2, "sigmoid": lambda v: v * (1 - v)}


def network(x: Tensor, weights: dict[str, Tensor], activation: str) -> tuple[Tensor, Tensor]:
    """X¹ (n, h) and X² (n, c) of inputs (n, d)."""
    hidden = getattr(torch, activation)(x @ weights["W1"].T + weights["b1"])
    return hidden, (hidden @ weights["W2"].T + weights["b2"]).softmax(1)


def entropies(
    x: Tensor, weights: dict[str, Tensor], variance: float, alpha: float, activation: str
) -> dict[str, Tensor]:
    """S(K¹), S(K²), S(K, K¹), S(K, K²) in bits by the project's estimator."""
    grams = [renyi.gram(values, math.sqrt(variance)) for values in (x, *network(x, weights, activation))]
    alone = {f"S(K{k})": renyi.gram_entropy(grams[k], alpha) for k in (1, 2)}
    return alone | {f"S(K,K{k})": renyi.gram_entropy(grams[0] * grams[k], alpha) for k in (1, 2)}


def automatic(
    x: Tensor, weights: dict[str, Tensor], variance: float, alpha: float, activation: str
) -> dict[str, dict[str, Tensor]]:
    """Gradients of the four entropies in every parameter that they depend on, by automatic differentiation."""
    leaves = {name: value.detach().requires_grad_() for name, value in weights.items()}
    made = {}
    for name, value in entropies(x, leaves, variance, alpha, activation).items():
        gradients = torch.autograd.grad(value, list(leaves.values()), retain_graph=True, allow_unused=True)
        made[name] = {key: g for key, g in zip(leaves, gradients, strict=True) if g is not None}
    return made


def closed(
    x: Tensor, weights: dict[str, Tensor], variance: float, alpha: float, activation: str, printed: bool = False
) -> dict[str, dict[str, Tensor]]:
    """The same gradients by the document's formulas, as corrected, or with `printed` as they stand there."""
    n, values = len(x), (x, *network(x, weights, activation))
    slope = DERIVATIVES[activation](values[1])
    grams = [renyi.gram(v, math.sqrt(variance)) / n for v in values]
    made = {}
    for k in (1, 2):
        for name, outer in (
            (f"S(K{k})", _derivative(grams[k], alpha)),
            (f"S(K,K{k})", n * grams[0] * _derivative(n * grams[0] * grams[k], alpha)),
        ):
            P = outer * grams[k] / (2 * variance)
            A = P.sum(1, keepdim=True) * values[k] - P @ values[k]  # D X^k
            if k == 1:
                back = -4 * A * slope
                made[name] = {"W1": back.T @ x, "b1": back.sum(0)}
                continue
            B = (A * values[2]).sum(1, keepdim=True)
            out = 4 * (B * values[2] - A * values[2])
            back = (out @ weights["W2"]) * slope
            first = values[1] if printed else x
            made[name] = {"W1": back.T @ first, "b1": back.sum(0), "W2": out.T @ values[1], "b2": out.sum(0)}
    return made


def _derivative(M: Tensor, alpha: float) -> Tensor:
    """S'(M) in bits for a symmetric M of trace 1."""
    values, vectors = torch.linalg.eigh(M)
    power = (vectors * values.clamp(min=0).pow(alpha - 1)) @ vectors.T
    return alpha / ((1 - alpha) * math.log(2)) * power / values.clamp(min=0).pow(alpha).sum()


def check(generator: torch.Generator, n: int = 12, d: int = 5, h: int = 7, c: int = 4) -> dict[str, float]:
    """Worst relative error of the closed gradients, by entropy and parameter, over four orders and two activations.

    Inputs of standard deviation 0.3 and weights of 1 keep every matrix away from I/n, where gradients vanish, and networks whose
    outputs' matrix is nearly singular, where those of orders below 1 diverge, are drawn again: there both sides are rounding.
    """
    worst: dict[str, float] = {}
    for activation in DERIVATIVES:
        for alpha in (0.5, 1.01, 2.0, 5.0):
            weights, x = _regular(generator, n, d, h, c, activation)
            truth = automatic(x, weights, 0.2, alpha, activation)
            for name, gradients in closed(x, weights, 0.2, alpha, activation).items():
                for key, value in gradients.items():
                    error = float((value - truth[name][key]).norm() / truth[name][key].norm())
                    worst[f"∂{name}/∂{key}"] = max(worst.get(f"∂{name}/∂{key}", 0.0), error)
    return worst


def printed_shape(generator: torch.Generator, n: int = 12, d: int = 5, h: int = 7, c: int = 4) -> tuple[int, ...]:
    """Shape of ∂S(K²)/∂W¹ as printed, where W¹ has (h, d)."""
    weights, x = _drawn(generator, n, d, h, c)
    return tuple(closed(x, weights, 0.2, 2.0, "tanh", printed=True)["S(K2)"]["W1"].shape)


def _drawn(generator: torch.Generator, n: int, d: int, h: int, c: int) -> tuple[dict[str, Tensor], Tensor]:
    """Random weights and inputs."""
    shapes = {"W1": (h, d), "b1": (h,), "W2": (c, h), "b2": (c,)}
    weights = {k: torch.randn(s, generator=generator, dtype=torch.float64) for k, s in shapes.items()}
    return weights, 0.3 * torch.randn(n, d, generator=generator, dtype=torch.float64)


def _regular(
    generator: torch.Generator, n: int, d: int, h: int, c: int, activation: str
) -> tuple[dict[str, Tensor], Tensor]:
    """Random weights and inputs whose Gram matrix of outputs has no eigenvalue below 1e-8."""
    while True:
        weights, x = _drawn(generator, n, d, h, c)
        output = renyi.gram(network(x, weights, activation)[1], math.sqrt(0.2)) / n
        if float(torch.linalg.eigvalsh(output)[0]) > 1e-8:
            return weights, x
