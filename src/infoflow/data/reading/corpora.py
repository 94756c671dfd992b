"""Corpora of emotional speech behind one door: each reader lists utterances of four emotions with speaker and session.

Only names and labels are read here, no sound. What does not fit (a label without a file, a file without a label, a name
outside the scheme) is listed as a problem; utterances of other emotions are counted.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

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

    utterances: list[Utterance]
    problems: list[Problem] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)  # emotions that are left aside, by their own code


# --- IEMOCAP -------------------------------------------------------------------------------------------------

IEMOCAP_CODES = {"ang": "angry", "hap": "happy", "sad": "sad", "neu": "neutral"}
_TURN = re.compile(r"^\[\s*[\d.]+\s*-\s*[\d.]+\s*\]\t(Ses(\d\d)\S*_([FM])\d+)\t(\w+)\t\[")


def iemocap(folder: Path) -> Listing:
    """Turns of `Session<N>/sentences/wav/<dialog>/<turn>.wav` with `Session<N>/dialog/EmoEvaluation/<dialog>.txt`.

    The speaker is the session's digits and the first letter of the turn's last token, whatever the dialog's name says.

    Raises:
        InputError: the folder holds no such session.
    """
    sessions = sorted(path for path in folder.glob("Session[0-9]*") if path.is_dir())
    if not sessions:
        raise InputError(f"{folder}: holds no Session1 … Session5; give the folder IEMOCAP_full_release")
    listing = Listing([])
    for session in sessions:
        wavs = sorted((session / "sentences/wav").glob("*/*.wav"))
        files = {p.stem: p for p in wavs if not p.name.startswith("._")}  # of two with one name the last by folder
        labelled: set[str] = set()
        for labels in sorted((session / "dialog/EmoEvaluation").glob("*.txt")):
            if not labels.name.startswith("._"):
                _iemocap_labels(labels, files, labelled, listing)
        listing.problems += [
            Problem(str(files[t]), "no label for this file", True) for t in sorted(set(files) - labelled)
        ]
    return listing


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
        if code not in IEMOCAP_CODES:
            listing.others[code] += 1
        elif turn not in files:
            listing.problems.append(Problem(f"{labels}:{number}", f"{turn} has no wav file", True))
        else:
            listing.utterances.append(Utterance(files[turn], IEMOCAP_CODES[code], f"{session}{speaker}", session))


# --- EMO-DB --------------------------------------------------------------------------------------------------

EMODB_CODES = {"W": "angry", "F": "happy", "T": "sad", "N": "neutral"}
EMODB_OTHERS = {"A": "fear", "L": "boredom", "E": "disgust"}
EMODB_SESSIONS = (("03", "08"), ("10", "09"), ("11", "13"), ("12", "14"), ("15", "16"))  # a man and a woman each


def emodb(folder: Path) -> Listing:
    """Files `wav/<speaker: 2 digits><text: 3><emotion letter><version>.wav`, for example `03a01Wa.wav`."""
    session = {speaker: str(k + 1) for k, pair in enumerate(EMODB_SESSIONS) for speaker in pair}
    listing = Listing([])
    for file in _wavs(folder / "wav", "*.wav"):
        found = re.match(r"^(\d\d)[a-z]\d\d([A-Z])[a-z]?$", file.stem)
        if found is None or found[1] not in session or found[2] not in EMODB_CODES | EMODB_OTHERS:
            listing.problems.append(Problem(str(file), "no label: its name is not like 03a01Wa.wav", True))
        elif found[2] in EMODB_OTHERS:
            listing.others[EMODB_OTHERS[found[2]]] += 1
        else:
            listing.utterances.append(Utterance(file, EMODB_CODES[found[2]], found[1], session[found[1]]))
    return listing


# --- RAVDESS -------------------------------------------------------------------------------------------------

RAVDESS_CODES = {"01": "neutral", "03": "happy", "04": "sad", "05": "angry"}
RAVDESS_OTHERS = {"02": "calm", "06": "fearful", "07": "disgust", "08": "surprised"}


def ravdess(folder: Path) -> Listing:
    """Speech files `Actor_<NN>/03-01-<emotion>-<intensity>-<statement>-<repetition>-<actor>.wav`; two actors a session."""
    listing = Listing([])
    for file in _wavs(folder, "Actor_*/*.wav"):
        found = re.match(r"^03-01-(\d\d)-\d\d-\d\d-\d\d-(\d\d)$", file.stem)
        if found is None or found[1] not in RAVDESS_CODES | RAVDESS_OTHERS:
            listing.problems.append(Problem(str(file), "no label: its name is not like 03-01-05-01-01-01-01.wav", True))
        elif found[1] in RAVDESS_OTHERS:
            listing.others[RAVDESS_OTHERS[found[1]]] += 1
        else:
            pair = f"{(int(found[2]) + 1) // 2:02d}"
            listing.utterances.append(Utterance(file, RAVDESS_CODES[found[1]], found[2], pair))
    return listing


# --- a manifest ----------------------------------------------------------------------------------------------


def manifest(file: Path) -> Listing:
    """A table with the columns `path,label,speaker[,session]`; paths are relative to it.

    Without sessions speakers are paired in the order of their names.

    Raises:
        InputError: there is no such table, or it lacks a column.
    """
    try:
        rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not a readable CSV file in UTF-8 ({error})") from None
    missing = {"path", "label", "speaker"} - set(rows[0] if rows else ())
    if missing:
        raise InputError(f"{file}: no column {', '.join(sorted(missing))}; expected path,label,speaker[,session]")
    speakers = sorted({row["speaker"] for row in rows if row["speaker"]})
    listing, seen = Listing([]), set()
    for number, row in enumerate(rows, start=2):
        path = file.parent / (row["path"] or "")
        fault = "a field is empty" if not (row["path"] and row["label"] and row["speaker"]) else ""
        fault = fault or (f"{row['path']}: no such file" if not path.is_file() else "")
        fault = fault or (f"{row['path']} is listed a second time" if path in seen else "")
        if fault:
            listing.problems.append(Problem(f"{file}:{number}", fault, True))
            continue
        seen.add(path)
        session = row.get("session") or f"{speakers.index(row['speaker']) // 2:04d}"
        listing.utterances.append(Utterance(path, row["label"], row["speaker"], session))
    return listing


def _wavs(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


READERS: dict[str, Callable[[Path], Listing]] = {
    "iemocap": iemocap, "emodb": emodb, "ravdess": ravdess, "manifest": manifest,
}  # fmt: skip
STATED = {"iemocap": {"angry": 1103, "happy": 595, "sad": 1084, "neutral": 1708}}  # counts in the document


def folds(utterances: list[Utterance], where: str) -> list[str]:
    """Speakers so that the two of a session stand side by side: speaker k is tested in fold k, the other one validates.

    Raises:
        InputError: there are fewer than two sessions, or one does not hold exactly two speakers.
    """
    sessions: dict[str, set[str]] = {}
    for one in utterances:
        sessions.setdefault(one.session, set()).add(one.speaker)
    if odd := {name: sorted(found) for name, found in sessions.items() if len(found) != 2}:
        raise InputError(
            f"{where}: each session needs two speakers, one to validate and one to test, but {odd}; "
            "give the column session, or leave a speaker out"
        )
    speakers = [speaker for name in sorted(sessions) for speaker in sorted(sessions[name])]
    if len(sessions) < 2 or len(set(speakers)) < len(speakers):
        raise InputError(
            f"{where}: {len(sessions)} sessions of {sorted(set(speakers))}; expected two or more, each its own speakers"
        )
    return speakers
