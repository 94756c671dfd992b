"""A run that is killed goes on by the same command, and its tables equal an unbroken run's on any number of cores."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest
from test_workflow import copy_to

from infoflow.runtime import launch

pytestmark = pytest.mark.workflow
TARGET = "results-smoke/estimates/kong_f2/corrected/all.scalar_chain.parquet"
NEVER = 600_000  # epochs that take longer than a test


def command(folder, cores, epochs=40_000):
    """The run of `make results`, on one small target whose training lasts long enough to be killed."""
    training = {"training": {"epochs": epochs}}
    overlay = {"experiments": {"kong_f2": {**training, "variants": {"corrected": training}}}}
    (folder / "slow.yaml").write_text(json.dumps(overlay), encoding="utf-8")
    configs = ["--configfile", "configs/smoke.yaml", "slow.yaml"]
    return [sys.executable, "-m", "infoflow.cli", "run", "--cores", str(cores), *configs, "--", TARGET]


def environment(folder):
    return {**os.environ, "PYTHONPATH": str(folder / "src"), "INFOFLOW_SAVE_EVERY": "0.5"}


def finish(folder, cores=1):
    """Run to the end and return the table."""
    made = subprocess.run(command(folder, cores), cwd=folder, env=environment(folder), capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    return pd.read_parquet(folder / TARGET)


def is_training(process):
    """Whether a process is a training job; one that ended meanwhile is not."""
    try:
        return "--resume" in process.cmdline()
    except psutil.Error:
        return False


def start(folder, warm=False, epochs=40_000):
    """Start a run; return it and its training job, which has saved where it is unless it never ends."""
    line = command(folder, 1, epochs)
    if warm:
        line.insert(line.index("run") + 1, "--warm")
    process = launched(line, folder)
    states = folder / "results-smoke" / ".resume"
    for _ in range(1200):
        time.sleep(0.1)
        jobs = [c for c in psutil.Process(process.pid).children(recursive=True) if is_training(c)]
        if jobs and (epochs == NEVER or any(states.glob("kong_f2-*.safetensors"))):
            return process, jobs[-1]
    raise AssertionError("no training job appeared")


def launched(line, folder):
    """A process in a session of its own, which hears every signal though these tests may run where some are ignored."""

    def hear():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    to = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    return subprocess.Popen(line, cwd=folder, env=environment(folder), preexec_fn=hear, **to)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    return copy_to(tmp_path_factory.mktemp("stopped"))


@pytest.fixture
def copy(stopped):
    """A copy of the repository for runs that are stopped; a failure leaves no process to the next test."""
    yield stopped
    for process in processes_in(stopped):
        process.kill()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return finish(copy_to(tmp_path_factory.mktemp("unbroken")), cores=4)


@pytest.mark.parametrize("victim", ["job", "snakemake_and_job"])
def test_a_killed_run_goes_on_and_ends_the_same(victim, unbroken, tmp_path):
    folder = copy_to(tmp_path)
    process, job = start(folder)
    if victim == "job":
        job.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=300)
    assert not (folder / "results-smoke/train/kong_f2/corrected/weights.safetensors").exists()
    pd.testing.assert_frame_equal(finish(folder), unbroken)
    log = (folder / "results-smoke/logs/train/kong_f2_corrected.log").read_text(encoding="utf-8")
    assert re.search(r"resuming at epoch [1-9]", log)


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_a_run_in_order(number, warm, copy):
    """No trace, lock, process or half of a file is left, and the next run goes on."""
    process, _ = start(copy, warm=warm, epochs=NEVER)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal sends it: to every process of the run
    else:
        process.send_signal(number)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert nothing_is_left(copy)


def test_a_second_interrupt_kills_what_does_not_end(copy):
    process, job = start(copy, epochs=NEVER)
    job.suspend()  # a job that does not hear the first
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=launch.GRACE / 2)
    assert process.returncode == 130
    assert nothing_is_left(copy)


@pytest.mark.parametrize("seconds", [1, 2.5, 4])
def test_a_signal_before_the_first_job_leaves_nothing(seconds, copy):
    process = launched(command(copy, 1), copy)
    time.sleep(seconds)
    process.terminate()
    said = process.communicate(timeout=60)[0]
    assert process.returncode in (143, -signal.SIGTERM)
    assert "Traceback" not in said
    assert nothing_is_left(copy)


def test_a_run_by_its_path_uses_its_own_commands(copy, tmp_path):
    """Without activation, and with another `infoflow` first in PATH."""
    other = tmp_path / "infoflow"
    other.write_text("#!/bin/sh\nexit 9\n", encoding="utf-8")
    other.chmod(0o755)
    own = environment(copy) | {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    target = "results-smoke/data/four30.h5"
    made = subprocess.run([*command(copy, 1)[:-1], target], cwd=copy, env=own, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    assert (copy / target).is_file()


def nothing_is_left(folder):
    locks = list((folder / ".snakemake/locks").glob("*"))
    halves = [path for path in folder.rglob(".*.tmp")]
    return not locks and not halves and not processes_in(folder)


def processes_in(folder):
    """Processes that work in a folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder):
                found.append(process)
    return found
