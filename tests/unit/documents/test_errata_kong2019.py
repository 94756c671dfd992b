"""What is right where kong2019 slips."""

import math

import numpy as np
import pytest
from factories import config

from infoflow.estimators.noisy import continuous_inputs, scalar_chain

STD = 0.05
POINTS = [-3.0, -1.0, 1.0, 3.0]


def information(weight, bias, inputs=POINTS, probabilities=None, activation="tanh", std=STD, continuous=False):
    """I(X;T1) of one neuron, in nats."""
    probabilities = np.full(len(inputs), 1 / len(inputs)) if probabilities is None else probabilities
    found = scalar_chain([[weight]], [[bias]], [activation], inputs, probabilities, std, continuous=continuous)
    return float(found.value.squeeze())


def test_three_has_the_label_that_is_printed_for_one():
    four = config().datasets["four30"]
    assert dict(zip(four.values, four.targets, strict=True)) == {-3: -1, -1: -1, 1: -1, 3: 1}


def test_information_is_finite_by_the_noise_alone():
    values = []
    for std in (0.05, 0.005):
        inputs, probabilities = continuous_inputs("normal", std=0.5, resolution=std / 30)
        values.append(information(1.0, 0.0, inputs, probabilities, "linear", std, continuous=True))
        assert values[-1] == pytest.approx(0.5 * math.log(1 + (0.5 / std) ** 2), abs=1e-4)
    assert values[1] - values[0] == pytest.approx(math.log(10), abs=0.01)


def trained(epochs, *, accumulate, rate=5e-4, batch=25):
    """Weight and bias of the first network, by gradient descent on 30 samples in batches of 25 and 5."""
    rng = np.random.default_rng(0)
    x = rng.choice(POINTS, 30)
    y = np.where(x == 3, 1.0, -1.0)
    weights, gradient = np.zeros(2), np.zeros(2)
    for _ in range(epochs):
        for rows in (slice(0, batch), slice(batch, None)):
            s = np.tanh(weights[0] * x[rows] + weights[1])
            error = 2 * (s + STD * rng.standard_normal(len(s)) - y[rows]) * (1 - s**2)
            step = np.array([(error * x[rows]).mean(), error.mean()])
            gradient = gradient + step if accumulate else step
            weights = weights - rate * gradient
    return weights


def test_clusters_merge_in_200_epochs_with_accumulated_gradients_alone():
    four = math.log(4)
    assert information(*trained(200, accumulate=False)) == pytest.approx(four, abs=0.01)
    assert (
        information(*trained(200, accumulate=True)) < 1.5 * math.log(2) + 0.02
    )  # two of the four have merged, or three


def test_two_hard_clusters_of_the_mixture_hold_ln_two():
    inputs, probabilities = continuous_inputs("normal_mixture", std=0.5, resolution=0.0005)
    values = [information(w, 0.0, inputs, probabilities, continuous=True) for w in (2.0, 10.0, 100.0)]
    assert values[0] > 1.5  # the "1 nat" of the text lies on the way down
    assert values[0] > values[1] > values[2]
    assert values[2] == pytest.approx(math.log(2), abs=0.05)  # inputs within a hundredth of 0 are in neither cluster
