"""What the errata of padova2023 say is right."""

import math

import numpy as np
import pytest
import torch
from scipy.special import digamma

from infoflow.data.standins.music import GENRES
from infoflow.documents.padova2023.constants import PUBLISHED_KDE, PUBLISHED_KNN
from infoflow.estimation.layers import as_published
from infoflow.estimators import binning, kde, knn
from infoflow.models.audio_cnn import AudioResNet

MAPS = {"T1": 10304, "T2": 2576, "T3": 648, "T4": 164}  # numbers in a map
EMPTY = 0.239 * math.log2(1e-16)  # bits a dimension that 239 of 1000 empty rows add


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_four_maps_make_the_size_of_the_first_layers_entropy():
    sizes = {maps: maps * MAPS["T1"] * EMPTY / PUBLISHED_KNN["T1"] for maps in (4, 8, 16, 32)}
    assert [maps for maps, ratio in sizes.items() if ratio == pytest.approx(1, abs=0.05)] == [4]


def test_empty_rows_make_the_sizes_of_the_entropies():
    floors = [maps * MAPS[layer] * EMPTY / 1000 for layer, maps in zip(MAPS, (4, 8, 16, 32), strict=True)]
    assert floors == pytest.approx([-523.6, -261.8, -131.7, -66.7], abs=0.05)
    assert all(floor / (value / 1000) > 0.9 for floor, value in zip(floors, PUBLISHED_KNN.values(), strict=True))


def test_the_plateau_tells_the_number_of_rows():
    def plateau(rows, empty):
        return math.log2(rows) - empty / rows * math.log2(empty)

    fitting = [m for m in range(2, 1000) if abs(plateau(1000, m) - PUBLISHED_KDE) < 1e-6]
    assert fitting == [79 + 160]
    assert 761 + 79 + 160 == 1000
    assert plateau(8000, 1600) > PUBLISHED_KDE + 2


def test_the_kernel_estimate_falls_with_the_variance():
    values = [float(kde.input_information(normal(60, 2), variance, "upper")) for variance in (0.01, 0.1, 1.0)]
    assert values[0] > values[1] + 0.1 > values[2] + 0.2


def test_the_entropy_hangs_on_the_width():
    activity = normal(400, 3).tanh()
    values = [float(binning.entropy(activity, width, pooled=True)) for width in (0.005, 0.05, 0.07)]
    assert values[0] > values[1] + 1 > values[2] + 1.2


def test_pooled_activations_have_a_ceiling_of_their_own():
    activity = torch.rand(500, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    assert float(binning.entropy(activity, 0.05, pooled=True)) == pytest.approx(math.log(40), abs=0.01)
    assert float(binning.entropy(activity, 0.05)) == pytest.approx(math.log(500))


def test_239_rows_stay_empty_and_79_are_overwritten():
    right = torch.arange(1.0, 1001.0)[:, None]
    rows = as_published(right, [761, 79])
    assert int((rows == 0).sum()) == 239
    assert torch.equal(rows[:79], right[761:840])
    assert torch.equal(rows[79:761], right[79:761])


def test_digammas_in_nats_are_no_bits():
    nats = float(knn.entropy(normal(200, 3), 2))
    digammas = digamma(200) - digamma(2)
    printed = (nats - digammas) / math.log(2) + digammas
    assert printed == pytest.approx(nats / math.log(2) - digammas * (1 / math.log(2) - 1))
    assert abs(printed - nats) > 0.2
    assert abs(printed - nats / math.log(2)) > 2


def test_where_the_residual_network_pools():
    x, order = torch.zeros(1, 1, 64, 64), []
    network = AudioResNet((1, 64, 64), 8, [2, 4], "relu").eval()
    for name, module in network.layers.items():
        network.get_submodule(module).register_forward_hook(lambda *_, name=name: order.append(name))
    network(x)
    assert order[:2] == ["S", "MaxPool"]
    assert order[-1] == "AvgPool"
    assert order[2:-1] == [f"R{stage}.{k}" for stage, count in ((1, 3), (2, 4)) for k in range(1, count + 1)]


def test_genres_of_the_small_archive():
    assert len(GENRES) == 8
    assert not {"classical", "metal"} & {name.lower() for name in GENRES}


def test_information_weighs_the_classes():
    y = torch.tensor([0] * 8 + [1] * 2)
    activity = torch.arange(10, dtype=torch.float64)[:, None]  # each row alone in its bin: I(T;Y) = H(Y)
    whole, information = binning.entropy_and_information(activity, y, 1.0)
    within = [float(binning.entropy(activity[y == k], 1.0)) for k in (0, 1)]
    assert float(information) == pytest.approx(float(whole) - 0.8 * within[0] - 0.2 * within[1])
    assert float(information) == pytest.approx(-0.8 * math.log(0.8) - 0.2 * math.log(0.2))
    assert float(whole) - sum(within) < 0


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_a_step_of_adam_is_none_of_descent(size):
    moved = []
    for optimiser in (torch.optim.Adam, torch.optim.SGD):
        weight = torch.nn.Parameter(torch.zeros(1))
        weight.grad = torch.tensor([size])
        optimiser([weight], lr=0.01).step()
        moved.append(-weight.item())
    assert moved == pytest.approx([0.01, 0.01 * size], rel=1e-4)


def test_a_difference_of_lower_bounds_is_no_bound():
    t, y = np.array([0, 0, 2.5, 2.5, 2.5, 0, 2.5, 0]), np.array([1, 0, 1, 0, 0, 1, 0, 1])
    grid = np.arange(-5, 8, 0.005)

    def entropy(centres):  # of a mixture of normals with variance 0.25
        density = np.exp(-((grid[:, None] - centres) ** 2) / 0.5).mean(1) / math.sqrt(0.5 * math.pi)
        return -float((density * np.log(density)).sum() * 0.005)

    truth = entropy(t) - sum((y == k).mean() * entropy(t[y == k]) for k in (0, 1))
    given = torch.tensor(t[:, None]), torch.tensor(y), 0.25
    assert float(kde.label_information(*given, "lower")) > truth + 1e-3
    assert float(kde.label_information(*given, "rigorous_lower")) < truth


def test_the_upper_bound_lies_below_the_information_of_many_dimensions():
    truth = 5 * math.log(1 + 1 / 0.01)  # X normal in ten dimensions, noise variance 0.01
    assert truth == pytest.approx(23.1, abs=0.05)
    for samples in (128, 500):
        assert float(kde.input_information(normal(samples, 10), 0.01, "upper")) <= math.log(samples) < truth
