"""Figures of yu2018: convolutional networks under multivariate matrix-based Rényi information, in bits."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from scipy.optimize import brentq

from infoflow.config.models import CnnModel
from infoflow.documents.yu2018.constants import (
    AUTOENCODER,
    BASELINES,
    CONTROLS,
    DEEP,
    DIMENSION,
    FALL,
    FILTERS,
    MAIN,
    MEDIAN,
    TENSOR,
    TRAIN,
)  # fmt: skip
from infoflow.plotting import notes, panels, schematics, style
from infoflow.plotting.document import Document, drawn_from, pick

BLUE, RED, GREEN = (sns.color_palette("colorblind")[k] for k in (0, 3, 2))
LAYERS = ["C1", "P1", "C2", "P2", "F1", "F2"]
MARKERS = dict(zip(LAYERS, "osD^vP", strict=True))
NAMES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "svhn": "SVHN"}
GAIN, DEFAULT = "xavier", "default"
INIT_LABELS = {GAIN: "gain 4", DEFAULT: "default init"}
KERNEL_LABELS = {MAIN: "a kernel for each map", TENSOR: "one kernel over the tensor"}
Network = tuple[str, str, str]  # experiment, data set, initialisation
PUBLISHED: list[Network] = [
    ("yu_baseline", "mnist", GAIN), ("yu_baseline", "mnist", DEFAULT), ("yu_baseline_relu", "fashion_mnist", DEFAULT), ("yu_svhn_relu", "svhn", DEFAULT),
]  # fmt: skip
SWAPPED: list[Network] = [
    ("yu_baseline_relu", "mnist", DEFAULT), ("yu_baseline", "fashion_mnist", GAIN), ("yu_baseline", "fashion_mnist", DEFAULT), ("yu_svhn", "svhn", GAIN),
    ("yu_svhn", "svhn", DEFAULT),
]  # fmt: skip


def shown(document: Document, wanted: list[Network], others: bool) -> list[Network]:
    """Those of the wanted networks that this run holds; with `others` also those on data sets of the user's own."""
    curves = document.table("curves")
    curves = curves[curves["experiment"].isin(BASELINES)]
    held = [tuple(key) for key in curves[["experiment", "dataset", "initialisation"]].drop_duplicates().to_numpy()]
    return [key for key in wanted if key in held] + [key for key in held if others and key[1] not in NAMES] or held[:1]


# --- schematics --------------------------------------------------------------------------------------------------


@drawn_from(experiments=["yu_baseline"])
def f1(document: Document) -> Figure:
    """Two chains.

    Values flow forward through the layers, errors backward. Drawn from the config's layer list.
    """
    model = document.settings.models["yu_baseline"]
    names = layer_names(model)
    figure, axes = schematics.canvas(3.1)
    xs = np.linspace(0.7, style.WIDTH - 0.7, len(names) + 2)
    top, bottom = 2.1, 0.75
    schematics.box(axes, xs[0], top, "$X$", RED + (0.35,), width=0.75)
    for k, (x, name) in enumerate(zip(xs[1:-1], names, strict=True), start=1):
        schematics.box(axes, x, top, f"$T_{k}$", BLUE + (0.3,), width=0.75)
        axes.text(x, top + 0.45, name, ha="center", fontsize=10, color=style.GREY)
        schematics.box(axes, x, bottom, rf"$\delta_{k}$", GREEN + (0.25,), width=0.75)
    schematics.box(axes, xs[-1], top, r"$\hat Y$", "0.92", width=0.75)
    schematics.box(axes, xs[-1], bottom, r"$\delta_L$", GREEN + (0.5,), width=0.75)
    for a, b in zip(xs[:-1], xs[1:], strict=True):
        schematics.arrow(axes, (a + 0.42, top), (b - 0.42, top), BLUE)
    for a, b in zip(xs[1:-1], xs[2:], strict=True):
        schematics.arrow(axes, (b - 0.42, bottom), (a + 0.42, bottom), GREEN, linestyle="--")
    axes.text(0.3, 0.1, r"forward: $I(X;T_1)\geq I(X;T_2)\geq\ldots$", fontsize=10, color=BLUE)
    axes.text(
        style.WIDTH - 0.3,
        0.1,
        r"backward: $I(\delta_L;\delta_6)\geq I(\delta_L;\delta_5)\geq\ldots$",
        fontsize=10,
        color=GREEN,
        ha="right",
    )
    axes.set_title("Values flow forward, errors backward")
    return figure


def layer_names(model: CnnModel) -> list[str]:
    """C1, P1, …, F1, … of a network's layer list."""
    blocks = [f"{kind}{k}" for k in range(1, len(model.filters) + 1) for kind in "CP"]
    return blocks + [f"F{k}" for k in range(1, len(model.dense) + 1)]


