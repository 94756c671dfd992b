"""A folder of images for each class: `<path>/<class>/…`, or `<path>/train/<class>/…` beside `val` or `test`."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.data.reading import images
from infoflow.data.reading.local_files import files_below
from infoflow.data.reading.problems import Problem, settle
from infoflow.errors import InputError
from infoflow.seeds import numpy_generator

# Pictures that Pillow reads without starting another program, by what lies in the file, whatever its name says.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm")
PARTS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "test": 1, "testing": 1}
TRANSPARENT = "transparent: shown on white"
# what Pillow raises on damaged files, and on blocks of metadata that are cut
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    struct.error,
    IndexError,
    KeyError,
    TypeError,
    Image.DecompressionBombError,
)


def make(job: DatasetJob) -> DataSet:
    """Images (n, channels, size, size), labels by the alphabetical order of the classes, and split.

    Folders within a class's folder belong to the class. Where the folders are called `train` and `val` or `test`, they are
    the parts and hold the classes; else each class is split at random.

    Raises:
        InputError: there are fewer than two classes, a class has no image, or files cannot be read and `bad_files` is `stop`.
    """
    path = Path(job.data_root) / job.section.path
    where = f"datasets.{job.dataset}.path: {path}"
    parts = _parts(path, where)
    classes = sorted({name for folder in parts for name in _folders(folder)})
    if len(classes) < 2:
        raise InputError(f"{where}: {len(classes)} folders; expected one for each class, two or more")
    files = [
        (file, label, part)
        for label, name in enumerate(classes)
        for folder, part in parts.items()
        for file in _images(folder / name)
    ]
    if empty := [name for k, name in enumerate(classes) if k not in {label for _, label, _ in files}]:
        raise InputError(f"{where}: no {', '.join(SUFFIXES)} file in {', '.join(empty)}; remove the folder or fill it")
    x, kept, problems = [], [], []
    for file, label, part in files:
        pixels, found = _read(file, job.section.size, job.section.channels)
        problems += [problem._replace(file=str(file.relative_to(path))) for problem in found]
        if pixels is not None:
            x.append(pixels)
            kept.append((label, part))
    settle(where, len(files), problems, job.section.bad_files)
    y, given = np.array(kept).T
    split = given
    if len(parts) == 1:
        rng = numpy_generator(job.seed, "image_folder", "split")
        split = images.stratified_split(y, job.section.train_fraction, rng)
    return images.finish(job, (np.stack(x), y, split), tuple(classes), {"source": f"own images: {path}", "tier": "own"})


def _parts(path: Path, where: str) -> dict[Path, int]:
    """Folders that hold the classes' folders, with the part of the data set that each is: itself, or those of `PARTS`."""
    if not path.is_dir():
        raise InputError(f"{where}: no such folder")
    names = _folders(path)
    if names and {name.lower() for name in names} <= set(PARTS) and len({PARTS[name.lower()] for name in names}) == 2:
        return {path / name: PARTS[name.lower()] for name in names}
    return {path: 0}


def _folders(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _images(folder: Path) -> list[Path]:
    """Image files below a class's folder in order; hidden files are not meant, others are listed as left out."""
    found = sorted(files_below(folder)) if folder.is_dir() else []
    visible = [file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts)]
    if others := [file.name for file in visible if file.suffix.lower() not in SUFFIXES]:
        print(
            f"{folder}: left out {', '.join(others[:10])}{' …' if len(others) > 10 else ''}: not {', '.join(SUFFIXES)}"
        )
    return [file for file in visible if file.suffix.lower() in SUFFIXES]


def _read(file: Path, size: int, channels: int) -> tuple[np.ndarray | None, list[Problem]]:
    """One image (channels, size, size) uint8, upright, stretched to a square; None where it cannot be read."""
    problems = []
    try:
        with Image.open(file, formats=FORMATS) as image:
            image.load()
            upright = _upright(image)
        if "transparency" in upright.info or "A" in upright.getbands():
            problems.append(Problem(str(file), TRANSPARENT, False))
            white = Image.new("RGBA", upright.size, "white")
            upright = Image.alpha_composite(white, upright.convert("RGBA"))
        if upright.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        made = upright.convert("L" if channels == 1 else "RGB").resize((size, size), Image.Resampling.BILINEAR)
    except DAMAGED:
        return None, [Problem(str(file), f"cannot be read as {', '.join(FORMATS)}", True)]
    return np.asarray(made).reshape(size, size, channels).transpose(2, 0, 1), problems


def _upright(image: Image.Image) -> Image.Image:
    """The image as its orientation says; as it lies where that cannot be read, as viewers do."""
    try:
        return ImageOps.exif_transpose(image)
    except DAMAGED:
        return image.copy()
