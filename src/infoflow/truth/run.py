"""One estimator on one task: a tidy row, with what a reader must know beside the value."""

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd
import torch

from infoflow.estimators import Diagnostics, Estimate, binning, findings, gravest, kde, knn, noisy, renyi
from infoflow.estimators._common import count_ties
from infoflow.seeds import torch_generator
from infoflow.storage.files import canonical_json
from infoflow.truth.tasks import TASKS, Sample, Task

FINE, COARSE = 0.1, 0.5  # bin and kernel widths in units of the data's own scale
NARROW, MEDIAN = 0.25, 1.0  # Rényi kernel widths in units of the median distance
K = 3  # neighbours
DRAWS = 2048  # of sample propagation
ROOT = 2019  # seed of all randomness, that of the default config


class Estimator(NamedTuple):
    """An estimator of mutual information: the parts of a sample that it needs, the call, and what it is."""

    needs: tuple[str, ...]
    call: Callable[[Sample, torch.Generator], Any]  # a tensor in nats, or an `Estimate`
    diagnose: Callable[[float, Sample], Diagnostics]
    settings: dict[str, Any]
    kind: str = "point"  # or "lower", "upper"
    refers_to: str = "population"  # or "sample": the mixture whose centres are the n samples


def binned_labels(factor: float) -> Estimator:
    """I(Bin(T); Y); bins of `factor` times the spread of a unit."""

    def call(sample: Sample, generator: torch.Generator):
        return binning.mutual_information(sample.t, sample.labels, factor * _spread(sample.t))

    def diagnose(value: float, sample: Sample) -> Diagnostics:
        return binning.diagnostics(value, sample.t, factor * _spread(sample.t), labels=sample.labels)

    return Estimator(("labels",), call, diagnose, {"width": factor, "width_unit": "spread of a unit"})


def binned_pair(factor: float) -> Estimator:
    """H(Bin(X)) + H(Bin(T)) - H(Bin(X), Bin(T)); bins of `factor` times the spread of a unit of each."""

    def call(sample: Sample, generator: torch.Generator):
        scaled = [v / _spread(v) for v in (sample.x, sample.t)]
        return sum(binning.entropy(v, factor) for v in scaled) - binning.entropy(torch.cat(scaled, 1), factor)

    def diagnose(value: float, sample: Sample) -> Diagnostics:
        return _of_pairs(value, sample, math.log(len(sample.t)), factor)

    return Estimator(("x",), call, diagnose, {"width": factor, "width_unit": "spread of a unit"})


def kde_labels(bound: str, factor: float) -> Estimator:
    """I(T + noise; Y) from pairwise bounds; noise of `factor` times the spread of a unit."""

    def call(sample: Sample, generator: torch.Generator):
        return kde.label_information(sample.t, sample.labels, (factor * _spread(sample.t)) ** 2, bound)

    def diagnose(value: float, sample: Sample) -> Diagnostics:
        return kde.diagnostics(value, sample.t, (factor * _spread(sample.t)) ** 2, labels=sample.labels)

    settings = {"bound": bound, "noise_std": factor, "width_unit": "spread of a unit"}
    return Estimator(("labels",), call, diagnose, settings, _side(bound), "sample")


def kde_layer(bound: str, factor: float = 1.0) -> Estimator:
    """I(X; T) of a noisy layer from pairwise bounds; `factor` times the noise that the layer has."""

    def call(sample: Sample, generator: torch.Generator):
        return kde.input_information(sample.centres, (factor * sample.std) ** 2, bound)

    def diagnose(value: float, sample: Sample) -> Diagnostics:
        return kde.diagnostics(value, sample.centres, (factor * sample.std) ** 2)

    settings = {"bound": bound, "noise_std": factor, "width_unit": "noise of the layer"}
    return Estimator(("centres",), call, diagnose, settings, _side(bound), "sample")


