"""Corpora of emotional speech as sequences of descriptors: IEMOCAP, EMO-DB, RAVDESS, or a manifest of own recordings.

Arrays: `x` (all frames, 28) float32, `offsets` (n + 1), `y` (n,), `group` (n,) the speaker, `validates` (n,). In fold k speaker k
is tested. Under `folds: pairs` the two speakers of session s are groups 2s and 2s + 1, and speaker k ^ 1 validates; under
`folds: speakers` the utterances that `validates` marks, every fifth of a speaker and class. The rest train.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.data.reading import audio, corpora, descriptors, images
from infoflow.data.reading.corpora import EMOTIONS, STATED, Listing, Utterance, folds
from infoflow.data.reading.local_files import SPEECH
from infoflow.data.reading.problems import PUBLISHED, repeats, settle
from infoflow.data.standins import emotional_speech
from infoflow.errors import InputError
from infoflow.seeds import numpy_generator
from infoflow.storage.files import canonical_json

TIERS = {"emodb": "T2", "manifest": "own"}


def make(job: DatasetJob) -> DataSet:
    """Sequences and labels, and what is known of the corpus.

    Raises:
        InputError: the corpus is not there or empty, files cannot be used and `bad_files` is `stop`, or sessions do not
            pair two speakers.
    """
    where, corpus = f"datasets.{job.dataset}", SPEECH[job.section.corpus]
    stand_in = job.section.source == "standin"
    with _folder(job) as folder:
        listing = corpora.read(job.section.corpus, folder, job.section.read_as, where)
        found = len(listing.utterances) + sum(listing.others.values())
        if not listing.utterances:
            raise InputError(f"{where}: no utterance of {', '.join(EMOTIONS)} in {folder}; {corpus.how}")
        listing.utterances = _subset(listing.utterances, job)
        tasks = [(str(u.file), job.section.pitch, job.cache) for u in listing.utterances]
        made = audio.each(descriptors.one_file, tasks, job.workers, "recordings")
        problems = [*listing.problems, *(problem for _, ps in made for problem in ps)]
        problems += repeats([u.file for u in listing.utterances])
        problems = [p._replace(file=_below(p.file, folder), what=p.what.replace(f"{folder}/", "")) for p in problems]
        most = PUBLISHED if job.section.corpus in STATED else 1.0
        problems = settle(where, found + len(listing.problems), problems, job.section.bad_files, most)
    kept = [(u, frames) for u, (frames, _) in zip(listing.utterances, made, strict=True) if frames is not None]
    arrays, names = _arrays(kept, job, where)
    provenance = {
        "source": corpus.title,
        "tier": TIERS.get(job.section.corpus, "T3"),
        "licence": corpus.licence,
        "stand_in": False,
    }
    if stand_in:
        source = f"synthesised speech in place of {corpus.title}"
        provenance = {"source": source, "tier": "stand-in", "licence": "MIT (generated)", "stand_in": True}
    counted = {} if stand_in else STATED.get(job.section.corpus, {})
    return arrays, {
        **provenance, **names, **_counts(kept, listing, counted), "features": list(descriptors.NAMES),
        "left_out": len({p.file for p in problems if p.fatal}),
        "problems": canonical_json([tuple(p) for p in problems[:100]]), "problem_count": len(problems),
    }  # fmt: skip


def _subset(utterances: list[Utterance], job: DatasetJob) -> list[Utterance]:
    """At most `limit` of them, drawn so that every speaker and class keeps its share."""
    limit = job.section.limit
    if limit is None or limit >= len(utterances):
        return utterances
    labels, speakers = (
        np.unique([getattr(u, k) for u in utterances], return_inverse=True)[1] for k in ("label", "speaker")
    )
    kept = images.subset(labels, speakers, limit, numpy_generator(job.seed, "speech", "limit"))
    return [utterances[i] for i in kept]


def _below(file: str, folder: Path) -> str:
    """A file's name below the corpus's folder: messages and records hold no paths of this machine."""
    return file.removeprefix(f"{folder if folder.is_dir() else folder.parent}/")


@contextlib.contextmanager
def _folder(job: DatasetJob) -> Iterator[Path]:
    """The corpus on the disk, or a stand-in that is written for the time of reading."""
    if job.section.source != "standin":
        yield Path(job.data_root) / (job.section.path or SPEECH[job.section.corpus].folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        emotional_speech.write(Path(folder), numpy_generator(job.seed, "speech", "stand-in"))
        yield Path(folder)


def _arrays(kept: list[tuple[Utterance, np.ndarray]], job: DatasetJob, where: str) -> DataSet:
    """Arrays of the usable utterances, and the names behind their numbers."""
    speakers = folds([utterance for utterance, _ in kept], job.section.folds, where)
    labels = {utterance.label for utterance, _ in kept}
    classes = [e for e in EMOTIONS if e in labels] if labels <= set(EMOTIONS) else sorted(labels)
    lengths = np.array([len(frames) for _, frames in kept])
    group = np.array([speakers.index(utterance.speaker) for utterance, _ in kept])
    x = np.concatenate([frames for _, frames in kept])
    if job.section.normalise == "speaker":
        x = descriptors.normalise(x, np.repeat(group, lengths))
    arrays = {
        "x": x.astype(np.float32),
        "offsets": np.concatenate([[0], np.cumsum(lengths)]),
        "y": np.array([classes.index(utterance.label) for utterance, _ in kept]),
        "group": group,
    }
    arrays["validates"] = _fifths(arrays["y"], group) if job.section.folds == "speakers" else np.zeros_like(group)
    return arrays, {"classes": len(classes), "class_names": classes, "speakers": speakers}


def _fifths(y: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Marks (n,) every fifth utterance of each speaker and class, in the corpus's order; of fewer than five the last of two or more."""
    marked = np.zeros_like(group)
    for speaker, label in np.unique(np.stack([group, y], 1), axis=0):
        own = np.flatnonzero((group == speaker) & (y == label))
        marked[own[4::5] if len(own) > 4 else own[-1:] if len(own) > 1 else own[:0]] = 1
    return marked


def _counts(kept: list[tuple[Utterance, np.ndarray]], listing: Listing, stated: dict[str, int]) -> dict[str, Any]:
    """Utterances of each class, those the document states, the other emotions; differences are printed."""
    counts = Counter(utterance.label for utterance, _ in kept)
    for label, number in stated.items():
        if counts[label] != number:
            print(
                f"{label}: {counts[label]} utterances, the document has {number}: {counts[label] - number:+d}",
                flush=True,
            )
    print("utterances: " + ", ".join(f"{k} {v}" for k, v in sorted(counts.items())), flush=True)
    if listing.others:
        print("other emotions, left aside: " + ", ".join(f"{k} {v}" for k, v in sorted(listing.others.items())))
    made = {"counts": counts, "stated_counts": stated, "other_emotions": listing.others}
    return {name: canonical_json(dict(value)) for name, value in made.items()}
