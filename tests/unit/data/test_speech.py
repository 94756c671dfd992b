"""Corpora of emotional speech through one door, good and bad."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from factories import dataset_job

from infoflow.config import parse
from infoflow.data import speech
from infoflow.data.reading import corpora, descriptors, fetch
from infoflow.data.standins import emotional_speech
from infoflow.errors import InputError
from infoflow.plan import Plan
from infoflow.seeds import numpy_generator

RATE = 16000


def tone(hertz=220, seconds=0.3):
    time = np.arange(int(RATE * seconds)) / RATE
    return 0.3 * np.sign(np.sin(2 * np.pi * hertz * time)) * np.sin(np.pi * time / seconds)


def write(path, values=None, rate=RATE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone() if values is None else values, rate, **options)


LINE = "[12.3400 - 15.6700]\t{}\t{}\t[2.5000, 2.5000, 2.5000]\nC-E1:\tNeutral;\t()\n"


def add_turn(root, session, dialog, token, code, wav=True):
    turn = f"{dialog}_{token}"
    if wav:
        write(root / f"Session{session}/sentences/wav/{dialog}/{turn}.wav", tone(150 + 10 * session))
    labels = root / f"Session{session}/dialog/EmoEvaluation/{dialog}.txt"
    labels.parent.mkdir(parents=True, exist_ok=True)
    head = "" if labels.exists() else "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    with open(labels, "a", encoding="utf-8") as file:
        file.write(head + LINE.format(turn, code) + "\n")


@pytest.fixture
def iemocap(tmp_path):
    """Two sessions; the man of session 1 speaks in a dialog named after the woman; excitement is no happiness."""
    root = tmp_path / "IEMOCAP_full_release"
    for session in (1, 2):
        for k, code in enumerate(("ang", "hap", "sad", "neu", "exc", "xxx")):
            for sex in "FM":
                add_turn(root, session, f"Ses{session:02d}F_impro01", f"{sex}{k:03d}", code)
    attributes = root / "Session1/dialog/EmoEvaluation/Attribute"
    attributes.mkdir()
    (attributes / "Ses01F_impro01_atr.txt").write_text("not labels")
    (root / "Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt").write_bytes(b"\x00\x05")
    return root


def settings(workers=1, cache=None, **section):
    """Settings of a corpus, IEMOCAP's by default."""
    made = dataset_job("speech", name="speech", **{"source": "full", "pitch": "yin"} | section)
    return made.model_copy(update={"workers": workers, "cache": cache})


def test_the_layout_of_iemocap(iemocap):
    listing = corpora.read("iemocap", iemocap, {}, "x")
    assert len(listing.utterances) == 16
    assert listing.problems == []
    assert listing.others == {"exc": 4, "xxx": 4}
    assert {(u.speaker, u.session) for u in listing.utterances} == {
        ("01F", "01"), ("01M", "01"), ("02F", "02"), ("02M", "02"),
    }  # fmt: skip


def test_sequences_labels_and_speakers(iemocap, capsys):
    arrays, about = speech.make(settings(path=str(iemocap)))
    assert arrays["x"].shape == (arrays["offsets"][-1], 28)
    assert about["class_names"] == ["angry", "happy", "sad", "neutral"]
    assert np.bincount(arrays["y"]).tolist() == [4, 4, 4, 4]
    assert about["speakers"] == ["01F", "01M", "02F", "02M"]
    assert not arrays["validates"].any()  # in each fold it is the other speaker of the session
    assert "angry: 4 utterances, the document has 1103: -1099" in capsys.readouterr().out
    assert json.loads(about["stated_counts"])["neutral"] == 1708
    for k in range(4):
        own = np.repeat(arrays["group"], np.diff(arrays["offsets"])) == k
        np.testing.assert_allclose(arrays["x"][own].mean(0), 0, atol=1e-4)
        assert (arrays["x"][own].std(0) < 1.0001).all()


