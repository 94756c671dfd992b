"""Fetch published data sets into the data folder: whole and verified, or not at all.

Addresses and checksums of the downloads are those of torchvision, over https where a server speaks it. A download grows under a
temporary name, is compared with its checksum, unpacked and compared again, and renamed. What came before an outage is kept and gone
on with; a download that does not match is removed. A lock keeps two commands from writing one file.
"""

from __future__ import annotations

import difflib
import gzip
import os
import shutil
import stat
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath

import filelock

from infoflow.data.reading.local_files import COLLECTIONS, GROUPS, SPEECH, File, digest
from infoflow.errors import InputError
from infoflow.storage.files import atomic

TIMEOUT = 30  # seconds without a byte
PAUSES = (1, 4, 16)  # seconds before a server that is busy is asked again
MARK = ".fetched"  # in a folder that was unpacked from a verified archive: the checksum
BUSY = (429, 500, 502, 503, 504)
BLOCK = 1 << 18


@dataclass(frozen=True)
class Download:
    """Download locations of a file, its checksum, and whether it comes gzipped."""

    file: File
    addresses: tuple[str, ...]
    checksum: str
    packed: bool
    algorithm: str = "md5"


@dataclass(frozen=True)
class Archive:
    """A zip file that holds one folder: its name, the folder's name, its sha1, and its download locations."""

    name: str
    folder: str
    sha1: str
    addresses: tuple[str, ...]


_FMA = "https://os.unil.cloud.switch.ch/fma/"
ARCHIVES = {
    "fma": (
        Archive(
            "fma_metadata.zip", "fma_metadata", "f0df49ffe5f2a6008d7dc83c6915b31835dfe733", (f"{_FMA}fma_metadata.zip",)
        ),
        Archive("fma_small.zip", "fma_small", "ade154f733639d52e35e32f5593efe5be76c6d70", (f"{_FMA}fma_small.zip",)),
    )
}


class Unfinished(InputError):
    """An outage: what came before it is kept."""


def secure(addresses: Iterable[str]) -> tuple[str, ...]:
    """Each address over https first, where it is one of http; the checksum decides whichever answers."""
    both = (
        [f"https://{rest}", address]
        if (rest := address.removeprefix("http://")) != address and not _here(rest)
        else [address]
        for address in addresses
    )
    return tuple(dict.fromkeys(one for pair in both for one in pair))


def _here(rest: str) -> bool:
    """Whether an address without its scheme is one of this machine."""
    return rest.split("/")[0].split(":")[0] in ("127.0.0.1", "localhost")


def downloads(name: str) -> list[Download]:
    """The downloads of a collection."""
    from torchvision.datasets import MNIST, SVHN, FashionMNIST

    files = COLLECTIONS[name].files
    if name == "svhn":
        known = {entry[1]: entry for entry in SVHN.split_list.values()}
        return [Download(file, secure([known[file.name][0]]), known[file.name][2], False) for file in files]
    source = {"mnist": MNIST, "fashion_mnist": FashionMNIST}[name]
    known = dict(source.resources)
    return [
        Download(file, secure(f"{m}{file.name}.gz" for m in source.mirrors), known[f"{file.name}.gz"], True)
        for file in files
    ]


def run(names: Iterable[str], data_root: str) -> None:
    """Fetch collections or groups of them by name.

    Raises:
        InputError: a name is unknown, or a file cannot be had or written.
    """
    for name in dict.fromkeys(member for given in names for member in _members(given)):
        if name in ARCHIVES:
            verified = [fetch_archive(archive, Path(data_root)) for archive in ARCHIVES[name]]
            print(f"{name}: {'complete' if all(verified) else 'not verified,'} in {data_root}", flush=True)
            continue
        folder = Path(data_root) / COLLECTIONS[name].folder
        for download in downloads(name):
            fetch(download, folder)
        print(f"{name}: complete and verified in {folder}", flush=True)


