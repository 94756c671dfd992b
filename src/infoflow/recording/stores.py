"""Where a recording keeps what it has seen: in memory, or in a folder with one HDF5 file for each snapshot and part."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import torch
from torch import Tensor

from infoflow.errors import InputError
from infoflow.recording.samples import Samples
from infoflow.storage.files import atomic, write_json
from infoflow.storage.hdf5 import reading, write_h5

Values = Iterator[tuple[str, Tensor]]


class Store:
    """Values (n, maps, size) of layers by snapshot and part."""

    def put(self, snapshot: int, part: str, values: Values) -> None:
        """Keep the layers of a part at a snapshot; what was kept of it before is replaced."""
        raise NotImplementedError

    def get(self, snapshot: int, part: str, layer: str, layers: list[str]) -> Tensor:
        """Values of a layer."""
        raise NotImplementedError

    def put_samples(self, part: str, given: Samples) -> None:
        """Keep inputs and labels of a part."""

    def describe(self, facts: Mapping[str, Any]) -> None:
        """Keep what is known of the recording."""


class Memory(Store):
    """Values in memory, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self.limit, self.bytes = limit, 0
        self.kept: dict[tuple[int, str, str], Tensor] = {}

    def check_room(self, more: int) -> None:
        """Raise where so many bytes more do not fit."""
        if self.bytes + more > self.limit:
            raise InputError(
                f"memory: a snapshot takes {more / 2**20:,.0f} MB, {self.bytes / 2**20:,.0f} MB are kept, and at most "
                f"{self.limit / 2**20:,.0f} MB may be; stream to disk (to='folder'), estimate at each snapshot "
                "(estimate=[…]), name fewer layers, pool them, or raise `memory`"
            )

    def put(self, snapshot: int, part: str, values: Values) -> None:
        """As in the base class."""
        for layer, value in values:
            before = self.kept.get((snapshot, part, layer))
            self.bytes += value.nbytes - (0 if before is None else before.nbytes)
            self.kept[snapshot, part, layer] = value

    def get(self, snapshot: int, part: str, layer: str, layers: list[str]) -> Tensor:
        """As in the base class."""
        if (snapshot, part, layer) not in self.kept:
            raise InputError(f"snapshot {snapshot}: nothing was recorded of the part {part}")
        return self.kept[snapshot, part, layer]


class Folder(Store):
    """`recording.json`, `<part>.samples.h5` and `<part>.<snapshot>.h5` in a folder; a killed loop leaves no half of one."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        facts = self.folder / "recording.json"
        try:
            self.description = json.loads(facts.read_text(encoding="utf-8")) if facts.is_file() else {}
        except (OSError, ValueError) as error:
            raise InputError(f"{facts}: damaged ({error}); delete the folder and record again") from None

    def __str__(self) -> str:
        return str(self.folder)

    def put(self, snapshot: int, part: str, values: Values) -> None:
        """As in the base class; one group of layers is in memory at a time."""
        with atomic(self._file(part, snapshot)) as temporary, h5py.File(temporary, "w") as file:
            for number, (_, value) in enumerate(values):
                file.create_dataset(f"{number}", data=value.numpy(), track_times=False)

    def get(self, snapshot: int, part: str, layer: str, layers: list[str]) -> Tensor:
        """As in the base class."""
        path = self._file(part, snapshot)
        if not path.is_file():
            raise InputError(f"{path}: missing; snapshot {snapshot} has to be recorded again")
        with reading(path) as file:
            return torch.from_numpy(file[f"{layers.index(layer)}"][()])

    def put_samples(self, part: str, given: Any) -> None:
        """As in the base class; labels as they were given, as JSON."""
        rows = given.range(part)
        labels = json.dumps([given.y_given[k] for k in rows])
        write_h5(self.folder / f"{part}.samples.h5", {"x": given.x[rows.start : rows.stop].numpy()}, {"labels": labels})

    def samples(self, part: str) -> tuple[Tensor, Any]:
        """Inputs as vectors and labels of a part."""
        import numpy as np

        with reading(self.folder / f"{part}.samples.h5") as file:
            labels = json.loads(file.attrs["labels"])
            return torch.from_numpy(file["x"][()]), None if labels[0] is None else np.array(labels)

    def describe(self, facts: Mapping[str, Any]) -> None:
        """As in the base class."""
        write_json(self.folder / "recording.json", facts)

    def _file(self, part: str, snapshot: int) -> Path:
        return self.folder / f"{part}.{snapshot}.h5"
