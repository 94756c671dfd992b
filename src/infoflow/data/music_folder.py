"""Own recordings, a folder for each genre: `<path>/<genre>/*.mp3`, `.wav`, `.flac` or `.ogg`."""

from __future__ import annotations

from pathlib import Path

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.data.reading import music
from infoflow.errors import InputError

SUFFIXES = (".mp3", ".wav", ".flac", ".ogg")


def make(job: DatasetJob) -> DataSet:
    """Spectrograms, genres by the names of their folders; every file is a group of its own."""
    path = Path(job.data_root) / job.section.path
    where = f"datasets.{job.dataset}.path: {path}"
    if not path.is_dir():
        raise InputError(f"{where}: no such folder")
    genres = sorted(f.name for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
    if len(genres) < 2:
        raise InputError(f"{where}: {len(genres)} folders; expected one for each genre, two or more")
    tracks, left_out = [], []
    for genre in genres:
        for file in sorted(f for f in (path / genre).iterdir() if not (f.is_dir() or f.name.startswith("."))):
            if file.suffix.lower() in SUFFIXES:
                tracks.append(music.Track(str(file), genre, str(file), ""))
            else:
                left_out.append(f"{file}: not {', '.join(SUFFIXES)}, left out")
    if empty := sorted(set(genres) - {t.genre for t in tracks}):
        raise InputError(f"{where}: no {', '.join(SUFFIXES)} file in {', '.join(empty)}; remove the folder or fill it")
    return music.finish(job, tracks, genres, {"source": f"own recordings: {path}", "tier": "own"}, left_out)
