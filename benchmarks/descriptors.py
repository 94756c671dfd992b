"""Seconds of speech that one core describes in a second: 13 MFCC, pitch and derivatives. Run `python benchmarks/descriptors.py`."""

import argparse
import platform
import time

import torch

from infoflow.data.reading import descriptors
from infoflow.data.standins import emotional_speech as synthesis
from infoflow.seeds import numpy_generator


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=60)
    count = parser.parse_args().utterances
    torch.set_num_threads(1)
    rng = numpy_generator(0, "benchmark")
    voice = synthesis._voice("01F", rng)
    spoken = [synthesis.utterance(list(synthesis.COUNTS)[k % 4], voice, rng) for k in range(count)]
    seconds = sum(map(len, spoken)) / descriptors.RATE
    print(f"{count} utterances, {seconds:.0f} s of speech; one core of {platform.processor() or platform.machine()}\n")
    print("| pitch | CPU seconds | times real time |")
    print("|---|---|---|")
    for pitch in ("pyin", "yin"):
        descriptors.descriptors(spoken[0], pitch)  # librosa compiles on first use
        started = time.process_time()
        for signal in spoken:
            descriptors.descriptors(signal, pitch)
        spent = time.process_time() - started
        print(f"| {pitch} | {spent:.2f} | {seconds / spent:.0f} |")


if __name__ == "__main__":
    main()
