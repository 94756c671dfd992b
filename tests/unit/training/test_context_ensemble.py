"""Stacked classifiers of contexts: against PyTorch, by hand, and interrupted."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from factories import estimate_group, estimate_job, train_job
from torch import nn

from infoflow.config.jobs import PointLabels
from infoflow.errors import InputError
from infoflow.estimation import stage as estimation
from infoflow.estimators import renyi
from infoflow.storage.hdf5 import write_h5
from infoflow.training import context_ensemble
from infoflow.training.folds import fold_split
from infoflow.training.resume import State

SPEAKERS, EACH = 4, 12


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Contexts of two classes in four folds, four speakers in two sessions."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(SPEAKERS), EACH)
    y = np.arange(len(group)) % 2
    split = np.stack([fold_split(torch.from_numpy(group), torch.zeros(len(group)), k).numpy() for k in range(SPEAKERS)])
    points = 0.1 * rng.standard_normal((SPEAKERS, len(y), 6)) + 0.15 * (2 * y - 1)[:, None]
    attributes = {
        "classes": 2, "class_names": ["a", "b"], "source": "test", "tier": "T0", "licence": "MIT", "stand_in": True,
    }  # fmt: skip
    path = tmp_path_factory.mktemp("data") / "contexts.h5"
    write_h5(path, {"x": points.astype(np.float32), "y": y, "group": group, "split": split}, attributes)
    return str(path)


def mlp(layers):
    activations = [*["tanh"] * (len(layers) - 2), "linear"]
    return {"kind": "mlp", "layers": list(layers), "activations": activations}


def folds_job(points=({},), seeds=1, epochs=2, layers=(6, 5, 2), **training):
    given = {
        "loss": "rate_distortion", "momentum": 0.9, "batch_size": 8, "learning_rate": 0.1, "trade_off": 5.0,
        "divide_loss": True,
    }  # fmt: skip
    snapshots = list(range(epochs + 1))
    return train_job(
        mlp(layers),
        points,
        trainer="context_ensemble",
        seeds=seeds,
        epochs=epochs,
        snapshots=snapshots,
        **given | training,
    )


def in_chunks_of_two(job, data):
    """Networks in training whose random numbers are drawn for two epochs at once."""
    made = context_ensemble.Folds(job, data)
    made._chunk = lambda: 2
    return made


def by_hand(data, job, point, seed):
    """One network trained alone with PyTorch's own optimiser and the estimator itself."""
    alone = context_ensemble.Folds(job.model_copy(update={"seeds": seed + 1, "points": [point]}), data)
    training = point.training
    order, _ = alone._draw(training.epochs)
    w = {name: value[seed].clone().double().requires_grad_() for name, value in alone.stack.stacked().items()}
    x, y = alone.x[seed % SPEAKERS].double(), alone.y
    optimiser = torch.optim.SGD(w.values(), lr=training.learning_rate, momentum=training.momentum)
    sigma = math.sqrt(training.kernel_variance)
    for epoch in order[seed]:
        for index in epoch.split(training.batch_size):
            hidden = torch.tanh(x[index] @ w["W1.weight"].T + w["W1.bias"])
            logits = hidden @ w["W2.weight"].T + w["W2.bias"]
            distortion = nn.functional.cross_entropy(logits, y[index])
            layers = (hidden, logits.softmax(1))
            rate = sum(renyi.mutual_information(x[index], t, 2.0, [sigma, sigma]) for t in layers)
            beta = training.trade_off
            loss = distortion if math.isinf(beta) else (rate + beta * distortion) / (1 + beta)
            matrices = (w["W1.weight"], w["W2.weight"])
            loss = loss + training.l1 * sum(matrix.abs().sum() for matrix in matrices)
            loss = loss + training.l2 * sum(matrix.square().sum() for matrix in matrices)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return w


def test_a_stacked_network_is_the_network_alone(data, tmp_path):
    points = ({}, {"trade_off": math.inf}, {"trade_off": 0.0}, {"l1": 0.01}, {"l2": 0.02, "trade_off": 37.0})
    job = folds_job(points, seeds=6, epochs=3)
    stacked = context_ensemble.Folds(job, data)
    stacked.train(State(tmp_path / "none", 1e9))
    for k, point in enumerate(job.points):
        for seed in (0, 5):
            for name, value in by_hand(data, job, point, seed).items():
                found = stacked.stack.stacked()[name][k * 6 + seed].double()
                torch.testing.assert_close(found, value, atol=2e-5, rtol=1e-3)


