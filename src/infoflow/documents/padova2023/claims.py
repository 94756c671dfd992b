"""Claims of padova2023 (V-003-*): information planes of audio networks, and the reprints of Saxe et al. 2018."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import digamma

from infoflow.documents.padova2023.constants import (
    ARITHMETIC,
    CONTROL,
    LAYERS,
    NULL,
    POOLED,
    PUBLISHED_KDE,
    PUBLISHED_KNN,
    RELU,
    SAXE_BINS,
    SAXE_VARIANCE,
    TANH,
    UNTRAINED,
)
from infoflow.documents.padova2023.study import (
    MEASURES,
    at_ceiling,
    cut,
    falls,
    one_series,
    published_rows,
    relative_fall,
)
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.results import Results
from infoflow.verdicts.rule import Evidence, claim

Test = Callable[[Results], Evidence]


def study(results: Results) -> Results:
    """The tests read the results as they are."""
    return results


def on(experiment: str) -> Callable[[Test], Test]:
    """A test whose evidence is of the data set of an experiment."""

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def with_data(results: Results) -> Evidence:
            evidence = test(results)
            point = next(iter(results.points(experiment)))
            attributes = results.attributes(results.dataset_of(experiment, point))
            evidence.data = evidence.data or str(attributes["source"])
            evidence.stand_in = bool(attributes["stand_in"])
            return evidence

        return with_data

    return decorate


@claim(
    "V-003-1", "S15", "Compression is present in simple CNNs (tanh), by pooled binning",
    "≥ 2 of 4 layers fall by > 0.10 nat", "layers",
)  # fmt: skip
@on(TANH)
def pooled_binning_compresses(results: Results) -> Evidence:
    """V-003-1."""
    return compression(results, "")


@claim("V-003-1j", "S15", "… by binning whole layers", "≥ 2 of 4 layers fall by > 0.10 nat", "layers")
@on(TANH)
def joint_binning_compresses(results: Results) -> Evidence:
    """V-003-1j."""
    return compression(results, "j")


@claim("V-003-1k", "S21", "… by the kernel estimate", "≥ 2 of 4 layers fall by > 0.10 nat", "layers")
@on(TANH)
def kernel_estimate_compresses(results: Results) -> Evidence:
    """V-003-1k."""
    return compression(results, "k")


@claim("V-003-1n", "S25", "… by nearest neighbours", "≥ 2 of 4 layers fall by > 0.10 nat", "layers")
@on(TANH)
def neighbours_compress(results: Results) -> Evidence:
    """V-003-1n."""
    return compression(results, "n")


def compression(results: Results, measure: str) -> Evidence:
    """V-003-1: number of layers that compress, by one of four estimators; all of them at their ceiling is vacuous."""
    how = MEASURES[measure]
    all_series = [one_series(results, TANH, layer, **how) for layer in LAYERS]
    null = [one_series(results, NULL, layer, **how) for layer in LAYERS]
    fall = {layer: np.median(tr.drop(one)) for layer, one in zip(LAYERS, all_series, strict=True)}
    return Evidence(
        lambda scale: np.sum([tr.compresses(one, scale) for one in all_series], axis=0) >= 2,
        np.sum([tr.compresses(one) for one in all_series], axis=0), np.sum([tr.compresses(one) for one in null], axis=0),
        CONTROL, vacuous=at_ceiling(results, TANH, **how) > 0.5, detail={"fall": fall},
    )  # fmt: skip


@claim(
    "V-003-2", "S15", "ReLU and tanh differ in the information plane",
    "relative falls differ by > 0.1 in ≥ 2 layers", "layers",
)  # fmt: skip
@on(TANH)
def activations_differ(results: Results) -> Evidence:
    """V-003-2: difference of relative falls between tanh and ReLU, pooled binning."""
    falls = {
        name: np.stack([relative_fall(one_series(results, name, k, **MEASURES[""])) for k in LAYERS])
        for name in (TANH, RELU)
    }
    difference = falls[TANH] - falls[RELU]  # (layers, seeds)
    null = np.stack([relative_fall(one_series(results, NULL, k, **MEASURES[""])) for k in LAYERS])
    return Evidence(
        lambda scale: (np.abs(difference) > 0.1 * scale).sum(0) >= 2, (np.abs(difference) > 0.1).sum(0),
        (np.abs(null[:, :, None] - falls[TANH][:, None]) > 0.1).sum(0).ravel(), f"tanh on shuffled labels against {TANH}",
        detail={"tanh_minus_relu": dict(zip(LAYERS, difference.mean(1), strict=True))},
    )  # fmt: skip


@claim(
    "V-003-3e", "S17", "Batch gradient descent compresses as well, at equal epochs",
    "T2 falls by > 0.10 nat under both", "nats",
)  # fmt: skip
@on(TANH)
def full_batch_at_equal_epochs(results: Results) -> Evidence:
    """V-003-3e: T2 compresses under mini-batches and full batches."""
    mini, full = _t2(results, TANH), _t2(results, "padova_full_batch")
    return _both_batches(results, mini, cut(full, mini.epochs[-1]))


@claim(
    "V-003-3u", "S17", "Batch gradient descent compresses as well, at equal updates",
    "T2 falls by > 0.10 nat under both", "nats",
)  # fmt: skip
@on(TANH)
def full_batch_at_equal_updates(results: Results) -> Evidence:
    """V-003-3u: T2 compresses under mini-batches and full batches."""
    mini, full = _t2(results, TANH), _t2(results, "padova_full_batch")
    return _both_batches(results, mini, full)


def _t2(results: Results, experiment: str) -> tr.Series:
    return one_series(results, experiment, "T2", **MEASURES[""])


def _both_batches(results: Results, mini: tr.Series, full: tr.Series) -> Evidence:
    null = tr.drop(_t2(results, NULL))
    count = min(len(mini.seeds), len(full.seeds))

    def test(scale: float) -> np.ndarray:
        return tr.compresses(mini, scale)[:count] & tr.compresses(full, scale)[:count]

    both = np.minimum(tr.drop(mini)[:count], tr.drop(full)[:count])
    detail = {"fall_mini": np.median(tr.drop(mini)), "fall_full": np.median(tr.drop(full))}
    return Evidence(test, both, null, CONTROL, detail=detail)


@claim(
    "V-003-4", "S18", "Average pooling changes the information strongly",
    "relative change of I(X;T) and of I(T;Y) > 0.3", "share",
)  # fmt: skip
@on("padova_resnet")
def pooling_changes(results: Results) -> Evidence:
    """V-003-4: relative change of pooled binning's H(T) and I(T;Y) from the last block to the averages."""
    changes, initial = {}, {}
    for quantity in ("H_T", "I_TY"):
        before, after = (
            one_series(results, "padova_resnet", layer, quantity=quantity, settings=POOLED)
            for layer in ("R2.4", "AvgPool")
        )
        changes[quantity] = np.abs(tr.final(after.values) / tr.final(before.values) - 1)
        initial[quantity] = np.abs(after.values[:, 0] / before.values[:, 0] - 1)
    smaller = np.minimum(*changes.values())
    return Evidence(
        lambda scale: smaller > 0.3 * scale, smaller, np.minimum(*initial.values()), UNTRAINED, needs_null=False,
        detail={"change": {k: np.median(v) for k, v in changes.items()}},
    )  # fmt: skip


