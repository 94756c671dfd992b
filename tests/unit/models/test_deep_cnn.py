"""VGG-11 and ResNet-18 against torch.nn's layers."""

import factories
import pytest
import torch
from torch import nn

from infoflow.errors import InputError
from infoflow.models import build


def network(kind, shape=(1, 28, 28), **options):
    filters = {"vgg11": [2, 3, 4, 5, 6], "resnet18": [2, 3, 4, 5]}[kind]
    return build(factories.model(kind=kind, filters=filters, **options), shape, 4)


def started(model, seed=0):
    return {name: value[0] for name, value in model.initialise([torch.Generator().manual_seed(seed)]).items()}


def load(parameters, layers):
    """Give torch layers, by name, our weights."""
    with torch.no_grad():
        for name, (layer, norm) in layers.items():
            layer.weight.copy_(parameters[name]), layer.bias.copy_(parameters[f"b{name}"])
            if norm:
                norm.weight.copy_(parameters[f"gain_{name}"]), norm.bias.copy_(parameters[f"shift_{name}"])


def normed(inp, out, side=3, stride=1):
    return nn.Conv2d(inp, out, side, stride, side // 2), nn.BatchNorm2d(out)


def torch_vgg(dense):
    """Configuration A of Simonyan & Zisserman, M a pooling."""
    layers, named, channels, k = [nn.ZeroPad2d(2)], {}, 1, 0
    for out in (2, "M", 3, "M", 4, 4, "M", 5, 5, "M", 6, 6, "M"):
        if out == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        k += 1
        named[f"C{k}"] = normed(channels, out)
        layers += [*named[f"C{k}"], nn.ReLU()]
        channels = out
    layers.append(nn.Flatten())
    for k, (inp, out) in enumerate(zip([channels, *dense], dense, strict=False), start=1):
        named[f"F{k}"] = (nn.Linear(inp, out), None)
        layers += [named[f"F{k}"][0], nn.ReLU()]
    named["D"] = (nn.Linear(dense[-1], 4), None)
    return nn.Sequential(*layers, named["D"][0]), named


class Block(nn.Module):
    def __init__(self, name, inp, out, stride, named):
        super().__init__()
        a, b = normed(inp, out, stride=stride), normed(out, out)
        named |= {f"{name}a": a, f"{name}b": b}
        self.inner, self.short = nn.Sequential(*a, nn.ReLU(), *b), nn.Identity()
        if stride == 2:
            named[f"{name}s"] = normed(inp, out, 1, 2)
            self.short = nn.Sequential(*named[f"{name}s"])

    def forward(self, t):
        return torch.relu(self.inner(t) + self.short(t))


def torch_resnet():
    named = {"S": normed(1, 2)}
    layers, inp = [nn.ZeroPad2d(2), *named["S"], nn.ReLU()], 2
    for stage, out in enumerate((2, 3, 4, 5), start=1):
        for block in (1, 2):
            layers.append(Block(f"R{stage}.{block}", inp, out, 2 if block == 1 and stage > 1 else 1, named))
            inp = out
    named["D"] = (nn.Linear(5, 4), None)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), named["D"][0]), named


@pytest.mark.parametrize("kind", ["vgg11", "resnet18"])
def test_it_trains_and_evaluates_as_torch_layers_do(kind):
    options = {"dense": [7, 6]} if kind == "vgg11" else {}
    model = network(kind, **options)
    own = {name: value[None].clone().requires_grad_() for name, value in started(model).items()}
    net, named = torch_vgg([7, 6]) if kind == "vgg11" else torch_resnet()
    load({name: value[0] for name, value in own.items()}, named)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules()) == {"vgg11": 11, "resnet18": 21}[kind]
    x = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    model.training = True
    for _ in range(2):
        ours, theirs = model.forward(own, x[None], None)[0][0], net(x)
        assert torch.allclose(ours, theirs, atol=1e-4)
    ours.square().sum().backward(), theirs.square().sum().backward()
    first = "C1" if kind == "vgg11" else "S"
    expected = named[first][0].weight.grad
    assert torch.allclose(own[first].grad[0], expected, atol=1e-3 * float(expected.abs().max()))
    model.training = False
    net.eval()
    ours = model.one({name: value[0] for name, value in own.items()}, x)[0]
    assert torch.allclose(ours, net(x), atol=1e-4)


@pytest.mark.parametrize("kind", ["vgg11", "resnet18"])
def test_each_observed_layer_is_made_from_the_one_before(kind):
    """The output's gradient reaches every observed layer: they are one chain, and maps of dense layers count as one."""
    model = network(kind, **({"dense": [7, 6]} if kind == "vgg11" else {}))
    own = {name: value.requires_grad_() for name, value in started(model).items()}
    model.training = True  # running values of an untrained network would let its layers shrink to nothing
    output, observed = model.one(own, torch.rand(5, 1, 28, 28))
    gradients = torch.autograd.grad(output.square().sum(), observed)
    assert all(bool(g.any()) for g in gradients)
    assert len(model.observed) == len(observed) == 10
    sides = [t.shape[-1] for t in observed if t.dim() == 4]
    assert sides == {"vgg11": [32, 16, 8, 8, 4, 4, 2, 2], "resnet18": [32, 32, 32, 16, 16, 8, 8, 4, 4]}[kind]
    assert [m for m, t in zip(model.maps, observed, strict=True) if t.dim() == 2] == [1] * sum(
        t.dim() == 2 for t in observed
    )


@pytest.mark.parametrize("kind", ["vgg11", "resnet18"])
def test_images_that_are_too_large_are_refused(kind):
    with pytest.raises(InputError, match="at most 32"):
        network(kind, (3, 40, 32), **({"dense": [7]} if kind == "vgg11" else {}))
