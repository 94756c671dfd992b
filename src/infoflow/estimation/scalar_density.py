"""Exact densities of the layers of a scalar noisy chain."""

from __future__ import annotations

import pandas as pd
import torch

from infoflow.config.jobs import EstimateJob
from infoflow.estimation import scalar_chains
from infoflow.estimators import noisy
from infoflow.recording.recording import Recording


def estimate(job: EstimateJob, recordings: list[Recording]) -> pd.DataFrame:
    """Density of every layer of the first seeds on a grid of bin centres: columns seed, epoch, layer, t, density."""
    chain = scalar_chains.read_chain(job, recordings[0])
    kept = list(range(0, len(chain.epochs), -(-len(chain.epochs) // job.section.epochs)))
    edges = [
        torch.linspace(*ends, job.section.bins + 1, dtype=torch.float64) for ends in job.section.ranges[job.experiment]
    ]
    grid = torch.stack([(e[1:] + e[:-1]) / 2 for e in edges])  # (layers, bins)
    epochs = [chain.epochs[i] for i in kept]
    labels = job.points[0]
    tables = []
    for k, seed in enumerate(chain.seeds):
        density = noisy.scalar_chain_density(
            chain.w[kept, k],
            chain.b[kept, k],
            job.model.activations,
            chain.nodes,
            chain.probabilities,
            job.model.noise_std,
            grid,
        )  # (epochs, layers, bins)
        index = pd.MultiIndex.from_product(
            [epochs, range(len(grid)), range(grid.shape[1])], names=["epoch", "k", "bin"]
        )
        table = pd.DataFrame({"density": density.flatten().numpy()}, index=index).reset_index()
        tables.append(
            table.assign(seed=seed, t=grid.numpy()[table["k"], table["bin"]], layer="T" + (table["k"] + 1).astype(str))
        )
    table = pd.concat(tables, ignore_index=True)
    table = table.assign(experiment=job.experiment, point=labels.point, variant=labels.variant)
    return table[["experiment", "point", "variant", "seed", "epoch", "layer", "t", "density"]]
