"""The table of a convolutional network's informations against the plain estimator, sample by sample."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from factories import estimate_group, estimate_job, model, save_networks

from infoflow.estimation import renyi as estimate_renyi
from infoflow.estimation import stage
from infoflow.estimation.map_pairs import pair_rows
from infoflow.estimators import renyi
from infoflow.models import build
from infoflow.recording.recording import FromWeights
from infoflow.recording.samples import Probe, mini_batches
from infoflow.seeds import torch_generator
from infoflow.storage.hdf5 import write_h5

MODEL = {
    "kind": "cnn", "filters": [3, 2], "dense": [8, 6], "classes": None, "activation": "relu", "padding": [2, 0],
    "pooling": "max", "observe": "layers", "initialisation": "default", "gain": 1.0,
}  # fmt: skip
MAIN = {"rule": "power", "factor": 5.0, "error_factor": 0.1, "offset": 1, "rescaled": False}
SECTION = {
    "kind": "renyi", "alphas": [1.01, 2.0], "label_width": 0.1, "batches": 3, "batch_size": 16, "samples": ["test"], "kernel": "maps", "maps": True,
    "widths": [MAIN, {**MAIN, "rule": "median"}, {**MAIN, "rescaled": True}], "errors": True, "epochs": None,
    "pairs": 2, "planted": 2, "layers": [],
}  # fmt: skip


def job(**changes):
    return estimate_job(SECTION | changes, MODEL, steps_per_epoch=4, seeds=2, snapshots=[0, 6])


def run(folder, job, output):
    """Make the table of a job of the network in `folder`."""
    inputs = {"weights": [str(folder / "weights.safetensors")], "dataset": [str(folder / "data.h5")]}
    stage.run(estimate_group(job), inputs, [str(folder / output)])
    return pd.read_parquet(folder / output)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("renyi")


@pytest.fixture(scope="module")
def made(folder):
    """Files and the table: random images; at the second snapshot twice the weights, and of seed 1 a dead map of C1."""
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=90)
    x = np.clip(60 * y[:, None, None, None] + rng.integers(80, size=(90, 1, 12, 12)), 0, 255).astype(np.uint8)
    split = (np.arange(90) >= 30).astype(np.uint8)
    write_h5(folder / "data.h5", {"x": x, "y": y, "split": split}, {"classes": 4, "x_divisor": 255})
    start, end = ([build(model(**MODEL), (1, 12, 12), 4) for _ in range(2)] for _ in range(2))
    for seed, (before, after) in enumerate(zip(start, end, strict=True)):
        before.initialise(torch_generator(1, seed, "init"))
        after.load_state_dict({name: 2 * value for name, value in before.state_dict().items()})
    torch.nn.init.zeros_(end[1].conv1.weight[0])
    torch.nn.init.constant_(end[1].conv1.bias[:1], -1.0)
    save_networks(folder / "weights.safetensors", {0: start, 6: end})
    table = run(folder, job(), "t")
    index = mini_batches(torch.arange(30, 90), 3, 16, torch_generator(1, "probe")).flatten()
    images, labels = torch.from_numpy(x / np.float32(255))[index], torch.from_numpy(y)[index]
    recording = FromWeights(job(), str(folder / "weights.safetensors"), Probe(str(folder / "data.h5")))
    values = dict(recording.values(0, 6, index, recording.layers))
    return table, images, labels, values, recording.errors(0, 6, index)


def value(table, seed=0, step=6, alpha=1.01, column="value", **where):
    settings = table["settings"].map(json.loads)
    rule = where.pop("rule", MAIN)
    kept = table[(table["seed"] == seed) & (table["step"] == step)]
    kept = kept[[{"alpha": alpha, "batches": 3, "kernel": "maps", **rule} == s for s in settings[kept.index]]]
    for name, wanted in {"part": "layer", **where}.items():
        kept = kept[kept[name] == wanted]
    (found,) = kept[column]
    return found


def over_batches(function):
    values = [function(slice(16 * b, 16 * b + 16)) for b in range(3)]
    return np.mean(values), np.std(values, ddof=1) / math.sqrt(3)


def width(d, factor=5.0):
    return factor * 16 ** (-1 / (1 + d))


@pytest.mark.parametrize("alpha", [1.01, 2.0])
@pytest.mark.parametrize("layer", ["C1", "P2", "F2"])
def test_values_are_means_over_batches_of_the_plain_estimator(made, layer, alpha):
    table, x, y, values, errors = made
    maps = [m.flatten(1) for m in values[layer].unbind(1)]
    sigmas = [width(maps[0].shape[1])] * len(maps)
    sx = width(144)
    near = {"rel": 1e-8, "abs": 1e-8}

    def about_x(rows, ts=maps, ss=sigmas):
        return float(renyi.mutual_information(x[rows], [t[rows] for t in ts], alpha, [sx, *ss]))

    mean, error = over_batches(about_x)
    assert value(table, quantity="I_XT", layer=layer, alpha=alpha) == pytest.approx(mean, **near)
    assert value(table, quantity="I_XT", layer=layer, alpha=alpha, column="std_error") == pytest.approx(error, **near)
    mean, _ = over_batches(
        lambda r: float(renyi.mutual_information(y[r], [t[r] for t in maps], alpha, [None, *sigmas]))
    )
    assert value(table, quantity="I_TY", layer=layer, alpha=alpha) == pytest.approx(mean, **near)
    mean, _ = over_batches(lambda r: sum(about_x(r, [t], [s]) for t, s in zip(maps, sigmas, strict=True)) - about_x(r))
    assert value(table, quantity="redundancy", layer=layer, alpha=alpha) == pytest.approx(mean, **near)
    if len(maps) > 1:
        mean, _ = over_batches(lambda r: about_x(r, maps[1:2], sigmas[1:2]))
        found = value(table, quantity="I_XT", layer=layer, alpha=alpha, part="channel:1")
        assert found == pytest.approx(mean, **near)
    signals = [m.flatten(1) for m in errors[layer].unbind(1)]
    last = errors["output"][:, 0]
    ss = [width(4, 0.1), *[width(signals[0].shape[1], 0.1)] * len(signals)]
    mean, _ = over_batches(lambda r: float(renyi.mutual_information(last[r], [s[r] for s in signals], alpha, ss)))
    assert value(table, quantity="I_delta", layer=layer, alpha=alpha) == pytest.approx(mean, rel=1e-6, abs=1e-6)


def test_median_widths_are_those_of_each_variable(made):
    table, x, _, values, _ = made
    rule = {**MAIN, "rule": "median"}

    def median(t):
        squares = renyi.squared_distances(t.flatten(1).view(3, 16, -1))
        i, j = torch.triu_indices(16, 16, 1)
        return float(squares[:, i, j].median().sqrt())

    maps = values["P1"].unbind(1)
    sigmas = [median(x), *(median(m) for m in maps)]
    mean, _ = over_batches(lambda r: float(renyi.mutual_information(x[r], [m[r] for m in maps], 1.01, sigmas)))
    assert value(table, quantity="I_XT", layer="P1", rule=rule) == pytest.approx(mean, rel=1e-8)


def test_rescaled_layers_have_their_initial_spread(made):
    """P1 of a ReLU network at twice the weights and biases is twice what it was: rescaled, nothing has changed."""
    table = made[0]
    rule = {**MAIN, "rescaled": True}
    before, after = (value(table, quantity="I_XT", layer="P1", rule=rule, step=step) for step in (0, 6))
    assert after == pytest.approx(before, rel=1e-5)
    assert before == pytest.approx(value(table, quantity="I_XT", layer="P1", step=0), rel=1e-9)
    assert value(table, quantity="I_XT", layer="P1") > before + 0.01


def test_columns_and_flags(made):
    table, _, y, _, errors = made
    assert set(table["epoch"]) == {0.0, 1.5}
    assert set(table["step"]) == {0, 6}
    assert set(table["n"]) == {16}
    assert set(table.loc[table["quantity"].isin(["I_XT", "I_TY", "I_delta", "S_T", "redundancy"]), "unit"]) == {"bits"}
    assert value(table, quantity="dead_maps", layer="C1", seed=1) == 1
    assert value(table, quantity="dead_maps", layer="C1", seed=0) == 0
    assert value(table, quantity="I_XT", layer="C1", seed=1, part="channel:0", column="flag") == "dead"
    assert value(table, quantity="I_XT", layer="C1", seed=1, part="channel:0") == pytest.approx(0, abs=1e-9)
    largest = table[(table["quantity"] == "max_delta") & (table["layer"] == "F2") & (table["step"] == 6)]
    assert largest["value"].iloc[0] == pytest.approx(float(errors["F2"].abs().max()), rel=1e-6)
    share = np.log2(16) * 0.02
    flat = table[(table["quantity"] == "S_T") & (table["value"] < share)]
    assert len(flat)
    assert set(flat["flag"]) <= {"flat", "dead"}
    assert table["saturation"].max() <= 1 + 1e-6


@pytest.mark.parametrize(("scale", "flagged"), [(1.0e-5, True), (1.0, False)])
def test_error_signals_small_for_the_kernel_are_flagged(made, scale, flagged):
    errors = {layer: scale * value / value.abs().max() for layer, value in made[4].items()}
    recording = SimpleNamespace(layers=["C1", "P1", "C2", "P2", "F1", "F2"])
    rows = [row for row in estimate_renyi._backward(job(), recording, errors) if row["quantity"] == "I_delta"]
    assert len(rows) == 6 * 2 * 2  # layers, orders, and the two widths that concern error signals
    power = [row["flag"] for row in rows if '"rule":"power"' in row["settings"]]
    assert {flag == "small_delta" for flag in power} == {flagged}
    if flagged:
        assert max(row["value"] for row in rows if '"rule":"power"' in row["settings"]) < 0.01


def test_pairs_of_maps_against_the_plain_estimator(made):
    """All three pairs of C1 (`count` beyond them), their mean net redundancy by the estimator of single variables."""
    _, x, _, values, _ = made
    batch = values["C1"][:16]
    sx, st = width(144), width(batch.shape[2])
    exponents = (renyi.squared_distances(batch.transpose(0, 1)) / (2 * st**2))[None].expand(4, -1, -1, -1)
    squares = renyi.squared_distances(x[:16].flatten(1)) / (2 * sx**2)
    given = renyi.side(squares[None].expand(4, -1, -1), 1.01)
    rows = {r["quantity"]: r for r in pair_rows(exponents, given, 1.01, 9, 2, torch.Generator().manual_seed(0))}

    def about_x(*maps):
        return float(renyi.mutual_information(x[:16], [batch[:, k] for k in maps], 1.01, [sx, *[st] * len(maps)]))

    net = {(i, j): about_x(i) + about_x(j) - about_x(i, j) for i, j in ((0, 1), (0, 2), (1, 2))}
    assert rows["pair_redundancy"]["value"] == pytest.approx(np.mean(list(net.values())), abs=1e-9)
    assert rows["pair_redundancy"]["std_error"] == pytest.approx(0, abs=1e-12)
    assert rows["pair_synergy"]["value"] == pytest.approx(-min(net.values()), abs=1e-9)
    i, j = min(net, key=net.get)
    assert rows["pair_synergy"]["part"] == f"pair:{i}-{j}"
    assert rows["auc_dead"]["value"] == 1.0


def test_a_planted_copy_ranks_above_maps_that_tell_of_different_things():
    torch.manual_seed(0)
    x = torch.randn(5, 24, 3, dtype=torch.float64)
    given = renyi.side(renyi.squared_distances(x) / 2, 1.01)
    apart = torch.stack([renyi.squared_distances(x[..., k : k + 1]) * 2 for k in range(3)], 1)
    rows = {r["quantity"]: r for r in pair_rows(apart, given, 1.01, 9, 3, torch.Generator().manual_seed(0))}
    assert rows["auc_copies"]["value"] == 1.0


# --- one kernel over a layer -------------------------------------------------------------------------------------

TENSOR = {"kernel": "tensor", "errors": False, "pairs": 0, "maps": False, "alphas": [1.01]}
ALIGNED = {**MAIN, "rule": "alignment"}


def table_of(made_folder, **changes):
    table = run(made_folder, job(**TENSOR | changes), "other")
    return table[(table["seed"] == 0) & (table["quantity"] == "I_XT")].set_index(["step", "layer"])["value"]


def test_a_tensor_kernel_takes_the_layer_as_one_variable(made, folder):
    _, x, _, values, _ = made
    found = table_of(folder, widths=[MAIN])
    t = values["P1"].flatten(1)
    sigmas = [width(144), width(t.shape[1])]
    mean, _ = over_batches(lambda r: float(renyi.mutual_information(x[r], t[r], 1.01, sigmas)))
    assert found[6, "P1"] == pytest.approx(mean, rel=1e-8)


def test_aligned_widths_are_smoothed_over_batches_and_snapshots(made, folder):
    """σ by the definition of the alignment <K, L> / (|K| |L|), batch by batch of both snapshots."""
    _, x, y, values, _ = made
    after, before = (
        values["P1"].flatten(1).double(),
        values["P1"].flatten(1).double() / 2,
    )  # see `made`: ReLU is linear so
    same = (y[:, None] == y[None, :]).double()
    sigma = None
    for t in (before, after):
        for b in range(3):
            rows = slice(16 * b, 16 * b + 16)
            squares = torch.cdist(t[rows], t[rows]).square()
            i, j = torch.triu_indices(16, 16, 1)
            scale = float(squares[i, j].sqrt().median())
            candidates = scale * torch.logspace(-1, 1, 25, dtype=torch.float64)
            kernels = [(-squares / (2 * c**2)).exp() for c in candidates]
            best = candidates[int(np.argmax([float((k * same[rows, rows]).sum() / k.norm()) for k in kernels]))]
            sigma = float(best) if sigma is None else 0.9 * sigma + 0.1 * float(best)
    mean, _ = over_batches(lambda r: float(renyi.mutual_information(x[r], after[r], 1.01, [width(144), sigma])))
    assert table_of(folder, widths=[ALIGNED])[6, "P1"] == pytest.approx(mean, rel=1e-3)


def test_training_samples_are_other_samples(made, folder):
    held_out, training = (table_of(folder, widths=[MAIN], samples=[s], batches=1) for s in ("test", "train"))
    assert not np.allclose(held_out, training)


def test_an_aligned_width_of_a_dead_layer_is_one():
    labels = torch.arange(32) % 4
    assert estimate_renyi._aligned_width(torch.zeros(32, 5), labels, 2, None) == 1.0
    assert estimate_renyi._aligned_width(torch.zeros(32, 5), labels, 2, 3.0) == 3.0


def test_a_held_width_is_that_of_the_first_snapshot(made, folder, monkeypatch):
    widths = iter([1.0] * 6 + [50.0] * 6)  # of six layers at two snapshots
    monkeypatch.setattr(estimate_renyi, "_aligned_width", lambda value, y, count, before: next(widths))
    section = {"kernel": "tensor", "maps": False, "errors": False, "pairs": 0, "planted": 0}
    held = job(**section, widths=[{**ALIGNED, "held": True}]).model_copy(update={"epochs": {0: [0, 6]}})
    table = run(folder, held, "held")
    monkeypatch.setattr(estimate_renyi, "_aligned_width", lambda value, y, count, before: 1.0)
    free = job(**section, widths=[ALIGNED]).model_copy(update={"epochs": {0: [0, 6]}})
    of_first = run(folder, free, "first")
    for quantity in ("I_XT", "S_T"):
        np.testing.assert_array_equal(*(t.loc[t["quantity"] == quantity, "value"] for t in (table, of_first)))
    assert all(json.loads(settings)["held"] for settings in table.loc[table["quantity"] == "I_XT", "settings"])