@claim(
    "V-003-5", "S25", "k-NN: with tanh only the deepest layer falls",
    "T4 falls by > 5 % of its range, T1–T3 do not", "layers that fall",
)  # fmt: skip
@on(TANH)
def deepest_falls(results: Results) -> Evidence:
    """V-003-5: which layers fall with tanh."""
    pattern = np.array([False, False, False, True])
    return Evidence(
        lambda scale: (falls(results, TANH, scale) == pattern[:, None]).all(0), falls(results, TANH).sum(0), falls(results, NULL).sum(0),
        CONTROL, detail={"share_of_seeds_that_fall": dict(zip(LAYERS, falls(results, TANH).mean(1), strict=True))},
    )  # fmt: skip


@claim(
    "V-003-6", "S28", "k-NN: with ReLU no layer falls, as in Saxe et al.", "no layer falls by > 5 % of its range",
    "layers that fall",
)  # fmt: skip
@on(RELU)
def relu_stays(results: Results) -> Evidence:
    """V-003-6: no layer falls with ReLU."""
    return Evidence(
        lambda scale: ~falls(results, RELU, scale).any(0), falls(results, RELU).sum(0), falls(results, NULL).sum(0), CONTROL,
        needs_null=False, detail={"share_of_seeds_that_fall": dict(zip(LAYERS, falls(results, RELU).mean(1), strict=True))},
    )  # fmt: skip


@claim(
    "V-003-7k", "S20", "The plateau of the kernel estimate is that of 239 empty rows",
    "within 1e-4 bits of 8.077477 in a saturated layer", "bits",
)  # fmt: skip
@on("padova_published")
def published_plateau(results: Results) -> Evidence:
    """V-003-7k: the kernel estimate, in bits, of the layer nearest to the published plateau."""
    rows = published_rows(results, "I_XT", "upper")
    bits = rows["value"].to_numpy() / math.log(2)
    nearest = bits[np.abs(bits - PUBLISHED_KDE).argmin()]
    return Evidence(
        lambda scale: np.array([abs(nearest - PUBLISHED_KDE) < 1e-4 * scale]), np.array([nearest]), np.array([math.log2(1000)]),
        ARITHMETIC, variant="as_published", detail={"bits": dict(zip(rows["layer"], bits, strict=True)), "published": PUBLISHED_KDE},
    )  # fmt: skip


