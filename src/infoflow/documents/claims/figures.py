"""Figures of the comparison: every estimator on every network."""

from __future__ import annotations

import math
import re
import textwrap

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from infoflow.plotting import notes, style
from infoflow.plotting.document import Document, drawn_from
from infoflow.verdicts.comparison import ESTIMATES, EXACT, INFORMATION

SHORT = {
    "scalar_chain": "exact", "linear_gaussian": "exact", "linearised": "exact", "quantised": "8 bits", "kde": "KDE", "binning": "bins",
    "knn": "k-NN", "renyi": "Rényi",
}  # fmt: skip
COLUMNS = ("exact", "8 bits", "KDE", "bins", "k-NN", "Rényi")
DEEPEST = 6  # layers of a network that have a place
STRONG = 2.0  # nats: a larger fall has the same colour


def _empty() -> Figure:
    """In place of a figure for which a run has no trajectory: one document alone, or too few snapshots."""
    figure, axes = style.new(1, 1, 1.2)
    axes[0, 0].set_axis_off()
    says = "Nothing to compare: no layer of this run has estimates at four snapshots or more."
    axes[0, 0].text(0.5, 0.5, says, ha="center", va="center", color=style.GREY)
    return figure


@drawn_from(tables=["matrix"])
def c1(document: Document) -> Figure:
    """Every estimator on every network.

    Fall of what a layer keeps of its input, from its peak to the end of training: a row a network, a block of columns an estimator, its
    layers from left to right. Grey: not estimated; crosses: most values are flagged.
    """
    table = document.table("matrix")
    rows = table[
        table["shown"]
        & table["family"].isin(list(INFORMATION))
        & ~(table["experiment"] + table["point"]).str.contains("shuffled|noiseless|step")
    ]
    rows = rows.assign(column=rows["family"].map(SHORT))
    networks = list(
        rows.drop_duplicates(["document", "experiment", "point"])[["document", "experiment", "point"]].itertuples(
            index=False
        )
    )
    if not networks:
        return _empty()
    cells = np.full((len(networks), DEEPEST * len(COLUMNS)), math.nan)
    flagged = np.zeros_like(cells, bool)
    for k, network in enumerate(networks):
        own = rows[(rows["experiment"] == network.experiment) & (rows["point"] == network.point)]
        places = {layer: n for n, layer in enumerate(own.sort_values("depth")["layer"].unique()[:DEEPEST])}
        for row in own[own["layer"].isin(list(places))].itertuples():
            at = DEEPEST * COLUMNS.index(row.column) + places[row.layer]
            if math.isnan(cells[k, at]):
                cells[k, at], flagged[k, at] = row.fall, row.flagged > 0.5
    figure, axes = style.new(1, 1, 1.4 + 0.17 * len(networks))
    one = axes[0, 0]
    colours = sns.color_palette("vlag", as_cmap=True).with_extremes(bad="0.9")
    image = one.imshow(cells, cmap=colours, vmin=-STRONG, vmax=STRONG, aspect="auto", interpolation="nearest")
    one.plot(*np.nonzero(flagged)[::-1], "x", color="0.25", markersize=2.5, markeredgewidth=0.6)
    for edge in range(1, len(COLUMNS)):
        one.axvline(DEEPEST * edge - 0.5, color="white", linewidth=3)
    changes = [k for k in range(1, len(networks)) if networks[k].document != networks[k - 1].document]
    for k in changes:
        one.axhline(k - 0.5, color="white", linewidth=3)
    one.set_xticks([DEEPEST * (k + 0.5) - 0.5 for k in range(len(COLUMNS))], COLUMNS)
    one.xaxis.tick_top()
    one.set_yticks(range(len(networks)), [_name(n.experiment, n.point) for n in networks], fontsize=6)
    one.tick_params(length=0)
    one.grid(visible=False)
    figure.colorbar(
        image, ax=one, orientation="horizontal", fraction=0.02, pad=0.01, label="fall (nats), red: the layer forgets"
    )
    notes.note(figure, f"Median over seeds. At most {DEEPEST} layers of a network; colours end at {STRONG:g} nats.")
    return figure


def _name(experiment: str, point: str) -> str:
    """Name of a network that fits beside a row."""
    values = re.sub(r"(?:^|\.)[a-z_]+~", " · ", point)  # of the axes, without their names
    return experiment if point == "base" else f"{experiment} · {values.removeprefix(' · ')}"


