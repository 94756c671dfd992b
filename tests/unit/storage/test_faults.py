"""A disk that fails at every place in turn: files are old or new, never something else, and the next run goes on."""

import errno
import os

import factories
import pytest
import torch

from infoflow.data import stage as data_stage
from infoflow.estimation import stage as estimation_stage
from infoflow.storage import files
from infoflow.storage.files import write_json
from infoflow.storage.tables import read_table, write_table
from infoflow.training import ensemble

NET = {"kind": "mlp", "layers": [12, 3, 2], "activations": ["tanh", "linear"]}
TRAIN = {"loss": "cross_entropy", "batch_size": 512, "epochs": 2, "seeds": 1}


def chain(folder):
    """A data set, a training that saves its state all the time, an estimate, a small table and a manifest."""
    torch.manual_seed(0)
    data_stage.run(factories.dataset_job("szt12", name="szt12"), str(folder / "szt12.h5"))
    job = factories.train_job(NET, **TRAIN)
    ensemble.run(job, str(folder / "szt12.h5"), [str(folder / "train")], str(folder / ".resume"), save_every=0.0)
    kde = factories.estimate_job({"kind": "kde", "inputs": 40, "variances": [0.01]}, NET, snapshots=(0, 2))
    inputs = {"weights": [str(folder / "train/weights.safetensors")], "dataset": [str(folder / "szt12.h5")]}
    estimation_stage.run(factories.estimate_group(kde), inputs, [str(folder / "kde.parquet")])
    table = read_table(folder / "kde.parquet")
    write_table(folder / "tables/means.parquet", table.groupby("layer", as_index=False)["value"].mean())
    write_json(folder / "MANIFEST.json", {"kde": files.sha256(folder / "kde.parquet")})


def contents(folder):
    """Bytes of the files that a run leaves, by name; states and locks of trainings aside."""
    kept = (path for path in sorted(folder.rglob("*")) if path.is_file() and ".resume" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an unbroken run leaves."""
    folder = tmp_path_factory.mktemp("whole")
    chain(folder)
    return contents(folder)


class Failing:
    """Calls of a function of `os`, of which the n-th fails as on a full disk; the last place is reached where none does."""

    def __init__(self, monkeypatch, name, at):
        self.count, self.at, self.real = 0, at, getattr(os, name)
        monkeypatch.setattr(os, name, self)

    def __call__(self, *arguments, **options):
        self.count += 1
        if self.count == self.at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.real(*arguments, **options)


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_whatever_call_fails_files_are_whole_and_the_next_run_goes_on(call, whole, tmp_path, monkeypatch):
    reached = False
    for at in range(1, 200):
        folder = tmp_path / f"{at}"
        folder.mkdir()
        with monkeypatch.context() as patch:
            failing = Failing(patch, call, at)
            try:
                chain(folder)
            except OSError as error:
                assert error.errno == errno.ENOSPC  # noqa: PT017 (past the last place none is raised)
            reached = failing.count < at
        left = contents(folder)
        assert left.items() <= whole.items(), (
            at
        )  # new ones are whole, and nothing else lies there, no temporary file either
        chain(folder)
        assert contents(folder) == whole, at
        if reached:
            break
    assert reached
    assert at > 5


def test_a_file_that_was_there_stays_where_its_successor_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "table.json"
    write_json(path, {"old": 1})
    for call in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            Failing(patch, call, 1)
            with pytest.raises(OSError, match="No space"):
                write_json(path, {"new": 2})
        assert contents(tmp_path) == {"table.json": b'{\n  "old": 1\n}\n'}
