"""Claims of padova2023 on invented estimates whose answer is known."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from infoflow.documents.padova2023 import claims
from infoflow.documents.padova2023.constants import LAYERS
from infoflow.verdicts.rule import CLAIMS, Evidence, decide

EPOCHS = [0, 1, 2, 3, 5, 8, 13, 20, 32, 50, 80, 100]
MEASURES = [  # quantity, kind, settings
    ("H_T", "point", {"pooled": True, "width": 0.05}), ("H_T", "point", {"width": 0.05}), ("H_T", "point", {"run_bins": 30}),
    ("I_XT", "upper", {"variance": 0.01}), ("I_XT", "upper", {"variance": 0.001}), ("h_T", "point", {"d": 8, "k": 2}),
    ("I_XT", "point", {"std": 0.1}),
]  # fmt: skip


class Invented:
    """Estimates and histories of some experiments, made from curves: what `verdicts.results.Results` offers."""

    layers, parts, measures = [*LAYERS, "T5"], ("layer", "relevant", "irrelevant"), MEASURES

    def __init__(self, curves, accuracy=0.99, axes=None):
        self.curves, self.accuracy, self.axes = curves, accuracy, axes or {}

    def has(self, experiment):
        return experiment in self.curves

    def points(self, experiment):
        return {name: SimpleNamespace(axes=axes) for name, axes in (self.axes or {"base": {}}).items()}

    def dataset_of(self, experiment, point):
        return "music"

    def attributes(self, dataset):
        return {"source": dataset, "stand_in": False}

    def history(self, experiment, point):
        rows = [{"seed": s, "epoch": 100, "split": split, "noisy": False, "metric": "accuracy",
                 "value": self.accuracy(s, point) if callable(self.accuracy) else self.accuracy}
                for s in range(self.seeds(experiment)) for split in ("train", "test")]  # fmt: skip
        return pd.DataFrame(rows)

    def seeds(self, experiment):
        return 6

    def estimates(self, experiment):
        rows = [
            {"seed": s, "epoch": e, "layer": layer, "part": part, "quantity": quantity, "kind": kind, "point": point,
             "estimator": "some", "settings": json.dumps(settings), "std_error": 0.0, "ceiling": 6.0, "n": 403,
             "value": self.curves[experiment](s, e / 100, layer, part) + 0.001 * s}
            for point in self.points(experiment) for s in range(self.seeds(experiment)) for e in EPOCHS
            for layer in self.layers for part in self.parts
            for quantity, kind, settings in self.measures
        ]  # fmt: skip
        return pd.DataFrame(rows)


def rising(seed, t, layer, part):
    return 3.0 + t


def falling(seed, t, layer, part):
    return 4.0 - t if layer in ("T1", "T2", "T5") else 3.0 + t


def at_ceiling(seed, t, layer, part):
    return 5.99


def outcomes(claim, results):
    made = CLAIMS[claims.__name__][claim]
    evidence = made.test(results)
    pieces = [evidence] if isinstance(evidence, Evidence) else list(evidence)
    rows = [decide(made, piece, rehearsal=False) for piece in pieces]
    return {(row["part"], row["variant"]): row["outcome"] for row in rows}


@pytest.mark.parametrize(
    ("tanh", "shuffled", "outcome"),
    [
        (falling, rising, "holds"),
        (falling, falling, "unspecific"),
        (rising, rising, "fails"),
        (at_ceiling, rising, "vacuous"),
    ],
)
def test_two_layers_must_fall_and_fall_less_on_shuffled_labels(tanh, shuffled, outcome):
    results = Invented({"padova_tanh": tanh, "padova_shuffled": shuffled})
    assert outcomes("V-003-1", results) == {("", ""): outcome}


def test_a_network_that_did_not_learn_is_not_converged():
    results = Invented({"padova_tanh": falling, "padova_shuffled": rising}, accuracy=0.3)
    assert outcomes("V-003-1", results) == {("", ""): "not converged"}


def test_every_data_set_has_its_row():
    curves = {
        f"{data}_{kind}": falling if kind == "tanh" else rising
        for data in ("padova", "padova_speech")
        for kind in ("tanh", "shuffled")
    }
    assert outcomes("V-003-1", Invented(curves)) == {("", ""): "holds", ("", "speech"): "holds"}


def test_the_kernel_estimate_is_saturated_or_not():
    results = Invented({"padova_tanh": at_ceiling, "padova_relu": rising})
    assert outcomes("V-003-8", results) == {("", "tanh"): "holds", ("", "ReLU"): "fails"}


def test_full_batch_and_mini_batches_have_a_part_each():
    curves = {"padova_tanh": falling, "padova_full_batch": rising, "padova_shuffled": rising}
    found = outcomes("V-003-3e", Invented(curves))
    assert found == {("mini-batches", "Adam"): "holds", ("full batch", "Adam"): "fails"}


def test_a_wide_student_cannot_forget():
    def student(seed, t, layer, part):
        return 9.0 - t if part == "irrelevant" else 3.0 + t

    axes = {name: {"model.layers": [100, width, 1]} for name, width in (("narrow", 10), ("wide", 100))}
    found = outcomes("V-003-9", Invented({"saxe_linear_irrelevant": student}, axes=axes))
    assert found["irrelevant", "10 units"] == "holds"
    assert found["irrelevant", "100 units"] == "vacuous"
    assert found["relevant", "100 units"] == "holds"


def test_settings_that_can_be_tested_decide():
    def student(seed, t, layer, part):
        return 9.0 - t if part == "irrelevant" else 3.0 + t

    def primary(*widths):
        axes = {str(width): {"model.layers": [100, width, 1]} for width in widths}
        results = Invented({"saxe_linear_irrelevant": student}, axes=axes)
        return [made.decides for made in claims.simultaneous(results) if made.part == "irrelevant"]

    assert primary(10, 100) == [True, False]
    assert primary(100) == [True]


def test_tanh_compresses_under_both_batches_and_relu_under_neither():
    curves = {
        f"saxe_{kind}{b}": falling if kind == "tanh" else rising
        for kind in ("tanh", "relu")
        for b in ("", "_full_batch")
    }
    assert outcomes("V-003-11", Invented(curves)) == {("", ""): "holds"}
    assert outcomes("V-003-11r", Invented(curves)) == {("", ""): "holds"}
    curves["saxe_tanh_full_batch"] = rising
    assert outcomes("V-003-11", Invented(curves)) == {("", ""): "fails"}


class Ensemble(Invented):
    """Two kinds of a hundred networks, with falls and accuracies of their own."""

    def __init__(self, fall, accuracy):
        curves = {"saxe_hundred": lambda seed, t, layer, part: 3.0 - fall(seed) * t}
        super().__init__(curves, accuracy, {"tanh": {}, "relu": {}})

    layers, parts, measures = ["T5"], ["layer"], [("I_XT", "upper", {"variance": 0.001})]

    def seeds(self, experiment):
        return 100


def drawn(seed):
    return 2 * np.random.default_rng(seed).random() - 0.5


@pytest.mark.parametrize(
    ("accuracy", "correlation", "cells"),
    [
        (lambda seed, kind: np.random.default_rng(1000 + seed + 500 * (kind == "relu")).random(), "holds", "holds"),
        (lambda seed, kind: 0.5 + 0.1 * drawn(seed) + 0.2 * (kind == "relu"), "fails", "holds"),
        (lambda seed, kind: 0.5 + 0.1 * drawn(seed), "fails", "fails"),
    ],
)
def test_no_link_is_an_equivalence_within_kinds(accuracy, correlation, cells):
    found = outcomes("V-003-10", Ensemble(lambda seed: 0.8 * drawn(seed), accuracy))
    assert found == {("correlation", ""): correlation, ("cells", ""): cells}


def test_an_ensemble_of_networks_that_all_compress_shows_nothing():
    results = Ensemble(lambda seed: 1.0 + 0.001 * seed, lambda seed, kind: 0.5 + 0.01 * (seed % 7))
    assert set(outcomes("V-003-10", results).values()) == {"vacuous"}


def test_an_intervention_compares_the_strongest_step_with_none_kind_by_kind():
    axes = {
        f"{kind}, {step}": {"model.activations": [kind, "linear"], "training.orthonormal": step}
        for kind in ("tanh", "relu")
        for step in (0.0, 0.001)
    }
    results = Ensemble(lambda seed: 0.8 * drawn(seed) + 0.5, lambda seed, kind: 0.9 - 0.05 * (kind == "relu, 0.001"))
    results.axes = axes
    found = outcomes("V-003-10", results)
    assert found["intervention", "tanh"] == "holds"
    assert found["intervention", "relu"] == "fails"
