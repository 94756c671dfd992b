"""Folds of a corpus of speech: one speaker is tested, others validate, the rest train."""

from __future__ import annotations

from torch import Tensor

from infoflow.errors import InputError


def fold_split(group: Tensor, validates: Tensor, fold: int) -> Tensor:
    """Split (n,) of a fold: speaker `fold` is tested (1), others validate (2), the rest train (0).

    Args:
        group: speaker of each utterance, (n,).
        validates: which utterances validate where their speaker is not tested, (n,); where none does, it is those of the other
            speaker of the session, `fold` ^ 1.
        fold: the speaker that is tested.

    Raises:
        InputError: there is no such speaker.
    """
    if not 0 <= fold <= int(group.max()):
        raise InputError(f"training.fold: {fold}; the corpus has {int(group.max()) + 1} speakers, counted from 0")
    split = 2 * (validates > 0 if validates.any() else group == fold ^ 1).to(group.dtype)
    split[group == fold] = 1
    return split
