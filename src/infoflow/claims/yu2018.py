"""Verdicts on yu2018 (V-001-*): convolutional networks on images under multivariate matrix-based Rényi information."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from infoflow.claims import trajectories as tr
from infoflow.claims.stage import Results, single_precision, summary
from infoflow.claims.verdict import Claim, Evidence, decide, missing

MAIN, ORDER_2 = "main", "α = 2"
CONTROLS = [ORDER_2, "median σ", "h = 1", "h = 2.5", "h = 10", "offset 4", "rescaled"]
TENSOR, TRAIN = "tensor kernel", "training batches"
KERNELS = [MAIN, TRAIN, TENSOR, f"{TENSOR}, {TRAIN}"]  # under which the deep networks are estimated
DEEP = {"yu_vgg11": "VGG-11", "yu_resnet18": "ResNet-18"}
FALL = 1.5  # × 0.10: falls are measured in bits, and the limit is 0.15 bit
TIES = 0.98  # both values above this share of S(X): the pair says nothing
FILTERS = ["2-2", "2-6", "6-16", "32-64"]
BASELINES = ["yu_baseline", "yu_baseline_relu", "yu_svhn", "yu_svhn_relu"]
INITIALISATIONS = {"default": "default_init", "xavier": "gain_4"}
UNTRAINED, SHUFFLED = "the same networks untrained", "the baseline on shuffled labels"
PAIRS = "two networks that differ in their seed alone"

CLAIMS = {
    claim.id: claim
    for claim in (
        Claim("V-001-1", "F3", "Deeper layers hold no more information about the input (forward data processing)", "share of adjacent pairs without violation ≥ 0.8, trained, pairs at floor or ceiling left out", "share"),
        Claim("V-001-2", "F3", "Errors lose information on their way back, with a few disruptions", "share of pairs without violation ≥ 0.7, and no fewer violations at the end than at the start", "share"),
        Claim("V-001-3", "F3", "ReLU preserves more of the input than sigmoid", "mean over layers of I(X;T)/S(X) larger by > 0.05 on the same data", "share of S(X)"),
        Claim("V-001-4", "F4", "With three convolutions I(X;T3) and I(δL;δ4) vanish after three epochs", "both < 0.05 S(X)", "share of S(X)"),
        Claim("V-001-5", "F4", "A third convolution does not help", "accuracy of 6–16–16 ≤ that of 6–16 + 0.2 points", "accuracy points"),
        Claim("V-001-6", "F6", "Untrained maps are hardly redundant", "net redundancy < 0.2 I(X;C) in both layers of all four settings", "share of I(X;C)"),
        Claim("V-001-7", "F6", "Redundancy grows with the number of filters", "final net redundancy (32,64) > (6,16) > (2,6) ≥ (2,2), in both layers", "bits"),
        Claim("V-001-8", "F6", "Redundancy grows during training", "final > initial in both layers of all four settings", "bits"),
        Claim("V-001-9", "F6", "More filters than (6,16) gain nothing", "accuracy of (32,64) less than 0.5 points above (6,16)", "accuracy points"),
        Claim("V-001-10", "F6", "Too few filters cost accuracy", "accuracy of (6,16) more than 0.5 points above (2,2)", "accuracy points"),
        Claim("V-001-11", "F7", "No layer compresses, whatever the activation", "no fall of I(X;T) or I(T;Y) by more than 0.15 bit", "bits"),
        Claim("V-001-12", "F7", "Information about input and label rises", "ρ(epoch, I) ≥ 0.8 for I(X;T) and I(T;Y) of every layer", "Spearman's ρ"),
        Claim("V-001-13", "F2", "Pooling loses information", "S(P) ≤ S(C) and I(X;P) ≤ I(X;C) up to the tolerance, at all times", "bits"),
        Claim("V-001-14a", "F2", "A joint entropy is at least each marginal one", "S(X,T) ≥ S(X), S(T) in every batch, tolerance 1e-9", "bits"),
        Claim("V-001-14b", "F2", "A joint entropy is at most the sum of the marginal ones", "S(X,T) ≤ S(X) + S(T) in every batch, tolerance 1e-9", "bits"),
        Claim("V-001-15", "F5", "Redundancy finds copied maps, I(X;T^c) finds dead ones", "area under the ROC curve of planted maps ≥ 0.95, for both", "area"),
        Claim("V-001-16", "F5", "Some pair of maps is synergetic", "a negative net redundancy of a pair, beyond 3 standard errors on fresh batches", "standard errors"),
        Claim("V-001-C", "F3", "The verdict is none of kernel width, order or scale", "unchanged under ≥ 75 % of the controls", "share"),
        Claim("V-001-E1", "E1", "VGG and ResNet do as the document's networks: deeper layers hold no more, and none compresses", "share of adjacent pairs without violation ≥ 0.8, trained, and no fall of I(X;T) or I(T;Y) by more than 0.15 bit", "share"),
    )
}  # fmt: skip


# --- what the tests read -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cube:
    """One quantity of the layers of a network under one control: arrays (seeds, epochs, layers)."""

    values: np.ndarray
    errors: np.ndarray
    flags: np.ndarray
    epochs: np.ndarray
    layers: list[str]

    def series(self, k: int) -> tr.Series:
        """One layer over training."""
        return tr.Series(self.epochs, self.values[:, :, k], self.errors[:, :, k], np.arange(len(self.values)))

    def at(self, epoch: float) -> int:
        """Index of the recorded epoch nearest to one."""
        return int(np.abs(self.epochs - epoch).argmin())


class Net:
    """The estimates and final accuracies of one network setting, all its seeds."""

    def __init__(self, table: pd.DataFrame, history: pd.DataFrame, label: str, data: str, stand_in: bool) -> None:
        self.table, self.history, self.label, self.data, self.stand_in = table, history, label, data, stand_in
        self._cubes: dict[tuple[str, str, str], Cube] = {}

    def cube(self, quantity: str, control: str = MAIN, part: str = "layer") -> Cube:
        """A quantity of every layer.

        Raises:
            KeyError: there are no such estimates.
        """
        key = (quantity, control, part)
        if key not in self._cubes:
            t = self.table
            rows = t[(t["quantity"] == quantity) & (t["control"] == control) & (t["part"] == part)]
            rows = rows.sort_values("order", kind="stable").drop_duplicates(["seed", "epoch", "layer"])
            if rows.empty:
                raise KeyError(f"{self.label}: no {quantity} under {control}")
            epochs = sorted(set.intersection(*(set(e) for _, e in rows.groupby("seed")["epoch"])))
            rows = rows[rows["epoch"].isin(epochs)].sort_values(["seed", "epoch", "depth"])
            layers = list(rows.sort_values("depth")["layer"].unique())
            shape = (rows["seed"].nunique(), len(epochs), len(layers))
            grids = [rows[name].to_numpy().reshape(shape) for name in ("value", "std_error", "flag")]
            self._cubes[key] = Cube(*grids, np.array(epochs), layers)
        return self._cubes[key]

    def has(self, control: str, quantity: str = "I_XT") -> bool:
        """Whether a quantity was estimated under a control."""
        t = self.table
        return bool(((t["quantity"] == quantity) & (t["control"] == control)).any())

    def accuracy(self) -> np.ndarray:
        """Test accuracy at the end in points, (seeds,)."""
        rows = self.history[(self.history["metric"] == "accuracy") & (self.history["split"] == "test")]
        last = rows[(rows["epoch"] == rows["epoch"].max()) & ~rows["noisy"]]
        return 100 * last.sort_values("seed")["value"].to_numpy()


def control_of(settings: str) -> str:
    """Name of the kernel rule, order and samples of a row's estimate; empty: a combination that no verdict uses."""
    rule = json.loads(settings)
    if "alpha" not in rule:
        return MAIN
    changed = {
        "median σ": rule["rule"] == "median",
        f"h = {rule['factor']:g}": rule["rule"] == "power" and rule["factor"] != 5.0,
        "offset 4": rule["offset"] == 4,
        "rescaled": rule["rescaled"],
        f"α = {rule['alpha']:g}": rule["alpha"] != 1.01,
        TENSOR: rule["kernel"] == "tensor",
        TRAIN: rule["samples"] == "train",
    }
    names = [name for name, differs in changed.items() if differs]
    if not names:
        return MAIN
    return ", ".join(names) if len(names) == 1 or names == [TENSOR, TRAIN] else ""


