"""The estimate stage: the estimators of one recording, each into one table."""

from __future__ import annotations

import importlib
import time

import torch

from infoflow.config.jobs import EstimateGroup
from infoflow.estimation.rows import Inputs
from infoflow.storage.tables import check_tidy, write_table


def run(group: EstimateGroup, inputs: Inputs, outputs: list[str]) -> None:
    """Run every estimator of a group on the same files and write its table."""
    torch.set_num_threads(1)
    for job, output in zip(group.jobs, outputs, strict=True):
        started = time.monotonic()
        table = importlib.import_module(f"infoflow.estimation.{job.section.kind}").estimate(job, inputs)
        if job.section.tidy:
            check_tidy(table)
        write_table(output, table)
        print(f"{job.estimator}: {len(table)} rows, {time.monotonic() - started:.1f} s", flush=True)
