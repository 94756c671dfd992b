"""Audio networks against torch.nn's layers, and the sizes that the document's layers have."""

import pytest
import torch
from torch import nn

from infoflow.errors import InputError
from infoflow.models.audio_cnn import AudioResNet, SimpleCnn


def _first(parameters):
    return {name: value[0] for name, value in parameters.items()}


def test_layers_of_a_published_clip_have_the_published_sizes():
    model = SimpleCnn((1, 128, 1290), 8, [4, 8, 16, 32], "tanh")
    assert [s[1] * s[2] for s in model.shapes.values()] == [10304, 2576, 648, 164]
    assert [shape[0] * shape[1] * shape[2] for shape in model.shapes.values()] == [41216, 20608, 10368, 5248]
    assert model.maps == [4, 8, 16, 32]


def _torch_simple(filters, classes):
    layers, channels = [], 1
    for k, out in enumerate(filters):
        options = (
            {"kernel_size": 8, "stride": 4, "padding": 2} if k == 0 else {"kernel_size": 3, "stride": 2, "padding": 1}
        )
        layers += [nn.Conv2d(channels, out, **options), nn.Tanh(), nn.BatchNorm2d(out)]
        channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def _copy(parameters, net, names, read_out):
    """Give a torch network our weights."""
    own = _first(parameters)
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        for (weight, norm), conv, bn in zip(names, convolutions, norms, strict=True):
            conv.weight.copy_(own[weight]), conv.bias.copy_(own[f"b{weight}"])
            bn.weight.copy_(own[f"gain_{norm}"]), bn.bias.copy_(own[f"shift_{norm}"])
        read_out.weight.copy_(own["D"]), read_out.bias.copy_(own["bD"])


def test_simple_cnn_trains_and_evaluates_as_torch_layers_do():
    generator = torch.Generator().manual_seed(0)
    model = SimpleCnn((1, 40, 50), 3, [4, 6, 5], "tanh")
    parameters = model.initialise([generator])
    parameters = {k: v.clone().requires_grad_() for k, v in parameters.items()}
    net = _torch_simple([4, 6, 5], 3)
    _copy(parameters, net, [(f"C{k}", str(k)) for k in (1, 2, 3)], net[-1])
    x = torch.randn(7, 1, 40, 50, generator=generator)
    model.training = True
    for _ in range(2):
        ours, theirs = model.forward(parameters, x[None], None)[0][0], net(x)
        assert torch.allclose(ours, theirs, atol=1e-5)
    ours.square().sum().backward(), theirs.square().sum().backward()
    assert torch.allclose(parameters["C1"].grad[0], net[0].weight.grad, atol=1e-4)
    assert parameters["mean_1"].grad is None
    assert torch.allclose(parameters["mean_2"][0], net[5].running_mean, atol=1e-6)
    assert torch.allclose(parameters["variance_3"][0], net[8].running_var, atol=1e-5)
    model.training = False
    net.eval()
    assert torch.allclose(model.forward(parameters, x[None], None)[0][0], net(x), atol=1e-5)
    observed = model.one(_first(parameters), x)[1]
    assert torch.allclose(observed[0], net[1](net[0](x)), atol=1e-6)  # before its normalisation


def test_a_residual_block_is_two_convolutions_beside_one():
    model = AudioResNet((1, 64, 70), 4, [3, 5], "relu")
    parameters = _first(model.initialise([torch.Generator().manual_seed(1)]))
    x = torch.randn(2, 1, 64, 70)
    output, observed = model.one(parameters, x)
    values = dict(zip(model.observed, observed, strict=True))
    assert output.shape == (2, 4)
    assert values["AvgPool"].shape == (2, 5, 7, 7)
    assert model.observed == ["S", "MaxPool", "R1.1", "R1.2", "R1.3", "R2.1", "R2.2", "R2.3", "R2.4", "AvgPool"]
    t, p = values["R1.3"], parameters
    scale = (1 + 1e-5) ** -0.5  # running mean 0 and variance 1
    inner = torch.relu(scale * nn.functional.conv2d(t, p["R2.1a"], p["bR2.1a"], 2, 1))
    inner = scale * nn.functional.conv2d(inner, p["R2.1b"], p["bR2.1b"], 1, 1)
    short = scale * nn.functional.conv2d(t, p["R2.1s"], p["bR2.1s"], 2)
    assert torch.allclose(values["R2.1"], torch.relu(inner + short), atol=1e-5)


def test_inputs_that_are_too_small_are_refused():
    with pytest.raises(InputError, match="first kernel"):
        SimpleCnn((1, 6, 50), 3, [4], "tanh")
    with pytest.raises(InputError, match="two stages"):
        AudioResNet((1, 64, 64), 3, [4], "tanh")
