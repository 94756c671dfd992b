"""Claims of padova2023 (V-003-*): information planes of audio networks, and the reprints of Saxe et al. 2018."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import digamma

from infoflow.documents.padova2023.constants import (
    CONTROL,
    DATA,
    HIDDEN,
    LAYERS,
    POOLED,
    PUBLISHED_KDE,
    PUBLISHED_KNN,
    PUBLISHED_SIZES,
    RELU,
    SAXE_BINS,
    SAXE_VARIANCE,
    TANH,
)
from infoflow.documents.padova2023.study import (
    MEASURES,
    map_series,
    matched,
    of,
    one_series,
    published_rows,
    reached,
    relative_fall,
    rows_of,
    share_of_range,
)
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.questions import Each, Exact, Mean, Same
from infoflow.verdicts.results import Results
from infoflow.verdicts.rule import Evidence, Trained, claim
from infoflow.verdicts.statistics import uninformative

AUDIO = Trained("accuracy", "train", 0.8)  # slide 24: 0.85 with ReLU; the notebooks: 0.80 with tanh after 100 epochs
TWELVE_BITS = Trained("accuracy", "train", 0.95)
OWN = "none: the comparison is its own control"
ABSENCE = "none: that nothing falls is claimed"


def study(results: Results) -> Results:
    """The tests read the results as they are."""
    return results


# --- compression in the audio networks ---------------------------------------------------------------------------


SECOND_FALL = Each("second largest fall over the four layers", above=tr.COMPRESSION)


@claim("V-003-1", "S15", "Compression is present in simple CNNs (tanh), by pooled binning", SECOND_FALL, trained=AUDIO)
def pooled_binning_compresses(results: Results) -> Iterator[Evidence]:
    """V-003-1."""
    return compression(results, "")


@claim("V-003-1j", "S15", "… by binning whole layers", SECOND_FALL, trained=AUDIO)
def joint_binning_compresses(results: Results) -> Iterator[Evidence]:
    """V-003-1j."""
    return compression(results, "j")


@claim("V-003-1k", "S21", "… by the kernel estimate", SECOND_FALL, trained=AUDIO)
def kernel_estimate_compresses(results: Results) -> Iterator[Evidence]:
    """V-003-1k."""
    return compression(results, "k")


@claim("V-003-1n", "S25", "… by nearest neighbours", SECOND_FALL, trained=AUDIO)
def neighbours_compress(results: Results) -> Iterator[Evidence]:
    """V-003-1n."""
    return compression(results, "n")


def compression(results: Results, measure: str) -> Iterator[Evidence]:
    """V-003-1: the second largest fall, by one of four estimators, on every data set: over 0.10 nat, two layers compress."""
    how = MEASURES[measure]
    for data in held(results, "tanh", "shuffled"):
        tanh, shuffled = f"{data}_tanh", f"{data}_shuffled"
        found, null = matched(results, (tanh, shuffled), LAYERS, **how)
        falls, controls = (np.stack([tr.drop(one) for one in several]) for several in (found, null))
        yield of(results, tanh, Evidence(
            np.sort(falls, axis=0)[-2], np.sort(controls, axis=0)[-2], CONTROL, variant=DATA[data],
            vacuous=uninformative(rows_of(results, tanh, **how)),
            detail={"fall": dict(zip(LAYERS, np.median(falls, axis=1), strict=True))},
        ))  # fmt: skip


def held(results: Results, *kinds: str) -> list[str]:
    """Data sets, by the names that their experiments start with, of which the run holds networks of all these kinds."""
    return [data for data in DATA if all(results.has(f"{data}_{kind}") for kind in kinds)]


@claim(
    "V-003-2", "S15", "ReLU and tanh differ in the information plane",
    Mean("second largest |difference of relative falls| between tanh and ReLU over the four layers", "of the peak", above=0.1),
    trained=AUDIO,
)  # fmt: skip
def activations_differ(results: Results) -> Evidence:
    """V-003-2: difference of relative falls between tanh and ReLU, pooled binning; the control is that between two seeds."""
    tanh, relu = (
        np.stack([relative_fall(one) for one in several])
        for several in matched(results, (TANH, RELU), LAYERS, **MEASURES[""])
    )
    difference, seeds = tanh - relu, tanh - np.roll(tanh, 1, axis=1)  # (layers, seeds)
    return of(results, TANH, Evidence(
        np.sort(np.abs(difference), axis=0)[-2], np.sort(np.abs(seeds), axis=0)[-2], "tanh networks of two seeds",
        trained=np.array([min(reached(results, name).median() for name in (TANH, RELU))]),
        detail={"tanh_minus_relu": dict(zip(LAYERS, difference.mean(1), strict=True))},
    ))  # fmt: skip


BATCHES = (
    Each("fall of T2 under mini-batches", above=tr.COMPRESSION, part="mini-batches"),
    Each(
        "fall of T2 under the full batch", above=tr.COMPRESSION, part="full batch",
        control="none: the mini-batches are what it is compared with",
    ),
)  # fmt: skip


@claim(
    "V-003-3e", "S17", "Batch gradient descent compresses as well, at equal epochs", *BATCHES, primary={"variant": "Adam"},
    trained=AUDIO,
)  # fmt: skip
def full_batch_at_equal_epochs(results: Results) -> Iterator[Evidence]:
    """V-003-3e: T2 compresses under mini-batches and full batches."""
    return both_batches(results, equal_epochs=True)


@claim(
    "V-003-3u", "S17", "Batch gradient descent compresses as well, at equal updates", *BATCHES, primary={"variant": "Adam"},
    trained=AUDIO,
)  # fmt: skip
def full_batch_at_equal_updates(results: Results) -> Iterator[Evidence]:
    """V-003-3u: T2 compresses under mini-batches and full batches."""
    return both_batches(results, equal_epochs=False)


def both_batches(results: Results, *, equal_epochs: bool) -> Iterator[Evidence]:
    """Falls of T2 under mini-batches, beside those on shuffled labels, and under the full batch, for both optimisers."""
    how, null = MEASURES[""], "padova_shuffled"
    for variant, few, whole in (
        ("Adam", TANH, "padova_full_batch"),
        ("plain gradient descent", "padova_sgd", "padova_sgd_full_batch"),
    ):
        if not (results.has(few) and results.has(whole)):
            continue
        mini, full = one_series(results, few, "T2", **how), one_series(results, whole, "T2", **how)
        if equal_epochs:
            full = tr.until(full, mini.epochs[-1])
        fall, control = tr.drop(mini), None
        if variant == "Adam":
            fall, control = (tr.drop(one) for one in tr.shared(mini, one_series(results, null, "T2", **how)))
        yield of(results, few, Evidence(fall, control, CONTROL, part="mini-batches", variant=variant))
        yield of(results, whole, Evidence(tr.drop(full), part="full batch", variant=variant))


@claim(
    "V-003-4", "S18", "Average pooling changes the information strongly",
    Each(
        "smaller of the relative changes of H(T) and of I(T;Y), by pooled binning", "share", above=0.3,
        control="none: an untrained network pools too",
    ),
    trained=AUDIO, needs="padova_resnet",
)  # fmt: skip
def pooling_changes(results: Results) -> Evidence:
    """V-003-4: relative change from the last block to the averages."""
    changes, initial = {}, {}
    for quantity in ("H_T", "I_TY"):
        before, after = (
            one_series(results, "padova_resnet", layer, quantity=quantity, settings=POOLED)
            for layer in ("R2.4", "AvgPool")
        )
        changes[quantity] = np.abs(tr.final(after) / tr.final(before) - 1)
        initial[quantity] = np.abs(after.values[:, 0] / before.values[:, 0] - 1)
    detail = {
        name: {k: np.median(v) for k, v in found.items()}
        for name, found in (("change", changes), ("untrained", initial))
    }
    return of(results, "padova_resnet", Evidence(np.minimum(*changes.values()), detail=detail))


@claim(
    "V-003-5", "S25", "k-NN: with tanh only the deepest layer falls",
    Each("fall of h(T4)", "of its range", above=0.05, part="T4"),
    Each("largest fall of h(T1), h(T2), h(T3)", "of the range", below=0.05, control=ABSENCE, part="T1 to T3"),
    trained=AUDIO,
)  # fmt: skip
def deepest_falls(results: Results) -> Iterator[Evidence]:
    """V-003-5: which layers fall with tanh."""
    found, null = matched(results, (TANH, "padova_shuffled"), LAYERS, **MEASURES["n"])
    falls = np.stack([share_of_range(one) for one in found])
    detail = {"falls": dict(zip(LAYERS, np.median(falls, axis=1), strict=True))}
    yield of(results, TANH, Evidence(falls[-1], share_of_range(null[-1]), CONTROL, part="T4", detail=detail))
    yield of(results, TANH, Evidence(falls[:-1].max(0), part="T1 to T3", detail=detail))


@claim(
    "V-003-6", "S28", "k-NN: with ReLU no layer falls, as in Saxe et al.",
    Each("largest fall of h(T) over the four layers", "of its range", below=0.05, control=ABSENCE), trained=AUDIO,
)  # fmt: skip
def relu_stays(results: Results) -> Evidence:
    """V-003-6: no layer falls with ReLU."""
    falls = np.stack([share_of_range(one_series(results, RELU, layer, **MEASURES["n"])) for layer in LAYERS])
    detail = {"falls": dict(zip(LAYERS, np.median(falls, axis=1), strict=True))}
    return of(results, RELU, Evidence(falls.max(0), detail=detail))


@claim(
    "V-003-13", "S16", "Single maps compress too",
    Each("median over the maps of all layers of the fall of H(map), by pooled binning", above=tr.COMPRESSION), trained=AUDIO,
)  # fmt: skip
def single_maps_compress(results: Results) -> Iterator[Evidence]:
    """V-003-13: falls of the maps of the tanh network; the control where maps were measured on shuffled labels."""
    found, null = map_series(results, TANH), map_series(results, "padova_shuffled")
    if not found:
        return
    control = None
    if null:
        shared = [tr.shared(one, null[name]) for name, one in found.items()]
        found = {name: mine for name, (mine, _) in zip(found, shared, strict=True)}
        control = np.median([tr.drop(other) for _, other in shared], axis=0)
    falls = np.stack([tr.drop(one) for one in found.values()])
    layers = np.array([layer for layer, _ in found])
    detail = {layer: float((falls[layers == layer] > tr.COMPRESSION).mean()) for layer in LAYERS}
    yield of(results, TANH, Evidence(
        np.median(falls, axis=0), control, CONTROL, detail={"share_of_maps_that_fall": detail, "maps": len(falls)}
    ))  # fmt: skip


# --- what the estimators give ------------------------------------------------------------------------------------


@claim(
    "V-003-7k", "S20", "The plateau of the kernel estimate is that of 239 empty rows",
    Exact("log2 1000 − 0.239 log2 239", "bits", within=1e-4, reference=PUBLISHED_KDE),
    needs="padova_published",
)  # fmt: skip
def published_plateau(results: Results) -> Evidence:
    """V-003-7k: arithmetic; I(X;T) of the layers in a run as published stands beside it, of which those that saturate show it."""
    rows = published_rows(results, "I_XT", "upper")
    bits = rows["value"].to_numpy() / math.log(2)
    return Evidence(
        np.array([math.log2(1000) - 0.239 * math.log2(239)]), variant="as_published", reads_data=False,
        detail={"bits": dict(zip(rows["layer"], bits, strict=True)), "published": PUBLISHED_KDE},
    )  # fmt: skip


@claim(
    "V-003-7n", "S25", "The size of the k-NN entropies is that of 239 empty rows",
    Exact("smallest part that empty rows alone make of a published value", "share", above=0.9, reference=1.0),
    needs="padova_published",
)  # fmt: skip
def published_size(results: Results) -> Evidence:
    """V-003-7n: share of every published k-NN value that 239 empty rows make by themselves, and our value beside it.

    Empty rows have a neighbour at distance 0: d · 0.239 · log2(1e-16). The document divided the first three terms of the
    entropy by ln 2, not the digammas.
    """
    rows = published_rows(results, "h_T", "point")
    parsed = [json.loads(s) for s in rows["settings"]]
    digammas = digamma(1000) - digamma(parsed[0]["k"])
    ours = (rows["value"].to_numpy() - digammas) / math.log(2) + digammas
    floor = np.array([PUBLISHED_SIZES[layer] for layer in rows["layer"]]) * 0.239 * math.log2(1e-16)
    published = np.array([PUBLISHED_KNN[layer] for layer in rows["layer"]])
    detail = {
        layer: {"published": p, "empty_rows": f, "ours": o}
        for layer, p, f, o in zip(rows["layer"], published, floor, ours, strict=True)
    }
    return Evidence(floor / published, variant="as_published", reads_data=False, detail=detail)


@claim(
    "V-003-8", "S23", "The kernel estimate is saturated",
    Each(
        "share of layers and epochs with I(X;T) > 0.99 ln P", "share", above=0.5,
        control="none: with as few samples in so many dimensions it lies at its ceiling under any labels",
    ),
    bounded="that the estimate lies at its ceiling is what the claim says",
)  # fmt: skip
def saturated(results: Results) -> Iterator[Evidence]:
    """V-003-8: share of layers and epochs at the kernel estimate's ceiling, for both activations on every data set."""
    for data in DATA:
        for kind in ("tanh", "relu"):
            name = f"{data}_{kind}"
            if results.has(name):
                ceiling = math.log(int(results.estimates(name)["n"].iloc[0]))
                values = np.stack([one_series(results, name, k, **MEASURES["k"]).values for k in LAYERS])
                shares = (values > 0.99 * ceiling).mean((0, 2))
                variant = ", ".join(filter(None, [DATA[data], kind.replace("relu", "ReLU")]))
                yield of(results, name, Evidence(shares, variant=variant))