def labelled(results: Results, experiment: str) -> pd.DataFrame:
    """An experiment's estimates with the columns `control`, and `order`: most batches first."""
    table = results.estimates(experiment)
    found = {settings: control_of(settings) for settings in table["settings"].unique()}
    batches = {settings: -json.loads(settings).get("batches", 0) for settings in found}
    return table.assign(control=table["settings"].map(found), order=table["settings"].map(batches))


def nets(results: Results, experiment: str) -> dict[tuple[str, ...], Net]:
    """Networks of an experiment by data set, initialisation and, where they are an axis, filters; seed blocks joined."""
    if not results.has(experiment):
        return {}
    table, groups = labelled(results, experiment), {}
    for point, section in results.points(experiment).items():
        axes = {name.rsplit(".", 1)[-1]: value for name, value in section["axes"].items() if name != "first_seed"}
        axes = {k: "-".join(map(str, v)) if isinstance(v, list) else str(v) for k, v in axes.items()}
        key = (section["dataset"], axes.get("initialisation", ""), axes.get("filters", ""))
        groups.setdefault(key, []).append(point)
    made = {}
    for key, points in groups.items():
        about = results.about(key[0])
        label = f"{activation_of(experiment)}, {INITIALISATIONS.get(key[1], key[1])}" + (
            f", {key[2]}" if key[2] else ""
        )
        history = pd.concat([results.history(experiment, point) for point in points], ignore_index=True)
        rows = table[table["point"].isin(points)]
        made[key] = Net(rows, history, label, str(about.get("source", key[0])), bool(about.get("stand_in", False)))
    return made


