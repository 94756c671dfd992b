"""Tables of scalar chains: values from draws beside the exact ones, densities of several seeds."""

import numpy as np
import pandas as pd
import pytest
import torch
from factories import dataset_job, estimate_group, estimate_job, model, save_networks

from infoflow.data import stage as data_stage
from infoflow.estimation import stage
from infoflow.models import build

CHAIN = {"kind": "mlp", "layers": [1, 1, 1], "activations": ["tanh", "tanh"], "noise_std": 0.05, "observe": "all"}
POINTS = {"population": "points", "values": [-3.0, -1.0, 1.0, 3.0], "targets": [-1.0, -1.0, -1.0, 1.0], "seeds": 3}
DRAWS = {"kind": "scalar_draws", "seeds": 2, "epochs": [0, 9], "passes": 50}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two chains at two snapshots, and four points as their input."""
    folder = tmp_path_factory.mktemp("chains")
    data_stage.run(dataset_job("scalar", **POINTS, train=8, test=8), str(folder / "data.h5"), (), 1)
    chains = []
    for weight in (0.3, 1.5):
        chain = build(model(**CHAIN), (1,), None)
        for linear in (chain.W1, chain.W2):
            torch.nn.init.constant_(linear.weight, weight)
            torch.nn.init.constant_(linear.bias, 0.1)
        chains.append(chain)
    save_networks(folder / "w.safetensors", {0: chains, 9: chains})
    return folder


def table(folder, section, **job):
    made = estimate_job(section, CHAIN, experiment="chains", seeds=2, snapshots=[0, 9], **job)
    inputs = {"weights": [str(folder / "w.safetensors")], "dataset": [str(folder / "data.h5")]}
    stage.run(estimate_group(made), inputs, [str(folder / "table.parquet")])
    return pd.read_parquet(folder / "table.parquet")


def test_more_draws_come_nearer_to_the_exact_value(folder):
    few, many = (
        table(folder, {**DRAWS, "inputs": n, "conditional": {"chains": n}}).set_index(["seed", "epoch", "layer"])
        for n in (40, 4000)
    )
    assert len(few) == 2 * 2 * 2
    np.testing.assert_array_equal(few["exact"], many["exact"])
    # n draws of four points: weights are off by 1/sqrt(n), and the value by about as much
    assert (many["drawn"] - many["exact"]).abs().max() < 4 / np.sqrt(4000) + 0.1  # 50 passes leave a bias of under 0.1
    assert (few["drawn"] - few["exact"]).abs().mean() > (many["drawn"] - many["exact"]).abs().mean()


def test_densities_are_those_of_the_first_seeds_and_have_unit_mass(folder):
    made = table(folder, {"kind": "scalar_density", "seeds": 2, "bins": 200, "ranges": {"chains": [[-1.5, 1.5]] * 2}})
    assert set(made["seed"]) == {0, 1}
    mass = made.groupby(["seed", "epoch", "layer"])["density"].sum() * 3 / 200
    np.testing.assert_allclose(mass, 1, atol=1e-3)


def test_an_experiment_without_its_number_of_draws_is_refused():
    from infoflow.config.estimators import ScalarDraws

    section = ScalarDraws(kind="scalar_draws", conditional={"chains": 10}, epochs=[0])
    assert section.refusal("chains") is None
    assert "has no entry for others" in section.refusal("others")
