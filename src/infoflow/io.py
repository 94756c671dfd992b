"""Files between stages: written under a temporary name and renamed, so a killed run leaves no half of one."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class InputError(Exception):
    """Something the user gave is wrong; the message says what, where and what to do. Printed without a trace."""


@contextlib.contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path` that is renamed to `path` on success and removed on failure."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")  # hosts may share the folder
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: str | os.PathLike) -> Iterator[bool]:
    """Hold an exclusive lock on the file `path` while the block runs; yield whether another process had to be waited for.

    The kernel drops the lock with its process, so a killed job never leaves a stale one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waited = False
        except BlockingIOError:
            fcntl.flock(handle, fcntl.LOCK_EX)
            waited = True
        yield waited


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal settings give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write `value` as indented JSON; numbers that are not finite, which JSON lacks, become text."""
    with atomic(path) as temporary:
        value = _standard(value)
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def _standard(value: Any) -> Any:
    """The same with infinities and NaN as text."""
    if isinstance(value, Mapping):
        return {key: _standard(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_standard(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def sha256(path: str | os.PathLike) -> str:
    """Hex digest of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_h5(path: str | os.PathLike, arrays: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
    """Write arrays by name (slashes make groups) and attributes to one HDF5 file."""
    import h5py

    with atomic(path) as temporary, h5py.File(temporary, "w", track_order=True) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, track_times=False)
        file.attrs.update({k: v for k, v in attributes.items() if v is not None})


def read_h5(path: str | os.PathLike, *names: str, scaled: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read all arrays (or those named) and the attributes of an HDF5 file.

    An attribute `<array>_divisor` says that the array holds whole numbers that are to be divided by it: it comes back
    as float32, unless `scaled` is False.

    Raises:
        InputError: the file is missing or lacks one of `names`.
    """
    import h5py

    if not Path(path).is_file():
        raise InputError(f"{path}: no such data file; run the rule that makes it (snakemake {path})")
    arrays: dict[str, Any] = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and (not names or name in names):
            arrays[name] = item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]

    with h5py.File(path, "r") as file:
        file.visititems(collect)
        attributes = dict(file.attrs)
    if missing := set(names) - set(arrays):
        raise InputError(f"{path}: has no array {', '.join(sorted(missing))}; it holds {', '.join(sorted(arrays))}")
    for name in arrays:
        if scaled and f"{name}_divisor" in attributes:
            arrays[name] = arrays[name].astype("float32") / attributes[f"{name}_divisor"].astype("float32")
    return arrays, attributes


def write_table(path: str | os.PathLike, table: Any) -> None:
    """Write a DataFrame as compressed Parquet."""
    with atomic(path) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")


def read_tables(paths: Any) -> Any:
    """Read and concatenate Parquet tables."""
    import pandas as pd

    paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    for path in paths:
        if not Path(path).is_file():
            raise InputError(f"{path}: no such table; run the rule that makes it (snakemake {path})")
    return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
