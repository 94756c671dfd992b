"""Verdicts on kong2019 (V-002-*): compression in scalar noisy networks, as published and corrected."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from infoflow.claims import trajectories as tr
from infoflow.claims.stage import Results, shared_epochs, summary
from infoflow.claims.verdict import Claim, Evidence, decide

PLATEAUS = (
    math.log(4),
    1.5 * math.log(2),
    math.log(4) - 0.75 * math.log(3),
)  # 4, 3 and 2 clusters of four points
MIDS = tuple((a + b) / 2 for a, b in zip(PLATEAUS, PLATEAUS[1:], strict=False))
SHUFFLED = "the same networks on shuffled labels"
SPANS = {"uniform3": "U(−3, 3)", "uniform1": "U(−1, 1)"}

DATA = {
    "kong_f2": "four points",
    "kong_f3": "eight points",
    "kong_f4": "Gaussian",
    "kong_f5": "Gaussian",
    "kong_f6": "mixture of Gaussians",
}

CLAIMS = {
    claim.id: claim
    for claim in (
        Claim("V-002-1", "F2", "The information falls twice, each time to the next plateau", "plateaus within 0.05 of 1.386, 1.040 and 0.562 nats"),
        Claim("V-002-2", "F2", "The first fall is near epoch 25, the second near 100", "mid-falls in [15, 35] and [85, 125]", "epochs"),
        Claim("V-002-3", "F2", "Clusters merge where the information falls", "4→3→2 clusters within 10 epochs of the mid-falls (corrected: 10 %)", "epochs"),
        Claim("V-002-4", "F3", "I(X;T1) peaks at ln 8 with eight clusters, then falls", "peak > 2.05, fall > 0.15, 8 clusters at the peak and fewer at the end"),
        Claim("V-002-5", "F3", "T2 splits into two clusters while I(X;T2) rises", "rise > 0.2 from the start of splitting; cluster means within 0.05 of 0 and 0.25"),
        Claim("V-002-6", "F4", "Both tanh layers compress", "T1 and T2 fall by more than 0.10 nat"),
        Claim("V-002-7", "F4", "I(X;T2) < I(X;T1)", "at 95 % of epochs after escape", "share of epochs"),
        Claim("V-002-8", "F5", "The leaky ReLU layer does not compress and keeps gaining information", "fall ≤ 0.10 nat, ρ ≥ 0.8 after escape, std of T1 grows ≥ 1.5×", "Spearman's ρ"),
        Claim("V-002-9", "F5", "The tanh output still compresses", "T2 falls by more than 0.10 nat"),
        Claim("V-002-10", "F6", "The information peaks at the first split, then falls to about 1 nat", "peak in [1.9, 2.2], final in [0.85, 1.15] after 300 epochs"),
        Claim("V-002-11", "F2", "The label of x = 3 is +1, that of −3, −1 and 1 is −1 (the document prints 1 twice)", "every sample agrees", "share of samples"),
        Claim("V-002-12", "F2", "The published epochs need accumulated gradients", "V-002-2 holds with accumulation and fails without, same rate and epochs", "epochs"),
        Claim("V-002-E1", "E1", "Networks on continuous uniform input compress too", "T falls by more than 0.10 nat"),
        Claim("V-002-E2", "E2", "Hidden states of a noisy recurrent network compress", "at least half of the states fall by more than 0.10 nat", "share of states"),
    )
}  # fmt: skip


class Run:
    """The series of one experiment's variant, for seeds that share their snapshots."""

    def __init__(self, table: pd.DataFrame, point: str) -> None:
        self.table, self.point = table, point

    @classmethod
    def all(cls, results: Results, experiment: str, point: str) -> list[Run]:
        """One run for each set of snapshots that seeds share, the finest first."""
        table = results.estimates(experiment)
        table = table[table["point"] == point]
        epochs = table.groupby("seed")["epoch"].nunique()
        return [cls(table[table["seed"].isin(s.index)], point) for _, s in sorted(epochs.groupby(epochs), reverse=True)]

    def information(self, layer: str, until: int | None = None) -> tr.Series:
        """I(X;T) of a layer, up to an epoch."""
        return self._series("I_XT", layer, until)

    def clusters(self, layer: str) -> tr.Series:
        """Number of clusters of a layer."""
        return self._series("clusters", layer)

    def std(self, layer: str) -> tr.Series:
        """Standard deviation of a layer's noiseless values."""
        return self._series("std_T", layer)

    def _series(self, quantity: str, layer: str, until: int | None = None) -> tr.Series:
        one = tr.series(self.table, quantity, layer, point=self.point)
        if until is None:
            return one
        kept = one.epochs <= until
        return tr.Series(one.epochs[kept], one.values[:, kept], one.errors[:, kept], one.seeds)

    def inputs(self, layer: str) -> np.ndarray:
        """Noiseless values of the enumerated inputs at the end, (seeds, inputs)."""
        rows = self.table[
            (self.table["quantity"] == "value_T") & (self.table["layer"] == layer) & (self.table["point"] == self.point)
        ]
        return rows.pivot(index="seed", columns="part", values="value").to_numpy()


