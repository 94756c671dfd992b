import json
import math
import multiprocessing
import time

import pytest

from infoflow.errors import InputError
from infoflow.storage import tables
from infoflow.storage.files import atomic, locked, write_json
from infoflow.storage.hdf5 import read_h5, write_h5
from infoflow.storage.tables import read_tables

NAMES = {"experiment": "x", "point": "p", "variant": ""}
AXES = {"training.orthonormal": 0.5}
ROW = {"seed": 0, "epoch": 1, "layer": "T1", "depth": 1, "quantity": "I(X;T)", "value": 1.0, "ceiling": 2.0}


def test_atomic_write_leaves_the_old_file_on_failure(tmp_path):
    target = tmp_path / "a" / "file.txt"
    with atomic(target) as temporary:
        temporary.write_text("old")

    def fail():
        with atomic(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    pytest.raises(RuntimeError, fail)
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def hold(path, held, seconds):
    with locked(path):
        held.set()
        time.sleep(seconds)


def test_a_lock_waits_for_its_holder_and_dies_with_it(tmp_path):
    path, spawn = tmp_path / "x.lock", multiprocessing.get_context("spawn")
    with locked(path) as waited:
        assert not waited
    for killed in (False, True):
        held = spawn.Event()
        holder = spawn.Process(target=hold, args=(path, held, 60 if killed else 0.5))
        holder.start()
        assert held.wait(60)
        if killed:
            holder.kill()
            holder.join()
        with locked(path) as waited:
            assert waited is not killed
        holder.join()


def test_missing_files_and_arrays_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.h5: no such data file"):
        read_h5(tmp_path / "none.h5")
    with pytest.raises(InputError, match=r"none\.parquet: no such table"):
        read_tables(tmp_path / "none.parquet")
    write_h5(tmp_path / "a.h5", {"x": [1.0], "g/y": [2]}, {"source": "s", "nothing": None})
    arrays, attributes = read_h5(tmp_path / "a.h5")
    assert {k: v.tolist() for k, v in arrays.items()} == {"x": [1.0], "g/y": [2]}
    assert attributes == {"source": "s"}
    with pytest.raises(InputError, match="has no array z; it holds x"):
        read_h5(tmp_path / "a.h5", "x", "z")


def test_tidy_fills_in_columns_and_refuses_unknown_ones():
    table = tables.tidy([ROW], estimator="e", names=NAMES, axes=AXES)
    assert table["saturation"].item() == 0.5
    assert table["unit"].item() == "nats"
    assert table["orthonormal"].item() == 0.5
    assert set(tables.COLUMNS) < set(table)
    with pytest.raises(ValueError, match="unknown columns .*'valeu'"):
        tables.tidy([{**ROW, "valeu": 1.0}], estimator="e", names=NAMES, axes=AXES)


def test_json_holds_no_infinity(tmp_path):
    write_json(tmp_path / "a.json", {"axes": [1.0, math.inf], "none": (math.nan, None)})

    def refuse(text):
        raise ValueError(text)

    read = json.loads((tmp_path / "a.json").read_text(), parse_constant=refuse)
    assert read == {"axes": [1.0, "inf"], "none": ["nan", None]}
