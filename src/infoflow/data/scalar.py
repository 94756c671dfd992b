"""Scalar inputs: points, a Gaussian, a mixture of two Gaussians, or a uniform interval.

Each seed draws its own training and test samples; `probe_x` and `probe_probability` hold the population: the points
themselves, or quadrature nodes dense enough for the scalar-chain estimate.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from infoflow.io import InputError
from infoflow.seeds import numpy_generator


def sample(settings: dict[str, Any], count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `count` inputs from the population."""
    population = settings["population"]
    if population == "points":
        return rng.choice(np.array(settings["values"]), count)
    if population == "uniform":
        return rng.uniform(settings["low"], settings["high"], count)
    centre = rng.choice([-1.0, 1.0], count) if population == "normal_mixture" else 0.0
    return centre + settings["std"] * rng.standard_normal(count)


def targets(settings: dict[str, Any], x: np.ndarray) -> np.ndarray:
    """Targets of inputs: those listed for points, else one of two by the sign of x."""
    if settings["population"] == "points":
        table = dict(zip(settings["values"], settings["targets"], strict=True))
        return np.array([table[value] for value in x])
    low, high = settings["targets"]
    return np.where(x > 0, high, low)


def population(settings: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and probabilities of the population, each (m,)."""
    if settings["population"] == "points":
        values = np.array(settings["values"])
        return values, np.full(len(values), 1 / len(values))
    from infoflow.estimators.noisy import continuous_inputs

    options = {"uniform": ("low", "high"), "normal": ("std",), "normal_mixture": ("std",)}[settings["population"]]
    given = {k: settings[k] for k in options}
    nodes, probabilities = continuous_inputs(settings["population"], resolution=settings["resolution"], **given)
    return np.asarray(nodes), np.asarray(probabilities)


def make(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Samples of every seed and the population."""
    expected = len(settings["values"]) if settings["population"] == "points" else 2
    if len(settings["targets"]) != expected:
        raise InputError(
            f"datasets.{settings['dataset']}.targets: expected {expected} numbers, found {len(settings['targets'])}"
        )
    sizes = settings["train"], settings["test"]
    x = np.stack(
        [
            sample(settings, sum(sizes), numpy_generator(settings["seed"], seed, "data"))
            for seed in range(settings["seeds"])
        ]
    )
    nodes, probabilities = population(settings)
    arrays = {
        "x": x[..., None].astype(np.float32),  # (seeds, samples, 1)
        "y": targets(settings, x.ravel()).reshape(x.shape).astype(np.float32),
        "split": np.repeat(np.array([0, 1], np.uint8), sizes),
        "probe_x": nodes,
        "probe_probability": probabilities,
    }
    attributes = {
        "source": f"generated: {settings['population']}",
        "continuous": settings["population"] != "points",
        "tier": "T0",
        "licence": "MIT (generated)",
        "stand_in": False,
        "classes": len(set(settings["targets"])),
    }
    return arrays, attributes
