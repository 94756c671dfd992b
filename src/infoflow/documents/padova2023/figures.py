"""Figures of padova2023: audio CNNs on mel-spectrograms, and the reprints of Saxe et al. made anew."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from infoflow.documents.padova2023.constants import (
    JOINT,
    LAYERS,
    PLOTTED_ACCURACY,
    PLOTTED_PLANES,
    POOLED,
    PUBLISHED_KDE,
    RELU,
    SAXE_VARIANCE,
    TANH,
    VARIANCE,
)
from infoflow.plotting import notes, panels, schematics, style
from infoflow.plotting.document import Document, drawn_from, pick

BIT = math.log(2)
NAMES = {TANH: "tanh", RELU: "ReLU"}
HOP, RATE = 512, 22_050


# --- what the panels share -----------------------------------------------------------------------------------


def curve(document: Document, experiment: str, layer: str, quantity: str, **where: Any) -> pd.DataFrame:
    """One quantity of a layer (or of a `part` of it) over training, by epoch."""
    options = {"part": "layer", "kind": "point", **where}
    return pick(document.curves(experiment, layer=layer, quantity=quantity, **options)).sort_values("epoch")


def colours(count: int) -> list[Any]:
    """Colours of blocks or maps in order."""
    return [tuple(c) for c in sns.color_palette("viridis", count + 1)[:count]]


def add_note(
    document: Document, figure: Figure, text: str, stand_in: bool = True, music_panels: Sequence[Axes] = ()
) -> Figure:
    """The note below a figure; figures from composed music carry the word, or those of their panels that show it."""
    music = stand_in and bool(document.table("spectra")["stand_in"].iloc[0])
    notes.note(figure, text + (" Data: composed music that stands in for FMA-small." if music else ""))
    if music and not document.rehearsal:
        for one in music_panels:
            notes.stamp_panel(one, "stand-in")
        if not music_panels:
            notes.stamp(figure, "stand-in")
    return figure


def information_labels(axes: Axes, x: str = "H(Bin(T))", unit: str = "nats") -> None:
    """Axis labels of an information plane."""
    axes.set(xlabel=rf"${x}$ ({unit})", ylabel=rf"$I(T;Y)$ ({unit})")


# --- drawings ------------------------------------------------------------------------------------------------


@drawn_from()
def s02(document: Document) -> Figure:
    """The bottleneck.

    A layer keeps some of its input and tells some of the label.
    """
    figure, axes = schematics.canvas(3.2)
    layers = [
        (0.9, 2.4, "X"),
        (2.9, 1.8, "T_1"),
        (4.6, 1.4, "T_2"),
        (6.2, 1.0, "T_3"),
        (7.7, 0.7, "T_4"),
        (9.1, 0.5, r"\hat Y"),
    ]
    for k, (x, height, name) in enumerate(layers):
        colour = style.LAYERS.get(f"T{k}", (0.5, 0.5, 0.5)) if 0 < k < 5 else (0.5, 0.5, 0.5)
        axes.add_patch(
            Rectangle((x - 0.22, 1.6 - height / 2), 0.44, height, facecolor=(*colour, 0.35), edgecolor="0.3")
        )
        axes.text(x, 1.6, f"${name}$", ha="center", va="center", fontsize=13)
    for a, b in zip(layers, layers[1:], strict=False):
        schematics.arrow(axes, (a[0] + 0.27, 1.6), (b[0] - 0.27, 1.6))
    axes.text(2.7, 0.12, r"$I(X;T)$: what a layer keeps of its input", ha="center", fontsize=10)
    axes.text(7.4, 0.12, r"$I(T;Y)$: what it tells of the label", ha="center", fontsize=10)
    axes.set_title("The bottleneck that the slides ask for: less of X, all of Y")
    return figure


@drawn_from(experiments=["padova_tanh", "padova_resnet"])
def s07(document: Document) -> Figure:
    """The networks.

    SimpleCNN and the residual network, drawn from the config.
    """
    figure, axes = schematics.canvas(4.6)
    simple, residual = document.settings.models[TANH], document.settings.models["padova_resnet"]
    axes.text(0.2, 4.3, "SimpleCNN", fontsize=12, weight="bold")
    x = 0.6
    schematics.box(axes, x, 3.5, "mel", "white", 0.7)
    for k, maps in enumerate(simple.filters, start=1):
        kernel = "8×8, /4" if k == 1 else "3×3, /2"
        schematics.arrow(axes, (x + (0.4 if k == 1 else 0.83), 3.5), (x + (0.62 if k == 1 else 1.05), 3.5))
        x += 1.42 if k == 1 else 1.85
        schematics.box(axes, x, 3.5, f"conv {kernel}\n{maps} maps, act.", (*style.LAYERS[f"T{k}"], 0.3), 1.5, 0.75)
        axes.text(x, 2.85, rf"$T_{k}$, then batch norm", ha="center", fontsize=8.5, color=style.GREY)
    schematics.arrow(axes, (x + 0.83, 3.5), (x + 1.05, 3.5))
    schematics.box(axes, x + 1.55, 3.5, "mean,\ndense", "0.92", 0.85, 0.75)
    axes.text(0.2, 2.35, "Residual network", fontsize=12, weight="bold")
    stages = [
        ("mel", "white", 0.6), (f"conv 7×7, /2\n{residual.filters[0]} maps", "0.92", 1.3), ("MaxPool\n3×3, /2", "0.92", 1.0),
        (f"3 blocks\n{residual.filters[0]} maps", (*style.LAYERS["T1"], 0.3), 1.2), (f"4 blocks, /2\n{residual.filters[1]} maps", (*style.LAYERS["T2"], 0.3), 1.3),
        ("AvgPool\n7×7", "0.92", 0.95), ("dense", "0.92", 0.7),
    ]  # fmt: skip
    x = 0.2
    for k, (text, colour, width) in enumerate(stages):
        if k:
            schematics.arrow(axes, (x, 1.7), (x + 0.25, 1.7))
            x += 0.26
        schematics.box(axes, x + width / 2 + 0.05, 1.7, text, colour, width, 0.75)
        x += width + 0.1
    axes.text(0.2, 0.72, "a block:", fontsize=10)
    for at, text, width in ((2.0, "conv 3×3, BN, act.", 1.8), (4.3, "conv 3×3, BN", 1.4)):
        schematics.box(axes, at, 0.72, text, "white", width, 0.45)
    schematics.box(axes, 3.2, 0.05, "conv 1×1, BN", "white", 1.4, 0.4)
    schematics.arrow(axes, (0.95, 0.72), (1.05, 0.72))
    schematics.arrow(axes, (2.95, 0.72), (3.55, 0.72))
    schematics.arrow(axes, (5.05, 0.72), (5.5, 0.72))
    axes.text(5.65, 0.7, "+", fontsize=15, ha="center", va="center")
    schematics.arrow(axes, (1.0, 0.6), (2.45, 0.05))
    schematics.arrow(axes, (3.95, 0.05), (5.6, 0.55))
    schematics.arrow(axes, (5.8, 0.72), (6.3, 0.72))
    schematics.box(axes, 6.8, 0.72, "act.", "white", 0.8, 0.45)
    axes.set_ylim(-0.3, 4.6)
    return figure


@drawn_from(tables=["spectra"], experiments=["padova_tanh"])
def s08(document: Document) -> Figure:
    """Mel-spectrograms.

    Two training recordings of different genres.
    """
    table = document.table("spectra")
    figure, axes = style.new(1, 2, 3.6, sharey=True)
    for one, (genre, rows) in zip(axes[0], table.groupby("genre", sort=False), strict=True):
        grid = rows.pivot(index="mel", columns="frame", values="decibels").to_numpy()
        seconds = grid.shape[1] * HOP / RATE
        image = one.imshow(
            grid,
            origin="lower",
            aspect="auto",
            extent=(0, seconds, 0, len(grid)),
            vmin=-80,
            vmax=0,
            interpolation="nearest",
        )
        hertz = np.array([512, 1024, 2048, 4096, 8192])
        one.set_yticks(mel_band(hertz, len(grid)), [str(h) for h in hertz])
        one.set(title=genre, xlabel="time (s)")
        one.grid(False)
    axes[0, 0].set_ylabel("frequency (Hz, mel scale)")
    figure.colorbar(image, ax=axes[0], label="dB below the maximum")
    return add_note(
        document,
        figure,
        "A training recording of each of two genres: 128 mels, 1024-point windows every 512 samples at 22 050 Hz.",
    )


def mel_band(hertz: np.ndarray, bands: int) -> np.ndarray:
    """Place of frequencies among mel bands up to half the sampling rate (HTK's mel, torchaudio's default)."""

    def mel(f: Any) -> Any:
        return 2595 * np.log10(1 + np.asarray(f) / 700)

    return mel(hertz) / mel(RATE / 2) * (bands + 1) - 0.5


@drawn_from()
def s09(document: Document) -> Figure:
    """Binning.

    From activations to bins to information.
    """
    figure, axes = schematics.canvas(3.4)
    x = np.linspace(0, 3, 200)
    wave = 1.7 + 0.75 * np.sin(2.3 * x) * np.exp(-0.25 * x)
    for level in np.arange(0.75, 2.8, 0.25):
        axes.plot([0.5, 3.7], [level, level], color="0.88", linewidth=0.8)
    axes.plot(0.6 + x, wave, color=style.LAYERS["T1"])
    axes.plot(0.6 + x, np.floor((wave - 0.75) / 0.25) * 0.25 + 0.875, color=style.LAYERS["T2"], linewidth=1.2)
    axes.text(2.1, 0.35, "activation and its bin of width 0.05", ha="center", fontsize=9.5)
    schematics.arrow(axes, (3.95, 1.75), (4.5, 1.75))
    axes.text(4.7, 2.7, r"$I(X;T) = H(T) - H(T\,|\,X)$", fontsize=13)
    axes.plot([6.13, 6.95], [2.62, 2.98], color=style.CLASSES[1], linewidth=1.6)
    axes.text(7.15, 2.75, "0: the network is\ndeterministic", fontsize=9, color=style.CLASSES[1], va="center")
    axes.text(4.7, 1.95, r"$I(T;Y) = H(T) - \sum_y p(y)\,H(T\,|\,y)$", fontsize=13)
    axes.text(4.7, 1.25, "joint: a code is a whole layer, at most ln P", fontsize=10)
    axes.text(4.7, 0.9, "pooled: every number is a sample (the slides' code)", fontsize=10)
    axes.set_title("Binning")
    return figure


# --- the reprints of Saxe et al. -------------------------------------------------------------------------------


@drawn_from(tables=["curves"], experiments=["saxe_linear_irrelevant"])
def s04(document: Document) -> Figure:
    """Linear students.

    Exact information of a linear student about all inputs, about those that matter and about those that do not
    (after Saxe et al. 2018).
    """
    name = "saxe_linear_irrelevant"
    figure, axes = style.new(1, 3, 3.6)
    told = curve(document, name, "T1", "I_TY")
    parts = (("layer", "(A) whole input"), ("relevant", "(B) relevant inputs"), ("irrelevant", "(C) irrelevant inputs"))
    for k, (one, (part, title)) in enumerate(zip(axes[0], parts, strict=True)):
        panels.plane(one, curve(document, name, "T1", "I_XT", part=part), told, style.LAYERS[f"T{k + 1}"], "last epoch")
        one.set(title=title, xlabel=rf"$I(X_{{\mathrm{{{part if k else 'all'}}}}};T)$ (nats)")
        one.xaxis.set_major_locator(MaxNLocator(4))
    axes[0, 0].set_ylabel(r"$I(T;Y)$ (nats)")
    axes[0, 0].legend(loc="lower right")
    return add_note(
        document, figure,
        f"Linear student of a linear teacher with 30 relevant of 100 inputs, exact Gaussian information, median of {notes.seeds(told)}; "
        "pale: early in training.", stand_in=False,
    )  # fmt: skip


@drawn_from(tables=["curves", "history"], experiments=["saxe_linear", "saxe_linear_overtrained", "saxe_overtrained"])
def s05(document: Document) -> Figure:
    """Generalisation without compression.

    Teacher and student, their errors and planes; overtraining of linear and of tanh networks (after Saxe et al.
    2018).
    """
    figure, axes = style.new(2, 4, 6.0)
    for one, title, hidden in ((axes[0, 0], "Teacher", False), (axes[0, 1], "Student", True)):
        _small_network(one, hidden)
        one.set_title(title)
    errors(axes[0, 2], document, "saxe_linear", "loss", "mean squared error")
    axes[0, 2].set_title("Errors")
    panels.plane(
        axes[0, 3],
        curve(document, "saxe_linear", "T1", "I_XT"),
        curve(document, "saxe_linear", "T1", "I_TY"),
        style.LAYERS["T1"],
        "",
    )
    axes[0, 3].set(title="Information plane")
    errors(axes[1, 0], document, "saxe_linear_overtrained", "loss", "mean squared error")
    axes[1, 0].set_title("Overtrained, linear")
    linear = curve(document, "saxe_linear_overtrained", "T1", "I_XT")
    panels.plane(axes[1, 1], linear, curve(document, "saxe_linear_overtrained", "T1", "I_TY"), style.LAYERS["T1"], "")
    axes[1, 1].set_title("Its plane")
    errors(axes[1, 2], document, "saxe_overtrained", "accuracy", "accuracy")
    axes[1, 2].set_title("12-bit task, tanh")
    for layer in (f"T{k}" for k in range(1, 6)):
        x = curve(document, "saxe_overtrained", layer, "I_XT", kind="upper", settings=SAXE_VARIANCE)
        y = curve(document, "saxe_overtrained", layer, "I_TY", kind="upper", settings=SAXE_VARIANCE)
        panels.plane(axes[1, 3], x, y, style.LAYERS[layer], rf"$T_{layer[1]}$", BIT)
    axes[1, 3].set_title("Its plane")
    axes[1, 3].legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1, 0.5), handletextpad=0.1)
    axes[1, 2].set_xticks([0, 10, 1000], ["0", "10", "1000"])
    for one, unit in ((axes[0, 3], "nats"), (axes[1, 1], "nats"), (axes[1, 3], "bits")):
        information_labels(one, "I(X;T)", unit)
    return add_note(
        document, figure,
        "Linear: 100 inputs, 100 examples, 100 hidden units, exact Gaussian information; overtrained with batches of 5. "
        f"12-bit task: 30 % of the patterns train. Median and central 80 % of {notes.seeds(linear)} (12-bit task: {notes.seeds(x)}).", stand_in=False,
    )  # fmt: skip


def _small_network(axes: Axes, hidden: bool) -> None:
    columns = [(0, 5), (1, 4), (2, 1)] if hidden else [(0, 5), (2, 1)]
    rows = {x: np.linspace(-1, 1, n) * 0.2 * (n - 1) if n > 1 else np.zeros(1) for x, n in columns}
    for (a, _), (b, _) in zip(columns, columns[1:], strict=False):
        for p in rows[a]:
            for q in rows[b]:
                axes.plot([a, b], [p, q], color="0.75", linewidth=0.8, zorder=1)
    for x, y in rows.items():
        axes.scatter(np.full(len(y), x), y, s=110, color=style.LAYERS["T1"] if x == 1 else "0.5", zorder=2)
        name = {0: "$X$", 1: "$T$", 2: r"$\hat Y$" if hidden else "$Y$"}[x]
        axes.text(x, -1.15, name, ha="center", fontsize=11)
    if not hidden:
        axes.text(2, 0.3, r"$+\,\epsilon$", ha="center", fontsize=10)
    axes.set(xlim=(-0.4, 2.4), ylim=(-1.3, 1.1))
    axes.axis("off")


def errors(axes: Axes, document: Document, experiment: str, metric: str, label: str, log: bool = True) -> None:
    """Training and held-out curves of a metric."""
    table = pick(document.table("history"), experiment=experiment, metric=metric)
    for split, colour in (("train", style.CLASSES[0]), ("test", style.CLASSES[1])):
        panels.band(axes, pick(table, split=split), colour, "held out" if split == "test" else "training")
    panels.epochs_axis(axes, int(table["epoch"].max()), log)
    axes.set_ylabel(label)
    axes.legend(loc="lower right" if metric == "accuracy" else "best")


@drawn_from(tables=["curves"], experiments=["saxe_tanh", "saxe_tanh_full_batch", "saxe_relu", "saxe_relu_full_batch"])
def s06(document: Document) -> Figure:
    """Tanh and ReLU on the 12-bit task.

    Kernel estimates under mini-batches and full batches (after Saxe et al. 2018).
    """
    figure, axes = style.new(2, 2, 6.6)
    cells = [
        ("saxe_tanh", "(A) tanh, mini-batches"), ("saxe_tanh_full_batch", "(B) tanh, full batch"),
        ("saxe_relu", "(C) ReLU, mini-batches"), ("saxe_relu_full_batch", "(D) ReLU, full batch"),
    ]  # fmt: skip
    for one, (name, title) in zip(axes.flat, cells, strict=True):
        for layer in (f"T{k}" for k in range(1, 6)):
            x = curve(document, name, layer, "I_XT", kind="upper", settings=SAXE_VARIANCE)
            y = curve(document, name, layer, "I_TY", kind="upper", settings=SAXE_VARIANCE)
            panels.plane(one, x, y, style.LAYERS[layer], rf"$T_{layer[1]}$", BIT)
        information_labels(one, "I(X;T)", "bits")
        one.set(title=title, xlim=(0, 12.5), ylim=(0, 1.05))
        one.axvline(12, color=style.GREY, linestyle="--", linewidth=1)
    axes[0, 0].legend(ncols=2, loc="lower left")
    return add_note(
        document, figure,
        f"Kernel estimate, noise variance 1e-3, all 4096 patterns; dashed: ceiling log2 4096. Median of {notes.seeds(x)}; pale: early in training, dot: last epoch. "
        "Adam, 10 000 epochs, truncated normal initial weights.", stand_in=False,
    )  # fmt: skip


@drawn_from(tables=["curves"], experiments=["saxe_tanh", "saxe_tanh_full_batch", "saxe_relu", "saxe_relu_full_batch"])
def x1(document: Document) -> Figure:
    """Counted information and geometry of the 12-bit networks.

    The information of the layers of S06 rounded to 8 bits, which is counted and estimated by nobody, beside within-class
    distances and the dimensions that a layer fills.
    """
    figure, axes = style.new(2, 3, 5.8, sharex="col", sharey="col")
    for row, (experiment, name) in zip(axes, (("saxe_tanh", "tanh"), ("saxe_relu", "ReLU")), strict=True):
        curves = pick(document.curves(experiment), part="layer")
        panels.companion(row, curves, {layer: style.LAYERS[layer] for layer in (f"T{k}" for k in range(1, 6))}, name)
        panels.level(row[0], math.log(4096), "ln 4096")
    axes[0, 0].legend(ncols=2)
    return add_note(
        document, figure,
        f"Mini-batches, median and central 80 % of {notes.seeds(curves)}. Quantised: 256 levels of a layer from its least to its "
        "greatest value, following layers see the rounded one. Geometry on 500 inputs.", stand_in=False,
    )  # fmt: skip


@drawn_from(tables=["curves", "spectra"], experiments=["padova_tanh", "padova_relu"])
def x2(document: Document) -> Figure:
    """Geometry of the audio networks.

    Within-class distances and the dimensions that a layer fills, beside the planes of S15, S20 and S23: with more
    dimensions than recordings both have no ceiling at n.
    """
    figure, axes = style.new(2, 2, 5.8, sharex="col", sharey="col")
    for row, experiment in zip(axes, (TANH, RELU), strict=True):
        curves = pick(document.curves(experiment), part="layer")
        panels.companion(row, curves, {layer: style.LAYERS[layer] for layer in LAYERS}, NAMES[experiment], log=False)
    axes[0, 0].legend(ncols=2)
    return add_note(document, figure, f"Median and central 80 % of {notes.seeds(curves)}.")


# --- binning ---------------------------------------------------------------------------------------------------


@drawn_from(tables=["curves", "spectra"], experiments=["padova_relu", "padova_tanh"])
def s15(document: Document) -> Figure:
    """Information planes by binning.

    SimpleCNN with ReLU and tanh: pooled scalars as the slides' code has them, and joint codes, which are
    saturated.
    """
    figure, axes = style.new(2, 2, 6.8)
    for column, name in enumerate((RELU, TANH)):
        for row, (setting, title) in enumerate(((POOLED, "pooled scalars"), (JOINT, "joint codes"))):
            one = axes[row, column]
            for layer in LAYERS:
                x, y = (curve(document, name, layer, q, settings=setting) for q in ("H_T", "I_TY"))
                panels.plane(one, x, y, style.LAYERS[layer], rf"$T_{layer[1]}$")
            information_labels(one)
            one.set_title(f"{NAMES[name]}, {title}")
            if not row:
                (left, right), (low, high) = PLOTTED_PLANES[name]
                box = Rectangle((left, low), right - left, high - low, fill=False, linestyle=":", edgecolor=style.GREY)
                one.add_patch(box)
                one.autoscale_view()
            if row:
                ceiling = float(x["ceiling"].iloc[0])
                one.axvline(ceiling, color=style.GREY, linestyle="--", linewidth=1)
                one.annotate(f"ln P = {ceiling:.2f}", (ceiling, 0.02), xycoords=("data", "axes fraction"), xytext=(-3, 0), textcoords="offset points", ha="right", fontsize=8, color=style.GREY)  # fmt: skip
    axes[0, 0].legend(ncols=2)
    return add_note(
        document, figure,
        f"Bins of 0.05, median of {notes.seeds(x)}; pale: early, dot: last epoch. Joint codes of layers this wide are saturated: every recording is alone in its bin, "
        "I(T;Y) is then H(Y) and says nothing. The slides' code pooled all scalars of a layer; dotted: the range of the slide's planes.",
    )  # fmt: skip


def maps_of(
    document: Document, experiment: str, layer: str, quantity: str, **where: Any
) -> list[tuple[str, pd.DataFrame]]:
    """Curves of the maps of a layer in order."""
    rows = document.curves(experiment, layer=layer, quantity=quantity, kind="point", **where)
    rows = rows[rows["part"].str.startswith("channel:")]
    return sorted(
        ((part, own.sort_values("epoch")) for part, own in rows.groupby("part")),
        key=lambda pair: int(pair[0].split(":")[1]),
    )


def map_planes(axes: Axes, document: Document, experiment: str, layer: str) -> None:
    """Planes of the maps of a layer, pooled binning."""
    x, y = (maps_of(document, experiment, layer, q, settings=POOLED) for q in ("H_T", "I_TY"))
    for (_, h), (_, i), colour in zip(x, y, colours(len(x)), strict=True):
        panels.plane(axes, h, i, colour, "")
    information_labels(axes)


@drawn_from(tables=["curves", "spectra"], experiments=["padova_tanh"])
def s16(document: Document) -> Figure:
    """Planes of single maps, tanh.

    Pooled binning within every map of the four convolutions.
    """
    figure, axes = style.new(2, 2, 6.8)
    for one, layer in zip(axes.flat, LAYERS, strict=True):
        map_planes(one, document, TANH, layer)
        one.set_title(rf"$T_{layer[1]}$: {len(maps_of(document, TANH, layer, 'H_T', settings=POOLED))} maps")
    return add_note(
        document,
        figure,
        "tanh, pooled bins of 0.05 within each map, median over seeds; pale: early, dot: last epoch; colours: maps in order.",
    )


@drawn_from(
    tables=["curves", "spectra"],
    experiments=["padova_tanh", "padova_full_batch", "padova_sgd", "padova_sgd_full_batch"],
)
def s17(document: Document) -> Figure:
    """Mini-batches and full batches.

    Layer 2 under Adam and plain gradient descent, and its maps under full batches.
    """
    figure, axes = style.new(1, 2, 4.0)
    runs = (
        (TANH, "mini-batch, Adam"),
        ("padova_full_batch", "full batch, Adam"),
        ("padova_sgd", "mini-batch, SGD"),
        ("padova_sgd_full_batch", "full batch, SGD"),
    )
    for k, (name, label) in enumerate(runs):
        x, y = (curve(document, name, "T2", q, settings=POOLED) for q in ("H_T", "I_TY"))
        panels.plane(axes[0, 0], x, y, style.LAYERS[f"T{k + 1}"], label)
    information_labels(axes[0, 0])
    axes[0, 0].set_title("Layer 2, tanh")
    axes[0, 0].legend()
    map_planes(axes[0, 1], document, "padova_full_batch", "T2")
    axes[0, 1].set_title("Maps of layer 2, full batch, Adam")
    return add_note(
        document, figure,
        "Pooled bins of 0.05; pale: early, dot: last epoch. Mini-batches of 256 for 100 epochs; full batches for 200, the same number of updates.",
    )  # fmt: skip


@drawn_from(tables=["curves", "history", "spectra"], experiments=["padova_resnet"])
def s18(document: Document) -> Figure:
    """The residual network.

    Block by block, around the average pooling, and map by map after it.
    """
    figure, axes = style.new(2, 2, 6.8)
    name = "padova_resnet"
    stages = ([f"R1.{k}" for k in range(1, 4)], [f"R2.{k}" for k in range(1, 5)], ["R2.4", "AvgPool"])
    titles = ("Stage 1, block by block", "Stage 2, block by block", "Before and after average pooling")
    for one, layers, title in zip(axes.flat, stages, titles, strict=False):
        for layer, colour in zip(layers, colours(len(layers)), strict=True):
            panels.plane(
                one, *(curve(document, name, layer, q, settings=POOLED) for q in ("H_T", "I_TY")), colour, layer
            )
        information_labels(one)
        one.set_title(title)
        one.legend()
    map_planes(axes[1, 1], document, name, "AvgPool")
    axes[1, 1].set_title("Maps after average pooling")
    return add_note(
        document, figure,
        f"Residual network, ReLU, pooled bins of 0.05, one seed; pale: early, dot: last epoch.{learning(document, name)}",
    )  # fmt: skip


@drawn_from(tables=["curves", "history", "spectra"], experiments=["padova_resnet"])
def s19(document: Document) -> Figure:
    """Max-pooling and stages.

    Whole layers of the residual network.
    """
    figure, axes = style.new(1, 2, 3.9)
    for one, layers, title in zip(
        axes[0],
        (["S", "MaxPool"], ["R1.3", "R2.4"]),
        ("Before and after max-pooling", "Ends of stages 1 and 2"),
        strict=True,
    ):
        for layer, colour in zip(layers, (style.LAYERS["T1"], style.LAYERS["T2"]), strict=True):
            label = {"S": "stem", "R1.3": "stage 1", "R2.4": "stage 2"}.get(layer, layer)
            panels.plane(
                one,
                *(curve(document, "padova_resnet", layer, q, settings=POOLED) for q in ("H_T", "I_TY")),
                colour,
                label,
            )
        information_labels(one)
        one.set_title(title)
        one.legend()
    return add_note(
        document,
        figure,
        "Residual network, ReLU, pooled bins of 0.05, one seed; pale: early, dot: last epoch. Max-pooling comes before the stages."
        + learning(document, "padova_resnet"),
    )


def learning(document: Document, experiment: str) -> str:
    """What a note says of a network whose training loss does not fall below its first value; nothing of others."""
    rows = pick(document.table("history"), experiment=experiment, metric="loss", split="train").sort_values("epoch")
    if rows["median"].iloc[1:].min() < rows["median"].iloc[0]:
        return ""
    return f" In these {rows['epoch'].iloc[-1]:.0f} epochs its training loss never falls below its first value: it has not learned yet."


# --- kernel estimates ------------------------------------------------------------------------------------------


def kernel_curves(document: Document, experiment: str) -> Figure:
    """Upper and lower kernel estimates of I(X;T) over training, a panel a layer."""
    figure, axes = style.new(2, 2, 5.8, sharex=True, sharey=True)
    for one, layer in zip(axes.flat, LAYERS, strict=True):
        for kind, line in (("upper", "-"), ("lower", "--")):
            rows = in_bits(curve(document, experiment, layer, "I_XT", kind=kind, settings=VARIANCE))
            panels.band(one, rows, style.LAYERS[layer], kind, linestyle=line)
        ceiling = float(rows["ceiling"].iloc[0])
        flat = (rows["flag"] == "saturated").mean()
        panels.level(one, ceiling, f"log2 P = {ceiling:.2f}")
        one.axhline(PUBLISHED_KDE, color=style.GREY, linestyle=":", linewidth=1)
        one.set_title(rf"$T_{layer[1]}$" + (f": {100 * flat:.0f} % saturated" if flat else ""))
        panels.epochs_axis(one, int(rows["epoch"].max()), log=False)
        one.set_ylim(0, 1.1 * max(ceiling, PUBLISHED_KDE))
    for row in (0, 1):
        axes[row, 0].set_ylabel(r"$I(X;T)$ (bits)")
        axes[0, row].set_xlabel("")
    axes[0, 0].legend(loc="lower right")
    return add_note(
        document, figure,
        f"{NAMES[experiment]}, noise variance 0.01, median and central 80 % of {notes.seeds(rows)}. Estimates of the mixture over the {int(rows['n'].iloc[0])} recordings, not bounds on a population's "
        "information. A curve at log2 P says that all recordings are apart, no more. Dotted: 8.0775 bits, the slides' plateau, which is that of 239 "
        "empty rows among 1000.",
    )  # fmt: skip


def in_bits(rows: pd.DataFrame) -> pd.DataFrame:
    """A curve in bits."""
    rows = rows.copy()
    for column in ("low", "median", "high", "ceiling"):
        rows[column] /= BIT
    return rows


@drawn_from(tables=["curves", "spectra"], experiments=["padova_relu"])
def s20(document: Document) -> Figure:
    """Kernel estimates, ReLU.

    Upper and lower kernel estimates of I(X;T), layers 1 to 4.
    """
    return kernel_curves(document, RELU)


@drawn_from(tables=["curves", "spectra"], experiments=["padova_tanh"])
def s21(document: Document) -> Figure:
    """Kernel estimates, tanh.

    Upper and lower kernel estimates of I(X;T), layers 1 to 4.
    """
    return kernel_curves(document, TANH)


@drawn_from(tables=["curves", "spectra"], experiments=["padova_relu", "padova_tanh"])
def s22(document: Document) -> Figure:
    """Entropy over its maximum.

    Kernel entropy of each layer divided by its largest value.
    """
    figure, axes = style.new(1, 2, 3.8, sharey=True)
    for one, name in zip(axes[0], (RELU, TANH), strict=True):
        for layer in LAYERS:
            rows = curve(document, name, layer, "I_XT", kind="upper", settings=VARIANCE)
            top = rows["median"].max()
            panels.band(
                one,
                rows.assign(**{c: rows[c] / top for c in ("low", "median", "high")}),
                style.LAYERS[layer],
                rf"$T_{layer[1]}$",
            )
        panels.epochs_axis(one, int(rows["epoch"].max()), log=False)
        one.set_title(NAMES[name])
    axes[0, 0].set_ylabel("H(T) above its noise, over its maximum")
    axes[0, 1].legend()
    return add_note(document, figure, f"Upper kernel estimate, noise variance 0.01, less the noise's entropy, divided by each layer's largest value; median and central 80 % of {notes.seeds(rows)}.")  # fmt: skip


@drawn_from(tables=["curves", "spectra"], experiments=["padova_relu", "padova_tanh"])
def s23(document: Document) -> Figure:
    """Planes of the kernel estimate.

    Information planes in bits, with the ceiling.
    """
    figure, axes = style.new(1, 2, 4.0)
    for one, name in zip(axes[0], (RELU, TANH), strict=True):
        for layer in LAYERS:
            x, y = (curve(document, name, layer, q, kind="upper", settings=VARIANCE) for q in ("I_XT", "I_TY"))
            panels.plane(one, x, y, style.LAYERS[layer], rf"$T_{layer[1]}$", BIT)
        information_labels(one, "I(X;T)", "bits")
        ceiling = float(x["ceiling"].iloc[0]) / BIT
        one.axvline(ceiling, color=style.GREY, linestyle="--", linewidth=1)
        one.axvline(PUBLISHED_KDE, color=style.GREY, linestyle=":", linewidth=1)
        one.set(
            title=NAMES[name],
            xlim=(0, 1.05 * max(ceiling, PUBLISHED_KDE)),
            ylim=(0, 1.1 * float(y["high"].max()) / BIT),
        )
    axes[0, 0].legend()
    return add_note(
        document,
        figure,
        f"Upper kernel estimates, noise variance 0.01, median of {notes.seeds(x)}; dashed: log2 P, dotted: the slides' plateau. Points on a ceiling are saturated, and their I(T;Y) is H(Y).",
    )


@drawn_from(tables=["history", "spectra"], experiments=["padova_relu", "padova_tanh"])
def s24(document: Document) -> Figure:
    """Training.

    Loss and accuracy on training recordings and on recordings of other artists.
    """
    figure, axes = style.new(2, 2, 5.6, sharex=True)
    for column, name in enumerate((RELU, TANH)):
        errors(axes[0, column], document, name, "loss", "cross-entropy (nats)", log=False)
        errors(axes[1, column], document, name, "accuracy", "accuracy", log=False)
        panels.level(axes[1, column], 1 / 8, "chance")
        for (split, ends), colour in zip(PLOTTED_ACCURACY[name].items(), style.CLASSES, strict=False):
            axes[1, column].axhspan(*ends, color=colour, alpha=0.15, linewidth=1.5, label=f"slides: {split}")
        axes[1, column].legend(loc="upper left", ncols=2, bbox_to_anchor=(0, 1.25))
        axes[0, column].set(title=NAMES[name], xlabel="")
        axes[1, column].set_ylim(0, 1.02)
    return add_note(
        document,
        figure,
        "Adam, learning rate 1e-3, batches of 256; median and central 80 % over seeds. Held out: validation and test recordings of other artists.",
    )


# --- nearest neighbours ----------------------------------------------------------------------------------------


def neighbours_beside_saxe(document: Document, audio: str, saxe: str) -> Figure:
    """k-NN entropies of the SimpleCNN, of the 12-bit network, and the sizes as published."""
    figure, axes = style.new(1, 3, 4.0, width_ratios=[1.2, 1.2, 1])
    for layer in LAYERS:
        rows = curve(document, audio, layer, "h_T")
        panels.band(axes[0, 0], rows, style.LAYERS[layer], rf"$T_{layer[1]}$")
    panels.epochs_axis(axes[0, 0], int(rows["epoch"].max()), log=False)
    axes[0, 0].set(title=f"SimpleCNN, {NAMES[audio]}", ylabel=r"$h(T)$ (nats)")
    axes[0, 0].legend()
    for layer in (f"T{k}" for k in range(1, 6)):
        other = curve(document, saxe, layer, "h_T")
        panels.band(axes[0, 1], other, style.LAYERS[layer], rf"$T_{layer[1]}$")
    panels.epochs_axis(axes[0, 1], int(other["epoch"].max()), log=True)
    axes[0, 1].set(title=f"12-bit task, {NAMES[audio]}", ylabel=r"$h(T)$ (nats)")
    axes[0, 1].legend(ncols=2)
    _published_sizes(axes[0, 2], document)
    return add_note(
        document, figure,
        f"Kozachenko–Leonenko entropy, k = 2, median and central 80 % of {notes.seeds(rows)} (12-bit task: {notes.seeds(other)}). Right: with 239 empty rows, tanh after two epochs, "
        "against the values on the slides; the empty rows make them.", music_panels=(axes[0, 0], axes[0, 2]),
    )  # fmt: skip


def _published_sizes(axes: Axes, document: Document) -> None:
    """Bars: the slides' values, what 239 empty rows give, and the run as published."""
    detail = document.claims.loc[document.claims["id"] == "V-003-7n", "detail"].iloc[0]
    found = json.loads(detail)
    layers = [k for k in LAYERS if k in found]
    for k, (key, label) in enumerate(
        (("published", "slides"), ("empty_rows", "empty rows alone"), ("ours", "ours, as published"))
    ):
        values = [-found[layer][key] / 1000 for layer in layers]
        axes.bar(np.arange(len(layers)) + 0.27 * (k - 1), values, 0.25, color=style.LAYERS[f"T{k + 1}"], label=label)
    axes.set_xticks(range(len(layers)), [rf"$T_{layer[1]}$" for layer in layers])
    axes.set(ylabel="−h(T), thousands, the slides' unit", title="As published")
    axes.grid(axis="x", visible=False)
    axes.legend(fontsize=8)


