"""Own arrays: every format gives the same data set, and what is wrong is said in one line."""

import numpy as np
import pandas as pd
import pytest

from infoflow.config.datasets import ArraysData
from infoflow.config.jobs import DatasetJob
from infoflow.data import arrays
from infoflow.errors import InputError
from infoflow.storage.hdf5 import write_h5

N = 30


def job(folder, path, **more):
    section = ArraysData(kind="arrays", path=path, **more)
    return DatasetJob(dataset="mine", section=section, data_root=str(folder), seed=3)


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    return rng.standard_normal((N, 4)).astype(np.float32), np.arange(N) % 3


def test_every_format_gives_the_same(tmp_path, samples):
    x, y = samples
    np.savez(tmp_path / "a.npz", x=x, y=y)
    write_h5(tmp_path / "a.h5", {"x": x, "y": y}, {})
    (tmp_path / "a").mkdir()
    np.save(tmp_path / "a/x.npy", x)
    np.save(tmp_path / "a/y.npy", y)
    table = pd.DataFrame(x, columns=list("abcd")).assign(y=y)
    table.to_parquet(tmp_path / "a.parquet")
    table.to_csv(tmp_path / "a.csv", index=False)
    made = [arrays.make(job(tmp_path, name)) for name in ("a.npz", "a.h5", "a", "a.parquet", "a.csv")]
    for held, attributes in made:
        np.testing.assert_allclose(held["x"], x, atol=1e-6)
        np.testing.assert_array_equal(held["y"], y)
        np.testing.assert_array_equal(held["split"], made[0][0]["split"])
        assert attributes["classes"] == 3
        assert attributes["class_names"] == ["0", "1", "2"]
        assert attributes["tier"] == "own"
    assert 0 < made[0][0]["split"].mean() < 0.5


@pytest.mark.parametrize(
    "labels", [["cat", "dog"] * 15, [True, False] * 15, [7.0, 9.0] * 15, np.eye(2)[np.arange(N) % 2]], ids=range(4)
)
def test_labels_of_every_kind_are_classes(tmp_path, samples, labels):
    np.savez(tmp_path / "a.npz", x=samples[0], y=np.array(labels))
    held, attributes = arrays.make(job(tmp_path, "a.npz"))
    assert attributes["classes"] == 2
    assert sorted(np.bincount(held["y"])) == [15, 15]


def test_fractions_are_continuous_targets(tmp_path, samples):
    np.savez(tmp_path / "a.npz", x=samples[0], y=np.linspace(0, 1, N))
    held, attributes = arrays.make(job(tmp_path, "a.npz"))
    assert "classes" not in attributes
    assert held["y"].dtype == np.float32


def test_groups_stay_together_and_parts_are_kept(tmp_path, samples):
    x, y = samples
    np.savez(tmp_path / "a.npz", x=x, y=y, group=np.repeat(["a", "b", "c", "d", "e"], 6))
    split = arrays.make(job(tmp_path, "a.npz"))[0]["split"].reshape(5, 6)
    assert (split.min(1) == split.max(1)).all()
    assert 0 < split.mean() < 1
    np.savez(tmp_path / "b.npz", x=x, y=y, split=np.array(["train", "test"] * 15))
    np.testing.assert_array_equal(arrays.make(job(tmp_path, "b.npz"))[0]["split"], [0, 1] * 15)


def test_names_and_limits(tmp_path, samples):
    np.savez(tmp_path / "a.npz", inputs=samples[0], target=samples[1])
    held, _ = arrays.make(job(tmp_path, "a.npz", x="inputs", y="target", limit=12))
    assert len(held["x"]) == 12
    assert sorted(np.bincount(held["y"])) == [4, 4, 4]


def test_tokens_stay_whole_numbers_and_images_keep_their_shape(tmp_path):
    rng = np.random.default_rng(1)
    np.savez(tmp_path / "a.npz", x=rng.integers(0, 9, (N, 5)), y=np.arange(N) % 2)
    assert arrays.make(job(tmp_path, "a.npz"))[0]["x"].dtype == np.int64
    np.savez(tmp_path / "b.npz", x=rng.random((N, 3, 8, 8)), y=np.arange(N) % 2)
    assert arrays.make(job(tmp_path, "b.npz"))[0]["x"].shape == (N, 3, 8, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, "has no x; it holds y"),
        ({"y": None}, "has no y"),
        ({"x": np.zeros((N - 1, 4))}, "x has 29 rows, y 30"),
        ({"x": np.full((N, 4), np.nan)}, r"x holds nan at \(0, 0\)"),
        ({"x": np.zeros((0, 4)), "y": np.zeros(0)}, "expected some samples"),
        ({"x": np.array([["a"] * 4] * N)}, "expected numbers"),
        ({"y": np.zeros(N)}, "every sample is of the class"),
        ({"y": np.array([0] * (N - 1) + [1])}, "has one sample alone"),
        ({"y": np.full(N, np.nan)}, "a label for every sample"),
        ({"y": np.zeros((N, 2, 2))}, "one label a sample"),
        ({"split": np.zeros(N)}, "one part is empty"),
        ({"split": np.array(["valid"] * N)}, "valid is no part"),
        ({"split": np.zeros(N - 1)}, "one value a sample"),
        ({"group": np.zeros(N)}, "group: one alone"),
    ],
    ids=range(14),
)
def test_what_is_wrong_is_said(tmp_path, samples, change, message):
    held = {"x": samples[0], "y": samples[1]} | change
    np.savez(tmp_path / "a.npz", **{name: value for name, value in held.items() if value is not None})
    with pytest.raises(InputError, match=message):
        arrays.make(job(tmp_path, "a.npz"))


@pytest.mark.parametrize("name", ["a.npz", "a.h5", "a.parquet", "a.csv", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"nothing at all \xff\xfe"])
def test_files_of_another_kind_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        arrays.make(job(tmp_path, name))


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{1: 2}] * N, dtype=object), y=np.arange(N) % 2)
    with pytest.raises(InputError, match="cannot be read"):
        arrays.make(job(tmp_path, "a.npz"))


def test_the_index_that_pandas_writes_is_no_input(tmp_path, samples):
    pd.DataFrame(samples[0]).assign(y=samples[1]).to_csv(tmp_path / "a.csv")
    assert arrays.make(job(tmp_path, "a.csv"))[0]["x"].shape == (N, 4)


def test_columns_of_words_are_named(tmp_path):
    pd.DataFrame({"a": ["u", "v"] * 15, "b": 1.0, "y": [0, 1] * 15}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match="the columns a hold no numbers"):
        arrays.make(job(tmp_path, "a.csv"))
