"""Record the observed layers of trained networks: weights and a data set in, one HDF5 file for a block of seeds out.

Groups `<seed>/<epoch>/<layer>/`: `mean` (n, d) noiseless values for every input (float64); for noisy networks
`covariance` (n, d, d) given each input and `shift` (n, d), the second-order shift of the mean (float32), and at the replica epochs `replicas` (count, n, d) and `conditional`
(count, inputs, d), values before the layer's own noise from independent noisy passes (float32). `labels` (n,) and `split` (n,) once.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from infoflow.io import InputError, read_h5, write_h5
from infoflow.models import build
from infoflow.seeds import torch_generator


def read_weights(path: str, epochs: set[int] | None = None) -> dict[int, dict[str, Tensor]]:
    """Weights by snapshot (epoch, or update where training counts so): {epoch: {parameter: (seeds, …)}}, float64."""
    weights: dict[int, dict[str, Tensor]] = {}
    with safe_open(path, "pt") as file:
        stored = json.loads(file.metadata()["run"])["snapshots"]
        if epochs is not None and (missing := epochs - set(stored)):
            raise InputError(f"{path}: has no snapshot at epoch {min(missing)}; it holds {stored}")
        for key in file.keys():
            epoch, name = key.split("/")
            if epochs is None or int(epoch) in epochs:
                weights.setdefault(int(epoch), {})[name] = file.get_tensor(key).double()
    return dict(sorted(weights.items()))


def run(settings: dict[str, Any], weights: str, dataset: str, output: str) -> None:
    """Record every seed and epoch of a block."""
    torch.set_num_threads(1)
    data, about = read_h5(dataset, "x", "y", "split")
    x = torch.from_numpy(data["x"]).double()
    epochs = {int(seed): kept for seed, kept in settings["epochs"].items()}
    stored = read_weights(weights, set().union(*epochs.values()))
    model = build(settings["model"], tuple(x.shape[1:]), about.get("classes"))
    std, replicas = settings["model"]["noise_std"], settings["replicas"]
    arrays: dict[str, Any] = {"labels": data["y"], "split": data["split"]}
    for seed, kept in epochs.items():
        for epoch in kept:
            parameters = {name: value[seed] for name, value in stored[epoch].items()}
            for layer, moments in model.moments(parameters, x, std).items():
                arrays[f"{seed}/{epoch}/{layer}/mean"] = moments.mean.numpy()
                if moments.covariance is not None:
                    arrays[f"{seed}/{epoch}/{layer}/covariance"] = moments.covariance.float().numpy()
                    arrays[f"{seed}/{epoch}/{layer}/shift"] = moments.shift.float().numpy()
            if replicas and epoch in replicas["epochs"].get(str(seed), []):
                generator = torch_generator(settings["seed"], seed, "replicas", epoch)
                for name, passes in noisy_passes(model, parameters, x, std, replicas, generator).items():
                    arrays[f"{seed}/{epoch}/{name}"] = passes.numpy()
        print(f"seed {seed}: {len(kept)} snapshots", flush=True)
    attributes = {k: settings[k] for k in ("experiment", "point")} | {
        "noise_std": std,
        "layers": model.observed,
    }
    write_h5(output, arrays, attributes)


def noisy_passes(
    model: Any,
    parameters: dict[str, Tensor],
    x: Tensor,
    std: float,
    replicas: dict[str, Any],
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Independent noisy passes of all inputs, and many of a few inputs drawn without replacement.

    What is kept of a pass is S = T − Z, a layer's value before its own noise: the centres of the mixture p(t).
    """
    stacked = {name: value[None].float() for name, value in parameters.items()}
    chosen = torch.randperm(len(x), generator=generator)[: replicas["conditional_inputs"]]
    made: dict[str, Tensor] = {}
    for name, count, inputs in (
        ("replicas", replicas["count"], x),
        ("conditional", replicas["conditional"], x[chosen]),
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
