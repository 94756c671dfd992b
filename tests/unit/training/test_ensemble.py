"""Stacked training against networks alone, brute-force references and an interrupted run."""

import copy
import math

import numpy as np
import pandas as pd
import pytest
import torch
from factories import dataset_job, started, train_job
from safetensors.torch import load_file

from infoflow.data import stage
from infoflow.errors import InputError
from infoflow.estimators import renyi
from infoflow.models.cnn import Cnn
from infoflow.models.hooks import capture
from infoflow.models.mlp import Autoencoder, Mlp
from infoflow.models.modules import Dropout, handed
from infoflow.seeds import torch_generator
from infoflow.training import ensemble
from infoflow.training.ensemble import Ensemble
from infoflow.training.optimisers import Adam, Orthonormal, Sgd
from infoflow.training.resume import State

CHAIN = {
    "kind": "mlp",
    "layers": [1, 1],
    "activations": ["tanh"],
    "observe": "all",
    "initial": {"weights": [0.1], "biases": [0.0]},
}
NET = {
    "kind": "mlp",
    "layers": [12, 4, 3, 2],
    "activations": ["tanh", "tanh", "linear"],
    "observe": "hidden",
    "initial": None,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    four = {"population": "points", "values": [-3.0, -1.0, 1.0, 3.0], "targets": [-1.0, -1.0, -1.0, 1.0]}
    stage.run(dataset_job("scalar", name="four", seeds=4, **four), str(folder / "four.h5"))
    stage.run(dataset_job("szt12", name="szt12"), str(folder / "szt12.h5"))
    stage.run(dataset_job("mnist", name="digits", source="packaged", limit=250), str(folder / "digits.h5"))
    return folder


LENET = {
    "kind": "cnn", "filters": [2, 3], "dense": [8, 6], "activation": "sigmoid", "padding": [2, 0], "observe": "layers",
    "initialisation": "default",
}  # fmt: skip


def chain(model=CHAIN, noise_std=0.05, **changes):
    return train_job(model, noise_std=noise_std, **{"shuffle": False} | changes)


def adam(**changes):
    return train_job(NET, noise_std=0.05, loss="cross_entropy", optimiser="adam", batch_size=256, **changes)


def lenet(**changes):
    """Eight updates, four of which make an epoch; the 200 images hold three full batches."""
    updates = {"batch_size": 64, "epochs": 2, "steps_per_epoch": 4}
    given = {"loss": "cross_entropy", "snapshots": [0, 1, 5, 8]}
    return train_job(LENET, **given | updates | changes)


def file_of(job):
    return (
        "digits.h5" if job.model.kind in ("cnn", "autoencoder") else {1: "four.h5", 12: "szt12.h5"}[job.model.layers[0]]
    )


def trained(job, dataset, tmp_path):
    one = Ensemble(job, str(dataset))
    one.train(State(tmp_path / "state.safetensors", 1e9))
    return one


def with_training(job, **changes):
    """The job with settings of every point's training changed."""
    points = [p.model_copy(update={"training": p.training.model_copy(update=changes)}) for p in job.points]
    return job.model_copy(update={"points": points})


@pytest.mark.parametrize("job", [chain(seeds=4), adam(seeds=3, epochs=2)], ids=["sgd", "adam"])
def test_a_seed_of_a_stack_equals_the_seed_in_a_smaller_stack(job, data, tmp_path, monkeypatch):
    monkeypatch.setattr(ensemble, "NOISE_BUFFER", 200)  # few rounds are drawn at once
    dataset = data / file_of(job)
    many = trained(job, dataset, tmp_path)
    few = trained(job.model_copy(update={"seeds": 1}), dataset, tmp_path)
    for name, value in few.stack.stacked().items():
        torch.testing.assert_close(many.stack.stacked()[name][:1], value, rtol=1e-4, atol=1e-6)


def test_points_of_a_stack_share_the_streams_of_a_seed(data, tmp_path):
    one = trained(adam(points=[{}, {}], epochs=2), data / "szt12.h5", tmp_path)
    for value in one.stack.stacked().values():
        torch.testing.assert_close(value[:2], value[2:], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("kind", "data_set"), [(chain, "four.h5"), (adam, "szt12.h5")], ids=["sgd", "adam"])
def test_points_of_a_stack_may_have_learning_rates_of_their_own(kind, data_set, data, tmp_path):
    rates = (0.01, 0.002)
    stack = trained(kind(points=[{"learning_rate": rate} for rate in rates], epochs=2), data / data_set, tmp_path)
    for k, rate in enumerate(rates):
        alone = trained(kind(learning_rate=rate, epochs=2), data / data_set, tmp_path)
        for name, value in alone.stack.stacked().items():
            torch.testing.assert_close(stack.stack.stacked()[name][2 * k : 2 * k + 2], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("job", [chain(seeds=2), adam(seeds=2, epochs=2)], ids=["sgd", "adam"])
def test_parts_of_a_batch_give_its_gradient(job, data, tmp_path):
    dataset = data / file_of(job)
    whole = trained(job, dataset, tmp_path)
    parts = with_training(job, micro_batch=9)  # does not divide the batch
    for name, value in trained(parts, dataset, tmp_path).stack.stacked().items():
        torch.testing.assert_close(value, whole.stack.stacked()[name], rtol=1e-4, atol=1e-5)


def test_accumulated_gradients_add_up_from_step_to_step(data, tmp_path):
    job = chain(seeds=1, epochs=3, noise_std=0.0, accumulate_gradients=True)
    one = trained(job, data / "four.h5", tmp_path)
    x, y = one._inputs(one.x)[0, :, 0].double().numpy(), one.y[0].double().numpy()
    w, b, total = 0.1, 0.0, np.zeros(2)
    for _ in range(3):
        for part in (slice(0, 25), slice(25, 30)):
            t = np.tanh(w * x[part] + b)
            slope = 2 * (t - y[part]) * (1 - t**2)
            total += [(slope * x[part]).mean(), slope.mean()]
            w, b = w - 0.01 * total[0], b - 0.01 * total[1]
    assert one.stack.stacked()["W1.weight"].item() == pytest.approx(w, abs=1e-5)
    assert one.stack.stacked()["W1.bias"].item() == pytest.approx(b, abs=1e-5)


@pytest.mark.parametrize(
    "job",
    [
        chain(accumulate_gradients=True, shuffle=True, decay={"accuracy": 0.6, "divisor": 20.0}, epochs=8),
        adam(epochs=8),
        lenet(),
    ],
    ids=["sgd", "adam", "by update"],
)
def test_an_interrupted_run_equals_an_unbroken_one(job, data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ensemble, "NOISE_BUFFER", 1)  # one epoch a draw
    dataset = str(data / file_of(job))
    ensemble.run(job, dataset, [str(tmp_path / "whole")], str(tmp_path / "resume"))

    class Killed(Exception):
        pass

    keep = Ensemble._save_state

    def save_then_die(self, state):
        keep(self, state)
        if self.round >= 3:
            raise Killed

    monkeypatch.setattr(Ensemble, "_save_state", save_then_die)
    with pytest.raises(Killed):
        ensemble.run(job, dataset, [str(tmp_path / "broken")], str(tmp_path / "resume"), save_every=0)
    assert not (tmp_path / "broken").exists()
    monkeypatch.setattr(Ensemble, "_save_state", keep)
    ensemble.run(job, dataset, [str(tmp_path / "broken")], str(tmp_path / "resume"))
    assert "resuming at" in capsys.readouterr().out
    broken, whole = (load_file(tmp_path / name / "weights.safetensors") for name in ("broken", "whole"))
    assert set(broken) == set(whole)
    assert all(torch.equal(broken[name], whole[name]) for name in whole)
    broken, whole = ((tmp_path / name / "history.parquet").read_bytes() for name in ("broken", "whole"))
    assert broken == whole


@pytest.mark.parametrize("kind", ["adam", "sgd", "momentum"])
def test_optimisers_equal_torchs(kind):
    network = started(Mlp((2,), [2, 3], ["linear"]))
    theirs = network.W1.weight.detach().clone().requires_grad_()
    stack = network.stack([network])
    momentum = 0.9 if kind == "momentum" else 0.0
    ours = Adam(stack, 0.01) if kind == "adam" else Sgd(stack, 0.01, momentum)
    reference = {
        "adam": torch.optim.Adam([theirs], lr=0.01),
        "sgd": torch.optim.SGD([theirs], lr=0.01),
        "momentum": torch.optim.SGD([theirs], lr=0.01, momentum=0.9),
    }[kind]
    for k in range(20):
        for parameter in (stack.weights[0][0], theirs):
            (parameter * torch.arange(6.0).view(3, 2) - k).square().sum().backward()
        ours.step()
        reference.step()
        reference.zero_grad()
    torch.testing.assert_close(stack.weights[0][0].detach(), theirs.detach(), rtol=1e-5, atol=1e-7)


def test_orthonormal_step_leaves_the_last_layer_and_unregularised_networks_alone():
    mlps = [started(Mlp((3,), [3, 3, 3], ["tanh", "linear"]), seed) for seed in range(2)]
    cnns = [started(Cnn((1, 12, 12), [3], [], 2), seed) for seed in range(2)]
    for networks, first in ((mlps, "W1.weight"), (cnns, "conv1.weight")):
        stack = networks[0].stack(networks)
        before = {name: value.clone() for name, value in stack.stacked().items()}
        assert Orthonormal(stack, torch.zeros(2)).parts == []
        Orthonormal(stack, torch.tensor([0.0, 0.1])).step()
        after = stack.stacked()
        w = before[first][1].flatten(1)
        torch.testing.assert_close(after[first][1].flatten(1), w - 0.1 * (w @ w.T @ w - w))
        torch.testing.assert_close(after[first][0], before[first][0])
        assert all(torch.equal(after[name], before[name]) for name in before if name != first)


def test_a_value_that_is_not_finite_names_experiment_point_and_seed(data, tmp_path):
    job = chain({**CHAIN, "activations": ["linear"]}, epochs=60, learning_rate=1e3)
    with pytest.raises(InputError, match=r"experiments\.test, point p0, seed \d: .* not finite"):
        ensemble.run(job, str(data / "four.h5"), [str(tmp_path / "out")], str(tmp_path / "resume"))
    assert not (tmp_path / "out").exists()


def test_shuffled_labels_keep_the_inputs_and_permute_the_targets(data):
    one = Ensemble(chain(seeds=4, labels="shuffled"), str(data / "four.h5"))
    assert not torch.equal(one.train_y, one.y)
    assert torch.equal(one.train_y.sort(1).values, one.y.sort(1).values)


def test_weights_hold_every_snapshot(data, tmp_path):
    ensemble.run(chain(), str(data / "four.h5"), [str(tmp_path / "out")], str(tmp_path / "resume"))
    stored = load_file(tmp_path / "out" / "weights.safetensors")
    assert set(stored) == {f"{epoch}/{name}" for epoch in (0, 6) for name in ("W1.weight", "W1.bias")}
    assert stored["0/W1.weight"].shape == (2, 1, 1)


def test_truncated_normal_weights_have_the_deviation_of_their_fan_out_and_end_at_two_of_them():
    model = Mlp((200,), [200, 100, 50, 1], ["tanh", "tanh", "linear"], initialisation="truncated_normal")
    for layer, fan_out in ((started(model).W1, 100), (model.W2, 50)):
        scaled = layer.weight.detach() * fan_out**0.5
        assert 1.9 < float(scaled.abs().max()) <= 2
        assert float(scaled.std()) == pytest.approx(0.8796, rel=0.03)  # of a standard normal cut at ±2
        assert not layer.bias.any()


def test_training_by_updates_drops_the_last_batch_and_counts_epochs_in_updates(data, tmp_path):
    job = lenet(seeds=1)
    ensemble.run(job, str(data / "digits.h5"), [str(tmp_path / "p")], str(tmp_path / "resume"))
    history = pd.read_parquet(tmp_path / "p" / "history.parquet")
    assert sorted(set(history["step"])) == [0, 1, 5, 8]
    assert sorted(set(history["epoch"])) == [0, 0.25, 1.25, 2]
    weights = load_file(tmp_path / "p" / "weights.safetensors")
    one = Ensemble(job, str(data / "digits.h5"))
    stream = torch_generator(1, 0, "training")
    network = reference({k: v[0] for k, v in one.stack.stacked().items()})
    optimiser, made = torch.optim.SGD(network.parameters(), lr=0.01), 0
    for _ in range(3):  # passes over the set
        order = torch.randperm(200, generator=stream)
        for batch in order[:192].view(3, 64):
            if made == 8:
                break
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(network(one._inputs(one.x)[0, batch]), one.y[0, batch]).backward()
            optimiser.step()
            made += 1
    for value, name in zip(network.parameters(), one.stack.stacked(), strict=True):
        torch.testing.assert_close(weights[f"8/{name}"][0], value.detach(), rtol=1e-4, atol=1e-6)


def reference(parameters):
    """LENET out of torch.nn's modules."""
    nn = torch.nn
    network = nn.Sequential(
        nn.Conv2d(1, 2, 5, padding=2), nn.Sigmoid(), nn.MaxPool2d(2), nn.Conv2d(2, 3, 5), nn.Sigmoid(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(75, 8), nn.Sigmoid(), nn.Linear(8, 6), nn.Sigmoid(), nn.Linear(6, 10),
    )  # fmt: skip
    network.load_state_dict(dict(zip(network.state_dict(), parameters.values(), strict=True)))
    return network


@pytest.mark.parametrize(
    "option", ["momentum", "l1", "l2", "class_weights", "orthonormal", "dropout", "rate", "scatter"]
)
def test_what_the_trainer_can_do_goes_for_convolutional_networks(option, data):
    """Two updates of one network against the same by hand with torch.nn."""
    changes = {
        "momentum": {"momentum": 0.9}, "l1": {"l1": 0.01}, "l2": {"l2": 0.02}, "class_weights": {"class_weights": True},
        "orthonormal": {"orthonormal": 0.01}, "dropout": {"dropout": 0.4}, "scatter": {"clustering_penalty": 0.3},
        "rate": {"loss": "rate_distortion", "trade_off": 5.0, "divide_loss": True},
    }[option]  # fmt: skip
    ours = Ensemble(lenet(seeds=1, **{"learning_rate": 0.1} | changes), str(data / "digits.h5"))
    network, draw = copy.deepcopy(ours.stack.members[0]), torch.Generator()
    draw.set_state(ours.streams[0].get_state())
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=changes.get("momentum", 0))
    x, y = ours._inputs(ours.x)[0, :64], ours.y[0, :64]
    for _ in range(2):
        for _ in ours._steps(torch.arange(64)[None], None, 0):
            pass
        optimiser.zero_grad()
        by_hand(network, x, y, option, draw, ours.y[0]).backward()
        optimiser.step()
        if option == "orthonormal":
            with torch.no_grad():
                for name, parameter in list(network.named_parameters())[:-2]:
                    if name.endswith("weight"):
                        w = parameter.flatten(1)
                        parameter -= 0.01 * (w @ w.T @ w - w).view_as(parameter)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(ours.stack.stacked()[name][0], value, rtol=1e-3, atol=1e-6)


def by_hand(network, x, y, option, draw, labels):
    """The loss of one convolutional network under an option."""
    uniform = torch.rand(14, 64, generator=draw) if option == "dropout" else None
    masks = (uniform < 0.6) / 0.6 if option == "dropout" else None
    with handed(network, Dropout, masks), capture(network, network.layers) as values:
        output = network(x)
    weights = None
    if option == "class_weights":
        counts = labels.bincount(minlength=10)
        weights = 200 / (10 * counts)
    sample = torch.nn.functional.cross_entropy(output, y, reduction="none")
    loss = (sample * weights[y] if weights is not None else sample).mean()
    matrices = [p for p in network.parameters() if p.dim() > 1]
    if option == "l1":
        loss = loss + 0.01 * sum(w.abs().sum() for w in matrices)
    if option == "l2":
        loss = loss + 0.02 * sum(w.square().sum() for w in matrices)
    if option == "scatter":
        f = values["F2"]
        means = torch.stack([f[y == c].mean(0) if (y == c).any() else f[0] for c in range(10)])
        loss = loss + 0.3 * (f - means[y]).square().sum(1).mean()
    if option == "rate":
        sigma = math.sqrt(0.2)
        layers = [*(value.flatten(1) for value in values.values()), output.softmax(1)]
        rate = sum(renyi.mutual_information(x.flatten(1), layer, 2.0, [sigma, sigma]) for layer in layers)
        loss = (rate + 5 * loss) / 6
    return loss


@pytest.mark.parametrize("kind", ["mlp", "simple_cnn", "resnet18", "vgg11"])
def test_every_option_at_once_trains_any_family(kind, data, tmp_path):
    sections = {
        "mlp": {"layers": [784, 6, 10], "activations": ["tanh", "linear"]}, "simple_cnn": {"filters": [2, 3]},
        "resnet18": {"filters": [2, 2, 3, 3]}, "vgg11": {"filters": [2, 2, 3, 3, 4], "dense": [5]},
    }  # fmt: skip
    options = {
        "loss": "rate_distortion", "trade_off": 5.0, "divide_loss": True, "momentum": 0.5, "dropout": 0.2, "l1": 1e-4,
        "l2": 1e-4, "class_weights": True, "orthonormal": 1e-3, "clustering_penalty": 1e-2,
    }  # fmt: skip
    job = train_job({"kind": kind, **sections[kind]}, batch_size=64, epochs=1, **options)
    one = trained(job, data / "digits.h5", tmp_path)
    assert np.isfinite(one.history["value"]).all()


def autoencoder(**changes):
    given = {"loss": "reconstruction", "optimiser": "sgd", "learning_rate": 0.5, "batch_size": 64, "epochs": 2}
    return train_job({"kind": "autoencoder", "widths": [9], "bottleneck": 3}, **given | changes)


def test_an_autoencoder_is_trained_on_its_own_inputs(data, tmp_path):
    job = autoencoder(seeds=2)
    one = trained(job, data / "digits.h5", tmp_path)
    network = Autoencoder((1, 28, 28), [9], 3)  # the second network, alone
    network.initialise(torch_generator(job.seed, 1, "init"))
    assert [network.W1.in_features, network.W2.out_features, network.W4.out_features] == [784, 3, 784]
    optimiser, stream = torch.optim.SGD(network.parameters(), 0.5), torch_generator(job.seed, 1, "training")
    x = one.splits["train"][0][0].float().flatten(1) / 255
    for _ in range(2):
        for index in torch.randperm(len(x), generator=stream).split(64):
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(network(x[index]), x[index]).backward()
            optimiser.step()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(one.stack.stacked()[name][1], value, rtol=1e-4, atol=1e-6)
    # loss and explained variance of the last snapshot on the training images
    output = network(x).detach()
    explained = 1 - (output - x).square().sum() / (x - x.mean(0)).square().sum()
    last = one.history["value"][-1]
    assert last[0, 1] == pytest.approx(float((output - x).square().mean()), rel=1e-4)
    assert last[1, 1] == pytest.approx(float(explained), abs=1e-4)


def test_a_batch_larger_than_the_set_is_refused(data, tmp_path):
    with pytest.raises(InputError, match="more than the 200 training samples"):
        trained(lenet(seeds=1, batch_size=500), data / "digits.h5", tmp_path)


def test_evaluation_in_blocks_changes_nothing(data, tmp_path, monkeypatch):
    whole = trained(lenet(seeds=1), data / "digits.h5", tmp_path).history["value"]
    monkeypatch.setattr(ensemble, "EVALUATION_BUFFER", 20_000)
    blocks = trained(lenet(seeds=1), data / "digits.h5", tmp_path).history["value"]
    np.testing.assert_allclose(blocks, whole, rtol=1e-5)
