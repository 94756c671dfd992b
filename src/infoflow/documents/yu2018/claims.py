"""Claims of yu2018 (V-001-*): information, redundancy and synergy in convolutional networks."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from infoflow.documents.yu2018.constants import (
    CONTROLS,
    DEEP,
    FALL,
    FILTERS,
    KERNELS,
    MAIN,
    PAIRS,
    SHUFFLED,
    TIES,
    TRAINED,
    UNTRAINED,
)
from infoflow.documents.yu2018.study import Net, Study
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.rule import Evidence, claim
from infoflow.verdicts.statistics import between

study = Study


def of(net: Net, evidence: Evidence) -> Evidence:
    """Evidence with the name and the data of its network."""
    evidence.variant, evidence.data = evidence.variant or net.label, evidence.data or net.data
    evidence.stand_in = net.stand_in
    return evidence


def forward_share(net: Net, epochs: Iterable[float], control: str = MAIN, scale: float = 1.0) -> tuple[np.ndarray, ...]:
    """Shares (seeds,) of adjacent pairs without violation among those that say something, and of those that do not.

    A pair is violated where I(X; deeper) − I(X; shallower) > max(0.02 S(X), 2 SE). It says nothing where both lie
    below the tolerance or above 0.98 S(X).
    """
    cube, ceiling = net.cube("I_XT", control), net.cube("S_X", control)
    picks = sorted({cube.at(epoch) for epoch in epochs})
    values, errors = cube.values[:, picks], cube.errors[:, picks]
    limit = ceiling.values[:, [ceiling.at(cube.epochs[k]) for k in picks]]  # (seeds, epochs, 1)
    tolerance = scale * np.maximum(0.02 * limit, 2 * np.hypot(errors[:, :, 1:], errors[:, :, :-1]))
    shallow, deep = values[:, :, :-1], values[:, :, 1:]
    idle = (np.maximum(shallow, deep) < tolerance) | (np.minimum(shallow, deep) > TIES * limit)
    kept = (deep - shallow <= tolerance) & ~idle
    count = (~idle).sum((1, 2))
    strict = (deep <= shallow).mean((1, 2))
    return np.where(count, kept.sum((1, 2)) / np.maximum(count, 1), np.nan), idle.mean((1, 2)), strict


def forward(net: Net) -> Evidence:
    """V-001-1 on the trained panels of one network."""
    share, idle, strict = forward_share(net, TRAINED)
    untrained, idle_start, _ = forward_share(net, [0.0])

    def test(scale: float) -> np.ndarray:
        return np.nan_to_num(forward_share(net, TRAINED, scale=scale)[0]) >= 1 - 0.2 * scale

    return Evidence(
        test, share, untrained, UNTRAINED, vacuous=bool(np.median(idle) > 0.5),
        detail={"idle_pairs": idle.mean(), "strict_share": strict.mean(), "idle_pairs_untrained": idle_start.mean()},
    )  # fmt: skip


@claim(
    "V-001-1", "F3", "Deeper layers hold no more information about the input (forward data processing)",
    "share of adjacent pairs without violation ≥ 0.8, trained, pairs at floor or ceiling left out", "share",
)  # fmt: skip
def forward_processing(study: Study) -> Iterator[Evidence]:
    """V-001-1 on every baseline network."""
    return (of(net, forward(net)) for net in study.networks)


def backward(net: Net) -> Evidence:
    """V-001-2: pairs (δL, δ6), (δ6, δ5), …; the first compares I(δL;δ6) with S(δL)."""
    cube = net.cube("I_delta")
    t = net.table[(net.table["quantity"] == "I_delta") & (net.table["control"] == MAIN)]
    tops = t.groupby("seed")["ceiling"].max().to_numpy()

    def kept(picks: list[int], scale: float = 1.0) -> np.ndarray:
        values = np.concatenate(
            [cube.values[:, picks], np.broadcast_to(tops[:, None, None], (len(tops), len(picks), 1))], 2
        )
        errors = np.pad(cube.errors[:, picks], ((0, 0), (0, 0), (0, 1)))
        tolerance = scale * np.maximum(0.02 * tops[:, None, None], 2 * np.hypot(errors[:, :, 1:], errors[:, :, :-1]))
        return values[:, :, :-1] - values[:, :, 1:] <= tolerance  # (seeds, epochs, pairs)

    last = len(cube.epochs) - 1
    panels = sorted({0, cube.at(3.0), last})
    share, start, end = (kept(picks).mean((1, 2)) for picks in (panels, [0], [last]))
    small = (cube.flags[:, panels] == "small_delta") | (cube.flags[:, panels] == "flat")
    return Evidence(
        lambda scale: (kept(panels, scale).mean((1, 2)) >= 1 - 0.3 * scale) & (end <= start), share, start, UNTRAINED,
        vacuous=bool(small.mean() > 0.5), detail={"start": start.mean(), "end": end.mean(), "small_or_flat": small.mean()},
    )  # fmt: skip


@claim(
    "V-001-2", "F3", "Errors lose information on their way back, with a few disruptions",
    "share of pairs without violation ≥ 0.7, and no fewer violations at the end than at the start", "share",
)  # fmt: skip
def backward_processing(study: Study) -> Iterator[Evidence]:
    """V-001-2 on every baseline network."""
    return (of(net, backward(net)) for net in study.networks)


def relu_gain(relu: Net, sigmoid: Net, epoch: float = math.inf, control: str = MAIN) -> np.ndarray:
    """Mean over layers of I(X;T)/S(X), ReLU minus sigmoid, (seeds,)."""
    shares = []
    for net in (relu, sigmoid):
        cube = net.cube("I_XT", control)
        k = cube.at(min(epoch, cube.epochs[-1]))
        shares.append(cube.values[:, k].mean(1) / net.cube("S_X", control).values[:, -1, 0])
    count = min(map(len, shares))
    return shares[0][:count] - shares[1][:count]


def relu_keeps_more(relu: Net, sigmoid: Net) -> Evidence:
    """V-001-3: same data, same epoch."""
    gain = relu_gain(relu, sigmoid)
    return Evidence(
        lambda scale: gain > 0.05 * scale, gain, relu_gain(relu, sigmoid, 0.0), UNTRAINED,
        variant=f"{relu.label} against {sigmoid.label}", detail={"after_3_epochs": relu_gain(relu, sigmoid, 3.0).mean()},
    )  # fmt: skip


@claim(
    "V-001-3", "F3", "ReLU preserves more of the input than sigmoid",
    "mean over layers of I(X;T)/S(X) larger by > 0.05 on the same data", "share of S(X)",
)  # fmt: skip
def relu_against_sigmoid(study: Study) -> Iterator[Evidence]:
    """V-001-3 on every data set that both activations have."""
    return (of(sigmoid, relu_keeps_more(relu, sigmoid)) for relu, sigmoid in study.couples)


@claim(
    "V-001-4", "F4", "With three convolutions I(X;T3) and I(δL;δ4) vanish after three epochs", "both < 0.05 S(X)",
    "share of S(X)", needs="yu_depth",
)  # fmt: skip
def third_layer_vanishes(study: Study) -> Iterator[Evidence]:
    """V-001-4: larger of I(X;T3) and I(δL;δ4) over S(X) after three epochs."""
    for group in study.topologies:
        deep = group["6-16-16"]
        entropy = deep.cube("S_X").values[:, -1, 0]

        def largest(epoch: int, deep: Net = deep, entropy: np.ndarray = entropy) -> np.ndarray:
            forwards, errors = deep.cube("I_XT").values[:, epoch, 2], deep.cube("I_delta").values[:, epoch, 3]
            return np.maximum(forwards, errors) / entropy

        value = largest(-1)
        medians = {
            "I(X;T3)": np.median(deep.cube("I_XT").values[:, -1, 2]),
            "I(δL;δ4)": np.median(deep.cube("I_delta").values[:, -1, 3]),
        }
        yield of(deep, Evidence(
            lambda scale, value=value: value < 0.05 * scale, value, largest(0), UNTRAINED,
            detail={**medians, "accuracies": accuracies(group)},
        ))  # fmt: skip


@claim(
    "V-001-5", "F4", "A third convolution does not help", "accuracy of 6–16–16 ≤ that of 6–16 + 0.2 points",
    "accuracy points", needs="yu_depth",
)  # fmt: skip
def third_convolution_does_not_help(study: Study) -> Iterator[Evidence]:
    """V-001-5: accuracy of 6–16–16 less that of 6–16."""
    for group in study.topologies:
        deep, two = group["6-16-16"], group["6-16"]
        count = min(len(deep.accuracy()), len(two.accuracy()))
        change = deep.accuracy()[:count] - two.accuracy()[:count]
        yield of(deep, Evidence(
            lambda scale, change=change: change <= 0.2 * scale, change, between(two.accuracy()), PAIRS, needs_null=False,
            detail={"accuracies": accuracies(group), "welch_p": welch(deep.accuracy(), two.accuracy())},
        ))  # fmt: skip


def accuracies(group: dict[str, Net]) -> dict[str, float]:
    """Mean test accuracy of each network in points."""
    return {name: net.accuracy().mean() for name, net in group.items()}


def welch(a: np.ndarray, b: np.ndarray) -> float:
    """p-value of Welch's t-test."""
    return float(stats.ttest_ind(a, b, equal_var=False).pvalue) if min(len(a), len(b)) > 1 else math.nan


