"""Record the observed layers of trained networks: weights and a data set in, one HDF5 file for a block of seeds out.

Groups `<seed>/<epoch>/<layer>/`: `mean` (n, d) noiseless values for every input (float64); for noisy networks
`covariance` (n, d, d) given each input and `shift` (n, d), the second-order shift of the mean (float32), and at the replica epochs `replicas` (count, n, d) and `conditional`
(count, inputs, d), values before the layer's own noise from independent noisy passes (float32). `labels` (n,) and `split` (n,) once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from infoflow.config.jobs import RecordedPasses, RecordJob
from infoflow.models import build
from infoflow.seeds import torch_generator
from infoflow.storage.hdf5 import read_h5, write_h5
from infoflow.storage.weights import read_weights


def run(job: RecordJob, weights: str, dataset: str, output: str) -> None:
    """Record every seed and epoch of a block."""
    torch.set_num_threads(1)
    data, about = read_h5(dataset, "x", "y", "split")
    x = torch.from_numpy(data["x"]).double()
    stored = read_weights(weights, set().union(*job.epochs.values()))
    model = build(job.model, tuple(x.shape[1:]), about.get("classes"))
    std, replicas = job.model.noise_std, job.replicas
    arrays: dict[str, Any] = {"labels": data["y"], "split": data["split"]}
    for seed, epochs in job.epochs.items():
        for epoch in epochs:
            parameters = {name: value[seed] for name, value in stored[epoch].items()}
            for layer, moments in model.moments(parameters, x, std).items():
                arrays[f"{seed}/{epoch}/{layer}/mean"] = moments.mean.numpy()
                if moments.covariance is not None:
                    arrays[f"{seed}/{epoch}/{layer}/covariance"] = moments.covariance.float().numpy()
                    arrays[f"{seed}/{epoch}/{layer}/shift"] = moments.shift.float().numpy()
            if replicas and epoch in replicas.epochs.get(seed, []):
                generator = torch_generator(job.seed, seed, "replicas", epoch)
                for name, passes in noisy_passes(model, parameters, x, std, replicas, generator).items():
                    arrays[f"{seed}/{epoch}/{name}"] = passes.numpy()
        print(f"seed {seed}: {len(epochs)} snapshots", flush=True)
    attributes = {
        "experiment": job.experiment,
        "point": job.point,
        "noise_std": std,
        "layers": model.observed,
    }
    write_h5(output, arrays, attributes)


def noisy_passes(
    model: Any,
    parameters: dict[str, Tensor],
    x: Tensor,
    std: float,
    replicas: RecordedPasses,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Independent noisy passes of all inputs, and many of a few inputs drawn without replacement.

    What is kept of a pass is S = T − Z, a layer's value before its own noise: the centres of the mixture p(t).
    """
    stacked = {name: value[None].float() for name, value in parameters.items()}
    chosen = torch.randperm(len(x), generator=generator)[: replicas.conditional_inputs]
    made: dict[str, Tensor] = {}
    for name, count, inputs in (
        ("replicas", replicas.count, x),
        ("conditional", replicas.conditional, x[chosen]),
    ):
        layers: list[list[Tensor]] = []
        for _ in range(count):
            noise = std * torch.randn(1, model.noise_units, len(inputs), generator=generator)
            _, observed = model.forward(stacked, inputs[None].float(), noise)
            ends = np.cumsum([layer.shape[-1] for layer in observed])
            own = [noise[0, end - layer.shape[-1] : end].T for layer, end in zip(observed, ends, strict=True)]
            layers.append([layer[0] - z for layer, z in zip(observed, own, strict=True)])
        for layer, passes in zip(model.observed, zip(*layers, strict=True), strict=True):
            made[f"{layer}/{name}"] = torch.stack(passes)  # (count, inputs, d)
    return made