def activation_of(experiment: str) -> str:
    """Activation of an experiment's networks."""
    return "ReLU" if experiment.endswith("_relu") or experiment in DEEP else "sigmoid"


# --- verdicts ------------------------------------------------------------------------------------------------


def verdicts(results: Results) -> list[dict[str, Any]]:
    """Every verdict of the document."""
    base = {name: nets(results, name) for name in BASELINES}
    networks = [net for group in base.values() for net in group.values()]
    null = next(iter(nets(results, "yu_shuffled").values()), None)
    depths = [nets(results, name) for name in ("yu_depth", "yu_depth_default")]
    widths = {key[2]: net for key, net in nets(results, "yu_filters").items()}
    ordered = [widths[name] for name in FILTERS if name in widths]
    made: list[tuple[str, Net | None, Evidence]] = []
    for net in networks:
        made += [(name, net, test(net)) for name, test in (("V-001-1", forward), ("V-001-2", backward))]
    couples = list(activations(base))
    made += [("V-001-3", sigmoid, relu_keeps_more(relu, sigmoid)) for relu, sigmoid in couples]
    for group in depths:
        made += topologies(group)
    if len(ordered) == len(FILTERS):
        made += filters(ordered)
    for net in [*networks, *ordered]:
        made += [("V-001-11", net, no_fall(net, null)), ("V-001-12", net, rises(net, null))]
    for net in networks:
        made.append(("V-001-13", net, pooling(net)))
    made += [(name, None, margins([*networks, *ordered], name)) for name in ("V-001-14a", "V-001-14b")]
    made += controls(networks, couples, ordered, null)
    for name in DEEP:
        for net in nets(results, name).values():
            made += [("V-001-E1", net, deep(net, name, control)) for control in KERNELS if net.has(control)]
    rows = []
    for name, net, evidence in made:
        stand_in = net is not None and net.stand_in
        if net is not None:
            evidence.variant, evidence.data = evidence.variant or net.label, evidence.data or net.data
        rows.append(decide(CLAIMS[name], evidence, rehearsal=results.rehearsal, stand_in=stand_in))
    absent = [claim for claim in CLAIMS.values() if claim.id not in {row["id"] for row in rows}]
    rows += [missing(claim, NEEDS.get(claim.figure, "yu_baseline"), rehearsal=results.rehearsal) for claim in absent]
    return sorted(rows, key=lambda row: list(CLAIMS).index(row["id"]))


NEEDS = {"F4": "yu_depth", "F5": "yu_filters", "F6": "yu_filters", "E1": "yu_vgg11"}


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


TRAINED = (3.0, 10.0)  # epochs of the trained panels; the last recorded ones where a run is shorter


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


def activations(base: dict[str, dict[tuple[str, ...], Net]]) -> Iterable[tuple[Net, Net]]:
    """(ReLU, sigmoid) networks on the same data."""
    for relus, sigmoids in (("yu_baseline_relu", "yu_baseline"), ("yu_svhn_relu", "yu_svhn")):
        for (dataset, *_), relu in base[relus].items():
            for (other, initialisation, _), sigmoid in base[sigmoids].items():
                if other == dataset and initialisation == "xavier":
                    yield relu, sigmoid


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