def redundancies(ordered: list[Net], epoch: int, control: str = MAIN, by_pair: bool = False) -> np.ndarray:
    """Net redundancy of C1 and C2 under each setting of the filters, (settings, seeds, 2)."""
    name, part = ("pair_redundancy", "pairs") if by_pair else ("redundancy", "layer")
    found = [net.cube(name, control, part).values[:, epoch] for net in ordered]
    count = min(map(len, found))
    return np.stack([one[:count] for one in found])


def growth(values: np.ndarray) -> np.ndarray:
    """Smallest step from one setting to the next of values (settings, seeds, 2), (seeds,)."""
    return np.diff(values, axis=0).min((0, 2))


def start_ratio(ordered: list[Net], epoch: int = 0, control: str = MAIN) -> np.ndarray:
    """Largest net redundancy as a share of I(X;C), over layers and settings, (seeds,)."""
    information = np.stack([net.cube("I_XT", control).values[: len(ordered[0].accuracy()), epoch] for net in ordered])
    return (redundancies(ordered, epoch, control) / information).max((0, 2))


def of_filters(study: Study, evidence: Evidence, variant: str = "") -> Evidence:
    """Evidence on the four settings of the filters."""
    evidence.variant = evidence.variant or variant or "sigmoid, gain_4, four settings of the filters"
    return of(study.filters[0], evidence)