def test_what_does_not_fit_is_named_and_stops_the_run(iemocap):
    add_turn(iemocap, 1, "Ses01F_impro01", "F900", "ang", wav=False)  # a label without a file
    write(iemocap / "Session2/sentences/wav/Ses02F_impro01/Ses02F_impro01_M900.wav")  # a file without a label
    silent = iemocap / "Session2/sentences/wav/Ses02F_impro01/Ses02F_impro01_M000.wav"
    write(silent, np.zeros(8000))
    with pytest.raises(InputError) as error:
        speech.make(settings(path=str(iemocap)))
    for word in ("3 of", "Ses01F_impro01_F900 has no wav file", "M900.wav: no label", "M000.wav: silent", "leave_out"):
        assert word in str(error.value)
    assert str(iemocap) not in str(error.value)


def test_bad_files_are_left_out_aloud(iemocap, capsys):
    wav = iemocap / "Session1/sentences/wav/Ses01F_impro01"
    write(wav / "Ses01F_impro01_F000.wav", np.zeros(8000))
    write(wav / "Ses01F_impro01_F001.wav", np.stack([tone(), tone()], 1), 8000)
    arrays, about = speech.make(settings(path=str(iemocap), bad_files="leave_out"))
    assert len(arrays["y"]) == 15
    assert about["left_out"] == 1
    said = capsys.readouterr().out
    assert "1 of 24 files left out" in said
    assert "8000 Hz: resampled" in said
    found = {p[1].split(":")[0] for p in json.loads(about["problems"]) if "same bytes" not in p[1]}
    assert found == {"silent", "2 channels", "8000 Hz"}
    for name in ("F002", "F003", "M000", "M001", "M002"):
        (wav / f"Ses01F_impro01_{name}.wav").unlink()
    with pytest.raises(
        InputError, match=r"6 of 24 files cannot be used, more than 1%: .* not the published collection"
    ):
        speech.make(settings(path=str(iemocap), bad_files="leave_out"))


def test_a_line_that_is_no_label_is_named(iemocap):
    labels = iemocap / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    labels.write_text(
        labels.read_text() + "[1 - 2] Ses01F_impro01_F000 neu\n" + LINE.format("Ses01F_impro01_F001", "ang")
    )
    found = corpora.read("iemocap", iemocap, {}, "x").problems
    assert [p.what.split(" ")[0] for p in found] == ["not", "Ses01F_impro01_F001"]


def test_emodb_by_its_names(tmp_path):
    for name in ("03a01Wa", "08a02Fb", "10b01Tc", "09b02Nd", "03a01Aa", "03a99", "99a01Wa"):
        write(tmp_path / f"wav/{name}.wav")
    listing = corpora.read("emodb", tmp_path, {}, "x")
    assert [(u.label, u.speaker, u.session) for u in listing.utterances] == [
        ("angry", "03", "1"), ("happy", "08", "1"), ("neutral", "09", "2"), ("sad", "10", "2"),
    ]  # fmt: skip
    assert listing.others == {"fear": 1}
    assert len(listing.problems) == 2


def test_ravdess_by_its_names(tmp_path):
    for actor, emotion in (("01", "05"), ("02", "03"), ("03", "08"), ("03", "01"), ("04", "04")):
        write(tmp_path / f"Actor_{actor}/03-01-{emotion}-01-01-01-{actor}.wav")
    listing = corpora.read("ravdess", tmp_path, {}, "x")
    assert [(u.label, u.speaker, u.session) for u in listing.utterances] == [
        ("angry", "01", "01"), ("happy", "02", "01"), ("neutral", "03", "02"), ("sad", "04", "02"),
    ]  # fmt: skip
    assert listing.others == {"surprised": 1}


def test_songs_are_counted_and_capitals_are_read(tmp_path):
    write(tmp_path / "Actor_01/03-01-05-01-01-01-01.WAV")
    write(tmp_path / "Actor_02/03-02-05-01-01-01-02.wav")
    (tmp_path / "Actor_02/.03-01-05-01-01-01-02.wav").write_bytes(b"")
    listing = corpora.read("ravdess", tmp_path, {}, "x")
    assert [u.speaker for u in listing.utterances] == ["01"]
    assert (listing.others, listing.problems) == ({"song": 1}, [])


