"""HDF5 files of named arrays and attributes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from infoflow.errors import InputError
from infoflow.storage.files import atomic


def write_h5(path: str | os.PathLike, arrays: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
    """Write arrays by name (slashes make groups) and attributes to one HDF5 file."""
    with atomic(path) as temporary, h5py.File(temporary, "w", track_order=True) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, track_times=False)
        file.attrs.update({k: v for k, v in attributes.items() if v is not None})


@contextmanager
def reading(path: str | os.PathLike) -> Iterator[h5py.File]:
    """An open HDF5 file, to read parts of it.

    Raises:
        InputError: the file is missing or damaged.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such data file; run the rule that makes it (snakemake {path})")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        raise InputError(
            f"{path}: damaged ({error}); delete it and run the rule that makes it (snakemake {path})"
        ) from None


def read_h5(path: str | os.PathLike, *names: str, scaled: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read all arrays (or those named) and the attributes of an HDF5 file.

    An attribute `<array>_divisor` says that the array holds whole numbers that are to be divided by it: it comes back
    as float32, unless `scaled` is False.

    Raises:
        InputError: the file is missing or lacks one of `names`.
    """
    arrays: dict[str, Any] = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and (not names or name in names):
            arrays[name] = item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]

    with reading(path) as file:
        file.visititems(collect)
        attributes = dict(file.attrs)
    if missing := set(names) - set(arrays):
        raise InputError(f"{path}: has no array {', '.join(sorted(missing))}; it holds {', '.join(sorted(arrays))}")
    for name in arrays:
        if scaled and f"{name}_divisor" in attributes:
            arrays[name] = arrays[name].astype("float32") / attributes[f"{name}_divisor"].astype("float32")
    return arrays, attributes
