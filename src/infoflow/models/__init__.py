"""Stacked networks: one module a family; every tensor has a leading axis over the networks of the ensemble.

A family is a class with

    observed                                layer names, in order, that carry noise and are recorded
    noise_units                             noise values one input needs, all observed layers together
    initialise(generators)                  {parameter: (nets, …)}, one generator a network
    forward(parameters, x, noise)           output (nets, batch, classes), observed values [(nets, batch, width)]
    moments(parameters, x, std)             {layer: Moments(mean, covariance, shift)} of one network

`noise` has shape (nets, noise_units, batch), already scaled by its standard deviation, or is None.
A family whose layers act otherwise while it trains has `training`, which the training stage switches.
"""

from typing import Any

from infoflow.models.audio_cnn import AudioResNet, SimpleCnn
from infoflow.models.cnn import Cnn
from infoflow.models.deep_cnn import ResNet18, Vgg11
from infoflow.models.mlp import Mlp
from infoflow.models.recurrent import Recurrent

FAMILIES = {
    "mlp": Mlp, "recurrent": Recurrent, "cnn": Cnn, "vgg11": Vgg11, "resnet18": ResNet18, "simple_cnn": SimpleCnn, "audio_resnet": AudioResNet,
}  # fmt: skip
Network = Mlp | Recurrent | Cnn | Vgg11 | ResNet18 | SimpleCnn | AudioResNet


def build(settings: dict[str, Any], input_shape: tuple[int, ...], classes: int | None = None) -> Network:
    """The stacked network of a model section, for inputs of one shape; `classes` of the data fill a section's null."""
    options = {k: v for k, v in settings.items() if k not in {"kind", "noise_std"}}
    if "classes" in options and options["classes"] is None:
        options["classes"] = classes
    return FAMILIES[settings["kind"]](input_shape=input_shape, **options)
