"""Folds of a corpus of speech: one speaker is tested, the other of the session validates, the rest train."""

from __future__ import annotations

import torch
from torch import Tensor

from infoflow.errors import InputError


def fold_split(group: Tensor, fold: int) -> Tensor:
    """Split (n,) of a fold: speaker `fold` is tested (1), the other of the session validates (2), the rest train (0).

    Raises:
        InputError: there is no such speaker.
    """
    if not 0 <= fold <= int(group.max()):
        raise InputError(f"training.fold: {fold}; the corpus has {int(group.max()) + 1} speakers, counted from 0")
    split = torch.zeros_like(group)
    split[group == fold], split[group == fold ^ 1] = 1, 2
    return split
