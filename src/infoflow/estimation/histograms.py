"""Histograms of the layers of one seed over training."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd

from infoflow.config.jobs import EstimateJob
from infoflow.estimation.rows import Inputs


def estimate(job: EstimateJob, inputs: Inputs) -> pd.DataFrame:
    """Share of a layer's values in each bin, all units together, at every recorded epoch of one seed."""
    edges = np.linspace(job.section.low, job.section.high, job.section.bins + 1)
    rows = []
    with h5py.File(inputs["activations"][0]) as file:
        recorded = file[str(job.section.seed_index)]
        for epoch in sorted(recorded, key=int):
            for layer in file.attrs["layers"]:
                mean = recorded[epoch][layer]["mean"][()]
                count, _ = np.histogram(mean, edges)
                rows.append(
                    pd.DataFrame(
                        {
                            "epoch": int(epoch),
                            "layer": layer,
                            "t": (edges[1:] + edges[:-1]) / 2,
                            "share": count / mean.size,
                        }
                    )
                )
    names = {"experiment": job.experiment, "point": job.points[0].point}
    return pd.concat(rows, ignore_index=True).assign(**names)
