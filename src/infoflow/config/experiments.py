"""Experiments: a training set-up with its sweep axes, and the points that they span."""

from __future__ import annotations

import functools
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from infoflow.config.base import Count, Identifier, Section, key_path, merge
from infoflow.config.models import Model
from infoflow.config.training import Training
from infoflow.errors import InputError


class Snapshots(Section):
    """Epochs (updates under `training.steps_per_epoch`) at which weights are kept: the first, each one up to `every_until`, log-spaced ones, and the last."""

    every_until: Annotated[int, Field(ge=0)] = 0
    log_spaced: Annotated[int, Field(ge=0)] = Field(
        0,
        description="points of a geometric grid from max(1, every_until) to epochs − 1, rounded, duplicates dropped",
    )
    at: list[Annotated[int, Field(ge=0)]] = Field([], description="further epochs, whole ones in either case")


class Thinning(Section):
    """Fewer snapshots for the later seeds: `every` so many of the recorded ones, or about `log_spaced` of them."""

    after_seed: Count = 5
    every: Count | None = Field(None, description="every so many, counted back from the last: keeps the grid's shape")
    log_spaced: Count | None = Field(None, description="about so many, near a geometric grid of epochs")

    @model_validator(mode="after")
    def _one_rule(self) -> Thinning:
        if (self.every is None) == (self.log_spaced is None):
            raise ValueError("thinning: give one of every, log_spaced")
        return self


class Replicas(Section):
    """Repeated noisy passes kept beside the means, for sample propagation."""

    count: Count = Field(32, description="noisy passes of every input")
    conditional: Annotated[int, Field(ge=0)] = Field(
        100, description="noisy passes of the conditional inputs, as published"
    )
    conditional_inputs: Annotated[int, Field(ge=0)] = 128
    seeds: Count = 3
    snapshots: Count = 12


class Probe(Section):
    """What is recorded of the trained networks."""

    snapshots_per_job: Count | None = Field(
        None, description="seeds are recorded and estimated in jobs of at most so many snapshots; null: all in one"
    )
    thinning: Thinning | None = None
    replicas: Replicas | None = None
    keep_activations: bool = Field(
        False, description="keep the layers in files, which estimates then read; otherwise estimates run the networks"
    )


class Experiment(Section):
    """One training set-up, its variants and sweep axes, and the estimators that look at it."""

    document: Identifier
    dataset: Identifier
    model: Model
    training: Training = Field(
        Training(),
        json_schema_extra=lambda schema: schema.pop("default"),  # JSON has no infinity
    )
    snapshots: Snapshots = Snapshots()
    seeds: Count = 5
    first_seed: Annotated[int, Field(ge=0)] = Field(
        0, description="seeds count from here; as an axis ([0, 5]) it splits a long ensemble into jobs"
    )
    axes: dict[str, list[Any]] = Field({}, description="dotted path of a setting -> the values it takes")
    stack: list[str] = Field([], description="axes whose points train in one stacked ensemble, beside the seeds")
    variants: dict[Identifier, dict[str, Any]] = Field({}, description="overrides of this experiment for each variant")
    probe: Probe = Probe()
    estimators: list[Identifier] = []
    controls: list[Literal["shuffled", "untrained"]] = Field(
        [],
        description="further experiments `<id>_<control>` on the same seeds: labels permuted in training, or no training at all; a study's verdicts are held against them",
    )

    @model_validator(mode="after")
    def _checkpoints_are_of_own_networks(self) -> Experiment:
        if self.training.checkpoints is not None and self.model.kind != "python":
            raise ValueError(f"training.checkpoints: of networks of kind python, not {self.model.kind}")
        if self.training.checkpoints is not None and self.controls:
            raise ValueError(
                "controls: nothing is trained here; take checkpoints of controls as experiments of their own"
            )
        return self

    @model_validator(mode="after")
    def _stack_names_axes(self) -> Experiment:
        if unknown := set(self.stack) - set(self.axes):
            raise ValueError(
                f"stack: {', '.join(sorted(unknown))} is not among the axes ({', '.join(self.axes) or 'none'})"
            )
        return self


def axis_label(value: Any) -> Any:
    """An axis value as it stands in folder names and table columns: a list as `6-16`, anything else as it is."""
    return "-".join(map(str, value)) if isinstance(value, list) else value


class Point(BaseModel):
    """One combination of an experiment's variant and axis values."""

    model_config = ConfigDict(frozen=True)
    name: str
    variant: str
    axes: dict[str, Any]
    overrides: dict[str, Any]
    base: Any

    @property
    def id(self) -> str:
        """Folder name, for example `corrected`, `orthonormal~0.0001` or `filters~6-16`."""
        parts = [self.variant] if self.variant else []
        parts += [f"{axis.rsplit('.', 1)[-1]}~{str(axis_label(value)).lower()}" for axis, value in self.axes.items()]
        return ".".join(parts) or "base"

    @functools.cached_property
    def experiment(self) -> Experiment:
        """The experiment with this point's overrides applied and validated."""
        raw = merge(self.base, self.overrides)
        try:
            return Experiment.model_validate(raw)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, key_path(fault["loc"], raw)))
            raise InputError(f"experiments.{self.name}, point {self.id}: {where}: {fault['msg']}") from None


def points(name: str, experiment: Experiment) -> list[Point]:
    """Every point of an experiment: variants × axis values, in the config's order."""
    base = experiment.model_dump()
    combinations: list[dict[str, Any]] = [{}]
    for axis, values in experiment.axes.items():
        combinations = [{**c, axis: value} for c in combinations for value in values]
    result = []
    for variant, changes in (experiment.variants or {"": {}}).items():
        for axes in combinations:
            overrides: dict[str, Any] = dict(changes)
            for axis, value in axes.items():
                nested: Any = value
                for part in reversed(axis.split(".")):
                    nested = {part: nested}
                overrides = merge(overrides, nested)
            result.append(Point(name=name, variant=variant, axes=axes, overrides=overrides, base=base))
    return result
