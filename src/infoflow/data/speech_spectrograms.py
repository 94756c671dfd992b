"""A corpus of emotional speech as mel-spectrograms, for networks that look at pictures of sound."""

from __future__ import annotations

from pathlib import Path

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.data.reading import corpora, music
from infoflow.data.reading.corpora import EMOTIONS
from infoflow.data.reading.local_files import SPEECH
from infoflow.data.reading.problems import settle
from infoflow.data.speech import TIERS
from infoflow.errors import InputError


def make(job: DatasetJob) -> DataSet:
    """Spectrograms, emotions as classes, speakers as groups.

    Raises:
        InputError: the corpus is empty, or files cannot be used and `bad_files` is `stop`.
    """
    corpus = SPEECH[job.section.corpus]
    folder = Path(job.data_root) / (job.section.path or corpus.folder)
    listing = corpora.read(job.section.corpus, folder, job.section.read_as, f"datasets.{job.dataset}")
    if not listing.utterances:
        raise InputError(f"datasets.{job.dataset}: no utterance of {', '.join(EMOTIONS)} in {folder}; {corpus.how}")
    found = len(listing.utterances) + len(listing.problems)
    problems = settle(f"datasets.{job.dataset}", found, listing.problems, job.section.bad_files)
    tracks = [music.Track(str(u.file), u.label, u.speaker, "") for u in listing.utterances]
    labels = {track.genre for track in tracks}
    classes = [e for e in EMOTIONS if e in labels] if labels <= set(EMOTIONS) else sorted(labels)
    provenance = {
        "source": f"{corpus.title}, mel-spectrograms",
        "tier": TIERS.get(job.section.corpus, "T3"),
        "licence": corpus.licence,
    }
    return music.finish(job, tracks, classes, provenance, [f"{p.file}: {p.what}" for p in problems])