def test_an_emotion_counts_as_another_where_the_config_says_so(iemocap):
    listing = corpora.read("iemocap", iemocap, {"exc": "happy"}, "x")
    assert sum(u.label == "happy" for u in listing.utterances) == 8
    assert listing.others == {"xxx": 4}
    with pytest.raises(
        InputError, match=r"datasets.speech.read_as: no utterance of exx in .*; it holds angry, exc, happy"
    ):
        speech.make(settings(path=str(iemocap), read_as={"exx": "happy"}))
    missing = iemocap / "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F004.wav"
    missing.unlink()  # of an excited turn, which is now one of the four
    assert corpora.read("iemocap", iemocap, {}, "x").problems == []
    assert "has no wav file" in corpora.read("iemocap", iemocap, {"exc": "happy"}, "x").problems[0].what


def test_an_odd_number_of_speakers_is_tested_one_by_one(tmp_path):
    rows = ["path,label,speaker"]
    for speaker in "abcde":
        for label in ("joy", "rage"):
            for k in range(5):
                write(tmp_path / f"{speaker}{label}{k}.wav", tone(150 + 20 * k))
                rows.append(f"{speaker}{label}{k}.wav,{label},{speaker}")
    (tmp_path / "m.csv").write_text("\n".join(rows), encoding="utf-8")
    given = {"corpus": "manifest", "path": str(tmp_path / "m.csv")}
    with pytest.raises(InputError, match="two speakers.*or set folds: speakers"):
        speech.make(settings(**given))
    arrays, about = speech.make(settings(**given, folds="speakers"))
    assert about["speakers"] == list("abcde")
    assert np.bincount(arrays["group"][arrays["validates"] == 1]).tolist() == [2] * 5  # the fifth of each class
    for label in (0, 1):
        assert arrays["validates"][arrays["y"] == label].sum() == 5


def test_the_same_recording_is_named_however_it_is_written(tmp_path, capsys):
    rows = ["path,label,speaker"]
    for speaker in "abcd":
        for label in ("joy", "rage"):
            write(tmp_path / f"{speaker}{label}.wav", tone(150 + 10 * ord(speaker) % 70 + 5 * len(label)))
            rows.append(f"{speaker}{label}.wav,{label},{speaker}")
    (tmp_path / "x").mkdir()
    (tmp_path / "drage.wav").write_bytes((tmp_path / "ajoy.wav").read_bytes())
    (tmp_path / "link.wav").symlink_to(tmp_path / "bjoy.wav")
    rows += ["./ajoy.wav,joy,a", "x/../ajoy.wav,joy,a", "link.wav,joy,b"]
    (tmp_path / "m.csv").write_text("\n".join(rows), encoding="utf-8")
    given = {"corpus": "manifest", "path": str(tmp_path / "m.csv"), "bad_files": "leave_out"}
    arrays, about = speech.make(settings(**given))
    assert len(arrays["y"]) == 8
    said = capsys.readouterr().out
    assert "m.csv:10: ./ajoy.wav is listed a second time" in said
    assert "m.csv:12: link.wav is listed a second time" in said
    assert "drage.wav: the same bytes as" in said


def test_a_manifest_pairs_speakers(tmp_path):
    rows = ["path,label,speaker"]
    for speaker in ("Änne", "bo", "cy", "di"):
        for label in ("joy", "rage"):
            write(tmp_path / f"Töne/{speaker} {label}.wav")
            rows.append(f"Töne/{speaker} {label}.wav,{label},{speaker}")
    (tmp_path / "m.csv").write_text("\n".join([*rows, "none.wav,joy,bo", ",joy,bo"]), encoding="utf-8")
    given = {"corpus": "manifest", "path": str(tmp_path / "m.csv")}
    with pytest.raises(InputError, match=r"m.csv:10: none.wav: no such file; m.csv:11: a field is empty"):
        speech.make(settings(**given))
    arrays, about = speech.make(settings(**given, bad_files="leave_out"))
    assert about["class_names"] == ["joy", "rage"]
    assert about["speakers"] == ["bo", "cy", "di", "Änne"]
    assert len(arrays["y"]) == 8
    (tmp_path / "m.csv").write_text("file,label\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column"):
        speech.make(settings(**given))


