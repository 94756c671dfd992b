"""Verdicts on padova2023 (V-003-*): audio CNNs under binning, kernel density and nearest neighbours, and Saxe's claims."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import digamma

from infoflow.claims import trajectories as tr
from infoflow.claims.stage import Results, single_precision, summary
from infoflow.claims.verdict import Claim, Evidence, decide, missing

TANH, RELU, NULL = "padova_tanh", "padova_relu", "padova_shuffled"
AUDIO = (
    TANH,
    RELU,
    NULL,
    "padova_filters",
    "padova_full_batch",
    "padova_sgd",
    "padova_sgd_full_batch",
    "padova_resnet",
)
LAYERS = [f"T{k}" for k in range(1, 5)]
POOLED, JOINT, VARIANCE = '{"pooled":true,"width":0.05}', '{"width":0.05}', '{"variance":0.01}'
SAXE_VARIANCE, SAXE_BINS = '{"variance":0.001}', '{"run_bins":30}'
CONTROL = "the same network on shuffled labels"
UNTRAINED = "the untrained network"
ARITHMETIC = "the same rows without the empty ones"
PUBLISHED_KDE = 8.077477118  # bits: log2 1000 − 0.239 log2 239
PUBLISHED_KNN = {"T1": -520e3, "T2": -271e3, "T3": -134e3, "T4": -68e3}  # read off slide 25

CLAIMS = {
    claim.id: claim
    for claim in (
        Claim("V-003-1", "S15", "Compression is present in simple CNNs (tanh), by pooled binning", "≥ 2 of 4 layers fall by > 0.10 nat", "layers"),
        Claim("V-003-1j", "S15", "… by binning whole layers", "≥ 2 of 4 layers fall by > 0.10 nat", "layers"),
        Claim("V-003-1k", "S21", "… by the kernel estimate", "≥ 2 of 4 layers fall by > 0.10 nat", "layers"),
        Claim("V-003-1n", "S25", "… by nearest neighbours", "≥ 2 of 4 layers fall by > 0.10 nat", "layers"),
        Claim("V-003-2", "S15", "ReLU and tanh differ in the information plane", "relative falls differ by > 0.1 in ≥ 2 layers", "layers"),
        Claim("V-003-3e", "S17", "Batch gradient descent compresses as well, at equal epochs", "T2 falls by > 0.10 nat under both", "nats"),
        Claim("V-003-3u", "S17", "Batch gradient descent compresses as well, at equal updates", "T2 falls by > 0.10 nat under both", "nats"),
        Claim("V-003-4", "S18", "Average pooling changes the information strongly", "relative change of I(X;T) and of I(T;Y) > 0.3", "share"),
        Claim("V-003-5", "S25", "k-NN: with tanh only the deepest layer falls", "T4 falls by > 5 % of its range, T1–T3 do not", "layers that fall"),
        Claim("V-003-6", "S28", "k-NN: with ReLU no layer falls, as in Saxe et al.", "no layer falls by > 5 % of its range", "layers that fall"),
        Claim("V-003-7k", "S20", "The plateau of the kernel estimate is that of 239 empty rows", "within 1e-4 bits of 8.077477 in a saturated layer", "bits"),
        Claim("V-003-7n", "S25", "The size of the k-NN entropies is that of 239 empty rows", "empty rows make > 90 % of every published value", "share"),
        Claim("V-003-8", "S23", "The kernel estimate is saturated", "I(X;T) > 0.99 ln P in more than half of the layers and epochs", "share"),
        Claim("V-003-9", "S04", "Fitting and compression are simultaneous", "I(X_irr;T) falls while I(X;T) and I(X_rel;T) rise (ρ ≥ 0.8)"),
        Claim("V-003-10", "S06", "No causal link between compression and generalisation", "95 % interval of ρ over ≥ 100 networks within (−0.3, 0.3); all four cells occupied", "Spearman's ρ"),
        Claim("V-003-11", "S06", "tanh compresses under mini-batch and full batch", "T5 falls by > 0.10 nat under both, kernel estimate and fixed bins"),
        Claim("V-003-11r", "S06", "ReLU compresses under neither", "T5 falls by ≤ 0.10 nat under both, kernel estimate and fixed bins"),
        Claim("V-003-12", "S26", "The number of maps explains the spread of entropies between layers", "spread of h/d over layers with 8-8-8-8 less than half of that with 4-8-16-32", "ratio"),
    )
}  # fmt: skip


def verdicts(results: Results) -> list[dict[str, Any]]:
    """Every verdict of the document."""
    found = [
        *compression(results), activations_differ(results), *batches(results), pooling_changes(results), deepest_falls(results),
        relu_stays(results), published_plateau(results), published_size(results), saturated(results), simultaneous(results),
        saxe(results, "V-003-11", "saxe_tanh", tr.compresses), saxe(results, "V-003-11r", "saxe_relu", tr.stays), spread_of_maps(results),
    ]  # fmt: skip
    rows = []
    for name, experiment, evidence in found:
        point = next(iter(results.points(experiment)))
        about = results.about(results.data_of(experiment, point))
        evidence.data = evidence.data or str(about["source"])
        rows.append(decide(CLAIMS[name], evidence, rehearsal=results.rehearsal, stand_in=bool(about["stand_in"])))
    rows.append(
        decide(CLAIMS["V-003-10"], no_link(results), rehearsal=results.rehearsal)
        if results.has("saxe_hundred")
        else missing(CLAIMS["V-003-10"], "saxe_hundred", rehearsal=results.rehearsal)
    )
    return rows


def one_series(
    results: Results,
    experiment: str,
    layer: str,
    quantity: str,
    kind: str = "point",
    settings: str | None = None,
    **where: Any,
) -> tr.Series:
    """One quantity of a whole layer over training, (seeds, epochs)."""
    table = results.estimates(experiment)
    table = table[(table["part"] == where.pop("part", "layer")) & (table["kind"] == kind)]
    table = table[~table["estimator"].str.contains("maps")]
    return tr.series(table, quantity, layer, **({"settings": settings} if settings else {}), **where)


MEASURES: dict[str, dict[str, Any]] = {
    "": {"quantity": "H_T", "settings": POOLED},
    "j": {"quantity": "H_T", "settings": JOINT},
    "k": {"quantity": "I_XT", "kind": "upper", "settings": VARIANCE},
    "n": {"quantity": "h_T"},
}


# --- one test a claim ----------------------------------------------------------------------------------------


def compression(results: Results) -> list[tuple[str, str, Evidence]]:
    """V-003-1: number of layers that compress, by four estimators; all of them at their ceiling is vacuous."""
    made = []
    for suffix, measure in MEASURES.items():
        all_series = [one_series(results, TANH, layer, **measure) for layer in LAYERS]
        null = [one_series(results, NULL, layer, **measure) for layer in LAYERS]

        def test(scale: float, all_series: list[tr.Series] = all_series) -> np.ndarray:
            return np.sum([tr.compresses(one, scale) for one in all_series], axis=0) >= 2

        detail = {layer: np.median(tr.drop(one)) for layer, one in zip(LAYERS, all_series, strict=True)}
        made.append((f"V-003-1{suffix}", TANH, Evidence(
            test, np.sum([tr.compresses(one) for one in all_series], axis=0), np.sum([tr.compresses(one) for one in null], axis=0),
            CONTROL, vacuous=at_ceiling(results, TANH, **measure) > 0.5, detail={"fall": detail},
        )))  # fmt: skip
    return made


def at_ceiling(
    results: Results, experiment: str, quantity: str, kind: str = "point", settings: str | None = None
) -> float:
    """Share of a quantity's values within 2 % of their ceiling."""
    table = results.estimates(experiment)
    rows = table[(table["part"] == "layer") & (table["quantity"] == quantity) & (table["kind"] == kind)]
    rows = rows[rows["settings"] == settings] if settings else rows
    return float((rows["value"] > 0.98 * rows["ceiling"]).mean())


