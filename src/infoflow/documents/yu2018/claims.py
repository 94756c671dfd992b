"""Claims of yu2018 (V-001-*): information, redundancy and synergy in convolutional networks."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import stats

from infoflow.documents.yu2018.constants import (
    AUTOENCODER,
    BESIDE,
    CONTROLS,
    DEEP,
    DRAWS,
    FALL,
    FILTERS,
    HELD,
    KERNELS,
    LEARNED,
    MAIN,
    MEDIAN,
    NARROW,
    POOLED,
    SHUFFLED,
    TIES,
    TRAINED,
    UNTRAINED,
    WHOLE,
    WIDE,
)
from infoflow.documents.yu2018.study import Cube, Net, Study, matched
from infoflow.estimators import renyi
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.questions import ERRORS, Each, Exact, Mean, Reported, Trend
from infoflow.verdicts.rule import Evidence, Trained, claim

study = Study

SLACK = 1e-9  # `at least` a share, where a unit can reach it exactly
LEARNS = Trained("accuracy", "test", LEARNED)
OWN = "none: the comparison is its own control"
INFORMATION = ("I_XT", "I_TY")
COUNTS, ORDER = [[0, 1], [1, 2]], 2.0  # samples in the cells of a 2 × 2 table whose joint entropy exceeds the sum


def of(net: Net, evidence: Evidence) -> Evidence:
    """Evidence with the name, the data and the accuracy of its network."""
    evidence.variant, evidence.data = evidence.variant or net.label, evidence.data or net.data
    evidence.stand_in = net.stand_in
    if evidence.trained is None:
        evidence.trained = net.accuracy() / 100
    return evidence


def tightest(
    effects: np.ndarray, errors: np.ndarray, *, above: float | None = None, below: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Of effects (n, seeds) each seed's that is nearest to missing its margin, and its error."""
    reach = ERRORS * errors
    room = effects - np.maximum(above, reach) if below is None else np.maximum(below, reach) - effects
    worst = room.argmin(0)[None]
    return np.take_along_axis(effects, worst, 0)[0], np.take_along_axis(errors, worst, 0)[0]


def telling(group: list[tuple[Net, Evidence]]) -> list[tuple[Net, Evidence]]:
    """Of networks that learn, and whose values tell something, those on real data; those on stand-ins where there are no others."""
    useful = [(net, evidence) for net, evidence in group if net.learns and not evidence.vacuous]
    return [(net, evidence) for net, evidence in useful if not net.stand_in] or useful


def names_of(nets: Iterable[Net]) -> str:
    """The data sets of some networks, each once."""
    return ", ".join(dict.fromkeys(net.data for net in nets))


def rows(nets: list[Net], test: Callable[[Net], Evidence], **margin: float) -> Iterator[Evidence]:
    """A row for each network, and one for all that learn: their mean, or where a margin is given each seed's worst."""
    group = [(net, of(net, test(net))) for net in nets]
    yield from (evidence for _, evidence in group)
    kept = telling(group)
    if not kept:
        return
    found = dict(kept)
    effects = matched(list(found), lambda net: found[net].effects)
    errors = None
    if margin:
        errors = matched(list(found), lambda net: found[net].errors)
        effects, errors = tightest(effects, errors, **margin)
    else:
        effects = effects.mean(0)
    first = kept[0][1]
    yield Evidence(
        effects, errors=errors, part=first.part, variant=POOLED, stand_in=kept[0][0].stand_in,
        data=names_of(found),
        trained=matched(list(found), Net.accuracy).min(0) / 100,
        detail={f"{net.data}, {net.label}": evidence.effects for net, evidence in kept},
    )  # fmt: skip


# --- chains of layers --------------------------------------------------------------------------------------------


class Pairs(NamedTuple):
    """Adjacent pairs of layers, (seeds, epochs, pairs) each."""

    kept: np.ndarray  # not violated
    idle: np.ndarray  # both lie below the tolerance or above 0.98 S(X)
    strict: np.ndarray  # not violated without a tolerance
    names: list[str]

    def share(self) -> np.ndarray:
        """Share not violated of the pairs that say something, nan without any, (seeds,)."""
        count = (~self.idle).sum((1, 2))
        return np.where(count, (self.kept & ~self.idle).sum((1, 2)) / np.maximum(count, 1), np.nan)

    def violated(self) -> dict[str, float]:
        """Share violated of each pair, of those that say something."""
        said = np.maximum((~self.idle).sum((0, 1)), 1)
        return dict(zip(self.names, (~self.kept & ~self.idle).sum((0, 1)) / said, strict=True))


def forward_pairs(net: Net, epochs: Iterable[float], control: str = MAIN) -> Pairs:
    """Pairs of I(X;T): violated where the deeper layer holds more by over 0.02 S(X) and two errors of the difference."""
    cube, entropy = net.cube("I_XT", control), net.cube("S_X", control)
    picks = sorted({cube.at(epoch) for epoch in epochs})
    limit = entropy.values[:, [entropy.at(cube.epochs[k]) for k in picks]]  # (seeds, epochs, 1)
    more, error = (one[:, picks] for one in cube.difference(slice(1, None), slice(None, -1)))
    tolerance = np.maximum(0.02 * limit, 2 * error)
    shallow, deep = cube.values[:, picks, :-1], cube.values[:, picks, 1:]
    idle = (np.maximum(shallow, deep) < tolerance) | (np.minimum(shallow, deep) > TIES * limit)
    names = [f"{a} to {b}" for a, b in zip(cube.layers, cube.layers[1:], strict=False)]
    return Pairs(more <= tolerance, idle, more <= 0, names)


