"""A linear teacher and noisy examples of it (Saxe et al. 2018): y = w·x + ε, x ~ N(0, I/N), each seed its own.

Of the N inputs the first `relevant` have teacher weights, w_i ~ N(0, 1/relevant) · sqrt(N), the others none, so that the
answer has variance 1 without noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from infoflow.io import InputError
from infoflow.seeds import numpy_generator


def make(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs (seeds, samples, N), answers (seeds, samples), split, and the teachers (seeds, N)."""
    inputs, relevant = settings["inputs"], settings["relevant"]
    if relevant > inputs:
        raise InputError(f"datasets.{settings['dataset']}.relevant: {relevant} of {inputs} inputs")
    sizes = settings["train"], settings["test"]
    x, y, teachers = [], [], []
    for seed in range(settings["seeds"]):
        rng = numpy_generator(settings["seed"], settings["dataset"], seed, "data")
        teacher = np.zeros(inputs)
        teacher[:relevant] = rng.standard_normal(relevant) * np.sqrt(inputs / relevant)
        x.append(rng.standard_normal((sum(sizes), inputs)) / np.sqrt(inputs))
        y.append(x[-1] @ teacher + settings["noise_std"] * rng.standard_normal(sum(sizes)))
        teachers.append(teacher)
    arrays = {
        "x": np.stack(x).astype(np.float32),
        "y": np.stack(y).astype(np.float32),
        "split": np.repeat(np.array([0, 1], np.uint8), sizes),
        "teacher": np.stack(teachers),
    }
    attributes = {
        "source": "generated: a linear teacher",
        "tier": "T0",
        "licence": "MIT (generated)",
        "stand_in": False,
        "relevant": relevant,
        "noise_std": settings["noise_std"],
    }
    return arrays, attributes
