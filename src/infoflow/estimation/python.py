"""A function of one's own on every layer."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
import torch

from infoflow.config.jobs import EstimatorTask
from infoflow.errors import InputError
from infoflow.estimation import layers
from infoflow.estimation.layers import Layer
from infoflow.estimation.rows import Row, known
from infoflow.estimators._inputs import is_number
from infoflow.functions import imported
from infoflow.recording.recording import Recording
from infoflow.storage.files import canonical_json

Function = Callable[..., Any]


def estimate(job: EstimatorTask, recordings: list[Recording]) -> pd.DataFrame:
    """Tidy rows of every layer, seed and snapshot, from the function that the section names."""
    return table_of(job, recordings, imported(job.section.function, job.section.folder))


def table_of(job: EstimatorTask, recordings: list[Recording], function: Function) -> pd.DataFrame:
    """Tidy rows of every layer, seed and snapshot, from a function."""
    return layers.table_of(job, recordings, functools.partial(rows, function))


def rows(function: Function, job: EstimatorTask, layer: Layer, recording: Recording | None = None) -> Iterator[Row]:
    """What a function makes of a layer: of values (n, d), float64, and classes (n,), None where targets are continuous.

    Raises:
        InputError: it returns something else than a number, or numbers by name.
    """
    options = job.section.options
    with torch.enable_grad():  # an estimator may be a network that it trains
        given = function(layer.values, layer.labels, **options)
    found = given if isinstance(given, Mapping) else {job.estimator: given}
    columns, _ = known(layer.values)
    for quantity, value in found.items():
        if not is_number(value) or not isinstance(quantity, str):
            raise InputError(
                f"{job.section.function}: expected a number, or a dictionary of numbers by name, found {quantity!r}: {value!r}"
            )
        value = float(value)
        flag = columns["flag"] or ("" if math.isfinite(value) else "undefined")
        row = {"quantity": quantity, "value": value, "unit": job.section.unit, "settings": canonical_json(options)}
        yield {**columns, **row, "flag": flag}
