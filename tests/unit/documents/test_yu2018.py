"""Verdicts and figures of yu2018 on estimates whose answer is known, and on data sets that a user swaps in."""

import copy
import json

import factories
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from factories import ROOT
from PIL import Image

from infoflow.config.yamlfile import load
from infoflow.documents.yu2018 import claims
from infoflow.documents.yu2018 import figures as drawn
from infoflow.documents.yu2018.claims import backward_pairs, forward_pairs
from infoflow.documents.yu2018.constants import AUTOENCODER, DEEP, FILTERS, POOLED, TRAINED
from infoflow.documents.yu2018.study import Study, control_of, nets
from infoflow.documents.yu2018.tables import tables
from infoflow.estimation.rows import table as tidy_table
from infoflow.models import build
from infoflow.plotting.document import Document
from infoflow.storage.files import canonical_json
from infoflow.storage.tables import write_table
from infoflow.verdicts.rule import CLAIMS, ledger, verdicts

SMALL = {
    "experiments": {
        "yu_baseline": {"seeds": 5, "snapshots": {"log_spaced": 8}},
        "yu_depth": {"seeds": 5, "snapshots": {"log_spaced": 4}},
        "yu_depth_default": {"seeds": 5},
        "yu_filters": {"seeds": 5, "snapshots": {"log_spaced": 6}},
        "yu_shuffled": {"seeds": 5},
    }
}


