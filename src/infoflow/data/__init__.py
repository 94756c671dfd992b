"""Data sets: one module a kind, each with `make(job) -> (arrays, attributes)`."""

from typing import Any

import numpy as np

Arrays = dict[str, Any]  # NumPy arrays by name
Attributes = dict[str, Any]  # source, tier, licence, stand_in, classes, …
DataSet = tuple[Arrays, Attributes]


def continuous(labels: np.ndarray) -> bool:
    """Whether labels are continuous targets: floating-point numbers of which some have fractions; all others are classes."""
    if labels.dtype.kind != "f":
        return False
    known = labels[np.isfinite(labels)]
    return bool((known != np.round(known)).any())