@drawn_from(tables=["curves"], experiments=["yu_baseline"])
def f2(document: Document) -> Figure:
    """A convolution, its pooling and the input.

    The flat network, and Venn diagrams whose areas are measured: entropy of the input, of the maps of C1 and of
    P1, and what they share.
    """
    figure = style.plt.figure(figsize=(style.WIDTH, 6.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[1, 1.25])
    flat_network(upper.subplots(), document.settings.models["yu_baseline"])
    curves = network(document, shown(document, PUBLISHED, True)[0])
    last = curves["epoch"].max()
    cells = lower.subplots(1, 2)
    for axes, layer, letter in zip(cells, ("C1", "P1"), "bc", strict=True):
        given, own, shared = (
            one(curves, quantity, name, last) for quantity, name in (("S_X", "input"), ("S_T", layer), ("I_XT", layer))
        )
        venn(axes, given, own, shared, "$X$", rf"$\{{T^c\}}$ of {layer}")
        axes.set_title(f"({letter}) {layer}: I(X;{{T$^c$}}) = {shared:.2f} bits, shaded", loc="center")
    notes.note(
        lower,
        f"Areas are measured: S(X), S({{T$^c$}}) and their overlap {after(last)} ({provenance(curves)}, sigmoid, {INIT_LABELS[GAIN]}). "
        "The document: pooling leaves a smaller shaded area.",
    )
    return figure


def flat_network(axes: Axes, model: CnnModel) -> None:
    """Stacks of maps and columns of units, drawn from the layer list."""
    side, x = 28, 0.5
    stages = [("X", 1, side)]
    for k, (count, pad) in enumerate(zip(model.filters, model.padding or [2] * len(model.filters), strict=True), start=1):  # fmt: skip
        side = side + 2 * pad - 4
        stages.append((f"C{k}", count, side))
        side //= 2
        stages.append((f"P{k}", count, side))
    for name, count, size in stages:
        height = 0.35 + 1.1 * size / 28
        shown = min(count, 6)
        for j in range(shown)[::-1]:
            colour = RED if name == "X" else BLUE
            corner = (x + 0.09 * j, 1.35 - height / 2 + 0.07 * j)
            axes.add_patch(Rectangle(corner, height * 0.75, height, facecolor="white", edgecolor=colour, linewidth=1.1))
        centre = x + (height * 0.75 + 0.09 * (shown - 1)) / 2
        axes.text(centre, 2.75, name, ha="center", fontsize=12, weight="bold")
        axes.text(centre, 0.02, f"{count} × {size}²", ha="center", fontsize=9, color=style.GREY)
        x += height * 0.75 + 0.09 * (shown - 1) + 0.5
    for k, width in enumerate([*model.dense, 10], start=1):
        name = f"F{k}" if k <= len(model.dense) else r"$\hat Y$"
        height = 0.6 + 1.6 * width / 120
        axes.add_patch(Rectangle((x, 1.35 - height / 2), 0.16, height, facecolor=BLUE + (0.3,), edgecolor=BLUE))
        axes.text(x + 0.08, 2.75, name, ha="center", fontsize=12, weight="bold")
        axes.text(x + 0.08, 0.02, f"{width}", ha="center", fontsize=9, color=style.GREY)
        x += 0.75
    axes.set(xlim=(0.2, x), ylim=(-0.15, 3.05), aspect="equal")
    axes.axis("off")
    axes.set_title("(a) Every image and every feature map is one variable")


def venn(axes: Axes, a: float, b: float, shared: float, left: str, right: str) -> None:
    """Two discs of areas a and b whose overlap has the area `shared`, which is shaded."""
    radii = [math.sqrt(max(v, 1e-3) / math.pi) for v in (a, b)]
    distance = separation(*radii, shared)
    centres = (0.0, distance)
    left_disc = Circle((centres[0], 0), radii[0], facecolor="none", edgecolor=RED, linewidth=2)
    right_disc = Circle((centres[1], 0), radii[1], facecolor=BLUE + (0.35,), edgecolor="none")
    axes.add_patch(right_disc)
    axes.add_patch(left_disc)
    axes.add_patch(Circle((centres[1], 0), radii[1], facecolor="none", edgecolor=BLUE, linewidth=2))
    right_disc.set_clip_path(Circle((centres[0], 0), radii[0], transform=axes.transData))
    reach = max(radii) * 1.15
    axes.set(
        xlim=(min(-radii[0], distance - radii[1]) - 0.75, max(radii[0], distance + radii[1]) + 0.75),
        ylim=(-reach, reach * 1.3),
        aspect="equal",
    )
    axes.axis("off")
    axes.text(-radii[0] * 0.75, reach * 1.02, f"{left}: S = {a:.2f}", color=RED, ha="center", fontsize=10)
    axes.text(distance + radii[1] * 0.75, -reach * 0.98, f"{right}: S = {b:.2f}", color=BLUE, ha="center", fontsize=10)


def separation(r: float, s: float, area: float) -> float:
    """Distance between the centres of two discs of radii r and s that overlap in `area`."""
    low, high = abs(r - s) + 1e-9, r + s - 1e-9
    if area >= lens(r, s, low):
        return low
    return high if area <= 0 else float(brentq(lambda d: lens(r, s, d) - area, low, high))


def lens(r: float, s: float, d: float) -> float:
    """Area that two discs at distance d share."""
    if d >= r + s:
        return 0.0
    if d <= abs(r - s):
        return math.pi * min(r, s) ** 2
    a, b = ((d * d + u * u - v * v) / (2 * d * u) for u, v in ((r, s), (s, r)))
    kite = math.sqrt(max((-d + r + s) * (d + r - s) * (d - r + s) * (d + r + s), 0.0)) / 2
    return r * r * math.acos(np.clip(a, -1, 1)) + s * s * math.acos(np.clip(b, -1, 1)) - kite


@drawn_from(tables=["curves", "maps"], experiments=["yu_filters"])
def f5(document: Document) -> Figure:
    """How many filters.

    Too few, enough and too many filters, the parts of what two maps tell, and two maps measured.
    """
    figure, axes = style.new(2, 3, 6.6)
    angles = {3: (90, 210, 330), 4: (45, 135, 225, 315)}
    discs = [[(0.78 * math.cos(math.radians(t)), 0.78 * math.sin(math.radians(t)), 0.34, "-") for t in angles[3]]]
    discs.append([(0.5 * math.cos(math.radians(t)), 0.5 * math.sin(math.radians(t)), 0.55, "-") for t in angles[4]])
    discs.append([*discs[1], (1.75, 0.75, 0.42, "-"), (*discs[1][2][:2], 0.47, "--")])
    titles = ["(a) few filters: independent", "(b) an adequate number", "(c) too many: $T^5$ useless, $T^6$ a copy"]
    for one_axes, group, title in zip(axes.flat[:3], discs, titles, strict=True):
        one_axes.add_patch(Circle((0, 0), 1.15, facecolor=RED + (0.08,), edgecolor=RED, linewidth=2))
        one_axes.text(-1.05, 1.0, "$X$", color=RED, fontsize=12)
        for k, (x, y, radius, line) in enumerate(group, start=1):
            one_axes.add_patch(Circle((x, y), radius, facecolor=BLUE + (0.15,), edgecolor=BLUE, linestyle=line))
            dx, dy = (0, -0.31) if line == "--" else (0, 0)
            one_axes.text(x + dx, y + dy, f"$T^{k}$", ha="center", va="center", fontsize=10)
        blank(one_axes, (-1.4, 2.3), (-1.35, 1.35), title)
    partial = axes[1, 0]
    partial.add_patch(Rectangle((-1.5, -1.1), 3.0, 2.2, facecolor="0.96", edgecolor=style.GREY, linestyle="--"))
    for x, colour in ((-0.4, BLUE), (0.4, GREEN)):
        partial.add_patch(Circle((x, 0.05), 0.8, facecolor=colour + (0.2,), edgecolor=colour, linewidth=1.5))
    for x, y, text in ((-0.85, 0.05, "unique 1"), (0.85, 0.05, "unique 2"), (0, 0.05, "redundant"), (0, -0.97, "synergy")):  # fmt: skip
        partial.text(x, y, text, ha="center", va="center", fontsize=8 if text == "redundant" else 9)
    blank(partial, (-1.7, 1.7), (-1.3, 1.35), r"(d) $I(X;\{T^1,T^2\})$ taken apart")
    measured_pair(axes[1, 1], document)
    measured_bars(axes[1, 2], document)
    notes.note(
        figure,
        "(a)–(d) are drawings; (e) and (f) are measured. Net redundancy = redundancy − synergy = Σ I(X;T$^c$) − I(X;{T$^c$}), so it may be negative.",
    )
    return figure


def blank(axes: Axes, x: tuple[float, float], y: tuple[float, float], title: str) -> None:
    """A drawing without axes."""
    axes.set(xlim=x, ylim=y, aspect="equal")
    axes.axis("off")
    axes.set_title(title, loc="center", fontsize=10)


def measured_pair(axes: Axes, document: Document) -> None:
    """The two maps of C2 of the (2,2) network: discs of areas I(X;T^c), overlap the net redundancy."""
    maps = pick(document.table("maps"), experiment="yu_filters", filters="2-2", layer="C2")
    last = maps[maps["epoch"] == maps["epoch"].max()].sort_values("part")
    a, b = (max(float(v), 1e-3) for v in last["value"].iloc[:2])
    curves = pick(document.table("curves"), experiment="yu_filters", filters="2-2")
    shared = one(curves, "redundancy", "C2", curves["epoch"].max())
    radii = [math.sqrt(v / math.pi) for v in (a, b)]
    distance = separation(*radii, min(shared, a, b))
    for x, radius, value, name, side in ((0, radii[0], a, "T^1", -1), (distance, radii[1], b, "T^2", 1)):
        axes.add_patch(Circle((x, 0), radius, facecolor=BLUE + (0.25,), edgecolor=BLUE, linewidth=1.5))
        axes.text(
            x + side * radius * 0.5,
            -max(radii) * 1.2,
            f"$I(X;{name})$ = {value:.2f}",
            ha="center",
            fontsize=9,
            color=BLUE,
        )
    reach = max(radii)
    axes.text((distance) / 2, reach * 1.1, f"net redundancy {shared:.2f}", ha="center", fontsize=9)
    blank(
        axes,
        (-radii[0] - reach, distance + radii[1] + reach),
        (-1.5 * reach, 1.45 * reach),
        "(e) C2 of (2,2), measured (bits)",
    )


def measured_bars(axes: Axes, document: Document) -> None:
    """Net redundancy at the end as a share of Σ I(X;T^c)."""
    for k, settings in enumerate(FILTERS):
        curves = pick(document.table("curves"), experiment="yu_filters", filters=settings)
        last = curves["epoch"].max()
        for j, (layer, colour) in enumerate((("C1", RED), ("C2", BLUE))):
            net, joint = one(curves, "redundancy", layer, last), one(curves, "I_XT", layer, last)
            axes.bar(
                k + 0.38 * (j - 0.5), net / max(net + joint, 1e-9), 0.36, color=colour, label=layer if k == 0 else None
            )
    axes.set_xticks(range(len(FILTERS)), [f"({s.replace('-', ',')})" for s in FILTERS])
    axes.set_xlabel("filters")
    axes.set_ylabel(r"net redundancy / $\Sigma_c\,I(X;T^c)$")
    axes.set_title("(f) at the end, measured", loc="center", fontsize=10)
    axes.axhline(0, color=style.GREY, linewidth=0.8)
    axes.legend()


# --- information by layer ------------------------------------------------------------------------------------


def network(document: Document, key: Network, **where: Any) -> pd.DataFrame:
    """Curves of one network under the main kernel rule."""
    where = {"control": "main", **where}
    experiment, dataset, initialisation = key
    return pick(document.table("curves"), experiment=experiment, dataset=dataset, initialisation=initialisation, **where)  # fmt: skip


def rows_of(document: Document, key: Network, control: str) -> pd.DataFrame:
    """Curves of one network under another rule or on other samples, perhaps none."""
    table = document.table("curves")
    for column, value in zip(("experiment", "dataset", "initialisation", "control"), (*key, control), strict=True):
        table = table[table[column] == value]
    return table


def one(curves: pd.DataFrame, quantity: str, layer: str, epoch: float, column: str = "median") -> float:
    """One value of a network."""
    rows = pick(curves, quantity=quantity, layer=layer, control="main")
    rows = rows[rows["part"] == "layer"]
    return float(rows.loc[(rows["epoch"] - epoch).abs().idxmin(), column])


def provenance(curves: pd.DataFrame) -> str:
    """The data a set of curves was made from."""
    source = curves["source"].iloc[0]
    return f"stand-in: {source}" if curves["stand_in"].any() else str(source)


def title_of(curves: pd.DataFrame, key: Network) -> str:
    """Data set, activation and initialisation."""
    stand_in = " STAND-IN" if curves["stand_in"].any() else ""
    name = NAMES.get(key[1], key[1])
    return f"{name}{stand_in} · {curves['activation'].iloc[0]}, {INIT_LABELS.get(key[2], key[2])}"


def by_layer(axes: Axes, curves: pd.DataFrame, epoch: float) -> None:
    """I(X;T_k) and I(δ_L;δ_k) against k; hollow where flagged."""
    for quantity, colour, label in (("I_XT", BLUE, r"$I(X;T_k)$"), ("I_delta", GREEN, r"$I(\delta_L;\delta_k)$")):
        rows = curves[curves["quantity"] == quantity]
        here = rows[rows["epoch"] == nearest(rows, epoch)].sort_values("depth")
        axes.plot(here["depth"], here["median"], color=colour, label=label)
        if (here["seeds"] > 1).all():
            axes.fill_between(here["depth"], here["low"], here["high"], color=colour, alpha=0.2, linewidth=0)
        for flagged, face in ((False, colour), (True, "white")):
            points = here[(here["flag"] != "") == flagged]
            axes.plot(
                points["depth"], points["median"], "o", color=colour, markerfacecolor=face, markersize=5.5, zorder=3
            )
    entropy = curves[curves["quantity"] == "S_X"]["median"].iloc[-1]
    axes.axhline(entropy, color=style.GREY, linestyle="--", linewidth=1)
    depths = sorted(curves.loc[curves["quantity"] == "I_XT", "depth"].unique())
    names = curves[curves["quantity"] == "I_XT"].drop_duplicates("depth").set_index("depth")["layer"]
    axes.set_xticks(depths, [f"{d:g}\n{names[d]}" for d in depths])
    axes.set_ylim(-0.35, 7.3)
    if curves["stand_in"].any():
        notes.stamp_panel(axes, "stand-in")


def nearest(rows: pd.DataFrame, epoch: float) -> float:
    """The recorded epoch nearest to one."""
    epochs = rows["epoch"].unique()
    return float(epochs[np.abs(epochs - epoch).argmin()])


def times(curves: pd.DataFrame) -> list[float]:
    """The document's three columns: the start, a third of training, the end."""
    last = float(curves["epoch"].max())
    third = 3.0 if last == 10 else last / 3
    return [0.0, nearest(curves[curves["quantity"] == "I_XT"], third), last]


def rows_by_layer(document: Document, keys: list[Network]) -> Figure:
    """A row for each network, a column for each time."""
    figure, axes = style.new(len(keys), 3, 2.35 * len(keys) + 0.7, sharey=True)
    letters = iter("abcdefghijklmno")
    runs = []
    for row, key in zip(axes, keys, strict=True):
        curves = network(document, key)
        runs.append(int(curves["seeds"].max()))
        for axes_, epoch in zip(row, times(curves), strict=True):
            by_layer(axes_, curves, epoch)
            when = "untrained" if epoch == 0 else after(epoch)
            axes_.set_title(f"({next(letters)}) {when}", fontsize=10)
        row[0].set_ylabel(title_of(curves, key).replace(" · ", "\n") + "\nbits", fontsize=9)
    for axes_ in axes[-1]:
        axes_.set_xlabel("layer k")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    handles += [style.plt.Line2D([], [], color=style.GREY, linestyle="--", linewidth=1)]
    handles += [style.plt.Line2D([], [], color=style.GREY, marker="o", markerfacecolor="white", linestyle="")]
    labels += ["S(X)", "flagged: saturated, flat, dead or δ too small for the kernel"]
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    count = f"{min(runs)} to {max(runs)}" if min(runs) < max(runs) else f"{runs[0]}"
    notes.note(
        figure,
        f"α = 1.01, σ = h n^(−1/(1+d)) with h = 5 (values) and 0.1 (errors), n = {batch_size(document, keys[0])}, mean over held-out batches; median of {count} network(s), band: central 80 %. "
        f"{sources_of(document, keys)}",
    )
    return figure


def sources_of(document: Document, keys: list[Network]) -> str:
    """Where the data of several networks came from."""
    return "; ".join(dict.fromkeys(provenance(network(document, key)) for key in keys)) + "."


def batch_size(document: Document, key: Network) -> int:
    """Samples of a batch."""
    return samples_of(network(document, key))


def samples_of(curves: pd.DataFrame) -> int:
    """Samples of a batch: an entropy's ceiling is log2 n."""
    return round(2 ** float(curves.loc[curves["quantity"] == "S_X", "ceiling"].max()))


def after(epoch: float) -> str:
    """A number of epochs in words."""
    return f"after {epoch:.3g} epoch{'' if epoch == 1 else 's'}"


@drawn_from(tables=["curves"], experiments=["yu_baseline", "yu_baseline_relu", "yu_svhn_relu"])
def f3(document: Document) -> Figure:
    """Information by layer.

    I(X;T) forward and I(δL;δ) backward at the start, after three epochs and at the end, on three data sets.
    """
    return rows_by_layer(document, shown(document, PUBLISHED, True))


@drawn_from(tables=["curves"], experiments=["yu_baseline", "yu_baseline_relu", "yu_svhn"])
def x1(document: Document) -> Figure:
    """The other activation.

    The document changes data set and activation together; here are the networks with the other one.
    """
    return rows_by_layer(document, shown(document, SWAPPED, False))


@drawn_from(tables=["curves", "history"], experiments=["yu_depth", "yu_depth_default"])
def f4(document: Document) -> Figure:
    """One, two and three convolutions.

    The same two curves for three depths after three epochs, under both initialisations, with test accuracies.
    """
    figure, axes = style.new(2, 3, 5.9, sharey=True)
    runs = set()
    letters = iter("abcdef")
    for row, (experiment, initialisation) in zip(axes, (("yu_depth", GAIN), ("yu_depth_default", DEFAULT)), strict=True):  # fmt: skip
        for axes_, settings_ in zip(row, ("6", "6-16", "6-16-16"), strict=True):
            curves = pick(
                document.table("curves"),
                experiment=experiment,
                initialisation=initialisation,
                filters=settings_,
                control="main",
            )
            last = float(curves["epoch"].max())
            by_layer(axes_, curves, last)
            axes_.set_title(
                f"({next(letters)}) {settings_.replace('-', '–')}: {accuracy(document, curves)}", fontsize=10
            )
            runs.add(int(curves["seeds"].max()))
        row[0].set_ylabel(f"{INIT_LABELS[initialisation]}\nbits")
    for axes_ in axes[1]:
        axes_.set_xlabel("layer k")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    notes.note(
        figure,
        f"Sigmoid networks {after(last)}; accuracy: mean ± standard deviation over {' or '.join(map(str, sorted(runs)))} runs. "
        f"Dashed: S(X); hollow: flagged. {provenance(curves)}.",
    )
    return figure


def accuracy(document: Document, curves: pd.DataFrame) -> str:
    """Mean test accuracy at the end, with its spread over runs."""
    place = {n: curves[n].iloc[0] for n in ("experiment", "dataset", "initialisation", "filters")}
    rows = pick(document.table("history"), split="test", metric="accuracy", **place)
    row = rows.loc[rows["epoch"].idxmax()]
    spread = f" ± {100 * row['sd']:.1f}" if row["seeds"] > 1 else ""
    return f"{100 * row['mean']:.1f}{spread} %"


@drawn_from(tables=["curves", "history"], experiments=["yu_filters"])
def f6(document: Document) -> Figure:
    """Redundancy of the maps over training.

    Information and net redundancy of both convolutions for four settings of the filters.
    """
    figure, axes = style.new(2, 2, 7.0, sharex=True)
    series = [
        ("I_XT", "C1", RED, "o", "$I(X;C_1)$"), ("I_XT", "C2", BLUE, "^", "$I(X;C_2)$"),
        ("redundancy", "C1", RED, "+", "net redundancy of $C_1$"), ("redundancy", "C2", BLUE, "s", "net redundancy of $C_2$"),
    ]  # fmt: skip
    for axes_, settings_, letter in zip(axes.flat, FILTERS, "abcd", strict=True):
        curves = pick(
            document.table("curves"), experiment="yu_filters", filters=settings_, part="layer", control="main"
        )
        for quantity, layer, colour, marker, label in series:
            rows = pick(curves, quantity=quantity, layer=layer)
            line = "--" if quantity == "redundancy" else "-"
            panels.band(
                axes_,
                rows,
                colour,
                label,
                marker=marker,
                markersize=5,
                linestyle=line,
                markerfacecolor="none",
                clip_on=False,
            )
        axes_.set_title(f"({letter}) filters ({settings_.replace('-', ', ')}): {accuracy(document, curves)}")
        fraction_axis(axes_, float(curves["epoch"].max()))
        axes_.axhline(0, color=style.GREY, linewidth=0.8)
        axes_.set_ylabel("bits")
    for axes_ in axes[0]:
        axes_.set_xlabel("")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    notes.note(
        figure,
        f"Sigmoid, {INIT_LABELS[GAIN]}; {int(curves['seeds'].max())} runs, median and central 80 %; net redundancy = Σ I(X;T$^c$) − I(X;{{T$^c$}}) (redundancy minus synergy); the scales differ. {provenance(curves)}.",
    )
    return figure


def fraction_axis(axes: Axes, last: float) -> None:
    """A logarithmic axis of epochs that shows the first updates and epoch 0."""
    axes.set_xscale("symlog", linthresh=0.002, linscale=0.4)
    ticks = [t for t in (0, 0.01, 0.1, 1, 3, 10, 30) if t <= last]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set_xlim(0, last)
    axes.set_xlabel("epoch (log)")


@drawn_from(tables=["curves"], experiments=["yu_baseline", "yu_baseline_relu", "yu_svhn_relu"])
def f7(document: Document) -> Figure:
    """Information planes.

    I(X;T) against I(T;Y) of six layers on held-out batches, coloured by epoch, on training batches as dotted lines, and the
    last layers at a larger scale: no turning back.
    """
    keys = shown(document, PUBLISHED, True)
    figure, axes = style.new(len(keys), 2, 3.1 * len(keys) + 0.5)
    letters = iter("abcdefghijklmnop")
    for row, key in zip(axes, keys, strict=True):
        curves = network(document, key)
        last = float(curves["epoch"].max())
        train = rows_of(document, key, TRAIN)
        for axes_ in row:
            for layer in LAYERS:
                if not train.empty:
                    x, y = (pick(train, quantity=q, layer=layer).sort_values("epoch") for q in ("I_XT", "I_TY"))
                    axes_.plot(x["median"], y["median"], color="0.4", linewidth=0.7, linestyle=":", zorder=1)
                x, y = (pick(curves, quantity=q, layer=layer).sort_values("epoch") for q in ("I_XT", "I_TY"))
                axes_.plot(x["median"], y["median"], color="0.8", linewidth=0.8, zorder=1)
                points = axes_.scatter(
                    x["median"], y["median"], c=np.log10(x["epoch"] + 0.002), cmap="viridis", marker=MARKERS[layer], s=20, zorder=2,
                    vmin=math.log10(0.002), vmax=math.log10(last), linewidth=0,
                )  # fmt: skip
            axes_.set(xlabel="$I(X;T)$ (bits)", ylabel="$I(T;Y)$ (bits)")
        row[0].set_title(f"({next(letters)}) {title_of(curves, key)}", fontsize=10)
        row[0].set_ylabel("$I(T;Y)$ (bits)")
        zoom(row, curves)
        row[1].set_title(f"({next(letters)}) zoom: second half of training, F1 and F2", fontsize=10)
        bar = figure.colorbar(points, ax=row[1])
        ticks = [t for t in (0.002, 0.01, 0.1, 1, 10) if t <= last]
        bar.set_ticks([math.log10(t) for t in ticks], labels=["0", *(f"{t:g}" for t in ticks[1:])])
        bar.set_label("epoch")
        if curves["stand_in"].any():
            for axes_ in row:
                notes.stamp_panel(axes_, "stand-in")
    handles = [style.plt.Line2D([], [], color="0.3", marker=MARKERS[name], linestyle="", label=name) for name in LAYERS]
    figure.legend(handles=handles, loc="outside upper center", ncols=6)
    notes.note(
        figure,
        f"Medians over networks, one point a snapshot; α = 1.01, held-out batches of {batch_size(document, keys[0])}; dotted: batches that were trained on. {sources_of(document, keys)}",
    )
    return figure


def zoom(row: np.ndarray, curves: pd.DataFrame) -> None:
    """Limit the right panel to the second half of training of the dense layers, and mark it on the left."""
    late = curves[curves["layer"].isin(["F1", "F2"]) & (curves["epoch"] >= curves["epoch"].max() / 2)]
    limits = []
    for quantity in ("I_XT", "I_TY"):
        values = late.loc[late["quantity"] == quantity, "median"]
        margin = max(0.15 * (values.max() - values.min()), 0.03)
        limits.append((values.min() - margin, values.max() + margin))
    row[1].set(xlim=limits[0], ylim=limits[1])
    (x, width), (y, height) = ((low, high - low) for low, high in limits)
    row[0].add_patch(Rectangle((x, y), width, height, facecolor="none", edgecolor=RED, linewidth=1))


@drawn_from(tables=["curves"], experiments=["yu_baseline", "yu_baseline_relu", "yu_svhn_relu"])
def x3(document: Document) -> Figure:
    """Geometry beside the planes.

    Within-class distances and the dimensions that a layer fills, of the networks of F7: whether a layer gathers its classes
    is seen here without any kernel.
    """
    keys = shown(document, PUBLISHED, True)
    figure, axes = style.new(len(keys), 2, 2.7 * len(keys) + 0.6, sharex=True)
    colours = dict(zip(LAYERS, sns.color_palette("colorblind"), strict=False))
    for row, key in zip(axes, keys, strict=True):
        curves = network(document, key)
        panels.companion(row, curves, colours, title_of(curves, key))
        for axes_ in row:
            fraction_axis(axes_, float(curves["epoch"].max()))
            if key != keys[-1]:
                axes_.set_xlabel("")
        if curves["stand_in"].any():
            for axes_ in row:
                notes.stamp_panel(axes_, "stand-in")
    axes[0, 0].legend(ncols=3)
    notes.note(figure, f"Medians over networks, 500 evenly spaced images. {sources_of(document, keys)}")
    return figure


@drawn_from(tables=["curves"], experiments=["yu_baseline", "yu_baseline_relu"])
def x2(document: Document) -> Figure:
    """Is it the kernel.

    I(X;T) by layer under other kernel widths, order 2 and layers rescaled to their initial spread, trained and
    untrained.
    """
    figure, axes = style.new(2, 4, 5.6, sharey=True, sharex=True)
    keys = [key for key in shown(document, PUBLISHED, True) if "svhn" not in key[1]][::2]
    colours = [BLUE, sns.color_palette("colorblind")[1]]
    for axes_, control in zip(axes.flat, [MAIN, *CONTROLS], strict=True):
        for key, colour in zip(keys, colours, strict=False):
            curves = network(document, key, control=control)
            entropy = curves[curves["quantity"] == "S_X"].groupby("epoch")["median"].first()
            rows = curves[curves["quantity"] == "I_XT"]
            for epoch, line in ((rows["epoch"].min(), ":"), (rows["epoch"].max(), "-")):
                here = rows[rows["epoch"] == epoch].sort_values("depth")
                label = f"{title_of(curves, key)}, {'untrained' if line == ':' else 'trained'}"
                axes_.plot(here["depth"], here["median"] / entropy[epoch], line, color=colour, marker="o", markersize=3.5, label=label)  # fmt: skip
        axes_.set_title(control if control != "main" else "h = 5, α = 1.01", fontsize=10)
        axes_.set_xticks(range(1, 7), LAYERS)
        axes_.set_ylim(-0.05, 1.08)
    for row in axes:
        row[0].set_ylabel("$I(X;T_k)\\,/\\,S(X)$")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    notes.note(
        figure,
        f"First panel: as published. Median σ: the median distance of each variable; rescaled: layers at their initial overall standard deviation; offset 4: n^(−1/(4+d)). {sources_of(document, keys)}",
    )
    return figure


# --- deeper networks ---------------------------------------------------------------------------------------------


@drawn_from(tables=["curves"], experiments=["yu_vgg11", "yu_resnet18"])
def e1(document: Document) -> Figure:
    """VGG and ResNet.

    I(X;T) of deeper networks by layer and over training, by a kernel for each map and by one over the layer's
    tensor, on test and on training batches.
    """
    held = [name for name in DEEP if name in set(document.table("curves")["experiment"])]
    figure, axes = style.new(2 * len(held), 2, 5.6 * len(held) + 0.8)
    for k, experiment in enumerate(held):
        for column, (kernel, says) in enumerate(KERNEL_LABELS.items()):
            curves = {c: pick(document.table("curves"), experiment=experiment, control=c) for c in on_both(kernel)}
            upper, lower = axes[2 * k, column], axes[2 * k + 1, column]
            deep_layers(upper, document, experiment, curves)
            letter, below = "abcdefgh"[4 * k + column], "abcdefgh"[4 * k + 2 + column]
            upper.set_title(
                f"({letter}) {DEEP[experiment]}: {says}\n{violations(document, experiment, kernel)}", fontsize=9.5
            )
            deep_training(lower, curves[kernel])
            lower.set_title(f"({below}) over training, test batches", fontsize=9.5)
        lower.legend(fontsize=8, ncols=2, loc="lower right", title="layer", title_fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5)
    rows = pick(document.table("curves"), experiment=held[0])
    notes.note(
        figure,
        f"α = 1.01, n = {samples_of(rows)}; a kernel for each map: σ = 5 n^(−1/(1+d)), which many maps saturate (hollow); one over the tensor: σ best "
        f"aligned with the labels; dashed: S(X). Idle pairs lie at floor or ceiling and say nothing. Median of {int(rows['seeds'].max())} network(s). {provenance(rows)}.",
    )
    return figure


def on_both(kernel: str) -> tuple[str, str]:
    """Names of the controls that are a kernel on test and on training batches."""
    return kernel, TRAIN if kernel == "main" else f"{kernel}, {TRAIN}"


def deep_layers(axes: Axes, document: Document, experiment: str, curves: dict[str, pd.DataFrame]) -> None:
    """I(X;T) by layer at both ends on test and training batches; crosses where a layer compresses."""
    for (control, rows), (colour, part) in zip(curves.items(), ((BLUE, "test"), (RED, "training")), strict=True):
        information = rows[rows["quantity"] == "I_XT"]
        for epoch, line in ((information["epoch"].min(), ":"), (information["epoch"].max(), "-")):
            here = information[information["epoch"] == epoch].sort_values("depth")
            axes.plot(
                here["depth"],
                here["median"],
                line,
                color=colour,
                label=f"{'untrained' if line == ':' else 'trained'}, {part}",
            )
            for flagged, face in ((False, colour), (True, "white")):
                points = here[(here["flag"] != "") == flagged]
                axes.plot(
                    points["depth"], points["median"], "o", color=colour, markerfacecolor=face, markersize=4.5, zorder=3
                )
        falls = details(document, experiment, control)["compresses"]
        down = [d for d, name in zip(here["depth"], here["layer"], strict=True) if falls.get(f"I_XT {name}", 0) > 0.5]
        height = 7.6 if part == "test" else 8.2
        axes.plot(down, [height] * len(down), "x", color=colour, markersize=6)
    axes.plot([], [], "x", color=style.GREY, label="compresses")
    entropy = rows[rows["quantity"] == "S_X"]["median"].iloc[-1]
    axes.axhline(entropy, color=style.GREY, linestyle="--", linewidth=1)
    axes.set_xticks(here["depth"], here["layer"], fontsize=8)
    axes.set(ylim=(-0.35, 8.7), ylabel="$I(X;T)$ (bits)")
    if rows["stand_in"].any():
        notes.stamp_panel(axes, "stand-in")


def deep_training(axes: Axes, curves: pd.DataFrame) -> None:
    """I(X;T) of every layer over training, from the first (dark) to the last (light)."""
    rows = curves[curves["quantity"] == "I_XT"]
    names = list(rows.sort_values("depth")["layer"].unique())
    for name, colour in zip(names, sns.color_palette("viridis", len(names)), strict=True):
        panels.band(axes, pick(rows, layer=name), colour, name)
    fraction_axis(axes, float(rows["epoch"].max()))
    axes.set(ylabel="$I(X;T)$ (bits)", ylim=(-0.35, 7.3))


def details(document: Document, experiment: str, control: str) -> dict[str, Any]:
    """What the verdict on a network under one kernel says."""
    variant = f"{DEEP[experiment]}, {'maps' if control == 'main' else control}"
    return json.loads(pick(document.claims, id="V-001-E1", variant=variant)["detail"].iloc[0])


def violations(document: Document, experiment: str, kernel: str) -> str:
    """Shares of adjacent pairs that violate the inequality, and that say nothing, on test and on training batches."""
    controls = [details(document, experiment, control) for control in on_both(kernel)]
    violated, idle = (" / ".join(f"{100 * one[name]:.0f}" for one in controls) for name in ("violated", "idle_pairs"))
    return f"pairs, test / training: {violated} % violated, {idle} % idle"


@drawn_from(tables=["curves", "history"], experiments=["yu_autoencoder"])
def e2(document: Document) -> Figure:
    """Autoencoders.

    I(X;T) of bottlenecks of several widths over training, under two kernels, and what is lost of it by the end.
    """
    curves = pick(document.table("curves"), experiment=AUTOENCODER, quantity="I_XT")
    curves = curves[curves["layer"] == middle_layer(curves)]
    widths = sorted(map(int, curves["filters"].unique()))
    colours = dict(zip(widths, sns.color_palette("viridis", len(widths)), strict=True))
    figure, panes = style.new(1, 3, 4.2)
    axes = panes.flatten()
    for panel, control, says in zip(axes, (MAIN, MEDIAN), ("the document's σ", "σ the median distance"), strict=False):
        rows = pick(curves, control=control)
        for width, colour in colours.items():
            panels.band(panel, pick(rows, filters=str(width)), colour, str(width))
        fraction_axis(panel, float(rows["epoch"].max()))
        panel.set(ylabel="$I(X;T)$ of the bottleneck (bits)", ylim=(0, None))
        panel.set_title(f"({'a' if control == MAIN else 'b'}) {says}", fontsize=10)
    fallen(axes[2], document, widths)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(widths), title="units of the bottleneck")
    explained = pick(document.table("history"), experiment=AUTOENCODER, split="test", metric="accuracy")
    last = explained[explained["epoch"] == explained["epoch"].max()].set_index("filters")["median"]
    notes.note(
        figure,
        f"Median and central 80 % of {int(curves['seeds'].max())} networks. (c) leaves out widths near the dimension, which decide nothing. Share of the variance of test images that they give back, by "
        f"width: {', '.join(f'{width}: {last[str(width)]:.0%}' for width in widths)}. {provenance(curves)}.",
    )
    return figure


