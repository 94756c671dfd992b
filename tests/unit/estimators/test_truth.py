"""The tasks of known information: their number, their samplers, and their truths against a good estimator."""

import math

import pytest
import torch

from infoflow import truth
from infoflow.truth import run


def test_enough_tasks_of_both_kinds():
    network = [task for task in truth.TASKS.values() if task.network]
    assert len(network) >= 12
    assert len(truth.TASKS) - len(network) >= 30
    assert all(math.isfinite(task.truth) and task.truth >= -1e-12 for task in truth.TASKS.values())


@pytest.mark.parametrize("task", list(truth.TASKS))
def test_samplers_follow_their_generator(task):
    first, second = (truth.TASKS[task].sample(20, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first.t, second.t)
    assert len(first.t) == 20
    assert any(run.applies(estimator, task) for estimator in truth.ESTIMATORS)


EASY = [
    "gaussian-1d-1pairs-rho0.6",
    "student-1d-dof1-rho0.0",
    "student-2d-dof5-rho0.5",
    "half-cube-1d-rho0.6",
    "swiss-roll-1d-rho0.8",
    "spiral-2d-rho0.6",
    "wiggly-1d-rho0.6",
    "uniform-noise-0.1",
    "uniform-noise-0.75",
    "mixture-2-noise0.3",
    "scalar-normal-tanh-layer1",
    "scalar-normal-tanh-layer2",
]


@pytest.mark.parametrize("task", EASY)
def test_truth_agrees_with_nearest_neighbours(task):
    rows = [truth.evaluate(task, "ksg_1", 1500, seed) for seed in range(2)]
    assert sum(row["error"] for row in rows) / 2 == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("task", ["classes-4-distance2.0", "intervals-5", "scalar-four-tanh-layer1"])
def test_truth_of_labels_agrees_with_ross(task):
    assert truth.evaluate(task, "ross", 1500, 0)["error"] == pytest.approx(0, abs=0.1)


def test_layer_bounds_bracket_the_information_of_their_sample():
    lower, middle, upper = (
        truth.evaluate("linear-layer-10to3-noise0.5", name, 800, 0)["value"]
        for name in ("kde_lower", "propagation", "kde_upper")
    )
    assert lower < middle + 0.05
    assert middle < upper + 0.05


def test_truth_of_a_linear_layer_is_that_of_its_covariance():
    task = truth.TASKS["linear-layer-10to10-noise0.5"]
    sample = task.sample(200_000, torch.Generator().manual_seed(0))
    noise = 20 * math.log(0.5)
    assert task.truth == pytest.approx(0.5 * (torch.logdet(sample.t.T.cov()) - noise).item(), abs=0.02)


@pytest.mark.parametrize("about", ["inputs", "labels"])
def test_quantised_net_reaches_its_truth_by_counting(about):
    assert truth.evaluate(f"quantised-3units-8levels-{about}", "counting", 40_000, 0)["error"] == pytest.approx(
        0, abs=0.03
    )


def test_unknown_and_unfit_are_refused():
    with pytest.raises(ValueError, match="expected one of"):
        truth.evaluate("nothing", "ksg_1", 100, 0)
    with pytest.raises(ValueError, match="does not apply"):
        truth.evaluate("classes-2-distance1.0", "ksg_1", 100, 0)
