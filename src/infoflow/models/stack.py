"""Stacks: many networks of one kind that train side by side, with a leading network axis on inputs and outputs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from infoflow.models.hooks import capture
from infoflow.models.modules import Dropout, GaussianNoise, handed, handed_units


class Stack(nn.Module):
    """What every stack has: the number of its networks, their layers, and what a sample takes of noise and of masks.

    Attributes:
        nets: number of networks.
        layers: {layer: module} of one network.
        noise_units, mask_units: numbers that one sample takes, all modules together.
    """

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.nets, self.layers = len(members), members[0].layers
        self.noise_units = handed_units(members[0], GaussianNoise)
        self.mask_units = handed_units(members[0], Dropout)

    def forward(
        self, x: Tensor, noise: Tensor | None = None, masks: Tensor | None = None, keep: Collection[str] = ()
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Outputs (nets, batch, classes), and values (nets, batch, …) of the layers to keep.

        Args:
            x: inputs, (nets, batch, …).
            noise: already scaled by its standard deviation, (nets, noise_units, batch).
            masks: of dropout, (nets, mask_units, batch).
            keep: names of layers.
        """
        raise NotImplementedError

    def stacked(self) -> dict[str, Tensor]:
        """The state of all networks, {parameter or buffer of one network: (nets, …)}."""
        raise NotImplementedError

    def owned(self) -> Iterator[tuple[nn.Parameter, int | None]]:
        """Each parameter with the network it belongs to, None where its leading axis is the networks'."""
        return ((parameter, None) for parameter in self.parameters())

    def matrices(self) -> list[list[Tensor]]:
        """Weights of each layer from the input on, the read-out last: views (some nets, out, in), of all nets together."""
        raise NotImplementedError


class ModuleStack(Stack):
    """Single modules one after another: convolutional, recurrent and own networks, for which a loop is as fast."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__(members)
        self.members = nn.ModuleList(members)

    def forward(
        self, x: Tensor, noise: Tensor | None = None, masks: Tensor | None = None, keep: Collection[str] = ()
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As in the base class."""
        chosen = {name: self.layers[name] for name in keep}
        outputs, values = [], []
        for i, member in enumerate(self.members):
            with ExitStack() as within:
                within.enter_context(handed(member, GaussianNoise, None if noise is None else noise[i]))
                within.enter_context(handed(member, Dropout, None if masks is None else masks[i]))
                captured = within.enter_context(capture(member, chosen))
                outputs.append(member(x[i]))
            values.append([captured[name] for name in chosen])
        kept = zip(chosen, (torch.stack(layer) for layer in zip(*values, strict=True)), strict=True)
        return torch.stack(outputs), dict(kept)

    def stacked(self) -> dict[str, Tensor]:
        """As in the base class."""
        states = [member.state_dict() for member in self.members]
        return {name: torch.stack([state[name] for state in states]) for name in states[0]}

    def owned(self) -> Iterator[tuple[nn.Parameter, int | None]]:
        """As in the base class."""
        return ((parameter, i) for i, member in enumerate(self.members) for parameter in member.parameters())

    def matrices(self) -> list[list[Tensor]]:
        """As in the base class; biases and normalisations have one axis and are left out."""
        weights = ([p.flatten(1)[None] for p in member.parameters() if p.dim() > 1] for member in self.members)
        return [list(layer) for layer in zip(*weights, strict=True)]
