"""Sequences of different lengths in batches."""

from __future__ import annotations

import torch
from torch import Tensor


def padded(frames: Tensor, offsets: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Sequences `index` of all frames (frames, d), sequence i being rows offsets[i] to offsets[i + 1], and their lengths."""
    lengths = (offsets[1:] - offsets[:-1])[index]
    batch = frames.new_zeros(len(index), int(lengths.max()), frames.shape[1])
    for row, (i, length) in enumerate(zip(index.tolist(), lengths.tolist(), strict=True)):
        batch[row, :length] = frames[offsets[i] : offsets[i] + length]
    return batch, lengths


def place(share: float | Tensor, lengths: Tensor) -> Tensor:
    """Index of the frame at a share of each length; `share` (positions, 1) gives (positions, batch)."""
    return (torch.as_tensor(share, dtype=torch.float32) * lengths).ceil().long().clamp(min=1) - 1
