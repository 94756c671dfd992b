"""Estimators on a recording of one's own: the same families, with settings that suit a layer whose scale nobody knows."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from pydantic import TypeAdapter, ValidationError

from infoflow.config.base import kinds
from infoflow.config.estimators import Estimator, LayerEstimator
from infoflow.config.jobs import EstimatorTask, PointLabels
from infoflow.config.messages import nearest
from infoflow.errors import InputError
from infoflow.estimation import python
from infoflow.estimation.rows import Row
from infoflow.estimators._guards import FLAGS, EstimatorWarning, findings
from infoflow.recording.live import LiveRecording
from infoflow.storage.tables import check_tidy

Asked = str | Mapping[str, Any] | Callable[..., Any]
DEFAULT = ("kde", "binning", "knn", "renyi", "clustering")
# Widths in units of a layer's own spread: a fixed width would compare layers of different scale. That of KDE's noise is the one that saw
# most compressions in benchmarks/detection.py; bins keep the width of the start, since bins that follow the layer saw no more.
SUITED: dict[str, Row] = {
    "kde": {"variances": [], "relative": [0.25], "relative_to": "trimmed"},
    "binning": {"relative": [0.5]},
    "knn": {"labels": True},
    "renyi": {"kernel": "tensor", "widths": [{"rule": "median"}], "maps": False},
    "clustering": {"width": None},
}
TIMES = 10  # mini-batches of the Rényi estimator, at most


def estimate(
    recording: LiveRecording,
    estimators: Asked | Sequence[Asked] | None = None,
    *,
    samples: Sequence[str] | None = None,
    layers: Sequence[str] = (),
    seed: int = 2019,
) -> pd.DataFrame:
    """The tidy table of some estimators on a recording: one row a value.

    Without settings of their own, KDE's noise is a share of each layer's spread at each snapshot (without the samples that are
    farthest out), bins are a share of that at the first snapshot, Rényi's kernels have the median distance as their width, and
    k-NN takes the third neighbour.

    Args:
        recording: snapshots of a network.
        estimators: names (`kde`, `knn`, `renyi`, `binning`, `clustering`), mappings with `kind` and settings, or functions
            `f(values, labels)` of a layer (n, d) and its classes; None: all five.
        samples: parts of the samples, `all`, `train` or `test`; None: those that were recorded.
        layers: only these; none: all.
        seed: of what estimators draw.

    Returns:
        Columns as in `infoflow.storage.tables`: seed, epoch, layer, depth, part, samples, quantity, estimator, settings, kind,
        value, std_error, unit, n, ceiling, relative_width, flag, …

    Raises:
        InputError: an estimator or a setting does not exist, or the recording lacks what it needs.

    Warns:
        EstimatorWarning: values mean little; one line an estimator and reason. The column `flag` says which.
    """
    snapshots = recording.epochs[recording.seed]
    if not snapshots:
        raise InputError("recording: holds no snapshot; call snapshot(epoch, x, y) within the `with` block")
    table = table_of(recording, tasks(recording, estimators, samples, layers, seed))
    warn_of_flags(table)
    return table


def tasks(
    recording: LiveRecording,
    estimators: Asked | Sequence[Asked] | None,
    samples: Sequence[str] | None = None,
    layers: Sequence[str] = (),
    seed: int = 2019,
) -> list[tuple[EstimatorTask, Callable[..., Any] | None]]:
    """What each estimator is told, with the function of those that are one."""
    parts = list(samples) if samples else list(recording.given.parts)
    n = min(len(recording.given.part(part)) for part in parts)
    made, names = [], set()
    for asked in _listed(estimators):
        section = _section(asked, n, parts, layers)
        name = getattr(asked, "__name__", section.kind) if callable(asked) else section.kind
        if section.kind == "python" and not callable(asked):
            name = section.function.split(":")[1]
        while name in names:
            name += "_2"
        names.add(name)
        task = EstimatorTask(
            experiment="recording",
            seed=seed,
            estimator=name,
            section=section,
            points=[PointLabels(point="base", variant="", axes={})],
            steps_per_epoch=recording.steps_per_epoch,
        )
        made.append((task, asked if callable(asked) else None))
    return made


def table_of(
    recording: LiveRecording, asked: Iterable[tuple[EstimatorTask, Callable[..., Any] | None]]
) -> pd.DataFrame:
    """The table of some estimators on all snapshots of a recording."""
    tables = []
    for task, function in asked:
        try:
            with findings(), torch.no_grad():
                if function is not None:
                    table = python.table_of(task, [recording], function)
                else:
                    family = importlib.import_module(f"infoflow.estimation.{task.section.kind}")
                    table = family.estimate(task, [recording])
        except InputError as error:
            raise InputError(f"{task.estimator}: {error}") from None
        check_tidy(table)
        tables.append(table.drop(columns=["experiment", "point", "variant"]))
    return pd.concat(tables, ignore_index=True)


def check(estimators: Asked | Sequence[Asked]) -> None:
    """Hold estimators against what there is, before any network is trained.

    Raises:
        InputError: there is no such estimator or setting.
    """
    for asked in _listed(estimators):
        _section(asked, 2**20, ["all"], [])


def _listed(estimators: Asked | Sequence[Asked] | None) -> list[Asked]:
    given = DEFAULT if estimators is None else estimators
    return [given] if isinstance(given, (str, Mapping)) or callable(given) else list(given)


def warn_of_flags(table: pd.DataFrame, warned: set[tuple[str, str]] | None = None) -> None:
    """One warning for each estimator and each reason to doubt its values, but for those in `warned`, which is added to."""
    for (estimator, flag), rows in table[table["flag"] != ""].groupby(["estimator", "flag"]):
        if warned is not None and (estimator, flag) in warned:
            continue
        if warned is not None:
            warned.add((estimator, flag))
        whole = (table["estimator"] == estimator).sum()
        layers = list(dict.fromkeys(rows["layer"]))
        where = ", ".join(layers[:3]) + (f" and {len(layers) - 3} more layers" if len(layers) > 3 else "")
        reason = FLAGS.get(flag, "the error signals are small beside the kernel")
        message = f"{estimator}: {len(rows)} of {whole} values are flagged {flag} ({where}): {reason}"
        warnings.warn(EstimatorWarning(message, flag), stacklevel=4)  # of the caller of infoflow.estimate


def _section(asked: Asked, n: int, parts: list[str], layers: Sequence[str]) -> LayerEstimator:
    """The section of an estimator, with what suits a recording where nothing else is said.

    Raises:
        InputError: there is no such estimator or setting.
    """
    if callable(asked):
        given: Row = {"kind": "python", "function": "notebook:function"}
    else:
        given = {"kind": asked} if isinstance(asked, str) else dict(asked)
    kind = given.get("kind")
    known = [k for k in _of_layers() if k not in ("linearised", "quantised")]
    if kind not in known:
        raise InputError(
            f"estimators: unknown {kind!r}{nearest(str(kind), known)}; known: {', '.join(known)}, or a function"
        )
    suited = dict(SUITED.get(kind, {}))
    if kind == "renyi":
        size = max(2, min(128, n // 2))  # two mini-batches at least, for an error of their mean
        suited |= {"batch_size": size, "batches": max(1, min(TIMES, n // size))}
    if given.keys() & {"widths", "edges", "run_bins", "variances"}:  # what a person chose stands alone
        suited = {name: value for name, value in suited.items() if not name.startswith("relative")}
    try:
        return TypeAdapter(Estimator).validate_python({**suited, "samples": parts, "layers": list(layers), **given})
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"][1:])
        fields = next(s for s in kinds(LayerEstimator) if kind in str(s.model_fields["kind"].annotation)).model_fields
        hint = nearest(where, fields) if fault["type"] == "extra_forbidden" else f", found {fault['input']!r}"
        raise InputError(f"estimators: {kind}: {where}: {fault['msg']}{hint}") from None


def _of_layers() -> list[str]:
    return [section.model_fields["kind"].annotation.__args__[0] for section in kinds(LayerEstimator)]
