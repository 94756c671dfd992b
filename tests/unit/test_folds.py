"""Recurrent encoders and stacked classifiers of folds: against PyTorch, by hand, and interrupted."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from infoflow.data import contexts as contexts_data
from infoflow.estimate import run as estimate
from infoflow.estimators import renyi
from infoflow.io import InputError, read_h5, write_h5
from infoflow.models.blstm import Blstm
from infoflow.probing import contexts
from infoflow.training import folds, sequences

SPEAKERS, EACH = 4, 12


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sequences of two classes, four speakers in two sessions, and contexts of four folds."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(SPEAKERS), EACH)
    y = np.arange(len(group)) % 2
    lengths = rng.integers(5, 12, len(group))
    x = rng.standard_normal((lengths.sum(), 3)) + 0.8 * np.repeat(2 * y - 1, lengths)[:, None]
    arrays = {"x": x.astype(np.float32), "offsets": np.concatenate([[0], lengths.cumsum()]), "y": y, "group": group}
    about = {
        "classes": 2, "class_names": ["a", "b"], "source": "test", "tier": "T0", "licence": "MIT", "stand_in": True,
    }  # fmt: skip
    write_h5(folder / "speech.h5", {**arrays, "session": group // 2}, about)
    split = np.stack([sequences.fold_split(torch.from_numpy(group), k).numpy() for k in range(SPEAKERS)])
    points = 0.1 * rng.standard_normal((SPEAKERS, len(y), 6)) + 0.15 * (2 * y - 1)[:, None]
    write_h5(folder / "contexts.h5", {"x": points.astype(np.float32), "y": y, "group": group, "split": split}, about)
    return folder


def encoder_settings(seeds=1, epochs=3, **training):
    rule = {
        "loss": "cross_entropy", "optimiser": "adam", "batch_size": 8, "epochs": epochs, "fold": None, "class_weights": True,
        "patience": None, "positions": 3, "kernel_variance": 0.2, "alpha": 2.0, "divide_loss": True,
    } | training  # fmt: skip
    point = {"id": "base", "learning_rate": 0.01, "labels": "task", "trade_off": math.inf}
    model = {"kind": "blstm", "hidden": 4, "decoder": 5}
    return {"experiment": "e", "seed": 1, "seeds": seeds, "model": model, "training": rule, "points": [point]}


def fold_settings(points=({},), seeds=1, epochs=2, layers=(6, 5, 2), **training):
    rule = {
        "loss": "rate_distortion", "optimiser": "sgd", "momentum": 0.9, "batch_size": 8, "epochs": epochs, "decay": None,
        "class_weights": False, "kernel_variance": 0.2, "alpha": 2.0, "divide_loss": True, "accumulate_gradients": False,
        "shuffle": True,
    } | training  # fmt: skip
    base = {
        "noise_std": 0.0, "learning_rate": 0.1, "orthonormal": 0.0, "clustering_penalty": 0.0, "labels": "task",
        "trade_off": 5.0, "l1": 0.0, "l2": 0.0, "dropout": 0.0,
    }  # fmt: skip
    activations = [*["tanh"] * (len(layers) - 2), "linear"]
    model = {"kind": "mlp", "layers": list(layers), "activations": activations, "observe": "hidden", "initial": None}
    made = [base | {"id": f"p{k}"} | changes for k, changes in enumerate(points)]
    about = {
        "experiment": "x",
        "seed": 1,
        "seeds": seeds,
        "first_seed": 0,
        "model": model,
        "training": rule,
        "points": made,
    }
    return about | {"snapshots": list(range(epochs + 1))}


# --- the encoder ---------------------------------------------------------------------------------------------


def test_padded_sequences_give_what_packed_ones_do():
    model = Blstm(3, 4, 5, 2)
    model.initialise(torch.Generator().manual_seed(0))
    lengths = torch.tensor([7, 3, 5])
    frames = torch.randn(3, 7, 3, generator=torch.Generator().manual_seed(1))
    packed = nn.LSTM(3, 4, bidirectional=True, batch_first=True)
    for name, value in model.forwards.named_parameters():
        getattr(packed, name).data.copy_(value)
    for name, value in model.backwards.named_parameters():
        getattr(packed, f"{name}_reverse").data.copy_(value)
    out, _ = packed(pack_padded_sequence(frames, lengths, batch_first=True, enforce_sorted=False))
    wanted, _ = pad_packed_sequence(out, batch_first=True)
    _, context, states = model(frames, lengths)
    torch.testing.assert_close(states, wanted)
    torch.testing.assert_close(context, wanted.sum(1) / lengths[:, None])
    context.square().sum().backward()
    (wanted.sum(1) / lengths[:, None]).square().sum().backward()
    torch.testing.assert_close(model.forwards.weight_ih_l0.grad, packed.weight_ih_l0.grad)
    torch.testing.assert_close(model.backwards.weight_hh_l0.grad, packed.weight_hh_l0_reverse.grad)


def test_a_fold_tests_one_speaker_and_validates_on_the_other_of_the_session():
    group = torch.arange(6)
    assert sequences.fold_split(group, 2).tolist() == [0, 0, 1, 2, 0, 0]
    assert sequences.fold_split(group, 5).tolist() == [0, 0, 0, 0, 2, 1]
    with pytest.raises(InputError, match="has 6 speakers"):
        sequences.fold_split(group, 6)


def test_unweighted_accuracy_is_the_mean_recall():
    logits = torch.tensor([[1.0, 0], [1, 0], [1, 0], [0, 1]])
    found = sequences.scores(logits, torch.tensor([0, 0, 0, 0]), torch.ones(2))
    assert found["ua"] == found["accuracy"] == 0.75
    found = sequences.scores(logits, torch.tensor([0, 0, 1, 1]), torch.ones(2))
    assert (found["recall:0"], found["recall:1"], found["ua"]) == (1.0, 0.5, 0.75)


def test_batches_hold_every_training_sequence_once_and_like_lengths(data):
    made = sequences.Sequences(encoder_settings(), str(data / "speech.h5"))
    made._start()
    batches = made._batches()
    assert sorted(torch.cat(batches).tolist()) == torch.nonzero(made.split == 0).flatten().tolist()
    assert max(int(made.lengths[b].max() - made.lengths[b].min()) for b in batches) < 7


@pytest.mark.parametrize("trade_off", [math.inf, 5.0])
def test_an_interrupted_encoder_ends_as_an_unbroken_one(data, tmp_path, trade_off):
    def settings():
        made = encoder_settings(seeds=2, epochs=4, loss="rate_distortion")
        made["points"][0]["trade_off"] = trade_off
        return made

    sequences.run(settings(), str(data / "speech.h5"), [str(tmp_path / "a")], str(tmp_path / "r"))
    state = tmp_path / "state.safetensors"
    broken = sequences.Sequences(settings(), str(data / "speech.h5"))
    count, one_epoch = 0, sequences.Sequences._one_epoch

    def stop_in_the_second_network():
        nonlocal count
        count += 1
        if count == 7:
            raise KeyboardInterrupt
        one_epoch(broken)

    broken._one_epoch = stop_in_the_second_network
    with pytest.raises(KeyboardInterrupt):
        broken.train(state, 0.0)
    resumed = sequences.Sequences(settings(), str(data / "speech.h5"))
    resumed.train(state, 1e9)
    resumed.write([str(tmp_path / "b")], "key")
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in "ab")
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=0, atol=0)
    tables = [pd.read_parquet(tmp_path / name / "history.parquet") for name in "ab"]
    pd.testing.assert_frame_equal(*tables)


def test_the_best_epoch_on_the_validating_speaker_is_kept(data, tmp_path):
    sequences.run(encoder_settings(epochs=5), str(data / "speech.h5"), [str(tmp_path)], str(tmp_path / "r"))
    history = pd.read_parquet(tmp_path / "history.parquet")
    wide = history.pivot_table(index="epoch", columns=["split", "metric"], values="value")
    chosen = int(wide["valid"]["chosen"].dropna().iloc[0])
    assert wide["valid"]["ua"][1:].max() == wide["valid"]["ua"][chosen]
    made = sequences.Sequences(encoder_settings(), str(data / "speech.h5"))
    made._start()
    stored = load_file(tmp_path / "weights.safetensors")
    own = {k.removeprefix("5/"): v for k, v in stored.items() if k.startswith("5/")}
    made.model.load_stacked(own, 0)
    assert made.evaluate("test")["ua"] == pytest.approx(wide["test"]["ua"][chosen])


def test_contexts_and_their_scale(data, tmp_path):
    sequences.run(encoder_settings(), str(data / "speech.h5"), [str(tmp_path)], str(tmp_path / "r"))
    about = {"experiment": "e", "fold": 0, "model": encoder_settings()["model"]}
    contexts.run(about, str(tmp_path / "weights.safetensors"), str(data / "speech.h5"), str(tmp_path / "fold0.h5"))
    arrays, _ = read_h5(tmp_path / "fold0.h5")
    assert arrays["x"].shape == (SPEAKERS * EACH, 8)
    files = [str(tmp_path / "fold0.h5")] * 2
    given = {"dataset": "c", "seed": 1, "inputs": files, "experiment": "e", "variance": 0.2}
    for scale in ("none", "unit_norm", "zscore"):
        made, _ = contexts_data.make({**given, "scale": scale})
        own = made["x"][0][made["split"][0] == 0]
        if scale == "unit_norm":
            np.testing.assert_allclose(np.linalg.norm(own, axis=1), 1, rtol=1e-5)
        if scale == "zscore":
            np.testing.assert_allclose(own.std(0), 1 / math.sqrt(8), rtol=1e-3)
    made, attributes = contexts_data.make({**given, "scale": "auto"})
    assert attributes["scale"] == contexts_data.choose(contexts_data.scales(attributes))


def test_the_scale_is_the_first_inside_the_band():
    assert contexts_data.choose({"none": 0.99, "unit_norm": 0.4, "zscore": 0.6}) == "unit_norm"
    assert contexts_data.choose({"none": 0.99, "unit_norm": 0.1, "zscore": 0.97}) == "zscore"


# --- classifiers of contexts ---------------------------------------------------------------------------------


def by_hand(data, settings, point, seed):
    """One network trained alone with PyTorch's own optimiser and the estimator itself."""
    alone = folds.Folds({**settings, "seeds": seed + 1, "points": [point]}, str(data / "contexts.h5"))
    order, _ = alone._draw(settings["training"]["epochs"])
    w = {name: value[seed].detach().clone().double().requires_grad_() for name, value in alone.parameters.items()}
    x, y = alone.x[seed % SPEAKERS].double(), alone.y
    optimiser = torch.optim.SGD(w.values(), lr=point["learning_rate"], momentum=settings["training"]["momentum"])
    sigma = math.sqrt(settings["training"]["kernel_variance"])
    for epoch in order[seed]:
        for index in epoch.split(settings["training"]["batch_size"]):
            hidden = torch.tanh(x[index] @ w["W1"].T + w["b1"].T)
            logits = hidden @ w["W2"].T + w["b2"].T
            distortion = nn.functional.cross_entropy(logits, y[index])
            layers = (hidden, logits.softmax(1))
            rate = sum(renyi.mutual_information(x[index], t, 2.0, [sigma, sigma]) for t in layers)
            beta = point["trade_off"]
            loss = distortion if math.isinf(beta) else (rate + beta * distortion) / (1 + beta)
            loss = loss + point["l1"] * (w["W1"].abs().sum() + w["W2"].abs().sum())
            loss = loss + point["l2"] * (w["W1"].square().sum() + w["W2"].square().sum())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return w


