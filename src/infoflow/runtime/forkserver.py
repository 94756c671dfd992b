"""`infoflow run --warm`: jobs are forked from one process that has the heavy imports behind it.

A job spends two seconds on `import torch`; where jobs are short, as in the smoke run, that is most of the time. The server
listens on a Unix socket for as long as its standard input is open. A job sends it the command, the environment and its
standard streams; the forked process says that it takes the job, runs the command and answers with the exit status. Whoever
kills the job closes the socket, which ends the forked process. A job that the server does not take runs by itself: where
no server answers, where it dies, and where a source of the package has changed since the server started.

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
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

Command = Callable[[Sequence[str]], int]
SOCKET = "INFOFLOW_WARM"  # names the socket to the jobs
PRELOAD = ("torch", "pandas", "pyarrow.parquet", "h5py", "safetensors.torch", "scipy.stats", "scipy.special")
STAGES = (
    "infoflow.data.stage", "infoflow.training.ensemble", "infoflow.recording.record", "infoflow.estimation.stage",
    "infoflow.estimation.renyi", "infoflow.estimation.binning", "infoflow.estimation.scalar_chain",
    "infoflow.verdicts.trajectories", "infoflow.verdicts.stage", "infoflow.truth", "librosa.feature.spectral",
)  # fmt: skip
NOTEBOOKS = (
    "papermill", "nbconvert", "ipykernel.kernelapp", "matplotlib.backends.backend_svg", "seaborn",
    "infoflow.plotting.document", "infoflow.estimation.recompute",
)  # fmt: skip
STREAMS = 3  # standard input, output and error
LONGEST = 100  # bytes of a socket's path; Linux allows 107, macOS 103
PACKAGE = Path(__file__).parents[1]
TAKEN = b"t"
KILLED = 128 + signal.SIGKILL
GRACE = 3.0  # seconds that a forked process has to clean up


# --- the run's side ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def server(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Keep a server while the block runs; yields the variable that leads jobs to it, or none where no socket can be made."""
    from infoflow.runtime import processes

    with contextlib.ExitStack() as stack:
        address = _address(stack)
        if address is None:
            print("infoflow: no folder with a short path for a socket: jobs are not forked", file=sys.stderr)
            yield {}
            return
        threads = {"OMP_NUM_THREADS": "1"}  # libraries must not start threads before the fork
        command = [sys.executable, "-m", "infoflow.cli", "serve", "--socket", address]
        process = processes.start(command, stdin=subprocess.PIPE, env={**environment, **threads})
        try:
            yield {SOCKET: address}
        finally:
            process.kill()  # it may be importing, and holds nothing; its jobs end with those who asked for them
            process.wait()
            process.stdin.close()


def _address(stack: contextlib.ExitStack) -> str | None:
    """A path for the socket in a new folder that `stack` removes: among temporary files, unless that path is too long."""
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        with contextlib.suppress(OSError):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="infoflow-", dir=place))
            if len(os.fsencode(address := os.path.join(folder, "socket"))) <= LONGEST:
                return address
    return None


# --- the job's side ------------------------------------------------------------------------------------------


def submit(arguments: Sequence[str]) -> int | None:
    """Exit status of a command that the server runs; None where it does not take it."""
    address = os.environ.get(SOCKET)
    if not address:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
            _send(connection, arguments)
            if connection.recv(1) != TAKEN:
                return None
        except OSError:
            return None
        status = _status(connection)
    if status is None:
        print("error: the job was killed, by the system for want of memory perhaps", file=sys.stderr)
        return KILLED
    return status


def _send(connection: socket.socket, arguments: Sequence[str]) -> None:
    """Send a command, the environment, and the standard streams."""
    text = json.dumps({
        "arguments": list(arguments), "environment": dict(os.environ), "folder": os.getcwd(), "umask": _umask(),
    }).encode()  # fmt: skip
    socket.send_fds(connection, [len(text).to_bytes(8, "big")], range(STREAMS))
    connection.sendall(text)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _status(connection: socket.socket) -> int | None:
    """The status that the forked process sends; None where it was killed before."""
    try:
        status = connection.recv(1)
    except OSError:
        return None
    return status[0] if status else None


# --- the server's side ---------------------------------------------------------------------------------------


def serve(address: str, command: Command) -> None:
    """Fork a process for every connection until standard input ends; it runs `command` with the arguments of the job."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(128)
        sources = _sources()
        for name in PRELOAD:
            importlib.import_module(name)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel forgets children that have ended
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the run decides when this process ends
        later = [*STAGES, *NOTEBOOKS]  # imported while nobody asks: notebooks come last
        while sys.stdin not in (ready := select.select([listener, sys.stdin], [], [], 0 if later else None)[0]):
            if not ready:
                importlib.import_module(later.pop(0))
                continue
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):  # a fork that fails closes the connection
                if _sources() == sources and os.fork() == 0:
                    listener.close()
                    _handle_request(connection, command)


def _sources() -> dict[str, tuple[int, int]]:
    """Time and size of every source of the package."""
    found = {}
    for folder, _, files in os.walk(PACKAGE):
        for file in files:
            if file.endswith(".py"):
                status = os.stat(path := os.path.join(folder, file))
                found[path] = status.st_mtime_ns, status.st_size
    return found


def _handle_request(connection: socket.socket, command: Command) -> None:
    """Run one command in this forked process, answer with its status, and end with every process that it started."""
    os.setsid()
    status = 1
    try:
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        size, streams, *_ = socket.recv_fds(connection, 8, STREAMS)
        for place, stream in enumerate(streams):
            os.dup2(stream, place)
            os.close(stream)
        with connection.makefile("rb") as text:
            request = json.loads(text.read(int.from_bytes(size, "big")))
        connection.sendall(TAKEN)
        threading.Thread(target=_exit_when_client_closes, args=(connection,), daemon=True).start()
        status = _run(request, command)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        with contextlib.suppress(OSError):
            connection.sendall(bytes([status]))
        os.killpg(0, signal.SIGKILL)


def _exit_when_client_closes(connection: socket.socket) -> None:
    """End this process and those that it started once the job that asked has gone."""
    with contextlib.suppress(OSError):
        connection.recv(1)
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


def _run(request: dict, command: Command) -> int:
    import traceback

    import torch

    os.chdir(request["folder"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["environment"])
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    sys.argv = ["infoflow", *request["arguments"]]
    try:
        return command(request["arguments"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
