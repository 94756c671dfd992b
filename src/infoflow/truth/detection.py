"""Would it have seen it? Layers over a training whose information is known at every step, with and without compression.

A trajectory is a layer of n samples at ten steps. What is known is I(X; T + Z) of the n equally likely samples, for Gaussian noise Z
of a given width: a quadrature up to two dimensions, draws with a standard error beyond. Compression is planted in one half (clustering,
saturation, collapse of dimensions, coarser levels); the other half has none, but what is taken for it: a change of scale that the noise
goes with, a drift, a rotation, a few samples that leave the range, growth.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import DetectionJob
from infoflow.errors import InputError
from infoflow.estimation import live
from infoflow.estimation.live import Asked
from infoflow.estimation.rows import Row, spread
from infoflow.estimators import noisy
from infoflow.recording.live import LiveRecording
from infoflow.recording.stores import Memory
from infoflow.seeds import numpy_generator, torch_generator
from infoflow.storage.tables import write_table

STEPS = 10
LATENTS = 4
REGIMES = {"low": (1, 2, 4, 8), "middle": (16, 32, 64), "high": (128, 256, 1024)}  # dimensions of the layer
SAMPLES = (128, 512, 1024, 2048, 4096)
SHARES = (0.5, 0.3, 0.15, 0.04, 0.01)  # how often so many samples are drawn
QUINTILES = torch.tensor([-0.8416, -0.2533, 0.2533, 0.8416], dtype=torch.float64)  # of a normal number
# Classes of samples by two of their latents: equally many of each, or one sample in ten in the second.
LABELS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "two": lambda a, b: (a > 0).long(),
    "rare": lambda a, b: (a > 1.2816).long(),
    "four": lambda a, b: (a > 0).long() + 2 * (b > 0).long(),
    "ten": lambda a, b: torch.bucketize(a.contiguous(), QUINTILES) + 5 * (b > 0).long(),
}
NOISE = (0.1, 0.25, 0.5)  # of the root of the layer's whole variance at the start
DRAWS = 4096  # of a known information, at least


class Candidate(NamedTuple):
    """An estimator with its settings, and the quantity that is taken for what a layer keeps of its input."""

    asked: Asked
    quantity: str


# Every estimator as `infoflow.estimate` runs it by default, with the settings that papers give it, and with widths that
# follow the layer; and two measures that are no information.
CANDIDATES: dict[str, Candidate] = {
    "kde": Candidate("kde", "I_XT"),
    "kde, noise by the first spread": Candidate({"kind": "kde", "relative_to": "start"}, "I_XT"),
    "kde, noise by spread": Candidate({"kind": "kde", "relative_to": "spread"}, "I_XT"),
    "kde, variance 1e-3": Candidate({"kind": "kde", "variances": [1.0e-3]}, "I_XT"),
    "kde, variance 1e-1": Candidate({"kind": "kde", "variances": [1.0e-1]}, "I_XT"),
    "binning": Candidate("binning", "H_T"),
    "binning, width by spread": Candidate({"kind": "binning", "relative_to": "spread"}, "H_T"),
    "binning, width by trimmed spread": Candidate({"kind": "binning", "relative_to": "trimmed"}, "H_T"),
    "binning, width 0.05": Candidate({"kind": "binning", "widths": [0.05]}, "H_T"),
    "binning, 30 over the run": Candidate({"kind": "binning", "run_bins": 30}, "H_T"),
    "knn": Candidate("knn", "h_T"),
    "renyi": Candidate("renyi", "I_XT"),
    "renyi, power rule": Candidate({"kind": "renyi", "widths": [{"rule": "power"}]}, "I_XT"),
    "effective rank": Candidate("clustering", "effective_rank"),
    "distances within classes": Candidate("clustering", "ratio_distance"),
}


class Change(NamedTuple):
    """What happens to a layer: values at a progress from 0 to 1, and the factor by which the noise goes with them."""

    planted: bool
    change: Callable[[Tensor, Tensor, float, np.random.Generator], tuple[Tensor, float]]


def _clustering(v: Tensor, y: Tensor, s: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """Samples move to the mean of their class."""
    means = torch.zeros_like(v)
    for label in y.unique():
        means[y == label] = v[y == label].mean(0)
    return means + (1 - s) * (v - means), 1.0


def _saturation(v: Tensor, y: Tensor, s: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """The gain of a tanh layer grows until its units sit at both ends."""
    scale = spread(v)
    return scale * torch.tanh((1 + 30 * s) * (v - v.mean(0)) / scale) / math.tanh(1 + 30 * s), 1.0


def _collapse(v: Tensor, y: Tensor, s: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """All but the leading direction shrink; of a single unit the unit itself."""
    mean = v.mean(0)
    _, _, directions = torch.linalg.svd(v - mean, full_matrices=False)
    leading = directions[:1] if v.shape[1] > 1 else directions[:0]
    kept = (v - mean) @ leading.T @ leading
    return mean + kept + (1 - s) * (v - mean - kept), 1.0


def _coarsening(v: Tensor, y: Tensor, s: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """Values are rounded to fewer and fewer levels."""
    width = 6 * s * spread(v)
    return (v if s == 0 else width * torch.round(v / width)), 1.0


def _scale(v: Tensor, y: Tensor, s: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """The layer shrinks or grows, and its noise with it."""
    factor = math.exp((3.0 if rng.random() < 0.5 else -3.0) * s)
    return factor * v, factor


def _drift(v: Tensor, y: Tensor, s: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """The layer moves as a whole."""
    direction = torch.from_numpy(rng.standard_normal(v.shape[1]))
    return v + 10 * s * spread(v) * direction / direction.norm() * math.sqrt(v.shape[1]), 1.0


def _rotation(v: Tensor, y: Tensor, s: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """Pairs of directions turn into each other; a single unit changes its sign half way."""
    d = v.shape[1]
    if d == 1:
        return (v if s < 0.5 else -v), 1.0
    basis = torch.linalg.qr(torch.from_numpy(rng.standard_normal((d, d)))).Q
    turned = v @ basis
    a, b = turned[:, : d // 2].clone(), turned[:, d // 2 : 2 * (d // 2)].clone()
    angle = s * math.pi / 2
    turned[:, : d // 2], turned[:, d // 2 : 2 * (d // 2)] = (
        math.cos(angle) * a - math.sin(angle) * b,
        math.sin(angle) * a + math.cos(angle) * b,
    )
    return turned @ basis.T, 1.0


def _outliers(v: Tensor, y: Tensor, s: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """One sample in fifty leaves the range of the others, which then fills a smaller part of it."""
    few = torch.from_numpy(rng.permutation(len(v))[: max(1, len(v) // 50)])
    moved = v.clone()
    moved[few] += 30 * s * spread(v)
    return moved, 1.0


def _growth(v: Tensor, y: Tensor, s: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """The layer grows and its noise does not: information rises, within a range that grows."""
    return (1 + 4 * s) * v, 1.0


CHANGES = {
    "clustering": Change(True, _clustering), "saturation": Change(True, _saturation), "collapse": Change(True, _collapse),
    "coarsening": Change(True, _coarsening), "scale": Change(False, _scale), "drift": Change(False, _drift),
    "rotation": Change(False, _rotation), "outliers": Change(False, _outliers), "growth": Change(False, _growth),
}  # fmt: skip


@dataclass(frozen=True)
class Trajectory:
    """A layer over a training.

    Attributes:
        number: which of all trajectories it is.
        regime: `low`, `middle` or `high`, of the layer's dimension.
        change: what happens to it, a key of `CHANGES`.
        classes: a key of `LABELS`, which says how the samples fall into classes.
        base: kind of layer: `linear`, `relu`, `tanh`, or `maps` of images of shapes.
        d, n: units and samples.
        noise: width of the noise, as a share of the root of the layer's whole variance at the start.
        strength: how far the change goes, at most 1.
        late: whether it begins half way.
    """

    number: int
    regime: str
    change: str
    base: str
    d: int
    n: int
    noise: float
    strength: float
    late: bool
    classes: str

    def progress(self, step: int) -> float:
        """How far the change has gone at a step, 0 to `strength`: it is over before the last three steps."""
        start, stop = (4, 7) if self.late else (1, 5)
        return self.strength * min(1.0, max(0.0, (step - start + 1) / (stop - start)))


def trajectory(number: int, seed: int) -> Trajectory:
    """The trajectory of a number: planted changes and others take turns, and so do the regimes."""
    rng = numpy_generator(seed, "detection", number)
    planted = [name for name, change in CHANGES.items() if change.planted == (number % 2 == 0)]
    regime = list(REGIMES)[number // 2 % len(REGIMES)]
    return Trajectory(
        number=number,
        regime=regime,
        change=planted[number // (2 * len(REGIMES)) % len(planted)],
        base=str(rng.choice(["linear", "relu", "tanh", "maps"])),
        d=int(rng.choice(REGIMES[regime])),
        n=int(rng.choice(SAMPLES, p=SHARES)),
        noise=float(rng.choice(NOISE)),
        strength=float(rng.uniform(0.1, 1.0)),
        late=bool(rng.random() < 0.5),
        classes=str(rng.choice(list(LABELS))),
    )


def start(one: Trajectory, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs (n, …), classes (n,) and the layer (n, d) of a trajectory before its change; the layer's spread is 1."""
    generator = torch_generator(seed, one.number, "detection")
    latents = torch.randn(one.n, LATENTS, generator=generator, dtype=torch.float64)
    y = LABELS[one.classes](latents[:, 0], latents[:, 1])
    if one.base == "maps":
        x = shapes(latents)
        kernels = torch.randn(one.d, 1, 12, 12, generator=generator, dtype=torch.float64)
        v = torch.relu(torch.nn.functional.conv2d(x, kernels)).flatten(1)  # one place for each of d maps
        v = (v - v.mean(0)) / v.std(0).clamp(min=1e-6)  # batch normalisation
    else:
        x = latents
        v = latents @ torch.randn(LATENTS, one.d, generator=generator, dtype=torch.float64) / math.sqrt(LATENTS)
        v = {"linear": lambda t: t, "relu": torch.relu, "tanh": torch.tanh}[one.base](v)
    return x, y, v / spread(v).clamp(min=1e-12)


