"""FMA (Defferrard et al. 2017): `fma_metadata/tracks.csv` and `fma_small/<three digits>/<six digits>.mp3`, or a stand-in."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

from infoflow.config.jobs import DatasetJob
from infoflow.data import Attributes, DataSet
from infoflow.data.reading import mel, music
from infoflow.data.reading.local_files import FMA_AUDIO, FMA_TRACKS
from infoflow.data.reading.problems import PUBLISHED
from infoflow.errors import InputError
from infoflow.seeds import numpy_generator

STANDIN_SECONDS = 6.0
SUBSETS = ("small", "medium", "large")  # each holds the ones before it


def make(job: DatasetJob) -> DataSet:
    """Spectrograms of FMA's tracks with genres, artists as groups, and FMA's own split (validation and test held out)."""
    from infoflow.data.standins.music import GENRES
    from infoflow.data.standins.music import write as compose

    if job.section.source == "standin":
        seconds = min(STANDIN_SECONDS, math.ceil(job.section.samples / mel.RATE))
        section = job.section.model_copy(update={"samples": min(job.section.samples, round(seconds * mel.RATE))})
        job = job.model_copy(update={"section": section})
        with tempfile.TemporaryDirectory() as folder:
            rng = numpy_generator(job.seed, "fma", "stand-in")
            compose(Path(folder), job.section.per_genre, seconds, rng)
            provenance = {
                "source": "composed music in FMA's layout",
                "tier": "stand-in",
                "licence": "MIT (generated)",
                "stand_in": True,
            }
            return _finish(job, Path(folder), GENRES, provenance, relative=True)
    provenance = {"source": f"FMA-small under {job.data_root}", "tier": "T3", "licence": "that of each track"}
    return _finish(job, Path(job.data_root), GENRES, provenance)


def _finish(
    job: DatasetJob, root: Path, genres: tuple[str, ...], provenance: Attributes, relative: bool = False
) -> DataSet:
    tracks, left_out = read(root)
    if not job.section.published_split:
        tracks = [t._replace(part="") for t in tracks]
    arrays, attributes = music.finish(job, tracks, genres, provenance, left_out, PUBLISHED)
    if job.section.medleys and arrays["x"].shape[-1] < mel.frames(job.section.medley_samples):
        rng = numpy_generator(job.seed, "fma", "medleys")
        arrays = music.medleys(arrays, job.section.medleys, mel.frames(job.section.medley_samples), rng)
        attributes["source"] += f", {job.section.medleys} medleys"
    if relative:  # the folder is gone by now
        attributes["record"] = attributes["record"].replace(f"{root}/", "")
    return arrays, attributes


def read(root: Path) -> tuple[list[music.Track], list[str]]:
    """Tracks of FMA-small in order of their numbers, and what is left out: files without a row, rows without a genre.

    A row whose file is missing stays, so that the missing file is named like any other that cannot be used.

    Raises:
        InputError: `tracks.csv` is missing, not FMA's, or names no track of the subset.
    """
    import pandas as pd

    path = root / FMA_TRACKS
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; expected FMA's metadata there and its mp3 files under {root / 'fma_small'}"
        )
    needed = [("set", "split"), ("set", "subset"), ("track", "genre_top"), ("artist", "id")]
    try:
        table = pd.read_csv(path, index_col=0, header=[0, 1], low_memory=False)
        small = table.loc[table["set", "subset"].isin(SUBSETS[:1]), needed]
    except (ValueError, KeyError, pd.errors.ParserError) as error:
        raise InputError(
            f"{path}: not FMA's tracks.csv ({error}); expected three header rows and the columns "
            f"{', '.join('.'.join(n) for n in needed)}"
        ) from None
    if small.empty:
        raise InputError(f"{path}: holds no track of the subset small")
    nameless = small.index[small["track", "genre_top"].isna()]
    left_out = [f"{_file(root, n)}: no genre in {FMA_TRACKS}, left out" for n in nameless]
    rows = {_file(root, n) for n in small.index}
    strays = sorted(str(f) for f in (root / FMA_AUDIO).glob("*/*.mp3") if str(f) not in rows)
    left_out += [f"{f}: no row of the subset small in {FMA_TRACKS}, left out" for f in strays]
    kept = small.drop(nameless)
    tracks = [
        music.Track(_file(root, number), genre, f"artist {artist}", part)
        for number, genre, artist, part in zip(
            kept.index, kept["track", "genre_top"], kept["artist", "id"], kept["set", "split"], strict=True
        )
    ]
    return tracks, left_out


def _file(root: Path, number: int) -> str:
    return str(root / FMA_AUDIO / f"{number:06d}"[:3] / f"{number:06d}.mp3")
