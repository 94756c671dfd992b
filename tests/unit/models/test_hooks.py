"""Layers of any module by hooks: tuples, several calls, activations in place, modules that are not called."""

import pytest
import torch
from torch import nn

from infoflow.errors import InputError
from infoflow.models.hooks import capture, layer_shapes


class Odd(nn.Module):
    """A network with everything that hooks have to cope with."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)
        self.linear, self.relu = nn.Linear(4, 4), nn.LeakyReLU(0.1, inplace=True)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        states, _ = self.lstm(x)
        t = self.relu(self.linear(states[:, -1]))
        return self.relu(self.linear(t) - 0.1)


def test_values_are_those_that_the_modules_return():
    torch.manual_seed(0)
    net, x = Odd(), torch.randn(5, 7, 3)
    layers = {"states": "lstm", "last": "lstm[1]", "linear": "linear", "again": "linear#2", "relu": "relu#2"}
    with capture(net, layers) as values:
        output = net(x)
    states, (last, _) = net.lstm(x)
    first = net.linear(states[:, -1])
    assert torch.equal(values["states"], states)
    assert torch.equal(values["last"], last)
    assert torch.equal(values["linear"], first)  # not what the activation in place made of it
    assert bool((values["linear"] < 0).any())
    torch.testing.assert_close(values["again"], net.linear(nn.functional.leaky_relu(first, 0.1)))
    assert torch.equal(values["relu"], output)
    assert not net.linear._forward_hooks


def test_gradients_with_respect_to_what_is_kept_exist():
    torch.manual_seed(0)
    net, x = Odd(), torch.randn(5, 7, 3)
    with capture(net, {"linear": "linear", "out": ""}) as values:
        output = net(x)
    of_layer, of_output = torch.autograd.grad(output.square().sum(), [values["linear"], values["out"]])
    torch.testing.assert_close(of_output, 2 * output)
    assert bool(of_layer.any())


def test_what_is_not_there_is_named():
    net, x = Odd(), torch.randn(5, 7, 3)
    with (
        pytest.raises(InputError, match="no module lin; it has lstm, linear, relu, unused"),
        capture(net, {"a": "lin"}),
    ):
        pass
    with capture(net, {"u": "unused", "third": "relu#3"}) as values:
        net(x)
    with pytest.raises(InputError, match=r"layer u \(module unused\): no pass calls it"):
        values["u"]
    with pytest.raises(InputError, match="called 2 times"):
        values["third"]
    with pytest.raises(InputError, match=r"layer last: returns \(1, 5, 4\) for 5 samples"):
        layer_shapes(net, {"last": "lstm[1]"}, x)
