"""The trainings of a run, and what is recorded of the trained networks."""

from __future__ import annotations

import functools
from collections.abc import Set
from dataclasses import dataclass

from infoflow.config import Experiment, Point
from infoflow.config.jobs import RecordedPasses, RecordJob, TrainJob, TrainPoint
from infoflow.errors import InputError
from infoflow.plan.datasets import DatasetPlan
from infoflow.plan.snapshots import recorded_epochs, snapshot_epochs, spread
from infoflow.plan.sources import sources


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
    """Seeds whose activations share a file, each with the epochs recorded for it."""

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
        return sources("infoflow.training.stage", f"infoflow.training.{settings.trainer}", settings.model.module)

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
        for other in experiments[1:]:
            _check_stackable(name, first, other, first.training.stackable[self.trainer(name)])
        return TrainJob(
            experiment=name,
            trainer=self.trainer(name),
            seed=self.config.seed,
            seeds=first.seeds,
            first_seed=first.first_seed,
            model=first.model,
            snapshots=snapshot_epochs(first),
            points=[
                TrainPoint(id=point.id, noise_std=at.model.noise_std, training=at.training)
                for point, at in zip(members, experiments, strict=True)
            ],
        )

    # activations

    def blocks(self, experiment: str, point: str) -> dict[str, Block]:
        """Blocks of seeds, filled in order so that no file holds more than `probe.snapshots_per_file` snapshots."""
        if (experiment, point) not in self._blocks:
            self._blocks[experiment, point] = self._filled(self.at(experiment, point))
        return self._blocks[experiment, point]

    @functools.cached_property
    def _blocks(self) -> dict[tuple[str, str], dict[str, Block]]:
        return {}

    @staticmethod
    def _filled(at: Experiment) -> dict[str, Block]:
        epochs = snapshot_epochs(at)
        groups: list[dict[int, list[int]]] = [{}]
        for seed in range(at.seeds):
            recorded = recorded_epochs(at, epochs, seed)
            if groups[-1] and sum(map(len, groups[-1].values())) + len(recorded) > at.probe.snapshots_per_file:
                groups.append({})
            groups[-1][seed] = recorded
        blocks = [Block(f"seeds{min(g)}to{max(g)}", g) for g in groups]
        return {block.id: block for block in blocks}

    def activation_settings(self, experiment: str, point: str, block: str) -> RecordJob:
        """Settings of one activation file."""
        at = self.at(experiment, point)
        seeds, replicas = self.blocks(experiment, point)[block].seeds, at.probe.replicas
        passes = None
        if replicas is not None:
            chosen = {seed: spread(e, replicas.snapshots) for seed, e in seeds.items() if seed < replicas.seeds}
            passes = RecordedPasses(**replicas.model_dump(exclude={"seeds", "snapshots"}), epochs=chosen)
        return RecordJob(
            experiment=experiment, point=point, seed=self.config.seed, model=at.model, epochs=seeds, replicas=passes
        )

    def record_sources(self, experiment: str) -> list[str]:
        """Package files that record an experiment's layers."""
        return sources("infoflow.recording.record", *self.model_modules(experiment))

    def keeps_activations(self, experiment: str) -> bool:
        """Whether an experiment's activation files stay after they were estimated."""
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
