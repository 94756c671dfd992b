"""Exact information of the hidden layer of a linear network on Gaussian inputs (Saxe et al. 2018), from the weights."""

from __future__ import annotations

import math

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob
from infoflow.errors import InputError
from infoflow.estimation.rows import Inputs, table
from infoflow.estimation.snapshot import Snapshot, Value
from infoflow.storage.files import canonical_json
from infoflow.storage.hdf5 import read_h5
from infoflow.storage.weights import read_weights


def estimate(job: EstimateJob, inputs: Inputs) -> pd.DataFrame:
    """I_XT of all inputs, of the relevant and of the irrelevant ones (`part`), and I_TY, in nats, of every layer.

    T = W x + Z with W the product of the layers' weights, x ~ N(0, I/N), y = w·x + ε and Z ~ N(0, σ²), the noise of the
    analysis alone. Biases move no information.

    Raises:
        InputError: the network has other than linear layers, or the data set no teacher.
    """
    data, attributes = read_h5(inputs["dataset"][0])
    activations = job.model.activations
    if "teacher" not in data or set(activations) != {"linear"}:
        raise InputError(
            f"experiments.{job.experiment}.estimators: {job.estimator} reads linear layers on a data set of kind "
            f"teacher_student, not {', '.join(activations)}"
        )
    teachers, std = torch.from_numpy(data["teacher"]), job.section.std
    relevant = torch.arange(teachers.shape[1]) < int(attributes["relevant"])
    rows = []
    for epoch, stored in read_weights(inputs["weights"][0]).items():
        for seed in range(len(stored["W1"])):
            product = torch.eye(teachers.shape[1], dtype=torch.float64)
            for depth in range(1, len(activations)):
                product = stored[f"W{depth}"][seed] @ product
                place = {"seed": seed, "epoch": epoch, "layer": f"T{depth}", "depth": depth}
                common = {"settings": canonical_json({"std": std}), "refers_to": "population"}
                parts = {"layer": information(product, std)}
                if not relevant.all():
                    parts |= {
                        "relevant": information(product, std, relevant),
                        "irrelevant": information(product, std, ~relevant),
                    }
                for part, value in parts.items():
                    rows.append({**place, **common, "quantity": "I_XT", "part": part, "value": float(value)})
                value = answer_information(product, teachers[seed], std, float(attributes["noise_std"]))
                rows.append({**place, **common, "quantity": "I_TY", "value": float(value)})
    return table(job, rows)


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


def recompute(at: Snapshot) -> Value:
    """I(X;T) of the first layer."""
    return Value("I_XT", None, float(information(at.parameters["W1"], at.section.std)))