def topologies(group: dict[tuple[str, ...], Net]) -> list[tuple[str, Net, Evidence]]:
    """V-001-4 and V-001-5 for one initialisation of F4's networks."""
    by_filters = {key[2]: net for key, net in group.items()}
    if not {"6-16", "6-16-16"} <= set(by_filters):
        return []
    deep, two = by_filters["6-16-16"], by_filters["6-16"]
    entropy = deep.cube("S_X").values[:, -1, 0]

    def largest(epoch: int) -> np.ndarray:
        forwards, errors = deep.cube("I_XT").values[:, epoch, 2], deep.cube("I_delta").values[:, epoch, 3]
        return np.maximum(forwards, errors) / entropy

    accuracies = {name: net.accuracy() for name, net in by_filters.items()}
    count = min(len(deep.accuracy()), len(two.accuracy()))
    change = deep.accuracy()[:count] - two.accuracy()[:count]
    value, said = largest(-1), {name: a.mean() for name, a in accuracies.items()}
    values = {q: np.median(deep.cube(n).values[:, -1, k]) for q, n, k in (("I(X;T3)", "I_XT", 2), ("I(δL;δ4)", "I_delta", 3))}  # fmt: skip
    return [
        ("V-001-4", deep, Evidence(lambda scale: value < 0.05 * scale, value, largest(0), UNTRAINED, detail={**values, "accuracies": said})),
        ("V-001-5", deep, Evidence(
            lambda scale: change <= 0.2 * scale, change, between(two.accuracy()), PAIRS, needs_null=False,
            detail={"accuracies": said, "welch_p": welch(deep.accuracy(), two.accuracy())},
        )),
    ]  # fmt: skip


def between(values: np.ndarray) -> np.ndarray:
    """Differences of every ordered pair of seeds."""
    i, j = np.nonzero(~np.eye(len(values), dtype=bool))
    return values[i] - values[j]


def welch(a: np.ndarray, b: np.ndarray) -> float:
    """p-value of Welch's t-test."""
    return float(stats.ttest_ind(a, b, equal_var=False).pvalue) if min(len(a), len(b)) > 1 else math.nan


# --- filters ---------------------------------------------------------------------------------------------------


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
    about = np.stack([net.cube("I_XT", control).values[: len(ordered[0].accuracy()), epoch] for net in ordered])
    return (redundancies(ordered, epoch, control) / about).max((0, 2))


def filters(ordered: list[Net]) -> list[tuple[str, Net, Evidence]]:
    """V-001-6 to -10, -15 and -16 on the four settings of the filters."""
    accuracy = [net.accuracy() for net in ordered]
    count = min(map(len, accuracy))
    said = dict(zip(FILTERS, (a.mean() for a in accuracy), strict=True))
    wide, narrow = (accuracy[a][:count] - accuracy[b][:count] for a, b in ((3, 2), (2, 0)))
    ratio = start_ratio(ordered)
    made = [
        ("V-001-6", Evidence(lambda scale: ratio < 0.2 * scale, ratio, start_ratio(ordered, -1), "the same networks trained")),
        ("V-001-9", Evidence(
            lambda scale: wide < 0.5 * scale, wide, between(accuracy[2]), PAIRS, needs_null=False,
            detail={"accuracies": said, "welch_p": welch(accuracy[3], accuracy[2])},
        )),
        ("V-001-10", Evidence(
            lambda scale: narrow > 0.5 * scale, narrow, between(accuracy[2]), PAIRS,
            detail={"accuracies": said, "welch_p": welch(accuracy[2], accuracy[0])},
        )),
    ]  # fmt: skip
    for by_pair, variant in ((False, "as published, sum over maps"), (True, "mean over pairs")):
        start, end = (redundancies(ordered, k, by_pair=by_pair) for k in (0, -1))
        final, initial = growth(end), growth(start)
        rise = (end - start).min((0, 2))
        shown = {name: {"start": a.mean(0), "end": b.mean(0)} for name, a, b in zip(FILTERS, start, end, strict=True)}
        made += [
            ("V-001-7", Evidence(lambda scale, v=final: v > 0, final, initial, UNTRAINED, variant=variant, detail=shown)),
            ("V-001-8", Evidence(
                lambda scale, v=rise: v > 0, rise, _null_rise(start), "untrained networks that differ in their seed alone",
                variant=variant, detail=shown,
            )),
        ]  # fmt: skip
    made += [("V-001-15", planted(ordered)), ("V-001-16", synergy(ordered))]
    for _, evidence in made:
        evidence.variant = evidence.variant or "sigmoid, gain_4, four settings of the filters"
    return [(name, ordered[0], evidence) for name, evidence in made]


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


# --- the information plane, pooling, entropies --------------------------------------------------------------


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


def margins(networks: list[Net], name: str) -> Evidence:
    """V-001-14a and b: smallest margin over all logged batches, one value a seed; b fails for every α but the limit 1."""
    quantity = "margin_joint" if name == "V-001-14a" else "margin_sum"
    rows = pd.concat([net.table[net.table["quantity"] == quantity] for net in networks])
    value = rows.groupby("seed")["value"].min().to_numpy()
    below = rows[rows["value"] < -1e-9]
    return Evidence(
        lambda scale: value >= -1e-9, value, np.array([]), "", needs_null=False, variant="all networks",
        data="every logged batch", detail={
            "rows": len(rows), "rows_below": len(below), "by_control": below.groupby("control")["value"].agg(["count", "min"]).to_dict("index"),
        },
    )  # fmt: skip