def together(nets: list[Net], pairs: list[Pairs]) -> Pairs:
    """The pairs of several networks on the seeds that all of them have, one network's epochs after another's."""
    of_net = dict(zip(nets, pairs, strict=True))
    seeds = functools.reduce(np.intersect1d, [net.seeds for net in nets])
    found = [[one[np.isin(net.seeds, seeds)] for one in of_net[net][:3]] for net in nets]
    return Pairs(*(np.concatenate(one, axis=1) for one in zip(*found, strict=True)), pairs[0].names)


def forward(net: Net) -> Evidence:
    """V-001-1 on the trained panels of one network."""
    return in_order(forward_pairs(net, TRAINED), forward_pairs(net, [0.0]))


def in_order(pairs: Pairs, untrained: Pairs) -> Evidence:
    """Share of pairs in order, trained, and beside it which are not and the share before training."""
    share = pairs.share()
    return Evidence(
        np.nan_to_num(share), vacuous=bool(pairs.idle.mean() > 0.5),
        detail={
            "violated": pairs.violated(), "idle_pairs": pairs.idle.mean(), "strict_share": pairs.strict.mean(),
            "untrained_share": np.nanmean(untrained.share()) if not untrained.idle.all() else math.nan,
        },
    )  # fmt: skip


@claim(
    "V-001-1", "F3", "Deeper layers hold no more information about the input (forward data processing) in most cases",
    Mean(
        "share of adjacent pairs without violation, trained, pairs at floor or ceiling left out", "share",
        above=0.8 - SLACK, reference=1.0, control="none: untrained networks pass it at the bound",
    ),
    primary={"variant": POOLED}, trained=LEARNS,
)  # fmt: skip
def forward_processing(study: Study) -> Iterator[Evidence]:
    """V-001-1 on every baseline network, and on the pairs of all that learn together."""
    for net in study.networks:
        yield of(net, forward(net))
    kept = [net for net in study.networks if net.learns and not net.stand_in]
    kept = kept or [net for net in study.networks if net.learns]
    if kept:
        ends = [[forward_pairs(net, epochs) for net in kept] for epochs in (TRAINED, [0.0])]
        evidence = in_order(*(together(kept, pairs) for pairs in ends))
        evidence.variant, evidence.data = POOLED, names_of(kept)
        evidence.trained = matched(kept, Net.accuracy).min(0) / 100
        yield of(kept[0], evidence)


def backward_pairs(net: Net, control: str = MAIN) -> tuple[Pairs, Cube]:
    """Pairs of I(δL;δ), from the last hidden layer to the first: violated where an earlier layer holds more.

    I(δL;δ6) ≤ S(δL) is a theorem, and left out. The tolerance is 0.02 S(δL) at that time, or two errors of the difference.
    A pair is idle where the error signals of either layer are too small for the kernel, or hardly differ.
    """
    cube = net.cube("I_delta", control)
    more, error = cube.difference(slice(None, -1), slice(1, None))
    tolerance = np.maximum(0.02 * cube.ceilings[:, :, :-1], 2 * error)
    mute = np.isin(cube.flags, ["small_delta", "flat"])
    names = [f"δ{k + 1} to δ{k}" for k in range(1, len(cube.layers))]
    return Pairs(more <= tolerance, mute[:, :, :-1] | mute[:, :, 1:], more <= 0, names), cube


def at(pairs: Pairs, picks: list[int]) -> Pairs:
    """The pairs at some snapshots."""
    return Pairs(pairs.kept[:, picks], pairs.idle[:, picks], pairs.strict[:, picks], pairs.names)


def backward(net: Net, part: str) -> Evidence:
    """V-001-2: pairs at the start, after three epochs and at the end, or how many more are violated at the end."""
    pairs, cube = backward_pairs(net)
    panels = at(pairs, sorted({0, cube.at(TRAINED[0]), len(cube.epochs) - 1}))
    start, end = (1 - at(pairs, [k]).kept.mean((1, 2)) for k in (0, -1))
    share = panels.kept.mean((1, 2)) if part == "order" else end - start
    return Evidence(
        share, part=part, vacuous=bool(panels.idle.mean() > 0.5),
        detail={
            "violated_at_start": start.mean(), "violated_at_end": end.mean(), "strict_share": panels.strict.mean(),
            "small_or_flat": panels.idle.mean(), "entropy_of_output_errors": np.median(cube.ceilings[:, -1, 0]),
        },
    )  # fmt: skip


@claim(
    "V-001-2", "F3", "Errors lose information on their way back, with a few disruptions once training is stable",
    Mean(
        "share of pairs (δ6, δ5), …, (δ2, δ1) without violation at the start, after three epochs and at the end", "share",
        above=0.7 - SLACK, reference=1.0, control="none: the untrained network is one of the three panels", part="order",
    ),
    Mean(
        "share of violated pairs, at the end less at the start", "share", above=0.0,
        control="none: the start is what the end is compared with", part="disruptions",
    ),
    primary={"variant": POOLED}, trained=LEARNS,
)  # fmt: skip
def backward_processing(study: Study) -> Iterator[Evidence]:
    """V-001-2 on every baseline network."""
    for part in ("order", "disruptions"):
        yield from rows(study.networks, functools.partial(backward, part=part))


