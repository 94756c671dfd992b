"""What every information must do, whatever its value: tests that need no truth, of every estimator on one pair of variables.

Source of the tests: Franzese, Bounoua & Michiardi, MINDE, ICLR 2024 (arXiv 2310.09031), after Song & Ermon 2020.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from infoflow.estimators import Estimate, findings, gravest
from infoflow.seeds import torch_generator
from infoflow.truth.run import ESTIMATORS, ROOT
from infoflow.truth.tasks import Sample, normal

RHO = 0.8  # of each of the two pairs of coordinates
CLASSES = 4
NOISE = 0.5  # of a noisy layer, in its spread


class Trial(NamedTuple):
    """A sample, and how its information must stand to that of the plain one."""

    relation: str  # "=", "<=" or ">="
    factor: float  # of the plain information
    sample: Sample


def consistency(n: int, seeds: int, root: int = ROOT) -> pd.DataFrame:
    """Every estimator on every test, in nats.

    Args:
        n: Samples.
        seeds: Number of data sets; all estimators see the same.
        root: Seed of all randomness.

    Returns:
        Rows estimator, test, relation, n, seed, value, reference (what the value must be equal to, at most or at least),
        departure (from the relation, 0 where an inequality holds), flag, unit.
    """
    return pd.DataFrame(_rows(n, seeds, root))


def _rows(n: int, seeds: int, root: int) -> Iterator[dict[str, Any]]:
    for seed in range(seeds):
        for estimator, entry in ESTIMATORS.items():
            if "step" in entry.needs:
                continue  # counting is exact, and of nothing but levels
            trials = trials_of(entry.needs[0], n, torch_generator(root, seed, "consistency", entry.needs[0], n))
            plain, _ = _value(estimator, trials.pop("plain").sample, root, seed)
            for test, trial in trials.items():
                value, flag = _value(estimator, trial.sample, root, seed)
                reference = trial.factor * plain
                yield {
                    "estimator": estimator, "test": test, "relation": trial.relation, "n": n, "seed": seed, "value": value,
                    "reference": reference, "departure": departure(value, trial.relation, reference), "flag": flag, "unit": "nats",
                }  # fmt: skip


def departure(value: float, relation: str, reference: float) -> float:
    """How far a value is from what a relation to its reference allows; of an inequality 0 where it holds."""
    gap = value - reference
    return {"=": gap, "<=": max(gap, 0.0), ">=": min(gap, 0.0)}[relation]


def trials_of(needs: str, n: int, generator: torch.Generator) -> dict[str, Trial]:
    """The plain sample and those of the tests, for estimators that take two variables, labels, or centres of a noisy layer."""
    return {"x": _of_variables, "labels": _of_labels, "centres": _of_centres}[needs](n, generator)


def _of_variables(n: int, generator: torch.Generator) -> dict[str, Trial]:
    x, noise, other = (normal(n, 2, generator) for _ in range(3))
    t = RHO * x + math.sqrt(1 - RHO**2) * noise
    again = normal(n, 2, generator)
    both = torch.cat([x, again], 1), torch.cat([t, RHO * again + math.sqrt(1 - RHO**2) * normal(n, 2, generator)], 1)
    shuffled = t[torch.randperm(n, generator=generator)]
    return {
        "plain": Trial("=", 1, Sample(x, t)),
        "independence": Trial("=", 0, Sample(x, shuffled)),
        "data processing: noise": Trial("<=", 1, Sample(x, t + other)),
        "data processing: ReLU": Trial("<=", 1, Sample(x, t.relu())),
        "self-information": Trial(">=", 1, Sample(x, x)),
        "additivity": Trial("=", 2, Sample(*both)),
        "scale": Trial("=", 1, Sample(1000 * x, t)),
        "rotation": Trial("=", 1, Sample(x, t @ _rotation(2, generator))),
        "cubes": Trial("=", 1, Sample(x, t**3)),
    }


def _of_labels(n: int, generator: torch.Generator) -> dict[str, Trial]:
    labels = torch.arange(n) % CLASSES
    means = 2 * torch.eye(CLASSES, dtype=torch.float64)
    t = means[labels] + normal(n, CLASSES, generator)
    other = labels[torch.randperm(n, generator=generator)]
    both = torch.cat([t, means[other] + normal(n, CLASSES, generator)], 1)
    shuffled = labels[torch.randperm(n, generator=generator)]
    own = labels[:, None].to(torch.float64)
    return {
        "plain": Trial("=", 1, Sample(None, t, labels)),
        "independence": Trial("=", 0, Sample(None, t, shuffled)),
        "data processing: noise": Trial("<=", 1, Sample(None, t + normal(n, CLASSES, generator), labels)),
        "data processing: ReLU": Trial("<=", 1, Sample(None, (t - 1).relu(), labels)),
        "self-information": Trial(">=", 1, Sample(None, own, labels)),
        "additivity": Trial("=", 2, Sample(None, both, labels * CLASSES + other)),
        "scale": Trial("=", 1, Sample(None, 1000 * t, labels)),
        "rotation": Trial("=", 1, Sample(None, t @ _rotation(CLASSES, generator), labels)),
        "cubes": Trial("=", 1, Sample(None, t**3, labels)),
    }


def _of_centres(n: int, generator: torch.Generator) -> dict[str, Trial]:
    centres, again = normal(n, 2, generator), normal(n, 2, generator)
    paired = torch.cat([centres, again], 1)  # information of 4 independent units with equal noise: twice that of 2

    def noisy(values: Tensor, std: float = NOISE) -> Sample:
        return Sample(None, values, centres=values, std=std)

    return {
        "plain": Trial("=", 1, noisy(centres)),
        "data processing: noise": Trial("<=", 1, noisy(centres, 2 * NOISE)),
        "additivity": Trial("=", 2, noisy(paired)),
        "scale": Trial("=", 1, noisy(1000 * centres, 1000 * NOISE)),
        "rotation": Trial("=", 1, noisy(centres @ _rotation(2, generator))),
    }


def _rotation(d: int, generator: torch.Generator) -> Tensor:
    return torch.linalg.qr(normal(d, d, generator))[0]


def _value(estimator: str, sample: Sample, root: int, seed: int) -> tuple[float, str]:
    """What an estimator makes of a sample, and its gravest flag."""
    with findings() as found:
        result = ESTIMATORS[estimator].call(sample, torch_generator(root, seed, "consistency", estimator))
    return float(result.value if isinstance(result, Estimate) else result), gravest(found)
