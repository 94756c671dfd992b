"""The 12-bit task of Shwartz-Ziv and Tishby (arXiv:1703.00810), generated from its rule.

The twelve bits sit on the vertices of a regular icosahedron. With w ones, e edges whose ends are both one and a
antipodal pairs that are both one, the label is 1 exactly when 114 w − 11 w² + 24 e − 12 a > 429.5. The rule agrees
with all 4096 labels of the task; the triple (w, e, a) takes 64 values.
"""

from __future__ import annotations

import numpy as np

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.seeds import numpy_generator

NEIGHBOURS = (
    (1, 3, 5, 10, 11), (0, 2, 3, 4, 11), (1, 3, 4, 8, 9), (0, 1, 2, 8, 10), (1, 2, 6, 9, 11), (0, 6, 7, 10, 11),
    (4, 5, 7, 9, 11), (5, 6, 8, 9, 10), (2, 3, 7, 9, 10), (2, 4, 6, 7, 8), (0, 3, 5, 7, 8), (0, 1, 4, 5, 6),
)  # fmt: skip
ANTIPODES = ((0, 9), (1, 7), (2, 5), (3, 6), (4, 10), (8, 11))
EDGES = tuple((i, j) for i, neighbours in enumerate(NEIGHBOURS) for j in neighbours if i < j)


def patterns() -> np.ndarray:
    """All 4096 patterns, shape (4096, 12), values 0 and 1; column 0 is the most significant bit."""
    return (np.arange(4096)[:, None] >> np.arange(11, -1, -1)) & 1


def invariants(x: np.ndarray) -> np.ndarray:
    """Ones, adjacent pairs both one, antipodal pairs both one: (n, 12) -> (n, 3)."""
    edges = sum(x[:, i] * x[:, j] for i, j in EDGES)
    antipodes = sum(x[:, i] * x[:, j] for i, j in ANTIPODES)
    return np.stack([x.sum(1), edges, antipodes], axis=1)


def labels(x: np.ndarray) -> np.ndarray:
    """Labels of patterns: (n, 12) -> (n,), values 0 and 1."""
    w, e, a = invariants(x).T
    return (114 * w - 11 * w**2 + 24 * e - 12 * a > 429.5).astype(np.int64)


def make(job: DatasetJob) -> DataSet:
    """All patterns with labels and one random split, the same for every seed."""
    x = patterns()
    order = numpy_generator(job.seed, "szt12", "split").permutation(len(x))
    split = np.ones(len(x), np.uint8)
    split[order[: round(job.section.train_fraction * len(x))]] = 0
    arrays = {"x": x.astype(np.float32), "y": labels(x), "split": split}
    attributes = {
        "source": "generated from the rule on the icosahedron",
        "tier": "T0",
        "licence": "MIT (generated)",
        "stand_in": False,
        "classes": 2,
    }
    return arrays, attributes
