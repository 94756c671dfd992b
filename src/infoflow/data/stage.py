"""The data stage: settings in, one HDF5 file out.

Arrays: `x` and `y`, with a leading seed axis where each seed draws its own; `split` (0 train, 1 test) along the
samples; optionally `probe_x` and `probe_probability`, the population that estimators enumerate or integrate over.
Attributes: kind, source, tier, licence, stand_in, classes, sha256 (of the arrays' bytes); images also class_names and
x_divisor (see `infoflow.io.read_h5`).
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from infoflow.io import write_h5


def run(settings: dict[str, Any], output: str, inputs: Sequence[str] = (), workers: int = 1) -> None:
    """Make one data set and write it.

    `inputs` are files of an earlier stage; `workers` processes read recordings, whose features are cached beside `output`
    in the folder that the kind's module names.
    """
    module = importlib.import_module(f"infoflow.data.{settings['kind']}")
    if settings["kind"] == "contexts":
        settings = {**settings, "inputs": inputs}
    if folder := getattr(module, "CACHE", None):
        settings = {**settings, "workers": workers, "cache": str(Path(output).parent / folder)}
    arrays, attributes = module.make(settings)
    write_h5(output, arrays, {**attributes, "kind": settings["kind"], "sha256": digest(arrays)})
    print(f"{settings['dataset']}: " + ", ".join(f"{k} {np.shape(v)}" for k, v in arrays.items()), flush=True)


def digest(arrays: dict[str, Any]) -> str:
    """Checksum of named arrays, independent of the file format around them."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name}{array.dtype.str}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()
