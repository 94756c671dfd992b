"""Checkpoints of networks that were trained elsewhere, by seed and epoch, from the names of their files."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from infoflow.errors import InputError

SUFFIXES = (".safetensors", ".pt", ".pth")


def files(pattern: str, seeds: range) -> dict[int, dict[int, str]]:
    """Files by seed and epoch: the last number in a file's name is the epoch, `{seed}` in the pattern the seed.

    Raises:
        InputError: a seed has no files, two of them have one epoch, or seeds differ in their epochs.
    """
    if "{seed}" not in pattern and len(seeds) > 1:
        raise InputError(
            f"checkpoints: {pattern}: of one network, and {len(seeds)} seeds; set seeds: 1, or put {{seed}} in it"
        )
    found = {seed: _of_seed(pattern.replace("{seed}", str(seed))) for seed in seeds}
    first = found[seeds[0]]
    for seed, own in found.items():
        if list(own) != list(first):
            raise InputError(f"checkpoints: seed {seed} has the epochs {list(own)}, seed {seeds[0]} {list(first)}")
    return found


def _of_seed(pattern: str) -> dict[int, str]:
    """Files of one seed by epoch, in order."""
    paths = [path for path in sorted(glob.glob(pattern)) if Path(path).suffix in SUFFIXES]
    if not paths:
        raise InputError(f"checkpoints: {pattern}: no such files ({', '.join(SUFFIXES)}) in {Path.cwd()}")
    found: dict[int, str] = {}
    for path in paths:
        numbers = re.findall(r"\d+", Path(path).stem)
        if not numbers:
            raise InputError(f"checkpoints: {path}: no number in its name says which epoch it is, as in epoch_3.pt")
        epoch = int(numbers[-1])
        if epoch in found:
            raise InputError(f"checkpoints: {found[epoch]} and {path} are both of epoch {epoch}")
        found[epoch] = path
    return dict(sorted(found.items()))
