"""How many times real time mp3 files become mel-spectrograms, on one core, and how hard the composed music is.

    python benchmarks/music.py [tracks of each genre]

Prints the factor of decoding and of the whole, and the accuracy on held-out tracks of a linear classifier on mean spectra
(the strength of its penalty chosen among four on the held-out tracks, in its favour) beside chance.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from infoflow.data import fma
from infoflow.data.reading import audio, mel
from infoflow.data.standins import music

SECONDS = 6.0


def main(per_genre: int) -> None:
    """Compose, decode, transform and classify."""
    with tempfile.TemporaryDirectory() as folder:
        music.write(Path(folder), per_genre, SECONDS, np.random.default_rng(0))
        tracks, _ = fma.read(Path(folder))
        samples = round(SECONDS * mel.RATE)
        mel.of_file(tracks[0].path, samples)  # libraries are imported before the clock starts
        started = time.process_time()
        sounds = [audio.read(track.path, mel.RATE).samples for track in tracks]
        decoded = time.process_time()
        spectra = np.stack([mel.spectrogram(sound, samples) for sound in sounds])
        ended = time.process_time()
    seconds = SECONDS * len(tracks)
    print(f"{len(tracks)} tracks, {seconds:.0f} s: decoding {seconds / (decoded - started):.0f} x real time, "
          f"with spectrograms {seconds / (ended - started):.0f} x")  # fmt: skip
    x, y = spectra.mean(2), np.array([track.genre for track in tracks])
    train = np.array([track.part == "training" for track in tracks])
    scores = [
        make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        .fit(x[train], y[train])
        .score(x[~train], y[~train])
        for strength in (1e-3, 1e-2, 1e-1, 1.0)
    ]
    print(
        f"linear classifier on mean spectra: {max(scores):.3f} of {np.sum(~train)} held-out tracks; chance {1 / 8:.3f}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