class Invented:
    """Estimates and histories made by formulas in the shape of a run's: what `verdicts.results.Results` offers."""

    def __init__(self, plan, about_input):
        self.plan, self.about_input = plan, about_input
        self.experiments = plan.claims_settings("yu2018").experiments

    def has(self, experiment):
        return experiment in self.experiments

    def points(self, experiment):
        return self.experiments[experiment].points

    def attributes(self, dataset):
        return {"source": dataset, "stand_in": dataset == "svhn"}

    def history(self, experiment, point):
        model = self.plan.points[experiment][point].experiment.model
        rows = [
            {"seed": s, "epoch": e, "step": e, "split": "test", "noisy": False, "metric": "accuracy",
             "value": 0.9 + 0.001 * sum(getattr(model, "filters", [])) + 0.0001 * s}
            for s in range(5) for e in (0.0, 3.0)
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def estimates(self, experiment):
        made = []
        for point, one in self.plan.points[experiment].items():
            for name in one.experiment.estimators:
                job = self.plan.estimate_settings(experiment, point, "all", name)
                made.append(tidy_table(job, self.rows(job)))
        return pd.concat(made, ignore_index=True)

    def rows(self, job):
        layers, section = list(build(job.model, (1, 28, 28), 10).layers), job.section
        if section.kind == "clustering":
            yield from self.geometry(job, layers)
            return
        shared = {"batches": section.batches, "kernel": section.kernel}
        for seed in job.epochs:
            for step in job.snapshots:
                t = step / job.snapshots[-1]
                place = {"seed": seed, "epoch": step / 469, "step": step, "unit": "bits", "std_error": 0.01}
                for alpha in section.alphas:
                    for rule in section.widths:
                        settings = canonical_json({"alpha": alpha, **shared, **rule.shown()})
                        row = {**place, "settings": settings, "samples": section.samples[0]}
                        yield {**row, "layer": "input", "depth": 0, "quantity": "S_X", "value": 6.0, "ceiling": 7.0}
                        for depth, layer in enumerate(layers, start=1):
                            if not section.layers or layer in section.layers:
                                yield from self.of_layer(job, {**row, "layer": layer, "depth": depth}, t, seed)

    def geometry(self, job, layers):
        for seed in job.epochs:
            for step in job.snapshots:
                place = {"seed": seed, "epoch": step / 469, "step": step, "unit": "none"}
                for depth, layer in enumerate(layers, start=1):
                    for quantity in ("ratio_distance", "effective_rank", "participation_ratio"):
                        yield {**place, "layer": layer, "depth": depth, "quantity": quantity, "value": 1 / depth}

    def of_layer(self, job, row, t, seed):
        depth, layer = row["depth"], row["layer"]
        value = self.about_input(depth, t) + 0.001 * seed
        yield {**row, "quantity": "I_XT", "value": value}
        yield {**row, "quantity": "I_TY", "value": value / 2}
        yield {**row, "quantity": "S_T", "value": value}
        yield {**row, "quantity": "margin_joint", "value": 0.1}
        yield {**row, "quantity": "margin_sum", "value": -0.01}
        maps = 1
        if job.model.kind == "cnn" and layer[0] in "CP":
            maps = job.model.filters[int(layer[1]) - 1]
        if job.section.maps:
            yield {**row, "quantity": "redundancy", "value": np.log(maps) * (0.1 + t) + 0.001 * seed}
            for k in range(min(maps, 3) if maps > 1 else 0):
                yield {**row, "quantity": "I_XT", "part": f"channel:{k}", "value": 1.0 + 0.1 * k}
        if job.section.pairs and maps > 1:
            yield {**row, "quantity": "pair_redundancy", "part": "pairs", "value": np.log(maps) * (0.1 + t)}
            yield {**row, "quantity": "pair_synergy", "part": "pair:0-1", "value": 0.1}
            for name in ("auc_copies", "auc_dead"):
                yield {**row, "quantity": name, "part": "planted", "value": 0.99}
        if job.section.errors:
            yield {**row, "quantity": "I_delta", "value": 0.5 + 0.3 * depth, "ceiling": 3.0}


def falling(depth, t):
    """Untrained, the layers' information rises with depth; trained, it falls."""
    return 1.0 + 0.5 * depth if t == 0 else 5.0 - 0.5 * depth + 0.5 * t


def with_a_jump(depth, t):
    """Falls, but for the pair P1 -> C2."""
    return falling(depth, t) + (1.5 if depth >= 3 and t > 0 else 0.0)


def saturated(depth, t):
    return 5.99


@pytest.fixture(scope="module")
def plan():
    return factories.plan(SMALL)


def decided(results):
    made = verdicts(claims.__name__, claims.study(results), results.has, rehearsal=False)
    return ledger("yu2018", made)


def outcomes(plan, about_input):
    rows = decided(Invented(plan, about_input))
    return rows.assign(shares=rows["detail"].map(json.loads))


def found(rows, claim, **where):
    kept = rows[(rows["id"] == claim) & ~rows["stand_in"].astype(bool) & rows["primary"].astype(bool)]
    for column, value in where.items():
        kept = kept[kept[column] == value]
    return set(kept["outcome"])


@pytest.fixture(scope="module")
def fall(plan):
    return outcomes(plan, falling)


def test_every_claim_has_a_verdict(fall):
    assert set(fall["id"]) == set(CLAIMS[claims.__name__])
    assert set(fall.loc[fall["stand_in"].astype(bool), "outcome"]) == {"rehearsal"}


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [
        ("V-001-1", "holds"), ("V-001-4", "fails"), ("V-001-5", "fails"), ("V-001-6", "fails"), ("V-001-9", "fails"),
        ("V-001-10", "holds"), ("V-001-11", "fails"), ("V-001-13", "fails"), ("V-001-14a", "holds"), ("V-001-14p", "fails"),
        ("V-001-15", "holds"), ("V-001-16", "holds"), ("V-001-7", "holds"), ("V-001-8", "holds"), ("V-001-19", "undecided"),
        ("V-001-20", "undecided"), ("V-001-C", "holds"),
    ],
)  # fmt: skip
def test_outcomes_on_made_up_networks(fall, claim, outcome):
    assert found(fall, claim) == {outcome}


def test_each_half_of_a_corollary_has_its_row(fall):
    assert found(fall, "V-001-17", part="lower") == {"holds"}
    assert found(fall, "V-001-17", part="upper") == {"fails"}


def test_a_network_at_chance_is_not_converged(plan):
    class AtChance(Invented):
        def history(self, experiment, point):
            return super().history(experiment, point).assign(value=0.1)

    rows = decided(AtChance(plan, falling))
    assert set(rows.loc[rows["id"] == "V-001-5", "outcome"]) == {"not converged"}
    assert not (rows["variant"] == POOLED).any()


def test_a_jump_in_one_of_five_pairs_leaves_four_fifths(plan):
    net = next(iter(nets(Invented(plan, with_a_jump), "yu_baseline").values()))
    pairs = forward_pairs(net, TRAINED)
    assert pairs.share() == pytest.approx(0.8)
    assert pairs.strict.mean() == pytest.approx(0.8)
    assert not pairs.idle.any()
    assert {name for name, share in pairs.violated().items() if share} == {"P1 to C2"}
    assert forward_pairs(net, [0.0]).share() == pytest.approx(0.0)


