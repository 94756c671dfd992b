"""Own arrays: `.npz`, `.h5`, `.parquet` or `.csv`, or a folder with `x.npy` and `y.npy`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from infoflow.config.jobs import DatasetJob
from infoflow.data import Attributes, DataSet
from infoflow.data.reading import images
from infoflow.errors import InputError
from infoflow.estimators._inputs import as_labels, as_tensor, continuous
from infoflow.seeds import numpy_generator
from infoflow.storage.files import sha256

PARTS = {"train": 0, "test": 1, "0": 0, "1": 1}
KINDS = (".npz", ".h5", ".hdf5", ".parquet", ".csv")


def make(job: DatasetJob) -> DataSet:
    """Inputs (n, …) float32, or int64 where they are whole numbers beyond a byte, labels, split, and the attributes.

    Labels that are words or whole numbers are classes, in sorted order; floating-point numbers are continuous targets.

    Raises:
        InputError: the file cannot be read or lacks an array, shapes do not fit, values are missing or not finite, a class has
            fewer than two members, or a part is empty.
    """
    section, path = job.section, Path(job.data_root) / job.section.path
    where = f"datasets.{job.dataset}: {path}"
    found = _read(path, section, where)
    x, targets = _inputs(found["x"], where), continuous(found["y"])
    y, names = _targets(found["y"], where) if targets else _classes(found["y"], where)
    if len(x) != len(y):
        raise InputError(f"{where}: {section.x} has {len(x)} rows, {section.y} {len(y)}")
    rng = numpy_generator(job.seed, "arrays", "split")
    split = _split(found, y if names else np.zeros(len(y), np.int64), section.train_fraction, rng, where)
    if section.limit and section.limit < len(y):
        classes = y if names else np.zeros(len(y), np.int64)
        kept = images.subset(classes, split, section.limit, numpy_generator(job.seed, "arrays", "limit"))
        x, y, split = x[kept], y[kept], split[kept]
    attributes: Attributes = {
        "source": f"own arrays: {path}", "tier": "own", "licence": "not stated", "stand_in": False,
        "file_sha256": sha256(path) if path.is_file() else None,
    }  # fmt: skip
    if names:
        attributes |= {"classes": len(names), "class_names": names}
    return {"x": x, "y": y, "split": split}, attributes


def _read(path: Path, section: Any, where: str) -> dict[str, np.ndarray]:
    """The arrays x, y and, where they are there, group and split.

    Raises:
        InputError: the file is of another kind, damaged, or lacks x or y.
    """
    names = {"x": section.x, "y": section.y, "group": section.group, "split": section.split}
    try:
        if path.is_dir():
            held = {name: np.load(path / f"{name}.npy", allow_pickle=False) for name in _there(path, names.values())}
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                held = {name: file[name] for name in file.files}
        elif path.suffix in (".h5", ".hdf5"):
            from infoflow.storage.hdf5 import read_h5

            held = read_h5(path)[0]
        elif path.suffix in (".parquet", ".csv"):
            held = _columns(path, names)
        else:
            raise InputError(
                f"{where}: expected {', '.join(KINDS)} or a folder with {section.x}.npy and {section.y}.npy"
            )
    except InputError:
        raise
    except Exception as error:  # readers of six formats have as many kinds of errors
        raise InputError(f"{where}: cannot be read ({type(error).__name__}: {str(error).splitlines()[0]})") from None
    if missing := [names[key] for key in ("x", "y") if names[key] not in held]:
        raise InputError(f"{where}: has no {' and no '.join(missing)}; it holds {', '.join(held) or 'nothing'}")
    return {key: held[name] for key, name in names.items() if name in held}


def _there(folder: Path, names: Any) -> Iterator[str]:
    return (name for name in names if (folder / f"{name}.npy").is_file())


def _columns(path: Path, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Columns of a table: those that have a meaning by name, all others side by side as the inputs.

    Raises:
        InputError: an input column holds no numbers.
    """
    import pandas as pd

    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    if nameless := [name for name in table if str(name).startswith("Unnamed: ")]:  # the index that pandas writes
        print(f"{path}: left out the columns without a name: {', '.join(nameless)}")
        table = table.drop(columns=nameless)
    meant = [name for key, name in names.items() if key != "x" and name in table]
    inputs = table.drop(columns=meant)
    if words := [name for name in inputs if not pd.api.types.is_numeric_dtype(inputs[name])]:
        raise InputError(f"{path}: the columns {', '.join(map(str, words[:5]))} hold no numbers; encode or remove them")
    held = {name: table[name].to_numpy() for name in meant}
    return {**held, names["x"]: inputs.to_numpy()}


