"""Tables of files as people save them: read, or refused by file, line and reason."""

import contextlib
import os
import tempfile
from pathlib import Path

import pytest
from factories import dataset_job
from hypothesis import given, settings
from hypothesis import strategies as st

from infoflow.data.reading import local_files, manifests
from infoflow.errors import InputError

NEEDED, OPTIONAL = ["path", "label"], ["speaker"]
TEXT = 'path,label,speaker\nä.wav,joy,a\nb.wav,"rage, cold",b\n'


def table(tmp_path, data):
    file = tmp_path / "m.csv"
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return file


@pytest.mark.parametrize(
    "data",
    [
        TEXT, "\ufeff" + TEXT, TEXT.encode("utf-16"), TEXT.replace("\n", "\r\n"), "\n" + TEXT.replace("\n", "\n\n"),
        TEXT.replace(", cold", "").replace(",", ";"), TEXT.replace(", cold", "").replace(",", "\t"), TEXT.replace(",", ", "),
    ],
    ids=["plain", "mark", "utf-16", "windows", "empty lines", "semicolons", "tabs", "spaces"],
)  # fmt: skip
def test_tables_as_people_save_them(tmp_path, data):
    lines = manifests.read(table(tmp_path, data), NEEDED, OPTIONAL)
    assert [one.cells["path"] for one in lines] == ["ä.wav", "b.wav"]
    assert lines[1].cells["label"].startswith("rage")
    assert [one.cells["speaker"] for one in lines] == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "m.csv: empty"),
        (b" \n\n", "m.csv: empty"),
        (TEXT.encode("latin-1"), "m.csv:2: not UTF-8"),
        (b"path,label\na\0.wav,joy\n", "m.csv: holds zero bytes"),
        (b"path,label\n", "m.csv: holds a header and no row"),
        (b"path,genre\na.wav,x\n", r"m.csv: no column label; expected path,label\[,speaker\]"),
        (b"path,label\na.wav,joy,more\n", "m.csv:2: 3 fields where the header has 2"),
        (b"path,label\na.wav,joy\nb.wav\n", "m.csv:3: 1 fields where the header has 2"),
        (b"path,label,path\na.wav,joy,b\n", "m.csv: column path is there twice"),
        (b'path,label\na.wav,"' + b"x" * 200_000 + b'"\n', "m.csv:2: field larger than field limit"),
    ],
)
def test_what_is_no_table_is_refused_by_line_and_reason(tmp_path, data, message):
    with pytest.raises(InputError, match=message):
        manifests.read(table(tmp_path, data), NEEDED, OPTIONAL)
    with pytest.raises(InputError, match="no such file"):
        manifests.read(tmp_path / "none.csv", NEEDED)


@settings(max_examples=2000, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=120).map(lambda t: ("path,label\n" + t).encode("utf-8", "replace"))
    )
)
def test_any_bytes_are_a_table_or_refused(data):
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(InputError):
        file = Path(folder, "m.csv")
        file.write_bytes(data)
        for one in manifests.read(file, NEEDED):
            assert set(one.cells) == set(NEEDED)


def state(tmp_path):
    section = dataset_job("music_manifest", path="lists/m.csv").section
    return local_files.locate_own_manifest("mine", section, tmp_path).state


def test_a_data_set_hangs_on_the_recordings_that_its_table_names_and_on_no_other(tmp_path):
    for folder in ("lists", "elsewhere"):
        (tmp_path / folder).mkdir()
    recording = tmp_path / "elsewhere/a.wav"
    recording.write_bytes(b"1")
    (tmp_path / "lists/m.csv").write_text("path,genre\n../elsewhere/a.wav,x\n")
    before = state(tmp_path)
    (tmp_path / "lists/notes.txt").write_text("beside the table, of no account")
    (tmp_path / "elsewhere/b.wav").write_bytes(b"not named")
    assert state(tmp_path) == before
    recording.write_bytes(b"12")
    assert state(tmp_path) != before
    before = state(tmp_path)
    os.utime(recording, ns=(1, 1))
    assert state(tmp_path) != before
    recording.unlink()
    assert state(tmp_path) != before
    (tmp_path / "lists/m.csv").unlink()
    with pytest.raises(InputError, match=r"datasets.mine.path: .*m.csv: no such file"):
        state(tmp_path)
