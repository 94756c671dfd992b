"""Mel-spectrograms of recordings by torchaudio: decibels below each recording's maximum, one byte a value.

Ausilio et al. 2023 (code): mono, 22 050 Hz, 660 000 samples, windows of 1024 every 512, 128 mels, 80 dB of range: 128 × 1290.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from infoflow.data.reading import audio
from infoflow.data.reading.problems import Problem
from infoflow.storage.files import canonical_json

RATE, WINDOW, HOP, MELS, RANGE = 22_050, 1024, 512, 128, 80.0
STEPS = 255  # of a byte: 0 is 80 dB below the maximum, 255 the maximum; a step is 0.31 dB


def frames(samples: int) -> int:
    """Frames of a recording of so many samples."""
    return 1 + samples // HOP


@functools.cache
def _transforms() -> tuple[Any, Any]:
    import torch
    import torchaudio

    torch.set_num_threads(1)
    spectrum = torchaudio.transforms.MelSpectrogram(RATE, n_fft=WINDOW, hop_length=HOP, n_mels=MELS)
    return spectrum, torchaudio.transforms.AmplitudeToDB("power", RANGE)


def spectrogram(signal: np.ndarray, samples: int) -> np.ndarray:
    """Mel-spectrogram (128, frames) uint8 of the first `samples` of a signal at 22 050 Hz; short ones end in silence."""
    import torch

    mel, decibels = _transforms()
    whole = torch.from_numpy(np.pad(signal[:samples], (0, max(0, samples - len(signal)))).astype(np.float32))
    power = decibels(mel(whole))
    below = (power - power.max()).clamp(min=-RANGE)
    return ((1 + below / RANGE) * STEPS).round().to(torch.uint8).numpy()


def of_file(path: str, samples: int) -> tuple[np.ndarray | None, float, tuple[Problem, ...]]:
    """Spectrogram of a file, the seconds that it holds, and what was the matter with it."""
    sound = audio.read(path, RATE, wanted=samples / RATE)
    problems = sound.problems
    if sound.samples is None:
        return None, 0.0, problems
    if len(sound.samples) < samples:
        missing = (samples - len(sound.samples)) / RATE
        if missing > 0.1:  # coders cut or add some milliseconds
            problems += (Problem(path, f"{sound.seconds:.1f} s: {missing:.1f} s of silence added", False),)
    return spectrogram(sound.samples, samples), sound.seconds, problems


def cached(job: tuple[str, int, str | None]) -> tuple[np.ndarray | None, float, tuple[Problem, ...]]:
    """`of_file` of (path, samples, cache folder), kept by the file's bytes: a known file is not decoded again."""
    path, samples, cache = job
    if cache is None or not Path(path).is_file():
        return of_file(path, samples)
    recipe = canonical_json([samples, RATE, WINDOW, HOP, MELS, RANGE, STEPS, "2"])
    with open(path, "rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    key = hashlib.sha256((content + recipe).encode()).hexdigest()
    problems: list[Problem] = []

    def make() -> dict[str, Any] | None:
        x, seconds, found = of_file(path, samples)
        problems.extend(found)
        return None if x is None else {"x": x, "seconds": seconds, "notes": canonical_json([p.what for p in found])}

    made = audio.kept(cache, key, make)
    if made is None:
        return None, 0.0, tuple(problems)
    notes = json.loads(str(made["notes"]))
    return made["x"], float(made["seconds"]), tuple(Problem(path, note, False) for note in notes)


def of_files(paths: Sequence[str], samples: int, workers: int = 1, cache: str | None = None) -> list[tuple]:
    """`cached` of every path, in order."""
    return audio.each(cached, [(path, samples, cache) for path in paths], workers, "recordings")