def activations_differ(results: Results) -> tuple[str, str, Evidence]:
    """V-003-2: difference of relative falls between tanh and ReLU, pooled binning."""
    falls = {
        name: np.stack([relative_fall(one_series(results, name, k, **MEASURES[""])) for k in LAYERS])
        for name in (TANH, RELU)
    }
    difference = falls[TANH] - falls[RELU]  # (layers, seeds)
    null = np.stack([relative_fall(one_series(results, NULL, k, **MEASURES[""])) for k in LAYERS])
    return "V-003-2", TANH, Evidence(
        lambda scale: (np.abs(difference) > 0.1 * scale).sum(0) >= 2, (np.abs(difference) > 0.1).sum(0),
        (np.abs(null[:, :, None] - falls[TANH][:, None]) > 0.1).sum(0).ravel(), f"tanh on shuffled labels against {TANH}",
        detail={"tanh_minus_relu": dict(zip(LAYERS, difference.mean(1), strict=True))},
    )  # fmt: skip


def relative_fall(one: tr.Series) -> np.ndarray:
    """Fall over peak, (seeds,)."""
    return tr.drop(one) / np.abs(tr.peak(one)[0])


def batches(results: Results) -> list[tuple[str, str, Evidence]]:
    """V-003-3: T2 compresses under mini-batches and full batches, with the same epochs or the same updates."""
    mini = one_series(results, TANH, "T2", **MEASURES[""])
    full = one_series(results, "padova_full_batch", "T2", **MEASURES[""])
    null = tr.drop(one_series(results, NULL, "T2", **MEASURES[""]))
    last = mini.epochs[-1]
    made = []
    for name, one in (("V-003-3e", cut(full, last)), ("V-003-3u", full)):
        count = min(len(mini.seeds), len(one.seeds))

        def test(scale: float, one: tr.Series = one, count: int = count) -> np.ndarray:
            return tr.compresses(mini, scale)[:count] & tr.compresses(one, scale)[:count]

        both = np.minimum(tr.drop(mini)[:count], tr.drop(one)[:count])
        detail = {"fall_mini": np.median(tr.drop(mini)), "fall_full": np.median(tr.drop(one))}
        made.append((name, TANH, Evidence(test, both, null, CONTROL, detail=detail)))
    return made


