"""Figures of the benchmark of truth: where each estimator can be trusted, where it saturates, what it costs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from infoflow.plotting import notes, style
from infoflow.plotting.document import Document, drawn_from, pick
from infoflow.truth.detection import REGIMES
from infoflow.verdicts import detection

TICKS = [-5, -1, -0.1, 0, 0.1, 1, 5]  # nats, of departures
SATURATED = 0.98  # of the ceiling; beyond, a value tells of n and the width
COLOURS = dict(zip(("knn", "binning", "renyi", "kde", "renyi2", "exact"), sns.color_palette("colorblind"), strict=False))  # fmt: skip
FAMILIES = [
    "gaussian", "additive", "mixture", "heavy-tailed", "twisted", "discrete-continuous",
    "linear-Gaussian layer", "scalar noisy net", "injective maps", "12-bit net", "quantised net",
]  # fmt: skip


class Look(NamedTuple):
    """How an estimator is named and drawn in every figure."""

    label: str
    group: str  # variables, labels, layer or levels: what it takes
    colour: Any
    line: str
    marker: str


LOOKS = {
    "ksg_1": Look("KSG 1", "variables", COLOURS["knn"], "-", "o"),
    "ksg_2": Look("KSG 2", "variables", COLOURS["knn"], "--", "s"),
    "binning_pair": Look("binning", "variables", COLOURS["binning"], "-", "D"),
    "renyi_narrow": Look("Rényi 1.01, narrow", "variables", COLOURS["renyi"], "-", "^"),
    "renyi_median": Look("Rényi 1.01, median", "variables", COLOURS["renyi"], "--", "v"),
    "renyi2_narrow": Look("Rényi 2, narrow", "variables", COLOURS["renyi2"], "-", "<"),
    "renyi2_median": Look("Rényi 2, median", "variables", COLOURS["renyi2"], "--", ">"),
    "ross": Look("Ross, labels", "labels", COLOURS["knn"], ":", "P"),
    "binning_fine": Look("fine binning, labels", "labels", COLOURS["binning"], "--", "p"),
    "binning_coarse": Look("coarse binning, labels", "labels", COLOURS["binning"], ":", "h"),
    "kde_label_upper": Look("KDE upper, labels", "labels", COLOURS["kde"], "-.", "X"),
    "kde_label_rigorous_lower": Look("KDE rigorous lower, labels", "labels", COLOURS["kde"], ":", "d"),
    "kde_upper": Look("KDE upper, layer", "layer", COLOURS["kde"], "-", "*"),
    "kde_lower": Look("KDE lower, layer", "layer", COLOURS["kde"], "--", "8"),
    "propagation": Look("sample propagation", "layer", COLOURS["exact"], "-", "H"),
    "counting": Look("counting", "levels", COLOURS["exact"], "--", "."),
}


@drawn_from(tables=["truth"])
def t1(document: Document) -> Figure:
    """Bias of every estimator on every task.

    Estimate minus truth (nats, mean over seeds) at the largest number of samples that each estimator ran on.
    Hatched: within 2 % of the estimator's ceiling, where the value tells of n and not of the variables.
    """
    rows = averaged(at_largest(document.table("truth")))
    tasks = rows.drop_duplicates("task")
    tasks = tasks.assign(family=pd.Categorical(tasks["family"], in_order(tasks))).sort_values(
        ["family", "truth", "task"]
    )
    estimators = [name for name in LOOKS if name in set(rows["estimator"])]
    errors = rows.pivot(index="task", columns="estimator", values="error").loc[tasks["task"], estimators]
    figure, axes = style.new(1, 1, 1.9 + 0.215 * len(tasks))
    one: Axes = axes[0, 0]
    image = one.pcolormesh(errors, cmap="RdBu_r", norm=SymLogNorm(0.1, vmin=-5, vmax=5), rasterized=True)
    one.set_facecolor("0.93")
    one.grid(False)
    for (i, j), error in np.ndenumerate(errors.to_numpy()):
        if np.isfinite(error):
            text = f"{error:.1f}" if abs(error) >= 9.95 else f"{error:.2f}"
            one.text(j + 0.5, i + 0.52, minus(text), ha="center", va="center", fontsize=8, color=ink(error))
    for row in rows[rows["saturated"]].itertuples():
        corner = estimators.index(row.estimator), errors.index.get_loc(row.task)
        options = {"hatch": "///", "edgecolor": ink(row.error), "alpha": 0.55, "linewidth": 0}
        one.add_patch(Rectangle(corner, 1, 1, fill=False, **options))
    families(one, tasks, len(estimators))
    groups = [LOOKS[name].group for name in estimators]
    for j in range(1, len(groups)):
        if groups[j] != groups[j - 1]:
            one.axvline(j, color="0.3", linewidth=1)
    sizes = rows.groupby("estimator")["n"].max()
    labels = [LOOKS[e].label + (f" (n = {sizes[e]})" if sizes[e] < sizes.max() else "") for e in estimators]
    one.set_xticks(np.arange(len(estimators)) + 0.5, labels)
    one.tick_params(axis="x", top=True, bottom=False, labeltop=True, labelbottom=False, rotation=40, length=0)
    for label in one.get_xticklabels():
        label.set(ha="left", rotation_mode="anchor")
    one.set_yticks(np.arange(len(tasks)) + 0.5, [f"{t.task}  ({t.truth:.2f})" for t in tasks.itertuples()])
    one.tick_params(axis="y", length=0)
    one.invert_yaxis()
    bar = figure.colorbar(image, ax=one, location="bottom", shrink=0.5, aspect=40, pad=0.01, extend="both")
    bar.set_ticks([-5, -1, -0.1, 0, 0.1, 1, 5], labels=["−5", "−1", "−0.1", "0", "0.1", "1", "5"])
    bar.set_label("estimate − truth (nats)")
    hatched = Patch(fill=False, hatch="////", edgecolor="0.25", label="saturated")
    figure.legend(handles=[hatched], loc="lower right", bbox_to_anchor=(0.98, 0.045))
    notes.note(
        figure,
        f"Mean over {notes.seeds(rows)}, n = {sizes.max()} unless the column says otherwise. In brackets the truth in nats. "
        "Grey: the estimator needs what the task lacks. Below the thick line: networks.",
    )
    return figure


@drawn_from(tables=["truth"])
def t2(document: Document) -> Figure:
    """Error against the number of samples.

    Mean absolute error over the tasks of a family; bands are the range over seeds. Flat lines are bias that more
    samples do not cure.
    """
    table = document.table("truth").assign(error=lambda t: t["error"].abs())
    by_seed = table.groupby(["network", "family", "estimator", "n", "seed"], sort=False)["error"].mean().reset_index()
    names = in_order(by_seed)
    columns = 4
    figure, axes = style.new(-(-(len(names) + 1) // columns), columns, 9.6, sharex=True, sharey=True)
    cells = axes.ravel()
    for one, family in zip(cells, names, strict=False):
        own = by_seed[by_seed["family"] == family]
        for estimator in (e for e in LOOKS if e in set(own["estimator"])):
            spread(one, own[own["estimator"] == estimator], "n", "error", estimator)
        one.set(xscale="log", yscale="log", title=family)
        sizes_axis(one, table["n"], most=4)
        one.set_xlabel("samples n")
        one.xaxis.set_tick_params(labelbottom=True)
    for one in cells[len(names) :]:
        one.axis("off")
    legend = cells[len(names)].legend(
        handles=handles(table), loc="upper left", bbox_to_anchor=(-0.08, 1.08), fontsize=8.5, handlelength=2.6
    )
    legend.set_in_layout(False)
    for row in axes:
        row[0].set_ylabel("mean |error| (nats)")
    cells[0].set_ylim(bottom=2e-3)
    notes.note(
        figure, f"Absolute error, mean over the tasks of a family; line: median, band: range of {notes.seeds(table)}."
    )
    return figure


@drawn_from(tables=["truth"])
def t3(document: Document) -> Figure:
    """Estimate against truth for networks.

    Layers whose information is known, at three numbers of samples, under the ceiling ln n. Hollow points are
    saturated.
    """
    table = pick(document.table("truth"), network=True)
    sizes = sorted(table["n"].unique())
    shown = sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]})
    low, high = -0.6, 1.12 * max(np.log(shown[-1]), table["truth"].max())
    figure, axes = style.new(2, len(shown), 8.2, sharex=True, sharey=True)
    parts = ([e for e in LOOKS if LOOKS[e].group == "variables"], [e for e in LOOKS if LOOKS[e].group != "variables"])
    for row, estimators in zip(axes, parts, strict=True):
        for one, n in zip(row, shown, strict=True):
            one.plot([0, high], [0, high], color=style.GREY, linewidth=1)
            one.axhline(np.log(n), color=style.GREY, linestyle="--", linewidth=1)
            own = averaged(table[table["n"] == n])
            for name in estimators:
                points(one, own[own["estimator"] == name], name, low + 0.12)
            one.set(xlim=(low, high), ylim=(low, high), xlabel="truth (nats)", title=f"n = {n}, ln n = {np.log(n):.2f}")
        row[0].set_ylabel("estimate (nats)")
        drawn = table[table["estimator"].isin(estimators)]
        row[-1].legend(handles=handles(drawn, lines=False), loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8.5)
    notes.note(
        figure,
        f"Mean over {notes.seeds(table)}, bars: range. Dashed: ceiling ln n; solid: estimate = truth. Top: estimators of two variables; bottom: those that know the labels, the noise or the levels. "
        "Hollow: within 2 % of the estimator's own ceiling. Values below the axis are drawn on its lower edge.",
    )
    return figure


@drawn_from(tables=["widths"])
def t4(document: Document) -> Figure:
    """The width alone.

    The same samples under kernels and bins of every width: the estimate runs from the ceiling to nearly zero, and
    meets the truth where it crosses it.
    """
    table = document.table("widths")
    names = list(dict.fromkeys(table["task"]))
    figure, axes = style.new(1, len(names), 6.0)
    for one, name in zip(axes[0], names, strict=True):
        own, entries = table[table["task"] == name], []
        for estimator, marker in zip(dict.fromkeys(own["estimator"]), "osD^v", strict=False):
            name_, colour = SWEPT[estimator]
            rows = own[own["estimator"] == estimator]
            unit = pd.Series(rows["settings"].str.extract(r'"width_unit":"([^"]+)"')[0]).iloc[0]
            label = f"{name_} (× {unit})"
            curve = averaged(rows, "factor")
            one.plot(curve["factor"], curve["value"], color=colour)
            handle = Line2D([], [], color=colour, marker=marker, markersize=5, label=label)
            entries.append(handle)
            one.fill_between(curve["factor"], curve["low"], curve["high"], color=colour, alpha=0.2, linewidth=0)
            for saturated, part in curve.groupby("saturated"):
                face = "white" if saturated else colour
                one.plot(part["factor"], part["value"], marker, markersize=4.5, mfc=face, mec=colour, zorder=3)
        truth, ceiling = own["truth"].iloc[0], own["ceiling"].max()
        for value, line, text in ((truth, "--", "truth"), (ceiling, ":", "ceiling")):
            entries.append(one.axhline(value, color="0.2", linestyle=line, linewidth=1.2, label=f"{text}: {value:.2f}"))
        one.set(xscale="log", xlabel="width (unit in the legend)", ylim=(-0.03 * ceiling, None))
        one.set_title(name, fontsize=10)
        one.set_xticks([0.02, 0.1, 0.5, 2, 10], ["0.02", "0.1", "0.5", "2", "10"])
        one.minorticks_off()
        one.legend(handles=entries, loc="upper left", bbox_to_anchor=(-0.1, -0.14), fontsize=8.5)
    axes[0, 0].set_ylabel("estimate (nats)")
    notes.note(
        figure,
        f"n = {int(table['n'].max())}, the same samples at every width; mean and range of {notes.seeds(table)}. "
        "Hollow: within 2 % of the estimator's ceiling.",
    )
    return figure


@drawn_from(tables=["costs"])
def t5(document: Document) -> Figure:
    """Cost of an estimate.

    Seconds of one thread for one value, against the number of samples.
    """
    table = document.table("costs")
    figure, axes = style.new(1, 1, 5.2)
    one: Axes = axes[0, 0]
    present = [e for e in LOOKS if e in set(table["estimator"])]
    for shift, estimator in zip(np.geomspace(0.9, 1.11, len(present)), present, strict=True):
        look, own = LOOKS[estimator], table[table["estimator"] == estimator]
        curve = own.groupby("n")["seconds"].quantile([0.1, 0.5, 0.9]).unstack()
        x, (low, middle, high) = curve.index * shift, curve.to_numpy().T
        one.plot(x, middle, color=look.colour, linestyle=look.line, marker=look.marker, markersize=5)
        one.vlines(x, low, high, color=look.colour, linewidth=0.9)
    one.set(xscale="log", yscale="log", xlabel="samples n", ylabel="seconds a value, one thread")
    sizes_axis(one, table["n"])
    one.legend(handles=handles(table), loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=3)
    notes.note(
        figure,
        "Median over tasks and seeds, bars: central 80 % (tasks differ in dimension; points are set apart sideways). Measured on a machine that may have had other work.",
    )
    return figure


@drawn_from(tables=["subadditivity"])
def t6(document: Document) -> Figure:
    """Subadditivity of matrix-based Rényi entropy fails.

    Seven small samples whose joint entropy exceeds the sum of the marginal ones, against the kernel width.
    """
    table = document.table("subadditivity")
    figure, axes = style.new(1, 1, 4.6)
    one: Axes = axes[0, 0]
    for (keys, rows), marker in zip(table.groupby(["alpha", "counts"], sort=False), "osD^vPX", strict=True):
        above = -rows["excess"].where(rows["excess"] < 0)
        one.plot(rows["sigma"], above, marker=marker, markersize=5, label=f"α = {keys[0]:g}, {keys[1]}")
    one.set(xscale="log", yscale="log", xlabel="kernel width σ (distance of the two values: 1)")
    one.set_ylabel("S(X, T) − S(X) − S(T) (bits)")
    widths = [w for w in (0.1, 0.2, 0.3, 0.5, 1.0, 2.0) if table["sigma"].min() <= w <= table["sigma"].max()]
    one.set_xticks(widths, [f"{w:g}" for w in widths])
    one.minorticks_off()
    one.legend(
        loc="center left", bbox_to_anchor=(1.0, 0.5), title="order, counts of\n[[00, 01], [10, 11]]", title_fontsize=9
    )
    notes.note(
        figure, "By how much the joint entropy exceeds the sum of the marginal ones; subadditivity would have it below zero, where nothing is drawn."
    )  # fmt: skip
    return figure


@drawn_from(tables=["consistency"])
def t7(document: Document) -> Figure:
    """What every information must do.

    Tests that need no truth, of every estimator: how far its values depart from the equality or inequality that any
    information obeys (nats, mean over seeds); an inequality that holds is 0.
    """
    table = document.table("consistency")
    mean = table.pivot_table(index="estimator", columns="test", values="departure", sort=False)
    mean = mean.loc[[name for name in LOOKS if name in mean.index]]
    signs = {"=": "=", "<=": "≤", ">=": "≥"}
    relations = table.drop_duplicates("test").set_index("test")["relation"].map(signs)
    figure, axes = style.new(1, 1, 0.32 * len(mean) + 2.2)
    one: Axes = axes[0, 0]
    sns.heatmap(
        mean, ax=one, cmap="RdBu_r", norm=SymLogNorm(0.1, vmin=-5, vmax=5), annot=True, fmt=".2f", linewidths=1,
        annot_kws={"size": 9}, cbar_kws={"label": "departure (nats)", "ticks": TICKS, "format": "%g"},
    )  # fmt: skip
    one.set_yticklabels([LOOKS[name].label for name in mean.index], rotation=0)
    names = [f"{test} ({relations[test]})".replace(": ", ",\n") for test in mean.columns]
    one.set_xticklabels(names, rotation=35, ha="right")
    one.set(xlabel="", ylabel="")
    one.grid(False)
    notes.note(
        figure,
        f"Two pairs of normals of correlation 0.8, four classes, or a layer of two units with noise; n = {int(table['n'].iloc[0])}, "
        f"{table['seed'].nunique()} seeds. Empty: the test is not of what the estimator takes. Departures within ±0.1 are those of the sample.",
    )
    return figure


# --- shared ------------------------------------------------------------------------------------------------

SWEPT = {
    "binning": ("binning", COLOURS["binning"]),
    "binning_pair": ("binning", COLOURS["binning"]),
    "renyi": ("Rényi 1.01", COLOURS["renyi"]),
    "renyi2": ("Rényi 2", COLOURS["renyi2"]),
    "kde_upper": ("KDE upper", COLOURS["kde"]),
    "kde_lower": ("KDE lower", COLOURS["knn"]),
    "kde_label_upper": ("KDE upper", COLOURS["kde"]),
    "kde_label_rigorous_lower": ("KDE rigorous lower", COLOURS["knn"]),
    "kde_label_rigorous_upper": ("KDE rigorous upper", COLOURS["exact"]),
}


def at_largest(table: pd.DataFrame) -> pd.DataFrame:
    """Rows at the largest n that each estimator ran on."""
    return table[table["n"] == table.groupby("estimator")["n"].transform("max")]


def averaged(table: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Mean, range and saturation over seeds."""
    keys = ["task", "family", "network", "estimator", "n", *by]
    groups = table.groupby(keys, sort=False)
    made = groups[["value", "truth", "error", "saturation"]].mean()
    made["low"], made["high"], made["seeds"] = groups["value"].min(), groups["value"].max(), groups["seed"].nunique()
    made["saturated"] = made["saturation"] >= SATURATED
    return made.reset_index()


