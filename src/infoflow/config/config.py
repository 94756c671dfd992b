"""The whole config, and what has to hold between its sections."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from infoflow.config.base import Identifier, Section
from infoflow.config.datasets import Dataset, DatasetSection
from infoflow.config.documents import Convergence, Document, Truth
from infoflow.config.estimators import Estimator
from infoflow.config.experiments import Experiment
from infoflow.config.messages import unknown_id

FORBIDDEN = "{}*?[]"  # of Snakemake's patterns
OWN = ("benchmarks", "configs", "docs", "notebooks", "profiles", "src", "tests", "workflow")


class Config(Section):
    """The whole config."""

    results: str = "results"
    data_root: str = Field("data", description="folder of downloaded or own data sets")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(2019, description="the one source of randomness")
    rehearsal: bool = Field(False, description="sizes are cut down: no verdict of this run counts")
    only: list[Identifier] = Field([], description="documents of the run; empty: all")
    everywhere: list[Identifier] = Field(
        [], description="estimators of layers that look at every experiment, beside its own (figure C1)"
    )
    datasets: dict[Identifier, Dataset]
    experiments: dict[Identifier, Experiment]
    estimators: dict[Identifier, Estimator]
    convergence: Convergence
    truth: Truth
    documents: dict[Identifier, Document]

    @field_validator("results", "data_root")
    @classmethod
    def _of_home(cls, folder: str) -> str:
        return os.path.expanduser(folder)

    @field_validator("results")
    @classmethod
    def _results_have_a_folder_of_their_own(cls, folder: str) -> str:
        if bad := sorted({c for c in folder if c in FORBIDDEN or not c.isprintable()}):
            raise ValueError(f"{' '.join(map(repr, bad))} in the name of a folder are read as a pattern; take others")
        path = os.path.normpath(folder)
        if not folder.strip() or path in (".", "/") or path.endswith("..") or path == os.path.expanduser("~"):
            raise ValueError("expected the name of a folder of its own, whose contents are the run's")
        if any(len(os.fsencode(part)) > 200 for part in path.split("/")):
            raise ValueError("the name of a folder is longer than 200 bytes")
        if path.split("/")[0] in OWN or path.split("/")[:2] == ["results", "reference"]:
            raise ValueError(f"{path} is a folder of the project; take another")
        return path

    @model_validator(mode="after")
    def _ids_exist(self) -> Config:
        for name, experiment in self.experiments.items():
            _check_known(experiment.document, self.documents, f"experiments.{name}.document")
            _check_known(experiment.dataset, self.datasets, f"experiments.{name}.dataset")
            _check_compatible(experiment, self.datasets, name)
            for estimator in experiment.estimators:
                _check_known(estimator, self.estimators, f"experiments.{name}.estimators")
        for name, dataset in self.datasets.items():
            if (encoder := dataset.encoder()) is not None:
                _check_known(encoder, self.experiments, f"datasets.{name}.experiment")
        for name in self.only:
            _check_known(name, self.documents, "only")
        for name in self.everywhere:
            _check_known(name, self.estimators, "everywhere")
            if not self.estimators[name].of_layers or self.estimators[name].needs:
                raise ValueError(
                    f"everywhere: {name} ({self.estimators[name].kind}) does not look at the layers of any network"
                )
        return self


def _check_known(name: str, known: Iterable[str], where: str) -> None:
    if name not in known:
        raise ValueError(f"{where}: {unknown_id(name, known)}")


def _check_compatible(experiment: Experiment, datasets: Mapping[str, DatasetSection], name: str) -> None:
    """Raise unless model, loss and data set go together."""
    where, model, training = f"experiments.{name}", experiment.model.kind, experiment.training
    dataset = datasets[experiment.dataset]
    if dataset.models and model not in dataset.models:
        raise ValueError(f"{where}.model.kind: {experiment.dataset} takes {' or '.join(dataset.models)}, not {model}")
    if not dataset.models and model == "blstm":
        raise ValueError(f"{where}.model.kind: blstm reads data sets of kind speech, not {dataset.kind}")
    if model == "autoencoder" and training.loss != "reconstruction":
        raise ValueError(f"{where}.training.loss: an autoencoder gives inputs back; take reconstruction")
    if training.loss == "reconstruction" and model != "autoencoder":
        raise ValueError(f"{where}.training.loss: reconstruction needs outputs like inputs; take kind: autoencoder")
    of_speakers = dataset.trainer != "ensemble"
    others = ("steps_per_epoch", "decay", "accumulate_gradients", "micro_batch")
    if of_speakers and (training.loss in ("mse", "reconstruction") or any(getattr(training, key) for key in others)):
        raise ValueError(
            f"{where}.training: with data of speakers there is neither {', '.join(others)} nor the losses mse and reconstruction"
        )
    if of_speakers and experiment.first_seed:
        raise ValueError(f"{where}.first_seed: networks of one held-out speaker each count seeds from 0")
    fields = type(training).model_fields
    of_sequences = [key for key in ("patience", "fold", "positions") if getattr(training, key) != fields[key].default]
    if of_sequences and dataset.trainer != "encoder":
        raise ValueError(f"{where}.training: {', '.join(of_sequences)} needs data sets of kind speech")
