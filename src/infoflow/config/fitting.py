"""What has to hold between an experiment, its data set and its estimators, as far as it is known before anything is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from infoflow.config.datasets import DatasetSection
from infoflow.config.estimators import EstimatorSection, LayerEstimator, OfOneSeed, Propagation, Values
from infoflow.config.experiments import Experiment
from infoflow.config.models import MlpModel


class Misfit(NamedTuple):
    """The key that is at fault, below the config's top, and what is the matter."""

    path: tuple[str, ...]
    what: str


def misfits(
    name: str,
    experiment: Experiment,
    datasets: Mapping[str, DatasetSection],
    estimators: Mapping[str, EstimatorSection],
) -> Iterator[Misfit]:
    """What does not fit in one point of an experiment."""
    here = ("experiments", name)
    inputs = datasets[experiment.dataset].width()
    if isinstance(experiment.model, MlpModel) and inputs not in (None, experiment.model.layers[0]):
        what = f"begins with {experiment.model.layers[0]}, and {experiment.dataset} has {inputs} inputs"
        yield Misfit((*here, "model", "layers"), what)
    end = experiment.training.epochs
    if experiment.training.checkpoints is None and (late := [at for at in experiment.snapshots.at if at > end]):
        yield Misfit((*here, "snapshots", "at"), f"{late[0]} is after the last epoch, {end}")
    for estimator in experiment.estimators:
        if estimator in estimators:
            for key, what in _of_estimator(name, experiment, estimators[estimator]):
                yield Misfit(("estimators", estimator, key), what)


def _of_estimator(name: str, experiment: Experiment, section: EstimatorSection) -> Iterator[tuple[str, str]]:
    """Keys of an estimator that ask for what an experiment does not have."""
    key = "layer" if isinstance(section, Values) else "layers"
    asked = [section.layer] if isinstance(section, Values) else getattr(section, "layers", [])
    known = experiment.model.layer_names()
    if (
        known is not None
        and (isinstance(section, (LayerEstimator, Values)))
        and (unknown := sorted(set(asked) - set(known)))
    ):
        yield key, f"{', '.join(unknown)} is no layer of {name}; it has {', '.join(known) or 'none'}"
    last = experiment.first_seed + experiment.seeds
    if isinstance(section, OfOneSeed) and section.seed_index >= last and "first_seed" not in experiment.axes:
        yield (
            "seed_index",
            f"{section.seed_index} is not there; {name} has the seeds {experiment.first_seed} to {last - 1}",
        )
    kept = experiment.probe.replicas
    if isinstance(section, Propagation) and kept is not None:
        if max(section.counts) > kept.count:
            yield "counts", f"{max(section.counts)} noisy passes, and {name} keeps {kept.count} (probe.replicas.count)"
        if section.published and section.published[-1] > max(kept.conditional, kept.count):
            yield (
                "published",
                f"{section.published[-1]} noisy passes, and {name} keeps {kept.conditional} (probe.replicas.conditional)",
            )
