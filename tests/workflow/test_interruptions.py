"""A run that is killed goes on by the same command, and its tables equal an unbroken run's on any number of cores."""

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

pytestmark = pytest.mark.workflow
TARGET = "results-smoke/estimates/kong_f2/corrected/all.scalar_chain.parquet"


def command(folder, cores):
    """The run of `make results`, on one small target whose training lasts long enough to be killed."""
    training = {"training": {"epochs": 60000}}
    overlay = {"experiments": {"kong_f2": {**training, "variants": {"corrected": training}}}}
    (folder / "slow.yaml").write_text(json.dumps(overlay), encoding="utf-8")
    configs = ["--configfile", "config.yaml", "configs/smoke.yaml", "slow.yaml"]
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


def start(folder):
    """Start a run; return it and its training job, which has saved where it is."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    process = subprocess.Popen(command(folder, 1), cwd=folder, env=environment(folder), **quiet)
    states = folder / "results-smoke" / ".resume"
    for _ in range(1200):
        time.sleep(0.1)
        jobs = [c for c in psutil.Process(process.pid).children(recursive=True) if is_training(c)]
        if jobs and any(states.glob("kong_f2-*.safetensors")):
            return process, jobs[-1]
    raise AssertionError("no training job appeared")


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


def test_a_lock_of_a_plain_snakemake_at_work_is_left_alone(tmp_path):
    """Plain `snakemake` does not hold the project's own lock; it is found among the processes."""
    folder = copy_to(tmp_path)
    (folder / ".snakemake/locks").mkdir(parents=True, exist_ok=True)
    lock = folder / ".snakemake/locks/0.input.lock"
    lock.write_text("", encoding="utf-8")
    stand_in = tmp_path / "bin/snakemake"
    stand_in.parent.mkdir()
    stand_in.write_text("import time\ntime.sleep(60)\n", encoding="utf-8")
    process = subprocess.Popen([sys.executable, str(stand_in)], cwd=folder)
    try:
        made = subprocess.run(
            command(folder, 1), cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=60
        )
    finally:
        process.kill()
    assert made.returncode == 2
    assert f"process {process.pid}" in made.stderr
    assert lock.exists()
