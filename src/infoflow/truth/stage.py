"""The truth stage: one part of the benchmark, or the sweeps of one knob, into tables."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pandas as pd
import torch

from infoflow.config.jobs import SweepsJob, TruthJob
from infoflow.errors import InputError
from infoflow.storage.tables import write_table
from infoflow.truth import sweeps
from infoflow.truth.consistency import consistency as of_estimators
from infoflow.truth.run import ESTIMATORS, applies, evaluate
from infoflow.truth.tasks import TASKS


def run(job: TruthJob, output: str) -> None:
    """Evaluate every estimator that applies to this part's tasks, and write one row a value.

    Tasks are assigned round-robin, so that each part gets some of every family.

    Raises:
        InputError: an id in the settings is unknown.
    """
    torch.set_num_threads(1)
    rows, start = [], time.monotonic()
    tasks = select(job.tasks, TASKS, "tasks")[job.part :: job.parts]
    estimators = select(job.estimators, ESTIMATORS, "estimators")
    select(job.largest, ESTIMATORS, "largest")
    for done, task in enumerate(tasks, start=1):
        for estimator in (e for e in estimators if applies(e, task)):
            for n in (n for n in job.sizes if n <= job.largest.get(estimator, n)):
                rows += [evaluate(task, estimator, n, s, root=job.seed) for s in range(job.seeds)]
        spent = time.monotonic() - start
        left = spent / done * (len(tasks) - done)
        print(f"{done}/{len(tasks)} {task}: {spent:.0f} s, about {left:.0f} s left", flush=True)
    write_table(output, pd.DataFrame(rows))


def run_sweeps(job: SweepsJob, widths: str, subadditivity: str, consistency: str) -> None:
    """Sweep the kernel and bin widths, recompute the counterexamples to subadditivity, and test every estimator's consistency."""
    torch.set_num_threads(1)
    rows = sweeps.widths(job.n, job.seeds, job.factors, job.seed)
    write_table(widths, pd.DataFrame(rows))
    write_table(subadditivity, sweeps.subadditivity(job.sigmas))
    write_table(consistency, of_estimators(job.n, job.seeds, job.seed))


def select(names: Iterable[str], known: dict[str, Any], where: str) -> list[str]:
    """The named ids, or all of them if none is named.

    Raises:
        InputError: an id is unknown.
    """
    if unknown := set(names) - set(known):
        raise InputError(f"truth.{where}: unknown id {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return list(names) or list(known)