def _members(name: str) -> tuple[str, ...]:
    known = [*COLLECTIONS, *ARCHIVES, *GROUPS]
    if name in SPEECH:
        folder, how = SPEECH[name].folder, SPEECH[name].how
        raise InputError(f"data fetch: {SPEECH[name].title} is not fetched; {how} (<data_root>/{folder})")
    if name not in known:
        match = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f" (did you mean {match[0]!r}?)" if match else ""
        raise InputError(f"data fetch: unknown data set {name!r}{hint}; known: {', '.join(known)}")
    return GROUPS.get(name, (name,))


def fetch(download: Download, folder: Path) -> None:
    """Fetch one file into `folder`, unless it is there already.

    Raises:
        InputError: no address answers, the checksum differs, or the folder cannot be written; nothing new is left.
    """
    file = download.file
    target = folder / file.name
    if target.is_file() and digest(target, file.algorithm) == file.digest:
        print(f"{target}: already there", flush=True)
        return
    try:
        with _folder(folder), _partial(folder / f".{file.name}.part") as part:
            _receive_from_any(download, part)
            with atomic(target) as temporary:
                _unpack(part, temporary, download)
    except (OSError, EOFError) as error:
        raise InputError(f"{target}: cannot be written ({error}); check the folder and the space left") from None


def fetch_archive(archive: Archive, root: Path) -> bool:
    """Fetch a zip file, verify and unpack it as `root/<folder>`, unless that folder is there, and remove the file.

    Returns:
        Whether the folder comes from the verified archive; one that somebody else put there is left as it is.

    Raises:
        InputError: no address answers, the checksum differs, a member would lie outside the folder, the disk is full, or another
            command is at it.
    """
    with (
        _folder(root),
        _alone(root / f".{archive.folder}.lock", f"{root / archive.folder}: another command is fetching it"),
    ):
        return _unpacked(archive, root)


def _unpacked(archive: Archive, root: Path) -> bool:
    target, packed = root / archive.folder, root / archive.name
    if target.is_dir() and any(target.iterdir()):
        ours = (target / MARK).is_file() and (target / MARK).read_text().strip() == archive.sha1
        if ours:
            packed.unlink(missing_ok=True)  # a command was killed between unpacking and this
        print(
            f"{target}: already there" + ("" if ours else ", not unpacked by this command and so not verified"),
            flush=True,
        )
        return ours
    file = File(archive.name, 0, "sha1", archive.sha1)
    fetch(Download(file, archive.addresses, archive.sha1, False, "sha1"), root)
    partly = root / f".{archive.folder}.part"
    shutil.rmtree(partly, ignore_errors=True)
    try:
        _unzip(packed, partly, archive)
        (partly / archive.folder / MARK).write_text(f"{archive.sha1}\n")
        os.replace(partly / archive.folder, target)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{packed}: cannot be unpacked ({error}); check the space left") from None
    finally:
        shutil.rmtree(partly, ignore_errors=True)
    packed.unlink()
    return True


def _unzip(packed: Path, partly: Path, archive: Archive) -> None:
    """Unpack a verified archive into an empty folder, with progress; members outside `<folder>/` are refused."""
    with zipfile.ZipFile(packed) as whole:
        members = whole.infolist()
        for member in members:
            parts = PurePosixPath(member.filename).parts
            if not parts or parts[0] != archive.folder or ".." in parts or stat.S_ISLNK(member.external_attr >> 16):
                raise InputError(
                    f"{packed}: holds {member.filename!r}, which does not lie in {archive.folder}; nothing was unpacked"
                )
        reported = time.monotonic()
        for done, member in enumerate(members, start=1):
            whole.extract(member, partly)
            if time.monotonic() - reported > 5:
                reported = time.monotonic()
                print(f"{archive.name}: {done} of {len(members)} files unpacked", flush=True)