def _inputs(x: np.ndarray, where: str) -> np.ndarray:
    """Inputs as the networks take them: one axis of features at least."""
    try:
        values = as_tensor(x, "x").numpy()
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    if values.ndim == 0 or not values.size:
        raise InputError(f"{where}: x has the shape {values.shape}; expected some samples (n, …)")
    if not np.isfinite(values).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise InputError(f"{where}: x holds {values[first]} at {first}; fill or drop what is missing")
    values = values[:, None] if values.ndim == 1 else values
    return values.astype(np.int64) if values.dtype in (np.int32, np.int64) else values.astype(np.float32)


def _targets(y: np.ndarray, where: str) -> tuple[np.ndarray, list[str]]:
    if y.ndim != 1 or not np.isfinite(y).all():
        raise InputError(f"{where}: y: expected one finite number a sample, (n,), found the shape {y.shape}")
    return y.astype(np.float32), []


def _classes(y: np.ndarray, where: str) -> tuple[np.ndarray, list[str]]:
    """Labels as numbers from 0, and the names of the classes in order.

    Raises:
        InputError: labels are missing, there is one class alone, or one has a single member.
    """
    if y.ndim == 2 and y.shape[1] > 1 and np.isin(y, (0, 1)).all() and (y.sum(1) == 1).all():
        y = y.argmax(1)  # one-hot
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    try:
        as_labels(y, len(y), "cpu", "y")
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    if y.dtype.kind == "f":
        y = y.astype(np.int64)
    names, codes, counts = np.unique(
        y.astype(str) if y.dtype.kind == "O" else y, return_inverse=True, return_counts=True
    )
    if len(names) < 2:
        raise InputError(f"{where}: y: every sample is of the class {names[0]}; there is nothing to learn")
    if len(few := names[counts < 2]):
        raise InputError(
            f"{where}: y: {', '.join(map(str, few[:5]))} has one sample alone; a class needs two, or drop it"
        )
    return codes.astype(np.int64), [str(name) for name in names]


def _split(
    found: Mapping[str, np.ndarray], classes: np.ndarray, share: float, rng: np.random.Generator, where: str
) -> np.ndarray:
    """Parts (n,) uint8: 0 train, 1 test; as given, by whole groups, or a share of each class.

    Raises:
        InputError: there are other values, or a part is empty.
    """
    n = len(classes)
    for key in ("group", "split"):
        if key in found and found[key].shape != (n,):
            raise InputError(f"{where}: {key}: expected one value a sample, ({n},), found the shape {found[key].shape}")
    if "split" in found:
        values = [
            str(int(v)) if isinstance(v, (bool, float)) and v in (0, 1) else str(v) for v in found["split"].tolist()
        ]
        if unknown := sorted({value for value in values if value not in PARTS})[:3]:
            raise InputError(f"{where}: split: {', '.join(unknown)} is no part; expected 0 or train, 1 or test")
        split = np.array([PARTS[value] for value in values], np.uint8)
    elif "group" in found:
        groups = np.unique(found["group"])
        if len(groups) < 2:
            raise InputError(f"{where}: group: one alone; two are needed to train and test, or leave it out")
        order = rng.permutation(len(groups))
        trained = groups[order[: min(len(groups) - 1, max(1, round(share * len(groups))))]]
        split = (~np.isin(found["group"], trained)).astype(np.uint8)
    else:
        split = images.stratified_split(classes, share, rng)
    if split.all() or not split.any():
        raise InputError(f"{where}: split: one part is empty; both train and test need samples")
    return split
