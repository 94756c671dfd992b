"""`infoflow run`: Snakemake with this installation's jobs, ended in order by a signal, and its dead locks cleared."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import psutil

from infoflow.errors import InputError
from infoflow.runtime import forkserver, locks, processes

FOLDER = Path(".snakemake")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 10.0  # seconds that jobs have to end
PATIENCE = 5.0  # seconds for a run that was killed to leave the folder: its processes do not end all at once


def run(arguments: Sequence[str], *, warm: bool) -> int:
    """Run Snakemake in this folder; the exit status is its own, or 128 + the number of the signal that ended the run.

    A kernel lock keeps a second run out of the folder. Snakemake inherits it, so that it is held until Snakemake has ended.

    Raises:
        InputError: another run is at work in this folder, or the folder cannot be written.
    """
    with _lock_file() as handle:
        _hold(handle)
        locks.clear()
        prefer_own_commands()
        environment = {**os.environ, **caches()}
        processes.adopt_orphans()
        with _received() as received, forkserver.server(environment) if warm else contextlib.nullcontext({}) as address:
            process = processes.start(
                [sys.executable, "-m", "snakemake", *arguments],
                env={**environment, **address},
                pass_fds=[handle.fileno()],
            )
            status = _wait(process, received)
        processes.kill(processes.descendants(), GRACE)
        if received or status < 0:
            locks.remove()
        return 128 + received[0] if received else status if status >= 0 else 128 - status


def _hold(handle: IO[str]) -> None:
    """Take the kernel lock of a file.

    Raises:
        InputError: another run holds it, and still does after `PATIENCE` seconds.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise InputError("another run is at work in this folder; wait for it or stop it") from None
            time.sleep(0.1)


def _lock_file() -> IO[str]:
    try:
        FOLDER.mkdir(exist_ok=True)
        return open(FOLDER / "infoflow.lock", "a")
    except OSError as error:
        raise InputError(f"{FOLDER.absolute()}: a run keeps its state here, but: {error.strerror}") from None


def prefer_own_commands() -> None:
    """Put the folder of this installation's commands first in PATH: the jobs call `infoflow`."""
    own = dict.fromkeys([sysconfig.get_path("scripts"), os.path.dirname(sys.executable)])
    others = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder not in own]
    os.environ["PATH"] = os.pathsep.join([*own, *others])


def caches() -> dict[str, str]:
    """Variables that lead caches into the project's folder where the home folder cannot be written; else none."""
    given = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    with contextlib.suppress(OSError):
        os.makedirs(given, exist_ok=True)
        with tempfile.TemporaryFile(dir=given):
            return {}
    here = (FOLDER / "caches").absolute()
    print(f"infoflow: {given} cannot be written; caches go to {here}", file=sys.stderr)
    variables = {"XDG_CACHE_HOME": "", "MPLCONFIGDIR": "matplotlib", "NUMBA_CACHE_DIR": "numba"}
    for folder in variables.values():
        (here / folder).mkdir(parents=True, exist_ok=True)
    return {name: str(here / folder) for name, folder in variables.items()}


# --- signals -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _received() -> Iterator[list[int]]:
    """The numbers of the signals that came while the block runs; what the caller ignores (nohup) stays ignored."""
    numbers: list[int] = []
    watched = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda number, _: numbers.append(number)) for number in watched}
    try:
        yield numbers
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(process: subprocess.Popen, received: list[int]) -> int:
    """Status of Snakemake; a signal ends it and its jobs in order, a second one kills them."""
    while not received:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(0.1)
    with contextlib.suppress(OSError):  # the terminal may be gone
        name = signal.Signals(received[0]).name
        print(f"\ninfoflow: {name}: ending the jobs; a second signal kills them", file=sys.stderr, flush=True)
    asked: set[psutil.Process] = set()
    deadline = time.monotonic() + GRACE
    process.terminate()  # Snakemake starts no further job, and waits for those that run
    while process.poll() is None and time.monotonic() < deadline and len(received) == 1:
        jobs = set(processes.descendants(process.pid))
        for job in jobs - asked:
            with contextlib.suppress(psutil.Error):
                job.terminate()
        asked |= jobs
        time.sleep(0.05)
    if process.poll() is None:
        processes.kill(processes.descendants(process.pid), GRACE)
        process.kill()
    return process.wait()
