"""A stand-in corpus of emotional speech in IEMOCAP's layout, from a source–filter synthesiser: no voice was recorded.

Ten speakers in five sessions utter syllables: a glottal pulse train with a pitch contour, jitter and spectral tilt goes
through four formant resonators that move from vowel to vowel; between syllables there is noise or silence. Emotions
differ in pitch level and range, rate, energy and tilt. Level, energy and tilt overlap widely, so that an average
over an utterance says little; the movement of pitch and energy says more.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

RATE = 16000
COUNTS = {"ang": 110, "hap": 60, "sad": 108, "neu": 171}  # a tenth of the real ones
SPEAKERS = [f"{session:02d}{sex}" for session in range(1, 6) for sex in "FM"]
FORMANTS = {  # Hz, of a man
    "a": (730, 1090, 2440, 3400), "e": (530, 1840, 2480, 3500), "i": (270, 2290, 3010, 3700),
    "o": (570, 840, 2410, 3300), "u": (300, 870, 2240, 3300), "ə": (500, 1500, 2500, 3500),
}  # fmt: skip
BANDWIDTHS = (80, 100, 140, 200)  # Hz


class Manner(NamedTuple):
    """How an emotion is spoken: means over utterances."""

    level: float  # semitones above the speaker's own pitch
    swing: float  # semitones of pitch movement within a syllable group
    rate: float  # syllables a second
    energy: float  # dB
    punch: float  # dB between stressed and unstressed syllables
    tilt: float  # dB an octave added to the source's spectrum


MANNERS = {
    "ang": Manner(1.4, 3.4, 6.2, 1.6, 11.0, 0.6),
    "hap": Manner(1.4, 5.6, 4.6, 0.8, 4.0, 0.3),
    "sad": Manner(-0.7, 0.8, 3.0, -1.2, 3.0, -0.5),
    "neu": Manner(-0.2, 2.0, 4.4, -0.2, 5.0, 0.0),
}
SPREAD = Manner(2.2, 0.7, 0.6, 3.0, 1.8, 1.2)  # standard deviations over utterances


def write(folder: Path, rng: np.random.Generator) -> None:
    """Write `folder`/Session<N>/… with 449 wav files of 1–2 s and their label files."""
    import soundfile

    emotions = rng.permutation(np.repeat(list(COUNTS), list(COUNTS.values())))
    voices = {speaker: _voice(speaker, rng) for speaker in SPEAKERS}
    turns: dict[str, list[tuple[str, str, float]]] = {}
    for k, emotion in enumerate(emotions):
        speaker = SPEAKERS[k % len(SPEAKERS)]
        dialog = f"Ses{speaker[:2]}{'FM'[(k // 20) % 2]}_impro{1 + (k // 40) % 4:02d}"
        spoken = turns.setdefault(dialog, [])
        turn = f"{dialog}_{speaker[2]}{sum(t[0][-4] == speaker[2] for t in spoken):03d}"
        signal = utterance(str(emotion), voices[speaker], rng)
        wav = folder / f"Session{int(speaker[:2])}/sentences/wav/{dialog}/{turn}.wav"
        wav.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(wav, signal, RATE, subtype="PCM_16")
        spoken.append((turn, str(emotion), len(signal) / RATE))
    for dialog, spoken in turns.items():
        path = folder / f"Session{int(dialog[3:5])}/dialog/EmoEvaluation/{dialog}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_labels(spoken), encoding="utf-8")


def _labels(spoken: list[tuple[str, str, float]]) -> str:
    """A label file: a head, then a block for each turn."""
    blocks, start = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n"], 0.0
    for turn, emotion, seconds in spoken:
        blocks.append(f"[{start:.4f} - {start + seconds:.4f}]\t{turn}\t{emotion}\t[2.5000, 2.5000, 2.5000]\n")
        start += seconds + 0.5
    return "\n".join(blocks)


class Voice(NamedTuple):
    """A speaker: pitch in Hz, length of the vocal tract against a man's, breathiness, own habits."""

    pitch: float
    tract: float
    breath: float
    habit: Manner


def _voice(speaker: str, rng: np.random.Generator) -> Voice:
    woman = speaker.endswith("F")
    habit = Manner(0.0, *rng.normal(0, (0.3, 0.25, 0.0, 0.6, 0.0)))
    return Voice(
        (205 if woman else 115) * 2 ** (rng.normal(0, 1.5) / 12), (0.87 if woman else 1.0) * rng.uniform(0.96, 1.04),
        rng.uniform(0.01, 0.05), habit,
    )  # fmt: skip


