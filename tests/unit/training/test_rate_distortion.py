"""The rate–distortion loss: its entropies, their gradients, and its limits."""

import math

import pytest
import torch

from infoflow.config.training import Training
from infoflow.estimators import renyi, renyi_gradients
from infoflow.training import rate_distortion as rd
from infoflow.training.losses import class_weights
from infoflow.training.objective import Objective


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def by_estimator(x, t, variance):
    sigma = math.sqrt(variance)
    return torch.stack([renyi.mutual_information(a, b, 2.0, [sigma, sigma]) for a, b in zip(x, t, strict=True)])


def test_order_two_in_stacks_is_the_estimator():
    x, t = 0.3 * random(3, 20, 6), 0.4 * random(3, 20, 5, seed=1)
    found = renyi.order2_information(renyi.squared_side(x, 0.2), t, 0.2)
    torch.testing.assert_close(found, by_estimator(x, t, 0.2), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(rd.information(x, [t], 0.2, 2.0)[0], found)


def test_other_orders_take_the_estimator_too():
    x, t = 0.3 * random(2, 15, 6), 0.4 * random(4, 15, 5, seed=1)
    found = rd.information(x, [t], 0.2, 1.01)[0]
    sigma = math.sqrt(0.2)
    for k in range(4):
        assert found[k] == pytest.approx(float(renyi.mutual_information(x[k % 2], t[k], 1.01, sigma)), abs=1e-10)


def test_gradient_of_order_two_by_finite_differences():
    x, t = 0.3 * random(2, 9, 4), (0.4 * random(2, 9, 3, seed=1)).requires_grad_()
    side = renyi.squared_side(x, 0.2)
    assert torch.autograd.gradcheck(lambda v: renyi.order2_information(side, v, 0.2), t, atol=1e-8)


@pytest.mark.parametrize("alpha", [0.5, 1.01, 2.0, 5.0])
def test_gradient_of_the_entropy_by_finite_differences(alpha):
    t = (0.4 * random(8, 3)).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: renyi.gram_entropy(renyi.gram(v, 0.5), alpha), t, atol=1e-6)


def test_float32_is_close_to_float64():
    x, t = 0.05 * random(4, 64, 256), 0.3 * random(4, 64, 64, seed=1)
    exact = t.clone().requires_grad_()
    coarse = t.float().requires_grad_()
    wide = renyi.order2_information(renyi.squared_side(x, 0.2), exact, 0.2)
    narrow = renyi.order2_information(renyi.squared_side(x.float(), 0.2), coarse, 0.2)
    torch.testing.assert_close(narrow.double(), wide, atol=1e-4, rtol=0)
    wide.sum().backward()
    narrow.sum().backward()
    assert float((coarse.grad.double() - exact.grad).norm() / exact.grad.norm()) < 1e-4


def test_far_and_equal_samples_give_finite_gradients():
    x, side = 0.3 * random(1, 10, 4), renyi.squared_side(0.3 * random(1, 10, 4), 0.2)
    for values in (1e4 * x, torch.zeros_like(x)):
        values = values.requires_grad_()
        renyi.order2_information(side, values, 0.2).sum().backward()
        assert torch.isfinite(values.grad).all()
    saturated = renyi.order2_information(side, 1e4 * x, 0.2)
    torch.testing.assert_close(saturated, side.entropy)  # A → I/n: I(A; B) = S(B)


def test_closed_gradients_of_the_document():
    worst = renyi_gradients.check(torch.Generator().manual_seed(0))
    assert len(worst) == 12
    assert max(worst.values()) < 1e-8


def test_the_printed_gradient_in_the_first_weights_has_no_matrix_of_its_shape():
    assert renyi_gradients.printed_shape(torch.Generator().manual_seed(0)) == (7, 7)  # W¹ is (7, 5)


def test_the_trade_off_combines_and_infinity_is_the_distortion_alone():
    beta = torch.tensor([0.0, 1.0, 37.0, math.inf])
    rate, distortion = torch.full((4,), 2.0, requires_grad=True), torch.full((4,), 0.5)
    assert rd.combine(rate, distortion, beta, False).tolist() == [2.0, 2.5, 20.5, 0.5]
    divided = rd.combine(rate, distortion, beta, True)
    torch.testing.assert_close(divided, torch.tensor([2.0, 1.25, 20.5 / 38, 0.5]))
    divided.sum().backward()
    torch.testing.assert_close(rate.grad, torch.tensor([1.0, 0.5, 1 / 38, 0.0]))


def test_class_weights_have_mean_one_over_samples():
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    weights = class_weights(labels, 3)
    assert float(weights[labels].mean()) == pytest.approx(1.0)
    assert (weights / weights[0]).tolist() == pytest.approx([1, 2, 6])


def test_information_over_time_sees_what_the_states_keep():
    frames = random(30, 40, 6)
    lengths = torch.full((30,), 40)
    kept, entropy = rd.over_time(frames, 3 * frames.repeat(1, 1, 4), lengths, 4, 0.2, 2.0)
    lost, _ = rd.over_time(frames, torch.zeros(30, 40, 8).double(), lengths, 4, 0.2, 2.0)
    assert kept.shape == (4,)
    assert (kept > 0.9 * entropy).all()
    torch.testing.assert_close(lost, torch.zeros(4).double(), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("beta", "divided", "scale"), [(37.0, True, 37 / 38), (37.0, False, 37.0), (math.inf, True, 1.0)]
)
def test_without_a_gradient_of_the_rate_the_trade_off_scales_the_step_alone(beta, divided, scale):
    training = Training(
        loss="rate_distortion", optimiser="sgd", learning_rate=0.1, batch_size=8, epochs=1, trade_off=beta,
        divide_loss=divided, rate_gradient=False,
    )  # fmt: skip
    objective = Objective([training], 1, ["T1"])
    x, output, labels = random(1, 8, 3), random(1, 8, 4, seed=1), torch.arange(8)[None] % 4
    distortion = torch.nn.functional.cross_entropy(output[0], labels[0])
    assert objective.keep == []
    assert float(objective(x, labels, output, {})) == pytest.approx(scale * float(distortion), rel=1e-6)
