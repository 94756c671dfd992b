"""Files that data sets are read from: published collections under `data_root`, and own folders.

Import-light: called while the Snakefile is parsed, to see which data exist. It never asks the network. The functions
`locate_…` are those that the sections of the data sets name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from infoflow.data.reading import manifests
from infoflow.errors import InputError


class Located(NamedTuple):
    """Where a data set comes from on this disk: its source, decided, and a checksum of the state of its files."""

    source: str | None = None
    state: str | None = None


@dataclass(frozen=True)
class File:
    """A published file: its size in bytes and its checksum."""

    name: str
    size: int
    algorithm: str
    digest: str


@dataclass(frozen=True)
class Collection:
    """The published files of one data set, in a folder under `data_root` (torchvision's layout for MNIST's family)."""

    title: str
    folder: str
    files: tuple[File, ...]


def _idx(*digests: str) -> tuple[File, ...]:
    """The four unpacked files of MNIST and of its drop-in replacements."""
    names = [f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")]
    sizes = (47_040_016, 60_008, 7_840_016, 10_008)
    return tuple(File(*entry, "sha256", digest) for *entry, digest in zip(names, sizes, digests, strict=True))


COLLECTIONS = {
    "mnist": Collection("MNIST", "MNIST/raw", _idx(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    )),
    "fashion_mnist": Collection("Fashion-MNIST", "FashionMNIST/raw", _idx(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    )),
    "svhn": Collection("SVHN", "SVHN", (
        File("train_32x32.mat", 182_040_794, "md5", "e26dedcc434d2e4c54c9b2d4a06d8373"),
        File("test_32x32.mat", 64_275_384, "md5", "eb5a983be6a315427106f1b164d9cef3"),
    )),
}  # fmt: skip


@dataclass(frozen=True)
class Speech:
    """A corpus of emotional speech: its folder below `data_root`, and how one comes by it."""

    title: str
    folder: str
    licence: str
    how: str


SPEECH = {
    "iemocap": Speech(
        "IEMOCAP", "IEMOCAP_full_release", "IEMOCAP licence, granted for research",
        "ask the Signal Analysis and Interpretation Laboratory of the University of Southern California, which grants it "
        "for research, and give its folder as path",
    ),
    "emodb": Speech("EMO-DB", "emodb", "CC0-1.0", "unpack download.zip of emodb.bilderbar.info there"),
    "ravdess": Speech("RAVDESS", "RAVDESS", "CC BY-NC-SA 4.0", "unpack the speech files of zenodo.org/records/1188976 there"),
    "manifest": Speech("own recordings", "manifest.csv", "not stated", "write a table path,label,speaker[,session] there"),
}  # fmt: skip

GROUPS = {"open": ("mnist", "fashion_mnist")}
OFFLINE = {"mnist": "packaged", "fashion_mnist": "standin", "svhn": "standin"}  # what `auto` means without the files


def resolve(name: str, source: str, data_root: str | Path) -> str:
    """What `source: auto` means on this disk: `full` where every published file lies with its size, else what needs none.

    Sizes are looked at here, because the workflow asks on every run; `verify` compares the contents when they are read.

    Raises:
        InputError: `source` is `full` and a file is missing or incomplete, or it is `auto` and other files lie in their place.
    """
    fault = _missing(name, data_root)
    if source == "auto" and fault and (others := _visible(Path(data_root) / COLLECTIONS[name].folder)):
        raise InputError(
            f"datasets of kind {name}: {fault}, but {COLLECTIONS[name].folder} holds {', '.join(others[:4])}; unpack or rename "
            f"them as {', '.join(file.name for file in COLLECTIONS[name].files)}, fetch them with `infoflow data fetch {name}`, "
            f"or use `source: {OFFLINE[name]}`"
        )
    if source == "auto":
        return OFFLINE[name] if fault else "full"
    if source == "full" and fault:
        raise InputError(
            f"datasets of kind {name}: {fault}; fetch it with `infoflow data fetch {name}`, set data_root to the folder that holds "
            f"{COLLECTIONS[name].folder}, or use `source: auto`"
        )
    return source


def locate_collection(dataset: str, section: Any, data_root: str | Path) -> Located:
    """The source of a published collection; the state of own files in its format."""
    source = resolve(section.kind, section.source, data_root)
    return Located(source, state(Path(data_root, COLLECTIONS[section.kind].folder)) if source == "own" else None)


def locate_own_folder(dataset: str, section: Any, data_root: str | Path) -> Located:
    """The state of an own folder."""
    return Located(state=state(Path(data_root, section.path)))


def locate_own_file(dataset: str, section: Any, data_root: str | Path) -> Located:
    """The state of an own file, or of a folder of them.

    Raises:
        InputError: there is none.
    """
    path = Path(data_root, section.path)
    if path.is_dir():
        return Located(state=state(path))
    if not path.is_file():
        raise InputError(f"datasets.{dataset}.path: {path}: no such file or folder (data_root is {data_root})")
    seen = path.stat()
    return Located(state=f"{path.name} {seen.st_size} {seen.st_mtime_ns}")


def locate_own_manifest(dataset: str, section: Any, data_root: str | Path) -> Located:
    """The state of an own table, and of the files that it names, wherever they lie.

    Raises:
        InputError: there is no such table.
    """
    table = Path(data_root, section.path)
    if not table.is_file():
        raise InputError(f"datasets.{dataset}.path: {table}: no such file (data_root is {data_root})")
    return Located(state=state_of_table(table))


def locate_fma(dataset: str, section: Any, data_root: str | Path) -> Located:
    """The source of FMA, and the state of its table and recordings."""
    source = resolve_fma(section.source, data_root)
    if source != "full":
        return Located(source)
    folders = Path(data_root, FMA_TRACKS).parent, Path(data_root, FMA_AUDIO)
    return Located(source, " ".join(map(state, folders)))


def locate_speech(dataset: str, section: Any, data_root: str | Path) -> Located:
    """What `source: auto` of a corpus of speech means on this disk, and the state of its files.

    Raises:
        InputError: the corpus is asked for (or has no stand-in) and is not there.
    """
    corpus = SPEECH[section.corpus]
    path = Path(data_root) / (section.path or corpus.folder)
    there = path.is_file() if section.corpus == "manifest" else path.is_dir()
    if section.source == "standin" or (section.source == "auto" and not there and section.corpus == "iemocap"):
        if section.corpus != "iemocap":
            raise InputError(f"datasets.{dataset}.source: the stand-in is in IEMOCAP's layout; set corpus: iemocap")
        return Located("standin")
    if not there:
        kind = "file" if section.corpus == "manifest" else "folder"
        offline = ", or use source: auto for synthesised speech" if section.corpus == "iemocap" else ""
        raise InputError(f"datasets.{dataset}: no {kind} {path}; to have {corpus.title}, {corpus.how}{offline}")
    if section.corpus == "iemocap":  # the release holds a hundred thousand other files
        parts = [*path.glob("Session[0-9]*/sentences/wav"), *path.glob("Session[0-9]*/dialog/EmoEvaluation")]
        return Located("full", hashlib.sha256("".join(map(state, sorted(parts))).encode()).hexdigest())
    return Located("full", state_of_table(path) if section.corpus == "manifest" else state(path))


def _visible(folder: Path) -> list[str]:
    """Names of the files in a folder, hidden ones left out; none where there is no folder."""
    return (
        sorted(f.name for f in folder.iterdir() if f.is_file() and not f.name.startswith("."))
        if folder.is_dir()
        else []
    )


def _missing(name: str, data_root: str | Path) -> str | None:
    """What keeps a collection from being complete, or None."""
    for file in COLLECTIONS[name].files:
        path = Path(data_root) / COLLECTIONS[name].folder / file.name
        if not path.is_file():
            return f"{path}: no such file"
        if (size := path.stat().st_size) != file.size:
            return f"{path}: {size} bytes where the published file has {file.size}"
    return None


FMA_TRACKS, FMA_AUDIO = "fma_metadata/tracks.csv", "fma_small"


def resolve_fma(source: str, data_root: str | Path) -> str:
    """What `source: auto` means for FMA: `full` where its table and its folder of recordings lie, else `standin`.

    Raises:
        InputError: `source` is `full` and one of them is missing.
    """
    missing = [str(Path(data_root, name)) for name in (FMA_TRACKS, FMA_AUDIO) if not Path(data_root, name).exists()]
    if source == "full" and missing:
        raise InputError(
            f"datasets of kind fma: {missing[0]}: not there; fetch it with `infoflow data fetch fma`, set data_root to the "
            "folder that holds it, or use `source: auto`"
        )
    return ("standin" if missing else "full") if source == "auto" else source


def digest(path: str | Path, algorithm: str) -> str:
    """Hex digest of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, algorithm).hexdigest()


