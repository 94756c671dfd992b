"""Exact densities of the layers of a scalar noisy chain."""

from __future__ import annotations

import pandas as pd
import torch

from infoflow.config.jobs import EstimateJob
from infoflow.estimation import scalar_chains
from infoflow.estimators import noisy
from infoflow.recording.recording import Recording


def estimate(job: EstimateJob, recordings: list[Recording]) -> pd.DataFrame:
    """Density of every layer of one seed on a grid of bin centres: columns epoch, layer, t, density."""
    chain = scalar_chains.read_chain(job, recordings[0])
    kept = list(range(0, len(chain.epochs), -(-len(chain.epochs) // job.section.epochs)))
    edges = [
        torch.linspace(*ends, job.section.bins + 1, dtype=torch.float64) for ends in job.section.ranges[job.experiment]
    ]
    grid = torch.stack([(e[1:] + e[:-1]) / 2 for e in edges])  # (layers, bins)
    seed = chain.seeds.index(job.section.seed_index)
    density = noisy.scalar_chain_density(
        chain.w[kept, seed],
        chain.b[kept, seed],
        job.model.activations,
        chain.nodes,
        chain.probabilities,
        job.model.noise_std,
        grid,
    )  # (epochs, layers, bins)
    count, layers, bins = density.shape
    index = pd.MultiIndex.from_product([[chain.epochs[i] for i in kept], range(layers), range(bins)])
    table = pd.DataFrame({"density": density.flatten().numpy()}, index=index.set_names(["epoch", "k", "bin"]))
    table = table.reset_index()
    table["t"] = grid.numpy()[table["k"], table["bin"]]
    table["layer"] = "T" + (table["k"] + 1).astype(str)
    labels = job.points[0]
    table = table.assign(experiment=job.experiment, point=labels.point, variant=labels.variant)
    return table[["experiment", "point", "variant", "epoch", "layer", "t", "density"]]