def cut(one: tr.Series, last: float) -> tr.Series:
    """A series up to an epoch."""
    kept = one.epochs <= last
    return tr.Series(one.epochs[kept], one.values[:, kept], one.errors[:, kept], one.seeds)


def pooling_changes(results: Results) -> tuple[str, str, Evidence]:
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
    return "V-003-4", "padova_resnet", Evidence(
        lambda scale: smaller > 0.3 * scale, smaller, np.minimum(*initial.values()), UNTRAINED, needs_null=False,
        detail={"change": {k: np.median(v) for k, v in changes.items()}},
    )  # fmt: skip


def falls(results: Results, experiment: str, scale: float = 1.0) -> np.ndarray:
    """Which layers' k-NN entropy ends more than 5 % of its range below its peak, (layers, seeds)."""
    made = []
    for layer in LAYERS:
        one = one_series(results, experiment, layer, "h_T")
        made.append(tr.drop(one) > 0.05 * scale * np.ptp(one.values, axis=1))
    return np.stack(made)


def deepest_falls(results: Results) -> tuple[str, str, Evidence]:
    """V-003-5: which layers fall with tanh."""
    pattern = np.array([False, False, False, True])
    return "V-003-5", TANH, Evidence(
        lambda scale: (falls(results, TANH, scale) == pattern[:, None]).all(0), falls(results, TANH).sum(0), falls(results, NULL).sum(0),
        CONTROL, detail={"share_of_seeds_that_fall": dict(zip(LAYERS, falls(results, TANH).mean(1), strict=True))},
    )  # fmt: skip


def relu_stays(results: Results) -> tuple[str, str, Evidence]:
    """V-003-6: no layer falls with ReLU."""
    return "V-003-6", RELU, Evidence(
        lambda scale: ~falls(results, RELU, scale).any(0), falls(results, RELU).sum(0), falls(results, NULL).sum(0), CONTROL,
        needs_null=False, detail={"share_of_seeds_that_fall": dict(zip(LAYERS, falls(results, RELU).mean(1), strict=True))},
    )  # fmt: skip