def matrix_renyi(alpha: float, factor: float) -> Estimator:
    """I_alpha(X; T) with kernels of `factor` times the median distance of each variable."""

    def call(sample: Sample, generator: torch.Generator):
        widths = [renyi.median_width(v, factor) for v in (sample.x, sample.t)]
        return renyi.mutual_information(sample.x, sample.t, alpha, widths, unit="nats")

    def diagnose(value: float, sample: Sample) -> Diagnostics:
        return _of_pairs(value, sample, math.log(len(sample.t)), factor)

    return Estimator(("x",), call, diagnose, {"alpha": alpha, "sigma": factor, "width_unit": "median distance"})


def kraskov(algorithm: int) -> Estimator:
    """Kraskov's algorithm 1 or 2."""

    def call(sample: Sample, generator: torch.Generator):
        return knn.mutual_information(sample.x, sample.t, K, algorithm=algorithm)

    def diagnose(value: float, sample: Sample) -> Diagnostics:
        # Without ties k - 1 (algorithm 1) or k neighbours (2) are nearer in both marginals too; with ties, for
        # which the estimator is not meant, values may lie beyond.
        psi = torch.digamma(torch.tensor([float(len(sample.t)), float(K)], dtype=torch.float64)).tolist()
        return _of_pairs(value, sample, psi[0] - psi[1] - (1 / K if algorithm == 2 else 0.0), math.nan)

    return Estimator(("x",), call, diagnose, {"k": K, "algorithm": algorithm})


def _ross(sample: Sample, generator: torch.Generator):
    return knn.label_information(sample.t, sample.labels, K)


def _counted(sample: Sample, generator: torch.Generator):
    """I(X; T) = H(T), or I(T; Y), of a deterministic layer of few levels, by counting them."""
    shifted = sample.t + sample.step / 2
    if sample.labels is None:
        return binning.entropy(shifted, sample.step)
    return binning.mutual_information(shifted, sample.labels, sample.step)


def _propagated(sample: Sample, generator: torch.Generator) -> Estimate:
    return noisy.mutual_information(sample.centres, None, sample.std, samples=DRAWS, generator=generator)


def _of_pairs(value: float, sample: Sample, ceiling: float, relative_width: float) -> Diagnostics:
    """Diagnostics of an information between two variables: ties are those of the one that has more."""
    return Diagnostics(ceiling, value / ceiling, max(map(count_ties, (sample.x, sample.t))), relative_width)


def _spread(t: torch.Tensor) -> float:
    """Root mean square standard deviation of the units."""
    return t.var(0).mean().sqrt().item()


def _side(bound: str) -> str:
    """What a bound is: of an input information both are bounds, of a label information only the rigorous ones."""
    return {"rigorous_lower": "lower", "rigorous_upper": "upper"}.get(bound, bound)


ESTIMATORS: dict[str, Estimator] = {
    "binning_fine": binned_labels(FINE),
    "binning_coarse": binned_labels(COARSE),
    "binning_pair": binned_pair(COARSE),
    "counting": Estimator(
        ("step",),
        _counted,
        lambda value, s: binning.diagnostics(value, s.t + s.step / 2, s.step, labels=s.labels),
        {"width": 1, "width_unit": "level"},
    ),
    "kde_upper": kde_layer("upper"),
    "kde_lower": kde_layer("lower"),
    "kde_label_upper": kde_labels("upper", FINE)._replace(kind="point"),
    "kde_label_rigorous_lower": kde_labels("rigorous_lower", FINE),
    "ksg_1": kraskov(1),
    "ksg_2": kraskov(2),
    "ross": Estimator(("labels",), _ross, lambda v, s: knn.diagnostics(v, s.t, K, labels=s.labels), {"k": K}),
    "renyi_narrow": matrix_renyi(1.01, NARROW),
    "renyi_median": matrix_renyi(1.01, MEDIAN),
    "renyi2_narrow": matrix_renyi(2, NARROW),
    "renyi2_median": matrix_renyi(2, MEDIAN),
    "propagation": Estimator(
        ("centres",),
        _propagated,
        lambda value, s: kde.diagnostics(value, s.centres, s.std**2),
        {"samples": DRAWS},
        refers_to="sample",
    ),
}