@claim(
    "V-003-12", "S26", "The number of maps explains the spread of entropies between layers",
    Mean("spread of h/d over layers with 8-8-8-8 over that with 4-8-16-32", "", below=0.5, reference=1.0, control=OWN),
    trained=AUDIO,
)  # fmt: skip
def spread_of_maps(results: Results) -> Iterator[Evidence]:
    """V-003-12: standard deviation over layers of h/d at the end, equal filters against doubling ones."""

    def spread(experiment: str, **where: Any) -> pd.Series:
        rows = rows_of(results, experiment, **MEASURES["n"], **where)
        rows = rows[rows["epoch"] == rows["epoch"].max()]
        per_dimension = rows["value"] / rows["settings"].map(lambda s: json.loads(s)["d"])
        return per_dimension.groupby(rows["seed"]).std()

    for data in held(results, "tanh", "filters"):
        equal, doubling = spread(f"{data}_filters", point="filters~8-8-8-8"), spread(f"{data}_tanh")
        ratio = (equal / doubling).dropna().to_numpy()
        detail = {"doubling": doubling.median(), "equal": equal.median()}
        trained = reached(results, f"{data}_filters", "filters~8-8-8-8").to_numpy()
        yield of(results, f"{data}_tanh", Evidence(ratio, trained=trained, variant=DATA[data], detail=detail))


