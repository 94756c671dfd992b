"""Claims of kong2019 (V-002-*): compression in scalar noisy networks, as published and corrected."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from infoflow.documents.kong2019.constants import DATA, PLATEAUS, SHUFFLED, SPANS
from infoflow.documents.kong2019.study import Run, found_plateaus, mid_falls, with_null
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.results import Results
from infoflow.verdicts.rule import Evidence, claim

RunTest = Callable[[Run, Run, str], Evidence]


def study(results: Results) -> Results:
    """The tests read the results as they are."""
    return results


def in_variants(
    experiment: str, variants: tuple[str, ...] = ("as_published", "corrected")
) -> Callable[[RunTest], Callable[[Results], Iterator[Evidence]]]:
    """A test of one run and its null, made for every variant of an experiment; its seeds may come in several runs."""

    def decorate(test: RunTest) -> Callable[[Results], Iterator[Evidence]]:
        @functools.wraps(test)
        def every(results: Results) -> Iterator[Evidence]:
            for variant in variants:
                (null,) = Run.all(results, f"{experiment}_shuffled", variant)
                evidence = together([test(run, null, variant) for run in Run.all(results, experiment, variant)])
                evidence.variant, evidence.data = variant, DATA[experiment]
                yield evidence

        return every

    return decorate


def together(parts: list[Evidence]) -> Evidence:
    """Evidence of several groups of seeds as one; the details are those of the finest snapshots."""
    first = parts[0]
    values = np.concatenate([part.values for part in parts])
    return replace(first, test=lambda scale: np.concatenate([part.test(scale) for part in parts]), values=values)


@claim(
    "V-002-1", "F2", "The information falls twice, each time to the next plateau",
    "plateaus within 0.05 of 1.386, 1.040 and 0.562 nats",
)  # fmt: skip
@in_variants("kong_f2")
def plateaus(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-1: worst distance of a plateau from its value."""

    def worst(one: tr.Series) -> np.ndarray:
        return np.abs(found_plateaus(one) - PLATEAUS).max(1)

    value = worst(run.information("T1"))
    found = found_plateaus(run.information("T1"))
    return Evidence(
        lambda scale: value <= 0.05 * scale, value, worst(null.information("T1")), SHUFFLED,
        detail={"plateaus": np.median(found, axis=0), "targets": PLATEAUS},
    )  # fmt: skip


def outside_windows(one: tr.Series, scale: float = 1.0) -> np.ndarray:
    """Epochs by which the worse of the two mid-falls misses its window; the last epoch where there is none."""
    falls = np.stack(mid_falls(one), axis=1)
    centre, half = np.array([25, 105]), scale * np.array([10, 20])
    miss = np.maximum(np.abs(falls - centre) - half, 0).max(1)
    return np.where(np.isfinite(miss), miss, one.epochs[-1])


