"""One layer of one network at one snapshot, as `recompute` hands it to the kinds of estimators."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from infoflow.config.estimators import EstimatorSection
from infoflow.config.models import ModelSection
from infoflow.models import build


class Snapshot(NamedTuple):
    """What one value of a figure is made from."""

    seed: int  # the one source of randomness
    section: EstimatorSection
    model: ModelSection
    parameters: dict[str, Tensor]  # of seed 0
    data: dict[str, Any]  # arrays of the data set
    layer: str
    epoch: int

    @property
    def inputs(self) -> Tensor:
        """All inputs."""
        return torch.from_numpy(self.data["x"])

    def network(self) -> Any:
        """The stacked network, for data with classes that are counted from 0."""
        y = self.data["y"]
        return build(self.model, tuple(self.inputs.shape[1:]), int(y.max()) + 1 if y.dtype.kind in "iu" else None)


class Value(NamedTuple):
    """A recomputed value, and how its row of the table is found."""

    quantity: str
    settings: str | None  # canonical JSON; None: any
    value: float
