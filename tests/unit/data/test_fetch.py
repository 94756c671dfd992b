"""Fetching from a server on this machine: whole and verified, or nothing."""

import gzip
import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infoflow.cli import main
from infoflow.data.reading import fetch, local_files
from infoflow.data.reading.fetch import Download
from infoflow.data.reading.local_files import File
from infoflow.errors import InputError

CONTENT = bytes(range(256)) * 4000
PACKED = gzip.compress(CONTENT, mtime=0)


class Server(SimpleHTTPRequestHandler):
    """Serves files, parts of them on request, and breaks off the first answers to paths under /flaky."""

    asked: list[str | None] = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.asked.append(self.headers.get("Range"))
        flaky = self.path.startswith("/flaky")
        if self.path.startswith("/busy") and len(self.asked) <= 2:
            return self.send_error(503)
        if self.path.startswith("/outage") and len(self.asked) > 1:
            return self.send_error(503)
        flaky = flaky or self.path.startswith("/outage")
        body = Path(self.directory, self.path.split("/")[-1]).read_bytes()
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : start + 300_000] if flaky else body[start:])


@pytest.fixture
def server(tmp_path):
    """Address and folder of a server."""
    (folder := tmp_path / "served").mkdir()
    Server.asked = []
    made = ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=folder))
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    (folder / "thing").write_bytes(CONTENT)
    (folder / "thing.gz").write_bytes(PACKED)
    yield f"http://127.0.0.1:{made.server_port}", folder
    made.shutdown()
    made.server_close()


def download(*addresses, packed=False, md5=None, content=CONTENT):
    given = PACKED if packed else CONTENT
    file = File("thing", len(content), "sha256", hashlib.sha256(content).hexdigest())
    return Download(file, addresses, md5 or hashlib.md5(given).hexdigest(), packed)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "THING" / "raw"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def _archive(server, *members):
    import zipfile

    with zipfile.ZipFile(server[1] / "music.zip", "w") as file:
        for name in members:
            file.writestr(name, name)
    data = (server[1] / "music.zip").read_bytes()
    return fetch.Archive("music.zip", "music", hashlib.sha1(data).hexdigest(), (f"{server[0]}/music.zip",))


def test_an_archive_is_unpacked_and_removed(server, tmp_path):
    archive = _archive(server, "music/000/1.mp3", "music/list.csv")
    fetch.fetch_archive(archive, tmp_path / "data")
    assert names(tmp_path / "data") == ["music"]
    assert (tmp_path / "data/music/000/1.mp3").read_text() == "music/000/1.mp3"
    assert fetch.fetch_archive(archive, tmp_path / "data")
    assert len(Server.asked) == 1
    (tmp_path / "data/music.zip").write_bytes(b"left by a command that was killed")
    assert fetch.fetch_archive(archive, tmp_path / "data")
    assert names(tmp_path / "data") == ["music"]


def test_a_folder_of_somebody_else_is_kept_and_not_called_verified(server, tmp_path, capsys):
    archive = _archive(server, "music/list.csv")
    (tmp_path / "data/music").mkdir(parents=True)
    assert fetch.fetch_archive(archive, tmp_path / "data")  # an empty folder is none
    (tmp_path / "data/music/.fetched").unlink()
    assert not fetch.fetch_archive(archive, tmp_path / "data")
    assert "not verified" in capsys.readouterr().out
    assert (tmp_path / "data/music/list.csv").is_file()


def test_two_commands_do_not_unpack_one_archive(server, tmp_path):
    (tmp_path / "data").mkdir()
    with (
        fetch._alone(tmp_path / "data/.music.lock", ""),
        pytest.raises(InputError, match="music: another command is fetching"),
    ):
        fetch.fetch_archive(_archive(server, "music/list.csv"), tmp_path / "data")


@pytest.mark.parametrize("member", ["../evil", "/evil", "other/evil", "music/../../evil"])
def test_an_archive_never_leaves_its_folder(server, tmp_path, member):
    with pytest.raises(InputError, match="nothing was unpacked"):
        fetch.fetch_archive(_archive(server, "music/good", member), tmp_path / "data")
    assert not (tmp_path / "evil").exists()
    assert names(tmp_path / "data") == ["music.zip"]


@pytest.mark.parametrize(("path", "packed"), [("thing", False), ("thing.gz", True)])
def test_a_file_is_fetched_unpacked_and_not_fetched_again(server, folder, path, packed, capsys):
    wanted = download(f"{server[0]}/{path}", packed=packed)
    fetch.fetch(wanted, folder)
    assert names(folder) == ["thing"]
    assert (folder / "thing").read_bytes() == CONTENT
    fetch.fetch(wanted, folder)
    assert len(Server.asked) == 1
    assert "already there" in capsys.readouterr().out


def test_a_file_address_works_too(server, folder):
    fetch.fetch(download((server[1] / "thing.gz").as_uri(), packed=True), folder)
    assert (folder / "thing").read_bytes() == CONTENT


def test_a_damaged_file_is_replaced(server, folder):
    folder.mkdir(parents=True)
    (folder / "thing").write_bytes(CONTENT[:-1] + b"x")
    fetch.fetch(download(f"{server[0]}/thing"), folder)
    assert (folder / "thing").read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(server, folder, tmp_path):
    wanted = download(f"{server[0]}/thing", md5="0" * 32)
    with pytest.raises(
        InputError, match=r"thing: could not download a complete copy .* expected 0000.*; nothing was kept"
    ):
        fetch.fetch(wanted, folder)
    assert names(tmp_path) == ["served"]