def middle_layer(curves: pd.DataFrame) -> str:
    """The layer in the middle of the network."""
    layers = curves.sort_values("depth")["layer"].unique()
    return layers[len(layers) // 2]


def fallen(axes: Axes, document: Document, widths: list[int]) -> None:
    """Fall of I(X;T) from its peak by width, with its interval, and the intrinsic dimension of the digits."""
    claims = pick(document.claims, id="V-001-E2")
    for suffix, colour, says in (("", BLUE, "the document's σ"), (f", {MEDIAN}", RED, "median distance")):
        rows = claims[claims["variant"].isin([f"{width} units{suffix}" for width in widths])]
        at = rows["variant"].str.split().str[0].astype(float) * (1.04 if suffix else 0.96)
        ends = [rows["value"] - rows["ci_low"], rows["ci_high"] - rows["value"]]
        axes.errorbar(at, rows["value"], yerr=ends, fmt="o", color=colour, markersize=4.5, capsize=2, label=says)
    axes.axhline(FALL, color=style.GREY, linestyle="--", linewidth=1)
    axes.axvspan(*DIMENSION, color=style.GREY, alpha=0.2, linewidth=0, label="dimension of MNIST")
    axes.set_xscale("log", base=2)
    axes.set_xticks(widths, widths)
    axes.set(xlabel="units of the bottleneck", ylabel="fall of $I(X;T)$ (bits)")
    axes.set_title("(c) lost by the end", fontsize=10)
    axes.legend(fontsize=8)