# --- controls ---------------------------------------------------------------------------------------------------


def controls(
    networks: list[Net], couples: list[tuple[Net, Net]], ordered: list[Net], null: Net | None
) -> list[tuple[str, Net, Evidence]]:
    """V-001-C: whether the test of a seed is the same under other widths, order 2 and rescaled layers."""
    tests: list[tuple[str, Net, Callable[[str], np.ndarray]]] = []
    for net in networks:
        tests += [
            ("V-001-1", net, functools.partial(_forward_held, net)),
            ("V-001-11", net, functools.partial(stays, net)),
            ("V-001-12", net, lambda control, net=net: rank_correlations(net, control) >= 0.8),
        ]
    tests += [("V-001-3", a, lambda control, a=a, b=b: relu_gain(a, b, control=control) > 0.05) for a, b in couples]
    if len(ordered) == len(FILTERS):
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
    made = []
    for (name, _), group in found.items():
        count = min(len(same) for _, same, _ in group)
        unchanged = np.mean([same[:count] for _, same, _ in group], axis=0)
        evidence = Evidence(
            lambda scale, unchanged=unchanged: unchanged >= 1 - 0.25 * scale, unchanged, np.array([]), "", needs_null=False,
            variant=f"{name} repeated", data=", ".join(dict.fromkeys(net.data for net, _, _ in group)),
            detail={f"{net.data}, {net.label}": shares for net, _, shares in group},
        )  # fmt: skip
        made.append(("V-001-C", group[0][0], evidence))
    return made


def _forward_held(net: Net, control: str) -> np.ndarray:
    return np.nan_to_num(forward_share(net, TRAINED, control)[0]) >= 0.8


def _rise(ordered: list[Net], control: str) -> np.ndarray:
    return (redundancies(ordered, -1, control) - redundancies(ordered, 0, control)).min((0, 2))


def _tested(name: str, net: Net, control: str) -> bool:
    return net.has(control, "redundancy" if name in ("V-001-6", "V-001-7", "V-001-8") else "I_XT")


# --- deeper networks ---------------------------------------------------------------------------------------------


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


# --- tables of the figures -----------------------------------------------------------------------------------


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Curves by layer, informations of single maps at the start and the end, and histories, each over the seeds."""
    curves, maps, histories = [], [], []
    for experiment in results.experiments:
        for (dataset, initialisation, settings, *_), net in nets(results, experiment).items():
            place = {
                "experiment": experiment, "dataset": dataset, "initialisation": initialisation, "filters": settings,
                "activation": activation_of(experiment), "stand_in": net.stand_in, "source": net.data,
            }  # fmt: skip
            table = net.table[net.table["control"] != ""].sort_values("order", kind="stable")
            layers = table[
                table["part"].isin(["layer", "pairs", "planted"]) & ~table["quantity"].str.startswith("margin")
            ]
            layers = layers.drop_duplicates(["seed", "epoch", "layer", "part", "quantity", "control"])
            by = ["layer", "depth", "part", "quantity", "control", "unit", "epoch"]
            curves.append(over_seeds(layers, by).assign(**place))
            single = table[table["part"].str.startswith("channel") & (table["control"] == MAIN) & (table["seed"] == 0)]
            ends = single[single["epoch"].isin([single["epoch"].min(), single["epoch"].max()])]
            maps.append(ends[["layer", "part", "epoch", "value", "std_error", "flag"]].assign(**place))
            history = net.history[~net.history["noisy"]]
            histories.append(over_seeds(history, ["split", "metric", "epoch"]).assign(**place))
    return {
        "curves": single_precision(pd.concat(curves, ignore_index=True)),
        "maps": pd.concat(maps, ignore_index=True),
        "history": pd.concat(histories, ignore_index=True),
    }


def over_seeds(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Median, central 80 %, mean and standard deviation over seeds; of estimates also error, ceiling and worst flag."""
    groups = table.groupby(by, sort=False, observed=True)
    made = summary(table, by).set_index(by).join(groups["value"].agg(mean="mean", sd="std"))
    if "flag" in table:
        made = made.join(groups[["std_error", "ceiling", "relative_width"]].median())
        made = made.join(groups["flag"].agg(lambda f: max(f, key=lambda x: (list(f).count(x), x))))
    return made.reset_index()
