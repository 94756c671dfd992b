"""What the tables of estimates say beside the values: ties and relative widths, on layers small enough to count."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from factories import estimate_job

from infoflow.estimation import binning, clustering, kde, knn, linearised, propagation
from infoflow.estimation.layers import Layer
from infoflow.estimation.rows import table as tidy_table
from infoflow.models.mlp import Moments
from infoflow.storage.tables import check_tidy, tidy

MEAN = torch.tensor([[0.0, -0.0], [-0.0, 0.0], [0.5, 1.0], [0.5, 1.0], [0.5, 1.0], [1.0, 0.0]])  # five rows tie
SPREAD = MEAN.double().var(0, correction=0).mean().sqrt().item()
LABELS = torch.arange(6) % 2


def job(kind, noise_std=0.3, **section):
    model = {"kind": "mlp", "layers": [2, 2], "activations": ["tanh"], "noise_std": noise_std}
    return estimate_job({"kind": kind, **section}, model)


def layer(values=MEAN, labels=LABELS):
    return Layer(values.double(), labels, torch.arange(6), "T1", 1, "layer", 0, 1)


def test_binned_rows_carry_ties_and_width():
    table = list(binning.rows(job("binning", widths=[0.1, 0.4], edges=[[-1.0, 1.0, 8.0]]), layer()))
    assert {row["ties"] for row in table} == {5}
    widths = [row["relative_width"] for row in table if row["quantity"] == "H_T"]
    assert widths == pytest.approx([0.1 / SPREAD, 0.4 / SPREAD, 0.25 / SPREAD])
    assert [row["value"] for row in table if row["quantity"] == "distinct_rows"] == [3]


@pytest.mark.parametrize("overall_std", [None, 2.0])
def test_linearised_rows_carry_ties_and_the_noise_over_the_spread(overall_std):
    covariance = (0.09 * torch.eye(2)).repeat(6, 1, 1)
    moments = Moments(MEAN.double(), covariance, torch.zeros(6, 2))
    recording = SimpleNamespace(moments=lambda seed, snapshot, name: moments)
    (row,) = linearised.rows(job("linearised", overall_std=overall_std, draws=2), layer(), recording)
    assert row["ties"] == 5
    assert row["relative_width"] == pytest.approx(0.3 / (overall_std or SPREAD))


def test_passes_count_ties_within_a_pass():
    settings = job("propagation", queries=6, counts=[1, 2])
    passes = {"replicas": MEAN.repeat(2, 1, 1)}
    table = list(propagation.rows(settings, passes, 1, torch.Generator().manual_seed(0)))
    assert [row["ties"] for row in table] == [5, 5]
    assert [row["relative_width"] for row in table] == pytest.approx([0.3 / SPREAD] * 2)


def test_clusters_and_constant_layers():
    entropy = next(clustering.rows(job("clustering", width=0.5, saturation=0.9, pair_inputs=6), layer()))
    assert (entropy["ties"], entropy["relative_width"]) == (5, pytest.approx(0.5 / SPREAD))
    constant = next(binning.rows(job("binning", widths=[0.1]), layer(torch.ones(6, 2))))
    assert (constant["ties"], constant["relative_width"], constant["flag"]) == (6, math.inf, "dead")


def test_without_classes_nothing_is_said_of_labels():
    for module, section in (
        (binning, {"widths": [0.1]}),
        (kde, {"variances": [0.1]}),
        (knn, {"neighbour": 2, "offset": 1e-9}),
        (clustering, {}),
    ):
        kind = module.__name__.rsplit(".", 1)[1]
        with_labels, without = (
            {row["quantity"] for row in module.rows(job(kind, **section), layer(labels=labels))}
            for labels in (LABELS, None)
        )
        of_classes = {q for q in with_labels if q == "I_TY" or q.startswith(("within", "between", "ratio"))}
        assert without == with_labels - of_classes
        assert without


def test_the_tidy_table_keeps_both():
    binned = job("binning", widths=[0.1])
    given = [{"seed": 0, "epoch": 1, "layer": "T1", "depth": 1, **row} for row in binning.rows(binned, layer())]
    names = {"experiment": "test", "point": "base", "variant": ""}
    table = tidy(given, estimator="estimator", names=names, axes={})
    check_tidy(table)
    pd.testing.assert_frame_equal(table, tidy_table(binned, given))
    assert table["ties"].tolist() == [5, 5, 5]
    assert table["relative_width"].tolist()[:2] == pytest.approx([0.1 / SPREAD] * 2)
    assert math.isnan(table["relative_width"].iloc[2])  # counting rows has no width
