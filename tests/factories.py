"""Settings of jobs and configs for tests, with defaults for what a test does not care about."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors.torch import save_file
from torch import nn

from infoflow.config import Config, parse
from infoflow.config.base import merge
from infoflow.config.datasets import Dataset
from infoflow.config.estimators import Estimator
from infoflow.config.jobs import DatasetJob, EstimateGroup, EstimateJob, PointLabels, TrainJob, TrainPoint
from infoflow.config.loading import default_files
from infoflow.config.models import Model
from infoflow.config.training import Training
from infoflow.config.yamlfile import load
from infoflow.plan import Plan

ROOT = Path(__file__).resolve().parents[1]


def section(family: Any, **fields: Any) -> Any:
    """A section of a union of kinds, for example `section(Model, kind="mlp", …)`."""
    return TypeAdapter(family).validate_python(fields)


def dataset_job(kind: str, name: str = "data", seed: int = 1, data_root: Any = "data", **fields: Any) -> DatasetJob:
    """Settings of a data set; `fields` are those of its section."""
    return DatasetJob(dataset=name, section=section(Dataset, kind=kind, **fields), data_root=str(data_root), seed=seed)


def model(**fields: Any) -> Any:
    """The section of a model."""
    return section(Model, **fields)


def train_job(
    model: dict[str, Any],
    points: list[dict[str, Any]] | None = None,
    *,
    trainer: str = "ensemble",
    seeds: int = 2,
    first_seed: int = 0,
    snapshots: list[int] | None = None,
    noise_std: float = 0.0,
    **training: Any,
) -> TrainJob:
    """Settings of a training.

    Args:
        model: the section of the model.
        points: what each point of the stack changes in the training, and perhaps its `noise_std`; one plain point by default.
        trainer: module of `infoflow.training`.
        seeds: number of seeds.
        first_seed: the first of them.
        snapshots: rounds whose weights are kept; the first and the last by default.
        noise_std: of points that do not give their own.
        training: keys of the section `training`.
    """
    common = {"loss": "mse", "optimiser": "sgd", "learning_rate": 0.01, "batch_size": 25, "epochs": 6} | training
    members = [
        TrainPoint(id=f"p{k}", noise_std=changes.pop("noise_std", noise_std), training=Training(**common | changes))
        for k, changes in enumerate(copy.deepcopy(points) or [{}])
    ]
    rounds = common["epochs"] * (common.get("steps_per_epoch") or 1)
    return TrainJob(
        experiment="test", trainer=trainer, seed=1, seeds=seeds, first_seed=first_seed, model=section(Model, **model),
        snapshots=[0, rounds] if snapshots is None else snapshots, points=members,
    )  # fmt: skip


def estimate_job(
    estimator: dict[str, Any],
    model: dict[str, Any],
    seeds: int = 1,
    first_seed: int = 0,
    snapshots: Sequence[int] = (0,),
    **fields: Any,
) -> EstimateJob:
    """Settings of a table of estimates: an estimator's section, a model's, and fields of `EstimateJob`."""
    defaults = {
        "experiment": "test", "estimator": "estimator", "points": [PointLabels(point="base", variant="", axes={})],
        "seed": 1, "first_seed": first_seed, "loss": "cross_entropy", "fold": None, "steps_per_epoch": None,
        "epochs": {first_seed + k: list(snapshots) for k in range(seeds)}, "replicas": None,
    }  # fmt: skip
    return EstimateJob(section=section(Estimator, **estimator), model=section(Model, **model), **defaults | fields)


def estimate_group(*jobs: EstimateJob) -> EstimateGroup:
    """Settings of a job of several tables."""
    return EstimateGroup(jobs=list(jobs))


def save_networks(path: Path, snapshots: dict[int, list[nn.Module]]) -> None:
    """A file of weights, as training writes it, of the networks of each snapshot."""
    stacked = {}
    for snapshot, networks in snapshots.items():
        states = [network.state_dict() for network in networks]
        stacked |= {f"{snapshot}/{name}": torch.stack([one[name] for one in states]) for name in states[0]}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(stacked, path, {"run": json.dumps({"snapshots": sorted(snapshots)})})


def started(network: nn.Module, seed: int = 0) -> nn.Module:
    """A network at initial values drawn from a seed."""
    network.initialise(torch.Generator().manual_seed(seed))
    return network


@cache
def _default() -> dict[str, Any]:
    raw: dict[str, Any] = {}
    for file in default_files(ROOT):
        raw = merge(raw, load(file).values)
    return raw


def raw_config(*overlays: dict[str, Any]) -> dict[str, Any]:
    """The default config as plain mappings, under overlays."""
    raw = copy.deepcopy(_default())
    for overlay in overlays:
        raw = merge(raw, overlay)
    return raw


def config(*overlays: dict[str, Any]) -> Config:
    """The default config under overlays."""
    return parse(raw_config(*overlays))


def plan(*overlays: dict[str, Any]) -> Plan:
    """The plan of the default config under overlays."""
    return Plan(config(*overlays))