@claim(
    "V-003-7n", "S25", "The size of the k-NN entropies is that of 239 empty rows",
    "empty rows make > 90 % of every published value", "share",
)  # fmt: skip
@on("padova_published")
def published_size(results: Results) -> Evidence:
    """V-003-7n: share of every published k-NN value that 239 empty rows make by themselves, and our value beside it.

    Empty rows have a neighbour at distance 0: d · 0.239 · log2(1e-16). The document divided the first three terms of the
    entropy by ln 2, not the digammas.
    """
    rows = published_rows(results, "h_T", "point")
    parsed = [json.loads(s) for s in rows["settings"]]
    digammas = digamma(1000) - digamma(parsed[0]["k"])
    ours = (rows["value"].to_numpy() - digammas) / math.log(2) + digammas
    floor = np.array([s["d"] for s in parsed]) * 0.239 * math.log2(1e-16)
    published = np.array([PUBLISHED_KNN[layer] for layer in rows["layer"]])
    shares = floor / published
    detail = {
        layer: {"published": p, "empty_rows": f, "ours": o}
        for layer, p, f, o in zip(rows["layer"], published, floor, ours, strict=True)
    }
    return Evidence(
        lambda scale: np.array([shares.min() > 1 - 0.1 * scale]), np.array([shares.min()]), np.array([0.0]), ARITHMETIC,
        variant="as_published", detail=detail,
    )  # fmt: skip


@claim(
    "V-003-8", "S23", "The kernel estimate is saturated",
    "I(X;T) > 0.99 ln P in more than half of the layers and epochs", "share",
)  # fmt: skip
@on(TANH)
def saturated(results: Results) -> Evidence:
    """V-003-8: share of layers and epochs at the kernel estimate's ceiling."""

    def share(experiment: str, scale: float = 1.0) -> np.ndarray:
        values = np.stack([one_series(results, experiment, k, **MEASURES["k"]).values for k in LAYERS])
        table = results.estimates(experiment)
        return (values > (1 - 0.01 * scale) * math.log(int(table["n"].iloc[0]))).mean((0, 2))

    shares = {TANH: share(TANH), RELU: share(RELU)}
    both = np.concatenate(list(shares.values()))
    return Evidence(
        lambda scale: np.concatenate([share(TANH, scale), share(RELU, scale)]) > 0.5, both, share(NULL), CONTROL, needs_null=False,
        detail={k: v.mean() for k, v in shares.items()},
    )  # fmt: skip


@claim(
    "V-003-9", "S04", "Fitting and compression are simultaneous",
    "I(X_irr;T) falls while I(X;T) and I(X_rel;T) rise (ρ ≥ 0.8)",
)  # fmt: skip
@on("saxe_linear_irrelevant")
def simultaneous(results: Results) -> Evidence:
    """V-003-9: the linear student forgets irrelevant inputs while it learns the relevant ones."""
    name = "saxe_linear_irrelevant"
    whole, relevant, irrelevant = (
        one_series(results, name, "T1", "I_XT", part=part) for part in ("layer", "relevant", "irrelevant")
    )
    start = np.zeros(len(whole.seeds), int)

    def test(scale: float) -> np.ndarray:
        rising = [tr.increasing(one, start) >= 1 - 0.2 * scale for one in (whole, relevant)]
        return tr.compresses(irrelevant, scale) & rising[0] & rising[1]

    null = one_series(results, "saxe_linear", "T1", "I_XT")
    return Evidence(
        test, tr.drop(irrelevant), tr.drop(null), "the same student where every input matters",
        detail={"rho_all": np.median(tr.increasing(whole, start)), "rho_relevant": np.median(tr.increasing(relevant, start))},
    )  # fmt: skip


@claim(
    "V-003-11", "S06", "tanh compresses under mini-batch and full batch",
    "T5 falls by > 0.10 nat under both, kernel estimate and fixed bins",
)  # fmt: skip
@on("saxe_tanh")
def tanh_compresses(results: Results) -> Evidence:
    """V-003-11."""
    return saxe(results, "saxe_tanh", tr.compresses)


@claim(
    "V-003-11r", "S06", "ReLU compresses under neither",
    "T5 falls by ≤ 0.10 nat under both, kernel estimate and fixed bins",
)  # fmt: skip
@on("saxe_relu")
def relu_does_not(results: Results) -> Evidence:
    """V-003-11r."""
    return saxe(results, "saxe_relu", tr.stays)


