"""Redundancy between pairs of feature maps, and how well it finds maps that were planted.

The net redundancy of two maps is I(X;T^i) + I(X;T^j) − I(X;{T^i,T^j}): redundancy minus synergy, negative where the pair
tells more than its maps do apart (Yu et al., journal version of arXiv 1804.06537, as the mean over pairs).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from infoflow.estimation.rows import mean_and_error
from infoflow.estimators import renyi

BLOCK = 32  # pairs whose Gram matrices are alive at once


def pair_rows(
    exponents: Tensor, given: renyi.Side, alpha: float, count: int, planted: int, generator: torch.Generator
) -> Iterator[dict[str, Any]]:
    """Rows of one layer: means over pairs, its most synergetic pair, and the areas under the curve of planted maps.

    The most synergetic pair is chosen on every other batch and measured on the rest, so that it is no winner of noise.

    Args:
        exponents: |t_i − t_j|² / (2σ²) of every map, (B, C, n, n).
        given: the Gram matrices of the inputs, (B, n, n), and their entropies.
        alpha: order.
        count: number of pairs, drawn without replacement where the layer has more.
        planted: number of copies and of dead maps planted; 0: none.
        generator: draws the pairs.
    """
    maps = (-exponents).exp()
    alone = _information(maps, given, alpha)  # (B, C)
    first, second = torch.triu_indices(maps.shape[1], maps.shape[1], 1)
    drawn = torch.randperm(len(first), generator=generator)[:count].sort().values
    first, second = first[drawn], second[drawn]
    both = _joint(maps, first, second, given, alpha)  # (B, pairs)
    apart = alone[:, first] + alone[:, second]
    net = apart - both
    yield {"part": "pairs", "quantity": "pair_redundancy", **mean_and_error(net.mean(1))}
    yield {"part": "pairs", "quantity": "pair_nonredundant", **mean_and_error((2 * both - apart).mean(1))}
    if len(net) > 3:
        k = int(net[::2].mean(0).argmin())
        yield {"part": f"pair:{first[k]}-{second[k]}", "quantity": "pair_synergy", **mean_and_error(-net[1::2, k])}
    if planted:
        live = torch.nonzero(exponents.amax((0, 2, 3)) > 0).flatten()[:planted]
        if len(live):
            copies, others = (
                _shared(maps, alone, i, j, given, alpha).mean(0) for i, j in ((live, live), (first, second))
            )
            yield _area("auc_copies", copies, others)
        dead = torch.zeros(planted, dtype=alone.dtype)  # a constant map has the Gram matrix 1 and tells nothing
        yield _area("auc_dead", -dead, -alone.mean(0))


def _information(gram: Tensor, given: renyi.Side, alpha: float) -> Tensor:
    """I(X;T) of a stack of Gram matrices (B, k, n, n), (B, k)."""
    joint = renyi.gram_entropy(gram * given.gram[:, None], alpha)
    return given.entropy[:, None] + renyi.gram_entropy(gram, alpha) - joint


def _joint(maps: Tensor, first: Tensor, second: Tensor, given: renyi.Side, alpha: float) -> Tensor:
    """I(X;{T^i,T^j}) of pairs, (B, pairs); a joint Gram matrix is the product of the maps' own."""
    return torch.cat(
        [
            _information(maps[:, i] * maps[:, j], given, alpha)
            for i, j in zip(first.split(BLOCK), second.split(BLOCK), strict=True)
        ],
        1,
    )


def _shared(maps: Tensor, alone: Tensor, first: Tensor, second: Tensor, given: renyi.Side, alpha: float) -> Tensor:
    """Redundancy of pairs as a share of the smaller of both informations, (B, pairs); 1 for a copy.

    The joint takes the mean of both maps' exponents, not their sum: a map beside its copy is then the map itself, and not the
    same map under a narrower kernel.
    """
    i, j = alone[:, first], alone[:, second]
    return (i + j - _joint(maps.sqrt(), first, second, given, alpha)) / torch.minimum(i, j).clamp(min=1e-9)


def _area(quantity: str, planted: Tensor, others: Tensor) -> dict[str, Any]:
    """Share of (planted, other) in which the planted one ranks higher, ties half: the area under the ROC curve."""
    difference = planted[:, None] - others
    share = (difference > 0).double().mean() + (difference == 0).double().mean() / 2
    return {"part": "planted", "quantity": quantity, "value": float(share), "unit": "none"}
