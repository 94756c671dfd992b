"""How fast sample propagation converges where the truth is known."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import torch

from infoflow.config.jobs import ConvergenceJob
from infoflow.estimation.rows import Row
from infoflow.estimators import noisy
from infoflow.models.hooks import capture
from infoflow.models.mlp import Mlp
from infoflow.models.modules import GaussianNoise, handed
from infoflow.seeds import torch_generator
from infoflow.storage.tables import write_table


def run(job: ConvergenceJob, output: str) -> None:
    """Where the truth is known: the entropy of noisy Gaussians, and scalar chains by quadrature.

    Rows with study "gaussian": for every dimension d and number of centres n, `repeats` times: n centres from N(0, I),
    the sample-propagation estimate of h(S + Z) against d/2 ln(2πe (1 + std²)); the entropy of the mixture itself by quadrature
    where d ≤ 2, and by as many draws as there are centres beyond, so that drawing leaves no floor. Rows with study "chain": linearised
    and sample-propagation information of every layer of a few tanh chains against quadrature.
    """
    torch.set_num_threads(1)
    rows = []
    for d in job.dimensions:
        truth = d / 2 * math.log(2 * math.pi * math.e * (1 + job.std**2))
        for n in job.samples:
            for repeat in range(job.repeats):
                generator = torch_generator(job.seed, "convergence", d, n, repeat)
                centres = torch.randn(n, d, dtype=torch.float64, generator=generator)
                result = noisy.mixture_entropy(
                    centres,
                    job.std,
                    samples=max(job.queries, n),
                    generator=generator,
                    method="quadrature" if d <= 2 else "monte_carlo",
                )
                rows.append(
                    {
                        "study": "gaussian",
                        "d": d,
                        "n": n,
                        "repeat": repeat,
                        "value": float(result.value),
                        "truth": truth,
                    }
                )
        print(f"d = {d}", flush=True)
    rows += _chains(job)
    write_table(output, pd.DataFrame(rows).assign(unit="nats"))


def _chains(job: ConvergenceJob) -> Iterator[Row]:
    """Estimates on scalar tanh chains against quadrature."""
    count, std = job.chain_inputs, job.chain_std
    share = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    x = 0.5 * torch.special.ndtri(share)  # equally likely quantiles of N(0, 0.25)
    for k, (weights, biases) in enumerate(job.chains):
        depth = len(weights)
        fixed = {"weights": weights, "biases": biases}
        model = Mlp((1,), [1] * (depth + 1), ["tanh"] * depth, observe="all", initial=fixed).double()
        model.initialise(torch.Generator())
        truth = noisy.scalar_chain(weights, biases, ["tanh"] * depth, x, torch.full((count,), 1 / count), std).value
        moments = model.moments(x[:, None], std)
        for repeat in range(job.repeats):
            generator = torch_generator(job.seed, "chains", k, repeat)
            noise = std * torch.randn(1, depth, 64 * count, generator=generator, dtype=torch.float64)[0]
            with torch.no_grad(), handed(model, GaussianNoise, noise), capture(model, model.layers) as values:
                model(x.repeat(64)[:, None])
            for i, (layer, one) in enumerate(moments.items()):
                passes = (values[layer] - noise[i, :, None]).view(64, count, 1).transpose(0, 1)  # before its own noise
                linear = noisy.linearised(one.mean, one.covariance, draws=64, generator=generator)
                given = None if i == 0 else passes
                propagated = noisy.mutual_information(passes.flatten(0, 1), given, std, generator=generator)
                for name, result in (("linearised", linear), ("replicas", propagated)):
                    yield {
                        "study": "chain", "d": k, "n": i + 1, "layer": layer, "repeat": repeat, "estimator": name,
                        "value": float(result.value), "truth": float(truth[i]),
                    }  # fmt: skip
