"""Own images, a folder for each class: `<path>/<class>/*.png` or `.jpg`, grey or colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.data.reading import images
from infoflow.errors import InputError
from infoflow.seeds import numpy_generator

SUFFIXES = (".png", ".jpg", ".jpeg")


def make(job: DatasetJob) -> DataSet:
    """Images (n, channels, size, size), labels by the alphabetical order of the classes, and split.

    Raises:
        InputError: there are fewer than two classes, a class has no image, or files cannot be read (all are named).
    """
    path = Path(job.data_root) / job.section.path
    where = f"datasets.{job.dataset}.path: {path}"
    files = {name: _images(path / name) for name in _classes(path, where)}
    if empty := [name for name, found in files.items() if not found]:
        raise InputError(f"{where}: no {', '.join(SUFFIXES)} file in {', '.join(empty)}; remove the folder or fill it")
    x, unreadable = [], []
    for file in (file for found in files.values() for file in found):
        try:
            x.append(_read(file, job.section.size, job.section.channels))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # what Pillow raises on damaged files
            unreadable.append(str(file.relative_to(path)))
    if unreadable:
        more = f" and {len(unreadable) - 10} more" if len(unreadable) > 10 else ""
        raise InputError(f"{where}: cannot read {', '.join(unreadable[:10])}{more}; mend or remove them")
    y = np.repeat(np.arange(len(files)), [len(found) for found in files.values()])
    rng = numpy_generator(job.seed, "image_folder", "split")
    labelled = np.stack(x), y, images.stratified_split(y, job.section.train_fraction, rng)
    return images.finish(job, labelled, tuple(files), {"source": f"own images: {path}", "tier": "own"})


def _classes(path: Path, where: str) -> list[str]:
    if not path.is_dir():
        raise InputError(f"{where}: no such folder")
    names = sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if len(names) < 2:
        raise InputError(f"{where}: {len(names)} folders; expected one for each class, two or more")
    return names


def _images(folder: Path) -> list[Path]:
    """Image files of a class in order; hidden files are not meant, others are listed as left out."""
    visible = sorted(entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
    if others := [entry.name for entry in visible if entry.suffix.lower() not in SUFFIXES]:
        print(
            f"{folder}: left out {', '.join(others[:10])}{' …' if len(others) > 10 else ''}: not {', '.join(SUFFIXES)}"
        )
    return [entry for entry in visible if entry.suffix.lower() in SUFFIXES]


def _read(file: Path, size: int, channels: int) -> np.ndarray:
    """One image (channels, size, size) uint8, upright, stretched to a square."""
    with Image.open(file) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        made = upright.convert("L" if channels == 1 else "RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(made).reshape(size, size, channels).transpose(2, 0, 1)
