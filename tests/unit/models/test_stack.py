"""Stacks against their networks one by one: outputs, layers, gradients, noise, masks and states."""

import copy

import pytest
import torch
from factories import model, started

from infoflow.models import build
from infoflow.models.hooks import capture
from infoflow.models.modules import Dropout, GaussianNoise, handed

NETWORKS = {
    "mlp": ({"layers": [6, 5, 4, 3], "activations": ["tanh", "relu", "linear"], "noise_std": 0.1}, (6,)),
    "recurrent": ({"hidden": 3, "noise_std": 0.1}, (4,)),
    "cnn": ({"filters": [2, 3], "dense": [5], "noise_std": 0.1, "activation": "tanh"}, (1, 12, 12)),
    "vgg11": ({"filters": [2, 2, 3, 3, 4], "dense": [5]}, (1, 16, 16)),
    "resnet18": ({"filters": [2, 2, 3, 4]}, (1, 16, 16)),
    "simple_cnn": ({"filters": [2, 3]}, (1, 24, 30)),
    "audio_resnet": ({"filters": [2, 3]}, (1, 40, 40)),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_stack_is_its_networks_side_by_side(kind):
    options, shape = NETWORKS[kind]
    networks = [started(build(model(kind=kind, **options), shape, 3), seed) for seed in range(3)]
    stack = networks[0].stack([copy.deepcopy(one) for one in networks])
    draw = torch.Generator().manual_seed(9)
    x = torch.randn(3, 7, *shape, generator=draw)
    noise = 0.1 * torch.randn(3, stack.noise_units, 7, generator=draw)
    masks = 2.0 * (torch.rand(3, stack.mask_units, 7, generator=draw) < 0.5)
    output, values = stack(x, noise, masks, keep=list(stack.layers))
    output.square().sum().backward()
    for i, one in enumerate(networks):
        with handed(one, GaussianNoise, noise[i]), handed(one, Dropout, masks[i]), capture(one, one.layers) as alone:
            own = one(x[i])
        torch.testing.assert_close(output[i], own, rtol=1e-4, atol=1e-5)
        for name in one.layers:
            torch.testing.assert_close(values[name][i], alone[name], rtol=1e-4, atol=1e-5)
        own.square().sum().backward()
        norm = sum(float(parameter.grad.square().sum()) for parameter in one.parameters())
        stacked = sum(
            float((p.grad if net == i else p.grad[i]).square().sum()) for p, net in stack.owned() if net in (None, i)
        )
        assert stacked == pytest.approx(norm, rel=1e-3)
    state = stack.stacked()
    for i, one in enumerate(networks):
        # batch normalisation has seen one pass in both
        torch.testing.assert_close({name: value[i] for name, value in state.items()}, dict(one.state_dict()))
    weights = [parameter.numel() for parameter in networks[0].parameters() if parameter.dim() > 1]
    assert [sum(w.numel() for w in blocks) for blocks in stack.matrices()] == [3 * count for count in weights]


@pytest.mark.parametrize("kind", ["mlp", "recurrent"])
def test_moments_are_those_of_many_noisy_passes(kind):
    """Mean and covariance at small noise, for which linearising is exact enough, from 20 000 passes of one input."""
    options, shape = NETWORKS[kind]
    one = started(build(model(kind=kind, **options), shape, 3)).double()
    x = torch.rand(1, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 0.3
    std, passes = 0.01, 20_000
    draw = torch.Generator().manual_seed(2)
    units = one.stack([one]).noise_units
    noise = std * torch.randn(units, passes, generator=draw, dtype=torch.float64)
    with torch.no_grad(), handed(one, GaussianNoise, noise), capture(one, one.layers) as values:
        one(x.expand(passes, *shape))
    for layer, moments in one.moments(x, std).items():
        sample = values[layer]
        error = sample.std(0) / passes**0.5
        assert bool(((sample.mean(0) - moments.mean[0] - moments.shift[0]).abs() < 6 * error).all())
        scale = moments.covariance[0].diagonal().max()
        # the standard error of a covariance is about scale · sqrt(2 / passes)
        assert float((sample.T.cov() - moments.covariance[0]).abs().max()) < 6 * float(scale) * (2 / passes) ** 0.5
