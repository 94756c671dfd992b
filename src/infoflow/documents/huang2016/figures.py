"""Figures of huang2016: accuracy and information of rate–distortion networks on contexts of emotional speech."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoflow.documents.huang2016.constants import RD, TUNED
from infoflow.plotting import notes, panels, schematics, style
from infoflow.plotting.document import Document, drawn_from, pick

COLOURS = {"X1": style.LAYERS["T1"], "X2": style.LAYERS["T4"], "ua": style.LAYERS["T3"]}
NAMES = {"X1": r"hidden layer $X^1$", "X2": r"softmax output $X^2$"}
METHODS = {
    "rate": (RD, "rate–distortion", style.LAYERS["T1"]),
    "l1": ("huang_l1", "l1", style.LAYERS["T2"]),
    "l2": ("huang_l2", "l2", style.LAYERS["T3"]),
    "dropout": ("huang_dropout", "dropout", style.LAYERS["T4"]),
}


@drawn_from(experiments=["huang_rd"])
def f1(document: Document) -> Figure:
    """The layered network.

    The feed-forward network of the rate–distortion objective, drawn from the config's layer list.
    """
    layers = document.settings.models[RD].layers
    figure, axes = schematics.canvas(2.9)
    xs = np.linspace(1.0, style.WIDTH - 1.0, len(layers))
    last = len(layers) - 1
    for k, (x, units) in enumerate(zip(xs, layers, strict=True)):
        name = "$X = X^0$" if k == 0 else rf"$X^{k} = \hat Y$" if k == last else f"$X^{k}$"
        role = (
            "context vector"
            if k == 0
            else "softmax"
            if k == last
            else schematics.NAMES[document.settings.models[RD].activations[k - 1]]
        )
        colour = "white" if k == 0 else (*COLOURS["X1" if k < last else "X2"], 0.25)
        schematics.box(axes, x, 1.75, name, colour, width=1.5, height=0.8)
        axes.text(x, 1.1, f"{units} units, {role}", ha="center", fontsize=9, color=style.GREY)
        if k:
            schematics.arrow(axes, (xs[k - 1] + 0.8, 1.75), (x - 0.8, 1.75))
            middle = (xs[k - 1] + x) / 2
            axes.text(middle, 1.87, rf"$W^{k}, b^{k}$", ha="center", fontsize=10)
    axes.text(
        style.WIDTH / 2, 0.35, r"loss  $\sum_\ell I_\alpha(X; X^\ell) + \beta\,\mathrm{CE}(Y, \hat Y)$", ha="center", fontsize=12,
    )  # fmt: skip
    axes.set_title("Layered feed-forward network of the rate–distortion objective")
    return figure


@drawn_from(experiments=["huang_encoder"])
def f2(document: Document) -> Figure:
    """The encoder–decoder.

    A bidirectional LSTM reads the descriptors of an utterance; the mean of its states is the context that the
    decoder and, frozen, the rate–distortion network read.
    """
    model = document.settings.models["huang_encoder"]
    figure, axes = schematics.canvas(4.3)
    xs = [1.1, 2.7, 4.3, 6.3]
    for x, label in zip(xs, ("1", "2", "3", "T"), strict=True):
        schematics.box(axes, x, 0.7, f"$x_{label}$", "white", width=0.9)
        schematics.box(axes, x, 2.1, f"$h_{label}$", (*style.LAYERS["T1"], 0.25), width=0.9)
        schematics.arrow(axes, (x, 1.05), (x, 1.75))
        schematics.arrow(axes, (x, 2.45), (6.3 if x == 6.3 else x + 0.3, 3.25))
    for a, b in zip(xs, xs[1:], strict=False):
        schematics.arrow(axes, (a + 0.5, 2.2), (b - 0.5, 2.2))
        schematics.arrow(axes, (b - 0.5, 2.0), (a + 0.5, 2.0))
    axes.text(5.3, 0.7, "…", ha="center", va="center", fontsize=14)
    axes.text(5.3, 2.45, "…", ha="center", va="center", fontsize=14)
    schematics.box(axes, 3.9, 3.6, r"context $c = \frac{1}{T}\sum_i h_i$", "0.92", width=5.6)
    schematics.box(axes, 8.6, 3.6, "$s_1$", (*style.LAYERS["T4"], 0.25), width=0.9)
    schematics.box(axes, 8.6, 2.1, "$y_1$", "white", width=0.9)
    schematics.arrow(axes, (6.8, 3.6), (8.05, 3.6))
    schematics.arrow(axes, (8.6, 3.25), (8.6, 2.45))
    axes.text(7.0, 0.7, "28 descriptors a frame", va="center", fontsize=9, color=style.GREY)
    axes.text(0.65, 0.12, f"encoder: BLSTM, {model.hidden} cells a direction", fontsize=9, color=style.GREY)
    axes.text(8.6, 2.98, f"decoder: MLP, {model.decoder} units", ha="center", fontsize=9, color=style.GREY,
              bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
    axes.set_title("Encoder–decoder; here the label sequence has length 1, so that the decoder is an MLP")
    return figure


@drawn_from(tables=["corpus", "folds", "ratios"], experiments=["huang_encoder", "huang_rd"])
def f3(document: Document) -> Figure:
    """Accuracy and information against the trade-off.

    Unweighted accuracy, and the information of both layers about the context vectors over the entropy of these,
    at n = 64 and 256, as published and with the loss divided by 1 + β. In the default run the encoder trains 16
    epochs (in full: 50) on synthesised speech where IEMOCAP is not at hand.
    """
    folds, ratios = document.table("folds"), document.table("ratios")
    sizes = sorted(pick(ratios, on="train", width="fixed")["n"].unique())
    figure, axes = style.new(2, 2, 7.2, sharex=True, sharey="row")
    encoder = pick(folds, experiment="huang_encoder")
    last, chosen = (_per_fold(encoder, column).mean() for column in ("last", "ua"))
    for column, variant in enumerate(("as_published", "corrected")):
        top, bottom = axes[:, column]
        rows = pick(folds, experiment=RD, variant=variant)
        grid = sorted(rows["setting"].unique())
        _curve(top, rows, grid, "last", COLOURS["ua"], "rate–distortion network")
        top.axhline(last, color="black", linestyle=":", linewidth=1.2, label=f"encoder–decoder, {last:.1f} %")
        panels.level(top, 25.0, "chance")
        for layer in ("X1", "X2"):
            for n, line, mark in zip(sizes, ("-", "--"), ("o", "s"), strict=False):
                own = pick(
                    ratios, experiment=RD, variant=variant, layer=layer, on="train", n=n, width="fixed", trained=True
                )
                _curve(
                    bottom,
                    own,
                    grid,
                    "ratio",
                    COLOURS[layer],
                    f"{NAMES[layer]}, n = {n}",
                    line,
                    mark,
                    band=n == sizes[0],
                )
        panels.level(bottom, 1.0, "ceiling S(K)")
        loss = "Loss as published, fixed step" if variant == "as_published" else r"Corrected: loss divided by $1+\beta$"
        top.set_title(loss)
        _trade_off_axis(bottom, grid)
    axes[0, 0].set(ylabel="unweighted accuracy (%)", ylim=(15, 100))
    axes[0, 1].legend(loc="lower right", bbox_to_anchor=(1.0, 0.18))
    axes[1, 0].set(ylabel=r"$I_2(X^\ell; X)\,/\,S_2(K)$", ylim=(-0.02, 1.1))
    axes[1, 1].legend(loc="upper left", bbox_to_anchor=(0.0, 0.93), ncols=1)
    notes.note(figure, f"{_about(document)} Mean over the folds of speakers held out; bands: the central 80 % of folds (ratios: n = {sizes[0]}), on training contexts. All accuracies are of the last epoch; chosen on the validating speaker, of few utterances, the encoder–decoder has {chosen:.1f} %. In the document 37 is the chosen trade-off, with 52.54 % UA, and 52.86 % for the encoder–decoder.")  # fmt: skip
    return figure


@drawn_from(
    tables=["corpus", "folds", "ratios"],
    experiments=["huang_encoder", "huang_rd", "huang_l1", "huang_l2", "huang_dropout", "huang_wide", "huang_logistic"],
)
def e1(document: Document) -> Figure:
    """The rate against l1, l2 and dropout.

    Future work named in the document: each penalty tuned over eight strengths on the validating speaker, the
    accuracy on the tested one, and the information that the layers keep.
    """
    folds, ratios = document.table("folds"), document.table("ratios")
    figure, axes = style.new(1, 2, 4.6, width_ratios=[1, 1.25])
    bars, plane = axes[0]
    names, values, colours = [], [], []
    for _, (experiment, name, colour) in METHODS.items():
        rows = pick(folds, experiment=experiment, variant="corrected" if experiment == RD else "")
        rows = rows[rows["setting"].isin(TUNED)] if experiment == RD else rows
        values.append(_tuned(rows).to_numpy())
        names.append(f"{name}, tuned")
        colours.append(colour)
    plain = pick(folds, experiment=RD, variant="corrected")
    for name, rows in (
        ("cross-entropy, 64 units", plain[np.isinf(plain["setting"])]),
        ("cross-entropy, 128 units", pick(folds, experiment="huang_wide")),
        ("logistic regression", pick(folds, experiment="huang_logistic")),
        ("encoder–decoder", pick(folds, experiment="huang_encoder")),
    ):
        values.append(_per_fold(rows, "ua").to_numpy())
        names.append(name)
        colours.append(style.GREY)
    for k, (value, colour) in enumerate(zip(values, colours, strict=True)):
        bars.scatter(
            value,
            np.full(len(value), k) + np.linspace(-0.18, 0.18, len(value)),
            s=10,
            color=colour,
            alpha=0.45,
            linewidth=0,
        )
        error = value.std(ddof=1) / math.sqrt(len(value)) if len(value) > 1 else 0.0
        bars.errorbar(value.mean(), k, xerr=error, color=colour, marker="D", markersize=6, capsize=3)
    bars.set_yticks(range(len(names)), names)
    bars.invert_yaxis()
    bars.set(xlabel="UA of the test speaker (%)", title="Best on the validating speaker")
    for _, (experiment, name, colour) in METHODS.items():
        variant = "corrected" if experiment == RD else ""
        ua = pick(folds, experiment=experiment, variant=variant).groupby("setting")["ua"].mean()
        own = pick(ratios, experiment=experiment, variant=variant, on="train", n=64, width="fixed", trained=True)
        for layer, mark in (("X1", "o"), ("X2", "^")):
            ratio = own[own["layer"] == layer].groupby("setting")["ratio"].mean()
            finite = [s for s in ua.index if math.isfinite(s)]
            plane.plot(
                ratio[finite],
                ua[finite],
                color=colour,
                marker=mark,
                markersize=5,
                linewidth=1,
                label=name if layer == "X1" else None,
            )
    ua = pick(folds, experiment=RD, variant="corrected", setting=math.inf)["ua"].mean()
    own = pick(
        ratios, experiment=RD, variant="corrected", on="train", n=64, width="fixed", trained=True, setting=math.inf
    )
    for layer, mark in (("X1", "o"), ("X2", "^")):
        label = "cross-entropy alone" if layer == "X1" else None
        plane.plot(
            own[own["layer"] == layer]["ratio"].mean(),
            ua,
            color="black",
            marker=mark,
            markersize=8,
            linestyle="",
            label=label,
        )
    plane.set(
        xlabel=r"$I_2(X^\ell; X)\,/\,S_2(K)$, n = 64 (○ hidden, △ output)",
        ylabel="UA of the test speaker (%)",
        title="Accuracy and information of every setting",
    )
    plane.legend(loc="best")
    notes.note(figure, f"{_about(document)} Eight values of each strength, repeats averaged; diamonds: mean and standard error over folds, dots: folds. Right: means over folds, one marker a strength.")  # fmt: skip
    return figure


@drawn_from(tables=["corpus", "folds", "over_time"], experiments=["huang_recurrent"])
def e2(document: Document) -> Figure:
    """A rate–distortion recurrent network.

    Future work named in the document: accuracy, and the information of the recurrent states about the frames over
    time. In the default run 8 epochs on five folds.
    """
    folds, time = document.table("folds"), document.table("over_time")
    rows = pick(folds, experiment="huang_recurrent")
    grid = sorted(rows["setting"].unique())
    figure, axes = style.new(1, 2, 4.4, width_ratios=[1, 1.3])
    _curve(axes[0, 0], rows, grid, "ua", COLOURS["ua"], "recurrent network with the rate over time")
    _trade_off_axis(axes[0, 0], grid)
    axes[0, 0].set(ylabel="UA of the test speaker (%)", title="Accuracy")
    panels.level(axes[0, 0], 25.0, "chance")
    shades = sns.color_palette("viridis", len(grid))
    for shade, beta in zip(shades, grid, strict=True):
        own = pick(time, trade_off=beta, trained=True).groupby("share")["ratio"]
        label = "plain" if math.isinf(beta) else f"β = {beta:g}"
        axes[0, 1].plot(own.mean().index, own.mean(), color=shade, marker="o", markersize=4, label=label)
        axes[0, 1].fill_between(
            own.mean().index, own.quantile(0.1), own.quantile(0.9), color=shade, alpha=0.15, linewidth=0
        )
    untrained = pick(time, trained=False).groupby("share")["ratio"].mean()
    axes[0, 1].plot(untrained.index, untrained, color=style.GREY, linestyle=":", label="untrained")
    top = 1.3 * axes[0, 1].dataLim.y1  # room for the legend
    axes[0, 1].set(
        xlabel="place in the utterance, t/T",
        ylabel=r"$I_2(H_t; X_t)\,/\,S_2(X_t)$",
        title="Information of the states about the frames",
        ylim=(0, top),
    )
    axes[0, 1].legend(ncols=3, loc="upper right")
    count = rows["fold"].nunique()
    notes.note(figure, f"{_about(document)} {count} folds, n = 64; bands: the central 80 % of folds. The loss is the information at eight places in time, averaged, plus β times the cross-entropy, over 1 + β.")  # fmt: skip
    return figure


@drawn_from(tables=["corpus", "scales"], experiments=["huang_encoder"])
def x1(document: Document) -> Figure:
    """The corpus and the scale of the contexts.

    Utterances of each class beside the document's counts, and the entropy of the context vectors' Gram matrix at
    three scales: raw means saturate the kernel.
    """
    corpus, scales = document.table("corpus"), document.table("scales")
    figure, axes = style.new(1, 2, 3.8)
    classes = pick(corpus, kind="class").sort_values("name")
    x = np.arange(len(classes))
    axes[0, 0].bar(x, classes["count"], 0.6, color=style.LAYERS["T1"])
    for k, count in enumerate(classes["count"]):
        axes[0, 0].annotate(f"{count:.0f}", (k, count), ha="center", va="bottom", fontsize=9)
    if classes["stated"].notna().any():
        axes[0, 0].scatter(x, classes["stated"], color="black", marker="_", s=500, label="in the document")
        axes[0, 0].legend()
    axes[0, 0].set_xticks(x, classes["name"])
    axes[0, 0].set(ylabel="utterances", title="Classes", ylim=(0, 1.15 * classes["count"].max()))
    colours = [style.LAYERS["T4"] if taken else style.LAYERS["T1"] for taken in scales["taken"]]
    axes[0, 1].bar(range(len(scales)), scales["saturation"], 0.6, color=colours)
    for k, value in enumerate(scales["saturation"]):
        axes[0, 1].annotate(f"{value:.3f}", (k, value), ha="center", va="bottom", fontsize=9)
    axes[0, 1].axhspan(0.3, 0.95, color="0.92", zorder=0, linewidth=0)
    names = {"none": "raw means", "unit_norm": "unit length", "zscore": r"z-score$/\sqrt{d}$"}
    axes[0, 1].set_xticks(range(len(scales)), [names[name] for name in scales["scale"]])
    axes[0, 1].set(
        ylabel=r"$S_2(K)\,/\,\log_2 64$", title=r"Scale of the contexts under $\sigma^2 = 0.2$", ylim=(0, 1.1)
    )
    notes.note(figure, f"{_about(document)} Right: mean over folds and batches of training contexts; the grey band is where the kernel tells samples apart without isolating them; coloured: taken.")  # fmt: skip
    return figure


# --- shared ------------------------------------------------------------------------------------------------


def _about(document: Document) -> str:
    """What speech a figure was made from."""
    corpus = document.table("corpus")
    count = int(pick(corpus, kind="class")["count"].sum())
    return (
        f"Data: {corpus['source'].iloc[0]}, {count} utterances{' (a stand-in)' if corpus['stand_in'].iloc[0] else ''}."
    )


def _per_fold(rows: pd.DataFrame, column: str) -> pd.Series:
    return rows.groupby("fold")[column].mean()


def _tuned(rows: pd.DataFrame) -> pd.Series:
    """UA by fold at the setting that is best on the validating speaker."""
    means = rows.groupby(["fold", "setting"])[["valid", "ua"]].mean().reset_index()
    return means.loc[means.groupby("fold")["valid"].idxmax()].set_index("fold")["ua"]


def _curve(axes: Axes, rows: pd.DataFrame, grid: list[float], column: str, colour: Any, label: str, line: str = "-", mark: str = "o", band: bool = True) -> None:  # fmt: skip
    """Mean over folds against the trade-off's place on the grid, and the central 80 % of folds as a band."""
    table = rows.pivot_table(index="fold", columns="setting", values=column)[grid]
    x = np.arange(len(grid))
    axes.plot(x, table.mean(), color=colour, linestyle=line, marker=mark, markersize=4, label=label)
    if band and len(table) > 1:
        axes.fill_between(x, table.quantile(0.1), table.quantile(0.9), color=colour, alpha=0.18, linewidth=0)


def _trade_off_axis(axes: Axes, grid: list[float]) -> None:
    axes.set_xticks(range(len(grid)), ["∞" if math.isinf(b) else f"{b:g}" for b in grid])
    axes.set_xlabel("trade-off β (∞: cross-entropy alone)")
