"""Readers of music, what they do with bad files, and mel-spectrograms against librosa's."""

import json
import os
import shutil
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
from factories import dataset_job

from infoflow.data import fma, music_folder, music_manifest
from infoflow.data.reading import mel, music
from infoflow.data.standins import music as composed
from infoflow.errors import InputError

SECONDS = 1.2
SAMPLES = 22_050


def _job(root, kind="fma", workers=1, cache=None, **section):
    """Settings of recordings under a folder, those of FMA by default."""
    common = {"samples": SAMPLES, "train_fraction": 0.5, "bad_files": "leave_out"}
    if kind == "fma":
        common |= {"source": "full", "medley_samples": 44_100}
    made = dataset_job(kind, name="own", data_root=root, **common | section)
    return made.model_copy(update={"workers": workers, "cache": cache})


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """A small composed collection in FMA's layout: 8 genres of 20 artists."""
    folder = tmp_path_factory.mktemp("fma")
    composed.write(folder, 20, SECONDS, np.random.default_rng(0))
    return folder


def test_composed_music_is_read_back_by_the_reader_of_the_real_layout(collection):
    arrays, about = fma.make(_job(collection))
    assert arrays["x"].shape == (160, 1, 128, mel.frames(SAMPLES))
    assert arrays["x"].dtype == np.uint8
    assert np.bincount(arrays["y"]).tolist() == [20] * 8
    assert about["class_names"] == list(composed.GENRES)
    assert (arrays["split"] == 0).sum() == 128
    assert any("20 recordings: Hz: resampled" in line for line in json.loads(about["record"]))
    assert not {*arrays["group"][arrays["split"] == 0]} & {*arrays["group"][arrays["split"] == 1]}


@pytest.mark.parametrize("workers", [1, 2])
def test_spectrograms_are_kept_by_content_with_what_was_found(collection, tmp_path, monkeypatch, workers):
    first, said = fma.make(_job(collection, workers=workers, cache=str(tmp_path)))
    assert len(list(tmp_path.rglob("*.npz"))) == 160
    monkeypatch.setattr(mel, "of_file", None)  # no file is decoded again
    again, heard = fma.make(_job(collection, cache=str(tmp_path)))
    np.testing.assert_array_equal(first["x"], again["x"])
    assert said == heard


def test_a_file_that_cannot_be_read_is_not_kept(collection, tmp_path):
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(b"no music" * 100)
    ((x, _, problems),) = mel.of_files([str(bad)], SAMPLES, cache=str(tmp_path / "kept"))
    assert x is None
    assert problems[-1].fatal
    assert not list(tmp_path.rglob("*.npz"))


def test_without_the_published_split_no_artist_is_on_both_sides(collection):
    arrays, _ = fma.make(_job(collection, published_split=False, limit=80))
    train = arrays["split"] == 0
    assert 0.3 < train.mean() < 0.7
    assert len(train) == 80
    assert not {*arrays["group"][train]} & {*arrays["group"][~train]}
    assert np.bincount(arrays["y"], minlength=8).tolist() == [10] * 8


def test_the_first_recordings_are_those_with_the_lowest_numbers(collection):
    tracks, _ = fma.read(collection)
    chosen = music._limited(tracks, _job(collection, limit=10, choice="first"))
    assert chosen == tracks[:10]
    assert [t.path for t in chosen] == sorted(t.path for t in chosen)


def _copy(collection, tmp_path):
    shutil.copytree(collection, tmp_path / "fma")
    return tmp_path / "fma"


def test_bad_files_are_named_and_left_out_or_stop_the_run(collection, tmp_path):
    root = _copy(collection, tmp_path)
    tracks, _ = fma.read(root)
    paths = [t.path for t in tracks]
    open(paths[0], "wb").close()
    with open(paths[1], "wb") as file:
        file.write(b"no mp3" * 100)
    soundfile.write(paths[2], np.zeros(22_050), 22_050, format="MP3")
    Path(paths[3]).unlink()
    half = soundfile.read(paths[4])[0][:11_025]
    soundfile.write(paths[4], half, 22_050, format="MP3")
    stray = root / "fma_small" / "999" / "999999.mp3"
    stray.parent.mkdir()
    stray.write_bytes(b"x")
    arrays, about = fma.make(_job(root))
    record = "\n".join(json.loads(about["record"]))
    assert len(arrays["y"]) == 156
    for path, words in zip(paths[:5], ("0 bytes", "decoded", "silent", "no such file", "silence added"), strict=True):
        assert any(path in line and words in line for line in record.splitlines()), (path, words, record)
    assert "999999.mp3: no row" in record
    with pytest.raises(InputError, match="4 of 160 files cannot be used"):
        fma.make(_job(root, bad_files="stop"))
    for path in paths[5:80]:
        Path(path).unlink()
    with pytest.raises(
        InputError, match=r"79 of 160 files cannot be used, more than 1%: .* not the published collection"
    ):
        fma.make(_job(root))


def test_rows_without_genre_and_unknown_genres(collection, tmp_path):
    root = _copy(collection, tmp_path)
    path = root / "fma_metadata" / "tracks.csv"
    table = pd.read_csv(path, index_col=0, header=[0, 1])
    table.loc[table.index[0], ("track", "genre_top")] = np.nan
    table.to_csv(path)
    assert "no genre" in fma.read(root)[1][0]
    table.loc[table.index[1], ("track", "genre_top")] = "Polka"
    table.to_csv(path)
    with pytest.raises(InputError, match="unknown genre 'Polka'"):
        fma.make(_job(root))
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"not FMA's tracks.csv"):
        fma.read(root)
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        fma.read(root)