@drawn_from(tables=["agreement", "matrix"])
def c2(document: Document) -> Figure:
    """How far estimators agree.

    Left: rank correlation of the trajectories of two estimators in a layer, the median over layers. Right: in how many layers both
    say the same of compression.
    """
    agreement, table = document.table("agreement"), document.table("matrix")
    names = [f for f in INFORMATION if f in {*agreement["first"], *agreement["second"]}]
    if not names:
        return _empty()
    shown = table[table["shown"].astype(bool) & table["family"].isin(names)]
    falls = shown.pivot_table(index=["experiment", "point", "layer"], columns="family", values="falls")
    rho, same = (pd.DataFrame(math.nan, names, names) for _ in range(2))
    for (first, second), rows in agreement.groupby(["first", "second"]):
        rho.loc[first, second] = rho.loc[second, first] = rows["rho"].median()
        both = falls[[first, second]].dropna() > 0.5
        same.loc[first, second] = same.loc[second, first] = (
            (both[first] == both[second]).mean() if len(both) else math.nan
        )
    figure, axes = style.new(1, 2, 4.6)
    labels = [name.replace("_", " ") for name in names]
    for one, values, title, low in zip(
        axes.flat, (rho, same), ("(a) rank correlation", "(b) same answer"), (-1, 0), strict=True
    ):
        sns.heatmap(
            values.to_numpy(float), ax=one, vmin=low, vmax=1, cmap="vlag" if low else "Blues", annot=True, fmt=".2f", cbar=False, square=True,
            xticklabels=labels, yticklabels=labels, annot_kws={"fontsize": 8}, linewidths=1,
        )  # fmt: skip
        one.set_title(title)
        one.tick_params(axis="x", rotation=60)
        one.tick_params(axis="y", rotation=0)
        one.set_facecolor("0.9")
    notes.note(
        figure,
        f"{len(agreement.drop_duplicates(['experiment', 'point', 'layer']))} layers of {len(agreement.drop_duplicates(['experiment', 'point']))} networks.",
    )
    return figure


@drawn_from(tables=["answers"])
def c3(document: Document) -> Figure:
    """What the documents disagree on.

    Each number with its 95 % interval over networks, drawn with all their layers.
    """
    answers = document.table("answers")
    answers = answers[answers["layers"] > 0]
    if answers.empty:
        return _empty()
    figure, axes = style.new(1, 1, 1.2 + 0.5 * len(answers))
    one = axes[0, 0]
    at = np.arange(len(answers))[::-1]
    ends = np.abs(answers[["low", "high"]].to_numpy(float).T - answers["value"].to_numpy(float))
    one.errorbar(answers["value"], at, xerr=np.nan_to_num(ends), fmt="o", color=style.PALETTE[0], capsize=3)
    asked = ""
    for place, row in zip(at, answers.itertuples(), strict=True):
        if row.question != asked:
            one.text(-1.05, place + 0.38, row.question, ha="left", va="center", fontsize=9, fontweight="bold")
        asked = row.question
    labels = [textwrap.fill(f"{row.what} ({row.networks} networks)", 40) for row in answers.itertuples()]
    one.set_yticks(at, labels, fontsize=8)
    one.axvline(0, color=style.GREY, linewidth=0.8)
    one.set(xlim=(-1.05, 1.05), ylim=(-0.6, len(at) - 0.3), xlabel="share, or rank correlation")
    return figure


@drawn_from(tables=["believed"])
def c4(document: Document) -> Figure:
    """What a reader of one document would believe.

    Share of a document's layers that compress, by estimator; filled: the document's own.
    """
    table = document.table("believed")
    documents = list(dict.fromkeys(table["document"]))
    if not documents:
        return _empty()
    figure, axes = style.new(1, 1, 3.4)
    one = axes[0, 0]
    for k, family in enumerate(f for f in (*EXACT, *ESTIMATES) if f in set(table["family"])):
        rows = table[table["family"] == family]
        at = [documents.index(name) + 0.08 * (k - 3.5) for name in rows["document"]]
        colour = sns.color_palette("colorblind", 8)[k]
        one.plot([], [], "o", color=colour, label=family.replace("_", " "))
        for x, share, own in zip(at, rows["share"], rows["own"], strict=True):
            one.plot(x, share, "o", color=colour, markerfacecolor=colour if own else "white")
    one.set_xticks(range(len(documents)), documents)
    one.set(ylabel="share of layers that compress", xlim=(-0.5, len(documents) - 0.5), ylim=(-0.03, 1.03))
    one.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure
