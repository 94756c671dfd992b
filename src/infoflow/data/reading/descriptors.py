"""Low-level descriptors of speech: 13 MFCC with c0, pitch, and their first derivatives, 28 numbers a frame."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from infoflow.data.reading import audio
from infoflow.data.reading.problems import Problem
from infoflow.storage.files import canonical_json

RATE = 16000  # Hz
WINDOW, HOP = 400, 160  # 25 ms and 10 ms
PITCH_WINDOW = 1024  # 64 ms: two periods of the lowest pitch and more
LOWEST, HIGHEST = 65.0, 500.0  # Hz
MFCC = 13
NAMES = (*(f"c{k}" for k in range(MFCC)), "pitch", *(f"Δc{k}" for k in range(MFCC)), "Δpitch")


def describe(path: Path, pitch: str, cache: Path | None = None) -> tuple[np.ndarray | None, tuple[Problem, ...]]:
    """Descriptors (frames, 28) float32 of one file, or None, and what was found in it.

    `cache` keeps them by the file's contents and these settings: a renamed or copied file is not done again.
    """
    sound = audio.read(path, RATE)
    if sound.samples is None:
        return None, sound.problems
    recipe = canonical_json([pitch, RATE, WINDOW, HOP, PITCH_WINDOW, LOWEST, HIGHEST, NAMES, "1"])
    key = hashlib.sha256(sound.samples.tobytes() + recipe.encode()).hexdigest()
    made = audio.kept(cache, key, lambda: {"x": descriptors(sound.samples, pitch)})
    return made["x"], sound.problems


def descriptors(samples: np.ndarray, pitch: str = "pyin") -> np.ndarray:
    """Descriptors (frames, 28) of a signal (samples,) at 16 kHz; a frame every 10 ms, 25 ms long (pitch: 64 ms).

    Columns: c0 … c12 (orthonormal cosine transform of 40 mel bands in dB), pitch (log2 Hz), and the derivatives of these
    14 over ±2 frames (Savitzky–Golay, as librosa's). Pitch is found in 65–500 Hz; where there is none, `pyin`
    interpolates linearly between voiced frames and holds the ends, and a signal without any voiced frame has the
    middle of the range throughout. `yin` decides nothing about voicing and gives a pitch in every frame.
    """
    import librosa

    cepstrum = librosa.feature.mfcc(
        y=samples, sr=RATE, n_mfcc=MFCC, n_fft=512, win_length=WINDOW, hop_length=HOP, n_mels=40
    )
    still = np.vstack([cepstrum, _pitch(samples, pitch)[: cepstrum.shape[1]]])
    return np.vstack([still, librosa.feature.delta(still, width=5, mode="nearest")]).T.astype(np.float32)


def _pitch(samples: np.ndarray, method: str) -> np.ndarray:
    """log2 of the pitch in Hz, (frames,)."""
    import librosa

    common = {"sr": RATE, "fmin": LOWEST, "fmax": HIGHEST, "frame_length": PITCH_WINDOW, "hop_length": HOP}
    if method == "yin":
        return np.log2(np.clip(librosa.yin(samples, **common), LOWEST, HIGHEST))
    found, _, _ = librosa.pyin(samples, resolution=0.5, **common)
    voiced = np.isfinite(found)
    if not voiced.any():
        return np.full(len(found), np.log2(LOWEST * HIGHEST) / 2)
    frames = np.arange(len(found))
    return np.interp(frames, frames[voiced], np.log2(found[voiced]))


def normalise(frames: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Frames (frames, d) with mean 0 and standard deviation 1 in each column for each group (frames,) of them."""
    result = np.empty_like(frames)
    for one in np.unique(group):
        own = frames[group == one].astype(np.float64)
        result[group == one] = (own - own.mean(0)) / np.maximum(own.std(0), 1e-6)
    return result


def one_file(task: tuple[str, str, str | None]) -> tuple[Any, ...]:
    """`describe` of (path, pitch, cache folder), for `audio.each`."""
    path, pitch, cache = task
    return describe(Path(path), pitch, Path(cache) if cache else None)
