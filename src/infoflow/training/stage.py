"""The train stage: one stack by the trainer that its data ask for."""

from __future__ import annotations

import importlib

from infoflow.config.jobs import TrainJob


def run(job: TrainJob, dataset: str, folders: list[str], resume: str) -> None:
    """Train a stack and write one folder a point; `resume` is the folder of the states of killed trainings."""
    importlib.import_module(f"infoflow.training.{job.trainer}").run(job, dataset, folders, resume)
