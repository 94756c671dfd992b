"""Files between stages: written under a temporary name, synced and renamed, so a killed run leaves no half of one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import secrets
import socket
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"  # hosts may share the folder


@contextlib.contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced to the disk and renamed, on failure removed.

    What a writer of this host that was killed left beside `path` is removed too.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    temporary = path.with_name(f".{path.name}.{HOST}-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have the disk hold what was written, so that no crash leaves a name without its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some file systems of folders know no sync
        if not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of `path` whose writers, processes of this host, are dead."""
    start = f".{path.name}.{HOST}-"
    for name in os.listdir(path.parent):
        if name.startswith(start) and name.endswith(".tmp"):
            import psutil  # here, as filelock below: every command imports this module

            process = name.removeprefix(start).split("-")[0]
            if process.isdigit() and not psutil.pid_exists(int(process)):
                path.with_name(name).unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: str | os.PathLike) -> Iterator[bool]:
    """Hold an exclusive lock on the file `path` while the block runs; yield whether another process had to be waited for.

    The kernel drops the lock with its process, so a killed job never leaves a stale one.
    """
    import filelock

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
        waited = False
    except filelock.Timeout:
        lock.acquire()
        waited = True
    try:
        yield waited
    finally:
        lock.release()


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
