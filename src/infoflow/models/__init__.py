"""Stacked networks: one module a family; every tensor has a leading axis over the networks of the ensemble.

A family is a class with

    observed                                layer names, in order, that carry noise and are recorded
    noise_units                             noise values one input needs, all observed layers together
    initialise(generators)                  {parameter: (nets, …)}, one generator a network
    forward(parameters, x, noise)           output (nets, batch, classes), observed values [(nets, batch, width)]
    moments(parameters, x, std)             {layer: Moments(mean, covariance, shift)} of one network

`noise` has shape (nets, noise_units, batch), already scaled by its standard deviation, or is None. Families with
train-time behaviour (batch norm) expose `training`, which the training stage switches.
"""

from __future__ import annotations

import importlib
from typing import Any

from infoflow.config.models import ModelSection


def build(section: ModelSection, input_shape: tuple[int, ...], classes: int | None = None) -> Any:
    """The stacked network of a model section, for inputs of one shape; `classes` of the data fill a section's null."""
    options = section.model_dump(exclude={"kind", "noise_std"})
    if "classes" in options and options["classes"] is None:
        options["classes"] = classes
    network = getattr(importlib.import_module(section.module), section.network.split(":")[1])
    return network(input_shape=input_shape, **options)
