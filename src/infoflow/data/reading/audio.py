"""Recordings as mono signals of one sampling rate, checked file by file: a bad file is named, and never passed over in silence.

What can be mended (another rate, channels, clipping) is mended or kept, and noted; what cannot (damaged, empty, silent) is
a fatal problem (`infoflow.data.reading.problems`).
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from infoflow.data.reading.problems import Problem
from infoflow.storage.files import atomic

SILENT = 1e-4  # of full scale: a peak below it is no recording
CLIPPED = 1e-3  # share of samples in runs at the extreme value
RUN = 3  # successive samples at the extreme value that count as clipped
SHORTEST = 0.1  # seconds
LOUDEST = 8.0  # of full scale: mixes reach 2, whole numbers that were never scaled 32 768
MARGIN = 0.5  # seconds that are read beyond those wanted, for the resampler


class Sound(NamedTuple):
    """A signal (samples,) float32 in about [−1, 1], or None, its sampling rate in Hz, and what was found."""

    samples: np.ndarray | None
    rate: int
    problems: tuple[Problem, ...]
    seconds: float = 0.0  # of the file, whatever was read of it


def read(path: str | Path, rate: int, shortest: float = SHORTEST, wanted: float | None = None) -> Sound:
    """Read wav, flac, ogg or mp3 as one channel at `rate` Hz.

    Channels are averaged, where they cancel the loudest is taken, and other rates are resampled (soxr); all of it is noted. Fatal: a
    file that is missing, cannot be decoded, holds fewer than `shortest` seconds, holds NaN or infinity or values far beyond full
    scale, or is silent. Never raises for what a file holds.

    Args:
        path: the file; its name may hold any characters.
        rate: wanted sampling rate in Hz.
        shortest: seconds below which there is nothing to analyse.
        wanted: seconds from the start that are read and checked, and half a second more; None: all.
    """
    name, notes = str(path), []
    if not Path(path).is_file():
        return _unusable(name, rate, "no such file", notes)
    if not Path(path).stat().st_size:
        return _unusable(name, rate, "empty: 0 bytes", notes)
    try:
        values, found, seconds, promised = _decode(path, wanted)
    except Exception as error:  # soundfile raises its own and Python's errors, by format and library version
        return _unusable(name, rate, f"cannot be decoded ({' '.join(str(error).split())})", notes)
    if promised:
        notes.append(promised)
    if len(values) < shortest * found:
        return _unusable(name, rate, f"empty: {len(values)} samples at {found} Hz, under {shortest:g} s", notes)
    if not np.isfinite(values).all():
        return _unusable(name, rate, "holds values that are no finite numbers", notes)
    if (peak := float(np.abs(values).max())) > LOUDEST:
        return _unusable(name, rate, f"reaches {peak:.3g} of full scale, which is 1: divide it by its maximum", notes)
    notes += _amplitude_notes(values)
    window = slice(None if wanted is None else max(1, round(wanted * found)))
    loud = np.abs(values[window]).max(0) >= SILENT
    mono = values.mean(1)
    if not loud.any():
        within = "" if wanted is None or wanted >= seconds else f" in its first {wanted:.1f} s"
        return _unusable(name, rate, f"silent{within}: no sample above {SILENT:g} of full scale", notes)
    if np.abs(mono[window]).max() < SILENT:
        notes.append(f"{values.shape[1]} channels cancel: the loudest is taken")
        mono = values[:, int(np.abs(values[window]).max(0).argmax())]
    elif values.shape[1] > 1:
        notes.append(f"{values.shape[1]} channels: averaged")
    if found != rate:
        kind = f", nothing above {found // 2} Hz" if found < rate else ""
        notes.append(f"{found} Hz: resampled to {rate} Hz{kind}")
        mono = _resampled(mono, found, rate)
    problems = tuple(Problem(name, note, False) for note in notes)
    return Sound(np.ascontiguousarray(mono, np.float32), rate, problems, seconds)


def _unusable(name: str, rate: int, what: str, notes: list[str]) -> Sound:
    return Sound(None, rate, (*(Problem(name, note, False) for note in notes), Problem(name, what, True)))


def _decode(path: str | Path, wanted: float | None) -> tuple[np.ndarray, int, float, str]:
    """Values (samples, channels) float32, the rate, the file's seconds, and a note where it holds less than its header promises."""
    import soundfile

    with contextlib.ExitStack() as held:
        # beside a name libsndfile looks for what a Mac keeps of it as `._<name>`, and fails on that; a stream has no name
        beside = Path(path).with_name(f"._{Path(path).name}").exists()
        file = held.enter_context(soundfile.SoundFile(held.enter_context(open(path, "rb")) if beside else path))
        promised, cut = file.frames, "should be" in file.extra_info  # libsndfile's words for a chunk cut short
        part = promised if wanted is None else min(promised, math.ceil((wanted + MARGIN) * file.samplerate))
        values = file.read(frames=-1 if part == promised else part, dtype="float32", always_2d=True)
        seconds = len(values) / file.samplerate
        if len(values) < part or (cut and part == promised):
            return values, file.samplerate, seconds, f"cut short: {seconds:.2f} s are there"
        return values, file.samplerate, max(len(values), promised) / file.samplerate, ""