def applies(estimator: str, task: str) -> bool:
    """Whether an estimator can run on a task: whether a small sample has all that it needs."""
    sample = TASKS[task].sample(2, torch.Generator().manual_seed(0))
    return all(getattr(sample, part) is not None for part in ESTIMATORS[estimator].needs)


def evaluate(task: str, estimator: str, n: int, seed: int, *, root: int = ROOT) -> dict[str, Any]:
    """Run one estimator on n samples of one task.

    Args:
        task: Id in `TASKS`.
        estimator: Id in `ESTIMATORS`.
        n: Samples.
        seed: Index of the samples (and of the estimator's own draws); all estimators see the same samples.
        root: Seed of all randomness.

    Returns:
        A tidy row: task, family, network, estimator, settings (canonical JSON), kind (point, lower, upper), refers_to
        (population, or sample: the mixture around the n samples), n, seed, value, std_error, bias_bound, truth,
        truth_std_error, error (value - truth), unit ("nats"), ceiling (the largest value that the estimator can give),
        saturation, ties, relative_width, flag (the gravest of `infoflow.estimators.FLAGS`), seconds.

    Raises:
        ValueError: On an unknown id, or an estimator that does not apply to the task.
    """
    for name, known in ((task, TASKS), (estimator, ESTIMATORS)):
        if name not in known:
            raise ValueError(f"{name!r}: expected one of {', '.join(known)}")
    if not applies(estimator, task):
        raise ValueError(f"{estimator} does not apply to {task}: it needs {', '.join(ESTIMATORS[estimator].needs)}")
    return measure(TASKS[task], estimator, ESTIMATORS[estimator], n, seed, root)


def measure(task: Task, name: str, estimator: Estimator, n: int, seed: int, root: int) -> dict[str, Any]:
    """The row of `evaluate` for any estimator, under the given name."""
    generator = torch_generator(root, seed, "truth", task.id, n)
    sample = task.sample(n, generator)
    start = time.perf_counter()
    with findings() as found:
        result = estimator.call(sample, generator)
    seconds = time.perf_counter() - start
    value, std_error, bias_bound = result if isinstance(result, Estimate) else (result, 0.0, 0.0)
    value = float(value)
    return {
        "task": task.id, "family": task.family, "network": task.network,
        "estimator": name, "settings": canonical_json(estimator.settings), "kind": estimator.kind, "refers_to": estimator.refers_to,
        "n": n, "seed": seed, "value": value, "std_error": float(std_error), "bias_bound": float(bias_bound),
        "truth": task.truth, "truth_std_error": task.truth_std_error, "error": value - task.truth, "unit": "nats",
        **estimator.diagnose(value, sample)._asdict(), "flag": gravest(found), "seconds": seconds,
    }  # fmt: skip


def recompute(table: pd.DataFrame, root: int, task: str, estimator: str, seed: int = 0) -> pd.DataFrame:
    """One value of the benchmark, at the largest n that its table has, computed anew and held against the table.

    Args:
        table: The benchmark's table.
        root: The run's seed.
        task: Id in `TASKS`.
        estimator: Id in `ESTIMATORS`.
        seed: Index of the samples.

    Raises:
        ValueError: If the table has no such row.
    """
    rows = table[(table["task"] == task) & (table["estimator"] == estimator) & (table["seed"] == seed)]
    if rows.empty:
        raise ValueError(f"the table has no row of {estimator} on {task} with seed {seed}")
    row = rows.loc[rows["n"].idxmax()]
    anew = evaluate(task, estimator, int(row["n"]), seed, root=root)
    shown = {name: anew[name] for name in ("task", "estimator", "n", "seed", "truth", "unit")}
    difference = anew["value"] - row["value"]
    return pd.DataFrame([{**shown, "in the table": row["value"], "anew": anew["value"], "difference": difference}])
