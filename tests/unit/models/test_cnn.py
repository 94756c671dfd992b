"""Convolutional networks: shapes, initial values, and the activation that training takes after the maximum."""

import math

import factories
import pytest
import torch
from factories import started

from infoflow.errors import InputError
from infoflow.models import build
from infoflow.models.cnn import Cnn, MaxPool
from infoflow.models.hooks import capture, layer_shapes


def network(shape=(1, 28, 28), **options):
    given = {"filters": [6, 16], "dense": [120, 84], "classes": 10, "padding": [2, 0], "observe": "layers"}
    return Cnn(shape, **given | options)


def shapes(model):
    return layer_shapes(model, model.layers, torch.zeros(1, 1, 28, 28))


def test_the_baseline_is_lenet():
    model = network()
    assert shapes(model) == {
        "C1": (6, 28, 28), "P1": (6, 14, 14), "C2": (16, 10, 10), "P2": (16, 5, 5), "F1": (120,), "F2": (84,),
    }  # fmt: skip
    # with a full C2 in place of the sparse one of 1998
    assert sum(value.numel() for value in model.parameters()) == 61_706


@pytest.mark.parametrize(("filters", "last"), [([6], (6, 14, 14)), ([6, 16], (16, 7, 7)), ([6, 16, 16], (16, 3, 3))])
def test_topologies_of_f4(filters, last):
    model = network(filters=filters, padding=[])
    assert shapes(model)[f"P{len(filters)}"] == last
    assert model(torch.rand(3, 1, 28, 28)).shape == (3, 10)


def test_size_channels_and_classes_come_from_the_data():
    model = build(factories.model(kind="cnn", filters=[4], dense=[5]), (3, 32, 32), 7)
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 7)
    assert list(model.layers) == ["T1", "T2"]


def test_images_too_small_are_refused():
    with pytest.raises(InputError, match="leave nothing of layer P2"):
        network(shape=(1, 8, 8), padding=[0, 0])


def test_initial_values_lie_in_their_bounds_and_fill_them():
    for initialisation, weight, bias in (
        ("uniform", 1 / math.sqrt(150), 0.0),
        ("default", 1 / math.sqrt(150), 1 / math.sqrt(150)),
        ("xavier", 4 * math.sqrt(6 / (150 + 400)), 0.0),
    ):
        convolution = started(network(initialisation=initialisation, gain=4.0)).conv2
        for value, bound in ((convolution.weight, weight), (convolution.bias, bias)):
            assert 0.8 * bound <= float(value.detach().abs().max()) <= bound


@pytest.mark.parametrize(("pooling", "sides"), [("max", [14, 5]), ("average", [28, 10])])
def test_training_takes_the_activation_after_the_maximum(pooling, sides):
    model, seen = started(network(filters=[2, 3], pooling=pooling)), []
    for k in (1, 2):
        getattr(model, f"C{k}").activation.function = lambda t: seen.append(t.shape[-1]) or torch.sigmoid(t)
    x = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    trained = model(x)
    assert seen == sides
    with capture(model, model.layers):
        torch.testing.assert_close(trained, model(x))
    assert seen[2:] == [28, 10]


def test_the_pooling_is_torchs_with_its_gradient():
    x = torch.randn(3, 2, 7, 9, generator=torch.Generator().manual_seed(0)).requires_grad_()
    ours, theirs = MaxPool()(x), torch.nn.functional.max_pool2d(x, 2)
    assert torch.equal(ours, theirs)
    (mine,), (other,) = (torch.autograd.grad(t.square().sum(), x) for t in (ours, theirs))
    assert torch.equal(mine, other)
