"""Networks that a user's function builds, in our training; checkpoints of networks that were trained elsewhere."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from infoflow import functions
from infoflow.config.jobs import TrainJob, TrainPoint
from infoflow.config.models import PythonModel
from infoflow.config.training import Training
from infoflow.errors import InputError
from infoflow.models import build
from infoflow.plan import checkpoints
from infoflow.seeds import torch_generator
from infoflow.storage.hdf5 import write_h5
from infoflow.training import stage

NETS = """
import torch
from torch import nn
import helper_of_nets

def mlp(input_shape, classes, width=4):
    return nn.Sequential(nn.Linear(input_shape[0], width), nn.Tanh(), nn.Dropout(0.2), nn.Linear(width, classes))

def tokens(input_shape, classes):
    return nn.Sequential(nn.Embedding(10, 3), nn.Flatten(), nn.Linear(3 * input_shape[0], classes))

def no_module(input_shape, classes):
    return 3

def wrong_outputs(input_shape, classes):
    return nn.Linear(input_shape[0], classes + 1)

def wrong_inputs(input_shape, classes):
    return nn.Linear(input_shape[0] + 1, classes)

def breaks(input_shape, classes):
    raise RuntimeError("mine")

not_a_function = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "nets_of_test.py").write_text(NETS, encoding="utf-8")
    (tmp_path / "helper_of_nets.py").write_text("x = 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("nets_of_test", "helper_of_nets"):
        sys.modules.pop(name, None)
    sys.path[:] = [path for path in sys.path if path != str(tmp_path)]


def section(name, folder, **more):
    return PythonModel(kind="python", function=f"nets_of_test:{name}", folder=str(folder), **more)


def test_layers_are_the_leaves_or_those_that_are_named(folder):
    assert list(build(section("mlp", folder), (5,), 3).layers) == ["0", "1", "3"]
    assert list(build(section("mlp", folder, layers=["1"]), (5,), 3).layers) == ["1"]
    assert list(build(section("tokens", folder), (6,), 3).layers) == ["0", "2"]
    assert build(section("mlp", folder, options={"width": 9}), (5,), 3).network[0].out_features == 9


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("no_module", {}, r"expected a torch\.nn\.Module, found int"),
        ("wrong_outputs", {}, r"expected outputs \(n, 3\), found \(2, 4\)"),
        ("wrong_inputs", {}, r"does not take inputs \(n, 5\)"),
        ("mlp", {"layers": ["4"]}, "nearest"),
        ("not_a_function", {}, "has no function not_a_function"),
        ("absent", {}, "has no function absent"),
    ],
)
def test_what_is_wrong_with_a_network_is_said(folder, name, more, message):
    with pytest.raises(InputError, match=message):
        build(section(name, folder, **more), (5,), 3)


def test_an_error_in_a_users_code_keeps_its_trace(folder):
    with pytest.raises(RuntimeError, match="mine"):
        build(section("breaks", folder), (5,), 3)


def test_a_module_that_is_nowhere_is_named(tmp_path):
    with pytest.raises(InputError, match="no module nowhere_at_all"):
        functions.imported("nowhere_at_all:build", str(tmp_path))


def test_relative_imports_are_followed(tmp_path):
    package = tmp_path / "pkg"
    package.mkdir()
    for name, text in (
        ("__init__", ""),
        ("nets", "from .blocks import block\nfrom . import more\n"),
        ("blocks", ""),
        ("more", ""),
    ):
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    found = functions.sources("pkg.nets:build", str(tmp_path))
    assert [path.rsplit("/", 1)[1] for path in found] == ["__init__.py", "blocks.py", "more.py", "nets.py"]


def test_whole_numbers_reach_a_network_of_numbers(folder):
    network = build(section("mlp", folder), (5,), 3)
    assert network.eval()(torch.ones(2, 5, dtype=torch.int64)).shape == (2, 3)
    assert build(section("tokens", folder), (6,), 3)(torch.ones(2, 6)).shape == (2, 3)


def test_initial_weights_come_from_the_seed_alone(folder):
    one, other, third = (build(section("mlp", folder), (5,), 3) for _ in range(3))
    torch.manual_seed(1)
    one.initialise(torch_generator(0, 1, "init"))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    other.initialise(torch_generator(0, 1, "init"))
    third.initialise(torch_generator(0, 2, "init"))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(one.network[0].weight, other.network[0].weight)
    assert not torch.equal(one.network[0].weight, third.network[0].weight)


def test_sources_are_the_module_and_what_it_imports_beside_it(folder):
    found = functions.sources("nets_of_test:mlp", str(folder))
    assert [path.rsplit("/", 1)[1] for path in found] == ["helper_of_nets.py", "nets_of_test.py"]
    assert functions.folder_of("nets_of_test:mlp", [folder / "no", folder]) == "."
    assert functions.folder_of("elsewhere:mlp", [folder]) is None


# --- training


def job(folder, seeds=2, **training):
    given = {"epochs": 3, "batch_size": 8, "learning_rate": 0.05} | training
    own = Training(**given)
    return TrainJob(
        experiment="mine", trainer="ensemble", seed=1, seeds=seeds, first_seed=0, model=section("mlp", folder),
        snapshots=[0, 1, 3], points=[TrainPoint(id="base", noise_std=0.0, training=own)],
    )  # fmt: skip


def dataset(folder):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 5)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)
    path = folder / "data.h5"
    write_h5(path, {"x": x, "y": y, "split": (np.arange(60) % 4 == 0).astype(np.uint8)}, {"classes": 3})
    return str(path)


def trained(folder, name, **more):
    out = folder / name
    stage.run(job(folder, **more), dataset(folder), [str(out)], str(folder / "resume"))
    return load_file(out / "weights.safetensors"), pd.read_parquet(out / "history.parquet")