# --- the reprints of Saxe et al. ---------------------------------------------------------------------------------


@claim(
    "V-003-9", "S04", "Fitting and compression are simultaneous",
    Each("fall of I(X_irr;T)", above=tr.COMPRESSION, part="irrelevant"),
    *(
        Each(
            f"ρ(epoch, {name})", "Spearman's ρ", above=0.8, reference=1.0, part=part,
            control="none: the irrelevant inputs are what it is compared with",
        )
        for part, name in (("layer", "I(X;T)"), ("relevant", "I(X_rel;T)"))
    ),
)  # fmt: skip
def simultaneous(results: Results) -> Iterator[Evidence]:
    """V-003-9: the linear student forgets irrelevant inputs while it learns the relevant ones.

    A student with one output learns along one direction of its hidden layer. Of I(X_irr;T), which its units share evenly,
    about one part in as many as there are units can go; where that is less than the margin, nothing is tested, and where other
    settings can be tested these decide.
    """
    names = [name for name in ("saxe_linear_irrelevant", "saxe_linear_sweep") if results.has(name)]
    settings = [(name, point) for name in names for point in results.points(name)]
    found = [list(forgets(results, name, point)) for name, point in settings]
    testable = [not rows[0].vacuous for rows in found]  # by what the student holds before it is trained
    for rows, decides in zip(found, testable, strict=True):
        yield from (replace(row, decides=decides or not any(testable)) for row in rows)


