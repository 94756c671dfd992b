"""One battery for every reader of files: what people's files are like, and what becomes of each.

A new reader gets the battery by an entry in `READERS`: a function that writes a small data set and returns one of its files, and the keys
of its section.
"""

import importlib
import os
import pkgutil
import shutil
import zipfile

import numpy as np
import pytest
import soundfile
from factories import dataset_job
from PIL import Image

import infoflow.data
from infoflow.data import stage
from infoflow.data.reading import images
from infoflow.data.standins import music as composed
from infoflow.errors import InputError
from infoflow.storage.hdf5 import read_h5

RATE = 16_000
RNG = np.random.default_rng


def sound(path, k, seconds=1.2):
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(RATE * seconds)) / RATE
    soundfile.write(
        path, 0.2 * np.sin(2 * np.pi * (150 + 23 * k) * time) + 0.01 * RNG(k).standard_normal(len(time)), RATE
    )
    return path


def pictures(root):
    for label in ("cats", "dogs"):
        for k in range(6):
            path = root / f"pets/{label}/{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(RNG(k + 10 * (label == "dogs")).integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(path)
    return root / "pets/cats/1.png"


def digits(root):
    folder = root / "MNIST/raw"
    folder.mkdir(parents=True)
    x, y = RNG(0).integers(0, 256, (60, 28, 28), dtype=np.uint8), (np.arange(60) % 10).astype(np.uint8)
    images.write_idx_folder(folder, (x, y, (np.arange(60) % 4 == 0).astype(np.uint8)))
    return folder / "train-images-idx3-ubyte"


def archive(root):
    np.savez(root / "mine.npz", x=RNG(0).standard_normal((40, 3)), y=np.arange(40) % 2)
    return root / "mine.npz"


def table(root):
    rows = [f"{a:.4f},{b:.4f},{k % 2}" for k, (a, b) in enumerate(RNG(0).standard_normal((40, 2)))]
    (root / "mine.csv").write_text("\n".join(["a,b,y", *rows]))
    return root / "mine.csv"


def songs(root):
    for genre in ("x", "y"):
        for k in range(3):
            sound(root / f"songs/{genre}/{k}.wav", k + 5 * (genre == "y"))
    return root / "songs/x/1.wav"


def listed_songs(root):
    songs(root)
    rows = [f"songs/{genre}/{k}.wav,{genre}" for genre in "xy" for k in range(3)]
    (root / "list.csv").write_text("\n".join(["path,genre", *rows]))
    return root / "songs/x/1.wav"


def fma(root):
    rows = []
    for number in range(1, 17):
        path = root / f"fma_small/000/{number:06d}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        composed._write_mp3(path, 0.1 * RNG(number).standard_normal(26_000), stereo=False)
        rows.append((number, composed.GENRES[number % 8], number, ("training", "test")[number > 8], 1))
    composed._write_tracks(root / "fma_metadata/tracks.csv", rows)
    return root / "fma_small/000/000003.mp3"


def emodb(root):
    for k in range(16):
        sound(root / f"emodb/wav/{('03', '08', '10', '09')[k % 4]}a{k:02d}{'WFTN'[k // 4]}a.wav", k, 0.4)
    return root / "emodb/wav/03a00Wa.wav"


def ravdess(root):
    for k in range(16):
        actor = f"{1 + k % 4:02d}"
        sound(root / f"RAVDESS/Actor_{actor}/03-01-{('01', '03', '04', '05')[k // 4]}-01-01-01-{actor}.wav", k, 0.4)
    return root / "RAVDESS/Actor_01/03-01-01-01-01-01-01.wav"


def iemocap(root):
    for session in (1, 2):
        folder, dialog = root / f"IEMOCAP_full_release/Session{session}", f"Ses{session:02d}F_impro01"
        lines = []
        for k, code in enumerate(("ang", "hap", "sad", "neu")):
            for sex in "FM":
                turn = f"{dialog}_{sex}{k:03d}"
                sound(folder / f"sentences/wav/{dialog}/{turn}.wav", 8 * session + 2 * k + (sex == "M"), 0.4)
                lines.append(f"[1.0 - 2.0]\t{turn}\t{code}\t[2.5]\n")
        (folder / "dialog/EmoEvaluation").mkdir(parents=True)
        (folder / f"dialog/EmoEvaluation/{dialog}.txt").write_text("".join(lines))
    return root / "IEMOCAP_full_release/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F001.wav"


def spoken_table(root):
    rows = []
    for k in range(8):
        sound(root / f"voices/{k}.wav", k, 0.4)
        rows.append(f"voices/{k}.wav,{('joy', 'rage')[k % 2]},{'abcd'[k // 2]}")
    (root / "manifest.csv").write_text("\n".join(["path,label,speaker", *rows]))
    return root / "voices/3.wav"


