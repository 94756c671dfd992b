"""A folder of images for each class that the project has never seen."""

import os

import numpy as np
import pytest
from PIL import Image

from infoflow.config import parse
from infoflow.data import image_folder
from infoflow.errors import InputError
from infoflow.plan import Plan


@pytest.fixture
def folder(tmp_path):
    """Two classes: ten grey PNGs of 40 × 30, five colour JPEGs of 20 × 20 pixels."""
    rng = np.random.default_rng(0)
    for name, count, shape, suffix in (("cats", 10, (30, 40), "png"), ("dogs", 5, (20, 20, 3), "JPG")):
        (tmp_path / name).mkdir()
        for k in range(count):
            value = rng.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(value).save(tmp_path / name / f"{k}.{suffix}")
    return tmp_path


@pytest.fixture
def settings(raw, folder):
    def make(**changes):
        raw["datasets"]["pets"] = {"kind": "image_folder", "path": str(folder), **changes}
        raw["experiments"]["goldfeld_noisy"]["dataset"] = "pets"
        return Plan(parse(raw)).dataset_settings("pets")

    return make


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 16)])
def test_images_of_both_classes(settings, folder, channels, size):
    arrays, attributes = image_folder.make(settings(channels=channels, size=size))
    assert arrays["x"].shape == (15, channels, size, size)
    assert arrays["x"].dtype == np.uint8
    assert arrays["y"].tolist() == [0] * 10 + [1] * 5
    assert np.bincount(2 * arrays["y"] + arrays["split"]).tolist() == [8, 2, 4, 1]
    assert attributes["class_names"] == ["cats", "dogs"]
    assert (attributes["classes"], attributes["tier"], attributes["stand_in"]) == (2, "own", False)


def test_kinds_of_pixels(settings, folder):
    for file in (folder / "cats").iterdir():
        file.unlink()
    deep = np.full((28, 28), 40_000, np.uint16)
    Image.fromarray(deep).save(folder / "cats" / "a16bits.png")
    Image.new("P", (28, 28), 0).save(folder / "cats" / "palette.png")
    Image.new("1", (28, 28), 1).save(folder / "cats" / "bilevel.png")
    Image.new("RGBA", (28, 28), (255, 0, 0, 255)).save(folder / "cats" / "colour.png")
    turned = Image.new("L", (20, 10))
    turned.paste(255, (0, 0, 10, 10))  # the left half is white; turned upright it lies above
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "cats" / "turned.jpg", exif=exif)
    arrays, _ = image_folder.make(settings())
    found = dict(zip(sorted(f.name for f in (folder / "cats").iterdir()), arrays["x"][:, 0], strict=False))
    assert set(found["a16bits.png"].ravel()) == {40_000 >> 8}
    assert set(found["palette.png"].ravel()) == {0}
    assert set(found["bilevel.png"].ravel()) == {255}
    assert set(found["colour.png"].ravel()) == {76}
    assert found["turned.jpg"][:10].min() > 200
    assert found["turned.jpg"][-10:].max() < 50


def test_other_and_hidden_files_are_left_out(settings, folder, capsys):
    (folder / "cats" / "notes.txt").write_text("two of them are asleep")
    (folder / "cats" / ".DS_Store").write_bytes(b"\0")
    (folder / ".git").mkdir()
    (folder / "README.md").write_text("pets")
    arrays, _ = image_folder.make(settings())
    assert len(arrays["x"]) == 15
    said = capsys.readouterr().out
    assert "left out notes.txt" in said
    assert "DS_Store" not in said


def test_all_unreadable_files_are_named(settings, folder):
    (folder / "cats" / "0.png").write_bytes((folder / "cats" / "0.png").read_bytes()[:200])
    (folder / "cats" / "1.png").write_bytes(b"")
    (folder / "dogs" / "2.JPG").write_text("<html>not found</html>")
    with pytest.raises(
        InputError, match=r"cannot read cats/0\.png, cats/1\.png, dogs/2\.JPG; mend or remove"
    ) as caught:
        image_folder.make(settings())
    assert "\n" not in str(caught.value)


def test_folders_that_hold_no_classes(settings, folder):
    given = settings()
    for file in (folder / "dogs").iterdir():
        file.unlink()
    with pytest.raises(InputError, match=r"no \.png, .* file in dogs"):
        image_folder.make(given)
    (folder / "dogs").rmdir()
    with pytest.raises(InputError, match="1 folders; expected one for each class"):
        image_folder.make(given)
    with pytest.raises(InputError, match="nowhere: no such folder"):
        settings(path=str(folder / "nowhere"))


def test_a_changed_image_changes_the_settings(settings, folder):
    before = settings()
    assert settings() == before
    os.utime(folder / "cats" / "3.png", ns=(1, 1))
    assert settings().state != before.state
