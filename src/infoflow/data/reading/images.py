"""What the image data sets share: idx files, splits, subsets, and the arrays and attributes that they leave.

Pixels stay whole numbers 0–255 on disk, a quarter of the space of float32; the attribute `x_divisor` tells
`infoflow.storage.hdf5.read_h5` to hand them out as float32 in [0, 1].
"""

from __future__ import annotations

import math
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from infoflow.config.jobs import DatasetJob
from infoflow.data import Attributes, DataSet
from infoflow.data.reading import local_files
from infoflow.errors import InputError
from infoflow.seeds import numpy_generator

STANDIN_SIZE = 5000
Labelled = tuple[np.ndarray, np.ndarray, np.ndarray]  # images (n, …) uint8, labels (n,), split (n,): 0 train, 1 test


def make(
    job: DatasetJob,
    about: Attributes,
    read: Callable[[Path], Labelled],
    draw: Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]] | None = None,
    write: Callable[[Path, Labelled], None] | None = None,
) -> DataSet:
    """Arrays and attributes of a data set with published files.

    `read` takes the folder of the files; a stand-in is drawn, written by `write` as such files and read by `read`.

    Raises:
        InputError: the files are missing, damaged or, with `source: full`, not the published ones.
    """
    name, collection = job.section.kind, local_files.COLLECTIONS[job.section.kind]
    source = local_files.resolve(name, job.section.source, job.data_root)
    if source == "standin":
        count = min(STANDIN_SIZE, job.section.limit or STANDIN_SIZE)
        x, y = draw(count, numpy_generator(job.seed, name, "stand-in"))
        split = stratified_split(y, job.section.train_fraction, numpy_generator(job.seed, name, "split"))
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), (x, y, split))
            labelled = read(Path(folder))
        provenance = {"source": about["stand_in"], "tier": "stand-in", "licence": "MIT (generated)", "stand_in": True}
    elif source == "own":
        folder = Path(job.data_root) / collection.folder
        labelled = read(folder)
        provenance = {"source": f"own files in the format of {collection.title}: {folder}", "tier": "own"}
    else:
        local_files.verify(name, job.data_root)
        labelled = read(Path(job.data_root) / collection.folder)
        provenance = {"source": collection.title, "tier": about["tier"], "licence": about["licence"]}
    return finish(job, labelled, about["class_names"], provenance)


def finish(job: DatasetJob, labelled: Labelled, class_names: tuple[str, ...], provenance: Attributes) -> DataSet:
    """Arrays `x` (n, channels, side, side) uint8, `y` and `split` of at most `limit` images, and the attributes."""
    x, y, split = labelled
    if len(x) == 0 or y.max() >= len(class_names):
        raise InputError(
            f"datasets.{job.dataset}: {len(x)} images with labels up to {y.max(initial=-1)}; expected some, "
            f"with labels below {len(class_names)}"
        )
    _say_what_is_in_both(job, x, split)
    if job.section.limit and job.section.limit < len(y):
        kept = subset(y, split, job.section.limit, numpy_generator(job.seed, job.section.kind, "limit"))
        x, y, split = x[kept], y[kept], split[kept]
    arrays = {"x": x[:, None] if x.ndim == 3 else x, "y": y.astype(np.int64), "split": split.astype(np.uint8)}
    attributes = {
        "licence": "not stated",
        "stand_in": False,
        **provenance,
        "classes": len(class_names),
        "class_names": list(class_names),
        "x_divisor": 255,
    }
    return arrays, attributes


def _say_what_is_in_both(job: DatasetJob, x: np.ndarray, split: np.ndarray) -> None:
    """Print how many held-out images are among the training images too, pixel for pixel."""
    known = {image.tobytes() for image in x[split == 0]}
    again = sum(image.tobytes() in known for image in x[split == 1])
    if again:
        print(f"{job.dataset}: {again} of {(split == 1).sum()} held-out images are training images too", flush=True)


def stratified_split(y: np.ndarray, train_fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Split (n,): 0 for `train_fraction` of the members of each class, drawn at random, 1 for the others."""
    split = np.ones(len(y), np.uint8)
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        split[members[: round(train_fraction * len(members))]] = 0
    return split


def subset(y: np.ndarray, split: np.ndarray, limit: int, rng: np.random.Generator) -> np.ndarray:
    """Indices, in order, of `limit` images: every class of the training and of the test part keeps its share."""
    rank = np.empty(len(y))
    for group in sorted({*zip(y.tolist(), split.tolist(), strict=True)}):
        members = rng.permutation(np.flatnonzero((y == group[0]) & (split == group[1])))
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(np.argsort(rank, kind="stable")[:limit])


# --- idx files -------------------------------------------------------------------------------------------

PARTS = ("train", "t10k")


def read_idx_folder(folder: Path) -> Labelled:
    """Images (n, 28, 28), labels and split of a folder with the four idx files of MNIST, read by torchvision.

    Raises:
        InputError: a file is missing or no whole idx file, or images and labels differ in number.
    """
    from torchvision.datasets.mnist import read_image_file, read_label_file

    images, labels = [], []
    for part in PARTS:
        paths = [folder / f"{part}-{what}-ubyte" for what in ("images-idx3", "labels-idx1")]
        images.append(_read_idx(paths[0], read_image_file))
        labels.append(_read_idx(paths[1], read_label_file))
        if len(images[-1]) != len(labels[-1]):
            raise InputError(f"{paths[0]}: {len(images[-1])} images, but {len(labels[-1])} labels in {paths[1].name}")
    if images[0].shape[1:] != images[1].shape[1:]:
        raise InputError(f"{folder}: images of {images[0].shape[1:]} for training, {images[1].shape[1:]} for testing")
    return np.concatenate(images), np.concatenate(labels), np.repeat([0, 1], [len(part) for part in images])


def _read_idx(path: Path, read: Callable[[str], Any]) -> np.ndarray:
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the unpacked idx files of MNIST's layout in {path.parent}")
    try:
        return read(str(path)).numpy()
    except (AssertionError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
        raise InputError(f"{path}: damaged or no idx file of bytes; fetch or copy it again") from None


def write_idx_folder(folder: Path, labelled: Labelled) -> None:
    """Write images, labels and split as the four idx files of MNIST's layout."""
    x, y, split = labelled
    for number, part in enumerate(PARTS):
        for what, array in (("images-idx3", x[split == number]), ("labels-idx1", y[split == number])):
            header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            data = header + array.astype(np.uint8).tobytes()
            assert len(data) == 4 + 4 * array.ndim + math.prod(array.shape)
            (folder / f"{part}-{what}-ubyte").write_bytes(data)
