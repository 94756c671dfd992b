"""Street View House Numbers, cropped digits: the published files, own ones in their format, or drawn house numbers.

As in yu2018 the colour crops of 32 × 32 become grey and lose a frame of two pixels. The reader takes any file in the
published format; that of torchvision refuses all but the published ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import loadmat, savemat

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.data.reading import images
from infoflow.data.standins import house_numbers
from infoflow.errors import InputError

ABOUT = {
    "tier": "T3",
    "licence": "non-commercial use",
    "stand_in": "drawn house numbers in place of SVHN",
    "class_names": tuple("0123456789"),
}
PARTS = ("train", "test")
LUMA = (0.299, 0.587, 0.114)  # of red, green, blue: ITU-R BT.601


def read_mat(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 32, 32, 3) uint8 and digits 0–9 (n,) of one file: X (32, 32, 3, n), y (n, 1) with 10 for the digit 0.

    Raises:
        InputError: the file is missing, damaged, or holds something else.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; expected {' and '.join(f'{p}_32x32.mat' for p in PARTS)} in {path.parent}"
        )
    try:
        content = loadmat(path, variable_names=("X", "y"))
    except Exception as error:  # scipy raises a dozen kinds on damaged files, bare Exception among them
        raise InputError(f"{path}: damaged or no MATLAB file of format 5 ({error}); fetch or copy it again") from None
    if missing := {"X", "y"} - set(content):
        raise InputError(f"{path}: holds no {' and '.join(sorted(missing))}; expected X (32, 32, 3, n) and y (n, 1)")
    x, y = content["X"], content["y"].ravel()
    x = x[..., None] if x.ndim == 3 else x  # MATLAB drops a last dimension of one
    if x.dtype != np.uint8 or x.shape != (32, 32, 3, len(y)):
        raise InputError(
            f"{path}: X is {x.dtype} {x.shape}, y has {len(y)} labels; expected uint8 (32, 32, 3, n) and n"
        )
    if not np.isin(y, range(1, 11)).all():
        raise InputError(f"{path}: y holds labels from {y.min()} to {y.max()}; expected 1 to 10, 10 for the digit 0")
    return x.transpose(3, 0, 1, 2), (y % 10).astype(np.uint8)


def write_mat(path: Path, x: np.ndarray, y: np.ndarray) -> None:
    """Write images (n, 32, 32, 3) uint8 and digits 0–9 (n,) in the published format."""
    labels = np.where(y == 0, 10, y).astype(np.uint8)[:, None]
    savemat(path, {"X": x.transpose(1, 2, 3, 0), "y": labels}, format="5", do_compression=True)


def grey(x: np.ndarray) -> np.ndarray:
    """The middle 28 × 28 pixels in grey: (n, 32, 32, 3) uint8 -> (n, 28, 28) uint8."""
    middle = x[:, 2:30, 2:30]
    return np.rint(sum(np.float32(w) * middle[..., k] for k, w in enumerate(LUMA))).astype(np.uint8)


def read_folder(folder: Path) -> images.Labelled:
    """Grey images (n, 28, 28), digits and split of the two files of a folder."""
    parts = []
    for part in PARTS:
        x, y = read_mat(folder / f"{part}_32x32.mat")
        parts.append((grey(x), y))
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return x, y, np.repeat([0, 1], [len(part[1]) for part in parts])


def write_folder(folder: Path, labelled: images.Labelled) -> None:
    """Write colour images (n, 32, 32, 3), digits and split as the two files of a folder."""
    x, y, split = labelled
    for number, part in enumerate(PARTS):
        write_mat(folder / f"{part}_32x32.mat", x[split == number], y[split == number])


def make(job: DatasetJob) -> DataSet:
    """Images (n, 1, 28, 28), digits 0–9 and split."""
    return images.make(job, ABOUT, read_folder, house_numbers.draw, write_folder)
