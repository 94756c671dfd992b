"""Problems of files: named, summed up, and the end of the run where nothing is left."""

import pytest

from infoflow.data.reading.problems import Problem, settle, summed
from infoflow.errors import InputError


def test_a_bad_file_stops_a_corpus_with_its_name_or_is_left_out_aloud(capsys):
    found = [Problem("b.wav", "silent", True), Problem("a.wav", "clipped", False)]
    with pytest.raises(InputError, match=r"datasets.x: 1 of 3 files cannot be used: b.wav: silent"):
        settle("datasets.x", 3, found, "stop")
    assert settle("datasets.x", 3, found, "leave_out") == found
    assert "1 of 3 files left out" in capsys.readouterr().out
    with pytest.raises(InputError):
        settle("datasets.x", 1, found, "leave_out")
    assert settle("datasets.x", 3, found[1:], "stop") == found[1:]


def test_notes_of_one_kind_share_a_line():
    notes = [Problem(f"{k}.wav", f"{k}.5 s of silence added", False) for k in range(700)]
    bad = [Problem("x.wav", "empty", True), Problem("y.wav", "empty", True)]
    lines = summed([*bad, *notes])
    assert lines[:2] == ["x.wav: empty: left out", "y.wav: empty: left out"]
    assert lines[2:] == ["700 files, among them 0.wav, 1.wav, 2.wav: 0.5 s of silence added"]
