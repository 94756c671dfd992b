"""The estimates of a run. Estimates of one recording share a job, which reruns as a group."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from infoflow.config import axis_label, jobs
from infoflow.config.jobs import ConvergenceJob, EstimateJob, PointLabels, ThinnedSnapshots
from infoflow.errors import InputError
from infoflow.plan.snapshots import snapshot_epochs, thinned
from infoflow.plan.sources import sources
from infoflow.plan.training import TrainingPlan

WHOLE = "all"  # the block of estimates that are made from weights


@dataclass(frozen=True)
class EstimateGroup:
    """Estimators that look at the same files: a block of activations, or the weights of a point or of a stack."""

    experiment: str
    place: str  # id of the point or of the stack
    block: str
    scope: str  # point or stack
    estimators: tuple[str, ...]

    @property
    def path(self) -> str:
        """Its log's path below the folder of logs, without suffix."""
        return f"{self.experiment}/{self.place}/{self.block}" + ("" if self.scope == "point" else f".{self.scope}")

    @property
    def name(self) -> str:
        """Name of its rule."""
        return re.sub(r"[^a-z0-9]", "_", self.path)


class EstimatePlan(TrainingPlan):
    """Jobs that estimate."""

    def estimate_groups(self) -> list[EstimateGroup]:
        """Every job of estimates."""
        return [group for name in self.experiments for group in self.groups_of(name)]

    def groups_of(self, experiment: str) -> list[EstimateGroup]:
        """The jobs of estimates of an experiment."""
        members: dict[tuple[str, str, str], list[str]] = {}
        for place, block, estimator in self.tables_of(experiment):
            scope = self.config.estimators[estimator].scope
            members.setdefault((place, block, scope), []).append(estimator)
        return [EstimateGroup(experiment, *key, tuple(names)) for key, names in members.items()]

    def tables_of(self, experiment: str) -> list[tuple[str, str, str]]:
        """Point or stack, block and estimator of every table of estimates of an experiment."""
        return self._tables[experiment]

    @functools.cached_property
    def _tables(self) -> dict[str, list[tuple[str, str, str]]]:
        return {experiment: self._tables_of(experiment) for experiment in self.experiments}

    def _tables_of(self, experiment: str) -> list[tuple[str, str, str]]:
        names = self.experiments[experiment].estimators
        whole = {name: self.config.estimators[name].scope == "stack" for name in names}
        pairs = [(point, name) for point in self.points[experiment] for name in names if not whole[name]]
        pairs += [(stack, name) for stack in self.stacks(experiment) for name in names if whole[name]]
        return [
            (place, block, estimator)
            for place, estimator in pairs
            for block in self.estimate_blocks(experiment, place, estimator)
        ]

    def estimate_blocks(self, experiment: str, place: str, estimator: str) -> list[str]:
        """Blocks on which an estimator runs."""
        section = self.config.estimators[estimator]
        if section.reads == "weights":
            return [WHOLE]
        replicas = self.at(experiment, place).probe.replicas
        blocks = self.blocks(experiment, place).values()
        return [b.id for b in blocks if section.covers(b.seeds, 0 if replicas is None else replicas.seeds)]

    def estimates_of(self, experiment: str) -> list[str]:
        """Every table of estimates of an experiment."""
        return [self.estimates(experiment, *table) for table in self.tables_of(experiment)]

    def estimate_settings(self, experiment: str, place: str, block: str, estimator: str) -> EstimateJob:
        """Settings of one table of estimates.

        Raises:
            InputError: the estimator does not fit the experiment.
        """
        section = self.config.estimators[estimator]
        members = self.stacks(experiment)[place] if section.scope == "stack" else [self.points[experiment][place]]
        at = members[0].experiment
        misfit = section.misfit(experiment, at.model.kind, self.trainer(experiment), at.first_seed)
        if misfit is not None:
            raise InputError(f"experiments.{experiment}.estimators: {estimator} ({section.kind}) {misfit}")
        snapshots, thinning = snapshot_epochs(at), at.probe.thinning
        rare = thinning and ThinnedSnapshots(after_seed=thinning.after_seed, epochs=thinned(snapshots, thinning))
        return EstimateJob(
            experiment=experiment,
            estimator=estimator,
            section=section,
            points=[
                PointLabels(point=p.id, variant=p.variant, axes={k: axis_label(v) for k, v in p.axes.items()})
                for p in members
            ],
            seed=self.config.seed,
            seeds=at.seeds,
            first_seed=at.first_seed,
            model=at.model,
            loss=at.training.loss,
            fold=at.training.fold,
            steps_per_epoch=at.training.steps_per_epoch,
            snapshots=section.among(snapshots, at.training.steps_per_epoch or 1),
            thinned=rare,
        )

    def group_settings(self, group: EstimateGroup) -> jobs.EstimateGroup:
        """Settings of the tables of a group."""
        names = group.experiment, group.place, group.block
        return jobs.EstimateGroup(jobs=[self.estimate_settings(*names, e) for e in group.estimators])

    def group_outputs(self, group: EstimateGroup) -> list[str]:
        """Tables that a group makes."""
        return [self.estimates(group.experiment, group.place, group.block, e) for e in group.estimators]

    def group_inputs(self, group: EstimateGroup) -> dict[str, list[str]]:
        """Files that the tables of a group are made from."""
        if group.block != WHOLE:
            return {"activations": [self.activations(group.experiment, group.place, group.block)]}
        points = [group.place]
        if group.scope == "stack":
            points = [point.id for point in self.stacks(group.experiment)[group.place]]
        weights = [self.weights(group.experiment, point) for point in points]
        return {"weights": weights, "dataset": [self.dataset_of(group.experiment, points[0])]}

    def group_sources(self, group: EstimateGroup) -> list[str]:
        """Package files of a group: the stage and the modules of its estimators."""
        modules = {f"infoflow.estimation.{self.config.estimators[e].kind}" for e in group.estimators}
        if group.block == WHOLE:
            modules |= set(self.model_modules(group.experiment))
        return sources("infoflow.estimation.stage", *sorted(modules))

    def group_memory(self, group: EstimateGroup) -> int:
        """Megabytes that a group may take."""
        return max(self.config.estimators[e].memory for e in group.estimators)

    def convergence(self) -> str:
        """Path of the convergence study."""
        return f"{self.root}/estimates/convergence.parquet"

    def convergence_settings(self) -> ConvergenceJob:
        """Settings of the convergence study of the sample-propagation estimate."""
        return ConvergenceJob(seed=self.config.seed, **self.config.convergence.model_dump())
