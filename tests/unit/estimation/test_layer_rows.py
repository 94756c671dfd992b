"""What the tables of estimates say beside the values: ties and relative widths, on layers small enough to count."""

import math

import pandas as pd
import pytest
import torch
from factories import estimate_job

from infoflow.estimation import binning, clustering, linearised, replicas
from infoflow.estimation.rows import table as tidy_table
from infoflow.storage.tables import check_tidy, tidy

MEAN = torch.tensor([[0.0, -0.0], [-0.0, 0.0], [0.5, 1.0], [0.5, 1.0], [0.5, 1.0], [1.0, 0.0]])  # five rows tie
SPREAD = MEAN.double().var(0, correction=0).mean().sqrt().item()
LABELS = torch.arange(6) % 2


def job(kind, noise_std=0.3, **section):
    model = {"kind": "mlp", "layers": [2, 2], "activations": ["tanh"], "noise_std": noise_std}
    return estimate_job({"kind": kind, **section}, model)


def rows(job, layer_rows, **layer):
    return list(layer_rows(job, layer, LABELS, 1, torch.Generator().manual_seed(0)))


def test_binned_rows_carry_ties_and_width():
    binned = job("binning", widths=[0.1, 0.4], edges=[[-1.0, 1.0, 8.0]])
    table = rows(binned, binning.layer_rows, mean=MEAN)
    assert {row["ties"] for row in table} == {5}
    widths = [row["relative_width"] for row in table if row["quantity"] == "H_T"]
    assert widths == pytest.approx([0.1 / SPREAD, 0.4 / SPREAD, 0.25 / SPREAD])
    assert [row["value"] for row in table if row["quantity"] == "distinct_rows"] == [3]


@pytest.mark.parametrize("overall_std", [None, 2.0])
def test_linearised_rows_carry_ties_and_the_noise_over_the_spread(overall_std):
    settings = job("linearised", overall_std=overall_std, draws=2)
    covariance = (0.09 * torch.eye(2)).repeat(6, 1, 1)
    layer = {"mean": MEAN.double(), "covariance": covariance.double(), "shift": torch.zeros(6, 2)}
    (row,) = rows(settings, linearised.layer_rows, **layer)
    assert row["ties"] == 5
    assert row["relative_width"] == pytest.approx(0.3 / (overall_std or SPREAD))


def test_replicas_count_ties_within_a_pass():
    settings = job("replicas", queries=6, counts=[1, 2])
    table = rows(settings, replicas.layer_rows, replicas=MEAN.repeat(2, 1, 1))
    assert [row["ties"] for row in table] == [5, 5]
    assert [row["relative_width"] for row in table] == pytest.approx([0.3 / SPREAD] * 2)


def test_clusters_and_constant_layers():
    settings = job("clustering", width=0.5, saturation=0.9, inputs=6)
    entropy = rows(settings, clustering.layer_rows, mean=MEAN)[0]
    assert (entropy["ties"], entropy["relative_width"]) == (5, pytest.approx(0.5 / SPREAD))
    constant = rows(job("binning", widths=[0.1]), binning.layer_rows, mean=torch.ones(6, 2))
    assert constant[0]["ties"] == 6
    assert constant[0]["relative_width"] == math.inf


def test_the_tidy_table_keeps_both():
    binned = job("binning", widths=[0.1])
    given = [
        {"seed": 0, "epoch": 1, "layer": "T1", "depth": 1, **row} for row in rows(binned, binning.layer_rows, mean=MEAN)
    ]
    names = {"experiment": "test", "point": "base", "variant": ""}
    table = tidy(given, estimator="estimator", names=names, axes={})
    check_tidy(table)
    pd.testing.assert_frame_equal(table, tidy_table(binned, given))
    assert table["ties"].tolist() == [5, 5, 5]
    assert table["relative_width"].tolist()[:2] == pytest.approx([0.1 / SPREAD] * 2)
    assert math.isnan(table["relative_width"].iloc[2])  # counting rows has no width
