"""Scalar inputs: points, a Gaussian, a mixture of two Gaussians, or a uniform interval.

Each seed draws its own training and test samples; `probe_x` and `probe_probability` hold the population: the points
themselves, or quadrature nodes dense enough for the scalar-chain estimate.
"""

from __future__ import annotations

import numpy as np

from infoflow.config.datasets import ScalarData
from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.errors import InputError
from infoflow.seeds import numpy_generator


def sample(section: ScalarData, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `count` inputs from the population."""
    population = section.population
    if population == "points":
        return rng.choice(np.array(section.values), count)
    if population == "uniform":
        return rng.uniform(section.low, section.high, count)
    centre = rng.choice([-1.0, 1.0], count) if population == "normal_mixture" else 0.0
    return centre + section.std * rng.standard_normal(count)


def targets(section: ScalarData, x: np.ndarray) -> np.ndarray:
    """Targets of inputs: those listed for points, else one of two by the sign of x."""
    if section.population == "points":
        table = dict(zip(section.values, section.targets, strict=True))
        return np.array([table[value] for value in x])
    low, high = section.targets
    return np.where(x > 0, high, low)


def population(section: ScalarData) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and probabilities of the population, each (m,)."""
    if section.population == "points":
        values = np.array(section.values)
        return values, np.full(len(values), 1 / len(values))
    from infoflow.estimators.noisy import continuous_inputs

    options = {"uniform": ("low", "high"), "normal": ("std",), "normal_mixture": ("std",)}[section.population]
    given = {k: getattr(section, k) for k in options}
    nodes, probabilities = continuous_inputs(section.population, resolution=section.resolution, **given)
    return np.asarray(nodes), np.asarray(probabilities)


def make(job: DatasetJob) -> DataSet:
    """Samples of every seed and the population."""
    expected = len(job.section.values) if job.section.population == "points" else 2
    if len(job.section.targets) != expected:
        raise InputError(
            f"datasets.{job.dataset}.targets: expected {expected} numbers, found {len(job.section.targets)}"
        )
    sizes = job.section.train, job.section.test
    x = np.stack(
        [sample(job.section, sum(sizes), numpy_generator(job.seed, seed, "data")) for seed in range(job.section.seeds)]
    )
    nodes, probabilities = population(job.section)
    arrays = {
        "x": x[..., None].astype(np.float32),  # (seeds, samples, 1)
        "y": targets(job.section, x.ravel()).reshape(x.shape).astype(np.float32),
        "split": np.repeat(np.array([0, 1], np.uint8), sizes),
        "probe_x": nodes,
        "probe_probability": probabilities,
    }
    attributes = {
        "source": f"generated: {job.section.population}",
        "continuous": job.section.population != "points",
        "tier": "T0",
        "licence": "MIT (generated)",
        "stand_in": False,
        "classes": len(set(job.section.targets)),
    }
    return arrays, attributes
