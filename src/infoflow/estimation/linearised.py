"""I(X;T) of noisy layers from means and covariances propagated through the network."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import torch

from infoflow.config.jobs import EstimateJob
from infoflow.estimation import layers
from infoflow.estimation.layers import Layer
from infoflow.estimation.rows import Row, flagged, known, spread
from infoflow.estimators import noisy
from infoflow.estimators._common import ratio
from infoflow.recording.recording import Recording
from infoflow.storage.files import canonical_json


def estimate(job: EstimateJob, recordings: list[Recording]) -> pd.DataFrame:
    """Tidy rows of every layer, seed and snapshot."""
    return layers.table_of(job, recordings, rows)


def rows(job: EstimateJob, layer: Layer, recording: Recording) -> Iterator[Row]:
    """I(X;T) by `noisy.linearised`; the bias bound adds the leading term that linearising leaves out.

    That term is the mean over inputs of ½ mᵀ Σ⁻¹ m with m the second-order shift of the mean: the divergence between
    the Gaussian used and the one with the corrected mean.
    """
    moments = recording.moments(layer.seed, layer.snapshot, layer.name)
    mean, covariance, shift = (one[layer.index].double() for one in moments)
    if job.section.overall_std:
        factor = job.section.overall_std / max(float(spread(mean)), 1e-12)
        noise = job.model.noise_std**2 * torch.eye(mean.shape[1], dtype=mean.dtype)
        mean, shift, covariance = factor * mean, factor * shift, factor**2 * (covariance - noise) + noise
    result = noisy.linearised(mean, covariance, draws=job.section.draws, generator=layer.generator(job))
    second_order = (shift * torch.linalg.solve(covariance, shift)).sum(1).mean() / 2
    columns, deviation = known(mean)
    yield flagged(
        {
            **columns,
            "relative_width": ratio(job.model.noise_std, deviation),
            "quantity": "I_XT",
            "settings": canonical_json({"draws": job.section.draws, "overall_std": job.section.overall_std}),
            "value": float(result.value),
            "std_error": float(result.std_error),
            "bias_bound": float(result.bias_bound + second_order),
            "ceiling": math.log(len(mean)),
        }
    )