def neighbours_by_layer(document: Document, experiment: str) -> Figure:
    """k-NN entropy, a panel a layer."""
    figure, axes = style.new(2, 2, 5.6, sharex=True)
    for one, layer in zip(axes.flat, LAYERS, strict=True):
        rows = curve(document, experiment, layer, "h_T")
        panels.band(one, rows, style.LAYERS[layer], "")
        panels.epochs_axis(one, int(rows["epoch"].max()), log=False)
        dimension = json.loads(rows["settings"].iloc[0])["d"]
        one.set(title=rf"$T_{layer[1]}$, d = {dimension}", ylabel=r"$h(T)$ (nats)")
    for one in axes[0]:
        one.set_xlabel("")
    return add_note(
        document,
        figure,
        f"{NAMES[experiment]}, Kozachenko–Leonenko entropy, k = 2, median and central 80 % of {notes.seeds(rows)}; no empty rows.",
    )


def neighbours_of_maps(document: Document, experiment: str) -> Figure:
    """k-NN entropy of the maps of the first layer in two runs."""
    figure, axes = style.new(1, 2, 3.8, sharey=True)
    maps = maps_of(document, experiment, "T1", "h_T")
    for k, one in enumerate(axes[0]):
        for (part, rows), colour in zip(maps, colours(len(maps)), strict=True):
            if f"seed{k}" in rows:
                one.plot(
                    rows["epoch"],
                    rows[f"seed{k}"],
                    color=colour,
                    marker="o",
                    markersize=3,
                    label=f"map {int(part.split(':')[1]) + 1}",
                )
        panels.epochs_axis(one, int(maps[0][1]["epoch"].max()), log=False)
        one.set_title(f"run {k + 1}")
    axes[0, 0].set_ylabel(r"$h(T)$ of a map (nats)")
    axes[0, 1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return add_note(
        document, figure, f"{NAMES[experiment]}, first convolution, Kozachenko–Leonenko entropy, k = 2; two seeds."
    )


@drawn_from(tables=["curves", "spectra"], experiments=["padova_tanh", "saxe_tanh", "padova_published"])
def s25(document: Document) -> Figure:
    """k-NN entropies, tanh.

    The four convolutions, the 12-bit network, and what 239 empty rows do to the published values.
    """
    return neighbours_beside_saxe(document, TANH, "saxe_tanh")


@drawn_from(tables=["curves", "spectra"], experiments=["padova_tanh"])
def s26(document: Document) -> Figure:
    """k-NN entropies layer by layer, tanh.

    One panel a layer, no empty rows.
    """
    return neighbours_by_layer(document, TANH)


@drawn_from(tables=["curves", "spectra"], experiments=["padova_tanh"])
def s27(document: Document) -> Figure:
    """k-NN entropies of maps, tanh.

    The four maps of the first convolution in two runs.
    """
    return neighbours_of_maps(document, TANH)


@drawn_from(tables=["curves", "spectra"], experiments=["padova_relu", "saxe_relu", "padova_published"])
def s28(document: Document) -> Figure:
    """k-NN entropies, ReLU.

    The four convolutions, the 12-bit network, and what 239 empty rows do to the published values.
    """
    return neighbours_beside_saxe(document, RELU, "saxe_relu")


@drawn_from(tables=["curves", "spectra"], experiments=["padova_relu"])
def s29(document: Document) -> Figure:
    """k-NN entropies layer by layer, ReLU.

    One panel a layer, no empty rows.
    """
    return neighbours_by_layer(document, RELU)


@drawn_from(tables=["curves", "spectra"], experiments=["padova_relu"])
def s30(document: Document) -> Figure:
    """k-NN entropies of maps, ReLU.

    The four maps of the first convolution in two runs.
    """
    return neighbours_of_maps(document, RELU)