def test_sessions_need_two_speakers(iemocap):
    add_turn(iemocap, 3, "Ses03F_impro01", "F000", "ang")
    with pytest.raises(InputError, match="two speakers"):
        speech.make(settings(path=str(iemocap)))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_stand_in_is_read_back_by_the_reader(monkeypatch, tmp_path, workers):
    monkeypatch.setattr(emotional_speech, "COUNTS", dict.fromkeys(emotional_speech.COUNTS, 10))
    arrays, about = speech.make(settings(source="standin", workers=workers, cache=str(tmp_path)))
    assert len(arrays["y"]) == 40
    assert about["stand_in"]
    assert json.loads(about["counts"]) == {"angry": 10, "happy": 10, "neutral": 10, "sad": 10}
    assert np.bincount(arrays["group"]).tolist() == [4] * 10
    seconds = np.diff(arrays["offsets"]) / 100
    assert ((seconds > 0.95) & (seconds < 2.1)).all()
    again, _ = speech.make(settings(source="standin", cache=str(tmp_path)))  # from the cache
    np.testing.assert_array_equal(arrays["x"], again["x"])
    assert len(list(Path(tmp_path).rglob("*.npz"))) == 40


def test_the_stand_in_has_the_counts_of_the_document_by_ten():
    assert emotional_speech.COUNTS == {"ang": 110, "hap": 60, "sad": 108, "neu": 171}
    voice = emotional_speech._voice("01F", numpy_generator(1, "a"))
    one, two = (emotional_speech.utterance("ang", voice, numpy_generator(1, "b")) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one).max() < 1


def test_pitch_of_a_tone_and_of_noise():
    found = descriptors.descriptors(tone(220, 1.0).astype(np.float32), "pyin")
    assert found.shape == (101, 28)
    assert 2 ** np.median(found[:, 13]) == pytest.approx(220, rel=0.05)
    noise = numpy_generator(1, "noise").standard_normal(RATE).astype(np.float32) / 10
    for pitch in ("yin", "pyin"):
        assert np.isfinite(descriptors.descriptors(noise, pitch)).all()


def test_derivatives_are_those_of_a_ramp():
    found = descriptors.descriptors(tone(220, 0.5).astype(np.float32), "yin")
    slope = (found[12, :14] * -2 - found[13, :14] + found[15, :14] + 2 * found[16, :14]) / 10
    np.testing.assert_allclose(found[14, 14:], slope, rtol=1e-3, atol=1e-4)


def test_without_the_corpus_the_message_says_who_grants_it(raw):
    raw["datasets"]["speech"]["source"] = "full"
    raw["data_root"] = "/nonexistent"
    with pytest.raises(InputError, match=r"datasets.speech: no folder .*IEMOCAP_full_release.*University of Southern"):
        Plan(parse(raw))
    raw["datasets"]["speech"] |= {"corpus": "emodb", "source": "auto"}
    with pytest.raises(InputError, match="EMO-DB, unpack"):
        Plan(parse(raw))
    raw["datasets"]["speech"] |= {"source": "standin"}
    with pytest.raises(InputError, match="IEMOCAP's layout"):
        Plan(parse(raw))


@pytest.mark.skipif("INFOFLOW_DATA" not in os.environ, reason="INFOFLOW_DATA names no folder with real data")
def test_the_real_emodb():
    listing = corpora.read("emodb", Path(os.environ["INFOFLOW_DATA"]) / "emodb", {}, "x")
    counts = {label: sum(u.label == label for u in listing.utterances) for label in corpora.EMOTIONS}
    assert counts == {"angry": 127, "happy": 71, "sad": 62, "neutral": 79}
    assert listing.problems == []
    assert len(corpora.folds(listing.utterances, "pairs", "x")) == 10
    made, problems = descriptors.describe(listing.utterances[0].file, "pyin")
    assert made.shape[1] == 28
    assert not [p for p in problems if p.fatal]


def test_corpora_are_not_fetched_but_said_how_to_come_by(tmp_path):
    with pytest.raises(InputError, match=r"IEMOCAP is not fetched; ask .*University of Southern California"):
        fetch.run(["iemocap"], str(tmp_path))
