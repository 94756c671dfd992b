"""Encoder–decoder on sequences: a bidirectional LSTM, the time mean of its states as context, and a small classifier."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Blstm(nn.Module):
    """h_t = [→h_t, ←h_t]; c = mean over t of h_t; logits = V tanh(U c + u) + v (Huang & Narayanan, MLSP 2016).

    One network; weights on disk have a leading axis over networks, as those of stacked families. Sequences of a batch are
    padded to the longest and the backward direction reads each from its own end: the numbers are those of PyTorch's LSTM
    on packed sequences, whose gradient copies the batch at every step and takes ten times as long.
    """

    observed = ("context", "decoder")

    def __init__(self, inputs: int, hidden: int, decoder: int, classes: int) -> None:
        super().__init__()
        self.forwards = nn.LSTM(inputs, hidden, batch_first=True)
        self.backwards = nn.LSTM(inputs, hidden, batch_first=True)
        self.decoder = nn.Linear(2 * hidden, decoder)
        self.output = nn.Linear(decoder, classes)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Uniform in ±1/sqrt(fan-in), for the LSTM in ±1/sqrt(hidden): PyTorch's defaults from an explicit generator."""
        for name, value in self.named_parameters():
            layer = getattr(self, name.split(".")[0])
            fan_in = layer.hidden_size if isinstance(layer, nn.LSTM) else layer.in_features
            value.uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (batch, classes), contexts (batch, 2 hidden) and states (batch, longest, 2 hidden), zero after the end.

        Args:
            frames: (batch, longest, inputs), anything after a sequence's end.
            lengths: (batch,).
        """
        time = torch.arange(frames.shape[1])
        inside = time < lengths[:, None]  # (batch, longest)
        mirror = torch.where(inside, lengths[:, None] - 1 - time, time)[..., None]
        ahead, _ = self.forwards(frames)
        behind, _ = self.backwards(frames.gather(1, mirror.expand_as(frames)))
        states = torch.cat([ahead, behind.gather(1, mirror.expand_as(behind))], -1) * inside[..., None]
        context = states.sum(1) / lengths[:, None]
        return self.output(torch.tanh(self.decoder(context))), context, states

    def load_stacked(self, weights: dict[str, Tensor], seed: int) -> Blstm:
        """Take over the weights of network `seed` from {parameter: (seeds, …)}."""
        self.load_state_dict({name: value[seed].float() for name, value in weights.items()})
        return self


def padded(frames: Tensor, offsets: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Sequences `index` of all frames (frames, d), sequence i being rows offsets[i] to offsets[i + 1], and their lengths."""
    lengths = (offsets[1:] - offsets[:-1])[index]
    made = frames.new_zeros(len(index), int(lengths.max()), frames.shape[1])
    for row, (i, length) in enumerate(zip(index.tolist(), lengths.tolist(), strict=True)):
        made[row, :length] = frames[offsets[i] : offsets[i] + length]
    return made, lengths