def relu_gain(couple: tuple[Net, Net], epoch: float = math.inf, control: str = MAIN) -> np.ndarray:
    """Mean over layers of I(X;T)/S(X), ReLU minus sigmoid, (seeds,)."""

    def kept(net: Net) -> np.ndarray:
        cube, entropy = net.cube("I_XT", control), net.cube("S_X", control)
        k = cube.at(min(epoch, cube.epochs[-1]))
        return cube.values[:, k].mean(1) / entropy.values[:, entropy.at(cube.epochs[k]), 0]

    relu, sigmoid = matched(couple, kept)
    return relu - sigmoid


@claim(
    "V-001-3", "F3", "ReLU preserves more of the input than sigmoid",
    Mean("mean over layers of I(X;T)/S(X), ReLU less sigmoid on the same data", "share of S(X)", above=0.05),
    trained=LEARNS, bounded="that ReLU's layers lie at S(X) is what the claim says",
)  # fmt: skip
def relu_against_sigmoid(study: Study) -> Iterator[Evidence]:
    """V-001-3 on every data set that both activations have."""
    for couple in study.couples:
        relu, sigmoid = couple
        yield of(sigmoid, Evidence(
            relu_gain(couple), relu_gain(couple, 0.0), UNTRAINED, variant=f"{relu.label} against {sigmoid.label}",
            trained=matched(couple, Net.accuracy).min(0) / 100,
            detail={"after_3_epochs": relu_gain(couple, 3.0).mean()},
        ))  # fmt: skip


@claim(
    "V-001-4", "F4", "With three convolutions I(X;T3) and I(δL;δ4) vanish after three epochs",
    Each("larger of I(X;T3) and I(δL;δ4)", "of S(X)", below=0.05, control="less"),
    primary={"variant": "sigmoid, gain_4, 6-16-16"}, trained=LEARNS, needs="yu_depth",
    bounded="that both lie at their floor is what the claim says",
)  # fmt: skip
def third_layer_vanishes(study: Study) -> Iterator[Evidence]:
    """V-001-4: larger of I(X;T3) and I(δL;δ4) over S(X) after three epochs."""
    for group in study.topologies:
        deep = group["6-16-16"]
        third, fourth = deep.cube("I_XT").values[:, :, 2], deep.cube("I_delta").values[:, :, 3]
        share = np.maximum(third, fourth) / deep.cube("S_X").values[:, :, 0]
        medians = {"I(X;T3)": np.median(third[:, -1]), "I(δL;δ4)": np.median(fourth[:, -1])}
        detail = {**medians, "accuracies": accuracies(group)}
        yield of(deep, Evidence(share[:, -1], share[:, 0], UNTRAINED, detail=detail))


def gain_of(better: Net, worse: Net) -> Evidence:
    """Test accuracy of one network less another's, in points, with Welch's p-value beside it."""
    both = matched((better, worse), Net.accuracy)
    welch = float(stats.ttest_ind(*both, equal_var=False).pvalue) if both.shape[1] > 1 else math.nan
    return of(better, Evidence(both[0] - both[1], trained=both.min(0) / 100, detail={"welch_p": welch}))


@claim(
    "V-001-5", "F4", "A third convolution does not help",
    Mean("test accuracy of 6–16–16 less that of 6–16", "points", below=0.2, control=OWN),
    primary={"variant": "sigmoid, gain_4, 6-16-16"}, trained=LEARNS, needs="yu_depth",
)  # fmt: skip
def third_convolution_does_not_help(study: Study) -> Iterator[Evidence]:
    """V-001-5: accuracy of 6–16–16 less that of 6–16."""
    for group in study.topologies:
        evidence = gain_of(group["6-16-16"], group["6-16"])
        evidence.detail["accuracies"] = accuracies(group)
        yield evidence


def accuracies(group: dict[str, Net]) -> dict[str, float]:
    """Mean test accuracy of each network in points."""
    return {name: net.accuracy().mean() for name, net in group.items()}


# --- maps and filters --------------------------------------------------------------------------------------------


def of_filters(study: Study, evidence: Evidence, variant: str = "sigmoid, gain_4, four settings") -> Evidence:
    """Evidence on the four settings of the filters."""
    if evidence.trained is None:
        evidence.trained = matched(study.filters, Net.accuracy).min(0) / 100
    evidence.variant = evidence.variant or variant
    return of(study.filters[0], evidence)


READINGS = {"redundancy": "layer", "pair_redundancy": "pairs"}  # sum over maps, as published, and mean over pairs


def redundancies(
    ordered: list[Net], epoch: int, control: str = MAIN, quantity: str = "redundancy", draw: bool = False
) -> np.ndarray:
    """Net redundancy of C1 and C2 under each setting of the filters, (settings, seeds, 2).

    Untrained networks of one seed share what their settings share: with `draw`, each setting takes other seeds.
    """
    made = matched(ordered, lambda net: net.cube(quantity, control, READINGS[quantity]).values[:, epoch])
    return np.stack([np.roll(one, k, axis=0) for k, one in enumerate(made)]) if draw else made


def growth(values: np.ndarray) -> np.ndarray:
    """Smallest step from one setting to the next of values (settings, seeds, 2), (seeds,).

    (2,2) and (2,6) have as many maps in C1: no step there.
    """
    steps = np.diff(values, axis=0)
    return np.minimum(steps[:, :, 1].min(0), steps[1:, :, 0].min(0))


def start_ratio(ordered: list[Net], epoch: int = 0, control: str = MAIN) -> np.ndarray:
    """Largest net redundancy as a share of I(X;C), over layers and settings, (seeds,)."""
    information = matched(ordered, lambda net: net.cube("I_XT", control).values[:, epoch])
    return (redundancies(ordered, epoch, control) / information).max((0, 2))