@pytest.mark.parametrize("done", [8, 24])  # of the 24 samples of an epoch
def test_an_interrupted_ensemble_ends_as_an_unbroken_one(data, tmp_path, capsys, done):
    job = folds_job(({"dropout": 0.5}, {"trade_off": 37.0}), 5, 6)
    broken = in_chunks_of_two(job, data)
    save = broken._save_state

    def stop_in_the_fifth_epoch(state):
        save(state)
        if (broken.round, broken.done) == (4, done):
            raise KeyboardInterrupt

    broken._save_state = stop_in_the_fifth_epoch
    with pytest.raises(KeyboardInterrupt):
        broken.train(State(tmp_path / "state", 0.0))
    resumed, unbroken = in_chunks_of_two(job, data), in_chunks_of_two(job, data)
    resumed.train(State(tmp_path / "state", 1e9))
    assert "resuming at epoch 4" in capsys.readouterr().out
    unbroken.train(State(tmp_path / "none", 1e9))
    for name, value in unbroken.stack.stacked().items():
        torch.testing.assert_close(resumed.stack.stacked()[name], value, rtol=0, atol=0)


def test_dropout_leaves_out_the_share_it_names(data):
    made = context_ensemble.Folds(folds_job(({"dropout": 0.25}, {}), 4, layers=(6, 400, 2)), data)
    mask = made._masks(50)
    assert float((mask[:4] == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(mask[:4].mean()) == pytest.approx(1.0, abs=0.02)
    assert (mask[4:] == 1).all()


def test_shuffled_labels_are_those_of_the_training_part_alone(data):
    made = context_ensemble.Folds(folds_job(({"labels": "shuffled"},), 4), data)
    for seed in range(4):
        own = made.split[seed] == 0
        assert (made.train_y[seed][own] != made.y[own]).any()
        assert (made.train_y[seed][~own] == made.y[~own]).all()


def test_a_batch_larger_than_a_fold_is_named(data):
    with pytest.raises(InputError, match="batch_size: 64 is more than the 24"):
        context_ensemble.Folds(folds_job(batch_size=64), data)


def test_history_and_ratios_of_all_points_in_one_table(data, tmp_path):
    job = folds_job(({"trade_off": 1.0}, {"trade_off": 37.0}), 5, 3)
    named = [str(tmp_path / point.id) for point in job.points]
    context_ensemble.run(job, data, named, str(tmp_path / "r"))
    history = pd.read_parquet(f"{named[0]}/history.parquet")
    assert set(history["split"]) == {"train", "test", "valid"}
    wide = history[history["split"] == "test"].pivot_table(index=["seed", "epoch"], columns="metric", values="value")
    np.testing.assert_allclose(wide["ua"], wide[["recall:0", "recall:1"]].mean(axis=1), rtol=1e-5)
    weights = [f"{name}/weights.safetensors" for name in named]
    points = [PointLabels(point=f"trade_off~{b}", variant="", axes={"training.trade_off": b}) for b in (1.0, 37.0)]
    section = {
        "kind": "renyi", "scope": "stack", "output": True, "alphas": [2.0], "kernel": "tensor", "maps": False, "batches": 3,
        "batch_size": 12, "samples": ["train", "test"], "widths": [{"rule": "fixed", "variance": 0.2}, {"rule": "median"}],
    }  # fmt: skip
    about = estimate_job(section, mlp((6, 5, 2)), experiment="x", points=points, seeds=5, snapshots=[0, 3])
    files = {"weights": weights, "dataset": [data]}
    estimation.run(estimate_group(about), files, [str(tmp_path / "ratios.parquet")])
    table = pd.read_parquet(tmp_path / "ratios.parquet")
    assert set(table["trade_off"]) == {1.0, 37.0}
    assert set(table["layer"]) == {"input", "T1", "output"}
    assert set(table["samples"]) == {"train", "test"}
    values = table[table["quantity"] == "I_XT"]
    assert (values["value"] <= values["ceiling"] + 1e-9).all()
    assert (table.loc[table["quantity"] == "margin_joint", "value"] > -1e-9).all()
    assert values["per_batch"].map(len).eq(3).all()
    assert values["per_batch"].map(np.mean).to_numpy() == pytest.approx(values["value"].to_numpy())
    assert set(table.loc[table["trade_off"] == 1.0, "epoch"]) == {0, 3}
    assert set(table.loc[table["trade_off"] == 37.0, "epoch"]) == {3}