def forgets(results: Results, name: str, point: str) -> Iterator[Evidence]:
    """Evidence of one setting of the linear student, that on irrelevant inputs first."""
    axes = results.points(name)[point].axes
    width = axes.get("model.layers", [0, HIDDEN])[1]
    told = {"model.layers": f"{width} units", "dataset": f"{axes.get('dataset', '').rpartition('_')[2]} samples"}
    variant = ", ".join(words for axis, words in told.items() if axis in axes)
    parts = {
        part: one_series(results, name, "T1", "I_XT", part=part, point=point)
        for part in ("layer", "relevant", "irrelevant")
    }
    possible = float(np.median(parts["irrelevant"].values[:, 0]) / width)
    yield of(results, name, Evidence(
        tr.drop(parts["irrelevant"]), tr.drop(parts["relevant"]), "the relevant inputs of the same student",
        part="irrelevant", variant=variant, vacuous=possible < tr.COMPRESSION,
        detail={"largest_possible_fall": possible},
    ), point)  # fmt: skip
    for part in ("layer", "relevant"):
        one = parts[part]
        rho = tr.increasing(one, np.zeros(len(one.seeds), int))
        yield of(results, name, Evidence(rho, part=part, variant=variant), point)


SAXE_MEASURES = {
    "kernel": {"quantity": "I_XT", "kind": "upper", "settings": SAXE_VARIANCE},
    "bins": {"quantity": "H_T", "settings": SAXE_BINS},
}