@claim(
    "V-001-6", "F6", "Untrained maps are hardly redundant",
    Each("largest net redundancy over both layers and four settings", "of I(X;C)", below=0.2, control="less"),
    needs="yu_filters",
)  # fmt: skip
def untrained_maps(study: Study) -> Iterator[Evidence]:
    """V-001-6: largest net redundancy of the untrained maps."""
    if study.filters:
        ratio, trained = start_ratio(study.filters), start_ratio(study.filters, -1)
        yield of_filters(study, Evidence(ratio, trained, "the same networks trained"))


def readings(study: Study, statistic: Callable[[str], np.ndarray]) -> tuple[np.ndarray, dict[str, Any]]:
    """A statistic under both readings of redundancy: the smaller one of each seed, and what both are."""
    found = {quantity: statistic(quantity) for quantity in READINGS}
    return np.min(list(found.values()), axis=0), {
        **{f"smallest, {quantity}": np.median(values) for quantity, values in found.items()},
        **{
            f"{quantity}, {name}": dict(zip(FILTERS, redundancies(study.filters, k, MAIN, quantity).mean(1), strict=True))
            for quantity in READINGS
            for name, k in (("start", 0), ("end", -1))
        },
    }  # fmt: skip


@claim(
    "V-001-7", "F6", "Redundancy grows with the number of filters",
    Each(
        "smallest step of the final net redundancy over (2,2), (2,6), (6,16), (32,64), in both layers, as a sum over maps "
        "and as a mean over pairs", "bits", above=0.0,
    ),
    trained=LEARNS, needs="yu_filters",
)  # fmt: skip
def redundancy_grows_with_filters(study: Study) -> Iterator[Evidence]:
    """V-001-7: smallest step of the final net redundancy from one setting to the next."""
    if study.filters:
        value, detail = readings(study, lambda name: growth(redundancies(study.filters, -1, MAIN, name)))
        null, _ = readings(study, lambda name: growth(redundancies(study.filters, 0, MAIN, name, draw=True)))
        yield of_filters(study, Evidence(value, null, DRAWS, paired=False, detail=detail))


def rise(ordered: list[Net], control: str = MAIN, quantity: str = "redundancy") -> np.ndarray:
    """Smallest rise of the net redundancy in training over layers and settings, (seeds,)."""
    start, end = (redundancies(ordered, k, control, quantity) for k in (0, -1))
    return (end - start).min((0, 2))


@claim(
    "V-001-8", "F6", "Redundancy grows during training",
    Each(
        "smallest rise of the net redundancy in both layers of all four settings, as a sum over maps and as a mean over pairs",
        "bits", above=0.0,
    ),
    trained=LEARNS, needs="yu_filters",
)  # fmt: skip
def redundancy_grows_in_training(study: Study) -> Iterator[Evidence]:
    """V-001-8: smallest rise of the net redundancy over layers and settings."""

    def between_draws(quantity: str) -> np.ndarray:
        start = redundancies(study.filters, 0, MAIN, quantity)
        return (np.roll(start, 1, axis=1) - start).min((0, 2))

    if study.filters:
        value, detail = readings(study, lambda name: rise(study.filters, quantity=name))
        null, _ = readings(study, between_draws)
        yield of_filters(study, Evidence(value, null, DRAWS, paired=False, detail=detail))


def filter_gain(study: Study, more: int, fewer: int) -> Iterator[Evidence]:
    """Accuracy under one setting of the filters less that under another."""
    if study.filters:
        evidence = gain_of(study.filters[more], study.filters[fewer])
        evidence.detail["accuracies"] = accuracies(dict(zip(FILTERS, study.filters, strict=True)))
        yield evidence


@claim(
    "V-001-9", "F6", "More filters than (6,16) gain nothing",
    Mean("test accuracy of (32,64) less that of (6,16)", "points", below=0.5, control=OWN), trained=LEARNS, needs="yu_filters",
)  # fmt: skip
def more_filters_gain_nothing(study: Study) -> Iterator[Evidence]:
    """V-001-9: accuracy of (32,64) less (6,16)."""
    return filter_gain(study, 3, 2)


@claim(
    "V-001-10", "F6", "Too few filters cost accuracy",
    Mean("test accuracy of (6,16) less that of (2,2)", "points", above=0.5, control=OWN), trained=LEARNS, needs="yu_filters",
)  # fmt: skip
def few_filters_cost_accuracy(study: Study) -> Iterator[Evidence]:
    """V-001-10: accuracy of (6,16) less (2,2)."""
    return filter_gain(study, 2, 0)


@claim(
    "V-001-15", "F5", "Redundancy finds copied maps, I(X;T^c) finds dead ones",
    *(
        Each(
            f"area under the ROC curve of planted {part}, worst layer and setting with at least six filters", "", above=0.95,
            reference=1.0, control="none: a ranking by chance has an area of 0.5", part=part,
        )
        for part in ("copies", "dead")
    ),
    trained=LEARNS, needs="yu_filters",
)  # fmt: skip
def planted_maps(study: Study) -> Iterator[Evidence]:
    """V-001-15 on the settings with at least six filters."""
    for part in ("copies", "dead") if study.filters else ():
        areas = matched(study.filters[2:], lambda net, part=part: net.cube(f"auc_{part}", part="planted").values[:, -1])
        yield of_filters(study, Evidence(areas.min((0, 2)), part=part))


