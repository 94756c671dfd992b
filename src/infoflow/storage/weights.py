"""Weights of a stack of networks: one safetensors file, keys `<snapshot>/<parameter>`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from infoflow.errors import InputError


def snapshots(path: str) -> list[int]:
    """Snapshots that a file of weights holds."""
    with _opened(path) as file:
        return json.loads(file.metadata()["run"])["snapshots"]


def read_network(path: str, snapshot: int, index: int) -> dict[str, Tensor]:
    """State of one network at one snapshot, {parameter or buffer: value}, as stored.

    Raises:
        InputError: the file is missing or damaged, or lacks the snapshot.
    """
    with _opened(path) as file:
        keys = [key for key in file.keys() if key.split("/")[0] == str(snapshot)]
        if not keys:
            raise InputError(f"{path}: has no snapshot at epoch {snapshot}; it holds {snapshots(path)}")
        return {key.split("/", 1)[1]: file.get_slice(key)[index] for key in keys}


def read_weights(path: str, epochs: set[int] | None = None) -> dict[int, dict[str, Tensor]]:
    """Weights by snapshot (epoch, or update where training counts so): {epoch: {parameter: (seeds, …)}}, float64."""
    weights: dict[int, dict[str, Tensor]] = {}
    with _opened(path) as file:
        stored = snapshots(path)
        if epochs is not None and (missing := epochs - set(stored)):
            raise InputError(f"{path}: has no snapshot at epoch {min(missing)}; it holds {stored}")
        for key in file.keys():
            epoch, name = key.split("/")
            if epochs is None or int(epoch) in epochs:
                weights.setdefault(int(epoch), {})[name] = file.get_tensor(key).double()
    return dict(sorted(weights.items()))


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """An open file of weights; what goes wrong with it is said in one line."""
    try:
        with safe_open(path, "pt") as file:
            yield file
    except FileNotFoundError:
        raise InputError(f"{path}: no such weights; run the rule that makes them (snakemake {path})") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: damaged ({error}); delete it and run the rule that makes it (snakemake {path})"
        ) from None
