"""What every part of the plan starts from: the config, the documents of the run and the points of their experiments."""

from __future__ import annotations

from typing import Any

from infoflow import functions
from infoflow.config import Config, Experiment, Point, points
from infoflow.errors import InputError


class Run:
    """Documents, experiments and points of a run; `root` is the results folder."""

    def __init__(self, config: Config) -> None:
        self.config, self.root = config, config.results
        self.documents = {k: d for k, d in config.documents.items() if not config.only or k in config.only}
        self.experiments = {k: self._asked(e) for k, e in config.experiments.items() if e.document in self.documents}
        self.points = {k: {p.id: p for p in points(k, e)} for k, e in self.experiments.items()}

    def _asked(self, experiment: Experiment) -> Experiment:
        """An experiment with the estimators that look at every one, where its networks have hidden layers."""
        further = [name for name in self.config.everywhere if name not in experiment.estimators]
        if not further or "layers" not in experiment.model.offers():
            return experiment
        return experiment.model_copy(update={"estimators": [*experiment.estimators, *further]})

    def trainer(self, experiment: str) -> str:
        """The module of `infoflow.training` that trains an experiment, or reads what was trained elsewhere."""
        if self.experiments[experiment].training.checkpoints is not None:
            return "checkpoints"
        return self.config.datasets[self.experiments[experiment].dataset].trainer

    def at(self, experiment: str, point: str) -> Experiment:
        """An experiment with the settings of one of its points."""
        return self.points[experiment][point].experiment

    def model_modules(self, experiment: str) -> list[str]:
        """Modules of the networks of an experiment."""
        return sorted({point.experiment.model.module for point in self.points[experiment].values()})

    def own_files(self, *sections: Any) -> list[str]:
        """Files of the functions of one's own that some models and estimators name."""
        named = {(s.function, s.folder) for s in sections if s.kind == "python"}
        return sorted({file for function, folder in named for file in functions.sources(function, folder)})

    def model_files(self, experiment: str) -> list[str]:
        """Files of networks of one's own of an experiment."""
        return self.own_files(*(point.experiment.model for point in self.points[experiment].values()))

    def check_functions(self) -> None:
        """Look for the modules of all functions of one's own.

        Raises:
            InputError: one is not there; the message names the experiment or the estimator.
        """
        used = {name for experiment in self.experiments.values() for name in experiment.estimators}
        named = [(f"estimators.{name}", self.config.estimators[name]) for name in sorted(used)]
        named += [(f"experiments.{name}.model", e.model) for name, e in self.experiments.items()]
        for where, section in named:
            if section.kind == "python":
                try:
                    functions.check(section.function, section.folder)
                except InputError as error:
                    raise InputError(f"{where}: {error}") from None

    def stacks(self, experiment: str) -> dict[str, list[Point]]:
        """Points that train together, by what they share."""
        groups: dict[str, list[Point]] = {}
        for point in self.points[experiment].values():
            shared = {
                axis: value for axis, value in point.axes.items() if axis not in self.experiments[experiment].stack
            }
            groups.setdefault(point.model_copy(update={"axes": shared}).id, []).append(point)
        return groups

    def folds(self, experiment: str) -> list[int]:
        """Folds of an encoder, one a point.

        Raises:
            InputError: the experiment is no encoder, or its only axis is not training.fold.
        """
        encoder = self.experiments.get(experiment)
        if (
            encoder is None
            or encoder.model.kind != "blstm"
            or list(encoder.axes) != ["training.fold"]
            or encoder.variants
        ):
            raise InputError(
                f"experiments.{experiment}: contexts come from an enabled experiment with a blstm whose only axis is training.fold"
            )
        return encoder.axes["training.fold"]

    # paths

    def dataset(self, name: str) -> str:
        """Path of a data set."""
        return f"{self.root}/data/{name}.h5"

    def dataset_of(self, experiment: str, point: str) -> str:
        """Path of the data set that a point uses."""
        return self.dataset(self.at(experiment, point).dataset)

    def contexts(self, experiment: str, fold: int | str) -> str:
        """Path of the context vectors of one fold."""
        return f"{self.root}/contexts/{experiment}/fold{fold}.h5"

    def train_folder(self, experiment: str, point: str) -> str:
        """Folder of one point's weights and history."""
        return f"{self.root}/train/{experiment}/{point}"

    def weights(self, experiment: str, point: str) -> str:
        """Path of a point's weights."""
        return f"{self.train_folder(experiment, point)}/weights.safetensors"

    def history(self, experiment: str, point: str) -> str:
        """Path of a point's training history."""
        return f"{self.train_folder(experiment, point)}/history.parquet"

    def activations(self, experiment: str, point: str, block: str) -> str:
        """Path of one activation file."""
        return f"{self.root}/activations/{experiment}/{point}/{block}.h5"

    def estimates(self, experiment: str, place: str, block: str, estimator: str) -> str:
        """Path of one table of estimates; `place` is a point or a stack."""
        return f"{self.root}/estimates/{experiment}/{place}/{block}.{estimator}.parquet"