def in_order(table: pd.DataFrame) -> list[str]:
    """Families of a table: known ones as in `FAMILIES`, others behind them."""
    return sorted(table["family"].unique(), key=lambda f: (FAMILIES.index(f) if f in FAMILIES else len(FAMILIES), f))


def spread(axes: Axes, rows: pd.DataFrame, x: str, y: str, estimator: str) -> None:
    """Median as a line and the range as a band, in the look of an estimator."""
    look = LOOKS[estimator]
    curve = rows.groupby(x)[y].quantile([0, 0.5, 1]).unstack()
    low, middle, high = curve.to_numpy().T
    axes.plot(curve.index, middle, color=look.colour, linestyle=look.line, marker=look.marker, markersize=4)
    axes.fill_between(curve.index, low, high, color=look.colour, alpha=0.15, linewidth=0)


def points(axes: Axes, rows: pd.DataFrame, estimator: str, floor: float) -> None:
    """Estimates over truths; saturated ones hollow, those below `floor` on it."""
    look = LOOKS[estimator]
    for row in rows.itertuples():
        face = "none" if row.saturated else look.colour
        y = max(row.value, floor)
        axes.plot([row.truth] * 2, np.clip([row.low, row.high], floor, None), color=look.colour, linewidth=0.8)
        axes.plot(row.truth, y, look.marker, mfc=face, mec=look.colour, markersize=6, alpha=0.85)