@claim(
    "V-003-11", "S06", "tanh compresses under mini-batch and full batch",
    Each("smallest fall of T5 under both, by kernel estimate and fixed bins", above=tr.COMPRESSION), trained=TWELVE_BITS,
)  # fmt: skip
def tanh_compresses(results: Results) -> Evidence:
    """V-003-11."""
    return saxe(results, "saxe_tanh", "saxe_relu", np.min)


@claim(
    "V-003-11r", "S06", "ReLU compresses under neither",
    Each("largest fall of T5 under both, by kernel estimate and fixed bins", below=tr.COMPRESSION, control="less"),
    trained=TWELVE_BITS,
)  # fmt: skip
def relu_does_not(results: Results) -> Evidence:
    """V-003-11r."""
    return saxe(results, "saxe_relu", "saxe_tanh", np.max)


def saxe(results: Results, experiment: str, other: str, of_all: Callable[..., np.ndarray]) -> Evidence:
    """V-003-11: T5 of the 12-bit task under mini-batches and full batches, by two measures; the control has the other activation."""
    falls, controls = {}, []
    for batches in ("", "_full_batch"):
        for name, how in SAXE_MEASURES.items():
            pair = matched(results, (f"{experiment}{batches}", f"{other}{batches}"), ["T5"], **how)
            falls[f"{experiment}{batches}, {name}"], control = (tr.drop(one) for (one,) in pair)
            controls.append(control)
    rows = pd.concat([rows_of(results, f"{experiment}{b}", **SAXE_MEASURES["kernel"]) for b in ("", "_full_batch")])
    return of(results, experiment, Evidence(
        of_all(list(falls.values()), axis=0), of_all(controls, axis=0), f"the same networks of {other}",
        vacuous=uninformative(rows[rows["layer"] == "T5"]),
        trained=np.array([min(reached(results, f"{experiment}{b}").median() for b in ("", "_full_batch"))]),
        detail={name: np.median(values) for name, values in falls.items()},
    ))  # fmt: skip


