"""What one knob does while the samples stay the same: kernel and bin widths, and where subadditivity fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch

from infoflow.estimators import renyi
from infoflow.truth.run import ROOT, binned_labels, binned_pair, kde_labels, kde_layer, matrix_renyi, measure
from infoflow.truth.tasks import TASKS

# Estimators with a width, by the task that shows them: a pair of variables, labels, a noisy layer.
SWEPT = {
    "gaussian-5d-5pairs-rho0.5": {
        "binning_pair": binned_pair,
        "renyi": lambda factor: matrix_renyi(1.01, factor),
        "renyi2": lambda factor: matrix_renyi(2, factor),
    },
    "classes-4-distance2.0": {
        "binning": binned_labels,
        "kde_label_upper": lambda factor: kde_labels("upper", factor)._replace(kind="point"),
        "kde_label_rigorous_lower": lambda factor: kde_labels("rigorous_lower", factor),
        "kde_label_rigorous_upper": lambda factor: kde_labels("rigorous_upper", factor),
    },
    "linear-layer-10to3-noise0.5": {
        "kde_upper": lambda factor: kde_layer("upper", factor),
        "kde_lower": lambda factor: kde_layer("lower", factor),
        "binning_pair": binned_pair,
        "renyi": lambda factor: matrix_renyi(1.01, factor),
    },
}

# Sample counts of 2 x 2 tables (x down, t across) whose joint entropy exceeds the sum of the marginal ones.
COUNTEREXAMPLES: list[tuple[float, list[list[int]]]] = [
    (0.3, [[1, 2], [2, 27]]),
    (0.5, [[1, 2], [2, 19]]),
    (1.01, [[5, 48], [1, 10]]),
    (1.1, [[5, 21], [1, 5]]),
    (1.5, [[1, 0], [4, 1]]),
    (2.0, [[0, 1], [1, 2]]),
    (2.0, [[0, 5], [5, 14]]),
]


def widths(n: int, seeds: int, factors: list[float], root: int = ROOT) -> Iterator[dict[str, Any]]:
    """Rows of `evaluate`, without seconds, for every width of every estimator that has one, and its `factor`.

    Args:
        n: Samples; a seed's samples are the same for all widths.
        seeds: Number of samples.
        factors: Widths, in the unit that each row's settings name.
        root: Seed of all randomness.
    """
    for task, estimators in SWEPT.items():
        for name, make in estimators.items():
            for factor in factors:
                for seed in range(seeds):
                    row = measure(TASKS[task], name, make(factor), n, seed, root)
                    del row["seconds"]
                    yield {"factor": factor, **row}


def subadditivity(sigmas: tuple[float, ...] | list[float] = (0.1,)) -> pd.DataFrame:
    """S(X) + S(T) - S(X, T) of seven small samples, which subadditivity says is never below zero, in bits.

    The values of both variables are 0 and 1, so that widths of 0.3 and less are narrow: the functional is then the
    Rényi entropy of the frequencies, which is not subadditive but for alpha 0 and 1.

    Args:
        sigmas: Kernel widths.

    Returns:
        Rows alpha, counts (of the 2 x 2 table), n, sigma, marginal_x, marginal_t, joint, excess, unit.
    """
    rows = []
    for alpha, counts in COUNTEREXAMPLES:
        x, t = (torch.from_numpy(v) for v in _expanded(counts))
        for sigma in sigmas:
            alone = [renyi.entropy(v, alpha, sigma).item() for v in (x, t)]
            joint = renyi.joint_entropy([x, t], alpha, sigma).item()
            rows.append(
                {
                    "alpha": alpha, "counts": str(counts), "n": len(x), "sigma": sigma, "marginal_x": alone[0],
                    "marginal_t": alone[1], "joint": joint, "excess": sum(alone) - joint, "unit": "bits",
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _expanded(counts: list[list[int]]) -> np.ndarray:
    """The samples (2, n, 1) of a table of counts."""
    cells = np.repeat(np.array([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]), np.ravel(counts), axis=0)
    return np.ascontiguousarray(cells.T[:, :, None])