MUSIC = {"samples": 22_050, "train_fraction": 0.5}
SPEECH = {"source": "full", "pitch": "yin"}
READERS = {
    "image_folder": (pictures, {"path": "pets", "size": 8}), "mnist": (digits, {"source": "own"}),
    "arrays": (archive, {"path": "mine.npz"}), "arrays, csv": (table, {"path": "mine.csv"}),
    "music_folder": (songs, {"path": "songs", **MUSIC}), "music_manifest": (listed_songs, {"path": "list.csv", **MUSIC}),
    "fma": (fma, {"source": "full", "bad_files": "stop", **MUSIC}),
    "speech, emodb": (emodb, {"corpus": "emodb", **SPEECH}), "speech, ravdess": (ravdess, {"corpus": "ravdess", **SPEECH}),
    "speech, iemocap": (iemocap, {"corpus": "iemocap", **SPEECH}), "speech, manifest": (spoken_table, {"corpus": "manifest", **SPEECH}),
    "speech_spectrograms": (emodb, {"corpus": "emodb", **MUSIC}),
}  # fmt: skip
WITHOUT_FILES = {"szt12", "scalar", "bit_sequences", "teacher_student", "contexts"}
ELSEWHERE = {"fashion_mnist", "svhn"}  # as mnist; svhn's files are held against its own layout in test_images.py


def made(name, root, output, **changes):
    """Arrays of a data set."""
    section = {**READERS[name][1], **changes}
    stage.run(dataset_job(name.split(",")[0], name="mine", data_root=root, **section), str(output))
    return read_h5(output, scaled=False)[0]


@pytest.fixture(scope="module", params=READERS)
def whole(request, tmp_path_factory):
    """A reader's name, its data set, and what is made of it."""
    folder = tmp_path_factory.mktemp("whole")
    READERS[request.param][0](folder)
    return request.param, folder, made(request.param, folder, tmp_path_factory.mktemp("made") / "data.h5")


@pytest.fixture
def copied(whole, tmp_path):
    """The reader's name, a copy of its files, one of them, and what is made of the whole."""
    name, folder, arrays = whole
    root = tmp_path / "ein Ordner, $(touch x) & 'more'"
    shutil.copytree(folder, root)
    (tmp_path / "again").mkdir()
    victim = READERS[name][0](tmp_path / "again").relative_to(tmp_path / "again")
    return name, root, root / victim, arrays


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_it_is_made_again_to_the_byte(copied, tmp_path):
    name, root, _, arrays = copied
    same(made(name, root, tmp_path / "data.h5"), arrays)


def test_hidden_files_and_rubbish_beside_are_passed_over(copied, tmp_path):
    name, root, victim, arrays = copied
    for place in {victim.parent, root}:
        (place / f"._{victim.name}").write_bytes(b"\x00\x05\x16\x07")
        (place / ".DS_Store").write_bytes(b"\x00")
    same(made(name, root, tmp_path / "data.h5"), arrays)


def test_a_link_to_a_file_is_the_file(copied, tmp_path):
    name, root, victim, arrays = copied
    shutil.move(victim, tmp_path / f"elsewhere{victim.suffix}")
    victim.symlink_to(tmp_path / f"elsewhere{victim.suffix}")
    same(made(name, root, tmp_path / "data.h5"), arrays)


def emptied(path):
    path.write_bytes(b"")


def cut_to_a_few_bytes(path):
    path.write_bytes(path.read_bytes()[:10])


def another_format(path):
    with zipfile.ZipFile(path.with_suffix(".tmp"), "w") as file:
        file.writestr("x", "not what its name says")
    os.replace(path.with_suffix(".tmp"), path)


def text(path):
    path.write_text("not what its name says")


def a_link_that_leads_nowhere(path):
    path.unlink()
    path.symlink_to(path.with_name("gone"))


@pytest.mark.parametrize("fault", [emptied, cut_to_a_few_bytes, another_format, text, a_link_that_leads_nowhere])
def test_a_file_that_is_none_is_named_in_one_error_and_nothing_is_written(copied, fault, tmp_path):
    name, root, victim, _ = copied
    fault(victim)
    with pytest.raises(InputError) as refused:
        made(name, root, tmp_path / "data.h5")
    assert victim.name in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "data.h5").exists()
    assert not list(tmp_path.glob(".data.h5*"))


@pytest.mark.parametrize(
    "name", [name for name, (_, section) in READERS.items() if name not in ("mnist", "arrays", "arrays, csv")]
)
def test_a_file_that_is_none_is_left_out_where_the_config_says_so(name, tmp_path):
    victim = READERS[name][0](tmp_path)
    count = len(made(name, tmp_path, tmp_path / "whole.h5")["y"])
    emptied(victim)
    arrays = made(name, tmp_path, tmp_path / "data.h5", bad_files="leave_out")
    assert len(arrays["y"]) == count - 1


def test_every_reader_of_files_is_here():
    kinds = {
        m.name
        for m in pkgutil.iter_modules(infoflow.data.__path__)
        if hasattr(importlib.import_module(f"infoflow.data.{m.name}"), "make")
    }
    readers = {name.split(",")[0] for name in READERS} | ELSEWHERE | WITHOUT_FILES
    assert kinds == readers, "give every reader of files an entry in READERS"
