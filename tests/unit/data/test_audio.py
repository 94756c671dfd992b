"""Recordings good and bad: each is mended and noted, or named."""

import numpy as np
import pytest
import soundfile

from infoflow.data.reading import audio

RATE = 16000
TONE = (0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)


@pytest.fixture
def write(tmp_path):
    def make(values=TONE, rate=RATE, name="a.wav", **options):
        soundfile.write(tmp_path / name, values, rate, **options)
        return tmp_path / name

    return make


def words(sound):
    return " | ".join(problem.what for problem in sound.problems)


def pitch(sound):
    spectrum = np.abs(np.fft.rfft(sound.samples * np.hanning(len(sound.samples))))
    return np.fft.rfftfreq(len(sound.samples), 1 / sound.rate)[spectrum.argmax()]


def test_a_clean_file_comes_back_as_it_is(write):
    sound = audio.read(write(subtype="FLOAT"), RATE)
    np.testing.assert_allclose(sound.samples, TONE, atol=1e-7)
    assert (sound.problems, sound.seconds) == ((), 1.0)


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_other_rates_are_resampled_and_noted(write, rate):
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    sound = audio.read(write(tone, rate), RATE)
    assert abs(len(sound.samples) - RATE) <= 1
    assert pitch(sound) == pytest.approx(440, abs=1.5)
    assert f"{rate} Hz" in words(sound)
    assert ("nothing above 4000 Hz" in words(sound)) == (rate == 8000)


def test_channels_are_averaged_and_noted(write):
    sound = audio.read(write(np.stack([TONE, 0 * TONE], 1), subtype="FLOAT"), RATE)
    np.testing.assert_allclose(sound.samples, TONE / 2, atol=1e-7)
    assert "2 channels" in words(sound)


def test_of_channels_that_cancel_the_loudest_is_taken(write):
    sound = audio.read(write(np.stack([TONE, -TONE], 1), subtype="FLOAT"), RATE)
    np.testing.assert_allclose(np.abs(sound.samples), np.abs(TONE), atol=1e-7)
    assert "channels cancel" in words(sound)


@pytest.mark.parametrize("rate", [RATE, 44100])
def test_a_part_is_that_of_the_whole_file(write, rate):
    noise = 0.2 * np.random.default_rng(0).standard_normal(5 * rate)
    path = write(noise, rate, name="a.flac")
    whole, part = audio.read(path, RATE), audio.read(path, RATE, wanted=1.5)
    assert RATE * 1.5 <= len(part.samples) <= RATE * 2.1
    np.testing.assert_allclose(part.samples[: RATE * 3 // 2], whole.samples[: RATE * 3 // 2], atol=1e-6)
    assert part.seconds == whole.seconds == 5.0


def test_a_silent_start_is_named_where_only_the_start_is_wanted(write):
    path = write(np.concatenate([0 * TONE, 0 * TONE, TONE]))
    assert audio.read(path, RATE).samples is not None
    assert "silent in its first 1.5 s" in words(audio.read(path, RATE, wanted=1.5))
    assert audio.read(path, RATE, wanted=2.5).samples is not None


def test_clipping_is_noted_and_kept(write):
    sound = audio.read(write(np.clip(10 * TONE, -1, 1)), RATE)
    assert "clipped" in words(sound)
    assert sound.seconds == 1.0
    assert "clipped" not in words(audio.read(write(), RATE))


def test_float_values_beyond_full_scale_are_noted(write):
    assert "reaches 3.00" in words(audio.read(write(10 * TONE, subtype="FLOAT"), RATE))


def test_mp3_is_read(write):
    sound = audio.read(write(name="a.mp3", format="MP3"), RATE)
    assert pitch(sound) == pytest.approx(440, abs=1.5)


def test_names_hold_any_characters(write):
    assert audio.read(write(name="Ünïcödé 音声 'x'.wav"), RATE).seconds == 1.0


def fatal(path):
    sound = audio.read(path, RATE)
    assert sound.samples is None
    assert sound.problems[-1].fatal
    assert sound.problems[-1].file == str(path)
    return sound.problems[-1].what


def test_what_cannot_be_used_is_named(write, tmp_path):
    broken, empty = tmp_path / "broken.wav", tmp_path / "empty.wav"
    broken.write_bytes(b"RIFF0000WAVE not a recording")
    empty.write_bytes(b"")
    assert "cannot be decoded" in fatal(broken)
    assert "0 bytes" in fatal(empty)
    assert "no such file" in fatal(tmp_path / "none.wav")
    assert "silent" in fatal(write(0 * TONE))
    assert "empty" in fatal(write(TONE[:800]))
    assert "empty" in fatal(write(TONE[:0]))
    bad = TONE.copy()
    bad[7] = np.nan
    assert "no finite numbers" in fatal(write(bad, subtype="FLOAT"))
    bad[7] = 1e30
    assert "reaches 1e+30 of full scale" in fatal(write(bad, subtype="FLOAT"))
    assert "divide it by its maximum" in fatal(write(32768 * TONE, subtype="FLOAT"))


def test_a_file_cut_short_is_noted(write):
    path = write()
    path.write_bytes(path.read_bytes()[:20000])
    sound = audio.read(path, RATE)
    assert "cut short: 0.62 s" in words(sound)
    assert sound.seconds == pytest.approx(0.62, abs=0.01)


def double(value):
    return 2 * value


def test_the_pool_keeps_the_order():
    assert audio.each(double, range(20), 2) == audio.each(double, range(20)) == list(range(0, 40, 2))


def test_without_shared_memory_one_process_does_the_work(monkeypatch, capsys):
    def no_queue(workers):
        raise OSError("no /dev/shm")

    monkeypatch.setattr(audio, "ProcessPoolExecutor", no_queue)
    assert audio.each(abs, [-1, 2, -3], workers=2) == [1, 2, 3]
    assert "one process instead of 2: no /dev/shm" in capsys.readouterr().out