def shapes(latents: Tensor) -> Tensor:
    """Images (n, 1, 12, 12) of a soft disc whose place, size and brightness are the latents (n, 4)."""
    place = torch.linspace(-1, 1, 12, dtype=torch.float64)
    rows, columns = torch.meshgrid(place, place, indexing="ij")
    u = torch.tanh(latents)[:, :, None, None]
    squares = (rows - 0.6 * u[:, 0]) ** 2 + (columns - 0.6 * u[:, 1]) ** 2
    radius = 0.4 + 0.2 * u[:, 2]
    return ((1 + 0.5 * u[:, 3]) * torch.sigmoid(12 * (radius - squares.sqrt())))[:, None]


def steps(one: Trajectory, seed: int) -> tuple[Tensor, Tensor, list[tuple[Tensor, float]]]:
    """Inputs, classes, and at every step the layer (n, d) with the width of its noise."""
    x, y, v = start(one, seed)
    width = one.noise * math.sqrt(v.shape[1])  # the spread is 1
    made = []
    for step in range(STEPS):
        rng = numpy_generator(seed, "detection", one.number, "change")
        values, factor = CHANGES[one.change].change(v, y, one.progress(step), rng)
        made.append((values, factor * width))
    return x, y, made


def known(values: Tensor, width: float, generator: torch.Generator) -> noisy.Estimate:
    """I(X; T + Z) of equally likely samples, in nats."""
    return noisy.mutual_information(values, None, width, samples=max(DRAWS, len(values)), generator=generator)


