"""The samples on which networks are recorded: what a network takes, labels, and the part of the data set of each."""

from __future__ import annotations

import torch
from torch import Tensor

from infoflow.data import Attributes
from infoflow.errors import InputError
from infoflow.models.sequences import padded
from infoflow.storage.hdf5 import read_h5
from infoflow.training.folds import fold_split

PARTS = ("all", "train", "test")


class Samples:
    """Samples of one network.

    Args:
        x: inputs (n, …), as stored.
        y: classes or targets, (n,).
        split: 0 for samples that were trained on, (n,).
        attributes: of the data set; without `classes` the targets are continuous.
    """

    def __init__(self, x: Tensor, y: Tensor, split: Tensor, attributes: Attributes) -> None:
        self.x, self.y, self.split = x, y, split
        self.divisor = attributes.get("x_divisor")
        self.labels = torch.unique(y, return_inverse=True)[1] if "classes" in attributes else None

    def __len__(self) -> int:
        return len(self.y)

    def part(self, name: str) -> Tensor:
        """Indices of all samples, of those that were trained on, or of the others.

        Raises:
            InputError: there are none.
        """
        inside = {"all": self.split >= 0, "train": self.split == 0, "test": self.split != 0}[name]
        index = torch.nonzero(inside).flatten()
        if not len(index):
            raise InputError(f"samples: {name}: the data set has no such samples; ask for others of {', '.join(PARTS)}")
        return index

    def inputs(self, index: Tensor) -> tuple[Tensor, ...]:
        """What a network takes for some samples."""
        x = self.x[index]
        return (x.float() / float(self.divisor) if self.divisor is not None else x,)

    def vectors(self, index: Tensor) -> Tensor:
        """Inputs of some samples as vectors (n, d); sequences with zeros after their end."""
        vectors = self.inputs(index)[0].flatten(1)
        return vectors if vectors.is_floating_point() else vectors.float()


class Sequences(Samples):
    """Sequences of frames (frames, d), sequence i being rows offsets[i] to offsets[i + 1]."""

    def __init__(self, frames: Tensor, offsets: Tensor, y: Tensor, split: Tensor, attributes: Attributes) -> None:
        super().__init__(frames, y, split, attributes)
        self.offsets = offsets

    def inputs(self, index: Tensor) -> tuple[Tensor, ...]:
        """Frames (n, longest, d) and lengths (n,) of some sequences."""
        return padded(self.x, self.offsets, index)


class Probe:
    """The samples of each seed's network, from a data set.

    Args:
        dataset: path of the data set.
        fold: the speaker that every network is tested on; None: seed modulo the speakers.
    """

    def __init__(self, dataset: str, fold: int | None = None) -> None:
        arrays, self.attributes = read_h5(dataset, scaled=False)
        self.arrays = {name: torch.from_numpy(value) for name, value in arrays.items() if value.dtype.kind in "biuf"}
        self.fold = fold
        self._made: dict[int, Samples] = {}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input; of sequences that of a frame."""
        drawn = self.arrays["y"].dim() == 2 or self.arrays.get("split", self.arrays["y"]).dim() == 2
        return tuple(self.arrays["x"].shape[2 if drawn else 1 :])

    def samples(self, seed: int) -> Samples:
        """The samples of a seed's network; seeds that share them get the same object."""
        key = self._key(seed)
        if key not in self._made:
            self._made[key] = self._samples(key)
        return self._made[key]

    def _key(self, seed: int) -> int:
        """What tells the samples of seeds apart: their number where each draws its own, their fold, or nothing."""
        if self.arrays["y"].dim() == 2:
            return seed
        if "offsets" in self.arrays:
            return seed % (int(self.arrays["group"].max()) + 1) if self.fold is None else self.fold
        return seed % len(self.arrays["x"]) if self.arrays["split"].dim() == 2 else 0

    def _samples(self, key: int) -> Samples:
        x, y, split = (self.arrays.get(name) for name in ("x", "y", "split"))
        if "offsets" in self.arrays:
            parts = fold_split(self.arrays["group"], self.arrays["validates"], key)
            return Sequences(x, self.arrays["offsets"], y, parts, self.attributes)
        if y.dim() == 2:
            return Samples(x[key], y[key], split, self.attributes)
        if split.dim() == 2:
            return Samples(x[key], y, split[key], self.attributes)
        return Samples(x, y, split, self.attributes)


def mini_batches(part: Tensor, batches: int, size: int, generator: torch.Generator) -> Tensor:
    """Samples of a part in mini-batches: indices (batches, size), distinct within a batch.

    Batches are cut from random orders of the part: they share samples only where it is too small for all of them.

    Raises:
        InputError: the part is smaller than one batch.
    """
    if len(part) < size:
        raise InputError(
            f"batches of {size}: this part of the data set holds {len(part)} samples; take smaller batches"
        )
    whole = len(part) // size
    orders = [part[torch.randperm(len(part), generator=generator)] for _ in range(-(-batches // whole))]
    return torch.cat([order[: whole * size].view(whole, size) for order in orders])[:batches]


def evenly_spaced(index: Tensor, count: int | None) -> Tensor:
    """At most `count` of the samples, evenly spaced; None: all."""
    if count is None or count >= len(index):
        return index
    return index[torch.linspace(0, len(index) - 1, count).long()]
