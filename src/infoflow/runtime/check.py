"""`infoflow check`: every job of a config, looked at without running one.

A dry run of Snakemake makes every job's command; each is then parsed as the command line would parse it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import Any

from infoflow.errors import InputError
from infoflow.runtime.memory import available_mb
from infoflow.storage import job_files

LONGEST = 16_000  # bytes of a command; a shell takes a command as one argument, which may hold 131 072
TARGETS = ("all", "reference")


def run(arguments: Sequence[str], parser: argparse.ArgumentParser) -> int:
    """Look at every job, print a line, and return 0.

    Args:
        arguments: options of Snakemake, such as `--configfile`.
        parser: the parser of the jobs' commands.

    Raises:
        InputError: one line for each fault, of the config or of a job.
    """
    jobs = _jobs(arguments)
    faults = [f"{job['rule_name']}: {fault}" for job in jobs for fault in _faults(job, parser)]
    if faults:
        raise InputError("\n".join(dict.fromkeys(faults)))
    rules = Counter(job["rule_name"].split("_")[0] for job in jobs)
    largest = max(job["resources"].get("mem_mb", 0) for job in jobs)
    print(
        f"{len(jobs)} jobs ({', '.join(f'{n} {rule}' for rule, n in rules.most_common())}): commands parse, inputs are known, "
        f"no command is longer than {max(len(job['shellcmd'].encode()) for job in jobs)} bytes, none asks for more than "
        f"{largest} MB of the {available_mb()} here"
    )
    return 0


def _jobs(arguments: Sequence[str]) -> list[dict[str, Any]]:
    """What Snakemake says of every job with a command that a run from nothing would run."""
    from snakemake.cli import main

    jobs: list[dict[str, Any]] = []
    messages: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR:
                lines = record.getMessage().splitlines()
                messages.extend(line for line in lines if not line.startswith(("WorkflowError in file", "  File ")))
            if getattr(record, "shellcmd", None) and hasattr(record, "resources"):
                jobs.append(record.__dict__)

    listener = Listener()
    options = ["--dry-run", "--forceall", "--nolock", "--cores", "all", "--resources", f"mem_mb={2**40}", *arguments]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as output:
        logging.getLogger("snakemake").addHandler(listener)
        try:
            main([*options, "--", *TARGETS])
            status = 0
        except SystemExit as end:
            status = end.code
        finally:
            logging.getLogger("snakemake").removeHandler(listener)
    if status or not jobs:
        raise InputError("\n".join(messages) or output.getvalue().strip() or "Snakemake finds no job")
    return jobs


def _faults(job: dict[str, Any], parser: argparse.ArgumentParser) -> list[str]:
    """What is wrong with a job, in words."""
    faults = []
    command = job["shellcmd"]
    if (length := len(command.encode())) > LONGEST:
        faults.append(f"its command has {length} bytes; {LONGEST} may be used: {command[:100]} …")
    needed = job["resources"].get("mem_mb", 0)
    if needed > available_mb():
        faults.append(f"asks for {needed} MB of memory, but all jobs together may take {available_mb()} here")
    return [*faults, *_argument_faults(command, parser)]


def _argument_faults(command: str, parser: argparse.ArgumentParser) -> list[str]:
    """What the command line would refuse."""
    words = shlex.split(command.split(" > ", 1)[0])
    with contextlib.redirect_stderr(io.StringIO()) as complaint:
        try:
            options = vars(parser.parse_args(words[1:]))
        except SystemExit:
            return [complaint.getvalue().strip().splitlines()[-1]]
    if "settings" not in options:  # the documentation, which takes none
        return []
    stage = options["command"]
    faults = []
    for name in ("settings", *stage.lists):
        path = options[name]
        if path not in job_files.NAMED:
            faults.append(f"--{name} {path}: not among the files that this plan names")
            continue
        try:
            job_files.parse(job_files.NAMED[path], path, stage.model() if name == "settings" else None)
        except InputError as error:
            faults.append(str(error))
    return faults
