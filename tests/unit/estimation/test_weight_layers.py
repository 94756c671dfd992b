"""Estimates made from weights: wide layers, rows as published, and linear layers on Gaussian inputs."""

import json
import math

import pandas as pd
import pytest
import torch
from factories import dataset_job, estimate_job
from safetensors.torch import save_file

from infoflow.data import stage
from infoflow.errors import InputError
from infoflow.estimation import linear_gaussian, wide_layers
from infoflow.estimation.linear_gaussian import answer_information, information
from infoflow.estimation.wide_layers import _ranges_over_run, as_published
from infoflow.estimators import binning, kde, knn
from infoflow.models.audio_cnn import SimpleCnn
from infoflow.storage.files import canonical_json
from infoflow.storage.hdf5 import write_h5
from infoflow.storage.tables import check_tidy

MODEL = {"kind": "simple_cnn", "filters": [2, 3], "activation": "tanh"}


def _table(folder, **changes):
    """Estimates of the network in `folder`, with changes of the estimator's section."""
    common = {"kind": "wide_layers", "widths": [0.05], "variances": [0.01], "neighbour": 2, "offset": 1e-16}
    job = estimate_job(common | changes, MODEL)
    table = wide_layers.estimate(job, _inputs(folder))
    check_tidy(table)
    return table


def _inputs(folder):
    return {"weights": [str(folder / "w.safetensors")], "dataset": [str(folder / "data.h5")]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Weights of an untrained network and sixteen spectrograms as bytes."""
    folder, generator = tmp_path_factory.mktemp("wide"), torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (16, 1, 24, 30), generator=generator, dtype=torch.uint8)
    y = torch.arange(16) % 4
    write_h5(folder / "data.h5", {"x": x.numpy(), "y": y.numpy()}, {"classes": 4, "x_divisor": 255})
    model = SimpleCnn((1, 24, 30), 4, [2, 3], "tanh")
    parameters = model.initialise([generator])
    about = {"run": canonical_json({"snapshots": [0]})}
    save_file({f"0/{k}": v for k, v in parameters.items()}, folder / "w.safetensors", about)
    values = model.one({k: v[0] for k, v in parameters.items()}, x.float() / 255)[1]
    return folder, values, y


def _value(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1, table
    return float(table["value"].iloc[0])


def test_every_row_is_the_estimator_on_the_layer(trained):
    folder, values, y = trained
    table = _table(folder, maps=True)
    whole = values[1].flatten(1).double()
    joint = canonical_json({"width": 0.05})
    pooled = canonical_json({"pooled": True, "width": 0.05})
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
    assert set(table["unit"]) == {"nats"}
    assert table[table["quantity"] == "I_TY"]["ceiling"].to_numpy() == pytest.approx(math.log(4))
    assert table[table["quantity"] == "I_XT"]["ceiling"].to_numpy() == pytest.approx(math.log(16))


def test_layers_that_do_not_fit_together_are_taken_one_after_another(trained, monkeypatch):
    folder, _, _ = trained
    together = _table(folder, maps=True)
    for held in (1, 16 * 2 * 5 * 6):  # nothing fits; the first layer does
        monkeypatch.setattr(wide_layers, "HELD", held)
        pd.testing.assert_frame_equal(_table(folder, maps=True), together)
    monkeypatch.setattr(wide_layers, "BLOCK", 1)  # one input at a time
    pd.testing.assert_frame_equal(_table(folder, maps=True), together)


def test_bins_over_the_run_span_all_snapshots(trained):
    folder, values, _ = trained
    table = _table(folder, run_bins=30, widths=[], variances=[], neighbour=None)
    low, high = float(values[0].min()), float(values[0].max())
    truth = binning.entropy(values[0].flatten(1), edges=(low, high, 30))
    assert _value(table, layer="T1", quantity="H_T") == pytest.approx(float(truth), abs=1e-12)


def test_a_constant_layer_has_no_information_rather_than_no_row():
    ranges = _ranges_over_run(30, [[("T1", torch.zeros(5, 1, 2))], [("T1", torch.zeros(5, 1, 2))]])
    assert ranges == {"T1": (0.0, 1.0, 30)}
    assert float(binning.entropy(torch.zeros(5, 2), edges=ranges["T1"])) == 0


def test_saturated_values_are_flagged(trained):
    folder, _, _ = trained
    table = _table(folder, variances=[1e-8])
    rows = table[(table["quantity"] == "I_XT") & (table["kind"] == "upper")]
    assert (rows["flag"] == "saturated").all()
    assert rows["value"].to_numpy() == pytest.approx(math.log(16))


def test_unknown_layers_are_refused(trained):
    folder, _, _ = trained
    with pytest.raises(InputError, match="T9 not among T1, T2"):
        _table(folder, layers=["T9"])


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
    made = dataset_job("teacher_student", seed=0, inputs=6, relevant=2, noise_std=0.5, train=4, test=3, seeds=2)
    stage.run(made, str(tmp_path / "data.h5"))
    weights = {
        "0/W1": torch.randn(2, 3, 6),
        "0/b1": torch.zeros(2, 3, 1),
        "0/W2": torch.randn(2, 1, 3),
        "0/b2": torch.zeros(2, 1, 1),
    }
    save_file(weights, tmp_path / "w.safetensors", {"run": canonical_json({"snapshots": [0]})})
    inputs, section = _inputs(tmp_path), {"kind": "linear_gaussian", "std": 0.1}

    def network(first):
        return {"kind": "mlp", "layers": [6, 3, 1], "activations": [first, "linear"]}

    table = linear_gaussian.estimate(estimate_job(section, network("linear")), inputs)
    check_tidy(table)
    whole = _value(table, seed=1, quantity="I_XT", part="layer")
    assert whole == pytest.approx(float(information(weights["0/W1"][1].double(), 0.1)), abs=1e-12)
    parts = sum(_value(table, seed=1, quantity="I_XT", part=part) for part in ("relevant", "irrelevant"))
    assert parts <= whole  # independent inputs: I(X;T) ≥ I(X_rel;T) + I(X_irr;T)
    with pytest.raises(InputError, match="linear layers"):
        linear_gaussian.estimate(estimate_job(section, network("tanh")), inputs)