def saxe(results: Results, experiment: str, flag: Callable[[tr.Series, float], np.ndarray]) -> Evidence:
    """V-003-11: T5 of the 12-bit task under mini-batches and full batches, by the kernel estimate and by fixed bins."""
    measures = (
        {"quantity": "I_XT", "kind": "upper", "settings": SAXE_VARIANCE},
        {"quantity": "H_T", "settings": SAXE_BINS},
    )
    series = {
        f"{kind}, {'bins' if k else 'kernel'}": one_series(results, kind, "T5", **measure)
        for kind in (experiment, f"{experiment}_full_batch")
        for k, measure in enumerate(measures)
    }
    fall = np.stack([tr.drop(one) for one in series.values()])
    other = "saxe_relu" if experiment == "saxe_tanh" else "saxe_tanh"
    null = tr.drop(one_series(results, other, "T5", **measures[0]))
    return Evidence(
        lambda scale: np.stack([flag(one, scale) for one in series.values()]).all(0),
        fall.min(0) if experiment == "saxe_tanh" else fall.max(0), null, f"{other}, mini-batches, kernel estimate",
        detail={k: np.median(tr.drop(one)) for k, one in series.items()},
    )  # fmt: skip


@claim(
    "V-003-12", "S26", "The number of maps explains the spread of entropies between layers",
    "spread of h/d over layers with 8-8-8-8 less than half of that with 4-8-16-32", "ratio",
)  # fmt: skip
@on("padova_filters")
def spread_of_maps(results: Results) -> Evidence:
    """V-003-12: standard deviation over layers of h/d at the end, equal filters against doubling ones."""

    def spread(experiment: str, **where: Any) -> np.ndarray:
        table = results.estimates(experiment)
        rows = table[(table["quantity"] == "h_T") & (table["kind"] == "point") & (table["part"] == "layer")]
        for column, value in where.items():
            rows = rows[rows[column] == value]
        rows = rows[rows["epoch"] == rows["epoch"].max()]
        per_dimension = rows["value"] / rows["settings"].map(lambda s: json.loads(s)["d"])
        return per_dimension.groupby(rows["seed"]).std().to_numpy()

    doubling, equal = spread(TANH), spread("padova_filters", point="filters~8-8-8-8")
    ratio = equal / np.median(doubling)
    return Evidence(
        lambda scale: ratio < 0.5 * scale, ratio, spread(NULL) / np.median(doubling), CONTROL,
        detail={"doubling": np.median(doubling), "equal": np.median(equal)},
    )  # fmt: skip


@claim(
    "V-003-10", "S06", "No causal link between compression and generalisation",
    "95 % interval of ρ over ≥ 100 networks within (−0.3, 0.3); all four cells occupied", "Spearman's ρ",
    needs="saxe_hundred",
)  # fmt: skip
def no_link(results: Results) -> Evidence:
    """V-003-10: over a hundred networks, the fall of T5 against the test accuracy."""
    from scipy import stats

    fall, accuracy = [], []
    for point in results.points("saxe_hundred"):
        table = results.estimates("saxe_hundred")
        one = tr.series(
            table[(table["point"] == point) & (table["kind"] == "upper")], "I_XT", "T5", settings=SAXE_VARIANCE
        )
        rows = results.history("saxe_hundred", point)
        rows = rows[(rows["metric"] == "accuracy") & (rows["split"] == "test") & ~rows["noisy"]]
        rows = rows[rows["epoch"] == rows["epoch"].max()].set_index("seed")["value"]
        fall.append(tr.drop(one))
        accuracy.append(rows.loc[one.seeds].to_numpy())
    fall, accuracy = np.concatenate(fall), np.concatenate(accuracy)
    rho = stats.spearmanr(fall, accuracy)[0]
    half = 1.96 / math.sqrt(len(fall) - 3)  # Fisher's z
    low, high = (float(np.tanh(np.arctanh(rho) + sign * half)) for sign in (-1, 1))
    good = accuracy > np.median(accuracy)
    cells = {
        f"{'compresses' if c else 'does not compress'}, {'above' if g else 'below'} the median accuracy": int(
            ((fall > tr.COMPRESSION) == c)[good == g].sum()
        )
        for c in (True, False)
        for g in (True, False)
    }
    every = min(cells.values()) > 0
    return Evidence(
        lambda scale: np.full(len(fall), low > -0.3 * scale and high < 0.3 * scale and every), np.array([rho]), np.array([0.0]),
        "no correlation", needs_null=False, data="12-bit task, all 4096 patterns", detail={"interval": [low, high], "networks": len(fall), "cells": cells},
    )  # fmt: skip