def utterance(emotion: str, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """One utterance (samples,) at 16 kHz, 1–2 s long, within ±1."""
    own = Manner(*(np.array(MANNERS[emotion]) + voice.habit + rng.normal(0, SPREAD)))
    rate, swing, punch = max(own.rate, 2.0), max(own.swing, 0.3), max(own.punch, 0.0)
    count = max(3, round(rate * rng.uniform(1.1, 1.8)))
    lengths = np.clip(rng.normal(1, 0.2, count), 0.5, 1.5) / rate
    lengths *= np.clip(lengths.sum(), 1.05, 1.95) / lengths.sum()
    samples = (lengths * RATE).astype(int)
    stressed = (np.arange(count) + rng.integers(2)) % 2 == 0
    ends = np.cumsum(samples)
    middles = ends - samples // 2
    time = np.arange(ends[-1])
    # A pitch accent on each stressed syllable, up or down about the level, so that the mean hardly moves.
    accents = swing * np.where(stressed, 1.0, -1.0) * rng.uniform(0.5, 1.5, count)
    semitones = own.level + np.interp(time, middles, accents) + rng.normal(0, 0.3) * time / RATE
    source = _source(voice.pitch * 2 ** (semitones / 12), voice.breath, own.tilt, rng)
    loudness = np.where(stressed, punch / 2, -punch / 2) + rng.normal(0, 1.5, count)
    signal = np.zeros(ends[-1])
    for k in range(count):
        signal[ends[k] - samples[k] : ends[k]] = _syllable(
            source[ends[k] - samples[k] : ends[k]], loudness[k], voice, rng
        )
    signal *= 0.05 * 10 ** (np.clip(own.energy, -9, 9) / 20) / max(np.sqrt(np.mean(signal**2)), 1e-9)
    signal += 10 ** (-62 / 20) * rng.standard_normal(len(signal))  # the room
    return np.clip(signal, -0.99, 0.99).astype(np.float32)


def _source(pitch: np.ndarray, breath: float, tilt: float, rng: np.random.Generator) -> np.ndarray:
    """Glottal flow derivative: a pulse at each turn of the phase, low-passed, with jitter and breath noise."""
    knots = np.arange(0, len(pitch) + 80, 80)
    jitter = np.interp(np.arange(len(pitch)), knots, rng.normal(0, 0.01, len(knots)))
    phase = np.cumsum(pitch * (1 + jitter) / RATE)
    pulses = np.diff(np.floor(phase), prepend=0.0)
    noisy = pulses + breath * rng.standard_normal(len(pitch))
    pole = float(np.clip(0.92 - 0.06 * tilt, 0.7, 0.985))  # the less the pole, the flatter the spectrum
    return lfilter([1.0, -1.0], [1.0, -0.995], lfilter([1 - pole], [1.0, -pole], noisy))


def _syllable(source: np.ndarray, loudness: float, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """A consonant of noise or silence, then a vowel; `loudness` in dB against the others."""
    n = len(source)
    onset = round(n * rng.uniform(0.15, 0.3))
    vowel = source
    for formant, width in zip(FORMANTS[str(rng.choice(list(FORMANTS)))], BANDWIDTHS, strict=True):
        vowel = _resonator(vowel, formant / voice.tract, width)
    vowel = vowel / max(np.sqrt(np.mean(vowel**2)), 1e-9)
    rise, fall = min(320, n // 4), min(800, n // 3)
    envelope = np.interp(np.arange(n), [0, onset, onset + rise, n - fall, n], [0, 0, 1, 0.8, 0])
    made = vowel * envelope * 10 ** (loudness / 20)
    if rng.random() < 0.6:
        hiss = np.diff(rng.standard_normal(onset + 1))
        made[:onset] += 0.15 * hiss * np.hanning(onset) * 10 ** (loudness / 40)
    return made


def _resonator(x: np.ndarray, frequency: float, bandwidth: float) -> np.ndarray:
    """A two-pole filter with gain 1 at its frequency, roughly."""
    radius = np.exp(-np.pi * bandwidth / RATE)
    angle = 2 * np.pi * min(frequency, 0.45 * RATE) / RATE
    gain = (1 - radius) * np.sqrt(1 - 2 * radius * np.cos(2 * angle) + radius**2)
    return lfilter([gain], [1.0, -2 * radius * np.cos(angle), radius**2], x)