@claim(
    "V-001-16", "F5", "Some pair of maps is synergetic",
    Each(
        "largest −(net redundancy) of a chosen pair on fresh batches, over layers and settings", "standard errors", above=3.0,
        control="none: that there is such a pair is claimed, not that training makes it",
    ),
    trained=LEARNS, needs="yu_filters",
)  # fmt: skip
def synergetic_pair(study: Study) -> Iterator[Evidence]:
    """V-001-16 on all settings."""
    if study.filters:
        value, untrained = (matched(study.filters, functools.partial(largest_synergy, epoch=k)).max(0) for k in (-1, 0))
        yield of_filters(study, Evidence(value, detail={"untrained": np.median(untrained)}))


def largest_synergy(net: Net, epoch: int) -> np.ndarray:
    """Largest synergy of a chosen pair over layers, in standard errors, (seeds,)."""
    t = net.table[net.table["quantity"] == "pair_synergy"]
    t = t[t["epoch"] == sorted(t["epoch"].unique())[epoch]]
    return (t["value"] / t["std_error"]).groupby(t["seed"]).max().sort_index().to_numpy()


def by_width(study: Study, layer: str) -> Evidence:
    """V-001-18: I(X;C) at both ends by setting, (seeds, settings); a setting at S(X) in most networks is left out.

    C1 of (2,2) has as many maps as that of (2,6), and is left out too.
    """
    nets = study.filters[1:] if layer == "C1" else study.filters

    def information(net: Net, epoch: int) -> np.ndarray:
        cube = net.cube("I_XT")
        return cube.values[:, epoch, cube.layers.index(layer)]

    start, end = (matched(nets, functools.partial(information, epoch=k)).T for k in (0, -1))
    entropy = matched(nets, lambda net: net.cube("S_X").values[:, -1, 0]).T
    free = np.median(end / entropy, axis=0) <= TIES
    detail = dict(zip(FILTERS[-len(nets) :], end.mean(0), strict=True))
    if free.sum() < 2:
        return Evidence(end, start, UNTRAINED, part=layer, vacuous=True, detail=detail)
    return Evidence(end[:, free], start[:, free], UNTRAINED, part=layer, detail=detail)


@claim(
    "V-001-18", "F6", "More filters capture more of the input",
    *(Trend(f"Kendall's τ between the number of filters and I(X;{layer})", "", above=0.5, part=layer) for layer in ("C1", "C2")),
    trained=LEARNS, needs="yu_filters",
)  # fmt: skip
def more_filters_capture_more(study: Study) -> Iterator[Evidence]:
    """V-001-18 over the four settings of the filters."""
    return (of_filters(study, by_width(study, layer)) for layer in (("C1", "C2") if study.filters else ()))


# --- information planes ------------------------------------------------------------------------------------------


def each_series(
    net: Net, control: str = MAIN, quantities: Iterable[str] = INFORMATION
) -> Iterable[tuple[str, tr.Series]]:
    """Information of every layer over training."""
    for quantity in quantities:
        cube = net.cube(quantity, control)
        for k, layer in enumerate(cube.layers):
            yield f"{quantity} {layer}", cube.series(k)


def deepest_fall(net: Net, control: str = MAIN) -> tuple[np.ndarray, np.ndarray]:
    """Fall of I(X;T) or I(T;Y) that is nearest to compression over all layers, and its error, (seeds,) each."""
    found = [one for _, one in each_series(net, control)]
    falls, errors = (np.stack([statistic(one) for one in found]) for statistic in (tr.drop, tr.standard_error))
    return tightest(falls, errors, below=FALL)


def compresses(one: tr.Series) -> np.ndarray:
    """Whether each seed falls by more than the limit and three errors."""
    return tr.drop(one) > np.maximum(FALL, ERRORS * tr.standard_error(one))


def idle(net: Net, control: str = MAIN) -> float:
    """Share of points of I(X;T) within 2 % of floor or ceiling at the end."""
    cube = net.cube("I_XT", control)
    share = cube.values[:, -1] / net.cube("S_X", control).values[:, -1]
    return float(((share < 1 - TIES) | (share > TIES)).mean())


def no_fall(net: Net, control: str = MAIN) -> Evidence:
    """V-001-11: largest fall over layers and both informations."""
    effects, errors = deepest_fall(net, control)
    series = dict(each_series(net, control))
    detail = {
        "drops": {name: np.median(tr.drop(one)) for name, one in series.items()},
        "compresses": {name: compresses(one).mean() for name, one in series.items()}, "idle": idle(net, control),
    }  # fmt: skip
    return Evidence(effects, errors=errors, vacuous=detail["idle"] > 0.5, detail=detail)


NO_FALL = Each(
    "largest fall of I(X;T) or I(T;Y) over the layers",
    "bits",
    below=FALL,
    control="none: that nothing falls is claimed",
)


@claim(
    "V-001-11", "F7", "No layer compresses, whatever the activation", NO_FALL, primary={"variant": POOLED}, trained=LEARNS,
)  # fmt: skip
def no_layer_compresses(study: Study) -> Iterator[Evidence]:
    """V-001-11 on every network."""
    return rows([*study.networks, *study.some_filters], no_fall, below=FALL)


@claim(
    "V-001-20", "F7", "No compression in convolutional networks or perceptrons, with tanh either", NO_FALL, trained=LEARNS,
)  # fmt: skip
def tanh_does_not_compress(study: Study) -> Iterator[Evidence]:
    """V-001-20 on a convolutional network with tanh and on the perceptron of the 12-bit task."""
    return (of(net, no_fall(net)) for net in study.tanh)


