"""Values of one layer of one seed, for scatter plots."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd

from infoflow.config.jobs import EstimateJob
from infoflow.estimation.rows import Inputs


def estimate(job: EstimateJob, inputs: Inputs) -> pd.DataFrame:
    """Noiseless values of one layer of one seed at the recorded epochs nearest to those asked for."""
    tables = []
    with h5py.File(inputs["activations"][0]) as file:
        recorded = file[str(job.section.seed_index)]
        epochs = sorted({min((int(e) for e in recorded), key=lambda e: abs(e - want)) for want in job.section.epochs})
        for epoch in epochs:
            mean = recorded[f"{epoch}/{job.section.layer}/mean"][()]
            table = pd.DataFrame({f"t{k + 1}": column.astype(np.float32) for k, column in enumerate(mean.T)})
            table["label"], table["split"] = (
                file["labels"][()].astype(np.int8),
                file["split"][()].astype(np.int8),
            )
            tables.append(table.assign(epoch=epoch, layer=job.section.layer))
    names = {"experiment": job.experiment, "point": job.points[0].point}
    return pd.concat(tables, ignore_index=True).assign(**names)
