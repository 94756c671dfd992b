"""The trainings of a run, and what is recorded of the trained networks."""

from __future__ import annotations

import functools
import math
from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from infoflow.config import Experiment, Point
from infoflow.config.grids import spread
from infoflow.config.jobs import RecordedPasses, RecordJob, TrainJob, TrainPoint
from infoflow.errors import InputError
from infoflow.plan import checkpoints
from infoflow.plan.datasets import DatasetPlan
from infoflow.plan.snapshots import recorded_epochs, snapshot_epochs
from infoflow.plan.sources import sources

WHOLE = "all"  # the block that holds all seeds


@dataclass(frozen=True)
class Training:
    """One stack: every seed of every point that differs only in stacked axes."""

    id: str
    experiment: str
    points: list[Point]
    settings: TrainJob

    @property
    def priority(self) -> int:
        """Longest first: units × networks × epochs, so that no long training is left for the end."""
        model, training = self.settings.model, self.settings.training
        units = model.units() * model.relative_cost
        rounds = training.epochs * (training.steps_per_epoch or 1)
        return 100 + units * len(self.points) * self.settings.seeds * rounds // 100_000


@dataclass(frozen=True)
class Block:
    """Seeds that are recorded together, each with its snapshots."""

    id: str
    seeds: dict[int, list[int]]


