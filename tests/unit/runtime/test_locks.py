"""A lock is cleared where its holder is dead on this host beyond doubt, and nowhere else."""

import json
import os
import subprocess
import sys

import pytest

from infoflow.errors import InputError
from infoflow.runtime import locks


@pytest.fixture
def lock(tmp_path, monkeypatch):
    """Snakemake's lock in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    locks.LOCKS.mkdir(parents=True)
    file = locks.LOCKS / "0.output.lock"
    file.write_text("results/x\n", encoding="utf-8")
    return file


def held_by(process_code):
    """Let another process record that it holds the lock."""
    code = f"from infoflow.runtime import locks; locks.record(); {process_code}"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def change(**fields):
    held = json.loads(locks.HOLDER.read_text(encoding="utf-8"))
    for name, value in fields.items():
        (held if name in held else held["host"])[name] = value
    locks.HOLDER.write_text(json.dumps(held), encoding="utf-8")


def test_without_a_lock_there_is_nothing_to_clear(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    locks.clear()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_dead_process_is_cleared(lock):
    assert held_by("").wait() == 0
    locks.clear()
    assert not lock.exists()
    assert not locks.HOLDER.exists()


def test_the_lock_of_a_process_at_work_is_left_alone(lock):
    process = held_by("print('recorded', flush=True); input()")
    try:
        process.stdout.readline()
        with pytest.raises(InputError, match=f"at work in this folder .process {process.pid} of"):
            locks.clear()
    finally:
        process.kill()
        process.wait()
    assert lock.exists()
    locks.clear()
    assert not lock.exists()


def test_a_process_that_nobody_has_waited_for_is_dead(lock):
    process = held_by("")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and still in the table of processes
    locks.clear()
    assert not lock.exists()
    process.wait()


def test_another_process_of_the_same_number_is_not_the_holder(lock):
    locks.record()
    change(started="1")
    locks.clear()
    assert not lock.exists()


@pytest.mark.parametrize(
    "there",
    [
        {"name": "another-host"},
        {"machine": "another machine"},
        {"processes": "pid:[1]"},
        {"boot": "b", "processes": "p"},
    ],
    ids=str,
)
def test_the_lock_of_another_host_or_container_is_left_alone(lock, there):
    assert held_by("").wait() == 0
    change(**there)
    with pytest.raises(InputError, match="this host cannot tell whether it is alive"):
        locks.clear()
    assert lock.exists()


def test_a_holder_from_before_this_host_was_started_again_is_dead(lock, monkeypatch):
    here = {**locks._host(), "processes": locks.WHOLE_MACHINE}
    monkeypatch.setattr(locks, "_host", lambda: here)
    locks.record()  # this very process, which is alive
    change(boot="an earlier one")
    locks.clear()
    assert not lock.exists()


@pytest.mark.parametrize("lost", ["no record", "a damaged record", "a record of another lock"])
def test_a_lock_of_unknown_origin_is_left_alone(lock, lost):
    if lost != "no record":
        assert held_by("").wait() == 0
    if lost == "a damaged record":
        locks.HOLDER.write_text("{", encoding="utf-8")
    if lost == "a record of another lock":
        os.utime(lock, (1, 1))
    with pytest.raises(InputError, match="not known which process holds"):
        locks.clear()
    assert lock.exists()
