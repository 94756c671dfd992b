"""One estimator on one task: a tidy row."""

import json
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from infoflow.estimators import Estimate, binning, kde, knn, noisy, renyi
from infoflow.truth.tasks import TASKS, Sample

FINE, COARSE = 0.1, 0.5  # bin and kernel widths in units of the data's own scale


class Estimator(NamedTuple):
    """An estimator of mutual information: the parts of a sample that it needs, and the call."""

    needs: tuple[str, ...]
    call: Callable[[Sample, torch.Generator], object]
    settings: dict


def _spread(t: torch.Tensor) -> float:
    return t.var(0).mean().sqrt().item()


def _binned(factor: float) -> Estimator:
    def call(sample: Sample, generator: torch.Generator):
        return binning.mutual_information(sample.t, sample.labels, factor * _spread(sample.t))

    return Estimator(("labels",), call, {"width": f"{factor} std"})


def _binned_pair(sample: Sample, generator: torch.Generator):
    x, t = sample.x, sample.t
    parts = [binning.entropy(v, COARSE * _spread(v)) for v in (x, t)]
    scaled = torch.cat([x / _spread(x), t / _spread(t)], 1)
    return sum(parts) - binning.entropy(scaled, COARSE)


def _kde_labels(bound: str, factor: float) -> Estimator:
    def call(sample: Sample, generator: torch.Generator):
        variance = (factor * _spread(sample.t)) ** 2
        return kde.label_information(sample.t, sample.labels, variance, bound)

    return Estimator(("labels",), call, {"bound": bound, "std": f"{factor} std"})


def _kde_layer(bound: str) -> Estimator:
    def call(sample: Sample, generator: torch.Generator):
        return kde.input_information(sample.centres, sample.std**2, bound)

    return Estimator(("centres",), call, {"bound": bound, "variance": "of the noise"})


def _renyi(factor: float) -> Estimator:
    def call(sample: Sample, generator: torch.Generator):
        widths = [factor * renyi.median_width(v) for v in (sample.x, sample.t)]
        return renyi.mutual_information(sample.x, sample.t, 1.01, widths, unit="nats")

    return Estimator(("x",), call, {"alpha": 1.01, "sigma": f"{factor} median distance"})


def _kraskov(algorithm: int) -> Estimator:
    def call(sample: Sample, generator: torch.Generator):
        return knn.mutual_information(sample.x, sample.t, 3, algorithm=algorithm)

    return Estimator(("x",), call, {"k": 3, "algorithm": algorithm})


def _counted(sample: Sample, generator: torch.Generator):
    """I(X; T) = H(T), or I(T; Y), of a deterministic layer of few levels, by counting them."""
    if sample.labels is None:
        return binning.entropy(sample.t + sample.step / 2, sample.step)
    return binning.mutual_information(sample.t + sample.step / 2, sample.labels, sample.step)


def _propagated(sample: Sample, generator: torch.Generator) -> Estimate:
    return noisy.mutual_information(sample.centres, None, sample.std, generator=generator)


ESTIMATORS: dict[str, Estimator] = {
    "binning_fine": _binned(FINE),
    "binning_coarse": _binned(COARSE),
    "binning_pair": Estimator(("x",), _binned_pair, {"width": f"{COARSE} std"}),
    "counting": Estimator(("step",), _counted, {"width": "one level"}),
    "kde_upper": _kde_layer("upper"),
    "kde_lower": _kde_layer("lower"),
    "kde_label_upper": _kde_labels("upper", FINE),
    "kde_label_rigorous_lower": _kde_labels("rigorous_lower", FINE),
    "ksg_1": _kraskov(1),
    "ksg_2": _kraskov(2),
    "ross": Estimator(("labels",), lambda s, g: knn.label_information(s.t, s.labels, 3), {"k": 3}),
    "renyi_narrow": _renyi(0.25),
    "renyi_median": _renyi(1.0),
    "propagation": Estimator(("centres",), _propagated, {"samples": 2048}),
}


def applies(estimator: str, task: str) -> bool:
    """Whether an estimator can run on a task: whether a small sample has all that it needs."""
    sample = TASKS[task].sample(2, torch.Generator().manual_seed(0))
    return all(getattr(sample, part) is not None for part in ESTIMATORS[estimator].needs)


def evaluate(task: str, estimator: str, n: int, seed: int) -> dict:
    """Run one estimator on n samples of one task.

    Args:
        task: Id in `TASKS`.
        estimator: Id in `ESTIMATORS`.
        n: Samples.
        seed: Of the samples (and of the estimator's own draws).

    Returns:
        A tidy row: task, family, network, estimator, settings (canonical JSON), n, seed, value, truth, error,
        std_error, ceiling (ln n), saturation, unit ("nats"), seconds.

    Raises:
        ValueError: On an unknown id, or an estimator that does not apply to the task.
    """
    for name, known in ((task, TASKS), (estimator, ESTIMATORS)):
        if name not in known:
            raise ValueError(f"{name!r}: expected one of {', '.join(known)}")
    if not applies(estimator, task):
        raise ValueError(f"{estimator} does not apply to {task}: it needs {', '.join(ESTIMATORS[estimator].needs)}")
    found, method = TASKS[task], ESTIMATORS[estimator]
    generator = torch.Generator().manual_seed(seed)
    sample = found.sample(n, generator)
    start = time.perf_counter()
    result = method.call(sample, generator)
    seconds = time.perf_counter() - start
    estimate = isinstance(result, Estimate)
    value = (result.value if estimate else result).item()
    return {
        "task": task,
        "family": found.family,
        "network": found.network,
        "estimator": estimator,
        "settings": json.dumps(method.settings, sort_keys=True),
        "n": n,
        "seed": seed,
        "value": value,
        "truth": found.truth,
        "error": value - found.truth,
        "std_error": result.std_error.item() if estimate else math.nan,
        "ceiling": math.log(n),
        "saturation": value / math.log(n),
        "unit": "nats",
        "seconds": seconds,
    }