def published_rows(results: Results, quantity: str, kind: str) -> pd.DataFrame:
    """The last epoch of the run as published."""
    table = results.estimates("padova_published")
    rows = table[(table["part"] == "layer") & (table["quantity"] == quantity) & (table["kind"] == kind)]
    rows = rows[~rows["estimator"].str.contains("maps")]
    return rows[rows["epoch"] == rows["epoch"].max()].sort_values("depth")


def published_plateau(results: Results) -> tuple[str, str, Evidence]:
    """V-003-7k: the kernel estimate, in bits, of the layer nearest to the published plateau."""
    rows = published_rows(results, "I_XT", "upper")
    bits = rows["value"].to_numpy() / math.log(2)
    nearest = bits[np.abs(bits - PUBLISHED_KDE).argmin()]
    return "V-003-7k", "padova_published", Evidence(
        lambda scale: np.array([abs(nearest - PUBLISHED_KDE) < 1e-4 * scale]), np.array([nearest]), np.array([math.log2(1000)]),
        ARITHMETIC, variant="as_published", detail={"bits": dict(zip(rows["layer"], bits, strict=True)), "published": PUBLISHED_KDE},
    )  # fmt: skip


def published_size(results: Results) -> tuple[str, str, Evidence]:
    """V-003-7n: share of every published k-NN value that 239 empty rows make by themselves, and our value beside it.

    Empty rows have a neighbour at distance 0: d · 0.239 · log2(1e-16). The document divided the first three terms of the
    entropy by ln 2, not the digammas.
    """
    rows = published_rows(results, "h_T", "point")
    said = [json.loads(s) for s in rows["settings"]]
    digammas = digamma(1000) - digamma(said[0]["k"])
    ours = (rows["value"].to_numpy() - digammas) / math.log(2) + digammas
    floor = np.array([s["d"] for s in said]) * 0.239 * math.log2(1e-16)
    published = np.array([PUBLISHED_KNN[layer] for layer in rows["layer"]])
    shares = floor / published
    detail = {
        layer: {"published": p, "empty_rows": f, "ours": o}
        for layer, p, f, o in zip(rows["layer"], published, floor, ours, strict=True)
    }
    return "V-003-7n", "padova_published", Evidence(
        lambda scale: np.array([shares.min() > 1 - 0.1 * scale]), np.array([shares.min()]), np.array([0.0]), ARITHMETIC,
        variant="as_published", detail=detail,
    )  # fmt: skip


def saturated(results: Results) -> tuple[str, str, Evidence]:
    """V-003-8: share of layers and epochs at the kernel estimate's ceiling."""

    def share(experiment: str, scale: float = 1.0) -> np.ndarray:
        values = np.stack([one_series(results, experiment, k, **MEASURES["k"]).values for k in LAYERS])
        table = results.estimates(experiment)
        return (values > (1 - 0.01 * scale) * math.log(int(table["n"].iloc[0]))).mean((0, 2))

    shares = {TANH: share(TANH), RELU: share(RELU)}
    both = np.concatenate(list(shares.values()))
    return "V-003-8", TANH, Evidence(
        lambda scale: np.concatenate([share(TANH, scale), share(RELU, scale)]) > 0.5, both, share(NULL), CONTROL, needs_null=False,
        detail={k: v.mean() for k, v in shares.items()},
    )  # fmt: skip


def simultaneous(results: Results) -> tuple[str, str, Evidence]:
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
    return "V-003-9", name, Evidence(
        test, tr.drop(irrelevant), tr.drop(null), "the same student where every input matters",
        detail={"rho_all": np.median(tr.increasing(whole, start)), "rho_relevant": np.median(tr.increasing(relevant, start))},
    )  # fmt: skip


