"""Composed music that stands in for FMA-small: eight genres, mp3 files and a `tracks.csv` in FMA's own layout.

A track is chords, a bass, a melody and percussion on a grid of beats, played by plain oscillators. Genres differ in tempo,
metre, scale, timbre, articulation, percussion and noise; artists have habits of their own, tracks borrow from other
genres, and every recording has its own equaliser, so that the genres overlap and a mean spectrum tells little.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from scipy.signal import butter, sosfilt

GENRES = ("Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock")
RATE = 22_050
ARTISTS = 20  # of each genre; a split by artist leaks nothing
SPLITS = ("training",) * 16 + ("validation",) * 2 + ("test",) * 2
TABLE = 2048  # points of an oscillator's period
BORROWED = 0.2  # share of traits that a track takes from another genre
EQUALISER = 12  # dB, standard deviation

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "hijaz": (0, 1, 4, 5, 7, 8, 10),
    "chromatic": tuple(range(12)),
}


@dataclass(frozen=True)
class Style:
    """How a genre plays; levels are relative to the chords' 1."""

    tempo: float  # beats a minute
    beats: int  # of a bar
    scale: str
    density: float  # melody notes a beat
    decay: float  # seconds in which a note falls to a third; long ones are sustained
    brightness: float  # exponent of the harmonics' fall: 2 is soft, 0.7 is sharp
    vibrato: float  # semitones
    melody: float
    bass: float
    kick: float
    snare: float
    hats: float  # two a beat, four above 1
    swing: float  # share of half a beat by which off-beats are late
    drive: float  # saturation
    noise: float
    glide: float  # semitones over a note


STYLES = {
    "Electronic": Style(126, 4, "minor", 2.0, 0.15, 0.9, 0.0, 0.6, 1.0, 1.6, 0.5, 1.2, 0.0, 1.5, 0.02, 0.0),
    "Experimental": Style(80, 5, "chromatic", 0.8, 1.5, 1.0, 0.6, 0.8, 0.4, 0.2, 0.2, 0.1, 0.3, 2.0, 0.30, 4.0),
    "Folk": Style(100, 3, "major", 1.6, 0.35, 1.5, 0.05, 0.9, 0.4, 0.0, 0.05, 0.1, 0.1, 0.3, 0.02, 0.0),
    "Hip-Hop": Style(90, 4, "minor", 0.6, 0.4, 1.6, 0.0, 0.3, 1.4, 1.8, 1.4, 0.9, 0.35, 1.0, 0.05, 0.0),
    "Instrumental": Style(75, 4, "major", 1.0, 1.6, 1.7, 0.1, 0.8, 0.5, 0.0, 0.0, 0.05, 0.0, 0.2, 0.03, 0.0),
    "International": Style(108, 6, "hijaz", 2.2, 0.3, 1.1, 0.5, 1.2, 0.4, 0.8, 0.3, 0.5, 0.15, 0.5, 0.04, 1.0),
    "Pop": Style(116, 4, "major", 1.4, 0.6, 1.2, 0.25, 1.1, 0.8, 1.1, 0.9, 0.7, 0.0, 0.7, 0.02, 0.2),
    "Rock": Style(132, 4, "pentatonic", 1.2, 0.9, 0.8, 0.2, 0.8, 0.9, 1.1, 1.3, 0.9, 0.0, 5.0, 0.08, 0.3),
}


