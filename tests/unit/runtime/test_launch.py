"""What a run starts with: its own commands, caches that can be written, as much memory as the machine has."""

import contextlib
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from infoflow.errors import InputError
from infoflow.runtime import launch, memory


def test_the_commands_of_this_installation_come_first(monkeypatch):
    monkeypatch.setenv("PATH", "/elsewhere/bin")
    launch.prefer_own_commands()
    first, *_, last = os.environ["PATH"].split(os.pathsep)
    assert (Path(first) / "infoflow").is_file()
    assert last == "/elsewhere/bin"
    launch.prefer_own_commands()
    assert os.environ["PATH"].split(os.pathsep).count(first) == 1


def test_a_home_that_can_be_written_keeps_its_caches(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert launch.caches() == {}
    assert not (tmp_path / ".snakemake").exists()


def test_a_home_that_cannot_be_written_is_replaced(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (tmp_path / "file").write_text("no folder can be made in a file", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    variables = launch.caches()
    assert set(variables) == {"XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"}
    assert all(Path(folder).is_dir() and tmp_path in Path(folder).parents for folder in variables.values())
    assert "cannot be written; caches go to" in capsys.readouterr().err


@contextlib.contextmanager
def another_run(folder, until="input()"):
    """A process that holds a folder's lock until it is killed, or as long as `until` takes."""
    (folder / ".snakemake").mkdir()
    holds = (
        "import fcntl, time; f = open('.snakemake/infoflow.lock', 'a'); fcntl.flock(f, 2); print('held', flush=True); "
        + until
    )
    other = subprocess.Popen([sys.executable, "-c", holds], cwd=folder, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    other.stdout.readline()
    yield
    other.kill()
    other.communicate()


def test_a_second_run_in_a_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launch, "PATIENCE", 0.2)
    with another_run(tmp_path), pytest.raises(InputError, match="another run is at work"):
        launch.run([], warm=False)


def test_a_run_waits_for_one_that_was_killed_to_leave(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launch, "PATIENCE", 60.0)
    with another_run(tmp_path, "time.sleep(0.5)"), open(".snakemake/infoflow.lock", "a") as handle:
        launch._hold(handle)
        with open(".snakemake/infoflow.lock", "a") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the lock is this run's now


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(InputError, match="a run keeps its state here, but"):
        launch.run([], warm=False)


@pytest.mark.parametrize("file", ["memory.max", "memory/memory.limit_in_bytes"])
def test_the_limit_of_a_container_counts(tmp_path, file):
    whole = memory.available_mb(tmp_path)
    assert whole == int(memory.SHARE * psutil.virtual_memory().total / 2**20)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(f"{2**30}\n", encoding="utf-8")
    assert memory.available_mb(tmp_path) == int(memory.SHARE * 1024)
    (tmp_path / file).write_text("max\n", encoding="utf-8")
    assert memory.available_mb(tmp_path) == whole