def _unpack(part: Path, temporary: Path, download: Download) -> None:
    """Unpack or move a verified download to `temporary` and compare the outcome with the published checksum."""
    if download.packed:
        with gzip.open(part) as packed, open(temporary, "wb") as out:
            shutil.copyfileobj(packed, out)
    else:
        os.replace(part, temporary)
    file = download.file
    if (found := digest(temporary, file.algorithm)) != file.digest:
        raise InputError(
            f"{file.name}: unpacked, it is not the published file ({file.algorithm} {found}, expected {file.digest}); "
            "it was removed"
        )


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """Make a folder; where the block fails, remove those that were made for it and are empty."""
    made = [f for f in (folder, *folder.parents) if not f.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except Exception:
        for path in made:
            if any(path.iterdir()):
                break
            path.rmdir()
        raise


@contextmanager
def _partial(part: Path) -> Iterator[Path]:
    """The growing download, locked against a second command; removed at the end, but for an outage or a command that is killed."""
    with _alone(f"{part}.lock", f"{part}: another command is fetching this file"):
        try:
            part.touch()
            yield part
        except Unfinished:
            if not part.stat().st_size:
                part.unlink()
            raise
        except Exception:
            part.unlink(missing_ok=True)
            raise
        else:
            part.unlink(missing_ok=True)


@contextmanager
def _alone(file: str | Path, otherwise: str) -> Iterator[None]:
    """Hold a lock that no other command holds."""
    lock = filelock.FileLock(file, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise InputError(f"{otherwise}; wait for it") from None
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _receive_from_any(download: Download, part: Path) -> None:
    """Fill `part` from the first address that gives what the checksum promises."""
    if digest(part, download.algorithm) == download.checksum:
        return  # all of it came before the last command was killed
    faults = []
    for address in download.addresses:
        try:
            found = _digest_received(address, part, download)
            if found == download.checksum:
                return
            fault = f"{download.algorithm} {found}, expected {download.checksum}"
            os.truncate(part, 0)
        except (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError) as error:
            fault = getattr(error, "reason", None) or error
        faults.append(f"{address} ({fault})")
    kept = part.stat().st_size
    raise Unfinished(
        f"{download.file.name}: could not download a complete copy from {', '.join(faults)}; "
        f"{f'{kept} bytes were kept, from which the next try goes on' if kept else 'nothing was kept'}. Check the network and "
        "try again, or put the published files into the data folder by hand"
    )


def _digest_received(address: str, part: Path, download: Download) -> str:
    """Checksum of what an address gives; where it does not match on top of what was there before, of the address alone."""
    before = part.stat().st_size
    _receive_whole(address, part)
    found = digest(part, download.algorithm)
    if before and found != download.checksum:
        os.truncate(part, 0)
        _receive_whole(address, part)
        found = digest(part, download.algorithm)
    return found


def _receive_whole(address: str, part: Path) -> None:
    """Receive what is missing; a connection may break off as long as each one gets further, and a busy server is asked again."""
    pauses = iter(PAUSES)
    while True:
        before = part.stat().st_size
        try:
            return _receive(address, part)
        except urllib.error.HTTPError as error:
            if error.code == 416 and before:  # what is there is no beginning of this file
                os.truncate(part, 0)
            elif error.code not in BUSY or (pause := next(pauses, None)) is None:
                raise
            else:
                time.sleep(pause)
        except (HTTPException, ConnectionError, TimeoutError):
            if part.stat().st_size <= before:
                raise


def _receive(address: str, part: Path) -> None:
    """Append what is missing to `part`; start anew where the server cannot go on in the middle."""
    have = part.stat().st_size
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer, open(part, "ab") as out:
        if answer.status != 206:
            have = 0
            out.truncate(0)
        total = have + int(answer.headers.get("Content-Length") or 0)
        started = reported = time.monotonic()
        done = have
        while block := answer.read(BLOCK):
            out.write(block)
            done += len(block)
            if time.monotonic() - reported > 5:
                reported = time.monotonic()
                left = (total - done) * (reported - started) / (done - have)
                print(f"{part.name[1:-5]}: {done / 1e6:.1f} of {total / 1e6:.1f} MB, {left:.0f} s left", flush=True)
    if done < total:
        raise ConnectionError(f"broke off after {done} of {total} bytes")
