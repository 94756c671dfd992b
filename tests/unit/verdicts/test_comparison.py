"""The comparison of estimators, on tables whose answers are known."""

import numpy as np
import pandas as pd
import pytest

from infoflow.storage.tables import tidy, write_table
from infoflow.verdicts import comparison
from infoflow.verdicts.comparison import Network

EPOCHS = [0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000]
FAMILIES = {
    "kde": "kde",
    "bins": "binning",
    "binning": "binning",
    "exact": "quantised",
    "clustering": "clustering",
    "renyi": "renyi",
}
UP, DOWN, FLAT = np.linspace(0, 2, 10), np.array([0, 1, 2, 2, 2, 1, 0.5, 0.2, 0.2, 0.2]), np.ones(10)


def rows(layer, quantity, values, kind="point", flag="", unit="nats", seeds=5):
    depth = int(layer[1:])
    return [
        {"seed": s, "epoch": e, "layer": layer, "depth": depth, "quantity": quantity, "kind": kind, "value": v + 0.001 * s,
         "flag": flag, "unit": unit}
        for s in range(seeds) for e, v in zip(EPOCHS, values, strict=True)
    ]  # fmt: skip


def network(tmp_path, name, tables, accuracy=0.9):
    paths = []
    for estimator, made in tables.items():
        table = tidy(made, estimator=estimator, names={"experiment": name, "point": "base", "variant": ""}, axes={})
        paths.append(str(tmp_path / f"{name}.{estimator}.parquet"))
        write_table(paths[-1], table)
    history = pd.DataFrame(
        [{"seed": 0, "epoch": 1, "split": split, "noisy": False, "metric": "accuracy", "value": value}
         for split, value in (("train", 1.0), ("test", accuracy))]
    )  # fmt: skip
    write_table(tmp_path / f"{name}.history.parquet", history)
    return Network("kong2019", paths, {"base": str(tmp_path / f"{name}.history.parquet")})


@pytest.fixture
def made(tmp_path):
    """A network of which layer 1 compresses under all but the bins, and layer 2 under none."""
    tables = {
        "kde": [*rows("T1", "I_XT", DOWN, "lower"), *rows("T1", "I_XT", UP, "upper"), *rows("T2", "I_XT", UP, "lower")],
        "bins": [*rows("T1", "H_T", DOWN), *rows("T2", "H_T", DOWN)],
        "binning": [*rows("T1", "H_T", UP), *rows("T2", "H_T", UP, flag="saturated")],
        "exact": [*rows("T1", "I_XQ", 3 * DOWN), *rows("T2", "I_XQ", FLAT)],
        "renyi": [*rows("T1", "I_XT", DOWN, unit="bits"), *rows("T1", "I_TY", DOWN, unit="bits")],
        "clustering": [
            *rows("T1", "ratio_distance", 1 - DOWN[::-1] / 4, unit="none"), *rows("T1", "saturated_fraction", DOWN / 2, unit="none"),
        ],
    }  # fmt: skip
    return comparison.matrix({"net": network(tmp_path, "net", tables)}, FAMILIES)


def cell(matrix, layer, family, **where):
    found = matrix[(matrix["layer"] == layer) & (matrix["family"] == family) & matrix["shown"]]
    for name, value in where.items():
        found = found[found[name] == value]
    assert len(found) == 1
    return found.iloc[0]


def test_what_each_estimator_says_of_a_layer(made):
    matrix, _, trained = made
    kde = cell(matrix, "T1", "kde")
    assert (kde["falls"], kde["seeds"], kde["epochs"], kde["document"]) == (1.0, 5, 10, "kong2019")
    assert kde["fall"] == pytest.approx(1.8, abs=1e-9)
    assert cell(matrix, "T2", "kde")["falls"] == 0
    assert cell(matrix, "T2", "kde")["rises"] == 1
    assert cell(matrix, "T1", "renyi")["fall"] == pytest.approx(1.8 * np.log(2))  # bits
    assert cell(matrix, "T1", "binning")["estimator"] == "binning"  # the one that bears the family's name
    assert [cell(matrix, layer, "binning")["ceiling"] for layer in ("T1", "T2")] == [0, 1]
    assert len(matrix[(matrix["layer"] == "T1") & (matrix["family"] == "binning")]) == 2
    assert trained.loc[0, ["accuracy", "gap"]].tolist() == pytest.approx([0.9, 0.1])