def with_batches(common, own):
    """Every estimate made of ten batches, with an error that all layers share and one of each layer alone."""

    class Batched(Invented):
        def rows(self, job):
            rng = np.random.default_rng(0)
            shared = common * rng.standard_normal(10)
            for row in super().rows(job):
                batches = row["value"] + shared - shared.mean() + own * rng.standard_normal(10)
                yield {**row, "per_batch": batches.tolist(), "std_error": batches.std(ddof=1) / np.sqrt(10)}

    return Batched


def test_what_layers_share_does_not_hide_their_differences(plan):
    """A deeper layer that holds 0.2 bits more, under errors of 0.3 bits that both have in common."""

    def slightly_more(depth, t):
        return 4.0 + (0.2 if depth == 3 else -0.1 * depth)

    violated = {
        name: forward_pairs(next(iter(nets(results(plan, slightly_more), "yu_baseline").values())), TRAINED).violated()[
            "P1 to C2"
        ]
        for name, results in (("paired", with_batches(1.0, 0.01)), ("unpaired", with_batches(0.0, 1.0)))
    }
    assert violated["paired"] == 1.0
    assert violated["unpaired"] < 0.5


def test_an_inverted_backward_chain_is_violated(plan):
    """The errors at the first layer tell most of the output's, by more than 0.02 of their entropy: every pair is inverted."""

    class Inverted(Invented):
        def of_layer(self, job, row, t, seed):
            for one in super().of_layer(job, row, t, seed):
                inverted = 0.41 - 0.01 * row["depth"]
                yield (
                    {**one, "value": inverted, "ceiling": 0.41, "std_error": 1e-4}
                    if one["quantity"] == "I_delta"
                    else one
                )

    net = next(iter(nets(Inverted(plan, falling), "yu_baseline").values()))
    pairs, _ = backward_pairs(net)
    assert not pairs.kept.any()
    ordered, _ = backward_pairs(next(iter(nets(Invented(plan, falling), "yu_baseline").values())))
    assert ordered.kept.all()


def test_saturated_layers_say_nothing(plan):
    rows = outcomes(plan, saturated)
    assert found(rows, "V-001-1") == {"vacuous"}
    every = rows[(rows["id"] == "V-001-11") & ~rows["stand_in"].astype(bool)]
    assert set(every["outcome"]) == {"vacuous"}
    assert found(rows, "V-001-18") == {"vacuous"}


def test_a_flat_or_rising_plane_does_not_compress_and_a_falling_one_does(plan):
    rows = outcomes(plan, lambda depth, t: 4.5 - 0.3 * depth + 0.5 * t)
    assert found(rows, "V-001-11") == {"holds"}
    rows = outcomes(plan, lambda depth, t: 4.0 - 0.3 * depth - 2 * abs(t - 0.05))
    assert found(rows, "V-001-11") == {"fails"}


def test_seeds_in_blocks_are_one_network():
    split = factories.plan(SMALL, {"experiments": {"yu_filters": {"seeds": 3, "axes": {"first_seed": [0, 3]}}}})
    made = nets(Invented(split, falling), "yu_filters")
    assert {key[2] for key in made} == set(FILTERS)
    assert {len(net.cube("I_XT").values) for net in made.values()} == {6}


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"alpha": 1.01}, "main"), ({"alpha": 2.0}, "α = 2"), ({"factor": 2.5}, "h = 2.5"), ({"rule": "median"}, "median σ"),
        ({"offset": 4}, "offset 4"), ({"rescaled": True}, "rescaled"), ({"alpha": 2.0, "factor": 1.0}, ""),
        ({"samples": "train"}, "training batches"), ({"kernel": "tensor", "rule": "alignment"}, "tensor kernel"),
        ({"kernel": "tensor", "rule": "alignment", "samples": "train"}, "tensor kernel, training batches"),
        ({"samples": "train", "factor": 1.0}, ""),
    ],
)  # fmt: skip
def test_controls_are_named(changed, name):
    changed = dict(changed)
    rule = {
        "alpha": 1.01,
        "kernel": "maps",
        "rule": "power",
        "factor": 5.0,
        "error_factor": 0.1,
        "offset": 1,
        "rescaled": False,
    }
    samples = changed.pop("samples", "test")
    assert control_of(json.dumps(rule | changed), samples) == name


# --- figures -----------------------------------------------------------------------------------------------------


