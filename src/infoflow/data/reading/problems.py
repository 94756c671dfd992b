"""What is the matter with files of a data set: named, summed up, and, where nothing can be used, the end of the run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from infoflow.errors import InputError

EXAMPLES = 3  # files that the line of a kind of problem names
NUMBER = re.compile(r"\d+(?:\.\d+)?")


class Problem(NamedTuple):
    """What is the matter with a file; `fatal` says that there is nothing in it to use."""

    file: str
    what: str
    fatal: bool


def settle(where: str, total: int, problems: Iterable[Problem], bad_files: str) -> list[Problem]:
    """All problems of a data set, printed, a line a kind; fatal ones stop the run unless `bad_files` is `leave_out`.

    Args:
        where: the data set's config key, for messages.
        total: files or labels of the data set.
        problems: what was found.
        bad_files: `stop` or `leave_out`.

    Raises:
        InputError: there are fatal problems and `bad_files` is `stop`, or nothing is left; every file is named (up to 20).
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
    if fatal:
        print(f"{where}: {files} of {total} files left out", flush=True)
    return found


def summed(problems: Iterable[Problem]) -> list[str]:
    """A line for each problem, or for a kind of problem that many files share; texts that differ in numbers are of one kind."""
    kinds: dict[tuple[str, bool], list[Problem]] = {}
    for problem in problems:
        kinds.setdefault((NUMBER.sub("#", problem.what), problem.fatal), []).append(problem)
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
