"""Own recordings by a table: a CSV file with the columns `path,genre` and optionally `group` and `split`."""

from __future__ import annotations

from pathlib import Path

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.data.reading import music
from infoflow.errors import InputError


def make(job: DatasetJob) -> DataSet:
    """Spectrograms; paths are relative to the table; without `group` every file is one of its own."""
    path = Path(job.data_root) / job.section.path
    tracks = read(path, f"datasets.{job.dataset}.path: {path}")
    provenance = {"source": f"own recordings: {path}", "tier": "own"}
    return music.finish(job, tracks, sorted({t.genre for t in tracks}), provenance)


def read(path: Path, where: str) -> list[music.Track]:
    """Tracks of a table.

    Raises:
        InputError: the file is missing, lacks a column, or a cell of `path` or `genre` is empty.
    """
    import pandas as pd

    if not path.is_file():
        raise InputError(f"{where}: no such file")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := {"path", "genre"} - set(table):
        raise InputError(f"{where}: no column {', '.join(sorted(missing))}; expected path,genre[,group][,split]")
    if len(bad := table.index[(table["path"] == "") | (table["genre"] == "")]):
        raise InputError(f"{where}: line {bad[0] + 2}: path and genre are required")
    if len(twice := table["path"][table["path"].duplicated()]):
        raise InputError(f"{where}: {twice.iloc[0]} is listed twice")
    files = [str(path.parent / name) for name in table["path"]]
    groups = table["group"] if "group" in table else files
    parts = table["split"] if "split" in table else [""] * len(files)
    return [music.Track(*row) for row in zip(files, table["genre"], groups, parts, strict=True)]