@pytest.mark.skipif("INFOFLOW_DATA" not in os.environ, reason="INFOFLOW_DATA is unset: no real metadata of FMA")
def test_the_real_table_of_tracks_is_read():
    root = Path(os.environ["INFOFLOW_DATA"])
    if not (root / "fma_metadata" / "tracks.csv").is_file():
        pytest.skip("INFOFLOW_DATA holds no fma_metadata")
    tracks, left_out = fma.read(root)
    assert len(tracks) + len(left_out) == 58
    assert {t.part for t in tracks} <= set(music.SPLITS)
    assert {t.genre for t in tracks} <= set(composed.GENRES)


def test_folders_and_manifests_go_through_the_same_door(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for genre in ("Chôro", "Forró"):
        (tmp_path / genre).mkdir()
        for k in range(4):
            soundfile.write(tmp_path / genre / f"été {k}.wav", 0.1 * rng.standard_normal(30_000), 22_050)
            rows.append(f"{genre}/été {k}.wav,{genre},band {k // 2}")
    (tmp_path / "Forró" / "notes.txt").write_text("x")
    (tmp_path / "list.csv").write_text("path,genre,group\n" + "\n".join(rows) + "\n", encoding="utf-8")
    folder, about = music_folder.make(_job(tmp_path, "music_folder", path="."))
    listed, _ = music_manifest.make(_job(tmp_path, "music_manifest", path="list.csv"))
    assert about["class_names"] == ["Chôro", "Forró"]
    assert np.array_equal(folder["x"], listed["x"])
    assert any("notes.txt" in line for line in json.loads(about["record"]))
    assert not {*listed["group"][listed["split"] == 0]} & {*listed["group"][listed["split"] == 1]}
    (tmp_path / "list.csv").write_text("path\na.wav\n")
    with pytest.raises(InputError, match="no column genre"):
        music_manifest.make(_job(tmp_path, "music_manifest", path="list.csv"))


def test_medleys_are_joined_within_genre_and_part():
    x = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((12, 1, 2, 3), np.uint8)
    arrays = {"x": x, "y": np.arange(12) % 2, "split": (np.arange(12) >= 8).astype(np.uint8)}
    made = music.medleys(arrays, 20, 7, np.random.default_rng(0))
    assert made["x"].shape == (20, 1, 2, 7)
    assert made["split"].mean() == pytest.approx(1 / 3, abs=0.05)
    for spectrum, label, part in zip(made["x"], made["y"], made["split"], strict=True):
        members = np.unique(spectrum)
        assert (members % 2 == label).all()
        assert ((members >= 8) == part).all()


def test_spectrograms_are_those_of_librosa_to_a_step_of_a_byte():
    signal = librosa.chirp(fmin=100, fmax=8000, sr=mel.RATE, duration=1.0).astype(np.float32)
    ours = mel.spectrogram(signal, SAMPLES)
    power = librosa.feature.melspectrogram(
        y=signal, sr=mel.RATE, n_fft=1024, hop_length=512, n_mels=128, htk=True, norm=None, pad_mode="reflect"
    )
    theirs = librosa.power_to_db(power, ref=np.max, top_db=80.0)
    assert ours.shape == (128, 44)
    assert np.abs(ours / 255 * 80 - 80 - theirs).max() < 0.5 * 80 / 255 + 0.02


def test_a_published_clip_has_1290_frames_and_short_ones_end_in_silence():
    assert mel.frames(660_000) == 1290
    short = mel.spectrogram(np.sin(np.arange(5000) / 5).astype(np.float32), SAMPLES)
    assert short[:, :5].max() == 255
    assert not short[:, 15:].any()


def test_a_recording_listed_twice_and_one_of_the_same_bytes_are_named(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rows = ["path,genre"]
    for k, genre in enumerate(("x", "x", "y", "y")):
        soundfile.write(tmp_path / f"{k}.wav", 0.1 * rng.standard_normal(30_000), 22_050)
        rows.append(f"{k}.wav,{genre}")
    shutil.copy(tmp_path / "0.wav", tmp_path / "3.wav")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    job = _job(tmp_path, "music_manifest", path="list.csv")
    _, about = music_manifest.make(job)
    assert "3.wav: the same bytes as" in "\n".join(json.loads(about["record"]))
    (tmp_path / "list.csv").write_text("\n".join([*rows, "./1.wav,x"]))
    with pytest.raises(InputError, match=r"list.csv:6: ./1.wav is listed a second time, after line 3"):
        music_manifest.make(job)


def test_the_silent_start_of_a_recording_is_named(tmp_path):
    for genre in ("x", "y"):
        (tmp_path / genre).mkdir()
        for k in range(2):
            tone = 0.1 * np.random.default_rng(k).standard_normal(30_000)
            soundfile.write(tmp_path / genre / f"{k}.wav", tone, 22_050)
    soundfile.write(tmp_path / "x/quiet.wav", np.concatenate([np.zeros(70_000), tone]), 22_050)
    with pytest.raises(InputError, match=r"quiet.wav: silent in its first 1.0 s"):
        music_folder.make(_job(tmp_path, "music_folder", path=".", bad_files="stop"))
