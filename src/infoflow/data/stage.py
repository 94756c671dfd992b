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
from infoflow.data import Arrays, Attributes
from infoflow.errors import InputError
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
    _check(job, arrays, attributes)
    write_h5(output, arrays, {**attributes, "kind": job.section.kind, "sha256": digest(arrays)})
    print(f"{job.dataset}: " + ", ".join(f"{k} {np.shape(v)}" for k, v in arrays.items()), flush=True)


def _check(job: DatasetJob, arrays: Arrays, attributes: Attributes) -> None:
    """Say what a training would stumble over later.

    Raises:
        InputError: there is no training sample, or one class alone.
    """
    names = attributes.get("class_names")
    if names is not None and len(present := np.unique(arrays["y"])) < 2:
        raise InputError(
            f"datasets.{job.dataset}: one class, {names[int(present[0])]}; expected two or more, of which information is asked"
        )
    if "split" not in arrays:
        return
    split, y = np.asarray(arrays["split"]), np.asarray(arrays["y"])
    if not (split == 0).any():
        raise InputError(
            f"datasets.{job.dataset}: no training sample among {split.size}; raise train_fraction, or add samples"
        )
    if not (split == 1).any():
        print(
            f"{job.dataset}: no held-out sample among {split.size}: nothing is evaluated on samples that were not trained on"
        )
    classes = attributes.get("class_names")
    if classes is None or y.shape != split.shape or not np.issubdtype(y.dtype, np.integer):
        return
    counts = np.stack([np.bincount(y[split == part], minlength=len(classes)) for part in (0, 1)])  # (parts, classes)
    for part, name in enumerate(("training", "held-out")):
        absent = [str(classes[k]) for k in np.flatnonzero((counts[part] == 0) & (counts[1 - part] > 0))]
        if absent and (split == part).any():
            print(f"{job.dataset}: no {name} sample of {', '.join(absent)}", flush=True)


def digest(arrays: Arrays) -> str:
    """Checksum of named arrays, independent of the file format around them."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name}{array.dtype.str}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()
