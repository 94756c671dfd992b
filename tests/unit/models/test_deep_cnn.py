"""VGG-11 and ResNet-18 against torch.nn's layers."""

import factories
import pytest
import torch
from factories import started
from torch import nn

from infoflow.errors import InputError
from infoflow.models import build
from infoflow.models.hooks import capture


def network(kind, shape=(1, 28, 28)):
    options = {"vgg11": {"filters": [2, 3, 4, 5, 6], "dense": [7, 6]}, "resnet18": {"filters": [2, 3, 4, 5]}}[kind]
    return build(factories.model(kind=kind, **options), shape, 4)


def normed(inp, out, side=3, stride=1):
    return nn.Conv2d(inp, out, side, stride, side // 2), nn.BatchNorm2d(out)


def torch_vgg(dense=(7, 6)):
    """Configuration A of Simonyan & Zisserman, M a pooling."""
    layers, channels = [nn.ZeroPad2d(2)], 1
    for out in (2, "M", 3, "M", 4, 4, "M", 5, 5, "M", 6, 6, "M"):
        layers += [nn.MaxPool2d(2)] if out == "M" else [*normed(channels, out), nn.ReLU()]
        channels = channels if out == "M" else out
    layers.append(nn.Flatten())
    for inp, out in zip([channels, *dense], dense, strict=False):
        layers += [nn.Linear(inp, out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(dense[-1], 4))


class Block(nn.Module):
    def __init__(self, inp, out, stride):
        super().__init__()
        self.inner = nn.Sequential(*normed(inp, out, stride=stride), nn.ReLU(), *normed(out, out))
        self.short = nn.Sequential(*normed(inp, out, 1, 2)) if stride == 2 else nn.Identity()

    def forward(self, t):
        return torch.relu(self.inner(t) + self.short(t))


def torch_resnet():
    layers, inp = [nn.ZeroPad2d(2), *normed(1, 2), nn.ReLU()], 2
    for stage, out in enumerate((2, 3, 4, 5), start=1):
        for block in (1, 2):
            layers.append(Block(inp, out, 2 if block == 1 and stage > 1 else 1))
            inp = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4))


@pytest.mark.parametrize("kind", ["vgg11", "resnet18"])
def test_it_trains_and_evaluates_as_torch_layers_do(kind):
    model, net = started(network(kind)), torch_vgg() if kind == "vgg11" else torch_resnet()
    with torch.no_grad():
        for ours, theirs in zip(model.parameters(), net.parameters(), strict=True):
            theirs.copy_(ours)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules()) == {"vgg11": 11, "resnet18": 21}[kind]
    x = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    for _ in range(2):
        assert torch.allclose(model(x), net(x), atol=1e-4)
    model(x).square().sum().backward(), net(x).square().sum().backward()
    ours, theirs = (next(iter(one.parameters())).grad for one in (model, net))
    assert torch.allclose(ours, theirs, atol=1e-3 * float(theirs.abs().max()))
    model.eval(), net.eval()
    assert torch.allclose(model(x), net(x), atol=1e-4)


@pytest.mark.parametrize("kind", ["vgg11", "resnet18"])
def test_each_observed_layer_is_made_from_the_one_before(kind):
    """The output's gradient reaches every observed layer: they are one chain."""
    model = started(
        network(kind)
    )  # in training: running values of an untrained network let its layers shrink to nothing
    with capture(model, model.layers) as values:
        output = model(torch.rand(5, 1, 28, 28))
    gradients = torch.autograd.grad(output.square().sum(), list(values.values()))
    assert all(bool(g.any()) for g in gradients)
    assert len(model.layers) == 10
    sides = [t.shape[-1] for t in values.values() if t.dim() == 4]
    assert sides == {"vgg11": [32, 16, 8, 8, 4, 4, 2, 2], "resnet18": [32, 32, 32, 16, 16, 8, 8, 4, 4]}[kind]


@pytest.mark.parametrize("kind", ["vgg11", "resnet18"])
def test_images_that_are_too_large_are_refused(kind):
    with pytest.raises(InputError, match="at most 32"):
        network(kind, (3, 40, 32))