@claim(
    "V-003-10", "S06", "No causal link between compression and generalisation",
    Same(
        "product of a network's standardised ranks of the fall of T5 and of the test accuracy within its kind: its mean is "
        "Spearman's ρ", "", within=0.3, control="none: that there is no correlation is claimed", part="correlation",
    ),
    Exact("fewest networks in one of the four cells compresses × generalises", "networks", above=0.0, part="cells"),
    Same(
        "test accuracy with the strongest orthonormal step less without", "points", within=1, part="intervention",
        control="none: the same networks without the step",
    ),
    units="networks", needs="saxe_hundred",
)  # fmt: skip
def no_link(results: Results) -> Iterator[Evidence]:
    """V-003-10: the fall of T5 against the test accuracy over an ensemble of networks of one kind or several.

    Ranks are taken over all networks and centred within each kind, so that kinds do not make the correlation. Where all
    networks compress, or none, the ensemble cannot show a link, and the claim is vacuous.
    """
    found = []
    for point in results.points("saxe_hundred"):
        one = one_series(results, "saxe_hundred", "T5", point=point, **SAXE_MEASURES["kernel"])
        accuracy = reached(results, "saxe_hundred", point, "test").loc[one.seeds].to_numpy()
        found.append(pd.DataFrame({"kind": point, "seed": one.seeds, "fall": tr.drop(one), "accuracy": accuracy}))
    networks = pd.concat(found, ignore_index=True)
    good, falls = networks["accuracy"] > networks["accuracy"].median(), networks["fall"] > tr.COMPRESSION
    cells = {
        f"{'compresses' if c else 'does not compress'}, {'above' if g else 'below'} the median accuracy": int(
            ((falls == c) & (good == g)).sum()
        )
        for c in (True, False)
        for g in (True, False)
    }
    product = within_kinds(networks, "fall") * within_kinds(networks, "accuracy")
    detail = {
        "networks": len(networks),
        "cells": cells,
        "rho": stats.spearmanr(networks["fall"], networks["accuracy"])[0],
    }
    for part, effects in (("correlation", product.to_numpy()), ("cells", np.array(list(cells.values())))):
        evidence = Evidence(effects, part=part, vacuous=falls.nunique() < 2, detail=detail)
        evidence.data = "12-bit task, all 4096 patterns"
        yield of(results, "saxe_hundred", evidence)
    yield from interventions(results, networks)


def interventions(results: Results, networks: pd.DataFrame) -> Iterator[Evidence]:
    """What the strongest orthonormal step does to the fall of T5 and to the test accuracy, seed by seed, a kind of network each.

    The step changes more than compression: an accuracy that moves with it does not show that compression moves it.
    """
    strength = "training.orthonormal"
    by_kind: dict[str, dict[float, str]] = {}
    for point, section in results.points("saxe_hundred").items():
        if strength in section.axes:
            others = (value for name, value in section.axes.items() if name != strength)
            rest = ", ".join(str(value[0] if isinstance(value, list) else value) for value in others)
            by_kind.setdefault(rest, {})[section.axes[strength]] = point
    of_point = {point: rows.set_index("seed")[["fall", "accuracy"]] for point, rows in networks.groupby("kind")}
    for kind, points in by_kind.items():
        without, with_it = (of_point[points[s]] for s in (min(points), max(points)))
        change = with_it - without
        detail = {"change_of_the_fall": change["fall"].mean(), "strength": max(points)}
        evidence = Evidence(
            100 * change["accuracy"].to_numpy(), part="intervention", variant=kind,
            vacuous=bool(without["fall"].median() < tr.COMPRESSION), detail=detail,
        )  # fmt: skip
        evidence.data = "12-bit task, all 4096 patterns"
        yield of(results, "saxe_hundred", evidence, points[max(points)])


def within_kinds(networks: pd.DataFrame, column: str) -> pd.Series:
    """Ranks over all networks, centred within each kind, with a standard deviation of 1."""
    ranks = networks[column].rank()
    centred = ranks - ranks.groupby(networks["kind"]).transform("mean")
    return centred / centred.std(ddof=0)
