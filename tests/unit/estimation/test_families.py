"""Families of estimators on recorded layers: wide ones, rows as published, and linear layers on Gaussian inputs."""

import json
import math

import pandas as pd
import pytest
import torch
from factories import dataset_job, estimate_group, estimate_job, model, save_networks, started

from infoflow.data import stage as data_stage
from infoflow.errors import InputError
from infoflow.estimation import stage
from infoflow.estimation.layers import as_published
from infoflow.estimation.linear_gaussian import answer_information, information
from infoflow.estimators import binning, kde, knn
from infoflow.models import build
from infoflow.models.hooks import capture
from infoflow.recording import recording
from infoflow.storage.hdf5 import write_h5

MODEL = {"kind": "simple_cnn", "filters": [2, 3], "activation": "tanh"}
SECTIONS = {
    "binning": {"widths": [0.05], "pooled": True},
    "kde": {"variances": [0.01]},
    "knn": {"neighbour": 2, "offset": 1e-16},
}


def _table(folder, kind, network=MODEL, **changes):
    """Estimates of the network in `folder`, with changes of the estimator's section."""
    group = estimate_group(estimate_job({"kind": kind} | SECTIONS.get(kind, {}) | changes, network))
    inputs = {"weights": [str(folder / "w.safetensors")], "dataset": [str(folder / "data.h5")]}
    stage.run(group, inputs, [str(folder / "table.parquet")])
    return pd.read_parquet(folder / "table.parquet")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Weights of an untrained network and sixteen spectrograms as bytes."""
    folder, generator = tmp_path_factory.mktemp("wide"), torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (16, 1, 24, 30), generator=generator, dtype=torch.uint8)
    y, split = torch.arange(16) % 4, torch.arange(16) % 2
    write_h5(
        folder / "data.h5", {"x": x.numpy(), "y": y.numpy(), "split": split.numpy()}, {"classes": 4, "x_divisor": 255}
    )
    network = started(build(model(**MODEL), (1, 24, 30), 4)).eval()
    save_networks(folder / "w.safetensors", {0: [network]})
    with torch.no_grad(), capture(network, network.layers) as values:
        network(x.float() / 255)
    return folder, [values["T1"], values["T2"]], y


def _value(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1, table
    return float(table["value"].iloc[0])


def test_every_row_is_the_estimator_on_the_layer(trained):
    folder, values, y = trained
    parts = [_table(folder, "binning", maps=True), _table(folder, "kde"), _table(folder, "knn", maps=True)]
    table = pd.concat(parts, ignore_index=True)
    whole = values[1].flatten(1).double()
    joint, pooled = '{"width":0.05}', '{"pooled":true,"width":0.05}'
    assert _value(table, layer="T2", part="layer", quantity="H_T", settings=joint) == float(
        binning.entropy(whole, 0.05)
    )
    assert _value(table, layer="T2", part="layer", quantity="I_TY", settings=pooled) == pytest.approx(
        float(binning.mutual_information(whole, y, 0.05, pooled=True)), abs=1e-12
    )
    assert _value(table, layer="T2", part="layer", quantity="I_XT", kind="lower") == pytest.approx(
        float(kde.input_information(whole, 0.01, "lower")), abs=1e-9
    )
    assert _value(table, layer="T2", part="layer", quantity="I_TY", kind="rigorous_lower") == pytest.approx(
        float(kde.label_information(whole, y, 0.01, "rigorous_lower")), abs=1e-9
    )
    one_map = values[0][:, 1].flatten(1).double()
    own = table[(table["layer"] == "T1") & (table["part"] == "channel:1")]
    assert _value(own, quantity="h_T") == pytest.approx(float(knn.entropy(one_map, 2, offset=1e-16)), abs=1e-6)
    assert json.loads(own[own["quantity"] == "h_T"]["settings"].iloc[0])["d"] == one_map.shape[1]
    assert set(table["unit"]) == {"nats", "count"}
    assert table[table["quantity"] == "I_TY"]["ceiling"].to_numpy() == pytest.approx(math.log(4))
    assert table[table["quantity"] == "I_XT"]["ceiling"].to_numpy() == pytest.approx(math.log(16))


def test_layers_that_do_not_fit_together_are_taken_one_after_another(trained, monkeypatch):
    folder, _, _ = trained
    together = _table(folder, "knn", maps=True)
    for held in (1, 16 * 2 * 5 * 6):  # nothing fits; the first layer does
        monkeypatch.setattr(recording, "HELD", held)
        pd.testing.assert_frame_equal(_table(folder, "knn", maps=True), together)
    monkeypatch.setattr(recording, "BLOCK", 1)  # one input at a time
    pd.testing.assert_frame_equal(_table(folder, "knn", maps=True), together)


def test_bins_over_the_run_span_all_snapshots(trained):
    folder, values, _ = trained
    table = _table(folder, "binning", run_bins=30, widths=[])
    low, high = float(values[0].min()), float(values[0].max())
    truth = binning.entropy(values[0].flatten(1), grid=(low, high, 30))
    assert _value(table, layer="T1", quantity="H_T") == pytest.approx(float(truth), abs=1e-12)


def test_a_constant_layer_has_no_information_rather_than_no_row(trained, monkeypatch):
    constant = torch.zeros(16, 1, 2)
    monkeypatch.setattr(recording.FromWeights, "values", lambda self, seed, snapshot, index, layers: [("T1", constant)])
    table = _table(trained[0], "binning", run_bins=30, widths=[])
    assert _value(table, quantity="H_T") == 0
    assert set(table["flag"]) == {"dead"}


def test_saturated_values_are_flagged(trained):
    table = _table(trained[0], "kde", variances=[1e-8])
    rows = table[(table["quantity"] == "I_XT") & (table["kind"] == "upper")]
    assert (rows["flag"] == "saturated").all()
    assert rows["value"].to_numpy() == pytest.approx(math.log(16))


def test_samples_of_each_part_have_rows_of_their_own(trained):
    folder, values, y = trained
    table = _table(folder, "kde", samples=["all", "train", "test"])
    for samples, part in (("all", slice(None)), ("train", slice(0, None, 2)), ("test", slice(1, None, 2))):
        truth = kde.input_information(values[1][part].flatten(1).double(), 0.01, "lower")
        found = _value(table, samples=samples, layer="T2", quantity="I_XT", kind="lower")
        assert found == pytest.approx(float(truth), abs=1e-9)


def test_unknown_layers_are_refused(trained):
    with pytest.raises(InputError, match="T9 not among T1, T2"):
        _table(trained[0], "kde", layers=["T9"])


def test_rows_as_published_give_the_published_plateau_and_floor():
    far = 1e3 * torch.eye(1000, dtype=torch.float64)
    rows = as_published(far, [761, 79])
    assert torch.equal(rows[:79], far[761:840])
    assert torch.equal(rows[79:761], far[79:761])
    assert not rows[761:].any()
    plateau = float(kde.input_information(rows, 0.01, "upper", unit="bits"))
    assert plateau == pytest.approx(8.077477118, abs=1e-8)
    assert plateau == pytest.approx(math.log2(1000) - 0.239 * math.log2(239), abs=1e-9)
    d = rows.shape[1]
    with_floor = float(knn.entropy(rows, 2, offset=1e-16))
    radii = d * 0.761 * math.log(1e3 * math.sqrt(2))
    constant = with_floor - radii - d * 0.239 * math.log(1e-16)
    ball = d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1)
    psi = float(
        torch.digamma(torch.tensor(1000.0, dtype=torch.float64)) - torch.digamma(torch.tensor(2.0, dtype=torch.float64))
    )
    # the empty rows' neighbours of the others are nearer than another one-hot row: 1e3 instead of 1e3 √2
    near = d * 0.761 * math.log(math.sqrt(2))
    assert constant == pytest.approx(ball + psi - near, rel=1e-9)


# --- linear layers -------------------------------------------------------------------------------------------


def test_information_of_parts_is_that_of_the_joint_gaussian():
    generator = torch.Generator().manual_seed(0)
    w, teacher, std = torch.randn(3, 5, generator=generator).double(), torch.randn(5, generator=generator).double(), 0.3
    t = w @ w.T / 5 + std**2 * torch.eye(3).double()
    part = torch.tensor([True, False, True, True, False])

    def mutual(a, b, cross):
        joint = torch.cat([torch.cat([a, cross], 1), torch.cat([cross.T, b], 1)])
        return float((torch.logdet(a) + torch.logdet(b) - torch.logdet(joint)) / 2)

    x = torch.eye(5).double() / 5
    assert float(information(w, std)) == pytest.approx(mutual(x, t, w.T / 5), abs=1e-10)
    own = x[part][:, part]
    assert float(information(w, std, part)) == pytest.approx(mutual(own, t, w[:, part].T / 5), abs=1e-10)
    y = (teacher @ teacher / 5 + 0.25).view(1, 1)
    truth = mutual(t, y, (w @ teacher / 5)[:, None])
    assert float(answer_information(w, teacher, std, 0.5)) == pytest.approx(truth, abs=1e-10)


def test_linear_layers_of_a_teachers_data_set(tmp_path):
    teacher = dataset_job("teacher_student", seed=0, inputs=6, relevant=2, noise_std=0.5, train=4, test=3, seeds=2)
    data_stage.run(teacher, str(tmp_path / "data.h5"))
    network = {"kind": "mlp", "layers": [6, 3, 1], "activations": ["linear", "linear"]}
    networks = [started(build(model(**network), (6,)), seed) for seed in range(2)]
    save_networks(tmp_path / "w.safetensors", {0: networks})
    job = estimate_job({"kind": "linear_gaussian", "std": 0.1}, network, seeds=2)
    inputs = {"weights": [str(tmp_path / "w.safetensors")], "dataset": [str(tmp_path / "data.h5")]}
    stage.run(estimate_group(job), inputs, [str(tmp_path / "table.parquet")])
    table = pd.read_parquet(tmp_path / "table.parquet")
    whole = _value(table, seed=1, quantity="I_XT", part="layer")
    weights = networks[1].W1.weight.detach().double()
    assert whole == pytest.approx(float(information(weights, 0.1)), abs=1e-12)
    parts = sum(_value(table, seed=1, quantity="I_XT", part=part) for part in ("relevant", "irrelevant"))
    assert parts <= whole  # independent inputs: I(X;T) ≥ I(X_rel;T) + I(X_irr;T)
