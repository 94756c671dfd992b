"""Values of one layer of one seed, for scatter plots."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from infoflow.config.jobs import EstimateJob
from infoflow.recording.recording import Recording


def estimate(job: EstimateJob, recordings: list[Recording]) -> pd.DataFrame:
    """Noiseless values of one layer of one seed at the snapshots asked for, with label and part of the data set."""
    (recording,) = recordings
    seed = job.section.seed_index
    samples, names = recording.samples(seed), recording.chosen([job.section.layer])
    tables = []
    for snapshot in recording.epochs[seed]:
        for layer, values in recording.values(seed, snapshot, torch.arange(len(samples)), names):
            columns = values.flatten(1).numpy().T
            table = pd.DataFrame({f"t{k + 1}": column.astype(np.float32) for k, column in enumerate(columns)})
            label = samples.y if samples.labels is None else samples.labels.to(torch.int8)
            table["label"], table["split"] = label.numpy(), samples.split.numpy().astype(np.int8)
            tables.append(table.assign(epoch=snapshot, layer=layer))
    names = {"experiment": job.experiment, "point": job.points[0].point}
    return pd.concat(tables, ignore_index=True).assign(**names)