def saxe(
    results: Results, name: str, experiment: str, flag: Callable[[tr.Series, float], np.ndarray]
) -> tuple[str, str, Evidence]:
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
    return name, experiment, Evidence(
        lambda scale: np.stack([flag(one, scale) for one in series.values()]).all(0),
        fall.min(0) if experiment == "saxe_tanh" else fall.max(0), null, f"{other}, mini-batches, kernel estimate",
        detail={k: np.median(tr.drop(one)) for k, one in series.items()},
    )  # fmt: skip


def spread_of_maps(results: Results) -> tuple[str, str, Evidence]:
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
    return "V-003-12", "padova_filters", Evidence(
        lambda scale: ratio < 0.5 * scale, ratio, spread(NULL) / np.median(doubling), CONTROL,
        detail={"doubling": np.median(doubling), "equal": np.median(equal)},
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


# --- tables for figures -----------------------------------------------------------------------------------


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Tidy tables from which the document's figures are drawn."""
    names = [name for name in results.experiments if not name.endswith("hundred")]
    return {
        "curves": curves(results, names),
        "history": history(results, names),
        "spectra": spectra(results),
        "record": record(results),
    }


BY = ["experiment", "point", "estimator", "layer", "depth", "part", "quantity", "kind", "settings", "unit", "epoch"]


def curves(results: Results, names: list[str]) -> pd.DataFrame:
    """Every estimate: median and central 80 % over seeds, its ceiling and the commonest flag; two seeds of their own."""
    made = []
    for name in names:
        table = results.estimates(name)
        table = table[~table["estimator"].str.contains("maps") | (table["part"] != "layer")]
        groups = table.groupby(BY, sort=False, observed=True)
        extra = groups[["ceiling", "n", "ties"]].median()
        often = (
            table.groupby([*BY, "flag"], observed=True).size().sort_values(ascending=False, kind="stable").reset_index()
        )
        extra = extra.join(often.drop_duplicates(BY).set_index(BY)["flag"])
        single = table[table["seed"] < 2].pivot(index=BY, columns="seed", values="value")
        single.columns = [f"seed{k}" for k in single.columns]
        made.append(summary(table, BY).merge(extra.reset_index(), on=BY).merge(single.reset_index(), on=BY))
    return single_precision(pd.concat(made, ignore_index=True).astype({"n": "float32", "ties": "float32"}))


def history(results: Results, names: list[str]) -> pd.DataFrame:
    """Losses and accuracies over training."""
    made = []
    for name in names:
        for point in results.points(name):
            table = results.history(name, point)
            table = table[~table["noisy"]]
            made.append(summary(table, ["epoch", "split", "metric"]).assign(experiment=name, point=point))
    return pd.concat(made, ignore_index=True)


def spectra(results: Results) -> pd.DataFrame:
    """Spectrograms of two training recordings of different genres, in decibels below their maximum."""
    name = results.data_of(TANH, "base")
    about, data = results.about(name), results.dataset(name, "x", "y", "split")
    genres = [str(g) for g in about["class_names"]]
    wanted = [genres.index(g) if g in genres else k for k, g in enumerate(("Folk", "Rock"))]
    made = []
    for label in wanted:
        chosen = np.flatnonzero((data["y"] == label) & (data["split"] == 0))[0]
        x = data["x"][chosen, 0]
        mel, frame = np.indices(x.shape)
        made.append(pd.DataFrame({
            "genre": genres[label], "mel": mel.ravel().astype(np.int16), "frame": frame.ravel().astype(np.int16),
            "decibels": (80 * (x.ravel() - 1)).astype(np.float32), "stand_in": bool(about["stand_in"]),
        }))  # fmt: skip
    return pd.concat(made, ignore_index=True)


def record(results: Results) -> pd.DataFrame:
    """What was found while the recordings were read: one line a problem, and how many recordings there are."""
    made = []
    for name in sorted({results.data_of(n, p) for n in AUDIO for p in results.points(n)}):
        about, data = results.about(name), results.dataset(name, "y", "split")
        split = data["split"]
        made.append(
            {
                "data": name,
                "what": f"{about['source']}: {len(split)} recordings, {int((split == 0).sum())} of them train",
            }
        )
        made += [{"data": name, "what": line} for line in json.loads(about["record"])]
    return pd.DataFrame(made)
