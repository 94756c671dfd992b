"""Networks: ordinary modules, one file a family.

A family is a class of `torch.nn.Module` with

    layers                  {layer: module} of what is observed, from the input on
    precision               the type in which a recording runs it
    stack                   the class that trains several side by side (see `infoflow.models.stack`)
    initialise(generator)   draws its initial values
    moments(x, std)         of noisy networks: mean, covariance and shift of each observed layer given each input

Noise and dropout are modules that work with numbers that the training loop draws (see `infoflow.models.modules`).
"""

from __future__ import annotations

import importlib
from typing import Any

from infoflow.config.models import ModelSection


def build(section: ModelSection, input_shape: tuple[int, ...], classes: int | None = None) -> Any:
    """The network of a model section, for inputs of one shape; `classes` of the data fill a section's null."""
    options = section.model_dump(exclude={"kind"} | ({"noise_std"} if not section.noisy else set()))
    if "classes" in options and options["classes"] is None:
        options["classes"] = classes
    network = getattr(importlib.import_module(section.module), section.network.split(":")[1])
    return network(input_shape=input_shape, **options)
