"""Weights of a stack of networks: one safetensors file, keys `<snapshot>/<parameter>`."""

from __future__ import annotations

import json

from safetensors import SafetensorError, safe_open
from torch import Tensor

from infoflow.errors import InputError


def read_weights(path: str, epochs: set[int] | None = None) -> dict[int, dict[str, Tensor]]:
    """Weights by snapshot (epoch, or update where training counts so): {epoch: {parameter: (seeds, …)}}, float64."""
    weights: dict[int, dict[str, Tensor]] = {}
    try:
        with safe_open(path, "pt") as file:
            stored = json.loads(file.metadata()["run"])["snapshots"]
            if epochs is not None and (missing := epochs - set(stored)):
                raise InputError(f"{path}: has no snapshot at epoch {min(missing)}; it holds {stored}")
            for key in file.keys():
                epoch, name = key.split("/")
                if epochs is None or int(epoch) in epochs:
                    weights.setdefault(int(epoch), {})[name] = file.get_tensor(key).double()
    except FileNotFoundError:
        raise InputError(f"{path}: no such weights; run the rule that makes them (snakemake {path})") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: damaged ({error}); delete it and run the rule that makes it (snakemake {path})"
        ) from None
    return dict(sorted(weights.items()))
