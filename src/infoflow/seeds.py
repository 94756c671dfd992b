"""One source of randomness: every stream is named by (root seed, seed index, purpose) and drawn from explicit generators.

Points and variants of an experiment share the streams of a seed, so that comparisons between them are paired.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch


def sequence(root: int, *names: int | str) -> np.random.SeedSequence:
    """The seed sequence of a named stream."""
    return np.random.SeedSequence([root, *(zlib.crc32(n.encode()) if isinstance(n, str) else n for n in names)])


def numpy_generator(root: int, *names: int | str) -> np.random.Generator:
    """A NumPy generator for a named stream."""
    return np.random.default_rng(sequence(root, *names))


def torch_generator(root: int, *names: int | str) -> torch.Generator:
    """A CPU torch generator for a named stream."""
    return torch.Generator().manual_seed(int(sequence(root, *names).generate_state(1, np.uint64)[0] >> 1))