def _amplitude_notes(values: np.ndarray) -> list[str]:
    """Notes on clipping: runs at the largest or smallest value of a loud signal, or values beyond full scale."""
    notes = []
    peak = float(np.abs(values).max())
    if peak > 1.0 + 1e-6:
        notes.append(f"reaches {peak:.2f} of full scale")
    if peak >= 0.5:
        share = max(_flat_share(channel, end) for channel in values.T for end in (channel.max(), channel.min()))
        if share > CLIPPED:
            notes.append(f"clipped: {100 * share:.1f} % of the samples stay at one extreme")
    return notes


def _flat_share(channel: np.ndarray, level: float) -> float:
    """Share of samples that lie at `level` with at least `RUN` in a row."""
    at = np.concatenate([[0], (channel == level).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(at))
    lengths = edges[1::2] - edges[::2]
    return float(lengths[lengths >= RUN].sum() / len(channel))


def _resampled(mono: np.ndarray, found: int, rate: int) -> np.ndarray:
    import librosa

    return librosa.resample(mono, orig_sr=found, target_sr=rate, res_type="soxr_hq")


# --- features kept by content ---------------------------------------------------------------------------------


def kept(folder: str | Path | None, key: str, make: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    """The arrays that `make` gives, read from `folder` where they were made before under the same key.

    None, of a file that cannot be used, is not kept; without a folder nothing is.
    """
    path = None if folder is None else Path(folder) / key[:2] / f"{key}.npz"
    if path is not None and path.is_file():
        with np.load(path, allow_pickle=False) as found:
            return dict(found)
    made = make()
    if path is not None and made is not None:
        with atomic(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **made)
    return made


# --- a corpus ------------------------------------------------------------------------------------------------


def each(function: Callable[[Any], Any], items: Sequence[Any], workers: int = 1, what: str = "files") -> list[Any]:
    """`function` of every item, in order, in `workers` processes, with progress and the time left every few seconds.

    The result does not depend on `workers`: items share nothing.
    """
    started = reported = time.monotonic()
    made: list[Any] = []
    with _pool(workers) as pool:
        for result in pool.map(function, items, chunksize=4):
            made.append(result)
            now = time.monotonic()
            if now - reported > 5:
                left = (now - started) / len(made) * (len(items) - len(made))
                print(f"{len(made)} of {len(items)} {what}, about {left:.0f} s left", flush=True)
                reported = now
    return made


def _pool(workers: int) -> ProcessPoolExecutor | _here:
    """Processes for the work, or none where one is enough or the system has no shared memory for their queue."""
    if workers > 1:
        try:
            return ProcessPoolExecutor(workers)
        except (ImportError, OSError) as error:
            print(f"one process instead of {workers}: {error}", flush=True)
    return _here()


class _here:
    """A pool without processes."""

    @staticmethod
    def map(function: Callable[[Any], Any], items: Sequence[Any], chunksize: int) -> Iterator[Any]:
        return map(function, items)

    def __enter__(self) -> _here:
        return self

    def __exit__(self, *error: object) -> None:
        return None
