"""The state of a training that was interrupted: kept every few seconds, discarded where it is damaged or another's."""

from __future__ import annotations

import hashlib
import json
import os
import time
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from infoflow.config.jobs import TrainJob
from infoflow.functions import sources
from infoflow.storage.files import atomic, canonical_json

SAVE_EVERY = float(os.environ.get("INFOFLOW_SAVE_EVERY", "10"))  # seconds between two states
PACKAGE = Path(__file__).parents[1]


def key(job: TrainJob, dataset: str) -> str:
    """Name of a training: its settings, the data's digest, the digest of the sources that train, the version of torch.

    Of a network of one's own its module counts among the sources.
    """
    with open(dataset, "rb") as file:
        data = hashlib.file_digest(file, "sha256").hexdigest()
    parts = [canonical_json(job.model_dump()), data, _sources(), torch.__version__]
    if job.model.kind == "python":
        parts += [Path(file).read_text(encoding="utf-8") for file in sources(job.model.function, job.model.folder)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@cache
def _sources() -> str:
    """Digest of the package files that a training's numbers depend on."""
    total = hashlib.sha256()
    folders = [PACKAGE / name for name in ("training", "models", "estimators")]
    for path in sorted([PACKAGE / "seeds.py", *(path for folder in folders for path in folder.glob("*.py"))]):
        total.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


class State:
    """A file of tensors and JSON that a training writes now and then, and reads when it starts."""

    def __init__(self, path: str | os.PathLike, every: float = SAVE_EVERY) -> None:
        self.path, self.every = Path(path), every
        self._saved = time.monotonic()

    def due(self) -> bool:
        """Whether `every` seconds have passed since the last save."""
        return time.monotonic() - self._saved > self.every

    def save(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Replace the file."""
        with atomic(self.path) as temporary:
            copies = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
            save_file(copies, temporary, {"values": canonical_json(values)})
        self._saved = time.monotonic()

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors and values of the last save; None where there is none, or where the file is damaged and so removed."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, "pt") as handle:
                values = json.loads(handle.metadata()["values"])
            return load_file(self.path), values
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            print(f"{self.path}: damaged ({error}); the training starts anew", flush=True)
            self.discard()
            return None

    def discard(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors below `<prefix>/` by the rest of their names."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}
