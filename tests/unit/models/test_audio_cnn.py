"""Audio networks against torch.nn's layers, and the sizes that the document's layers have."""

import math

import pytest
import torch
from factories import started
from torch import nn

from infoflow.errors import InputError
from infoflow.models.audio_cnn import AudioResNet, SimpleCnn
from infoflow.models.hooks import capture, layer_shapes


def test_layers_of_a_published_clip_have_the_published_sizes():
    model = SimpleCnn((1, 128, 1290), 8, [4, 8, 16, 32], "tanh")
    shapes = layer_shapes(model, model.layers, torch.zeros(1, 1, 128, 1290)).values()
    assert [s[1] * s[2] for s in shapes] == [10304, 2576, 648, 164]
    assert [math.prod(shape) for shape in shapes] == [41216, 20608, 10368, 5248]


def _torch_simple(filters, classes):
    layers, channels = [], 1
    for k, out in enumerate(filters):
        options = (
            {"kernel_size": 8, "stride": 4, "padding": 2} if k == 0 else {"kernel_size": 3, "stride": 2, "padding": 1}
        )
        layers += [nn.Conv2d(channels, out, **options), nn.Tanh(), nn.BatchNorm2d(out)]
        channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def test_simple_cnn_is_the_chain_of_torch_layers():
    model, net = started(SimpleCnn((1, 40, 50), 3, [4, 6, 5], "tanh")), _torch_simple([4, 6, 5], 3)
    with torch.no_grad():
        for ours, theirs in zip(model.parameters(), net.parameters(), strict=True):
            theirs.copy_(ours)
    x = torch.randn(7, 1, 40, 50, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        assert torch.allclose(model(x), net(x), atol=1e-5)
    model(x).square().sum().backward(), net(x).square().sum().backward()
    assert torch.allclose(model.T1[0].weight.grad, net[0].weight.grad, atol=1e-4)
    assert torch.allclose(model.norm2.running_mean, net[5].running_mean, atol=1e-6)
    model.eval(), net.eval()
    with capture(model, model.layers) as values:
        assert torch.allclose(model(x), net(x), atol=1e-5)
    assert torch.allclose(values["T1"], net[1](net[0](x)), atol=1e-6)  # before its normalisation


def test_a_residual_block_is_two_convolutions_beside_one():
    model = started(AudioResNet((1, 64, 70), 4, [3, 5], "relu"), 1).eval()
    assert list(model.layers) == ["S", "MaxPool", "R1.1", "R1.2", "R1.3", "R2.1", "R2.2", "R2.3", "R2.4", "AvgPool"]
    with capture(model, model.layers) as values:
        assert model(torch.randn(2, 1, 64, 70)).shape == (2, 4)
    assert values["AvgPool"].shape == (2, 5, 7, 7)
    t, block = values["R1.3"], model.stages[1][0]
    scale = (1 + 1e-5) ** -0.5  # running mean 0 and variance 1
    inner = torch.relu(scale * nn.functional.conv2d(t, block.first.weight, block.first.bias, 2, 1))
    inner = scale * nn.functional.conv2d(inner, block.second.weight, block.second.bias, 1, 1)
    short = scale * nn.functional.conv2d(t, block.beside.weight, block.beside.bias, 2)
    assert torch.allclose(values["R2.1"], torch.relu(inner + short), atol=1e-5)


def test_inputs_that_are_too_small_are_refused():
    with pytest.raises(InputError, match="first kernel"):
        SimpleCnn((1, 6, 50), 3, [4], "tanh")
    with pytest.raises(InputError, match="two stages"):
        AudioResNet((1, 64, 64), 3, [4], "tanh")
