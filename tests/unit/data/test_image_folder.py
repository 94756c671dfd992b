"""A folder of images for each class that the project has never seen."""

import os

import numpy as np
import pytest
from PIL import Image

from infoflow.config import parse
from infoflow.data import image_folder, stage
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
        raw["experiments"]["mine"] = {"document": "yu2018", "dataset": "pets", "model": {"kind": "cnn"}}
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


def test_all_unreadable_files_are_named_or_left_out(settings, folder, capsys):
    (folder / "cats" / "0.png").write_bytes((folder / "cats" / "0.png").read_bytes()[:200])
    (folder / "cats" / "1.png").write_bytes(b"")
    (folder / "dogs" / "2.JPG").write_text("<html>not found</html>")
    with pytest.raises(
        InputError, match=r"3 of 15 files cannot be used: cats/0\.png: .*; cats/1\.png: .*; dogs/2\.JPG: "
    ) as caught:
        image_folder.make(settings())
    assert "\n" not in str(caught.value)
    arrays, _ = image_folder.make(settings(bad_files="leave_out"))
    assert np.bincount(arrays["y"]).tolist() == [8, 4]
    assert "3 of 15 files left out" in capsys.readouterr().out


def test_what_is_transparent_is_shown_on_white(settings, folder, capsys):
    drawing = np.zeros((28, 28, 4), np.uint8)  # black everywhere, the drawing in its alpha
    drawing[:14, :, 3] = 255
    Image.fromarray(drawing).save(folder / "cats" / "0.png")
    Image.fromarray(drawing[..., [0, 3]]).save(folder / "cats" / "1.png")
    palette = Image.new("P", (28, 28), 0)
    palette.putpalette([0, 0, 0] * 256)
    palette.save(folder / "cats" / "2.png", transparency=0)
    for k in range(3, 6):
        Image.fromarray(drawing).save(folder / "cats" / f"{k}.png")
    arrays, _ = image_folder.make(settings())
    for k in (0, 1):
        assert set(arrays["x"][k, 0, :14].ravel()) == {0}
        assert set(arrays["x"][k, 0, 14:].ravel()) == {255}
    assert set(arrays["x"][2, 0].ravel()) == {255}
    assert (
        "6 files, among them cats/0.png, cats/1.png, cats/2.png: transparent: shown on white" in capsys.readouterr().out
    )


def test_folders_within_a_class_belong_to_it_and_links_are_followed(settings, folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (folder / "cats" / "kittens").mkdir()
    (folder / "cats" / "3.png").rename(folder / "cats" / "kittens" / "3.png")
    (folder / "dogs" / "0.JPG").rename(elsewhere / "0.JPG")
    (folder / "dogs" / "more").symlink_to(elsewhere)
    (elsewhere / "round").symlink_to(elsewhere)  # a link that leads back ends
    before = settings()
    arrays, _ = image_folder.make(before)
    assert np.bincount(arrays["y"]).tolist() == [10, 5]
    os.utime(elsewhere / "0.JPG", ns=(1, 1))
    assert settings().state != before.state


def test_folders_called_train_and_val_are_the_parts(settings, folder):
    for part, own in (("train", range(4)), ("val", range(4, 5))):
        for name, suffix in (("cats", "png"), ("dogs", "JPG")):
            (folder / part / name).mkdir(parents=True)
            for k in own:
                (folder / name / f"{k}.{suffix}").rename(folder / part / name / f"{k}.{suffix}")
    for name in ("cats", "dogs"):
        for file in (folder / name).iterdir():
            file.unlink()
        (folder / name).rmdir()
    arrays, attributes = image_folder.make(settings())
    assert attributes["class_names"] == ["cats", "dogs"]
    assert np.bincount(2 * arrays["y"] + arrays["split"]).tolist() == [4, 1, 4, 1]


@pytest.mark.parametrize("suffix", ["bmp", "gif", "tif", "webp", "ppm"])
def test_other_formats_are_read(settings, folder, suffix):
    Image.new("RGB", (10, 10), (255, 255, 255)).save(folder / "cats" / f"9a.{suffix}")
    arrays, _ = image_folder.make(settings())
    assert np.bincount(arrays["y"]).tolist() == [11, 5]
    assert arrays["x"][10].min() > 250


def test_no_other_program_reads_a_picture(settings, folder, monkeypatch):
    (folder / "cats" / "0.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    monkeypatch.setattr("subprocess.check_call", lambda *arguments, **options: pytest.fail("a program was started"))
    with pytest.raises(InputError, match=r"cats/0\.png: cannot be read as PNG"):
        image_folder.make(settings())


def test_a_picture_whose_orientation_is_cut_is_shown_as_it_lies(settings, folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (20, 10), 200).save(folder / "cats" / "9a.jpg", exif=exif)
    whole = (folder / "cats" / "9a.jpg").read_bytes()
    at = whole.index(b"Exif\0\0") + 6
    (folder / "cats" / "9a.jpg").write_bytes(
        whole[: at + 8] + b"\xff" * 4 + whole[at + 12 :]
    )  # more entries than there are
    arrays, _ = image_folder.make(settings())
    assert arrays["x"][10].min() > 190


def test_images_of_both_parts_are_told(settings, folder, capsys):
    for file in (folder / "dogs").iterdir():
        Image.new("L", (20, 20), 90).save(file)
    image_folder.make(settings())
    assert "1 of 3 held-out images are training images too" in capsys.readouterr().out


def test_too_few_images_for_both_parts_are_told(settings, folder, tmp_path, capsys):
    for name in ("cats", "dogs"):
        for file in sorted((folder / name).iterdir())[2:]:
            file.unlink()
    stage.run(settings(), str(tmp_path / "few.h5"))
    assert "no held-out sample among 4" in capsys.readouterr().out
    with pytest.raises(InputError, match="no training sample among 4; raise train_fraction"):
        stage.run(settings(train_fraction=0.1), str(tmp_path / "few.h5"))


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
