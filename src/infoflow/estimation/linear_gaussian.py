"""Exact information of the hidden layer of a linear network on Gaussian inputs (Saxe et al. 2018), from the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob
from infoflow.estimation import layers
from infoflow.estimation.rows import Row
from infoflow.recording.recording import FromWeights, Recording
from infoflow.storage.files import canonical_json
from infoflow.storage.weights import read_network


def estimate(job: EstimateJob, recordings: list[Recording]) -> pd.DataFrame:
    """I_XT of all inputs, of the relevant and of the irrelevant ones (`part`), and I_TY, in nats, of every layer.

    T = W x + Z with W the product of the layers' weights, x ~ N(0, I/N), y = w·x + ε and Z ~ N(0, σ²), the noise of the
    analysis alone. Biases move no information.
    """
    return layers.of_points(job, recordings, lambda recording: _rows(job, recording))


def _rows(job: EstimateJob, recording: FromWeights) -> Iterator[Row]:
    teachers, about, std = recording.probe.arrays["teacher"], recording.probe.attributes, job.section.std
    relevant = torch.arange(teachers.shape[1]) < int(about["relevant"])
    common = {"settings": canonical_json({"std": std}), "refers_to": "population"}
    for seed, snapshots in recording.epochs.items():
        for snapshot in snapshots:
            stored = read_network(recording.weights, snapshot, seed - job.first_seed)
            product = torch.eye(teachers.shape[1], dtype=torch.float64)
            for depth in range(1, len(job.model.activations)):
                product = stored[f"W{depth}.weight"].double() @ product
                place = {**layers.when(job, seed, snapshot), "layer": f"T{depth}", "depth": depth, **common}
                parts = {"layer": information(product, std)}
                if not relevant.all():
                    parts |= {
                        "relevant": information(product, std, relevant),
                        "irrelevant": information(product, std, ~relevant),
                    }
                for part, value in parts.items():
                    yield {**place, "quantity": "I_XT", "part": part, "value": float(value)}
                value = answer_information(product, teachers[seed], std, float(about["noise_std"]))
                yield {**place, "quantity": "I_TY", "value": float(value)}


def information(weights: Tensor, std: float, part: Tensor | None = None) -> Tensor:
    """I(X_part; T) = ½ ln det(C) − ½ ln det(C given the part), T = W x + Z, x ~ N(0, I/N), in nats.

    Args:
        weights: W (h, N).
        std: of Z.
        part: which inputs, (N,) bool; the others act as noise. None: all.
    """
    h, n = weights.shape
    noise = std**2 * torch.eye(h, dtype=weights.dtype)
    others = weights[:, ~part] if part is not None else weights[:, :0]
    return (torch.logdet(weights @ weights.T / n + noise) - torch.logdet(others @ others.T / n + noise)) / 2


def answer_information(weights: Tensor, teacher: Tensor, std: float, noise_std: float) -> Tensor:
    """I(T; Y) = −½ ln(1 − cᵀ C⁻¹ c / var y) of the jointly Gaussian T = W x + Z and y = w·x + ε, in nats."""
    h, n = weights.shape
    covariance = weights @ weights.T / n + std**2 * torch.eye(h, dtype=weights.dtype)
    shared = weights @ teacher / n
    variance = teacher.square().sum() / n + noise_std**2
    explained = shared @ torch.linalg.solve(covariance, shared) / variance
    return -torch.log1p(-explained.clamp(max=1 - math.ulp(1.0))) / 2
