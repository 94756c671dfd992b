"""The documents' objectives as pieces for anyone's loop."""

import pytest
import torch
from torch import nn

from infoflow.errors import InputError
from infoflow.estimators import renyi
from infoflow.training import RateDistortion, orthonormal_step


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 6), nn.Tanh(), nn.Linear(6, 3))


def gram(values, variance):
    return renyi.squared_distances(values.flatten(1).double()) / (2 * variance)


@pytest.mark.parametrize("alpha", [1.01, 2.0])
def test_the_rate_is_the_sum_of_the_layers_information(net, alpha):
    x = torch.randn(20, 1, 6, 6)
    output, rate = RateDistortion(net, ["1", "4"], variance=4.0, alpha=alpha, output=True)(x)
    assert torch.equal(output, net(x))
    layers = [net[:2](x), net[:5](x), output.softmax(-1)]
    side = renyi.side(gram(x, 4.0), alpha)
    total = 0.0
    for layer in layers:
        own = renyi.side(gram(layer, 4.0), alpha)
        joint = renyi.side(gram(x, 4.0) + gram(layer, 4.0), alpha)
        total += float(side.entropy + own.entropy - joint.entropy)
    tolerance = 1e-5 if alpha == 2 else 1e-9  # order 2 works in the type of the values
    assert float(rate) == pytest.approx(total, rel=tolerance)


def test_a_small_cnn_keeps_less_of_its_input_under_the_penalty():
    def trained(beta):
        torch.manual_seed(1)
        net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 6), nn.Tanh(), nn.Linear(6, 2))
        x = torch.randn(64, 1, 6, 6)
        y = (x.mean((1, 2, 3)) > 0).long()
        objective = RateDistortion(net, ["4"], variance=0.5)
        optimiser = torch.optim.Adam(net.parameters(), 0.02)
        for _ in range(60):
            optimiser.zero_grad()
            output, rate = objective(x)
            (rate + beta * nn.functional.cross_entropy(output, y)).backward()
            optimiser.step()
        return float(objective(x)[1])

    assert trained(1.0) < trained(1000.0)


@pytest.mark.parametrize(
    ("layers", "options", "message"),
    [
        (["9"], {"variance": 1.0}, "no module 9"),
        ([], {"variance": 1.0}, "layers: none"),
        (["1"], {"variance": 0.0}, "variance"),
        (["1"], {"variance": float("nan")}, "variance"),
    ],
)
def test_what_is_no_rate(net, layers, options, message):
    with pytest.raises(InputError, match=message):
        RateDistortion(net, layers, **options)


def test_the_step_makes_rows_orthonormal_but_not_those_of_the_read_out(net):
    readout = net[5].weight.clone()
    for _ in range(400):
        orthonormal_step(net, 0.1)
    for weight in (net[0].weight.flatten(1), net[3].weight):
        torch.testing.assert_close(weight @ weight.T, torch.eye(len(weight)), atol=1e-4, rtol=0)
    assert torch.equal(net[5].weight, readout)


def test_the_step_reaches_every_memory_format_and_leaves_embeddings_alone():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3, 2)).to(memory_format=torch.channels_last)
    net.register_parameter("places", nn.Parameter(torch.ones(4, 4)))
    before = net[0].weight.clone()
    orthonormal_step(net, 0.1)
    assert not torch.equal(net[0].weight, before)
    assert torch.equal(net.places, torch.ones(4, 4))


def test_a_compiled_model_is_refused(net):
    with pytest.raises(InputError, match="it is compiled"):
        RateDistortion(torch.compile(net, backend="eager"), ["1"], variance=1.0)


def test_the_step_is_the_formula(net):
    w = net[3].weight.detach().clone()
    orthonormal_step(net, 0.01)
    torch.testing.assert_close(net[3].weight.detach(), w - 0.01 * (w @ w.T @ w - w))
    with pytest.raises(InputError, match="strength"):
        orthonormal_step(net, -1.0)