def document_of(plan, folder):
    results = Invented(plan, falling)
    for name, made in tables(Study(results)).items():
        write_table(folder / "tables/yu2018" / f"{name}.parquet", made)
    write_table(folder / "claims/yu2018.parquet", decided(results))

    class Traced(Document):
        read: set

        def table(self, name):
            self.read.add(name)
            rows = super().table(name)
            return rows[rows["experiment"].isin(self.experiments)]

    settings = canonical_json(plan.notebook_settings("yu2018").model_dump())
    return Traced("yu2018", str(folder), settings=settings)


@pytest.fixture(scope="module")
def document(plan, tmp_path_factory):
    return document_of(plan, tmp_path_factory.mktemp("yu2018"))


@pytest.mark.parametrize("figure", list(factories.plan().figures_of("yu2018")))
def test_a_figure_is_drawn_from_its_tables_and_experiments(plan, document, figure):
    section = plan.figures_of("yu2018")[figure]
    document.read, document.experiments = set(), section.experiments
    document.show(figure)
    plt.close("all")
    assert document.read == set(section.tables)
    assert not document.rehearsal  # stand-ins are said panel by panel


def test_a_map_that_two_estimators_saw_is_in_the_tables_once(plan):
    maps = tables(Study(Invented(plan, falling)))["maps"]
    assert not maps.duplicated(["experiment", "dataset", "initialisation", "filters", "layer", "part", "epoch"]).any()


def test_discs_overlap_in_the_area_asked_for():
    for r, s, area in ((1.0, 1.0, 1.0), (1.4, 0.5, 0.3), (1.0, 0.6, 0.0)):
        assert drawn.lens(r, s, drawn.separation(r, s, area)) == pytest.approx(area, abs=1e-6)
    assert drawn.lens(1.0, 0.5, drawn.separation(1.0, 0.5, 9.9)) == pytest.approx(np.pi * 0.25, rel=1e-3)


# --- deeper networks ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def deep_plan():
    """The experiments of V-001-E1 in paper.yaml beside the default ones."""
    paper = load(ROOT / "configs/paper.yaml").values
    overlay = {
        "experiments": {name: paper["experiments"][name] for name in DEEP},
        "estimators": {name: section for name, section in paper["estimators"].items() if name.startswith("renyi_")},
    }
    return factories.plan(SMALL, overlay)


def deep_falling(depth, t):
    """Untrained, the layers' information rises with depth; trained, it falls, and no layer holds less than it did."""
    return 0.15 * depth if t == 0 else 5.0 - 0.3 * depth


def turning_back(depth, t):
    """Falls with depth; the seventh layer peaks in the middle of training and loses half a bit."""
    return 5.0 - 0.3 * depth + (0.5 * (1 - t) if depth == 7 and t > 0.05 else 0.0)


def test_deeper_networks_have_verdicts_by_kernel_and_part_of_the_data(deep_plan):
    rows = outcomes(deep_plan, deep_falling)
    rows = rows[rows["id"] == "V-001-E1"]
    assert len(rows) == 2 * 5 * 2
    assert set(rows["variant"]) == {
        f"{net}, {kernel}"
        for net in ("VGG-11", "ResNet-18")
        for kernel in (
            "maps",
            "training batches",
            "tensor kernel",
            "tensor kernel, training batches",
            "tensor kernel, first σ",
        )
    }
    assert set(rows["outcome"]) == {"holds"}
    assert set(rows["seeds"]) == {5}
    assert all(shares["violated"] == 0 and not any(shares["compresses"].values()) for shares in rows["shares"])


def test_a_deep_layer_that_turns_back_is_named(deep_plan):
    rows = outcomes(deep_plan, turning_back)
    rows = rows[rows["id"] == "V-001-E1"]
    for variant, shares in zip(rows["variant"], rows["shares"], strict=True):
        fallen = [name for name, share in shares["compresses"].items() if share == 1 and name.startswith("I_XT")]
        assert fallen == ["I_XT C7" if variant.startswith("VGG") else "I_XT R3.2"]
    assert set(rows.loc[rows["part"] == "no fall", "outcome"]) == {"fails"}
    assert set(rows.loc[rows["part"] == "order", "outcome"]) == {"holds"}


def test_the_figure_of_the_deeper_networks_is_drawn_where_there_are_some(deep_plan, document, tmp_path):
    document.read, document.experiments = set(), list(deep_plan.experiments)
    assert document.show("E1", needs="yu_vgg11") is None
    held = document_of(deep_plan, tmp_path)
    held.read, held.experiments = set(), deep_plan.figures_of("yu2018")["E1"].experiments
    figure = held.show("E1", needs="yu_vgg11")
    assert held.read == {"curves"}
    assert len(figure.axes) == 8
    plt.close("all")


