"""I(X;T) of noisy layers from means and covariances propagated through the network."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob
from infoflow.estimation import recorded_layers
from infoflow.estimation.rows import Inputs, Row, relative_width, spread, table
from infoflow.estimation.snapshot import Snapshot, Value
from infoflow.estimators import noisy
from infoflow.estimators._common import count_ties
from infoflow.seeds import torch_generator
from infoflow.storage.files import canonical_json


def estimate(job: EstimateJob, inputs: Inputs) -> pd.DataFrame:
    """Tidy rows of every recorded layer, seed and snapshot."""
    return table(job, recorded_layers.rows(job, inputs["activations"][0], layer_rows))


def layer_rows(
    job: EstimateJob, layer: dict[str, Tensor], labels: Tensor, depth: int, generator: torch.Generator
) -> Iterator[Row]:
    """I(X;T) by `noisy.linearised`; the bias bound adds the leading term that linearising leaves out.

    That term is the mean over inputs of ½ mᵀ Σ⁻¹ m with m the second-order shift of the mean: the divergence between
    the Gaussian used and the one with the corrected mean.
    """
    mean, covariance, shift = layer["mean"], layer["covariance"].double(), layer["shift"].double()
    if job.section.overall_std:
        factor = job.section.overall_std / max(float(spread(mean)), 1e-12)
        noise = job.model.noise_std**2 * torch.eye(mean.shape[1], dtype=mean.dtype)
        mean, shift, covariance = factor * mean, factor * shift, factor**2 * (covariance - noise) + noise
    result = noisy.linearised(mean, covariance, draws=job.section.draws, generator=generator)
    second_order = (shift * torch.linalg.solve(covariance, shift)).sum(1).mean() / 2
    yield {
        "quantity": "I_XT",
        "settings": canonical_json({"draws": job.section.draws, "overall_std": job.section.overall_std}),
        "value": float(result.value),
        "std_error": float(result.std_error),
        "bias_bound": float(result.bias_bound + second_order),
        "n": len(covariance),
        "ceiling": math.log(len(covariance)),
        "ties": count_ties(mean.double()),
        "relative_width": relative_width(job.model.noise_std, mean),
    }


def recompute(at: Snapshot) -> Value:
    """I(X;T) of one layer from moments that are propagated anew."""
    network = at.network()
    moments = network.moments(at.parameters, at.inputs.double(), at.model.noise_std)[at.layer]
    depth = network.observed.index(at.layer) + 1
    generator = torch_generator(at.seed, 0, "estimate", at.epoch, depth)
    covariance = moments.covariance.float().double()  # as recorded
    result = noisy.linearised(moments.mean, covariance, draws=at.section.draws, generator=generator)
    return Value("I_XT", None, float(result.value))