def write(folder: Path, per_genre: int, seconds: float, rng: np.random.Generator) -> None:
    """Write `fma_metadata/tracks.csv` and `fma_small/<three digits>/<six digits>.mp3` under `folder`.

    Every eighth track is stereo at 44.1 kHz, as FMA's are. Track numbers are not in the order of the genres.
    """
    count = per_genre * len(GENRES)
    numbers = np.sort(rng.choice(np.arange(2, 20 * count), count, replace=False))
    habits = {(genre, artist): _vary(STYLES[genre], rng) for genre in GENRES for artist in range(ARTISTS)}
    rows = []
    for number, position in zip(numbers, rng.permutation(count), strict=True):
        genre, artist = GENRES[position % len(GENRES)], int(position // len(GENRES) % ARTISTS)
        signal = record(_borrow(_vary(habits[genre, artist], rng), rng), seconds, rng)
        path = folder / "fma_small" / f"{number:06d}"[:3] / f"{number:06d}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_mp3(path, signal, stereo=position % 8 == 0)
        rows.append((number, genre, GENRES.index(genre) * ARTISTS + artist, SPLITS[artist], round(seconds)))
    _write_tracks(folder / "fma_metadata" / "tracks.csv", rows)


def _write_mp3(path: Path, signal: np.ndarray, stereo: bool) -> None:
    rate = RATE
    if stereo:
        rate, signal = 2 * RATE, np.repeat(signal, 2)
        signal = np.stack([signal, 0.9 * np.roll(signal, 20)], 1)
    soundfile.write(path, signal, rate, format="MP3", subtype="MPEG_LAYER_III")


def _write_tracks(path: Path, rows: list[tuple]) -> None:
    """The metadata table with FMA's three header rows, as far as the project reads it."""
    names = [("track", "genre_top"), ("artist", "id"), ("set", "split"), ("track", "duration")]
    table = pd.DataFrame(
        [row[1:] for row in rows],
        index=pd.Index([row[0] for row in rows], name="track_id"),
        columns=pd.MultiIndex.from_tuples(names),
    )
    table["set", "subset"] = "small"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.sort_index(axis=1).to_csv(path)


# --- styles ----------------------------------------------------------------------------------------------


def _vary(style: Style, rng: np.random.Generator, spread: float = 0.2) -> Style:
    """The style with every number off by a factor of about 1 ± `spread`; scale and metre stay."""
    numbers = [f.name for f in fields(style) if f.name not in ("scale", "beats")]
    return replace(style, **{name: getattr(style, name) * np.exp(rng.normal(0, spread)) for name in numbers})


def _borrow(style: Style, rng: np.random.Generator, share: float = BORROWED) -> Style:
    """The style with each trait taken from another genre with probability `share`."""
    other = STYLES[str(rng.choice(GENRES))]
    return replace(style, **{f.name: getattr(other, f.name) for f in fields(style) if rng.random() < share})


# --- a recording -----------------------------------------------------------------------------------------


def record(style: Style, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A recording of one track in a style, (samples,) in [-1, 1], cut from the middle of the music."""
    beat = 60 / style.tempo
    root = rng.integers(40, 52)  # MIDI number of the lowest chord note
    samples = round(seconds * RATE)
    mix = np.zeros(samples + RATE)
    starts = np.arange(-rng.uniform(0, beat), seconds, beat)
    scale = SCALES[style.scale]
    chords = rng.integers(0, len(scale), 4)
    timbre = _period(style.brightness, rng)
    for k, start in enumerate(starts):
        chord = chords[k // style.beats % 4]
        if k % style.beats == 0:
            for step in (0, 2, 4):
                _note(mix, start, style.beats * beat, root + 12 + _pitch(scale, chord + step), 0.33, style, timbre)
        if k % 2 == 0 or style.bass > 0.8:
            _note(mix, start, 0.9 * beat, root - 12 + _pitch(scale, chord), style.bass, style, _SOFT)
        _melody(mix, start, beat, root + 24, scale, chord, style, timbre, rng)
        _percussion(mix, start, beat, k % style.beats, style, rng)
    mix = mix[:samples] / max(float(np.abs(mix).max()), 1e-9)
    mix = np.tanh(style.drive * mix) / np.tanh(style.drive) if style.drive > 0.05 else mix
    mix += 0.3 * style.noise * _wash(samples, rng)
    mix = _equaliser(mix, rng)
    return 10 ** (rng.uniform(-14, -1) / 20) * mix / max(float(np.abs(mix).max()), 1e-9)


def _pitch(scale: tuple[int, ...], step: int) -> int:
    """Semitones of a step of a scale, over octaves."""
    octave, within = divmod(int(step), len(scale))
    return 12 * octave + scale[within]


def _period(brightness: float, rng: np.random.Generator) -> np.ndarray:
    """One period of a timbre: harmonics that fall as a power, odd ones favoured at random."""
    harmonics = np.arange(1, 17)
    levels = harmonics**-brightness * np.where(harmonics % 2, 1, rng.uniform(0.2, 1)) * rng.uniform(0.5, 1, 16)
    phase = 2 * np.pi * np.arange(TABLE) / TABLE
    period = (levels[:, None] * np.sin(harmonics[:, None] * phase + rng.uniform(0, 2 * np.pi, (16, 1)))).sum(0)
    return period / np.abs(period).max()


_SOFT = np.sin(2 * np.pi * np.arange(TABLE) / TABLE) + 0.3 * np.sin(4 * np.pi * np.arange(TABLE) / TABLE)


def _note(
    mix: np.ndarray, start: float, length: float, pitch: float, level: float, style: Style, period: np.ndarray
) -> None:
    """Add a note of `length` seconds to the mix."""
    first, count = round(start * RATE), round(length * RATE)
    if level < 0.02 or first < 0 or first + count > len(mix):
        return
    time = np.arange(count) / RATE
    bend = pitch + style.glide * (time / length - 0.5) ** 2 + style.vibrato * np.sin(2 * np.pi * 5.5 * time)
    turns = np.cumsum(440 * 2 ** ((bend - 69) / 12)) / RATE
    shape = np.exp(-time / style.decay) * np.minimum(1, time / 0.008) * np.minimum(1, (length - time) / 0.01)
    mix[first : first + count] += level * shape * period[(turns * TABLE).astype(np.int64) % TABLE]


def _melody(
    mix: np.ndarray, start: float, beat: float, root: int, scale: tuple[int, ...], chord: int, style: Style,
    period: np.ndarray, rng: np.random.Generator,
) -> None:  # fmt: skip
    """The notes of one beat."""
    count = rng.poisson(style.density)
    for k in range(min(count, 4)):
        late = style.swing * beat / 2 if k % 2 else 0
        pitch = root + _pitch(scale, chord + rng.integers(-3, 5))
        _note(mix, start + k * beat / count + late, 1.5 * beat / count, pitch, style.melody, style, period)


def _percussion(mix: np.ndarray, start: float, beat: float, place: int, style: Style, rng: np.random.Generator) -> None:
    """Kick, snare and hats of one beat of a bar."""
    if place % 2 == 0 or style.tempo > 120:
        _add(mix, start, style.kick * _KICK)
    if place % 2 == 1:
        _add(mix, start, style.snare * _hit(rng, 0.09, 1200))
    for k in range(4 if style.hats > 1 else 2):
        late = style.swing * beat / 2 if k % 2 else 0
        _add(mix, start + k * beat / (4 if style.hats > 1 else 2) + late, 0.5 * style.hats * _hit(rng, 0.025, 6000))


_TIME = np.arange(round(0.25 * RATE)) / RATE
_KICK = np.exp(-_TIME / 0.08) * np.sin(2 * np.pi * (50 * _TIME - 4 * np.exp(-_TIME / 0.03)))


def _hit(rng: np.random.Generator, decay: float, above: float) -> np.ndarray:
    """A burst of noise above a frequency."""
    time = np.arange(round(5 * decay * RATE)) / RATE
    burst = rng.standard_normal(len(time)) * np.exp(-time / decay)
    return 0.6 * sosfilt(butter(2, above, "high", fs=RATE, output="sos"), burst)


def _add(mix: np.ndarray, start: float, sound: np.ndarray) -> None:
    first = round(start * RATE)
    if 0 <= first < len(mix):
        end = min(len(mix), first + len(sound))
        mix[first:end] += sound[: end - first]


def _wash(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Slowly swelling noise of one colour."""
    low = rng.uniform(100, 3000)
    band = butter(1, [low, min(4 * low, 10_000)], "band", fs=RATE, output="sos")
    swell = np.interp(np.linspace(0, 8, samples), np.arange(9), rng.uniform(0.2, 1, 9))
    noise = sosfilt(band, rng.standard_normal(samples))
    return swell * noise / noise.std()


def _equaliser(signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every recording has its own balance: gains of six bands, ± 9 dB, and a little hiss."""
    spectrum = np.fft.rfft(signal)
    frequency = np.fft.rfftfreq(len(signal), 1 / RATE)
    corners = np.log([60, 200, 600, 1800, 5000, 10_000])
    gain = np.interp(np.log(np.maximum(frequency, 1)), corners, rng.normal(0, EQUALISER, 6))
    heard = np.fft.irfft(spectrum * 10 ** (gain / 20), len(signal))
    return heard + 10 ** rng.uniform(-4, -2.3) * heard.std() * rng.standard_normal(len(signal))