def verdicts(results: Results) -> list[dict[str, Any]]:
    """Every verdict of the document, in both variants where both are claimed."""
    rows: list[dict[str, Any]] = []

    def add(name: str, evidence: Evidence) -> None:
        rows.append(decide(CLAIMS[name], evidence, rehearsal=results.rehearsal))

    tests: list[tuple[str, str, Callable[[Run, Run, str], Evidence]]] = [
        ("V-002-1", "kong_f2", plateaus),
        ("V-002-2", "kong_f2", event_epochs),
        ("V-002-3", "kong_f2", merges_at_falls),
        ("V-002-4", "kong_f3", peak_at_eight),
        ("V-002-5", "kong_f3", output_splits),
        ("V-002-6", "kong_f4", both_compress),
        ("V-002-7", "kong_f4", processing_inequality),
        ("V-002-8", "kong_f5", unbounded_layer),
        ("V-002-9", "kong_f5", output_compresses),
        ("V-002-10", "kong_f6", peak_then_one_nat),
    ]
    for name, experiment, test in tests:
        for variant in ("as_published", "corrected"):
            if name == "V-002-2" and variant == "corrected":
                continue  # claimed of the published epochs alone
            (null,) = Run.all(results, f"{experiment}_shuffled", variant)
            parts = [test(run, null, variant) for run in Run.all(results, experiment, variant)]
            evidence = together(parts)
            evidence.variant, evidence.data = variant, DATA[experiment]
            add(name, evidence)
    add("V-002-11", printed_label(results))
    add("V-002-12", needs_accumulation(results))
    for experiment in ("kong_e1_net1", "kong_e1_net3", "kong_e1_net4"):
        for point, control in with_null(results, experiment):
            pairs = list(zip(Run.all(results, experiment, point), Run.all(results, experiment, control), strict=True))
            for layer in sorted(results.estimates(experiment)["layer"].unique()):
                parts = [uniform_input(run, null, layer) for run, null in pairs]
                evidence = together(parts)
                evidence.data = f"{SPANS[results.data_of(experiment, point)]}, network {experiment[-1]}, {layer}"
                add("V-002-E1", evidence)
    add("V-002-E2", recurrent_states(results))
    return rows


def with_null(results: Results, experiment: str) -> list[tuple[str, str]]:
    """Points of an experiment whose labels are the task's, each with the one that differs in shuffled labels alone."""
    return [
        (point, point.replace("labels~task", "labels~shuffled"))
        for point, about in results.points(experiment).items()
        if about["axes"]["training.labels"] == "task"
    ]


def together(parts: list[Evidence]) -> Evidence:
    """Evidence of several groups of seeds as one; the details are those of the finest snapshots."""
    first = parts[0]
    values = np.concatenate([part.values for part in parts])
    return replace(first, test=lambda scale: np.concatenate([part.test(scale) for part in parts]), values=values)


# --- one test a claim ----------------------------------------------------------------------------------------


def found_plateaus(one: tr.Series) -> np.ndarray:
    """Values of the three plateaus of F2, (seeds, 3): the peak, the median between the mid-falls, the end.

    A plateau that a seed never reaches is taken from where it stays: then it is far from its target.
    """
    first, second = mid_falls(one)
    end = tr.final(one.values)
    middle = np.empty(len(end))
    for i, row in enumerate(one.values):
        inside = (one.epochs > first[i]) & ~(one.epochs > second[i])  # nan compares false: open ends
        middle[i] = np.median(row[inside]) if inside.any() else end[i]
    return np.stack([one.values.max(1), middle, end], axis=1)


