"""The truth stage: one part of the benchmark, or the sweeps of one knob, into tables."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pandas as pd
import torch

from infoflow.io import InputError, write_table
from infoflow.truth import sweeps
from infoflow.truth.run import ESTIMATORS, applies, evaluate
from infoflow.truth.tasks import TASKS


def run(settings: dict[str, Any], output: str) -> None:
    """Evaluate every estimator that applies to this part's tasks, and write one row a value.

    Tasks are dealt to the parts in turn, so that each gets some of every family.

    Raises:
        InputError: an id in the settings is unknown.
    """
    torch.set_num_threads(1)
    rows, start = [], time.monotonic()
    own = chosen(settings["tasks"], TASKS, "tasks")[settings["part"] :: settings["parts"]]
    estimators = chosen(settings["estimators"], ESTIMATORS, "estimators")
    chosen(settings["largest"], ESTIMATORS, "largest")
    for done, task in enumerate(own, start=1):
        for estimator in (e for e in estimators if applies(e, task)):
            for n in (n for n in settings["sizes"] if n <= settings["largest"].get(estimator, n)):
                rows += [evaluate(task, estimator, n, s, root=settings["seed"]) for s in range(settings["seeds"])]
        spent = time.monotonic() - start
        left = spent / done * (len(own) - done)
        print(f"{done}/{len(own)} {task}: {spent:.0f} s, about {left:.0f} s left", flush=True)
    write_table(output, pd.DataFrame(rows))


def run_sweeps(settings: dict[str, Any], widths: str, subadditivity: str) -> None:
    """Sweep the kernel and bin widths, and recompute the counterexamples to subadditivity."""
    torch.set_num_threads(1)
    rows = sweeps.widths(settings["n"], settings["seeds"], settings["factors"], settings["seed"])
    write_table(widths, pd.DataFrame(rows))
    write_table(subadditivity, sweeps.subadditivity(settings["sigmas"]))


def chosen(wanted: Iterable[str], known: dict[str, Any], where: str) -> list[str]:
    """The wanted ids, or all of them if none is named.

    Raises:
        InputError: an id is unknown.
    """
    if unknown := set(wanted) - set(known):
        raise InputError(f"truth.{where}: unknown id {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return list(wanted) or list(known)