def test_training_is_reproducible_with_dropout_of_its_own(folder):
    torch.manual_seed(5)
    one, history = trained(folder, "one")
    torch.manual_seed(6)
    other, _ = trained(folder, "other")
    assert set(one) == {f"{k}/network.{n}.{p}" for k in (0, 1, 3) for n in (0, 3) for p in ("weight", "bias")}
    assert all(torch.equal(one[name], other[name]) for name in one)
    losses = history.query("split == 'train' and metric == 'loss' and not noisy").groupby("epoch")["value"].mean()
    assert losses[3] < losses[0]


def test_an_untrained_control_stays_as_it_was(folder):
    weights, history = trained(folder, "frozen", frozen=True)
    assert torch.equal(weights["0/network.0.weight"], weights["3/network.0.weight"])
    losses = history.query("split == 'train' and metric == 'loss' and not noisy").groupby("epoch")["value"].mean()
    assert losses.nunique() == 1


# --- checkpoints


def elsewhere(folder, kind, seed, wrap="", within=None):
    """Checkpoints of three epochs, and the states they hold."""
    states = {}
    place = folder / f"runs/seed{seed}"
    place.mkdir(parents=True, exist_ok=True)
    for epoch in (0, 4, 10):
        torch.manual_seed(100 * seed + epoch)
        network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Dropout(0.2), nn.Linear(4, 3))
        states[epoch] = {f"{wrap}{name}": value for name, value in network.state_dict().items()}
        held = states[epoch] if within is None else {within: states[epoch], "epoch": epoch}
        if kind == "pt":
            torch.save(held, place / f"epoch_{epoch}.pt")
        else:
            save_file(states[epoch], place / f"epoch_{epoch}.safetensors")
    return states


@pytest.mark.parametrize(
    ("kind", "wrap", "within"),
    [
        ("pt", "", None),
        ("safetensors", "", None),
        ("pt", "module.", "state_dict"),
        ("pt", "_orig_mod.module.", "state_dict"),
    ],
)
def test_checkpoints_are_read_as_a_training_of_ours(folder, kind, wrap, within):
    states = {seed: elsewhere(folder, kind, seed, wrap, within) for seed in range(2)}
    pattern = "runs/seed{seed}/epoch_*." + kind
    before = {path: path.read_bytes() for path in folder.glob("runs/*/*")}
    files = checkpoints.files(pattern, range(2))
    own = job(folder, checkpoints=pattern).model_copy(
        update={"trainer": "checkpoints", "snapshots": [0, 4, 10], "checkpoints": files}
    )
    stage.run(own, dataset(folder), [str(folder / "out")], str(folder / "resume"))
    weights = load_file(folder / "out/weights.safetensors")
    for seed in range(2):
        for epoch in (0, 4, 10):
            found = weights[f"{epoch}/network.0.weight"][seed]
            assert torch.equal(found, states[seed][epoch][f"{wrap}0.weight"])
    history = pd.read_parquet(folder / "out/history.parquet")
    assert sorted(history["epoch"].unique()) == [0, 4, 10]
    assert {path: path.read_bytes() for path in folder.glob("runs/*/*")} == before


def refused(folder, message):
    files = checkpoints.files("runs/seed0/epoch_*", range(1))
    own = job(folder, seeds=1).model_copy(
        update={"trainer": "checkpoints", "snapshots": list(files[0]), "checkpoints": files}
    )
    with pytest.raises(InputError, match=message):
        stage.run(own, dataset(folder), [str(folder / "out")], str(folder / "resume"))
    assert not (folder / "out").exists()


class Payload:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return (print, ("ran",))


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"0.weight": torch.zeros(4, 5)}, "without 0.bias"),
        ({"one": torch.zeros(3)}, "with one"),
        ([1, 2], "holds list"),
        ({"state_dict": {"0.weight": 3}}, "not a network's state"),
        (Payload(), "no checkpoint of tensors"),
    ],
)
def test_checkpoints_of_something_else(folder, held, message, capsys):
    (folder / "runs/seed0").mkdir(parents=True)
    torch.save(held, folder / "runs/seed0/epoch_1.pt")
    refused(folder, message)
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["epoch_1.pt", "epoch_1.safetensors"])
def test_damaged_checkpoints(folder, name):
    (folder / "runs/seed0").mkdir(parents=True)
    (folder / "runs/seed0" / name).write_bytes(b"nothing")
    refused(folder, name)


def test_checkpoints_of_another_shape(folder):
    states = elsewhere(folder, "pt", 0)
    states[4]["0.weight"] = torch.zeros(4, 6)
    torch.save(states[4], folder / "runs/seed0/epoch_4.pt")
    refused(folder, r"0\.weight has the shape \(4, 6\), in the network \(4, 5\)")


@pytest.mark.parametrize(
    ("names", "seeds", "message"),
    [
        ([], 1, "no such files"),
        (["last.pt"], 1, "no number in its name"),
        (["a_1.pt", "b_1.pt"], 1, "are both of epoch 1"),
        (["a_1.pt"], 2, r"put \{seed\} in it"),
    ],
)
def test_files_that_say_no_epoch(tmp_path, monkeypatch, names, seeds, message):
    monkeypatch.chdir(tmp_path)
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=message):
        checkpoints.files("*.pt", range(seeds))


def test_seeds_with_other_epochs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("0_1.pt", "0_2.pt", "1_1.pt"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="seed 1 has the epochs"):
        checkpoints.files("{seed}_*.pt", range(2))
    assert json.dumps(checkpoints.files("0_*.pt", range(1))) == '{"0": {"1": "0_1.pt", "2": "0_2.pt"}}'