def mid_falls(one: tr.Series) -> tuple[np.ndarray, np.ndarray]:
    """Epochs at which the information falls through the middle between adjacent plateaus."""
    first = tr.falls_below(one, MIDS[0])
    return first, tr.falls_below(one, MIDS[1], after=first)


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


def event_epochs(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-2: mid-falls inside their windows."""
    one = run.information("T1")
    falls = np.stack(mid_falls(one), axis=1)
    return Evidence(
        lambda scale: outside_windows(one, scale) == 0, outside_windows(one), outside_windows(null.information("T1")),
        SHUFFLED, detail={"mid_falls": nanmedian(falls), "value": "epochs outside the windows"},
    )  # fmt: skip


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


def both_compress(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-6: the smaller fall of the two layers."""
    layers = [run.information(layer) for layer in ("T1", "T2")]

    def worst(of: Run) -> np.ndarray:
        return np.minimum(*(tr.drop(of.information(layer)) for layer in ("T1", "T2")))

    return Evidence(
        lambda scale: tr.compresses(layers[0], scale) & tr.compresses(layers[1], scale), worst(run), worst(null), SHUFFLED,
        detail={"drops": [np.median(tr.drop(one)) for one in layers], "peaks": [np.median(tr.peak(one)[0]) for one in layers]},
    )  # fmt: skip


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


def output_compresses(run: Run, null: Run, variant: str) -> Evidence:
    """V-002-9: fall of the tanh output."""
    one = run.information("T2")
    return Evidence(
        lambda scale: tr.compresses(one, scale), tr.drop(one), tr.drop(null.information("T2")), SHUFFLED,
        detail={"peak": np.median(tr.peak(one)[0]), "final": np.median(tr.final(one.values))},
    )  # fmt: skip


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


def uniform_input(run: Run, null: Run, layer: str) -> Evidence:
    """V-002-E1: fall of one layer of one network, and how far its end is from ln 2."""
    one = run.information(layer)
    final = np.median(tr.final(one.values))
    return Evidence(
        lambda scale: tr.compresses(one, scale), tr.drop(one), tr.drop(null.information(layer)), SHUFFLED,
        detail={"layer": layer, "peak": np.median(tr.peak(one)[0]), "final": final, "final_minus_ln2": final - math.log(2)},
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


# --- tables of the figures -----------------------------------------------------------------------------------


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Curves with their spread over seeds, densities, events and histories."""
    experiments = [name for name in results.experiments if not name.endswith("_shuffled")]
    curves, histories, densities = [], [], []
    for name in experiments:
        estimates = results.estimates(name)
        kept = shared_epochs(estimates[estimates["quantity"].isin(["I_XT", "clusters"])])
        curves.append(summary(kept, ["experiment", "point", "layer", "quantity", "unit", "epoch"]))
        for point in results.points(name):
            history = results.history(name, point).assign(experiment=name, point=point)
            if name in DATA or name == "kong_e2":
                histories.append(summary(history, ["experiment", "point", "split", "noisy", "metric", "epoch"]))
        if name in DATA:
            densities.append(
                results.drawn(name, "density").round({"density": 2}).astype({"density": "float32", "t": "float32"})
            )
    return {
        "curves": pd.concat(curves, ignore_index=True),
        "history": pd.concat(histories, ignore_index=True),
        "densities": pd.concat(densities, ignore_index=True).drop(columns="variant"),
        "events": events(results),
    }


def events(results: Results) -> pd.DataFrame:
    """Epochs of the events that the figures mark, one row a seed: mid-falls, escape, start of splitting."""
    tables = []
    for name in DATA:
        for variant in results.points(name):
            for run in Run.all(results, name, variant):
                tables += run_events(name, variant, run)
    return pd.concat(tables, ignore_index=True)


def run_events(name: str, variant: str, run: Run) -> list[pd.DataFrame]:
    """Events of one run, a table each."""
    one = run.information("T1")
    found = {"escape": one.epochs[tr.escape(one)].astype(float)}
    if name == "kong_f2":
        found |= dict(zip(("first_fall", "second_fall"), mid_falls(one), strict=True))
    if name == "kong_f3":
        reached = run.clusters("T1").values == 8
        found["start_of_splitting"] = np.where(reached.any(1), one.epochs[reached.argmax(1)], np.nan)
    names = {"experiment": name, "point": variant}
    return [pd.DataFrame({**names, "event": event, "seed": one.seeds, "epoch": e}) for event, e in found.items()]
