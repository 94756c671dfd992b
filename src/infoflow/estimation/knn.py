"""Nearest-neighbour entropy of layers, and their information about the labels."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from infoflow.config.jobs import EstimatorTask
from infoflow.estimation import layers
from infoflow.estimation.layers import Layer
from infoflow.estimation.rows import Row, flagged, known, label_entropy
from infoflow.estimators import knn
from infoflow.estimators._guards import findings
from infoflow.recording.recording import Recording
from infoflow.storage.files import canonical_json


def estimate(job: EstimatorTask, recordings: list[Recording]) -> pd.DataFrame:
    """Tidy rows of every layer, seed and snapshot."""
    return layers.table_of(job, recordings, rows)


def rows(job: EstimatorTask, layer: Layer, recording: Recording | None = None) -> Iterator[Row]:
    """Kozachenko–Leonenko entropy and, where asked, Ross' information about the labels.

    Repeated rows stay in the entropy, and set its value through the offset where they are many.
    """
    k, offset = job.section.neighbour, job.section.offset
    settings = canonical_json({"d": layer.values.shape[1], "k": k, "offset": offset})
    with findings() as found:
        value = float(knn.entropy(layer.values, k, offset=offset))
    columns, _ = known(layer.values)
    yield flagged({**columns, "quantity": "h_T", "settings": settings, "value": value}, found)
    if job.section.labels and layer.labels is not None:
        with findings() as found:
            information = float(knn.label_information(layer.values, layer.labels, k))
        row = {"quantity": "I_TY", "settings": canonical_json({"k": k}), "value": information}
        yield flagged({**columns, **row, "ceiling": label_entropy(layer.labels)}, found)
