"""Music as mel-spectrograms: what the readers of FMA, of folders and of manifests share.

A reader yields tracks; here they become spectrograms, and the tracks without a published split are split so that no
group (artist, or track) is on both sides.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from infoflow.config.jobs import DatasetJob
from infoflow.data import Attributes, DataSet
from infoflow.data.reading import mel
from infoflow.data.reading.problems import repeats, settle
from infoflow.errors import InputError
from infoflow.seeds import numpy_generator

SPLITS = {"training": 0, "train": 0, "validation": 1, "test": 1}
COUNTED = ("channels: averaged", "Hz: resampled")  # true of nearly every published track: counted, not listed


class Track(NamedTuple):
    """A recording: its file, genre, group that must not be split, and part ("" where none is given)."""

    path: str
    genre: str
    group: str
    part: str


def finish(
    job: DatasetJob,
    tracks: Sequence[Track],
    genres: Sequence[str],
    provenance: Attributes,
    left_out: Sequence[str] = (),
    most: float = 1.0,
) -> DataSet:
    """Arrays `x` (n, 1, 128, frames) uint8, `y`, `split`, `group`, and attributes with the record of every problem.

    Args:
        job: settings of the data set.
        tracks: recordings in order.
        genres: class names in order.
        provenance: source, tier, licence, stand_in.
        left_out: what the reader left out, in words.
        most: share of the recordings that may be left out.
    """
    where = f"datasets.{job.dataset}"
    if unknown := sorted({t.genre for t in tracks} - set(genres)):
        raise InputError(f"{where}: unknown genre {', '.join(map(repr, unknown))}; known: {', '.join(genres)}")
    tracks = _limited(tracks, job)
    paths = [t.path for t in tracks]
    made = mel.of_files(paths, job.section.samples, job.workers, job.cache)
    problems = [p for _, _, found in made for p in found] + repeats(paths)
    listed = [p for p in problems if not p.what.endswith(COUNTED) and not any(c in p.what for c in COUNTED)]
    settle(where, len(tracks), listed, job.section.bad_files, most)
    kept = [k for k, (x, _, _) in enumerate(made) if x is not None]
    tracks, x = [tracks[k] for k in kept], np.stack([made[k][0] for k in kept])
    y = np.array([list(genres).index(t.genre) for t in tracks])
    arrays = {
        "x": x[:, None],
        "y": y.astype(np.int64),
        "split": split(tracks, y, job.section.train_fraction, numpy_generator(job.seed, "music", "split")),
        "group": np.unique([t.group for t in tracks], return_inverse=True)[1].astype(np.int64),
    }
    record = [f"{p.file}: {p.what}" for p in listed] + list(left_out)
    record += [
        f"{n} recordings: {what}" for what, n in Counter(_kind(p.what) for p in problems if p not in listed).items()
    ]
    attributes = {
        "licence": "not stated",
        "stand_in": False,
        **provenance,
        "classes": len(genres),
        "class_names": list(genres),
        "x_divisor": mel.STEPS,
        "seconds": sum(seconds for _, seconds, _ in made),
        "record": json.dumps(record, ensure_ascii=False),
    }
    return arrays, attributes


def _kind(what: str) -> str:
    return next(c for c in COUNTED if c in what)


def _limited(tracks: Sequence[Track], job: DatasetJob) -> list[Track]:
    """At most `limit` tracks: the first, or every genre with its share of a random choice."""
    limit = job.section.limit
    if not limit or limit >= len(tracks):
        return list(tracks)
    if job.section.choice == "first":
        return list(tracks[:limit])
    rng = numpy_generator(job.seed, "music", "limit")
    rank = np.empty(len(tracks))
    for cell in sorted({(t.genre, t.part) for t in tracks}):
        members = rng.permutation([k for k, t in enumerate(tracks) if (t.genre, t.part) == cell])
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    return [tracks[k] for k in np.sort(np.argsort(rank, kind="stable")[:limit])]


def medleys(arrays: dict[str, np.ndarray], count: int, frames: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """`count` spectrograms of `frames` frames, each joined from random tracks of one genre and part, genres in turn."""
    x, y, part = arrays["x"], arrays["y"], arrays["split"]
    pieces, genres = -(-frames // x.shape[-1]), np.unique(y)
    made, labels = np.empty((count, *x.shape[1:-1], frames), x.dtype), genres[rng.permutation(count) % len(genres)]
    parts, drawn = np.zeros(count, np.uint8), set()
    parts[rng.permutation(count)[: round(count * part.mean())]] = 1
    for k in range(count):
        own = np.flatnonzero((y == labels[k]) & (part == parts[k]))
        chosen = tuple(rng.choice(own, pieces))
        while chosen in drawn and len(drawn) < len(own) ** pieces:  # no two alike: equal rows would merge in estimates
            chosen = tuple(rng.choice(own, pieces))
        drawn.add(chosen)
        made[k] = np.concatenate(list(x[list(chosen)]), -1)[..., :frames]
    return {"x": made, "y": labels, "split": parts, "group": np.arange(count)}


def split(tracks: Sequence[Track], y: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Part of every track, (n,): 0 training, 1 held out; as published, else by whole groups within each genre.

    Raises:
        InputError: some tracks have a part and others none, or a part has an unknown name.
    """
    given = [t.part for t in tracks]
    if all(given):
        if unknown := sorted(set(given) - set(SPLITS)):
            raise InputError(f"unknown split {', '.join(map(repr, unknown))}; known: {', '.join(SPLITS)}")
        return np.array([SPLITS[part] for part in given], np.uint8)
    if any(given):
        raise InputError(
            f"{given.count('')} of {len(given)} tracks have no split; give one for all of them, or for none"
        )
    parts = np.ones(len(tracks), np.uint8)
    groups = np.array([t.group for t in tracks])
    taken: set[str] = set()
    for label in np.unique(y):
        own = rng.permutation(sorted(set(groups[y == label]) - taken))
        taken |= set(own)
        sizes = np.cumsum([np.sum(groups == g) for g in own])
        chosen = own[: max(1, int(np.searchsorted(sizes, fraction * sizes[-1], side="right")))] if len(own) else own
        parts[np.isin(groups, chosen)] = 0
    return parts