# --- autoencoders ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def code_plan():
    """The experiment of V-001-E2 in paper.yaml beside the default ones."""
    paper = load(ROOT / "configs/paper.yaml").values
    return factories.plan(
        SMALL,
        {
            "experiments": {AUTOENCODER: paper["experiments"][AUTOENCODER]},
            "estimators": {"renyi_bottleneck": paper["estimators"]["renyi_bottleneck"]},
        },
    )


class Codes(Invented):
    """Bottlenecks of at least so many units lose half a bit after the middle of training; others keep what they have."""

    def __init__(self, plan, turns_from):
        super().__init__(plan, falling)
        self.turns_from = turns_from

    def of_layer(self, job, row, t, seed):
        if job.model.kind != "autoencoder":
            yield from super().of_layer(job, row, t, seed)
            return
        turns = job.model.bottleneck >= self.turns_from and row["depth"] == 3
        made = min(1, 10 * t) + (0.5 * min(1, 2 - 2 * t) if turns else 0.0)
        yield {**row, "quantity": "I_XT", "value": 2.0 + made + 0.001 * seed}
        yield {**row, "quantity": "I_TY", "value": 1.0}
        yield {**row, "quantity": "S_T", "value": 3.0}


@pytest.mark.parametrize(
    ("turns_from", "wide", "narrow"), [(32, "holds", "holds"), (1, "unspecific", "fails"), (1000, "fails", "holds")]
)
def test_bottlenecks_that_turn_back_are_told_from_others(code_plan, turns_from, wide, narrow):
    made = verdicts(
        claims.__name__, claims.study(Codes(code_plan, turns_from)), lambda name: name == AUTOENCODER, rehearsal=False
    )
    rows = ledger("yu2018", [row for row in made if row["id"] == "V-001-E2"])
    assert set(rows["variant"]) == {f"{w} units{k}" for w in (2, 4, 32, 64) for k in ("", ", median σ")}
    assert set(rows.loc[rows["part"] == "wide", "outcome"]) == {wide}
    assert set(rows.loc[rows["part"] == "narrow", "outcome"]) == {narrow}
    assert set(rows.loc[rows["primary"].astype(bool), "variant"]) == {f"{w} units" for w in (2, 4, 32, 64)}


def test_the_figure_of_the_autoencoders_is_drawn_where_there_are_some(code_plan, document, tmp_path):
    document.read, document.experiments = set(), list(code_plan.experiments)
    assert document.show("E2", needs=AUTOENCODER) is None
    held = document_of(code_plan, tmp_path)
    held.read, held.experiments = set(), code_plan.figures_of("yu2018")["E2"].experiments
    figure = held.show("E2", needs=AUTOENCODER)
    assert held.read == {"curves", "history"}
    assert len(figure.axes) == 3
    plt.close("all")


# --- another data set in one line --------------------------------------------------------------------------------


def images(folder):
    rng = np.random.default_rng(0)
    for name in ("apples", "pears", "plums"):
        (folder / name).mkdir(parents=True)
        for k in range(4):
            Image.fromarray(rng.integers(256, size=(20, 24), dtype=np.uint8)).save(folder / name / f"{k}.png")


@pytest.mark.parametrize("name", ["fashion_mnist", "fruit"])
def test_one_line_swaps_the_data_set_through_to_the_figures(name, tmp_path):
    images(tmp_path / "fruit")
    overlay = {"experiments": {k: {"axes": {"dataset": [name]}} for k in ("yu_baseline", "yu_depth", "yu_filters")}}
    overlay = copy.deepcopy(overlay) | {
        "datasets": {"fruit": {"kind": "image_folder", "path": str(tmp_path / "fruit")}}
    }
    plan = factories.plan(SMALL, overlay)
    assert {p.experiment.dataset for p in plan.points["yu_baseline"].values()} == {name}
    assert name in plan.datasets()
    document = document_of(plan, tmp_path)
    document.read, document.experiments = set(), list(plan.experiments)
    keys = drawn.shown(document, drawn.PUBLISHED, True)
    assert any(key[:2] in (("yu_baseline", name), ("yu_baseline_relu", name)) for key in keys)
    for figure in ("F2", "F3", "F4", "F6", "F7", "X1", "X2"):
        document.show(figure)
        plt.close("all")
