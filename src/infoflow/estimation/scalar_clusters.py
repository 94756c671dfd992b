"""Groups among the noiseless outputs of scalar chains."""

from __future__ import annotations

import pandas as pd

from infoflow.config.jobs import EstimateJob
from infoflow.estimation import scalar_chains
from infoflow.estimation.rows import table
from infoflow.estimators import clustering
from infoflow.recording.recording import Recording
from infoflow.storage.files import canonical_json


def estimate(job: EstimateJob, recordings: list[Recording]) -> pd.DataFrame:
    """Number of groups of the noiseless layer values of enumerated inputs, and those values at the last epoch."""
    chain = scalar_chains.read_chain(job, recordings[0])
    gap = job.section.gap * job.model.noise_std
    tables = []
    for k, s in enumerate(scalar_chains.noiseless(chain, job.model.activations)):
        count = clustering.cluster_count(s, gap).double()
        ceiling = float(len(chain.nodes))
        tables.append(scalar_chains.rows(count, chain, k + 1, quantity="clusters", unit="count", ceiling=ceiling))
        for i, value in enumerate(s.unbind(-1)):
            values = scalar_chains.rows(value, chain, k + 1, quantity="value_T", unit="none", part=f"input:{i}")
            tables.append(values[values["epoch"] == chain.epochs[-1]])
    rows = pd.concat(tables)
    rows["settings"] = canonical_json({"gap": job.section.gap})
    return table(job, rows)
