"""The estimates of a run. Estimates of one recording share a job, which reruns as a group."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from infoflow.config import Experiment, Point, axis_label, jobs
from infoflow.config.estimators import NEEDS, EstimatorSection
from infoflow.config.jobs import ConvergenceJob, EstimateJob, PointLabels
from infoflow.errors import InputError
from infoflow.plan.sources import sources
from infoflow.plan.training import WHOLE, TrainingPlan


@dataclass(frozen=True)
class EstimateGroup:
    """Estimators that look at the same seeds of the same files: kept activations, or weights of a point or of a stack."""

    experiment: str
    place: str  # id of the point or of the stack
    block: str
    together: bool  # whether the place is a stack
    from_file: bool  # whether they read kept activations
    estimators: tuple[str, ...]

    @property
    def path(self) -> str:
        """Its log's path below the folder of logs, without suffix."""
        parts = [self.block, *(["stack"] if self.together else []), *(["kept"] if self.from_file else [])]
        return f"{self.experiment}/{self.place}/{'.'.join(parts)}"

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
        members: dict[tuple[str, str, bool, bool], list[str]] = {}
        for place, block, estimator in self.tables_of(experiment):
            section = self.config.estimators[estimator]
            from_file = self.keeps_activations(experiment) and section.from_file and not section.together
            members.setdefault((place, block, section.together, from_file), []).append(estimator)
        return [EstimateGroup(experiment, *key, tuple(names)) for key, names in members.items()]

    def tables_of(self, experiment: str) -> list[tuple[str, str, str]]:
        """Point or stack, block and estimator of every table of estimates of an experiment."""
        return self._tables[experiment]

    @functools.cached_property
    def _tables(self) -> dict[str, list[tuple[str, str, str]]]:
        return {experiment: self._tables_of(experiment) for experiment in self.experiments}

    def _tables_of(self, experiment: str) -> list[tuple[str, str, str]]:
        names = self.experiments[experiment].estimators
        together = {name: self.config.estimators[name].together for name in names}
        pairs = [(point, name) for point in self.points[experiment] for name in names if not together[name]]
        pairs += [(stack, name) for stack in self.stacks(experiment) for name in names if together[name]]
        return [
            (place, block, estimator)
            for place, estimator in pairs
            for block in self.estimate_blocks(experiment, place, estimator)
        ]

    def members(self, experiment: str, place: str, estimator: str) -> list[Point]:
        """The points of a table: one, or those of a stack."""
        together = self.config.estimators[estimator].together
        return self.stacks(experiment)[place] if together else [self.points[experiment][place]]

    def estimate_blocks(self, experiment: str, place: str, estimator: str) -> list[str]:
        """Blocks of seeds on which an estimator runs."""
        section = self.config.estimators[estimator]
        if not section.of_layers:
            return [WHOLE]
        point = self.members(experiment, place, estimator)[0]
        blocks = self.blocks(experiment, point.id).values()
        if self.misfit(experiment, point.experiment, section) is not None:
            return [b.id for b in blocks]  # `estimate_settings` says why
        return [b.id for b in blocks if self._seeds_of(section, point.experiment, b.seeds)]

    def _seeds_of(self, section: EstimatorSection, at: Experiment, seeds: dict[int, list[int]]) -> list[int]:
        passes = self.passes(at, seeds)
        return section.seeds_of(seeds, passes.epochs if passes else ())

    def estimates_of(self, experiment: str) -> list[str]:
        """Every table of estimates of an experiment."""
        return [self.estimates(experiment, *table) for table in self.tables_of(experiment)]

    def estimate_settings(self, experiment: str, place: str, block: str, estimator: str) -> EstimateJob:
        """Settings of one table of estimates.

        Raises:
            InputError: the estimator does not fit the experiment.
        """
        section, members = self.config.estimators[estimator], self.members(experiment, place, estimator)
        at, updates = members[0].experiment, members[0].experiment.training.steps_per_epoch
        if (missing := self.misfit(experiment, at, section)) is not None:
            raise InputError(f"experiments.{experiment}.estimators: {estimator} ({section.kind}) {missing}")
        if section.of_layers:
            recorded = self.blocks(experiment, members[0].id)[block].seeds
        else:
            recorded = self.all_seeds(at)
        seeds = self._seeds_of(section, at, recorded)
        epochs = {seed: section.snapshots_of(recorded[seed], updates or 1) for seed in seeds}
        return EstimateJob(
            estimator=estimator,
            section=section,
            points=[
                PointLabels(point=p.id, variant=p.variant, axes={k: axis_label(v) for k, v in p.axes.items()})
                for p in members
            ],
            steps_per_epoch=updates,
            **{**self.recorded(experiment, members[0].id, recorded), "epochs": epochs},
        )

    def misfit(self, experiment: str, at: Experiment, section: EstimatorSection) -> str | None:
        """Why an estimator cannot look at an experiment, or None."""
        offered = at.model.offers() | self.config.datasets[at.dataset].offers
        if at.probe.replicas is None:
            offered = offered - {"passes"}
        lacking = [NEEDS[name] for name in section.requirements if name not in offered]
        return f"needs {lacking[0]}" if lacking else section.refusal(experiment)

    def group_settings(self, group: EstimateGroup) -> jobs.EstimateGroup:
        """Settings of the tables of a group."""
        names = group.experiment, group.place, group.block
        return jobs.EstimateGroup(jobs=[self.estimate_settings(*names, e) for e in group.estimators])

    def group_outputs(self, group: EstimateGroup) -> list[str]:
        """Tables that a group makes."""
        return [self.estimates(group.experiment, group.place, group.block, e) for e in group.estimators]

    def group_inputs(self, group: EstimateGroup) -> dict[str, list[str]]:
        """Files that the tables of a group are made from."""
        points = [p.id for p in self.members(group.experiment, group.place, group.estimators[0])]
        dataset = [self.dataset_of(group.experiment, points[0])]
        if group.from_file:
            return {"activations": [self.activations(group.experiment, group.place, group.block)], "dataset": dataset}
        return {"weights": [self.weights(group.experiment, point) for point in points], "dataset": dataset}

    def group_sources(self, group: EstimateGroup) -> list[str]:
        """Package files of a group: the stage, the modules of its estimators, and those of the networks that it runs."""
        modules = {f"infoflow.estimation.{self.config.estimators[e].kind}" for e in group.estimators}
        modules |= set(() if group.from_file else self.model_modules(group.experiment))
        own = self.own_files(*(self.config.estimators[e] for e in group.estimators))
        models = [] if group.from_file else self.model_files(group.experiment)
        return [*sources("infoflow.estimation.stage", *sorted(modules)), *own, *models]

    def group_memory(self, group: EstimateGroup) -> int:
        """Megabytes that a group may take: what its estimators do, of layers no more than the networks have."""
        model = self.members(group.experiment, group.place, group.estimators[0])[0].experiment.model
        sections = [self.config.estimators[name] for name in group.estimators]
        return max(min(s.memory, model.memory) if s.of_layers else s.memory for s in sections)

    def convergence(self) -> str:
        """Path of the convergence study."""
        return f"{self.root}/estimates/convergence.parquet"

    def convergence_settings(self) -> ConvergenceJob:
        """Settings of the convergence study of the sample-propagation estimate."""
        return ConvergenceJob(seed=self.config.seed, **self.config.convergence.model_dump())
