"""Look inside: values recomputed from saved weights are found beside those in the table of estimates."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from factories import model, save_networks, section

from infoflow.config.estimators import Estimator
from infoflow.config.jobs import NotebookJob, NotebookPoint
from infoflow.estimation.recompute import recompute
from infoflow.models import build
from infoflow.storage.files import canonical_json
from infoflow.storage.hdf5 import write_h5
from infoflow.storage.tables import write_table

MODEL = model(kind="mlp", layers=[1, 1], activations=["tanh"], observe="all", noise_std=0.0)
POINTS = ("labels~task.first_seed~0", "labels~task.first_seed~2", "labels~taskless")
BITS = math.log(2)


def neuron(weight):
    network = build(MODEL, (1,))
    torch.nn.init.constant_(network.W1.weight, weight)
    torch.nn.init.zeros_(network.W1.bias)
    return network


@pytest.fixture
def run(tmp_path):
    """One tanh neuron on −1, −1, 0, 1, whose value falls into three bins with shares ½, ¼, ¼: 1.5 bits."""
    arrays = {"x": np.array([[-1.0], [-1.0], [0.0], [1.0]]), "y": np.zeros(4), "split": np.zeros(4, np.uint8)}
    write_h5(tmp_path / "data/line.h5", arrays, {})
    for k, point in enumerate(POINTS):
        networks = {0: [neuron(0.0), neuron(0.0)], 5: [neuron(1.0), neuron(1.0)]}
        save_networks(tmp_path / "train/neuron" / point / "weights.safetensors", networks)
        row = {"point": point, "seed": 0, "step": np.nan, "layer": "T1", "part": "layer", "samples": "all"}
        rows = [
            {**row, "epoch": epoch, "quantity": "H_T", "kind": "point", "settings": canonical_json({"width": width})}
            | {"value": value}
            for epoch in (0, 5)
            for width, value in ((0.1, -1.0), (0.5, k + 0.25))
        ]
        (tmp_path / "estimates/neuron" / point).mkdir(parents=True)
        write_table(tmp_path / "estimates/neuron" / point / "all.binned.parquet", pd.DataFrame(rows))
    return SimpleNamespace(key="toy2020", results=str(tmp_path), reference=False, settings=SETTINGS)


POINT = NotebookPoint(dataset="line", model=MODEL, first_seed=0, loss="mse", fold=None, steps_per_epoch=None)
SETTINGS = NotebookJob(
    document="toy2020",
    title="",
    seed=1,
    figures=[],
    models={"neuron": MODEL},
    points={"neuron": dict.fromkeys(POINTS, POINT)},
    estimators={"binned": section(Estimator, kind="binning", widths=[0.1, 0.5])},
)


def look(run, point, **options):
    return recompute(run, "neuron", point, "T1", estimator="binned", **options).iloc[-1]


def test_the_last_snapshot_is_taken_by_default(run):
    row = look(run, POINTS[2])
    assert row["epoch"] == 5
    assert row["from the weights"] == pytest.approx(1.5 * BITS)
    assert row["in the table"] == 2.25  # of the same width
    assert row["difference"] == pytest.approx(1.5 * BITS - 2.25)


def test_another_snapshot_is_recomputed_from_its_own_weights(run):
    assert look(run, POINTS[2], epoch=0)["from the weights"] == 0  # every input in one bin


def test_how_several_points_begin_names_the_first_of_them(run):
    assert look(run, "labels~task")["point"] == POINTS[0]
    assert look(run, "labels~task")["in the table"] == 0.25


def test_an_experiment_that_the_run_lacks_is_said(run):
    assert "paper.yaml" in recompute(run, "other", "base", "T1")["note"].iloc[0]


def test_reference_results_hold_no_weights(run):
    run.reference = True
    assert "no weights" in look(run, POINTS[0])["note"]
