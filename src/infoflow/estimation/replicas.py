"""I(X;T) of noisy layers by sample propagation: the mixture of repeated noisy passes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob
from infoflow.estimation import recorded_layers
from infoflow.estimation.rows import Inputs, Row, relative_width, table
from infoflow.estimators import noisy
from infoflow.estimators._common import count_ties
from infoflow.storage.files import canonical_json


def estimate(job: EstimateJob, inputs: Inputs) -> pd.DataFrame:
    """Tidy rows of every recorded layer, seed and snapshot."""
    return table(job, recorded_layers.rows(job, inputs["activations"][0], layer_rows))


def layer_rows(
    job: EstimateJob, layer: dict[str, Tensor], labels: Tensor, depth: int, generator: torch.Generator
) -> Iterator[Row]:
    """I(X;T) by sample propagation, with equal numbers of passes in both terms and as published.

    The bias bound of the equal-replica estimates is their largest change from one count to the next.
    """
    if "replicas" not in layer:
        return
    passes = layer["replicas"].double()  # (count, n, d)
    queries = job.section.queries
    inputs = torch.randperm(passes.shape[1], generator=generator)[:queries]

    def estimate(centres: Tensor, conditional: Tensor) -> noisy.Estimate:
        given = None if depth == 1 else conditional.transpose(0, 1)  # (inputs, passes, d)
        return noisy.mutual_information(
            centres.flatten(0, 1), given, job.model.noise_std, samples=queries, generator=generator
        )

    equal = {r: estimate(passes[:r], passes[:r, inputs]) for r in job.section.counts}
    values = [float(e.value) for e in equal.values()]
    change = max(abs(a - b) for a, b in zip(values, values[1:], strict=False)) if len(values) > 1 else math.nan
    common = {"quantity": "I_XT", "n": passes.shape[1], "ceiling": math.log(passes.shape[1])}
    common["ties"] = count_ties(passes[0])  # of one pass: the passes of a first layer are all the same
    common["relative_width"] = relative_width(job.model.noise_std, passes.flatten(0, 1))
    for count, result in equal.items():
        yield {
            **common,
            "settings": canonical_json({"replicas": count}),
            "value": float(result.value),
            "std_error": float(result.std_error),
            "bias_bound": float(result.bias_bound) + change,
        }
    if job.section.published:
        outer, inner = job.section.published
        result = estimate(passes[:outer], layer["conditional"][:inner].double())
        yield {
            **common,
            "settings": canonical_json({"published": [outer, inner]}),
            "value": float(result.value),
            "std_error": float(result.std_error),
            "bias_bound": math.nan,
        }
