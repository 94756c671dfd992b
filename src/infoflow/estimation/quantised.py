"""Exact information of the quantised twin of a network: its layers rounded to few levels, and their rows counted.

The information of a deterministic layer on distinct inputs is ln n, whatever it does. Rounded, it is a number that can be
counted without any estimator (Lorenzen, Igel & Nielsen, ICLR 2022, who round in training too; here trained networks are rounded).
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from torch import Tensor

from infoflow.config.jobs import EstimatorTask
from infoflow.estimation import layers
from infoflow.estimation.rows import Row, flagged, known, label_entropy
from infoflow.estimators import binning
from infoflow.estimators._common import plug_in_entropy, ratio, row_groups
from infoflow.estimators._guards import findings
from infoflow.recording.recording import Recording
from infoflow.storage.files import canonical_json


def estimate(job: EstimatorTask, recordings: list[Recording]) -> pd.DataFrame:
    """Tidy rows of every layer, seed and snapshot."""
    return layers.of_points(job, recordings, lambda recording: _rows(job, recording))


def _rows(job: EstimatorTask, recording: Recording) -> Iterator[Row]:
    for seed, snapshots in recording.epochs.items():
        for samples in job.section.samples:
            index = layers.chosen(job, recording, seed, samples)
            source = recording.samples(seed)
            inputs = plug_in_entropy(row_groups(source.vectors(index).double())[1]).item()
            labels = None if source.labels is None else source.labels[index]
            for snapshot in snapshots:
                for bits in job.section.bits:
                    for name, levels in recording.levels(seed, snapshot, index, layers.asked(job, recording), 2**bits):
                        place = {**layers.when(job, seed, snapshot), "samples": samples}
                        place |= {"layer": name, "depth": layers.depth(recording, name)}
                        place |= {"settings": canonical_json({"bits": bits}), "refers_to": "sample"}
                        yield from ({**place, **row} for row in rows(levels.flatten(1).double(), labels, inputs))
        recording.report(seed, len(snapshots))


def rows(levels: Tensor, labels: Tensor | None, inputs: float) -> Iterator[Row]:
    """I_XQ = H(Q) of a layer Q, which is a function of X, and I_QY, in nats.

    Args:
        levels: whole numbers (n, d).
        labels: classes (n,), or None.
        inputs: H(X) of the samples, the ceiling of I_XQ.
    """
    columns, deviation = known(levels)
    columns["relative_width"] = ratio(1.0, deviation)  # one level
    with findings() as found:
        if labels is None:
            entropy = binning.entropy(levels, 1.0)
        else:
            entropy, information = binning.entropy_and_information(levels, labels, 1.0)
    yield flagged({**columns, "quantity": "I_XQ", "value": float(entropy), "ceiling": inputs}, found)
    if labels is not None:
        of_labels = {"quantity": "I_QY", "value": float(information), "ceiling": label_entropy(labels)}
        yield flagged({**columns, **of_labels}, found)
