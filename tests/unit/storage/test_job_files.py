"""Files that hold a job's settings: named by their content, written when a run needs them, removed when none does."""

import hashlib
import os
import time

import pytest

from infoflow.errors import InputError
from infoflow.storage import job_files
from infoflow.storage.job_files import JobFiles


def test_a_file_is_named_by_its_digest_and_read_as_it_was_given(tmp_path):
    value = {"b": [1, 2.5], "a": "ü 'x' $(y)"}
    path = JobFiles(f"{tmp_path}/.settings").path(value, write=True)
    with open(path, "rb") as file:
        assert path == f"{tmp_path}/.settings/{hashlib.sha256(file.read()).hexdigest()}.json"
    assert job_files.read(path) == value
    again = JobFiles(f"{tmp_path}/.settings").path({"a": "ü 'x' $(y)", "b": [1, 2.5]}, write=True)
    assert again == path


def test_a_dry_run_writes_nothing_and_a_run_after_it_does(tmp_path):
    files = JobFiles(f"{tmp_path}/.settings")
    path = files.path({"a": 1}, write=False)
    assert list(tmp_path.iterdir()) == []
    assert files.path({"a": 1}, write=True) == path
    assert job_files.read(path) == {"a": 1}


def test_a_cut_file_is_written_again(tmp_path):
    path = JobFiles(str(tmp_path)).path({"a": 1}, write=True)
    with open(path, "w", encoding="utf-8"):
        pass
    with pytest.raises(InputError, match="expected JSON"):
        job_files.read(path)
    JobFiles(str(tmp_path)).path({"a": 1}, write=True)
    assert job_files.read(path) == {"a": 1}


def test_only_files_that_no_run_has_named_for_long_are_removed(tmp_path):
    files = JobFiles(str(tmp_path))
    old, kept, young = (files.path({"a": k}, write=True) for k in range(3))
    past = time.time() - (job_files.UNUSED_DAYS + 1) * 86400
    os.utime(old, (past, past))
    os.utime(kept, (past, past))
    for path in (old, kept, young):
        job_files.NAMED.pop(path)
    later = JobFiles(str(tmp_path))
    assert later.path({"a": 1}, write=True) == kept
    later.prune()
    assert sorted(os.listdir(tmp_path)) == sorted(os.path.basename(p) for p in (kept, young))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file; run Snakemake again"):
        job_files.read(f"{tmp_path}/none.json")