def test_trajectories_agree_as_their_ranks_do(made):
    _, agreement, _ = made
    rho = agreement.set_index(["layer", "first", "second"])["rho"]
    assert rho["T1", "kde", "quantised"] == pytest.approx(1, abs=1e-9)
    assert rho["T1", "binning", "kde"] < 0
    assert np.isnan(rho["T2", "kde", "quantised"])  # a constant has no rank
    assert ("T1", "clustering", "kde") not in rho.index


def test_layers_are_held_against_their_reference(made):
    layers = comparison.layers(made[0]).set_index("layer")
    assert layers.loc["T1", "reference"] == "quantised"
    assert layers["compresses"].tolist() == [1, 0]
    assert layers.loc["T1", ["kde", "binning"]].tolist() == [1, 0]
    assert np.isnan(layers.loc["T2", "binning"])  # at its ceiling
    assert layers.loc["T1", "saturated"] == pytest.approx(0.102)  # the mean of the end, of the middle seed
    assert layers.loc["T1", "distance"] < 0.9
    differing = comparison.disagreements(made[0], "binning", "kde")
    assert differing[["layer", "reference"]].to_numpy().tolist() == [["T1", "quantised"]]
    assert comparison.disagreements(made[0], "kde", "quantised").empty
    believed = comparison.believed(made[0]).set_index("family")
    assert believed["share"].to_dict() == {"binning": 0, "kde": 0.5, "quantised": 0.5, "renyi": 1.0}
    assert not believed["own"].any()  # kong2019 had none of these


def test_answers_come_with_intervals_over_networks(tmp_path):
    networks = {}
    for k in range(6):
        end = 0.05 if k < 3 else 0.4  # half of the networks end saturated
        tables = {
            "exact": rows("T1", "I_XQ", DOWN * (1 + k)), "kde": rows("T1", "I_XT", DOWN if k else UP, "lower"),
            "binning": rows("T1", "H_T", UP),
            "clustering": [*rows("T1", "saturated_fraction", FLAT * end, unit="none"), *rows("T1", "ratio_distance", DOWN[::-1] + 1, unit="none")],
        }  # fmt: skip
        networks[f"net{k}"] = network(tmp_path, f"net{k}", tables, accuracy=0.9 + 0.01 * k)
    answers = comparison.answers(*comparison.matrix(networks, FAMILIES), seed=1).set_index("what")
    saturated = answers.filter(like="saturated", axis=0).iloc[0]
    assert (saturated["value"], saturated["networks"], saturated["layers"]) == (0.5, 6, 6)
    assert saturated["low"] < 0.5 < saturated["high"]
    assert answers.filter(like="binning says", axis=0)["value"].tolist() == [0.0]
    assert answers.filter(like="kde says", axis=0)["value"].tolist() == pytest.approx([5 / 6])
    assert answers.filter(like="both say", axis=0)["value"].tolist() == pytest.approx([1 / 6])
    assert answers.filter(like="test accuracy", axis=0)["value"].tolist() == pytest.approx([1.0])
    few = comparison.answers(*comparison.matrix({"net0": networks["net0"]}, FAMILIES), seed=1)
    assert few["low"].isna().all()  # one network has no interval


def test_nothing_to_compare_is_an_empty_matrix(tmp_path):
    matrix, agreement, trained = comparison.matrix({}, FAMILIES)
    assert matrix.empty
    assert agreement.empty
    assert comparison.layers(matrix).empty
    assert comparison.believed(matrix).empty
    answers = comparison.answers(matrix, agreement, trained, seed=1)
    assert answers["value"].isna().all()
    assert (answers["layers"] == 0).all()