def test_a_stacked_network_is_the_network_alone(data, tmp_path):
    points = ({}, {"trade_off": math.inf}, {"trade_off": 0.0}, {"l1": 0.01}, {"l2": 0.02, "trade_off": 37.0})
    settings = fold_settings(points, seeds=6, epochs=3)
    stacked = folds.Folds(settings, str(data / "contexts.h5"))
    stacked.train(tmp_path / "none", 1e9)
    for k, point in enumerate(settings["points"]):
        for seed in (0, 5):
            for name, value in by_hand(data, settings, point, seed).items():
                torch.testing.assert_close(stacked.parameters[name][k * 6 + seed].double(), value, atol=2e-5, rtol=1e-3)


def test_an_interrupted_ensemble_ends_as_an_unbroken_one(data, tmp_path):
    points = ({"dropout": 0.5}, {"trade_off": 37.0})
    one = folds.Folds(fold_settings(points, 5, 6), str(data / "contexts.h5"))
    one.train(tmp_path / "none", 1e9)
    broken = folds.Folds(fold_settings(points, 5, 6), str(data / "contexts.h5"))
    broken._chunk = lambda: 2
    step, count = broken._one_round, 0

    def stop(order, noise):
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt
        step(order, noise)

    broken._one_round = stop
    with pytest.raises(KeyboardInterrupt):
        broken.train(tmp_path / "state", 0.0)
    resumed = folds.Folds(fold_settings(points, 5, 6), str(data / "contexts.h5"))
    resumed._chunk = lambda: 2
    resumed.train(tmp_path / "state", 1e9)
    unbroken = folds.Folds(fold_settings(points, 5, 6), str(data / "contexts.h5"))
    unbroken._chunk = lambda: 2
    unbroken.train(tmp_path / "none", 1e9)
    for name, value in unbroken.parameters.items():
        torch.testing.assert_close(resumed.parameters[name], value, rtol=0, atol=0)


