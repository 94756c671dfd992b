"""Convolutional networks: shapes, initial values, and error signals against one backward pass for each sample."""

import math

import factories
import pytest
import torch

from infoflow.errors import InputError
from infoflow.models import build
from infoflow.models.cnn import Cnn
from infoflow.recording.batches import layers_and_errors, mini_batches


def network(shape=(1, 28, 28), **options):
    given = {"filters": [6, 16], "dense": [120, 84], "classes": 10, "padding": [2, 0], "observe": "layers"}
    return Cnn(shape, **given | options)


def one_net(model, seed=0):
    return {k: v[0] for k, v in model.initialise([torch.Generator().manual_seed(seed)]).items()}


def test_the_baseline_is_lenet():
    model = network()
    assert model.shapes == {
        "C1": (6, 28, 28), "P1": (6, 14, 14), "C2": (16, 10, 10), "P2": (16, 5, 5), "F1": (120,), "F2": (84,),
    }  # fmt: skip
    assert model.maps == [6, 6, 16, 16, 1, 1]
    assert (
        sum(v.numel() for v in one_net(model).values()) == 61_706
    )  # with a full C2 in place of the sparse one of 1998


@pytest.mark.parametrize(("filters", "last"), [([6], (6, 14, 14)), ([6, 16], (16, 7, 7)), ([6, 16, 16], (16, 3, 3))])
def test_topologies_of_f4(filters, last):
    model = network(filters=filters, padding=[])
    assert model.shapes[f"P{len(filters)}"] == last
    output, observed = model.one(one_net(model), torch.rand(3, 1, 28, 28))
    assert output.shape == (3, 10)
    assert [tuple(t.shape[1:]) for t in observed] == list(model.shapes.values())


def test_size_channels_and_classes_come_from_the_data():
    model = build(factories.model(kind="cnn", filters=[4], dense=[5]), (3, 32, 32), 7)
    output, _ = model.one(one_net(model), torch.rand(2, 3, 32, 32))
    assert output.shape == (2, 7)


def test_images_too_small_are_refused():
    with pytest.raises(InputError, match="leave nothing of layer P2"):
        network(shape=(1, 8, 8), padding=[0, 0])


def test_initial_values_lie_in_their_bounds_and_fill_them():
    for initialisation, weight, bias in (
        ("uniform", 1 / math.sqrt(150), 0.0),
        ("default", 1 / math.sqrt(150), 1 / math.sqrt(150)),
        ("xavier", 4 * math.sqrt(6 / (150 + 400)), 0.0),
    ):
        parameters = one_net(network(initialisation=initialisation, gain=4.0))
        for name, bound in (("C2", weight), ("bC2", bias)):
            assert 0.8 * bound <= float(parameters[name].abs().max()) <= bound


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh"])
def test_error_signals_are_those_of_each_sample_alone(activation, pooling):
    model = network(filters=[2, 3], dense=[8, 6], activation=activation, pooling=pooling)
    parameters = {k: v.double() for k, v in one_net(model).items()}
    draw = torch.Generator().manual_seed(1)
    x = torch.rand(5, 1, 28, 28, generator=draw, dtype=torch.float64)
    y = torch.randint(10, (5,), generator=draw)
    values, errors = layers_and_errors(model, parameters, x, y, "cross_entropy")
    assert list(errors) == [*model.observed, "output"]
    output, observed = model.one(parameters, x)
    torch.testing.assert_close(errors["output"][:, 0], output.softmax(1) - torch.nn.functional.one_hot(y, 10))
    for i in range(5):
        alone, _ = layers_and_errors(model, parameters, x[i : i + 1], y[i : i + 1], "cross_entropy")
        for k, (layer, value) in enumerate(values.items()):
            torch.testing.assert_close(alone[layer][0], value[i])
            # a small step along one unit of the layer changes this sample's loss by δ (maxima over zeros have a kink)
            largest = int(value[i].argmax())
            for unit in {largest} if activation == "relu" else {largest, value[i].numel() // 2}:
                torch.testing.assert_close(
                    slope(model, parameters, observed, k, i, unit, y),
                    errors[layer][i].flatten()[unit],
                    rtol=1e-4,
                    atol=1e-8,
                )


def slope(model, parameters, observed, k, i, unit, y, step=1e-6):
    """Central difference of sample i's loss in one unit of layer k, by the layers above it."""
    losses = []
    for sign in (1, -1):
        t = observed[k][i : i + 1].clone()
        t.view(-1)[unit] += sign * step
        for name in model.observed[k + 1 :]:
            if name.startswith("P"):
                t = model.pool(t)
            elif name.startswith("C"):
                pad = model.padding[int(name[1:]) - 1]
                t = model.activation(torch.conv2d(t, parameters[name], parameters[f"b{name}"], padding=pad))
            else:
                t = model.activation(t.flatten(1) @ parameters[f"D{name[1:]}"].T + parameters[f"bD{name[1:]}"])
        last = len(model.dense)
        output = t.flatten(1) @ parameters[f"D{last}"].T + parameters[f"bD{last}"]
        losses.append(torch.nn.functional.cross_entropy(output, y[i : i + 1]))
    return (losses[0] - losses[1]) / (2 * step)


def test_probe_batches_hold_test_samples_once_each():
    split = torch.tensor([0] * 50 + [1] * 70)
    batches = mini_batches(split, 5, 20, torch.Generator().manual_seed(0))  # three fit the part
    assert batches.shape == (5, 20)
    assert bool((split[batches] == 1).all())
    assert len(batches[:3].unique()) == 60
    assert all(len(batch.unique()) == 20 for batch in batches)
    with pytest.raises(InputError, match="70 test samples"):
        mini_batches(split, 1, 71, torch.Generator())


@pytest.mark.parametrize(("pooling", "sides"), [("max", [14, 5]), ("average", [28, 10])])
def test_training_takes_the_activation_after_the_maximum(pooling, sides):
    model, seen = network(filters=[2, 3], pooling=pooling), []
    model.activation = lambda t: seen.append(t.shape[-1]) or torch.sigmoid(t)
    x = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    parameters = one_net(model)
    trained, _ = model.one(parameters, x, observe=False)
    assert seen[:2] == sides
    torch.testing.assert_close(trained, model.one(parameters, x)[0])
