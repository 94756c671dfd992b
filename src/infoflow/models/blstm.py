"""Encoder–decoder on sequences: a bidirectional LSTM, the time mean of its states as context, and a small classifier."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn

from infoflow.models.modules import Activation, Dropout
from infoflow.models.sequences import place
from infoflow.models.stack import ModuleStack


class Blstm(nn.Module):
    """h_t = [→h_t, ←h_t]; c = mean over t of h_t; logits = V tanh(U c + u) + v (Huang & Narayanan, MLSP 2016).

    Attributes:
        layers: {layer: module} of the observed layers: the states at the ends of equal parts of a sequence, t1, …, the
            context and the classifier's hidden layer.
        inputs_of: {layer: module} of what some layers are compared with in place of the whole input: the frames there.
        precision: type in which a recording runs the network.
    """

    stack = ModuleStack
    precision = torch.float32

    def __init__(
        self, input_shape: tuple[int, ...], hidden: int, decoder: int, classes: int, positions: int = 8
    ) -> None:
        super().__init__()
        (inputs,) = input_shape
        times = range(positions)
        self.layers = {f"t{k + 1}": f"states_at.{k}" for k in times} | {"context": "context", "decoder": "decoder"}
        self.inputs_of = {f"t{k + 1}": f"frames_at.{k}" for k in times}
        self.frames_at, self.states_at = (nn.ModuleList(At((k + 1) / positions) for k in times) for _ in range(2))
        self.states = BothWays(inputs, hidden)
        self.context = TimeMean()
        self.decoder = nn.Sequential(
            OrderedDict(
                linear=nn.Linear(2 * hidden, decoder), activation=Activation("tanh"), dropout=Dropout((decoder,))
            )
        )
        self.output = nn.Linear(decoder, classes)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Uniform in ±1/sqrt(fan-in), for the LSTM in ±1/sqrt(hidden): PyTorch's defaults from an explicit generator."""
        for module in self.modules():
            if isinstance(module, (nn.LSTM, nn.Linear)):
                bound = 1 / math.sqrt(module.hidden_size if isinstance(module, nn.LSTM) else module.in_features)
                for value in module.parameters():
                    value.uniform_(-bound, bound, generator=generator)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Logits (batch, classes).

        Args:
            frames: (batch, longest, inputs), anything after a sequence's end.
            lengths: (batch,).
        """
        states = self.states(frames, lengths)  # (batch, longest, 2 hidden), zero after the end
        if not self.training:  # places that only a recording looks at
            for frame, state in zip(self.frames_at, self.states_at, strict=True):
                frame(frames, lengths), state(states, lengths)
        context = self.context(states, lengths)  # (batch, 2 hidden)
        return self.output(self.decoder(context))


class BothWays(nn.Module):
    """An LSTM in each direction.

    Sequences of a batch are padded to the longest and the backward direction reads each from its own end: the numbers are
    those of PyTorch's LSTM on packed sequences, whose gradient copies the batch at every step and takes ten times as long.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.forwards = nn.LSTM(inputs, hidden, batch_first=True)
        self.backwards = nn.LSTM(inputs, hidden, batch_first=True)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """States (batch, longest, 2 hidden) of frames (batch, longest, inputs), zero after the end of each sequence."""
        time = torch.arange(frames.shape[1])
        inside = time < lengths[:, None]  # (batch, longest)
        mirror = torch.where(inside, lengths[:, None] - 1 - time, time)[..., None]
        ahead, _ = self.forwards(frames)
        behind, _ = self.backwards(frames.gather(1, mirror.expand_as(frames)))
        return torch.cat([ahead, behind.gather(1, mirror.expand_as(behind))], -1) * inside[..., None]


class TimeMean(nn.Module):
    """The mean over a sequence's own time."""

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, longest, d) that are zero after the end, and lengths (batch,) -> (batch, d)."""
        return states.sum(1) / lengths[:, None]


class At(nn.Module):
    """A sequence at a share of its length."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """(batch, longest, d) and lengths (batch,) -> (batch, d)."""
        return values[torch.arange(len(values)), place(self.share, lengths)]
