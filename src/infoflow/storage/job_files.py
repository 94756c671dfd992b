"""Settings and lists of files travel to a job in JSON files that are named by their digest.

An argument may hold 128 kB, and settings grow with the config: a command line holds the path of such a file instead. The
path changes with the content, so that an edit of the config reruns exactly the jobs whose settings it changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from infoflow.errors import InputError
from infoflow.storage.files import atomic, canonical_json

Model = TypeVar("Model", bound=BaseModel)
UNUSED_DAYS = 7  # a file that no run has named for so long is removed
NAMED: dict[str, str] = {}  # text of every file that this process has named, by path: written or not


class JobFiles:
    """The job files of one results folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._written: set[str] = set()

    def path(self, value: Any, *, write: bool) -> str:
        """Path of the file that holds `value` as canonical JSON; `write` makes the file where it is missing or cut.

        Args:
            value: settings of a job (a pydantic model), or a list or mapping of files.
            write: make the file where it is missing or cut.
        """
        text = canonical_json(value.model_dump() if isinstance(value, BaseModel) else value)
        content = text.encode()
        path = f"{self.folder}/{hashlib.sha256(content).hexdigest()}.json"
        NAMED[path] = text
        if write and path not in self._written:
            self._written.add(path)
            if _size(path) == len(content):
                os.utime(path)  # still in use
            else:
                with atomic(path) as temporary:
                    temporary.write_bytes(content)
        return path

    def prune(self) -> None:
        """Remove files that no run has named for `UNUSED_DAYS`."""
        oldest = time.time() - UNUSED_DAYS * 86400
        for path in Path(self.folder).glob("*"):
            with contextlib.suppress(FileNotFoundError):  # another run may prune too
                if str(path) not in NAMED and path.stat().st_mtime < oldest:
                    path.unlink()


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def read(path: str, model: type[Model] | None = None) -> Any:
    """The value that a job file holds.

    Args:
        path: the file.
        model: the class of the settings in it; None: a list of files.

    Raises:
        InputError: the file is missing, is no JSON, or holds other settings.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run Snakemake again, which writes it") from None
    return parse(text, path, model)


def parse(text: str, path: str, model: type[Model] | None = None) -> Any:
    """As `read`, of the text of a file."""
    try:
        return json.loads(text) if model is None else model.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise InputError(f"{path}: expected settings of a {model.__name__}: {where}: {fault['msg']}") from None
    except ValueError as error:
        raise InputError(f"{path}: expected JSON ({error}); delete the file and run Snakemake again") from None