class TrainingPlan(DatasetPlan):
    """Jobs that train stacks and record their layers."""

    def train_jobs(self) -> list[Training]:
        """Every training."""
        return list(self._trainings.values())

    def train_settings(self, job: str) -> TrainJob:
        """Settings of a training."""
        return self._trainings[job].settings

    def train_folders(self, job: str) -> list[str]:
        """Folders of a training, one a point."""
        training = self._trainings[job]
        return [self.train_folder(training.experiment, point.id) for point in training.points]

    def train_sources(self, job: str) -> list[str]:
        """Package files of a training."""
        settings = self._trainings[job].settings
        rated = ["infoflow.training.rate_distortion"] if settings.training.loss == "rate_distortion" else []
        own = sources("infoflow.training.stage", f"infoflow.training.{settings.trainer}", settings.model.module, *rated)
        return [*own, *self.own_files(settings.model)]

    def train_checkpoints(self, job: str) -> list[str]:
        """Files of networks that were trained elsewhere."""
        return [path for of_seed in self._trainings[job].settings.checkpoints.values() for path in of_seed.values()]

    @functools.cached_property
    def _trainings(self) -> dict[str, Training]:
        jobs = {}
        for name in self.experiments:
            for key, members in self.stacks(name).items():
                job = (name if key == "base" else f"{name}_{key}").replace("~", "_").replace(".", "_")
                jobs[job] = Training(job, name, members, self._train_job(name, members))
        return jobs

    def _train_job(self, name: str, members: list[Point]) -> TrainJob:
        experiments = [point.experiment for point in members]
        first = experiments[0]
        if len(members) > 1 and self.trainer(name) == "encoder":
            raise InputError(
                f"experiments.{name}.stack: networks on sequences train one point a job; leave `stack` out"
            )
        if first.training.checkpoints is not None and len(members) > 1:
            raise InputError(f"experiments.{name}.stack: networks that were trained elsewhere are read point by point")
        for other in experiments[1:]:
            _check_stackable(name, first, other, first.training.stackable)
        return TrainJob(
            experiment=name,
            trainer=self.trainer(name),
            seed=self.config.seed,
            seeds=first.seeds,
            first_seed=first.first_seed,
            model=first.model,
            snapshots=snapshot_epochs(first),
            checkpoints=self._checkpoints(first),
            points=[
                TrainPoint(id=point.id, noise_std=at.model.noise_std, training=at.training)
                for point, at in zip(members, experiments, strict=True)
            ],
        )

    @staticmethod
    def _checkpoints(at: Experiment) -> dict[int, dict[int, str]]:
        if at.training.checkpoints is None:
            return {}
        return checkpoints.files(at.training.checkpoints, range(at.first_seed, at.first_seed + at.seeds))

    # activations

    def blocks(self, experiment: str, point: str) -> dict[str, Block]:
        """Blocks of seeds, filled in order so that none holds more than `probe.snapshots_per_job` snapshots; else one of all."""
        if (experiment, point) not in self._blocks:
            self._blocks[experiment, point] = self._filled(self.at(experiment, point))
        return self._blocks[experiment, point]

    @functools.cached_property
    def _blocks(self) -> dict[tuple[str, str], dict[str, Block]]:
        return {}

    def all_seeds(self, at: Experiment) -> dict[int, list[int]]:
        """Every seed with its recorded snapshots."""
        epochs = snapshot_epochs(at)
        if self.config.datasets[at.dataset].ends_only:
            epochs = [epochs[0], epochs[-1]]
        return {at.first_seed + k: recorded_epochs(at, epochs, k) for k in range(at.seeds)}

    def _filled(self, at: Experiment) -> dict[str, Block]:
        groups: list[dict[int, list[int]]] = [{}]
        for seed, recorded in self.all_seeds(at).items():
            if groups[-1] and sum(map(len, groups[-1].values())) + len(recorded) > (
                at.probe.snapshots_per_job or math.inf
            ):
                groups.append({})
            groups[-1][seed] = recorded
        blocks = [Block(f"seeds{min(g)}to{max(g)}" if at.probe.snapshots_per_job else WHOLE, g) for g in groups]
        return {block.id: block for block in blocks}

    def recorded(self, experiment: str, point: str, seeds: dict[int, list[int]]) -> dict[str, Any]:
        """What every recording of a point's networks is told; `seeds` holds the snapshots of each."""
        at = self.at(experiment, point)
        return {
            "experiment": experiment,
            "seed": self.config.seed,
            "first_seed": at.first_seed,
            "model": at.model,
            "loss": at.training.loss,
            "fold": at.training.fold,
            "epochs": seeds,
            "replicas": self.passes(at, seeds),
        }

    @staticmethod
    def passes(at: Experiment, seeds: dict[int, list[int]]) -> RecordedPasses | None:
        """Noisy passes of some seeds: of the first ones that the probe asks for, at a few of their snapshots."""
        probe = at.probe.replicas
        if probe is None:
            return None
        few = {s: spread(epochs, probe.snapshots) for s, epochs in seeds.items() if s - at.first_seed < probe.seeds}
        return RecordedPasses(**probe.model_dump(exclude={"seeds", "snapshots"}), epochs=few)

    def activation_settings(self, experiment: str, point: str, block: str) -> RecordJob:
        """Settings of one activation file."""
        return RecordJob(point=point, **self.recorded(experiment, point, self.blocks(experiment, point)[block].seeds))

    def record_sources(self, experiment: str) -> list[str]:
        """Package files that record an experiment's layers."""
        return [*sources("infoflow.recording.record", *self.model_modules(experiment)), *self.model_files(experiment)]

    def keeps_activations(self, experiment: str) -> bool:
        """Whether an experiment's layers are kept in files, which its estimates then read."""
        return self.experiments[experiment].probe.keep_activations


def _check_stackable(name: str, first: Experiment, other: Experiment, stackable: Set[str]) -> None:
    """Raise unless two points differ only in what one stack can hold."""
    pairs = {
        "training": (
            first.training.model_dump(exclude=set(stackable)),
            other.training.model_dump(exclude=set(stackable)),
        ),
        "model": (
            first.model.model_dump(exclude={"noise_std"}),
            other.model.model_dump(exclude={"noise_std"}),
        ),
        "dataset": (first.dataset, other.dataset),
        "seeds": (first.seeds, other.seeds),
        "snapshots": (first.snapshots, other.snapshots),
    }
    for part, (a, b) in pairs.items():
        if a != b:
            raise InputError(
                f"experiments.{name}.stack: points of one stack may differ in model.noise_std and in training."
                f"{{{', '.join(sorted(stackable))}}} only, but {part} differs; take that axis out of `stack`"
            )
