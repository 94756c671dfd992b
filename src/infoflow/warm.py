"""`infoflow run --warm`: jobs are forked from one process that has the heavy imports behind it.

A job spends two seconds on `import torch`; where jobs are short, as in the smoke run, that is most of the time. The server
listens on a Unix socket for as long as its standard input is open. A job sends it the command, the environment and its
standard streams; the forked process runs the command and answers with the exit status. Whoever kills the job closes the
socket, which kills the forked process. Where no server answers, the command runs as usual. The stages are imported too: a
source that is edited while a run is at work takes effect in the next one.

Snakemake's benchmark files then hold the seconds of a job, but not its processor time and memory, which are the forked
process's; the job's log ends with them. The kernel of a notebook is forked too and is not counted there.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence

SOCKET = "INFOFLOW_WARM"  # names the socket to the jobs
HEAVY = ("torch", "pandas", "pyarrow.parquet", "h5py", "safetensors.torch", "scipy.stats", "scipy.special")
STAGES = (
    "infoflow.data.stage", "infoflow.training.ensemble", "infoflow.probing.record", "infoflow.estimate",
    "infoflow.claims.trajectories", "infoflow.claims.stage", "infoflow.truth", "librosa.feature.spectral",
)  # fmt: skip
NOTEBOOKS = (
    "papermill", "nbconvert", "ipykernel.kernelapp", "matplotlib.backends.backend_svg", "seaborn",
    "infoflow.figures.document", "infoflow.inside",
)  # fmt: skip
STREAMS = 3  # standard input, output and error


@contextlib.contextmanager
def server() -> Iterator[dict[str, str]]:
    """Keep a server while the block runs; yields the environment that leads jobs to it."""
    with tempfile.TemporaryDirectory(prefix="infoflow-") as folder:
        address = os.path.join(folder, "socket")
        threads = {"OMP_NUM_THREADS": "1"}  # libraries must not start threads before the fork
        command = [sys.executable, "-m", "infoflow.warm", address]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, **threads})
        try:
            yield {SOCKET: address}
        finally:
            process.stdin.close()
            process.wait()


def ask(arguments: Sequence[str]) -> int | None:
    """Exit status of a command that the server runs; None where there is no server."""
    address = os.environ.get(SOCKET)
    if not address:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
        except OSError:
            return None
        said = json.dumps(
            {"arguments": list(arguments), "environment": dict(os.environ), "folder": os.getcwd()}
        ).encode()
        socket.send_fds(connection, [len(said).to_bytes(8, "big")], range(STREAMS))
        connection.sendall(said)
        status = connection.recv(1)
        return status[0] if status else 1  # the forked process was killed


def serve(address: str) -> None:
    """Fork a process for every connection until standard input ends."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(128)
        for name in HEAVY:
            importlib.import_module(name)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel forgets children that have ended
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run decides when this process ends
        later = [*STAGES, *NOTEBOOKS]  # imported while nobody asks: notebooks come last
        while sys.stdin not in (ready := select.select([listener, sys.stdin], [], [], 0 if later else None)[0]):
            if not ready:
                importlib.import_module(later.pop(0))
                continue
            connection, _ = ready[0].accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    _answer(connection)


def _answer(connection: socket.socket) -> None:
    """Run one command in this forked process, answer with its status, and end."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        size, streams, *_ = socket.recv_fds(connection, 8, STREAMS)
        for place, stream in enumerate(streams):
            os.dup2(stream, place)
            os.close(stream)
        with connection.makefile("rb") as said:
            told = json.loads(said.read(int.from_bytes(size, "big")))
        threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
        status = _run(told)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        with contextlib.suppress(OSError):
            connection.sendall(bytes([status]))
        os._exit(status)


def _end_with(connection: socket.socket) -> None:
    """Kill this process and those that it started once the job that asked has gone."""
    connection.recv(1)
    os.killpg(0, signal.SIGKILL)


def _run(told: dict) -> int:
    import traceback

    import torch

    from infoflow import cli

    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    sys.argv = ["infoflow", *told["arguments"]]
    try:
        return cli.main(told["arguments"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1


def snakemake(arguments: list[str]) -> None:
    """Snakemake with a quiet queue: it looks for jobs to start when one has ended, and at no other time.

    Every look sets a timer for another, so that looks add up to a fifth of a core where jobs are short: the timers come
    too late to matter here, and end with the run.
    """
    from snakemake.cli import main

    try:
        main(["--max-jobs-per-timespan", "1000000/1h", *arguments])
    finally:
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.cancel()


if __name__ == "__main__":
    snakemake(sys.argv[2:]) if sys.argv[1] == "snakemake" else serve(sys.argv[1])
