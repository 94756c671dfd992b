"""The estimate stage: the estimators of one recording, each into one table."""

from __future__ import annotations

import importlib
import time

import torch

from infoflow.config.jobs import EstimateGroup
from infoflow.errors import InputError
from infoflow.estimation.rows import Inputs
from infoflow.estimators._guards import findings
from infoflow.recording.recording import open_recording
from infoflow.recording.samples import Probe
from infoflow.storage.tables import check_tidy, write_table


def run(group: EstimateGroup, inputs: Inputs, outputs: list[str]) -> None:
    """Run every estimator of a group on the same files and write its table.

    Args:
        group: the estimators with what they look at.
        inputs: `activations` or `weights`, one file a point, and `dataset`.
        outputs: one path an estimator.

    Raises:
        InputError: an estimator cannot look at the recording; the message names both.
    """
    torch.set_num_threads(1)
    probe = Probe(inputs["dataset"][0], group.jobs[0].fold)
    for job, output in zip(group.jobs, outputs, strict=True):
        started = time.monotonic()
        try:
            recordings = [open_recording(job, inputs, probe, point) for point in range(len(job.points))]
            with findings():  # they are in the tables' column `flag`
                table = importlib.import_module(f"infoflow.estimation.{job.section.kind}").estimate(job, recordings)
        except InputError as error:
            raise InputError(f"experiments.{job.experiment}, estimators.{job.estimator}: {error}") from None
        if job.section.tidy:
            check_tidy(table)
        write_table(output, table)
        print(f"{job.estimator}: {len(table)} rows, {time.monotonic() - started:.1f} s", flush=True)
