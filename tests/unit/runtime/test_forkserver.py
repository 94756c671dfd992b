"""Jobs forked from a process that has imported torch: the same files and statuses, and nothing left behind."""

import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import nbformat
import psutil
import pytest

from infoflow.config.jobs import ConvergenceJob, NotebookJob
from infoflow.runtime import forkserver
from infoflow.storage.files import canonical_json

COMMAND = [sys.executable, "-c", "import sys; from infoflow.cli import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def served():
    with forkserver.server(os.environ) as address:
        yield {**os.environ, **address}


def run(arguments, environment):
    return subprocess.run([*COMMAND, *arguments], env=environment, capture_output=True, text=True)


def convergence(folder, output):
    """A short job: the command's arguments."""
    job = ConvergenceJob(
        std=0.5, dimensions=[1], samples=[8, 16], repeats=3, queries=50, seed=0, chains=[[[2.0], [0.0]]], chain_inputs=8
    )
    return ["convergence", "--settings", as_file(folder, job.model_dump()), "--output", output]


def as_file(folder, value):
    path = folder / "settings.json"
    path.write_text(canonical_json(value), encoding="utf-8")
    return str(path)


def waiting(folder):
    """A job that waits for ever to read its settings: the command's arguments."""
    os.mkfifo(folder / "never")
    return ["convergence", "--settings", str(folder / "never"), "--output", "x"]


def forked():
    """Processes forked by the server, which is this process's child."""
    servers = [p for p in psutil.Process().children() if {"infoflow.cli", "serve"} <= {*p.cmdline()}]
    return [child for process in servers for child in process.children()]


def until(condition):
    for _ in range(200):
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_forked_job_writes_what_a_job_of_its_own_writes(served, tmp_path):
    made = []
    for name, environment in (("warm", served), ("own", os.environ)):
        done = run(convergence(tmp_path, f"{tmp_path}/{name}.parquet"), environment)
        assert done.returncode == 0, done.stderr
        made.append((tmp_path / f"{name}.parquet").read_bytes())
    assert made[0] == made[1]


def test_folder_status_and_message_are_those_of_the_job(served, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["schema", "--output", "here.json"], served).returncode == 0
    assert json.loads((tmp_path / "here.json").read_text())["type"] == "object"
    for command, status in (
        (["report", "--settings", as_file(tmp_path, {}), "--root", "nowhere"], 2),
        (["schema", "--output", "here.json/schema.json"], 1),  # below a file: an error with a trace
    ):
        wrong, own = (run(command, environment) for environment in (served, os.environ))
        assert wrong.returncode == own.returncode == status
        assert wrong.stderr.splitlines()[-1] == own.stderr.splitlines()[-1]
    assert run(["no-such-stage"], served).returncode == 2


def test_a_killed_job_takes_its_forked_process_along(served, tmp_path):
    job = subprocess.Popen([*COMMAND, *waiting(tmp_path)], env=served)
    assert until(lambda: len(forked()) == 1)
    job.kill()
    job.wait()
    assert until(lambda: not forked())


def test_a_killed_forked_process_is_reported_and_its_status_is_that_of_a_kill(served, tmp_path):
    job = subprocess.Popen([*COMMAND, *waiting(tmp_path)], env=served, stderr=subprocess.PIPE, text=True)
    assert until(lambda: [process.num_threads() > 1 for process in forked()] == [True])  # it has taken the job
    forked()[0].kill()
    assert "the job was killed" in job.communicate(timeout=60)[1]
    assert job.returncode == 137


def test_without_a_server_a_job_runs_by_itself(tmp_path):
    gone = {**os.environ, forkserver.SOCKET: str(tmp_path / "no socket")}
    assert run(["schema", "--output", f"{tmp_path}/schema.json"], gone).returncode == 0
    assert (tmp_path / "schema.json").is_file()


@pytest.mark.parametrize("reached", ["the connection", "the request"])
def test_a_job_that_the_server_lets_fall_runs_by_itself(tmp_path, reached):
    """A server that dies with jobs in its queue, or with a request half read."""
    address = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        job = subprocess.Popen(
            [*COMMAND, "schema", "--output", f"{tmp_path}/schema.json"],
            env={**os.environ, forkserver.SOCKET: address},
        )
        connection = listener.accept()[0]
        if reached == "the request":
            connection.recv(8)
        connection.close()
    assert job.wait(timeout=60) == 0
    assert (tmp_path / "schema.json").is_file()


def test_an_edited_source_is_what_later_jobs_run(tmp_path):
    shutil.copytree(forkserver.PACKAGE, tmp_path / "infoflow", ignore=shutil.ignore_patterns("__pycache__"))
    own = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with forkserver.server(own) as address:
        assert run(convergence(tmp_path, f"{tmp_path}/before.parquet"), {**own, **address}).returncode == 0
        (tmp_path / "infoflow/errors.py").write_text('raise SystemExit("edited")', encoding="utf-8")
        after = run(convergence(tmp_path, f"{tmp_path}/after.parquet"), {**own, **address})
    assert after.stderr.strip() == "edited"
    assert (tmp_path / "before.parquet").is_file()


def test_a_deep_folder_for_temporary_files_has_a_socket_elsewhere(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with contextlib.ExitStack() as stack:
        address = forkserver._address(stack)
        assert len(os.fsencode(address)) <= forkserver.LONGEST
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
    assert not os.path.exists(address)


def test_a_notebook_of_a_warm_run_shows_what_it_shows_otherwise(served, tmp_path):
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    asked = nbformat.v4.new_code_cell(
        "results, save_to, settings = None, None, None", metadata={"tags": ["parameters"]}
    )
    drawn = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);\nprint(results, len(settings))"
    notebook.cells = [asked, nbformat.v4.new_code_cell(drawn), nbformat.v4.new_code_cell("1 + 1")]
    nbformat.write(notebook, tmp_path / "source.ipynb")
    shown = []
    own = {k: v for k, v in os.environ.items() if k != forkserver.SOCKET}
    own |= {"HOME": f"{tmp_path}/source.ipynb", "MPLCONFIGDIR": str(tmp_path)}  # a home that cannot be written
    job = NotebookJob(document="d", title="t", seed=1, figures=[], models={}, points={}, estimators={})
    for name, environment in (("warm", served), ("own", own)):
        to = tmp_path / name
        files = [f"--{file}={to / file}.ipynb" for file in ("executed", "output")]
        rest = [
            "--settings",
            as_file(tmp_path, job.model_dump()),
            "--source",
            f"{tmp_path}/source.ipynb",
            "--results=r",
            "--figures=f",
        ]
        done = run(["notebook", *rest, *files], environment)
        assert done.returncode == 0, done.stderr
        cells = nbformat.read(to / "output.ipynb", 4).cells
        shown.append([output.get("data", output.get("text")) for cell in cells for output in cell.get("outputs", [])])
        assert (to / "output.html").stat().st_size > 10_000
    assert shown[0] == shown[1]
    assert {"image/png", "text/plain"} <= {kind for output in shown[0] if isinstance(output, dict) for kind in output}
    assert until(lambda: not forked())


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no mallopt")
def test_freed_arrays_serve_the_next_ones():
    faults = """
import resource, torch
from infoflow import cli
cli._keep_freed_memory()
counts = []
for _ in range(40):
    torch.ones(2**23)
    counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(counts[-1] - counts[19])
"""
    done = subprocess.run([sys.executable, "-c", faults], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2**23 * 4 / 4096  # twenty arrays take fewer fresh pages than one has