@claim(
    "V-002-2", "F2", "The first fall is near epoch 25, the second near 100", "mid-falls in [15, 35] and [85, 125]",
    "epochs",
)  # fmt: skip
@in_variants("kong_f2", variants=("as_published",))
def event_epochs(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-2: mid-falls inside their windows."""
    one = run.information("T1")
    falls = np.stack(mid_falls(one), axis=1)
    return Evidence(
        lambda scale: outside_windows(one, scale) == 0, outside_windows(one), outside_windows(null.information("T1")),
        SHUFFLED, detail={"mid_falls": nanmedian(falls), "value": "epochs outside the windows"},
    )  # fmt: skip


@claim(
    "V-002-3", "F2", "Clusters merge where the information falls",
    "4→3→2 clusters within 10 epochs of the mid-falls (corrected: 10 %)", "epochs",
)  # fmt: skip
@in_variants("kong_f2")
def merges_at_falls(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-3: distance between merges and mid-falls, in epochs, or in shares of the epoch for the corrected variant."""

    def distance(of: Run) -> np.ndarray:
        one, count = of.information("T1"), of.clusters("T1")
        peak = count.values.argmax(1)
        worst = np.zeros(len(one.values))
        for below, fall in zip((3, 2), mid_falls(one), strict=True):
            merged = np.full(len(worst), np.nan)
            for i, row in enumerate(count.values):
                later = np.flatnonzero(row[peak[i] :] <= below)
                if len(later) and row[peak[i]] > below:
                    merged[i] = count.epochs[peak[i] + later[0]]
            gap = np.abs(merged - fall)
            worst = np.maximum(worst, gap if variant == "as_published" else 100 * gap / fall)
        return np.where(np.isfinite(worst), worst, np.inf)

    value = distance(run)
    shown = np.where(np.isfinite(value), value, run.information("T1").epochs[-1])
    null_value = distance(null)
    null_shown = np.where(np.isfinite(null_value), null_value, null.information("T1").epochs[-1])
    unit = "epochs" if variant == "as_published" else "% of the epoch"
    return Evidence(
        lambda scale: value <= 10 * scale,
        shown,
        null_shown,
        SHUFFLED,
        detail={"value": f"worst distance in {unit}"},
    )


@claim(
    "V-002-4", "F3", "I(X;T1) peaks at ln 8 with eight clusters, then falls",
    "peak > 2.05, fall > 0.15, 8 clusters at the peak and fewer at the end",
)  # fmt: skip
@in_variants("kong_f3")
def peak_at_eight(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-4: fall of I(X;T1) after a peak near ln 8."""
    one, count = run.information("T1"), run.clusters("T1")
    top, where = tr.peak(one)
    at_peak = count.values[np.arange(len(top)), np.searchsorted(count.epochs, where)]
    fewer = count.values[:, -1] < 8
    fall = tr.drop(one)
    ln8 = math.log(8)

    def test(scale: float) -> np.ndarray:
        return (top > ln8 - (ln8 - 2.05) * scale) & (fall > 0.15 * scale) & (at_peak == 8) & fewer

    return Evidence(
        test, fall, tr.drop(null.information("T1")), SHUFFLED,
        detail={"peak": np.median(top), "clusters_at_peak": np.median(at_peak), "clusters_at_end": np.median(count.values[:, -1])},
    )  # fmt: skip


@claim(
    "V-002-5", "F3", "T2 splits into two clusters while I(X;T2) rises",
    "rise > 0.2 from the start of splitting; cluster means within 0.05 of 0 and 0.25",
)  # fmt: skip
@in_variants("kong_f3")
def output_splits(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-5: rise of I(X;T2) from the epoch at which T1 first has eight clusters."""

    def rise(of: Run) -> np.ndarray:
        one, count = of.information("T2"), of.clusters("T1")
        reached = count.values == 8
        start = np.where(reached.any(1), reached.argmax(1), count.values.shape[1] - 1)
        return one.values[:, -1] - one.values[np.arange(len(start)), start]

    value, ends = rise(run), run.inputs("T2")
    means = np.stack([ends[:, :4].mean(1), ends[:, 4:].mean(1)], axis=1)
    miss = np.abs(means - [0, 0.25]).max(1)
    return Evidence(
        lambda scale: (value > 0.2 * scale) & (miss <= 0.05 * scale), value, rise(null), SHUFFLED,
        detail={"cluster_means": np.median(means, axis=0)},
    )  # fmt: skip


@claim("V-002-6", "F4", "Both tanh layers compress", "T1 and T2 fall by more than 0.10 nat")
@in_variants("kong_f4")
def both_compress(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-6: the smaller fall of the two layers."""
    layers = [run.information(layer) for layer in ("T1", "T2")]

    def worst(of: Run) -> np.ndarray:
        return np.minimum(*(tr.drop(of.information(layer)) for layer in ("T1", "T2")))

    return Evidence(
        lambda scale: tr.compresses(layers[0], scale) & tr.compresses(layers[1], scale), worst(run), worst(null), SHUFFLED,
        detail={"drops": [np.median(tr.drop(one)) for one in layers], "peaks": [np.median(tr.peak(one)[0]) for one in layers]},
    )  # fmt: skip


@claim("V-002-7", "F4", "I(X;T2) < I(X;T1)", "at 95 % of epochs after escape", "share of epochs")
@in_variants("kong_f4")
def processing_inequality(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-7: share of epochs after escape at which the deeper layer holds less.

    A theorem for these networks, so the null (shuffled labels) holds it as well and need not differ.
    """

    def share(of: Run) -> np.ndarray:
        first, second = of.information("T1"), of.information("T2")
        start = tr.escape(first)
        below = second.values < first.values
        return np.array([row[k:].mean() for row, k in zip(below, start, strict=True)])

    value = share(run)
    return Evidence(lambda scale: value >= 1 - 0.05 * scale, value, share(null), SHUFFLED, needs_null=False)


@claim(
    "V-002-8", "F5", "The leaky ReLU layer does not compress and keeps gaining information",
    "fall ≤ 0.10 nat, ρ ≥ 0.8 after escape, std of T1 grows ≥ 1.5×", "Spearman's ρ",
)  # fmt: skip
@in_variants("kong_f5")
def unbounded_layer(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-8: Spearman's ρ of the hidden leaky ReLU layer after escape."""

    def rho(of: Run) -> np.ndarray:
        one = of.information("T1")
        return tr.increasing(one, tr.escape(one))

    one, spread = run.information("T1"), run.std("T1").values
    start = tr.escape(one)
    growth = spread[:, -1] / np.maximum(spread[np.arange(len(start)), start], 1e-9)
    value = rho(run)

    def test(scale: float) -> np.ndarray:
        return tr.stays(one, scale) & (value >= 1 - 0.2 * scale) & (growth >= 1 + 0.5 * scale)

    return Evidence(
        test, value, rho(null), SHUFFLED,
        detail={"drop": np.median(tr.drop(one)), "growth": np.median(growth), "final": np.median(tr.final(one.values))},
    )  # fmt: skip


@claim("V-002-9", "F5", "The tanh output still compresses", "T2 falls by more than 0.10 nat")
@in_variants("kong_f5")
def output_compresses(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-9: fall of the tanh output."""
    one = run.information("T2")
    return Evidence(
        lambda scale: tr.compresses(one, scale), tr.drop(one), tr.drop(null.information("T2")), SHUFFLED,
        detail={"peak": np.median(tr.peak(one)[0]), "final": np.median(tr.final(one.values))},
    )  # fmt: skip


@claim(
    "V-002-10", "F6", "The information peaks at the first split, then falls to about 1 nat",
    "peak in [1.9, 2.2], final in [0.85, 1.15] after 300 epochs",
)  # fmt: skip
@in_variants("kong_f6")
def peak_then_one_nat(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-10: information at the end of the published 300 epochs; the whole corrected run is in the detail."""
    one = run.information("T1", until=300)
    top, end = tr.peak(one)[0], tr.final(one.values)

    def test(scale: float) -> np.ndarray:
        return (np.abs(top - 2.05) <= 0.15 * scale) & (np.abs(end - 1.0) <= 0.15 * scale)

    whole = run.information("T1")
    return Evidence(
        test, end, tr.final(null.information("T1", until=300).values), SHUFFLED,
        detail={
            "peak": np.median(top), "value": "nats at epoch 300", "last_epoch": int(whole.epochs[-1]),
            "final_at_last_epoch": np.median(tr.final(whole.values)), "share_that_falls_by_300": tr.compresses(one).mean(),
        },
    )  # fmt: skip


@claim(
    "V-002-11", "F2", "The label of x = 3 is +1, that of −3, −1 and 1 is −1 (the document prints 1 twice)",
    "every sample agrees", "share of samples",
)  # fmt: skip
def printed_label(results: Results) -> Evidence:
    """V-002-11: share of each seed's samples whose label is +1 exactly for x = 3."""
    data = results.dataset("four30", "x", "y")
    x, y = data["x"][..., 0], data["y"]
    right = np.where(x == 3, 1, -1)
    value = (right == y).mean(1)
    shuffled = np.random.default_rng(0).permuted(y, axis=1)
    return Evidence(
        lambda scale: value == 1,
        value,
        (right == shuffled).mean(1),
        "the labels shuffled",
        data=DATA["kong_f2"],
    )


@claim(
    "V-002-12", "F2", "The published epochs need accumulated gradients",
    "V-002-2 holds with accumulation and fails without, same rate and epochs", "epochs",
)  # fmt: skip
def needs_accumulation(results: Results) -> Evidence:
    """V-002-12: V-002-2 under both variants at the published rate and epochs, paired by seed."""
    with_it, without = (
        Run.all(results, "kong_f2", v)[0].information("T1", until=200) for v in ("as_published", "corrected")
    )

    def test(scale: float) -> np.ndarray:
        return (outside_windows(with_it, scale) == 0) & (outside_windows(without, scale) > 0)

    def difference(one: tr.Series, other: tr.Series) -> np.ndarray:
        return outside_windows(other) - outside_windows(one)

    null = [
        Run.all(results, "kong_f2_shuffled", v)[0].information("T1", until=200) for v in ("as_published", "corrected")
    ]
    return Evidence(
        test, difference(with_it, without), difference(*null), SHUFFLED, variant="", data=DATA["kong_f2"],
        detail={"share_with": (outside_windows(with_it) == 0).mean(), "share_without": (outside_windows(without) == 0).mean()},
    )  # fmt: skip


@claim("V-002-E1", "E1", "Networks on continuous uniform input compress too", "T falls by more than 0.10 nat")
def uniform_inputs(results: Results) -> Iterator[Evidence]:
    """V-002-E1: fall of every layer of every network on both inputs."""
    for experiment in ("kong_e1_net1", "kong_e1_net3", "kong_e1_net4"):
        for point, control in with_null(results, experiment):
            pairs = list(zip(Run.all(results, experiment, point), Run.all(results, experiment, control), strict=True))
            for layer in sorted(results.estimates(experiment)["layer"].unique()):
                evidence = together([uniform_input(run, null, layer) for run, null in pairs])
                evidence.data = f"{SPANS[results.dataset_of(experiment, point)]}, network {experiment[-1]}, {layer}"
                yield evidence


def uniform_input(run: Run, null: Run, layer: str) -> Evidence:
    """V-002-E1: fall of one layer of one network, and how far its end is from ln 2."""
    one = run.information(layer)
    final = np.median(tr.final(one.values))
    return Evidence(
        lambda scale: tr.compresses(one, scale), tr.drop(one), tr.drop(null.information(layer)), SHUFFLED,
        detail={"layer": layer, "peak": np.median(tr.peak(one)[0]), "final": final, "final_minus_ln2": final - math.log(2)},
    )  # fmt: skip


@claim(
    "V-002-E2", "E2", "Hidden states of a noisy recurrent network compress",
    "at least half of the states fall by more than 0.10 nat", "share of states",
)  # fmt: skip
def recurrent_states(results: Results) -> Evidence:
    """V-002-E2: share of the hidden states that compress."""
    table = results.estimates("kong_e2")
    layers = sorted(table["layer"].unique(), key=lambda name: int(name[1:]))
    ((point, control),) = with_null(results, "kong_e2")
    every, null = ([tr.series(table, "I_XT", layer, point=p) for layer in layers] for p in (point, control))

    def share(of: list[tr.Series], scale: float = 1.0) -> np.ndarray:
        return np.stack([tr.compresses(one, scale) for one in of]).mean(0)

    return Evidence(
        lambda scale: share(every, scale) >= 0.5, share(every), share(null), SHUFFLED, data="majority of 9 bits",
        detail={layer: {"compresses": tr.compresses(one).mean(), "drop": np.median(tr.drop(one))} for layer, one in zip(layers, every, strict=True)},
    )  # fmt: skip


def nanmedian(values: np.ndarray) -> list[float | None]:
    """Median of each column over the seeds that have a value; None where none has."""
    return [float(np.nanmedian(c)) if np.isfinite(c).any() else None for c in values.T]
