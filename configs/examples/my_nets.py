"""Networks of one's own: any function `build(input_shape, classes, **options)` that returns a module whose output are logits."""

import torch
from torch import nn


def small_cnn(input_shape, classes, width=8):
    """Two convolutions and two dense layers for images (channels, side, side)."""
    channels, side, _ = input_shape
    return nn.Sequential(
        nn.Conv2d(channels, width, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2 * width * (-(-side // 4)) ** 2, 32),
        nn.Tanh(),
        nn.Linear(32, classes),
    )


class Lstm(nn.Module):
    """An LSTM over sequences (n, steps, features) whose last state is read out."""

    def __init__(self, features, hidden, classes):
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, batch_first=True)
        self.readout = nn.Linear(hidden, classes)

    def forward(self, x):
        """Logits of sequences (n, steps, features)."""
        states, _ = self.lstm(x)
        return self.readout(states[:, -1])


def lstm(input_shape, classes, hidden=16):
    """For inputs (steps, features)."""
    return Lstm(input_shape[-1], hidden, classes)


class Attention(nn.Module):
    """A vision transformer with one token for each patch, read out by their mean."""

    def __init__(self, channels, side, classes, patch, width, depth):
        super().__init__()
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.places = nn.Parameter(0.02 * torch.randn((side // patch) ** 2, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True) for _ in range(depth)
        )
        self.readout = nn.Linear(width, classes)

    def forward(self, x):
        """Logits of images (n, channels, side, side)."""
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.places  # (n, tokens, width)
        for block in self.blocks:
            tokens = block(tokens)
        return self.readout(tokens.mean(1))


def vision_transformer(input_shape, classes, patch=7, width=32, depth=2):
    """For images (channels, side, side) whose side is a multiple of `patch`."""
    channels, side, _ = input_shape
    return Attention(channels, side, classes, patch, width, depth)
