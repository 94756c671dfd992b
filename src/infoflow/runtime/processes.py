"""Processes of a run: started so that a terminal's signals do not reach them, found again, and ended."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

import psutil

PR_SET_CHILD_SUBREAPER = 36


def start(command: Sequence[str], **options: Any) -> subprocess.Popen:
    """Start a process that ignores what a terminal sends to all, as its children do: the run ends them in order.

    Args:
        command: program and arguments.
        options: of `subprocess.Popen`.
    """
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        return subprocess.Popen(command, **options)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def descendants(pid: int | None = None) -> list[psutil.Process]:
    """Processes that a process (by default this one) or its children have started."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def kill(processes: Sequence[psutil.Process], timeout: float) -> None:
    """Kill processes and wait until they are gone, at most `timeout` seconds."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=timeout)


def adopt_orphans() -> None:
    """Make this process the parent of those whose parent dies, so that it finds them (Linux alone)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