def recording(x: Tensor, y: Tensor, layers: Iterable[Tensor]) -> LiveRecording:
    """A recording of one layer, T, over steps."""
    made = LiveRecording(None, None, Memory(2**40))
    made.layers, made.paths = ["T"], {"T": "T"}
    made.given.add("all", x.flatten(1).float(), y, "")
    for step, values in enumerate(layers):
        made.store.put(step, "all", iter([("T", values.float()[:, None])]))
        made.taken.setdefault("all", []).append(step)
    made._shapes = {"T": tuple(values[:, None].shape[1:])}
    made.epochs = {made.seed: made.taken["all"]}
    return made


def evaluate(one: Trajectory, candidates: dict[str, Candidate], seed: int) -> Iterator[Row]:
    """Rows of one trajectory: at every step what is known, and what each estimator says of the layer and its input."""
    x, y, layers = steps(one, seed)
    generator = torch_generator(seed, one.number, "truth")
    common = {
        name: getattr(one, name)
        for name in ("number", "regime", "change", "classes", "base", "d", "n", "noise", "strength", "late")
    }
    common["planted"] = CHANGES[one.change].planted
    for step, (values, width) in enumerate(layers):
        truth = known(values, width, generator)
        yield {**common, "estimator": "known", "kind": "point", "step": step, "value": float(truth.value),
               "std_error": float(truth.std_error), "flag": "", "seconds": 0.0}  # fmt: skip
    of = recording(x, y, [values for values, _ in layers])
    for name, candidate in candidates.items():
        started = time.perf_counter()
        table = live.table_of(of, live.tasks(of, candidate.asked, seed=seed))
        seconds = (time.perf_counter() - started) / STEPS
        rows = table[(table["quantity"] == candidate.quantity) & table["kind"].isin(["point", "upper", "lower"])]
        if rows.empty:
            raise InputError(f"{name}: gives no {candidate.quantity}, but {', '.join(sorted(set(table['quantity'])))}")
        for row in rows.itertuples():
            value = row.value * (math.log(2) if row.unit == "bits" else 1.0)
            yield {**common, "estimator": name, "kind": row.kind, "step": int(row.epoch), "value": value,
                   "std_error": row.std_error, "flag": row.flag, "seconds": seconds}  # fmt: skip


def run(job: DetectionJob, output: str) -> None:
    """Evaluate a part of the trajectories, and write one row a value."""
    torch.set_num_threads(1)
    rows: list[Row] = []
    numbers = range(job.part, job.trajectories, job.parts)
    for done, number in enumerate(numbers, start=1):
        rows += evaluate(trajectory(number, job.seed), CANDIDATES, job.seed)
        if done % 10 == 0:
            print(f"{done}/{len(numbers)} trajectories", flush=True)
    write_table(output, pd.DataFrame(rows))