def verify(name: str, data_root: str | Path) -> None:
    """Compare every file of a collection with its published checksum.

    Raises:
        InputError: a file is missing, incomplete or different.
    """
    resolve(name, "full", data_root)
    for file in COLLECTIONS[name].files:
        path = Path(data_root) / COLLECTIONS[name].folder / file.name
        if (found := digest(path, file.algorithm)) != file.digest:
            raise InputError(
                f"{path}: not the published file ({file.algorithm} {found}, expected {file.digest}); remove it and run "
                f"`infoflow data fetch {name}`, or use `source: own` for files of your own in this format"
            )


def state(folder: str | Path) -> str:
    """Checksum of the names, sizes and times of all files under a folder, through links: another one where a file was changed.

    Raises:
        InputError: there is no such folder.
    """
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such folder; give the path of a folder that exists")
    total = hashlib.sha256()
    for path in files_below(folder):
        seen = path.stat() if path.exists() else path.lstat()  # a link that leads nowhere counts as itself
        total.update(os.fsencode(f"{path.relative_to(folder)} {seen.st_size} {seen.st_mtime_ns}\n"))
    return total.hexdigest()


def state_of_table(table: Path) -> str:
    """Checksum of the sizes and times of a table and of the files that it names: another one where one of them was changed."""
    total = hashlib.sha256()
    for path in [table, *manifests.files(table)]:
        seen = path.stat() if path.exists() else None  # its reader says that it is missing
        total.update(os.fsencode(f"{path} {seen and (seen.st_size, seen.st_mtime_ns)}\n"))
    return total.hexdigest()


def files_below(folder: str | Path) -> Iterator[Path]:
    """Every file below a folder in a fixed order, through links, each folder once."""
    walked: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        place = os.path.realpath(parent)
        folders[:] = [] if place in walked else sorted(folders)
        yield from () if place in walked else (Path(parent, file) for file in sorted(files))
        walked.add(place)
