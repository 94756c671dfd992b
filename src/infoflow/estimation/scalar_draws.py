"""I(X;T) of scalar noisy chains from draws, as kong2019 estimated it, beside the exact value."""

from __future__ import annotations

import pandas as pd
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob
from infoflow.estimation import scalar_chains
from infoflow.estimators import noisy
from infoflow.models.activations import ACTIVATIONS
from infoflow.recording.recording import Recording
from infoflow.seeds import torch_generator


def estimate(job: EstimateJob, recordings: list[Recording]) -> pd.DataFrame:
    """Both values of every layer of the first seeds, in nats: columns seed, epoch, layer, drawn, exact."""
    chain, std = scalar_chains.read_chain(job, recordings[0]), job.model.noise_std
    exact = noisy.scalar_chain(
        chain.w, chain.b, job.model.activations, chain.nodes, chain.probabilities, std, continuous=chain.continuous
    ).value  # (epochs, seeds, layers)
    rows = []
    for i, epoch in enumerate(chain.epochs):
        for k, seed in enumerate(chain.seeds):
            generator = torch_generator(job.seed, seed, "draws", epoch)
            for layer, drawn in enumerate(_drawn(job, chain, chain.w[i, k], chain.b[i, k], generator)):
                rows.append({
                    "seed": seed, "epoch": epoch, "layer": f"T{layer + 1}",
                    "drawn": float(drawn), "exact": float(exact[i, k, layer]),
                })  # fmt: skip
    labels = job.points[0]
    return pd.DataFrame(rows).assign(experiment=job.experiment, point=labels.point, variant=labels.variant)


def _drawn(
    job: EstimateJob, chain: scalar_chains.Chain, w: Tensor, b: Tensor, generator: torch.Generator
) -> list[Tensor]:
    """I(X;T) of every layer: h(T) of drawn inputs, less the mean of h(T|x) of other drawn inputs passed many times.

    The entropy of each mixture is integrated, as the document does it.
    """
    section, std = job.section, job.model.noise_std

    def inputs(count: int) -> Tensor:
        return chain.nodes[torch.multinomial(chain.probabilities, count, replacement=True, generator=generator)]

    t = inputs(section.inputs)
    given = inputs(section.conditional[job.experiment])[:, None].expand(-1, section.passes)
    found = []
    for k, activation in enumerate(job.model.activations):
        t, given = (ACTIVATIONS[activation](w[k] * below + b[k]) for below in (t, given))  # before this layer's noise
        whole = noisy.mixture_entropy(t[:, None], std).value
        if k == 0:  # all passes of an input are the same: h(T|x) is that of the noise
            found.append(whole - noisy.gaussian_entropy(1, std))
        else:
            found.append(whole - torch.stack([noisy.mixture_entropy(one[:, None], std).value for one in given]).mean())
        t, given = (one + std * torch.randn(one.shape, generator=generator, dtype=one.dtype) for one in (t, given))
    return found
