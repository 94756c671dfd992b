"""What `infoflow.recommend` says is what the benchmark of detection measured, and the documentation says the same."""

import numpy as np
import pandas as pd
import pytest
import torch
from factories import ROOT

import infoflow
from infoflow.errors import InputError
from infoflow.truth import recommendation
from infoflow.truth.detection import CANDIDATES, REGIMES

PAGE = (ROOT / "docs/which-estimator.md").read_text(encoding="utf-8")


def test_the_recommended_estimators_are_the_best_of_the_benchmark():
    measured = pd.read_csv(ROOT / "benchmarks/detection.csv")
    information = measured["estimator"].map(lambda name: CANDIDATES[name].quantity).isin(["I_XT", "H_T", "h_T"])
    best = measured[information].groupby("regime")["rate"].max()
    for regime, one in zip(REGIMES, recommendation.table(), strict=True):
        assert one.rate == pytest.approx(best[regime], abs=1e-4)
        assert one.low <= one.rate <= one.high


def test_the_page_says_the_same():
    assert recommendation.markdown() in PAGE


@pytest.mark.parametrize(
    ("shape", "units"),
    [((100, 1), (1, 8)), ((100, 12), (16, 64)), ((9, 3, 5, 5), (16, 64)), ((100, 5000), (128, 1024))],
)
def test_a_layer_gets_the_range_that_is_nearest(shape, units):
    assert infoflow.recommend(shape).units == units
    assert infoflow.recommend(np.zeros(shape)) == infoflow.recommend(torch.zeros(shape))
    assert "at 5 % false alarms" in str(infoflow.recommend(shape))


def test_what_is_recommended_runs():
    recording = infoflow.record(torch.nn.Sequential(torch.nn.Linear(3, 20), torch.nn.Tanh()), ["1"])
    with recording:
        recording.snapshot(0, torch.randn(150, 3), torch.arange(150) % 3)
    table = infoflow.estimate(recording, infoflow.recommend((150, 20)).estimator)
    assert np.isfinite(table["value"]).all()


@pytest.mark.parametrize("shape", [(100,), (0, 3), (100, 0)])
def test_what_is_no_layer_is_refused(shape):
    with pytest.raises(InputError, match="expected"):
        infoflow.recommend(np.zeros(shape))