def handles(table: pd.DataFrame, lines: bool = True) -> list[Line2D]:
    """Legend entries of the estimators in a table."""
    present = [name for name in LOOKS if name in set(table["estimator"])]
    return [
        Line2D(
            [], [], color=LOOKS[n].colour, linestyle=LOOKS[n].line if lines else "none", marker=LOOKS[n].marker,
            markersize=5, label=LOOKS[n].label,
        )
        for n in present
    ]  # fmt: skip


def families(axes: Axes, tasks: pd.DataFrame, right: float) -> None:
    """Lines between families, a thick one before the networks, and the families' names."""
    start, networks = 0, False
    for family, rows in tasks.groupby("family", sort=True, observed=True):
        if start:
            axes.axhline(start, color="0.2", linewidth=2.2 if rows["network"].all() > networks else 0.8)
        networks = bool(rows["network"].all())
        name = family.replace(" ", "\n").replace("-", "-\n") if len(family) > 12 else family
        axes.text(right + 0.15, start + len(rows) / 2, name, va="center", fontsize=8.5, linespacing=1.0)
        start += len(rows)


def ink(error: float) -> str:
    """Colour of what is written on a cell of the heat map."""
    return "white" if abs(error) > 0.7 else "0.1"


def sizes_axis(axes: Axes, sizes: pd.Series, most: int = 10) -> None:
    """Ticks at the numbers of samples, at most `most` of them."""
    ticks = sorted(sizes.unique())
    ticks = ticks[:: -(-len(ticks) // most)]
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.minorticks_off()


def minus(text: str) -> str:
    """A number with a true minus sign."""
    return text.removeprefix("-") if text == "-0.00" else text.replace("-", "−")


@drawn_from(tables=["detection"])
def t8(document: Document) -> Figure:
    """Who would have seen the compression.

    Layers over a training whose information is known at every step. The share of those that compress in which an estimate falls
    further than in 95 % of those that do not, with its 95 % interval, by the layer's dimension. Pale: the same at the margin of 0.10
    nats, whatever it costs in false alarms; a cross is the rate of those.
    """
    table = detection.rates(document.table("detection"))
    figure, axes = style.new(1, 3, 1.4 + 0.33 * table[["estimator", "kind"]].drop_duplicates().shape[0], sharey=True)
    names = table.assign(name=_named(table)).groupby("name")["rate"].mean().sort_values().index
    for one, (regime, dimensions) in zip(axes[0], REGIMES.items(), strict=True):
        own = table[table["regime"] == regime].assign(name=_named(table)).set_index("name").reindex(names)
        place = np.arange(len(own))
        one.hlines(place, own["low"], own["high"], color=style.PALETTE[0], linewidth=2)
        one.plot(own["rate"], place, "o", color=style.PALETTE[0], label="at 5 % false alarms")
        one.plot(
            own["rate_at_margin"],
            place,
            "o",
            color=style.PALETTE[9],
            alpha=0.7,
            markersize=4,
            label="falls of 0.10 nats",
        )
        one.plot(own["alarms_at_margin"], place, "x", color=style.PALETTE[3], label="their false alarms")
        one.set(xlim=(-0.03, 1.03), yticks=place, yticklabels=names, xlabel="share of trajectories")
        counts = own[["planted", "fakes"]].iloc[0]
        one.set_title(
            f"{dimensions[0]} to {dimensions[-1]} units\n{counts.iloc[0]:.0f} fall, {counts.iloc[1]:.0f} do not",
            fontsize=10,
        )
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@drawn_from(tables=["detection"])
def t9(document: Document) -> Figure:
    """What each estimator takes for compression.

    The share of trajectories in which an estimate falls by more than 0.10 nats (two measures that are no information: of their own
    unit), by what happens to the layer. Left of the line the known information falls, right of it, it does not.
    """
    table = document.table("detection")
    table = table[table["compresses"].notna()].assign(name=_named(table))
    table["column"] = np.where(table["compresses"] == 1, "falls: ", "does not: ") + table["change"]
    shares = table.assign(seen=table["effect"] > 0.10).pivot_table(index="name", columns="column", values="seen")
    order = sorted(shares.columns, key=lambda column: (not column.startswith("falls"), column))
    shares = shares[order]
    figure, axes = style.new(1, 1, 1.6 + 0.33 * len(shares))
    one = axes[0, 0]
    one.grid(False)
    one.imshow(shares, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for (i, j), share in np.ndenumerate(shares.to_numpy()):
        if np.isfinite(share):
            one.text(
                j, i, f"{share:.0%}", ha="center", va="center", fontsize=8, color="white" if share > 0.6 else "0.1"
            )
    one.set_xticks(range(len(order)), [column.split(": ")[1] for column in order], rotation=35, ha="right")
    one.set_yticks(range(len(shares)), shares.index)
    falls = sum(column.startswith("falls") for column in order)
    one.axvline(falls - 0.5, color="0.1", linewidth=2)
    for place, text in ((falls / 2 - 0.5, "information falls"), ((falls + len(order)) / 2 - 0.5, "it does not")):
        one.text(place, -0.9, text, ha="center", fontsize=9.5, weight="bold")
    return figure


def _named(table: pd.DataFrame) -> pd.Series:
    """Estimator, and of bounds which one."""
    return table["estimator"] + table["kind"].map({"point": "", "upper": ", upper bound", "lower": ", lower bound"})
