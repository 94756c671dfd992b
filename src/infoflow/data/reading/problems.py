"""What is the matter with files of a data set: named, summed up, and, where nothing can be used, the end of the run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from infoflow.errors import InputError

PUBLISHED = 0.01  # share of a published collection that may be left out; without more it is another one
FEW = 5  # files that may be left out of any collection
EXAMPLES = 3  # files that the line of a kind of problem names
NUMBER = re.compile(r"\d+(?:\.\d+)?")


class Problem(NamedTuple):
    """What is the matter with a file; `fatal` says that there is nothing in it to use."""

    file: str
    what: str
    fatal: bool


def settle(where: str, total: int, problems: Iterable[Problem], bad_files: str, most: float = 1.0) -> list[Problem]:
    """All problems of a data set, printed, a line a kind; fatal ones stop the run unless `bad_files` is `leave_out`.

    Args:
        where: the data set's config key, for messages.
        total: files or labels of the data set.
        problems: what was found.
        bad_files: `stop` or `leave_out`.
        most: share of the files that may be left out, beyond a few.

    Raises:
        InputError: there are fatal problems and `bad_files` is `stop`, or nothing is left; every file is named (up to 20). Or more
            are left out than may be.
    """
    found = sorted(dict.fromkeys(problems), key=lambda p: (not p.fatal, p.file))
    for line in summed(found):
        print(line, flush=True)
    fatal = [problem for problem in found if problem.fatal]
    files = len({problem.file for problem in fatal})
    if fatal and (bad_files == "stop" or files >= total):
        named = "; ".join(f"{p.file}: {p.what}" for p in fatal[:20]) + (" …" if len(fatal) > 20 else "")
        raise InputError(
            f"{where}: {files} of {total} files cannot be used: {named}. Mend them, or set bad_files: leave_out"
        )
    if files > max(FEW, most * total):
        raise InputError(
            f"{where}: {files} of {total} files cannot be used, more than {most:.0%}: {fatal[0].file}: {fatal[0].what}. This is not the "
            "published collection; complete it, or list your own files in a manifest"
        )
    if fatal:
        print(f"{where}: {files} of {total} files left out", flush=True)
    return found


def repeats(files: Iterable[str | Path]) -> list[Problem]:
    """A note on each file whose bytes are those of one before it."""
    by_size: dict[int, list[Path]] = {}
    for file in map(Path, files):
        if file.is_file():
            by_size.setdefault(file.stat().st_size, []).append(file)
    notes, first = [], {}
    for file in (one for group in by_size.values() if len(group) > 1 for one in group):
        with open(file, "rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
        if (same := first.setdefault(digest, file)) is not file:
            notes.append(Problem(str(file), f"the same bytes as {same}", False))
    return notes


def summed(problems: Iterable[Problem]) -> list[str]:
    """A line for each problem, or for a kind of problem that many files share; texts that differ in numbers are of one kind."""
    kinds: dict[tuple[str, bool], list[Problem]] = {}
    for problem in problems:
        kind = NUMBER.sub("#", problem.what.split(" as ")[0])  # whatever it is the same as
        kinds.setdefault((kind, problem.fatal), []).append(problem)
    lines = []
    for (_, fatal), own in kinds.items():
        end = ": left out" if fatal else ""
        if len(own) <= EXAMPLES:
            lines += [f"{p.file}: {p.what}{end}" for p in own]
        else:
            lines.append(
                f"{len(own)} files, among them {', '.join(p.file for p in own[:EXAMPLES])}: {own[0].what}{end}"
            )
    return lines
