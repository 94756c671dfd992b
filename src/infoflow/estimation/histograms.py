"""Histograms of the layers of one seed over training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from infoflow.config.jobs import EstimateJob
from infoflow.recording.recording import Recording


def estimate(job: EstimateJob, recordings: list[Recording]) -> pd.DataFrame:
    """Share of a layer's values in each bin, all units together, at every snapshot of one seed."""
    edges = np.linspace(job.section.low, job.section.high, job.section.bins + 1)
    (recording,) = recordings
    seed = job.section.seed_index
    index = torch.arange(len(recording.samples(seed)))
    tables = []
    for snapshot in recording.epochs[seed]:
        for layer, values in recording.values(seed, snapshot, index, recording.layers):
            count, _ = np.histogram(values.numpy(), edges)
            columns = {"epoch": snapshot, "layer": layer, "t": (edges[1:] + edges[:-1]) / 2}
            tables.append(pd.DataFrame({**columns, "share": count / values.numel()}))
    names = {"experiment": job.experiment, "point": job.points[0].point}
    return pd.concat(tables, ignore_index=True).assign(**names)
