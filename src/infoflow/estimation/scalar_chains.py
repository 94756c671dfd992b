"""Scalar noisy chains as the estimates from their weights read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob
from infoflow.models.activations import ACTIVATIONS
from infoflow.recording.recording import FromWeights
from infoflow.storage.weights import read_weights


class Chain(NamedTuple):
    """Scalar chains of an experiment's point: weights and biases (epochs, seeds, layers), and their population."""

    epochs: list[int]
    seeds: list[int]
    w: Tensor
    b: Tensor
    kept: Tensor  # (epochs, seeds), False where later seeds are thinned
    nodes: Tensor  # (m,)
    probabilities: Tensor  # (m,)
    continuous: bool


def read_chain(job: EstimateJob, recording: FromWeights) -> Chain:
    """The chains of a job from their weights, and the population from their data set."""
    seeds, epochs = list(job.epochs), job.snapshots
    stored = read_weights(recording.weights, set(epochs))
    depth, rows = len(job.model.activations), [seed - job.first_seed for seed in seeds]
    w, b = (
        torch.stack(
            [
                torch.stack([one[f"W{k + 1}.{name}"][rows].flatten() for k in range(depth)], -1)
                for one in stored.values()
            ]
        )
        for name in ("weight", "bias")
    )
    kept = torch.tensor([[epoch in job.epochs[seed] for seed in seeds] for epoch in epochs])
    nodes, probabilities = (recording.probe.arrays[name] for name in ("probe_x", "probe_probability"))
    return Chain(epochs, seeds, w, b, kept, nodes, probabilities, bool(recording.probe.attributes["continuous"]))


def noiseless(chain: Chain, activations: list[str], rows: slice = slice(None)) -> Iterator[Tensor]:
    """Values of every layer without noise at some of the kept snapshots, (rows, m)."""
    w, b = chain.w[chain.kept][rows], chain.b[chain.kept][rows]
    s = chain.nodes.expand(len(w), len(chain.nodes))
    for k, activation in enumerate(activations):
        s = ACTIVATIONS[activation](w[:, k, None] * s + b[:, k, None])
        yield s


def deviations(chain: Chain, activations: list[str], block: int = 256) -> Tensor:
    """Standard deviation of the noiseless values of every layer, (layers, kept), a block of snapshots at a time."""
    blocks = []
    for start in range(0, int(chain.kept.sum()), block):
        layers = []
        for s in noiseless(chain, activations, slice(start, start + block)):
            mean = (s * chain.probabilities).sum(-1, keepdim=True)
            layers.append(((s - mean).square() * chain.probabilities).sum(-1).sqrt())
        blocks.append(torch.stack(layers))
    return torch.cat(blocks, dim=1)


def rows(values: Tensor, chain: Chain, layer: int, **columns: Any) -> pd.DataFrame:
    """Values (kept,) of one layer as rows."""
    epoch, seed = torch.nonzero(chain.kept, as_tuple=True)
    given = {
        "seed": np.array(chain.seeds)[seed],
        "epoch": np.array(chain.epochs)[epoch],
        "layer": f"T{layer}",
        "depth": layer,
    }
    return pd.DataFrame({**given, "value": values.numpy(), **columns})
