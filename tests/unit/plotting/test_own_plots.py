"""Plots of one's own: they draw every kind of table, in the house style and without leaving it behind."""

import sys

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.collections import LineCollection
from torch import nn

import infoflow
from infoflow.errors import InputError


def tables(layers, count=2):
    made = []
    for seed in range(count):
        torch.manual_seed(seed)
        net = nn.Sequential(*(part for _ in range(layers) for part in (nn.Linear(4, 4), nn.Tanh())))
        x, y = torch.randn(50, 4), torch.arange(50) % 2
        with infoflow.record(net) as recording:
            for epoch in range(4):
                recording.snapshot(epoch, x, y)
                with torch.no_grad():
                    net[0].weight.mul_(1.3)
        made.append(infoflow.estimate(recording))
    return made


@pytest.fixture(scope="module")
def few():
    return tables(2)


@pytest.mark.filterwarnings("ignore::infoflow.estimators.EstimatorWarning")
@pytest.mark.parametrize("name", ["trajectories", "information_plane", "geometry", "agreement"])
@pytest.mark.parametrize("layers", [2, 6])
def test_every_figure_draws(name, layers, tmp_path):
    before = dict(matplotlib.rcParams)
    draw = getattr(infoflow.plot, name)
    made = tables(layers, 1 if layers > 2 else 2)
    for given in (made, made[0]):
        figure = draw(given)
        figure.savefig(tmp_path / "figure.png")
        assert figure.axes
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == []


@pytest.mark.filterwarnings("ignore::infoflow.estimators.EstimatorWarning")
def test_planes_have_a_path_for_each_layer_that_moves_and_three_estimators(few):
    figure = infoflow.plot.information_plane(few)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["kde (0.25 × trimmed spread)", "binning (0.5 × spread)", "renyi (alpha 1.01)"]
    for axes in figure.axes:
        assert sum(isinstance(one, LineCollection) for one in axes.collections) == 4


@pytest.mark.parametrize(
    ("name", "kept", "message"),
    [
        ("information_plane", ["knn"], "no estimator gives both"),
        ("geometry", ["kde"], "clustering"),
        ("agreement", ["kde"], "nothing to agree with"),
        ("trajectories", ["clustering"], "holds none of"),
    ],
)
def test_tables_that_lack_something(few, name, kept, message):
    table = few[0]
    with pytest.raises(InputError, match=message):
        getattr(infoflow.plot, name)(table[table["estimator"].isin(kept)])


def test_seaborn_is_not_needed(monkeypatch, few):
    monkeypatch.setitem(sys.modules, "seaborn", None)
    assert infoflow.plot.trajectories(few).axes
