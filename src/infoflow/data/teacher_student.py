"""A linear teacher and noisy examples of it (Saxe et al. 2018): y = w·x + ε, x ~ N(0, I/N), each seed its own.

Of the N inputs the first `relevant` have teacher weights, w_i ~ N(0, 1/relevant) · sqrt(N), the others none, so that the
answer has variance 1 without noise.
"""

from __future__ import annotations

import numpy as np

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.errors import InputError
from infoflow.seeds import numpy_generator


def make(job: DatasetJob) -> DataSet:
    """Inputs (seeds, samples, N), answers (seeds, samples), split, and the teachers (seeds, N)."""
    inputs, relevant = job.section.inputs, job.section.relevant
    if relevant > inputs:
        raise InputError(f"datasets.{job.dataset}.relevant: {relevant} of {inputs} inputs")
    sizes = job.section.train, job.section.test
    x, y, teachers = [], [], []
    for seed in range(job.section.seeds):
        rng = numpy_generator(job.seed, job.dataset, seed, "data")
        teacher = np.zeros(inputs)
        teacher[:relevant] = rng.standard_normal(relevant) * np.sqrt(inputs / relevant)
        x.append(rng.standard_normal((sum(sizes), inputs)) / np.sqrt(inputs))
        y.append(x[-1] @ teacher + job.section.noise_std * rng.standard_normal(sum(sizes)))
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
        "noise_std": job.section.noise_std,
    }
    return arrays, attributes
