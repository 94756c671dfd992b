"""Verdicts and figures of huang2016 on made-up tables whose answer is known."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from factories import plan

from infoflow.config import parse
from infoflow.documents.huang2016 import claims
from infoflow.documents.huang2016.tables import Tables, _chosen
from infoflow.errors import InputError
from infoflow.plotting.document import Document
from infoflow.verdicts.rule import CLAIMS, ledger, verdicts

PLAN = plan()
FIGURES = PLAN.figures_of("huang2016")
GRID = [0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 37.0, 50.0, 75.0, 100.0, math.inf]
FOLDS = range(10)


def made_up(gain=3.0, rise=0.07, rate_costs=0.0, input_share=0.6, least=0.01, penalties=0.0, source="IEMOCAP"):
    """Tables in which UA grows by `gain` and the hidden ratio by `rise` from one trade-off to the next."""
    rng = np.random.default_rng(0)
    folds, ratios = [], []

    def add(experiment, variant, axis, setting, ua, ratio, point="base", k=0):
        for fold in FOLDS:
            value = ua + 5 * np.sin(fold) + 0.1 * rng.standard_normal()
            folds.append(
                {
                    "experiment": experiment, "point": point, "variant": variant, "axis": axis, "setting": setting, "fold": fold,
                    "repeat": 0, "chosen": 3, "valid": value, "ua": value, "last": value, "train_last": value + 0.5 * (min(k, 7) if axis == "trade_off" else 8), "pooled": ua,
                }
            )  # fmt: skip
            for on, n, width, trained in (
                ("train", 64, "fixed", True), ("train", 256, "fixed", True), ("train", 64, "median", True),
                ("held_out", 48, "fixed", True), ("held_out", 48, "median", True), ("train", 64, "fixed", False),
                ("train", 64, "median", False),
            ):  # fmt: skip
                for layer, factor in (("X1", 1.0), ("X2", 0.4)):
                    noise = 0.001 * rng.standard_normal()
                    ratios.append(
                        {
                            "experiment": experiment, "variant": variant, "axis": axis, "setting": setting, "fold": fold,
                            "trained": trained, "on": on, "n": n, "width": width, "layer": layer,
                            "ratio": factor * (ratio if trained else 0.5 + 0.05 * fold) + noise, "std_error": 0.002, "input": input_share,
                            "entropy": 0.3, "negative_I": float(least < 0), "joint_margin": 0.1, "least_I": least,
                        }
                    )  # fmt: skip

    for variant in ("as_published", "corrected"):
        for k, beta in enumerate(GRID):
            ua = 40 + gain * min(k, 7) + 0.01 * k * np.sign(gain)
            add("huang_rd", variant, "trade_off", beta, ua, 0.1 + rise * k, k=k)
        for beta in GRID:
            add("huang_rd_step", variant, "trade_off", beta, 60.0, 0.5)
    shuffled = rng.permutation(len(GRID))
    for k, beta in zip(shuffled, GRID, strict=True):
        add("huang_rd_shuffled", "", "trade_off", beta, 25 + 0.1 * k, 0.1 + 0.001 * (5 * k % 12))
    at_37 = 40 + gain * 7
    add("huang_wide", "", "", math.inf, at_37 + 0.5, 0.9)
    add("huang_logistic", "", "", math.inf, at_37 - 1, 0.9)
    add("huang_encoder", "", "", math.inf, at_37 + rate_costs, 0.9)
    for name in ("l1", "l2", "dropout"):
        for value in np.geomspace(0.01, 0.1, 8):
            add(f"huang_{name}", "", name, float(value), at_37 + penalties, 0.8)
    time = []
    for beta in (2.0, 10.0, 37.0, 100.0, math.inf):
        add("huang_recurrent", "", "trade_off", beta, 50.0, 0.5)
        for fold in FOLDS:
            for trained in (True, False):
                for share in (0.25, 0.5, 0.75, 1.0):
                    ratio = 0.1 if math.isinf(beta) else 0.05
                    time.append({"trade_off": beta, "fold": fold, "trained": trained, "share": share, "ratio": ratio + 0.001 * fold, "input": 0.7})  # fmt: skip
    corpus = pd.DataFrame(
        [{"kind": "class", "name": name, "count": n, "stated": n} for name, n in zip("abcd", (9, 8, 7, 6), strict=True)]
    ).assign(source=source, stand_in=source != "IEMOCAP")
    scales = pd.DataFrame(
        {"scale": ["none", "unit_norm", "zscore"], "saturation": [0.98, 0.6, 0.8], "taken": [False, True, False]}
    )
    ratios = pd.DataFrame(ratios)
    return {
        "folds": pd.DataFrame(folds), "ratios": ratios[ratios["experiment"] != "huang_encoder"], "scales": scales,
        "over_time": pd.DataFrame(time), "corpus": corpus,
    }  # fmt: skip


class Given:
    """What the verdicts ask of the results beside their tables."""

    seed = 1

    def __init__(self, source="IEMOCAP"):
        self.source = source

    def attributes(self, name):
        return {"source": self.source, "stand_in": self.source != "IEMOCAP"}


@pytest.fixture
def decided(monkeypatch):
    def make(source="IEMOCAP", **options):
        monkeypatch.setattr(Tables, "of", lambda results: Tables(**made_up(source=source, **options)))
        made = verdicts(claims.__name__, claims.study(Given(source)), lambda name: True, rehearsal=False)
        rows = ledger("huang2016", made)
        rows = rows[(rows["variant"] != "as_published") & (rows["part"] != "all")]
        rows["name"] = rows["id"] + rows["part"].map({"": ""}).fillna(" " + rows["part"])
        return rows.set_index("name")

    return make


def test_a_run_as_the_document_says(decided):
    made = decided()["outcome"]
    held = [
        "V-000-1", "V-000-3a", "V-000-3b", "V-000-4 rising", "V-000-6 rising", "V-000-8a", "V-000-9", "V-000-10 accuracy", "V-000-10 information",
        "V-000-11 trend", "V-000-E2 accuracy", "V-000-E2 information",
    ]  # fmt: skip
    assert set(made[held]) == {"holds"}
    assert made["V-000-5"] == "unspecific"  # networks of which β scales the step alone have it too
    assert made["V-000-8b"] == "reported"
    assert made["V-000-E1a"] == "undecided"  # equal is not better, and not worse


def test_what_is_false_of_any_network(decided):
    made = decided()
    assert set(made.loc[["V-000-8p", "V-000-13"], "outcome"]) == {"fails"}
    assert made.loc["V-000-8p", "value"] == pytest.approx(1.3561 - 1.4150, abs=1e-4)
    assert made.loc["V-000-7", "outcome"].tolist() == ["holds"] * 5 + ["fails"]
    assert made.loc["V-000-12"].set_index("data")["outcome"].to_dict() == {
        "Gaussian kernel": "holds", "a kernel that is not": "fails",
    }  # fmt: skip


def test_every_claim_has_a_verdict_and_a_figure(decided):
    made = decided()
    assert set(made["id"]) == set(CLAIMS[claims.__name__])
    assert set(made["figure"]) <= set(FIGURES)


def test_flat_curves_do_not_hold(decided):
    made = decided(gain=0.0, rise=0.0)["outcome"]
    assert made["V-000-3a"] == "fails"
    assert made["V-000-4 rising"] != "holds"
    assert made["V-000-10 accuracy"] == "holds"
    assert made["V-000-10 information"] != "holds"  # as accurate, but the rate lowers nothing


def test_a_network_six_points_worse_is_not_comparable(decided):
    assert decided(rate_costs=6.0).loc["V-000-1", "outcome"] == "fails"
    assert decided(rate_costs=1.95).loc["V-000-1", "outcome"] == "undecided"


def test_a_saturated_input_makes_ratios_vacuous(decided):
    made = decided(input_share=0.995)["outcome"]
    assert set(made[["V-000-3a", "V-000-3b", "V-000-5", "V-000-6 rising"]]) == {"vacuous"}
    assert made["V-000-9"] == "fails"


def test_negative_information_is_counted(decided):
    assert decided(least=-0.01).loc["V-000-8b", "value"] == 1.0


def test_a_better_penalty(decided):
    assert decided(penalties=-6.0).loc["V-000-E1b", "outcome"] == "holds"


def test_a_stand_in_yields_rehearsals_but_for_what_reads_no_data(decided):
    made = decided(source="synthesised")
    apart = ["V-000-7", "V-000-8p", "V-000-12", "V-000-13"]
    assert set(made.drop(apart)["outcome"]) == {"rehearsal"}
    assert set(made.loc[apart, "outcome"]) == {"holds", "fails"}


def test_the_epoch_is_the_best_on_the_validating_speaker_among_equals_the_one_of_least_loss():
    rows = []
    for epoch, valid, loss, test in ((0, 0.3, 1.0, 0.9), (1, 0.6, 0.8, 0.5), (2, 0.6, 0.7, 0.7), (3, 0.2, 0.1, 0.4)):
        values = {("valid", "ua"): valid, ("valid", "loss"): loss, ("test", "ua"): test, ("test", "recall:0"): test}
        rows += [
            {"seed": 0, "epoch": epoch, "split": split, "metric": metric, "value": value}
            for (split, metric), value in values.items()
        ]
    (row,) = _chosen(pd.DataFrame(rows)).to_dict("records")
    assert (row["chosen"], row["ua"], row["last"], row["recall:0"]) == (2, 70.0, 40.0, 0.7)


class Traced(Document):
    """Made-up tables; notes which are read and offers only rows of some experiments."""

    def __init__(self, experiments):
        self.key, self.experiments, self.read, self.made = (
            "huang2016",
            experiments,
            set(),
            made_up(source="synthesised"),
        )
        self.reference, self.rehearsal, self.save_to = False, True, None
        self.settings = PLAN.notebook_settings("huang2016")

    def table(self, name):
        self.read.add(name)
        table = self.made[name]
        return table[table["experiment"].isin(self.experiments)] if "experiment" in table else table


@pytest.mark.parametrize("figure", list(FIGURES))
def test_a_figure_is_drawn_from_what_it_names(figure):
    section = FIGURES[figure]
    traced = Traced(section.experiments)
    drawn = traced.show(figure)
    assert traced.read == set(section.tables)
    if section.tables:
        assert "synthesised" in drawn.get_supxlabel()
    plt.close("all")


def test_the_chain_feeds_itself():
    assert PLAN.dataset_inputs("contexts") == [f"results/contexts/huang_encoder/fold{k}.h5" for k in range(10)]
    assert PLAN.dataset_inputs("speech") == []
    assert {job.id: PLAN.trainer(job.experiment) for job in PLAN.train_jobs() if job.experiment == "huang_rd"} == {
        "huang_rd_as_published": "context_ensemble", "huang_rd_corrected": "context_ensemble",
    }  # fmt: skip
    (group,) = [g for g in PLAN.groups_of("huang_rd") if g.place == "corrected"]
    assert (group.block, "ratios" in group.estimators) == ("all", True)
    assert len(PLAN.group_inputs(group)["weights"]) == len(GRID)
    assert sum("huang_rd/" in table for table in PLAN.estimates_of("huang_rd")) == 10


@pytest.mark.parametrize(
    ("experiment", "section", "message"),
    [
        ("huang_recurrent", {"dataset": "szt12"}, "blstm reads data sets of kind speech"),
        ("huang_encoder", {"dataset": "contexts"}, "contexts takes mlp"),
        ("goldfeld_noisy", {"training": {"patience": 3}}, "patience needs data sets of kind speech"),
        ("goldfeld_noisy", {"training": {"momentum": 0.5}}, "momentum: is of the optimiser sgd"),
        ("saxe_linear", {"training": {"class_weights": True}}, "the loss mse knows no classes"),
        ("huang_wide", {"first_seed": 3}, "count seeds from 0"),
        ("huang_wide", {"training": {"loss": "mse", "class_weights": False}}, "neither steps_per_epoch"),
    ],
)
def test_what_does_not_go_together_is_refused(raw, experiment, section, message):
    given = raw["experiments"][experiment]
    for key, value in section.items():
        given[key] = {**given.get(key, {}), **value} if isinstance(value, dict) else value
    with pytest.raises(InputError, match=message):
        parse(raw)
