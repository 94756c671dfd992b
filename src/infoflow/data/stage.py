"""The data stage: the settings of a job in, one HDF5 file out.

Arrays: `x` and `y`, with a leading seed axis where each seed draws its own; `split` (0 train, 1 test) along the
samples; optionally `probe_x` and `probe_probability`, the population that estimators enumerate or integrate over.
Attributes: kind, source, tier, licence, stand_in, classes, sha256 (of the arrays' bytes); images also class_names and
x_divisor (see `infoflow.storage.hdf5.read_h5`).
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infoflow.config.jobs import DatasetJob
from infoflow.data import Arrays
from infoflow.storage.hdf5 import write_h5


def run(job: DatasetJob, output: str, inputs: Sequence[str] = (), workers: int = 1) -> None:
    """Make one data set and write it.

    Args:
        job: its settings.
        output: path of the HDF5 file.
        inputs: files of an earlier stage.
        workers: processes that read recordings, whose features are cached beside `output` where the section says so.
    """
    folder = job.section.cache
    cache = str(Path(output).parent / folder) if folder else None
    job = job.model_copy(update={"inputs": list(inputs), "workers": workers, "cache": cache})
    arrays, attributes = importlib.import_module(f"infoflow.data.{job.section.kind}").make(job)
    write_h5(output, arrays, {**attributes, "kind": job.section.kind, "sha256": digest(arrays)})
    print(f"{job.dataset}: " + ", ".join(f"{k} {np.shape(v)}" for k, v in arrays.items()), flush=True)


def digest(arrays: Arrays) -> str:
    """Checksum of named arrays, independent of the file format around them."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name}{array.dtype.str}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()
