"""The rate–distortion loss: how many bits the layers keep of the input, against how well they tell the classes.

    L = Σ_l I_α(X; X^l) + β CE,   I_α(X; X^l) = S_α(K) + S_α(K^l) − S_α(K, K^l)

with matrix-based Rényi entropies in bits and the cross-entropy CE in nats (Huang & Narayanan, MLSP 2016). The sum holds the
constant S_α(K), which has no gradient. Entropies are those of `infoflow.estimators.renyi`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from infoflow.estimators import renyi
from infoflow.models.sequences import place


def exponents(values: Tensor, variance: float) -> Tensor:
    """|x_i − x_j|² / (2σ²) of stacks of samples: (B, n, d) gives (B, n, n), float64."""
    return renyi.squared_distances(values) / (2 * variance)


def information(x: Tensor, layers: list[Tensor], variance: float, alpha: float) -> list[Tensor]:
    """I_α(X; X^l) in bits of every layer, each (B,); differentiable in the layers.

    Order 2 is computed in the type of the values, any other one in float64.

    Args:
        x: inputs (S, n, d); with B a multiple of S the layers' stacks are those of S inputs in turn.
        layers: values (B, n, d_l).
        variance: σ² of the Gaussian kernels.
        alpha: order.
    """
    repeats = len(layers[0]) // len(x)
    if alpha == 2:
        side = renyi.squared_side(x, variance)
        side = renyi.SquaredSide(side.squares.repeat(repeats, 1, 1), side.entropy.repeat(repeats))
        return [renyi.order2_information(side, layer, variance) for layer in layers]
    side = renyi.side(exponents(x, variance), alpha)
    side = renyi.Side(side.gram.repeat(repeats, 1, 1), side.entropy.repeat(repeats))
    return [_generic(side, layer, variance, alpha) for layer in layers]


def _generic(side: renyi.Side, layer: Tensor, variance: float, alpha: float) -> Tensor:
    terms = renyi.layer_terms(exponents(layer, variance)[:, None], {"X": side}, alpha)
    return terms.information["X"]


def combine(rate: Tensor, distortion: Tensor, trade_off: Tensor, divided: bool) -> Tensor:
    """Rate + β distortion of every network, divided by 1 + β if asked; β = ∞ is the distortion alone, all (nets,)."""
    finite = torch.isfinite(trade_off)
    beta = torch.where(finite, trade_off, 0.0)
    total = torch.where(finite, rate + beta * distortion, distortion)
    return torch.where(finite, total / (1 + beta), total) if divided else total


def kernel_of_frames(frames: Tensor, variance: float, alpha: float) -> renyi.Side:
    """Gram matrices of frames (B, n, d) whose median squared distance in each stack is set to 1."""
    squares = renyi.squared_distances(frames)
    i, j = torch.triu_indices(squares.shape[-1], squares.shape[-1], 1)
    median = squares[:, i, j].median(1).values.clamp(min=1e-12)
    return renyi.side(squares / (2 * variance * median[:, None, None]), alpha)


def over_time(
    frames: Tensor, states: Tensor, lengths: Tensor, positions: int, variance: float, alpha: float
) -> tuple[Tensor, Tensor]:
    """I_α(X_t; H_t) and S_α(X_t) in bits at the ends of `positions` equal parts of each sequence, both (positions,).

    Frames have their median squared distance set to 1; states are divided by the root of their dimension, so that shrinking
    them lowers the information.

    Args:
        frames: inputs (n, longest, d).
        states: states (n, longest, units).
        lengths: (n,).
        positions: number of places in time.
        variance: σ² of both kernels.
        alpha: order.
    """
    places = place(torch.arange(1, positions + 1)[:, None] / positions, lengths)  # (positions, n)
    rows = torch.arange(len(lengths))
    side = kernel_of_frames(frames[rows, places], variance, alpha)
    kept = states[rows, places] / math.sqrt(states.shape[-1])
    return _generic(side, kept, variance, alpha), side.entropy
