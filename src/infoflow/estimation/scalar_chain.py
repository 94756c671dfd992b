"""Exact I(X;T) of scalar noisy chains."""

from __future__ import annotations

import math

import pandas as pd
import torch

from infoflow.config.jobs import EstimateJob
from infoflow.estimation import scalar_chains
from infoflow.estimation.rows import table
from infoflow.estimators import noisy
from infoflow.recording.recording import Recording


def estimate(job: EstimateJob, recordings: list[Recording]) -> pd.DataFrame:
    """I(X;T) of every layer by quadrature, and the standard deviation of the layer's noiseless values."""
    chain = scalar_chains.read_chain(job, recordings[0])
    activations = job.model.activations
    w, b, std = chain.w[chain.kept], chain.b[chain.kept], job.model.noise_std
    result = noisy.scalar_chain(w, b, activations, chain.nodes, chain.probabilities, std, continuous=chain.continuous)
    ceiling = math.nan if chain.continuous else float(torch.special.entr(chain.probabilities).sum())
    tables = []
    for k, deviation in enumerate(scalar_chains.deviations(chain, activations)):
        bias = torch.as_tensor(result.bias_bound).expand(result.value.shape)[:, k].numpy()
        known = {"bias_bound": bias, "ceiling": ceiling, "relative_width": (std / deviation).numpy()}
        tables.append(scalar_chains.rows(result.value[:, k], chain, k + 1, quantity="I_XT", **known))
        tables.append(scalar_chains.rows(deviation, chain, k + 1, quantity="std_T", unit="none"))
    return table(job, pd.concat(tables))