def correlation(found: Iterable[tr.Series]) -> np.ndarray:
    """Smallest Spearman ρ between epoch and value over series, (seeds,); a constant series counts as 0."""
    return np.min([np.nan_to_num(tr.increasing(one, np.zeros(len(one.seeds), int))) for one in found], axis=0)


def rises(net: Net, twin: Net | None, quantity: str) -> Evidence:
    """V-001-12: smallest rank correlation with the epoch, on the snapshots of the network and its twin."""
    series = dict(each_series(net, quantities=[quantity]))
    pairs = [(one, one) for one in series.values()]
    if twin:
        others = dict(each_series(twin, quantities=[quantity]))
        pairs = [tuple(tr.shared(one, others[name])) for name, one in series.items()]
    mine, other = (correlation(group) for group in zip(*pairs, strict=True))
    return Evidence(
        mine, other if twin else None, SHUFFLED, part=quantity, vacuous=idle(net) > 0.5,
        variant=f"{net.label}, {BESIDE}" if twin else "",
        detail={name: np.median(correlation([one])) for name, one in series.items()},
    )  # fmt: skip


@claim(
    "V-001-12", "F7", "Information about input and label rises",
    *(
        Each(
            f"smallest ρ(epoch, {name}) over the layers", "Spearman's ρ", above=0.8 - SLACK, reference=1.0, part=quantity
        )
        for quantity, name in (("I_XT", "I(X;T)"), ("I_TY", "I(T;Y)"))
    ),
    primary={"variant": f"sigmoid, gain_4, {BESIDE}"}, trained=LEARNS,
)  # fmt: skip
def information_rises(study: Study) -> Iterator[Evidence]:
    """V-001-12 on every network; a network whose twin learned shuffled labels decides."""
    for net in [*study.networks, *study.some_filters]:
        for quantity in INFORMATION:
            yield of(net, rises(net, study.twin(net), quantity))


def pooling(net: Net) -> Evidence:
    """V-001-13: the loss from C to P that is nearest to none, over blocks, snapshots, S(T) and I(X;T)."""
    losses, errors, mute = [], [], []
    for quantity in ("S_T", "I_XT"):
        cube = net.cube(quantity)
        for c, layer in enumerate(cube.layers):
            if layer.startswith("C"):
                p = cube.layers.index(f"P{layer[1:]}")
                loss, error = cube.difference(c, p)
                after, before = (cube.values[:, :, k] / cube.ceilings[:, :, k] for k in (p, c))
                losses += list(loss.T)
                errors += list(error.T)
                mute += list(((after > TIES) | (before < 1 - TIES)).T)
    idle_points = np.stack(mute)
    shown = np.where(idle_points, np.inf, np.stack(losses))
    effects, least = tightest(shown, np.where(idle_points, 0.0, np.stack(errors)), above=0.0)
    detail = {"median_loss": np.median(losses), "idle_points": idle_points.mean()}
    return Evidence(
        effects, errors=least, vacuous=bool(idle_points.mean() > 0.5 or np.isinf(effects).any()), detail=detail
    )


@claim(
    "V-001-13", "F2", "Pooling loses information",
    Each(
        "smallest loss S(C) − S(P) or I(X;C) − I(X;P), over blocks and snapshots, points at floor or ceiling left out", "bits", above=0.0,
        control="none: untrained networks pool too",
    ),
    primary={"variant": POOLED},
)  # fmt: skip
def pooling_loses(study: Study) -> Iterator[Evidence]:
    """V-001-13 on every baseline network."""
    return rows(study.networks, pooling, above=0.0)


# --- inequalities of the entropy ---------------------------------------------------------------------------------


def logged(study: Study, quantity: str) -> pd.DataFrame:
    """Margins of an inequality in every logged batch."""
    return pd.concat([net.table[net.table["quantity"] == quantity] for net in [*study.networks, *study.some_filters]])


@claim(
    "V-001-14a", "F2", "A joint entropy is at least each marginal one",
    Exact("smallest S(X,T) − max(S(X), S(T)) over every logged batch, up to rounding", "bits", above=-SLACK),
)  # fmt: skip
def joint_above_marginal(study: Study) -> Evidence:
    """V-001-14a: a theorem, to rounding."""
    margins = logged(study, "margin_joint").groupby("seed")["value"].min()
    return Evidence(margins.to_numpy(), variant="all networks", data="every logged batch")


def counterexample(*columns: int) -> tuple[float, float]:
    """Joint entropy of variables of the 2 × 2 table, given by their columns, and the sum of their entropies, in bits."""
    cells = [(i, j) for i in range(2) for j in range(2) for _ in range(COUNTS[i][j])]
    table = torch.tensor(cells)
    variables = [table[:, column] for column in columns]
    joint = renyi.joint_entropy(variables, ORDER, [None] * len(variables))
    return float(joint), sum(float(renyi.entropy(one, ORDER, None)) for one in variables)


def below_sum() -> Evidence:
    """A sum of entropies less the joint one, for the table of counts."""
    joint, total = counterexample(0, 1)
    detail = {"counts": COUNTS, "order": ORDER, "joint": joint, "sum": total}
    return Evidence(np.array([total - joint]), variant="counterexample", reads_data=False, detail=detail)


@claim(
    "V-001-14p", "F2", "A joint entropy is at most the sum of the marginal ones",
    Exact("smallest S(X) + S(T) − S(X,T) that is known", "bits", above=-SLACK), units="matrices",
)  # fmt: skip
def joint_below_sum(study: Study) -> Evidence:
    """V-001-14p: false for every order but 0 and the limit 1."""
    return below_sum()


