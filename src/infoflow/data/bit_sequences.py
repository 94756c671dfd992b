"""All binary sequences of one length, as ±1, labelled by parity or majority; every sequence is used for training."""

from __future__ import annotations

import numpy as np

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet


def make(job: DatasetJob) -> DataSet:
    """Every sequence once; a tie of the majority (even length) counts as 0."""
    length = job.section.length
    bits = (np.arange(2**length)[:, None] >> np.arange(length - 1, -1, -1)) & 1
    ones = bits.sum(1)
    y = ones % 2 if job.section.label == "parity" else (2 * ones > length)
    arrays = {
        "x": (2 * bits - 1).astype(np.float32),
        "y": y.astype(np.int64),
        "split": np.zeros(len(bits), np.uint8),
    }
    attributes = {
        "source": f"generated: all {len(bits)} sequences of {length} bits, {job.section.label}",
        "tier": "T0",
        "licence": "MIT (generated)",
        "stand_in": False,
        "classes": 2,
    }
    return arrays, attributes
