"""Own recordings by a table: a CSV file with the columns `path,genre` and optionally `group` and `split`."""

from __future__ import annotations

from pathlib import Path

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.data.reading import manifests, music
from infoflow.errors import InputError


def make(job: DatasetJob) -> DataSet:
    """Spectrograms; paths are relative to the table; without `group` every file is one of its own."""
    path = Path(job.data_root) / job.section.path
    tracks = read(path, f"datasets.{job.dataset}.path")
    provenance = {"source": f"own recordings: {path}", "tier": "own"}
    return music.finish(job, tracks, sorted({t.genre for t in tracks}), provenance)


def read(path: Path, where: str) -> list[music.Track]:
    """Tracks of a table.

    Raises:
        InputError: the table cannot be read (`manifests.read`), a cell of `path` or `genre` is empty, or a file is named twice.
    """
    try:
        lines = manifests.read(path, ["path", "genre"], ["group", "split"])
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    seen: dict[str, int] = {}
    tracks = []
    for number, cells in lines:
        if not (cells["path"] and cells["genre"]):
            raise InputError(f"{where}: {path}:{number}: path and genre are required")
        file = path.parent / cells["path"]
        first = seen.setdefault(manifests.same_place(file), number)
        if first != number:
            raise InputError(f"{where}: {path}:{number}: {cells['path']} is listed a second time, after line {first}")
        tracks.append(music.Track(str(file), cells["genre"], cells["group"] or str(file), cells["split"]))
    return tracks
