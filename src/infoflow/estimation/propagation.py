"""I(X;T) of noisy layers by sample propagation: the mixture of repeated noisy passes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob
from infoflow.estimation import layers
from infoflow.estimation.rows import Row, flagged, relative_width
from infoflow.estimators import noisy
from infoflow.estimators._common import count_ties
from infoflow.recording.recording import Recording
from infoflow.seeds import torch_generator
from infoflow.storage.files import canonical_json


def estimate(job: EstimateJob, recordings: list[Recording]) -> pd.DataFrame:
    """Tidy rows of every layer, seed and snapshot with noisy passes."""
    return layers.of_points(job, recordings, lambda recording: _rows(job, recording))


def _rows(job: EstimateJob, recording: Recording) -> Iterator[Row]:
    for seed, snapshots in recording.epochs.items():
        for snapshot in snapshots:
            for depth, layer in enumerate(recording.layers, start=1):
                if passes := recording.passes(seed, snapshot, layer):
                    place = {**layers.when(job, seed, snapshot), "layer": layer, "depth": depth}
                    generator = torch_generator(job.seed, seed, "estimate", snapshot, depth)
                    yield from ({**place, **row} for row in rows(job, passes, depth, generator))
        recording.report(seed, len(snapshots))


def rows(job: EstimateJob, recorded: dict[str, Tensor], depth: int, generator: torch.Generator) -> Iterator[Row]:
    """I(X;T) by sample propagation, with equal numbers of passes in both terms and as published.

    The bias bound of the equal-replica estimates is their largest change from one count to the next.
    """
    passes = recorded["replicas"].double()  # (count, n, d)
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
        yield flagged(
            {
                **common,
                "settings": canonical_json({"replicas": count}),
                "value": float(result.value),
                "std_error": float(result.std_error),
                "bias_bound": float(result.bias_bound) + change,
            }
        )
    if job.section.published:
        outer, inner = job.section.published
        result = estimate(passes[:outer], recorded["conditional"][:inner].double())
        yield flagged(
            {
                **common,
                "settings": canonical_json({"published": [outer, inner]}),
                "value": float(result.value),
                "std_error": float(result.std_error),
                "bias_bound": math.nan,
                "flag": "" if outer == inner or depth == 1 else "unlike_passes",
            }
        )
