"""Corpora of emotional speech behind one door: each reader lists utterances of four emotions with speaker and session.

Only names and labels are read here, no sound. What does not fit (a label without a file, a file without a label, a name
outside the scheme) is listed as a problem; utterances of other emotions, and songs, are counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from infoflow.data.reading import manifests
from infoflow.data.reading.problems import Problem
from infoflow.errors import InputError

EMOTIONS = ("angry", "happy", "sad", "neutral")


class Utterance(NamedTuple):
    """One recording: its file, emotion, speaker, and the session that pairs two speakers."""

    file: Path
    label: str
    speaker: str
    session: str


@dataclass
class Listing:
    """What a corpus holds."""

    read_as: Mapping[str, str] = field(default_factory=dict)  # emotions of the corpus that count as others
    utterances: list[Utterance] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)  # utterances by the corpus's name of their emotion
    others: Counter[str] = field(default_factory=Counter)  # those that are left aside

    def wants(self, emotion: str) -> bool:
        """Whether an emotion is one of the four, or counts as one."""
        return self.read_as.get(emotion, emotion) in EMOTIONS

    def add(self, file: Path, emotion: str, speaker: str, session: str) -> None:
        """Add an utterance of one of the four emotions; count it where it is of another."""
        self.found[emotion] += 1
        if self.wants(emotion):
            self.utterances.append(Utterance(file, self.read_as.get(emotion, emotion), speaker, session))
        else:
            self.others[emotion] += 1


# --- IEMOCAP -------------------------------------------------------------------------------------------------

IEMOCAP_CODES = {"ang": "angry", "hap": "happy", "sad": "sad", "neu": "neutral"}
_TURN = re.compile(r"^\[\s*[\d.]+\s*-\s*[\d.]+\s*\]\t(Ses(\d\d)\S*_([FM])\d+)\t(\w+)\t\[")


def iemocap(folder: Path, listing: Listing) -> None:
    """Turns of `Session<N>/sentences/wav/<dialog>/<turn>.wav` with `Session<N>/dialog/EmoEvaluation/<dialog>.txt`.

    The speaker is the session's digits and the first letter of the turn's last token, whatever the dialog's name says.

    Raises:
        InputError: the folder holds no such session.
    """
    sessions = sorted(path for path in folder.glob("Session[0-9]*") if path.is_dir())
    if not sessions:
        raise InputError(f"{folder}: holds no Session1 … Session5; give the folder IEMOCAP_full_release")
    for session in sessions:
        files = {p.stem: p for p in _wavs(session / "sentences/wav", "*/*")}  # of two with one name the last by folder
        labelled: set[str] = set()
        for labels in sorted((session / "dialog/EmoEvaluation").glob("*.txt")):
            if not labels.name.startswith("._"):
                _iemocap_labels(labels, files, labelled, listing)
        listing.problems += [
            Problem(str(files[t]), "no label for this file", True) for t in sorted(set(files) - labelled)
        ]


def _iemocap_labels(labels: Path, files: dict[str, Path], labelled: set[str], listing: Listing) -> None:
    """Add the turns of one label file."""
    for number, line in enumerate(labels.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.startswith("["):
            continue
        found = _TURN.match(line)
        if found is None:
            listing.problems.append(
                Problem(f"{labels}:{number}", "not `[start - end]<TAB>turn<TAB>emotion<TAB>[…`", True)
            )
            continue
        turn, session, speaker, code = found.groups()
        if turn in labelled:
            listing.problems.append(Problem(f"{labels}:{number}", f"{turn} is labelled a second time", True))
            continue
        labelled.add(turn)
        name = IEMOCAP_CODES.get(code, code)
        if listing.wants(name) and turn not in files:
            listing.problems.append(Problem(f"{labels}:{number}", f"{turn} has no wav file", True))
        else:
            listing.add(files.get(turn, labels), name, f"{session}{speaker}", session)


# --- EMO-DB --------------------------------------------------------------------------------------------------

EMODB_CODES = {"W": "angry", "F": "happy", "T": "sad", "N": "neutral"}
EMODB_OTHERS = {"A": "fear", "L": "boredom", "E": "disgust"}
EMODB_SESSIONS = (("03", "08"), ("10", "09"), ("11", "13"), ("12", "14"), ("15", "16"))  # a man and a woman each


def emodb(folder: Path, listing: Listing) -> None:
    """Files `wav/<speaker: 2 digits><text: 3><emotion letter><version>.wav`, for example `03a01Wa.wav`."""
    session = {speaker: str(k + 1) for k, pair in enumerate(EMODB_SESSIONS) for speaker in pair}
    for file in _wavs(folder / "wav", "*"):
        found = re.match(r"^(\d\d)[a-z]\d\d([A-Z])[a-z]?$", file.stem)
        if found is None or found[1] not in session or found[2] not in EMODB_CODES | EMODB_OTHERS:
            listing.problems.append(Problem(str(file), "no label: its name is not like 03a01Wa.wav", True))
        else:
            name = EMODB_CODES.get(found[2]) or EMODB_OTHERS[found[2]]
            listing.add(file, name, found[1], session[found[1]])


# --- RAVDESS -------------------------------------------------------------------------------------------------

RAVDESS_CODES = {"01": "neutral", "03": "happy", "04": "sad", "05": "angry"}
RAVDESS_OTHERS = {"02": "calm", "06": "fearful", "07": "disgust", "08": "surprised"}


def ravdess(folder: Path, listing: Listing) -> None:
    """Speech files `Actor_<NN>/03-01-<emotion>-<intensity>-<statement>-<repetition>-<actor>.wav`; two actors a session."""
    for file in _wavs(folder, "Actor_*/*"):
        found = re.match(r"^03-(0[12])-(\d\d)-\d\d-\d\d-\d\d-(\d\d)$", file.stem)
        if found is None or found[2] not in RAVDESS_CODES | RAVDESS_OTHERS:
            listing.problems.append(Problem(str(file), "no label: its name is not like 03-01-05-01-01-01-01.wav", True))
        elif found[1] == "02":
            listing.others["song"] += 1
        else:
            pair = f"{(int(found[3]) + 1) // 2:02d}"
            name = RAVDESS_CODES.get(found[2]) or RAVDESS_OTHERS[found[2]]
            listing.add(file, name, found[3], pair)


# --- a manifest ----------------------------------------------------------------------------------------------


def manifest(file: Path, listing: Listing) -> None:
    """A table with the columns `path,label,speaker[,session]`; paths are relative to it.

    Without sessions speakers are paired in the order of their names.

    Raises:
        InputError: the table cannot be read (`manifests.read`).
    """
    lines = manifests.read(file, ["path", "label", "speaker"], ["session"])
    speakers = sorted({cells["speaker"] for _, cells in lines if cells["speaker"]})
    seen: set[str] = set()
    for number, cells in lines:
        path = file.parent / cells["path"]
        fault = "" if all(cells[name] for name in ("path", "label", "speaker")) else "a field is empty"
        fault = fault or (f"{cells['path']}: no such file" if not path.is_file() else "")
        fault = fault or (f"{cells['path']} is listed a second time" if manifests.same_place(path) in seen else "")
        if fault:
            listing.problems.append(Problem(f"{file}:{number}", fault, True))
            continue
        seen.add(manifests.same_place(path))
        session = cells["session"] or f"{speakers.index(cells['speaker']) // 2:04d}"
        label = cells["label"]
        listing.found[label] += 1
        listing.utterances.append(Utterance(path, listing.read_as.get(label, label), cells["speaker"], session))


def _wavs(folder: Path, pattern: str) -> list[Path]:
    """Wav files in the folders of a pattern, `.WAV` too, without hidden ones."""
    found = (path for path in folder.glob(pattern) if path.suffix.lower() == ".wav")
    return sorted(path for path in found if not path.name.startswith("."))


READERS: dict[str, Callable[[Path, Listing], None]] = {
    "iemocap": iemocap, "emodb": emodb, "ravdess": ravdess, "manifest": manifest,
}  # fmt: skip


def read(corpus: str, place: Path, read_as: Mapping[str, str], where: str) -> Listing:
    """What a corpus holds.

    Args:
        corpus: a key of `READERS`.
        place: its folder, or the table.
        read_as: emotions, by the corpus's names, that count as others.
        where: the data set's config key, for messages.

    Raises:
        InputError: there is no such corpus, it cannot be read, or `read_as` names an emotion that it does not hold.
    """
    listing = Listing(read_as)
    READERS[corpus](place, listing)
    if unknown := sorted(set(read_as) - set(listing.found)):
        raise InputError(
            f"{where}.read_as: no utterance of {', '.join(unknown)} in {place}; it holds {', '.join(sorted(listing.found)) or 'none'}"
        )
    return listing


STATED = {"iemocap": {"angry": 1103, "happy": 595, "sad": 1084, "neutral": 1708}}  # counts in the document


def folds(utterances: list[Utterance], by: str, where: str) -> list[str]:
    """Speakers in the order of the folds: speaker k is tested in fold k.

    Args:
        utterances: of all speakers.
        by: `pairs`: the two speakers of a session stand side by side, so that the other one validates; `speakers`: by name.
        where: the data set's config key, for messages.

    Raises:
        InputError: there are too few speakers, or in pairs a session that does not hold exactly two.
    """
    if by == "speakers":
        names = sorted({one.speaker for one in utterances})
        if len(names) < 2:
            raise InputError(f"{where}: {len(names)} speaker; expected two or more, one of whom is tested")
        return names
    sessions: dict[str, set[str]] = {}
    for one in utterances:
        sessions.setdefault(one.session, set()).add(one.speaker)
    if odd := {name: sorted(found) for name, found in sessions.items() if len(found) != 2}:
        raise InputError(
            f"{where}: each session needs two speakers, one to validate and one to test, but {odd}; "
            "give the column session, or set folds: speakers, where a share of the others' utterances validates"
        )
    speakers = [speaker for name in sorted(sessions) for speaker in sorted(sessions[name])]
    if len(sessions) < 2 or len(set(speakers)) < len(speakers):
        raise InputError(
            f"{where}: {len(sessions)} sessions of {sorted(set(speakers))}; expected two or more, each its own speakers"
        )
    return speakers