def test_dropout_leaves_out_the_share_it_names(data):
    made = folds.Folds(fold_settings(({"dropout": 0.25}, {}), 4, layers=(6, 400, 2)), str(data / "contexts.h5"))
    (mask,) = made._masks(50)
    assert float((mask[:4] == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(mask[:4].mean()) == pytest.approx(1.0, abs=0.02)
    assert (mask[4:] == 1).all()


def test_shuffled_labels_are_those_of_the_training_part_alone(data):
    made = folds.Folds(fold_settings(({"labels": "shuffled"},), 4), str(data / "contexts.h5"))
    for seed in range(4):
        own = made.split[seed] == 0
        assert (made.train_y[seed][own] != made.y[own]).any()
        assert (made.train_y[seed][~own] == made.y[~own]).all()


def test_a_batch_larger_than_a_fold_is_named(data):
    with pytest.raises(InputError, match="batch_size: 64 is more than the 24"):
        folds.Folds(fold_settings(batch_size=64), str(data / "contexts.h5"))


def test_history_and_ratios_of_all_points_in_one_table(data, tmp_path):
    settings = fold_settings(({"trade_off": 1.0}, {"trade_off": 37.0}), 5, 3)
    named = [str(tmp_path / p["id"]) for p in settings["points"]]
    folds.run(settings, str(data / "contexts.h5"), named, str(tmp_path / "r"))
    history = pd.read_parquet(f"{named[0]}/history.parquet")
    assert set(history["split"]) == {"train", "test", "valid"}
    wide = history[history["split"] == "test"].pivot_table(index=["seed", "epoch"], columns="metric", values="value")
    np.testing.assert_allclose(wide["ua"], wide[["recall:0", "recall:1"]].mean(axis=1), rtol=1e-5)
    weights = [f"{name}/weights.safetensors" for name in named]
    about = {
        "kind": "ratios", "experiment": "x", "estimator": "ratios", "seed": 1, "seeds": 5, "sizes": [8, 16], "held_out": 12,
        "batches": 3, "variance": 0.2, "width": "fixed", "model": settings["model"],
        "points": [{"point": f"trade_off~{b}", "variant": "", "axes": {"training.trade_off": b}} for b in (1.0, 37.0)],
    }  # fmt: skip
    estimate(about, {"weights": weights, "dataset": str(data / "contexts.h5")}, str(tmp_path / "ratios.parquet"))
    table = pd.read_parquet(tmp_path / "ratios.parquet")
    assert set(table["trade_off"]) == {1.0, 37.0}
    assert set(table["layer"]) == {"input", "X1", "X2"}
    values = table[table["quantity"] == "I_XT"]
    assert (values["value"] <= values["ceiling"] + 1e-9).all()
    assert (table.loc[table["quantity"] == "joint_margin", "value"] > -1e-9).all()
    assert set(table.loc[table["trade_off"] == 1.0, "epoch"]) == {0, 3}
    assert set(table.loc[table["trade_off"] == 37.0, "epoch"]) == {3}