def test_a_wrong_content_of_a_right_archive_leaves_nothing(server, folder, tmp_path):
    with pytest.raises(InputError, match="unpacked, it is not the published file"):
        fetch.fetch(download(f"{server[0]}/thing.gz", packed=True, content=b"other"), folder)
    assert names(tmp_path) == ["served"]


def test_a_failure_leaves_what_was_there_before(server, folder):
    folder.mkdir(parents=True)
    (folder / "thing").write_bytes(b"mine")
    (folder / "neighbour").write_bytes(b"mine too")
    with pytest.raises(InputError):
        fetch.fetch(download(f"{server[0]}/thing", md5="0" * 32), folder)
    assert names(folder) == ["neighbour", "thing"]
    assert (folder / "thing").read_bytes() == b"mine"


def test_the_second_address_serves_where_the_first_gives_something_else(server, folder):
    (server[1] / "login.html").write_text("please sign in")
    fetch.fetch(download(f"{server[0]}/login.html", f"{server[0]}/thing"), folder)
    assert (folder / "thing").read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server, folder, monkeypatch):
    monkeypatch.setattr(fetch, "PAUSES", (0.0, 0.0))
    fetch.fetch(download(f"{server[0]}/busy/thing"), folder)
    assert (folder / "thing").read_bytes() == CONTENT
    assert len(Server.asked) == 3


def test_what_came_before_an_outage_is_kept_and_gone_on_with(server, folder, monkeypatch):
    monkeypatch.setattr(fetch, "PAUSES", ())
    with pytest.raises(InputError, match="300000 bytes were kept"):
        fetch.fetch(download(f"{server[0]}/outage/thing"), folder)
    assert names(folder) == [".thing.part"]
    fetch.fetch(download(f"{server[0]}/thing"), folder)
    assert names(folder) == ["thing"]
    assert Server.asked[-1] == "bytes=300000-"


def test_what_was_kept_of_another_file_does_not_spoil_the_next_try(server, folder):
    folder.mkdir(parents=True)
    (folder / ".thing.part").write_bytes(b"of another version")
    fetch.fetch(download(f"{server[0]}/thing"), folder)
    assert (folder / "thing").read_bytes() == CONTENT


def test_a_connection_that_breaks_off_is_gone_on_with(server, folder):
    fetch.fetch(download(f"{server[0]}/flaky/thing"), folder)
    assert (folder / "thing").read_bytes() == CONTENT
    assert Server.asked == [None, "bytes=300000-", "bytes=600000-", "bytes=900000-"]


@pytest.mark.parametrize("kept", [1000, len(CONTENT)])
def test_what_a_killed_command_left_is_gone_on_with(server, folder, kept):
    folder.mkdir(parents=True)
    (folder / ".thing.part").write_bytes(CONTENT[:kept])
    fetch.fetch(download(f"{server[0]}/thing"), folder)
    assert names(folder) == ["thing"]
    assert (folder / "thing").read_bytes() == CONTENT
    assert Server.asked == ([f"bytes={kept}-"] if kept < len(CONTENT) else [])


def test_what_is_longer_than_the_file_is_begun_anew(server, folder):
    folder.mkdir(parents=True)
    (folder / ".thing.part").write_bytes(CONTENT + b"more")
    fetch.fetch(download(f"{server[0]}/thing"), folder)
    assert (folder / "thing").read_bytes() == CONTENT


def test_two_commands_do_not_write_one_file(server, folder):
    folder.mkdir(parents=True)
    with fetch._partial(folder / ".thing.part"), pytest.raises(InputError, match="another command is fetching"):
        fetch.fetch(download(f"{server[0]}/thing"), folder)


def test_without_a_network_the_command_says_so_and_leaves_nothing(monkeypatch, capsys, tmp_path):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/", "http://nowhere.invalid/"])
    assert main(["data", "fetch", "open", "--data-root", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "error: train-images-idx3-ubyte: could not download a complete copy from http://127.0.0.1:9/"
    )
    assert "Check the network" in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_that_of_the_overlay(monkeypatch, tmp_path):
    (tmp_path / "mine.yaml").write_text(f"data_root: {tmp_path / 'elsewhere'}\n")
    asked = []
    monkeypatch.setattr(fetch, "run", lambda names, folder: asked.append((names, folder)))
    assert main(["data", "fetch", "mnist", "--configfile", str(tmp_path / "mine.yaml")]) == 0
    assert asked == [(["mnist"], str(tmp_path / "elsewhere"))]


def test_an_unknown_name_lists_the_known_ones(capsys):
    assert main(["data", "fetch", "fashion_mnst"]) == 2
    assert "did you mean 'fashion_mnist'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", list(local_files.COLLECTIONS))
def test_every_collection_has_addresses_and_checksums(name):
    wanted = fetch.downloads(name)
    assert [d.file for d in wanted] == list(local_files.COLLECTIONS[name].files)
    assert all(d.addresses and len(d.checksum) == 32 for d in wanted)
    assert all(d.addresses[0].startswith("https://") for d in wanted)
    if name == "svhn":
        assert all(d.checksum == d.file.digest for d in wanted)