@claim(
    "V-001-6", "F6", "Untrained maps are hardly redundant",
    "net redundancy < 0.2 I(X;C) in both layers of all four settings", "share of I(X;C)", needs="yu_filters",
)  # fmt: skip
def untrained_maps(study: Study) -> Iterator[Evidence]:
    """V-001-6: largest net redundancy of the untrained maps."""
    if study.filters:
        ratio, trained = start_ratio(study.filters), start_ratio(study.filters, -1)
        yield of_filters(
            study, Evidence(lambda scale: ratio < 0.2 * scale, ratio, trained, "the same networks trained")
        )


def steps(study: Study, by_pair: bool) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Net redundancies at the start and the end, (settings, seeds, 2), and their means."""
    start, end = (redundancies(study.filters, k, by_pair=by_pair) for k in (0, -1))
    means = {name: {"start": a.mean(0), "end": b.mean(0)} for name, a, b in zip(FILTERS, start, end, strict=True)}
    return start, end, means


SUMS = {"as published, sum over maps": False, "mean over pairs": True}  # variant -> by pair


@claim(
    "V-001-7", "F6", "Redundancy grows with the number of filters",
    "final net redundancy (32,64) > (6,16) > (2,6) ≥ (2,2), in both layers", "bits", needs="yu_filters",
)  # fmt: skip
def redundancy_grows_with_filters(study: Study) -> Iterator[Evidence]:
    """V-001-7: smallest step of the final net redundancy from one setting to the next."""
    for variant, by_pair in SUMS.items() if study.filters else ():
        start, end, means = steps(study, by_pair)
        final = growth(end)
        evidence = Evidence(
            lambda scale, v=final: v > 0, final, growth(start), UNTRAINED, variant=variant, detail=means
        )
        yield of_filters(study, evidence)


@claim(
    "V-001-8", "F6", "Redundancy grows during training", "final > initial in both layers of all four settings",
    "bits", needs="yu_filters",
)  # fmt: skip
def redundancy_grows_in_training(study: Study) -> Iterator[Evidence]:
    """V-001-8: smallest rise of the net redundancy over layers and settings."""
    for variant, by_pair in SUMS.items() if study.filters else ():
        start, end, means = steps(study, by_pair)
        rise = (end - start).min((0, 2))
        yield of_filters(study, Evidence(
            lambda scale, v=rise: v > 0, rise, _null_rise(start), "untrained networks that differ in their seed alone",
            variant=variant, detail=means,
        ))  # fmt: skip


@claim(
    "V-001-9", "F6", "More filters than (6,16) gain nothing",
    "accuracy of (32,64) less than 0.5 points above (6,16)", "accuracy points", needs="yu_filters",
)  # fmt: skip
def more_filters_gain_nothing(study: Study) -> Iterator[Evidence]:
    """V-001-9: accuracy of (32,64) less (6,16)."""
    if study.filters:
        accuracy = [net.accuracy() for net in study.filters]
        count = min(map(len, accuracy))
        change = accuracy[3][:count] - accuracy[2][:count]
        yield of_filters(study, Evidence(
            lambda scale: change < 0.5 * scale, change, between(accuracy[2]), PAIRS, needs_null=False,
            detail={
                "accuracies": dict(zip(FILTERS, (a.mean() for a in accuracy), strict=True)),
                "welch_p": welch(accuracy[3], accuracy[2]),
            },
        ))  # fmt: skip


@claim(
    "V-001-10", "F6", "Too few filters cost accuracy", "accuracy of (6,16) more than 0.5 points above (2,2)",
    "accuracy points", needs="yu_filters",
)  # fmt: skip
def few_filters_cost_accuracy(study: Study) -> Iterator[Evidence]:
    """V-001-10: accuracy of (6,16) less (2,2)."""
    if study.filters:
        accuracy = [net.accuracy() for net in study.filters]
        count = min(map(len, accuracy))
        change = accuracy[2][:count] - accuracy[0][:count]
        yield of_filters(study, Evidence(
            lambda scale: change > 0.5 * scale, change, between(accuracy[2]), PAIRS,
            detail={
                "accuracies": dict(zip(FILTERS, (a.mean() for a in accuracy), strict=True)),
                "welch_p": welch(accuracy[2], accuracy[0]),
            },
        ))  # fmt: skip


def _null_rise(start: np.ndarray) -> np.ndarray:
    """Smallest difference over layers and settings between seeds of untrained networks."""
    i, j = np.nonzero(~np.eye(start.shape[1], dtype=bool))
    return (start[:, i] - start[:, j]).min((0, 2))


def planted(ordered: list[Net]) -> Evidence:
    """V-001-15: smaller of the two areas, worst layer and setting with at least six filters; half is chance."""
    areas = {
        name: np.stack([net.cube(name, part="planted").values[:, -1].min(1) for net in ordered[2:]]).min(0)
        for name in ("auc_copies", "auc_dead")
    }
    value = np.minimum(*areas.values())
    return Evidence(
        lambda scale: value >= 1 - 0.05 * scale, value, np.full(2, 0.5), "ranking by chance",
        detail={name: np.median(area) for name, area in areas.items()},
    )  # fmt: skip


@claim(
    "V-001-15", "F5", "Redundancy finds copied maps, I(X;T^c) finds dead ones",
    "area under the ROC curve of planted maps ≥ 0.95, for both", "area", needs="yu_filters",
)  # fmt: skip
def planted_maps(study: Study) -> Iterator[Evidence]:
    """V-001-15 on the settings with at least six filters."""
    if study.filters:
        yield of_filters(study, planted(study.filters))


def synergy(ordered: list[Net]) -> Evidence:
    """V-001-16: largest −(net redundancy) of a chosen pair in standard errors, over layers and settings, trained."""

    def largest(epoch: int) -> np.ndarray:
        found = []
        for net in ordered:
            t = net.table[(net.table["quantity"] == "pair_synergy")]
            t = t[t["epoch"] == sorted(t["epoch"].unique())[epoch]]
            found.append((t["value"] / t["std_error"]).groupby(t["seed"]).max())
        return pd.concat(found, axis=1).max(axis=1).to_numpy()

    value = largest(-1)
    return Evidence(lambda scale: value > 3 * scale, value, largest(0), UNTRAINED, needs_null=False)


@claim(
    "V-001-16", "F5", "Some pair of maps is synergetic",
    "a negative net redundancy of a pair, beyond 3 standard errors on fresh batches", "standard errors",
    needs="yu_filters",
)  # fmt: skip
def synergetic_pair(study: Study) -> Iterator[Evidence]:
    """V-001-16 on all settings."""
    if study.filters:
        yield of_filters(study, synergy(study.filters))


def each_series(net: Net, control: str = MAIN) -> Iterable[tuple[str, tr.Series]]:
    """I(X;T) and I(T;Y) of every layer over training."""
    for quantity in ("I_XT", "I_TY"):
        cube = net.cube(quantity, control)
        for k, layer in enumerate(cube.layers):
            yield f"{quantity} {layer}", cube.series(k)


def falls(net: Net, control: str = MAIN) -> dict[str, np.ndarray]:
    """Fall of every series from its peak, (seeds,) each."""
    return {name: tr.drop(one) for name, one in each_series(net, control)}


def stays(net: Net, control: str = MAIN, scale: float = 1.0) -> np.ndarray:
    """Whether no series of a seed compresses."""
    return np.all([tr.stays(one, FALL * scale) for _, one in each_series(net, control)], axis=0)


def no_fall(net: Net, null: Net | None) -> Evidence:
    """V-001-11: largest fall over layers and both informations."""
    found = falls(net)
    worst = np.max(list(found.values()), axis=0)
    control = np.max(list(falls(null).values()), axis=0) if null else np.array([])
    idle = _idle(net)
    return Evidence(
        lambda scale: stays(net, scale=scale), worst, control, SHUFFLED, needs_null=False, vacuous=idle > 0.5,
        detail={"drops": {name: np.median(v) for name, v in found.items()}, "idle": idle},
    )  # fmt: skip


@claim(
    "V-001-11", "F7", "No layer compresses, whatever the activation",
    "no fall of I(X;T) or I(T;Y) by more than 0.15 bit", "bits",
)  # fmt: skip
def no_layer_compresses(study: Study) -> Iterator[Evidence]:
    """V-001-11 on every network."""
    return (of(net, no_fall(net, study.null)) for net in [*study.networks, *study.some_filters])


def _idle(net: Net) -> float:
    """Share of points of I(X;T) within 2 % of floor or ceiling at the end."""
    cube = net.cube("I_XT")
    share = cube.values[:, -1] / net.cube("S_X").values[:, -1]
    return float(((share < 1 - TIES) | (share > TIES)).mean())


def rank_correlations(net: Net, control: str = MAIN) -> np.ndarray:
    """Smallest Spearman ρ between epoch and I over all series, (seeds,); a constant series counts as 0."""
    found = [np.nan_to_num(tr.increasing(one, np.zeros(len(one.values), int))) for _, one in each_series(net, control)]
    return np.min(found, axis=0)


def rises(net: Net, null: Net | None) -> Evidence:
    """V-001-12: smallest rank correlation with the epoch."""
    value = rank_correlations(net)
    return Evidence(
        lambda scale: value >= 1 - 0.2 * scale, value, rank_correlations(null) if null else np.array([]), SHUFFLED,
        detail={
            name: np.median(np.nan_to_num(tr.increasing(one, np.zeros(len(one.values), int)))) for name, one in each_series(net)
        },
    )  # fmt: skip


@claim(
    "V-001-12", "F7", "Information about input and label rises",
    "ρ(epoch, I) ≥ 0.8 for I(X;T) and I(T;Y) of every layer", "Spearman's ρ",
)  # fmt: skip
def information_rises(study: Study) -> Iterator[Evidence]:
    """V-001-12 on every network."""
    return (of(net, rises(net, study.null)) for net in [*study.networks, *study.some_filters])


def pooling(net: Net) -> Evidence:
    """V-001-13: largest excess of P over C beyond the tolerance, over blocks, epochs and both quantities."""

    def excess(scale: float, epochs: slice = slice(None)) -> np.ndarray:
        found = []
        for quantity in ("S_T", "I_XT"):
            cube = net.cube(quantity)
            limit = 7.0 if quantity == "S_T" else net.cube("S_X").values[:, -1:, 0]
            for c, layer in enumerate(cube.layers):
                if layer.startswith("C"):
                    p = cube.layers.index(f"P{layer[1:]}")
                    error = np.hypot(cube.errors[:, :, c], cube.errors[:, :, p])
                    gap = cube.values[:, :, p] - cube.values[:, :, c] - scale * np.maximum(0.02 * limit, 2 * error)
                    found.append(gap[:, epochs].max(1))
        return np.max(found, axis=0)

    return Evidence(
        lambda scale: excess(scale) <= 0, excess(1.0), excess(1.0, slice(0, 1)), UNTRAINED, needs_null=False
    )


@claim(
    "V-001-13", "F2", "Pooling loses information",
    "S(P) ≤ S(C) and I(X;P) ≤ I(X;C) up to the tolerance, at all times", "bits",
)  # fmt: skip
def pooling_loses(study: Study) -> Iterator[Evidence]:
    """V-001-13 on every baseline network."""
    return (of(net, pooling(net)) for net in study.networks)


@claim(
    "V-001-14a", "F2", "A joint entropy is at least each marginal one",
    "S(X,T) ≥ S(X), S(T) in every batch, tolerance 1e-9", "bits",
)  # fmt: skip
def joint_above_marginal(study: Study) -> Evidence:
    """V-001-14a."""
    return margins(study, "margin_joint")


@claim(
    "V-001-14b", "F2", "A joint entropy is at most the sum of the marginal ones",
    "S(X,T) ≤ S(X) + S(T) in every batch, tolerance 1e-9", "bits",
)  # fmt: skip
def joint_below_sum(study: Study) -> Evidence:
    """V-001-14b; it fails for every α but the limit 1."""
    return margins(study, "margin_sum")


def margins(study: Study, quantity: str) -> Evidence:
    """Smallest margin over all logged batches, one value a seed."""
    rows = pd.concat([net.table[net.table["quantity"] == quantity] for net in [*study.networks, *study.some_filters]])
    value = rows.groupby("seed")["value"].min().to_numpy()
    below = rows[rows["value"] < -1e-9]
    return Evidence(
        lambda scale: value >= -1e-9, value, np.array([]), "", needs_null=False, variant="all networks",
        data="every logged batch", detail={
            "rows": len(rows), "rows_below": len(below), "by_control": below.groupby("control")["value"].agg(["count", "min"]).to_dict("index"),
        },
    )  # fmt: skip


@claim(
    "V-001-C", "F3", "The verdict is none of kernel width, order or scale",
    "unchanged under ≥ 75 % of the controls", "share",
)  # fmt: skip
def controls(study: Study) -> Iterator[Evidence]:
    """V-001-C: whether the test of a seed is the same under other widths, order 2 and rescaled layers."""
    networks, couples, ordered = study.networks, study.couples, study.filters
    tests: list[tuple[str, Net, Callable[[str], np.ndarray]]] = []
    for net in networks:
        tests += [
            ("V-001-1", net, functools.partial(_forward_held, net)),
            ("V-001-11", net, functools.partial(stays, net)),
            ("V-001-12", net, lambda control, net=net: rank_correlations(net, control) >= 0.8),
        ]
    tests += [("V-001-3", a, lambda control, a=a, b=b: relu_gain(a, b, control=control) > 0.05) for a, b in couples]
    if ordered:
        first = ordered[0]
        tests += [
            ("V-001-6", first, lambda control: start_ratio(ordered, 0, control) < 0.2),
            ("V-001-7", first, lambda control: growth(redundancies(ordered, -1, control)) > 0),
            ("V-001-8", first, lambda control: _rise(ordered, control) > 0),
        ]
    found: dict[tuple[str, bool], list[tuple[Net, np.ndarray, dict[str, float]]]] = {}
    for name, net, test in tests:
        main = test(MAIN)
        held = {control: test(control) for control in CONTROLS if _tested(name, net, control)}
        if held:
            same = np.mean([h == main for h in held.values()], axis=0)
            shares = {"main": main.mean(), **{control: h.mean() for control, h in held.items()}}
            found.setdefault((name, net.stand_in), []).append((net, same, shares))
    for (name, _), group in found.items():
        count = min(len(same) for _, same, _ in group)
        unchanged = np.mean([same[:count] for _, same, _ in group], axis=0)
        evidence = Evidence(
            lambda scale, unchanged=unchanged: unchanged >= 1 - 0.25 * scale, unchanged, np.array([]), "", needs_null=False,
            variant=f"{name} repeated", data=", ".join(dict.fromkeys(net.data for net, _, _ in group)),
            detail={f"{net.data}, {net.label}": shares for net, _, shares in group},
        )  # fmt: skip
        yield of(group[0][0], evidence)


def _forward_held(net: Net, control: str) -> np.ndarray:
    return np.nan_to_num(forward_share(net, TRAINED, control)[0]) >= 0.8


def _rise(ordered: list[Net], control: str) -> np.ndarray:
    return (redundancies(ordered, -1, control) - redundancies(ordered, 0, control)).min((0, 2))


def _tested(name: str, net: Net, control: str) -> bool:
    return net.has(control, "redundancy" if name in ("V-001-6", "V-001-7", "V-001-8") else "I_XT")


def deep(net: Net, experiment: str, control: str) -> Evidence:
    """V-001-E1 for one deep network under one kernel and part of the data, with what each layer does."""
    share, idle, strict = forward_share(net, TRAINED, control)
    untrained, *_ = forward_share(net, [0.0], control)

    def test(scale: float) -> np.ndarray:
        kept = np.nan_to_num(forward_share(net, TRAINED, control, scale)[0]) >= 1 - 0.2 * scale
        return kept & stays(net, control, scale)

    return Evidence(
        test, share, untrained, UNTRAINED, vacuous=bool(np.median(idle) > 0.5),
        variant=f"{DEEP[experiment]}, {control if control != MAIN else 'maps'}",
        detail={
            "violated": 1 - np.nan_to_num(share, nan=1.0).mean(), "idle_pairs": idle.mean(), "strict_share": strict.mean(),
            "compresses": {name: tr.compresses(one, FALL).mean() for name, one in each_series(net, control)},
            "accuracy": net.accuracy().mean(),
        },
    )  # fmt: skip


@claim(
    "V-001-E1", "E1",
    "VGG and ResNet do as the document's networks: deeper layers hold no more, and none compresses",
    "share of adjacent pairs without violation ≥ 0.8, trained, and no fall of I(X;T) or I(T;Y) by more than 0.15 bit",
    "share", needs="yu_vgg11",
)  # fmt: skip
def deeper_networks(study: Study) -> Iterator[Evidence]:
    """V-001-E1 for every deeper network under every kernel."""
    for name, net in study.deep:
        for control in KERNELS:
            if net.has(control):
                yield of(net, deep(net, name, control))