@claim(
    "V-001-14b", "F2", "… and is so on the logged batches",
    Reported("share of logged layers of which some batch has S(X,T) > S(X) + S(T)", ""),
)  # fmt: skip
def joint_below_sum_here(study: Study) -> Evidence:
    """V-001-14b: how often, and by how much at worst, under each kernel."""
    margins = logged(study, "margin_sum")
    below = margins["value"] < -SLACK
    detail = {
        "logged": len(margins), "below": int(below.sum()), "worst_in_bits": margins["value"].min(),
        "by_control": margins[below].groupby("control")["value"].agg(["count", "min"]).to_dict("index"),
    }  # fmt: skip
    shares = below.groupby(margins["seed"]).mean().to_numpy()
    return Evidence(shares, variant="all networks", data="every logged batch", detail=detail)


@claim(
    "V-001-17", "F2", "The entropy of a layer's maps lies between their largest entropy and the sum of their entropies",
    Exact("smallest S(T¹, …, T^C) − max S(T^c) over drawn maps, up to rounding", "bits", above=-SLACK, part="lower"),
    Exact("smallest Σ S(T^c) − S(T¹, …, T^C) that is known", "bits", above=-SLACK, part="upper"),
    units="matrices",
)  # fmt: skip
def entropy_of_maps(study: Study) -> Iterator[Evidence]:
    """V-001-17: the lower half is a theorem; the upper half fails where that of two variables does."""
    generator = torch.Generator().manual_seed(0)
    margins = []
    for order in (0.5, 1.01, 2.0):
        for count in (2, 6, 16):
            maps = list(torch.randn(count, 24, 9, generator=generator, dtype=torch.float64))
            largest = max(float(renyi.entropy(one, order, 15.0)) for one in maps)
            margins.append(float(renyi.joint_entropy(maps, order, [15.0] * count)) - largest)
    yield Evidence(np.array(margins), part="lower", variant="drawn maps", reads_data=False)
    upper = below_sum()
    upper.part = "upper"
    yield upper


# --- other kernels, other networks -------------------------------------------------------------------------------


def scaled(net: Net) -> Evidence:
    """V-001-19: pairs in order in the trained panels, with the kernel of errors as wide as their median distance."""

    def order(control: str) -> np.ndarray:
        pairs, cube = backward_pairs(net, control)
        return at(pairs, sorted({cube.at(epoch) for epoch in TRAINED})).kept.mean((1, 2))

    return Evidence(order(MEDIAN), order(MAIN), "the same errors under the document's σ")


@claim(
    "V-001-19", "F3", "Disruptions of the backward chain come from errors that are too small for σ",
    Each(
        "share of pairs (δ6, δ5), …, (δ2, δ1) without violation, trained, with σ the median distance of the errors", "share",
        above=0.9, reference=1.0,
    ),
    trained=LEARNS,
)  # fmt: skip
def disruptions(study: Study) -> Iterator[Evidence]:
    """V-001-19 on every network whose errors were estimated under both kernels."""
    return (of(net, scaled(net)) for net in study.networks if net.has(MEDIAN, "I_delta"))


class Repeated(NamedTuple):
    """A claim's test on a network under a control: whether it is met, and whether the values tell anything."""

    name: str
    net: Net
    quantity: str
    met: Callable[[str], np.ndarray]  # control to (seeds,)
    tells: Callable[[str], bool]


def repeated(study: Study) -> Iterator[Repeated]:
    """The tests that V-001-C repeats, on networks that learn."""
    for net in study.networks:
        if not net.learns:
            continue
        yield Repeated(
            "V-001-1", net, "I_XT", functools.partial(_order_met, net), lambda c, net=net: forward_pairs(net, TRAINED, c).idle.mean() <= 0.5
        )  # fmt: skip
        free = functools.partial(_free, net)
        yield Repeated("V-001-11", net, "I_XT", functools.partial(_nothing_falls, net), free)
        yield Repeated("V-001-12", net, "I_XT", functools.partial(_all_rise, net), free)
    for couple in study.couples:
        if all(net.learns for net in couple):
            yield Repeated(
                "V-001-3", couple[0], "I_XT", lambda c, couple=couple: relu_gain(couple, control=c) > 0.05, _always
            )
    if study.filters:
        first, ordered = study.filters[0], study.filters
        yield Repeated("V-001-6", first, "redundancy", lambda c: start_ratio(ordered, 0, c) < 0.2, _always)
        yield Repeated("V-001-7", first, "redundancy", lambda c: growth(redundancies(ordered, -1, c)) > 0, _always)
        yield Repeated("V-001-8", first, "redundancy", lambda c: rise(ordered, c) > 0, _always)


def _order_met(net: Net, control: str) -> np.ndarray:
    return np.nan_to_num(forward_pairs(net, TRAINED, control).share()) >= 0.8 - SLACK


def _nothing_falls(net: Net, control: str) -> np.ndarray:
    return NO_FALL.held(*deepest_fall(net, control))


def _all_rise(net: Net, control: str) -> np.ndarray:
    return correlation(one for _, one in each_series(net, control)) >= 0.8 - SLACK


def _free(net: Net, control: str) -> bool:
    return idle(net, control) <= 0.5


def _always(control: str) -> bool:
    return True


