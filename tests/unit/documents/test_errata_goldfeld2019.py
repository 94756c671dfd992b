"""What is right where goldfeld2019 and its released run slip."""

import math

import numpy as np
import pytest
from scipy import stats

from infoflow.documents.goldfeld2019.constants import RELEASED
from infoflow.estimators.noisy import scalar_chain


def test_inputs_drawn_with_replacement_lower_the_bound():
    times = np.arange(1, 60)
    expected = math.log(4096) - (stats.poisson.pmf(times, 1) * times * np.log(times)).sum()
    drawn = np.bincount(np.random.default_rng(0).integers(4096, size=4096))
    share = drawn[drawn > 0] / 4096
    assert expected == pytest.approx(7.744, abs=5e-4)
    assert -(share * np.log(share)).sum() == pytest.approx(expected, abs=0.03)
    assert math.log(4096) == pytest.approx(8.318, abs=5e-4)


def test_no_deeper_layer_holds_more():
    inputs = np.linspace(-1, 1, 16)
    weights, biases = [[2.0, 1.5, 3.0]], [[0.0, 0.2, -0.1]]
    found = scalar_chain(weights, biases, ["tanh"] * 3, inputs, np.full(16, 1 / 16), 0.05).value.squeeze().tolist()
    assert found[0] > found[1] > found[2]


def test_the_released_run_falls_after_its_second_peak():
    t5 = {epoch: values[1] for epoch, values in RELEASED.items()}
    later = [epoch for epoch in t5 if epoch >= 72]
    assert max(later, key=t5.get) == 509
    assert all(t5[a] < t5[b] for a, b in ((72, 291), (291, 509)))
    assert all(t5[a] > t5[b] for a, b in ((509, 1177), (1177, 2983), (2983, 9999)))
