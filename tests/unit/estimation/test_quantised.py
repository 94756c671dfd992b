"""Quantised twins: what is counted against networks whose layers are rounded by hand."""

import math

import factories
import pytest
import torch
from factories import dataset_job, estimate_job, save_networks, started

from infoflow.data import stage as data_stage
from infoflow.errors import InputError
from infoflow.estimation import quantised
from infoflow.models import build
from infoflow.recording.recording import FromWeights, Recording
from infoflow.recording.samples import Probe
from infoflow.storage.tables import check_tidy

MODEL = {"kind": "mlp", "layers": [12, 4, 3, 2], "activations": ["tanh", "relu", "linear"]}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A network on the 12-bit task at two snapshots."""
    folder = tmp_path_factory.mktemp("quantised")
    data_stage.run(dataset_job("szt12"), str(folder / "data.h5"))
    networks = {k: [started(build(factories.model(**MODEL), (12,)), k)] for k in (0, 5)}
    save_networks(folder / "w.safetensors", networks)
    job = estimate_job({"kind": "quantised", "bits": [1, 3]}, MODEL, seeds=1, snapshots=[0, 5])
    return job, FromWeights(job, str(folder / "w.safetensors"), Probe(str(folder / "data.h5"))), networks


def rounded(values, low, high, count):
    step = (high - low) / (count - 1)
    level = ((values - low) / step).round().clamp(0, count - 1)
    return level, low + step * level


@pytest.mark.parametrize("count", [2, 8, 256])
def test_levels_are_those_of_the_network_with_every_layer_rounded(recording, count):
    job, weights, networks = recording
    index = torch.arange(4096)
    network = networks[5][0].double()
    x = weights.samples(0).inputs(index)[0].double()
    first = torch.tanh(network.W1(x))
    second = torch.relu(network.W2(first))
    level1, value1 = rounded(first, first.min(), first.max(), count)
    level2, _ = rounded(torch.relu(network.W2(value1)), second.min(), second.max(), count)
    levels = dict(weights.levels(0, 5, index, ["T1", "T2"], count))
    assert torch.equal(levels["T1"][:, 0], level1)
    assert torch.equal(levels["T2"][:, 0], level2)
    weights.levels(0, 5, index, ["T1"], count)
    assert torch.equal(dict(weights.values(0, 5, index, ["T1"]))["T1"][:, 0], first)  # the network itself is as it was


def test_information_is_counted(recording):
    job, weights, _ = recording
    table = quantised.estimate(job, [weights])
    check_tidy(table)
    assert set(table["quantity"]) == {"I_XQ", "I_QY"}
    assert set(table["settings"]) == {'{"bits":1}', '{"bits":3}'}
    row = table[(table["epoch"] == 5) & (table["layer"] == "T2") & (table["settings"] == '{"bits":3}')].set_index(
        "quantity"
    )
    levels = dict(weights.levels(0, 5, torch.arange(4096), ["T2"], 8))["T2"][:, 0]
    labels = weights.samples(0).labels
    shares = torch.unique(levels, dim=0, return_counts=True)[1] / 4096
    joint = torch.unique(torch.cat([levels, labels[:, None]], 1), dim=0, return_counts=True)[1] / 4096
    classes = labels.bincount() / 4096
    entropy, both, of_labels = (float(-(p.double() * p.double().log()).sum()) for p in (shares, joint, classes))
    assert row.loc["I_XQ", "value"] == pytest.approx(entropy, abs=1e-6)
    assert row.loc["I_QY", "value"] == pytest.approx(entropy + of_labels - both, abs=1e-6)
    assert row.loc["I_XQ", "ceiling"] == pytest.approx(math.log(4096))
    assert row.loc["I_QY", "ceiling"] == pytest.approx(of_labels, abs=1e-6)


def test_a_layer_loses_information_from_bit_to_bit_and_layer_to_layer(recording):
    job, weights, _ = recording
    table = quantised.estimate(job, [weights])
    wide = table[table["quantity"] == "I_XQ"].pivot_table(index=["epoch", "settings"], columns="depth", values="value")
    assert (wide[1] >= wide[2] - 1e-12).all()  # the second is a function of the first
    table = table[table["quantity"] == "I_QY"]
    assert (table["value"] <= table["ceiling"] + 1e-12).all()


def test_rows_of_a_dead_layer_and_of_continuous_targets():
    rows = list(quantised.rows(torch.zeros(8, 2, dtype=torch.float64), torch.arange(8) % 2, math.log(8)))
    assert [(row["quantity"], row["value"], row["flag"]) for row in rows] == [("I_XQ", 0, "dead"), ("I_QY", 0, "dead")]
    (row,) = quantised.rows(torch.arange(8.0, dtype=torch.float64)[:, None], None, math.log(8))
    assert (row["value"], row["flag"]) == (pytest.approx(math.log(8)), "saturated")


def test_a_kept_file_and_the_output_are_refused():
    with pytest.raises(InputError, match="keep_activations: false"):
        Recording().levels(0, 0, torch.arange(2), ["T1"], 4)
    with pytest.raises(ValueError, match="output is not"):
        estimate_job({"kind": "quantised", "output": True}, MODEL)