@claim(
    "V-001-C", "F3", "The verdict is none of kernel width, order or scale",
    Mean(
        "share of the kernels under which a network's test has the same answer, of those whose values tell something", "share",
        above=0.75 - SLACK, reference=1.0, control="none: it is itself a control",
    ),
)  # fmt: skip
def controls(study: Study) -> Iterator[Evidence]:
    """V-001-C: whether the test of a seed is the same under other widths, order 2 and rescaled layers."""
    found: dict[str, list[tuple[Net, dict[str, np.ndarray]]]] = {}
    for test in repeated(study):
        usable = [c for c in CONTROLS if test.net.has(c, test.quantity) and test.tells(c)] if test.tells(MAIN) else []
        if usable:
            answers = {control: test.met(control) for control in (MAIN, *usable)}
            found.setdefault(test.name, []).append((test.net, answers))
    for name, every in found.items():
        group = [(net, answers) for net, answers in every if not net.stand_in] or every
        count = min(len(answers[MAIN]) for _, answers in group)
        same = [
            np.mean([held == answers[MAIN] for control, held in answers.items() if control != MAIN], axis=0)
            for _, answers in group
        ]
        evidence = Evidence(
            np.mean([one[:count] for one in same], axis=0), variant=f"{name} repeated",
            data=names_of(net for net, _ in group),
            detail={f"{net.data}, {net.label}": {c: held.mean() for c, held in answers.items()} for net, answers in group},
        )  # fmt: skip
        yield of(group[0][0], evidence)


def under_kernel(net: Net, name: str, control: str) -> Iterator[Evidence]:
    """V-001-E1 for one network under one kernel and part of the data, with what each layer does."""
    pairs = forward_pairs(net, TRAINED, control)
    share = pairs.share()
    fallen = no_fall(net, control)
    detail = {
        "violated": 1 - np.nan_to_num(share, nan=1.0).mean(), "idle_pairs": pairs.idle.mean(), "strict_share": pairs.strict.mean(),
        "compresses": fallen.detail["compresses"], "accuracy": net.accuracy().mean(),
    }  # fmt: skip
    variant = f"{name}, {control if control != MAIN else 'maps'}"
    vacuous = bool(pairs.idle.mean() > 0.5)
    yield of(net, Evidence(np.nan_to_num(share), part="order", vacuous=vacuous, variant=variant, detail=detail))
    yield of(net, Evidence(
        fallen.effects, errors=fallen.errors, part="no fall", vacuous=fallen.vacuous, variant=variant, detail=detail
    ))  # fmt: skip


@claim(
    "V-001-E1", "E1", "VGG and ResNet do as the document's networks: deeper layers hold no more, and none compresses",
    Mean(
        "share of adjacent pairs without violation, trained, pairs at floor or ceiling left out", "share", above=0.8 - SLACK,
        reference=1.0, control="none: untrained networks pass it at the bound", part="order",
    ),
    Each(NO_FALL.effect, "bits", below=FALL, control=NO_FALL.control, part="no fall"),
    trained=LEARNS, needs="yu_vgg11",
)  # fmt: skip
def deeper_networks(study: Study) -> Iterator[Evidence]:
    """V-001-E1 for every deeper network under every kernel.

    Beside them, and deciding nothing, the document's own networks under kernels over whole layers, and a kernel of which σ
    stays what it is at first.
    """
    every = [(DEEP[name], net, KERNELS, True) for name, net in study.deep]
    every += [(net.label, net, WHOLE, False) for net in study.networks]
    for name, net, kernels, decides in every:
        for control in filter(net.has, kernels):
            for made in under_kernel(net, name, control):
                made.decides = decides and HELD not in control
                yield made


@claim(
    "V-001-E2", "E2", "An autoencoder turns back where its bottleneck is wider than the intrinsic dimension of its data",
    Each("fall of I(X;T) of a bottleneck of 32 units or more", "bits", above=FALL, part="wide"),
    Each(
        "fall of I(X;T) of a bottleneck of 4 units or fewer", "bits", below=FALL, control="none: that nothing falls is claimed",
        part="narrow",
    ),
    trained=Trained("accuracy", "test", 0.2), needs=AUTOENCODER,
)  # fmt: skip
def autoencoders_turn_back(study: Study) -> Iterator[Evidence]:
    """V-001-E2 for every width, under the document's σ and, beside it, under the median distance."""
    names = [width for width in study.autoencoders if width <= NARROW]
    for control in (MAIN, MEDIAN):
        falls = {}
        for width, net in study.autoencoders.items():
            if net.has(control):
                one = bottleneck(net, control)
                falls[width] = tr.drop(one), tr.standard_error(one), idle_bottleneck(net, control)
        beside = falls[names[-1]][0] if names and names[-1] in falls else None
        for width, (fall, error, told_nothing) in falls.items():
            if NARROW < width < WIDE:
                continue
            wide = width >= WIDE
            yield of(study.autoencoders[width], Evidence(
                fall, beside if wide else None, f"the same network with a bottleneck of {names[-1]}" if wide and names else "",
                part="wide" if wide else "narrow", errors=error, vacuous=told_nothing, decides=control == MAIN,
                variant=f"{width} units" + ("" if control == MAIN else f", {control}"),
            ))  # fmt: skip


def bottleneck(net: Net, control: str) -> tr.Series:
    """I(X;T) of the bottleneck, the middle of the layers."""
    cube = net.cube("I_XT", control)
    return cube.series(len(cube.layers) // 2)


def idle_bottleneck(net: Net, control: str) -> bool:
    """Whether most values of the bottleneck lie at floor or ceiling."""
    cube = net.cube("I_XT", control)
    share = cube.values[..., len(cube.layers) // 2] / net.cube("S_X", control).values[..., 0]
    return bool(((share < 1 - TIES) | (share > TIES)).mean() > 0.5)
