"""Figures of tables of estimates, whatever the network: `infoflow.plot`.

Each function takes one table of `infoflow.estimate`, or a list of them, one a network: then lines are medians over networks and
bands hold the central 80 %. Hollow marks are values that are flagged. A figure is returned and not shown by itself: the last line of a
notebook's cell shows it, `figure.savefig("name.png")` keeps it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from infoflow.errors import InputError
from infoflow.plotting.style import GREY, PALETTE, RC, WIDTH
from infoflow.verdicts.own import KINDS, OF_INPUT, asked_of

Colour = tuple[float, float, float]
Tables = pd.DataFrame | Sequence[pd.DataFrame]
NAMES = {
    "I_XT": "$I(X;T)$", "H_T": "$H(T)$", "h_T": "$h(T)$", "I_TY": "$I(T;Y)$", "S_T": "$S(T)$",
    "ratio_distance": "distance within classes\nover all distances", "effective_rank": "effective rank",
    "participation_ratio": "participation ratio", "saturated_fraction": "saturated share",
}  # fmt: skip
GEOMETRY = ("ratio_distance", "effective_rank", "participation_ratio", "saturated_fraction")
FEW = 8  # layers that get a colour and a name each


def _styled(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw under the house style, which the caller's own figures do not keep."""

    @functools.wraps(function)
    def drawn(*arguments: Any, **options: Any) -> Figure:
        cycle = {"axes.prop_cycle": matplotlib.cycler(color=PALETTE), "axes.axisbelow": True}
        with matplotlib.rc_context({**RC, **cycle}):
            figure = function(*arguments, **options)
            plt.close(figure)  # or the notebook would show it twice
            return figure

    return drawn


@_styled
def trajectories(table: Tables) -> Figure:
    """Information over training: a row an estimator, what it says of the input on the left and of the labels on the right.

    Ceilings are dashed. Of bounds the upper one is solid and the lower one dotted.
    """
    rows = _rows(table)
    series = _series(rows, (*OF_INPUT, "I_TY"))
    figure, axes = plt.subplots(
        len(series), 2, figsize=(WIDTH, 0.6 + 2.6 * len(series)), layout="constrained", squeeze=False
    )
    colours = _colours(rows)
    for pair, (name, own) in zip(axes, series, strict=True):
        of_input = own[own["quantity"].isin(OF_INPUT)]
        for panel, part in zip(pair, (of_input, own[own["quantity"] == "I_TY"]), strict=True):
            _curves(panel, part, colours)
            panel.set_title(name if panel is pair[0] else "")
            if panel.get_subplotspec().is_last_row():
                panel.set_xlabel("epoch")
    _legend(figure, axes[0, 0], colours)
    return figure


@_styled
def information_plane(table: Tables) -> Figure:
    """Paths of the layers in the plane of I(X;T), or of H(T) where it takes its place, and I(T;Y): a panel an estimator.

    Paths are paler where training begins, and a large dot ends them. Dashed lines are ceilings.
    """
    rows = _rows(table)
    series = [(name, own) for name, own in _series(rows, ("I_XT", "H_T", "I_TY")) if own["quantity"].nunique() > 1]
    if not series:
        raise InputError(
            "table: no estimator gives both I(X;T) (or H(T)) and I(T;Y); take kde, binning or renyi, and labels"
        )
    columns = min(3, len(series))
    lines = -(-len(series) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(WIDTH, 0.6 + 3.6 * lines), layout="constrained", squeeze=False)
    colours = _colours(rows)
    for panel, (name, own) in zip(axes.flat, series, strict=False):
        own = own[own["kind"] != "lower"]
        of_input = own[own["quantity"] != "I_TY"]
        for layer, colour in colours.items():
            x, y = (_curve(part[part["layer"] == layer]) for part in (of_input, own[own["quantity"] == "I_TY"]))
            shared = x.index.intersection(y.index)
            if len(shared):
                _path(panel, x.loc[shared], y.loc[shared], colour)
        _ceiling(panel, of_input, panel.axvline)
        _ceiling(panel, own[own["quantity"] == "I_TY"], panel.axhline)
        unit = own["unit"].iloc[0]
        panel.set_xlabel(f"{NAMES[of_input['quantity'].iloc[0]]} ({unit})")
        panel.set_ylabel(f"{NAMES['I_TY']} ({unit})")
        panel.set_title(name)
    for panel in list(axes.flat)[len(series) :]:
        panel.set_visible(False)
    _legend(figure, axes[0, 0], colours)
    return figure


@_styled
def geometry(table: Tables) -> Figure:
    """What the planes do not show, from the estimator `clustering`: distances, dimensions and saturation of each layer."""
    rows = _rows(table)
    names = [name for name in GEOMETRY if name in set(rows["quantity"])]
    if not names:
        raise InputError("table: holds no geometry; estimate with `clustering` too")
    figure, axes = plt.subplots(1, len(names), figsize=(WIDTH, 3.0), layout="constrained", squeeze=False)
    colours = _colours(rows)
    for panel, name in zip(axes[0], names, strict=True):
        _curves(panel, rows[rows["quantity"] == name], colours)
        panel.set_ylim(bottom=0)
        panel.set_xlabel("epoch")
    _legend(figure, axes[0, 0], colours)
    return figure


@_styled
def agreement(table: Tables) -> Figure:
    """Whether the estimators see the same: Spearman's ρ between their trajectories of what a layer keeps of its input.

    Each cell is the median over layers; a number near 1 says that both see the same rises and falls, one near 0 that what is
    seen hangs on the estimator.
    """
    rows = _rows(table)
    series = [(name, own[own["kind"] != "lower"]) for name, own in _series(rows, OF_INPUT)]
    if len(series) < 2:
        raise InputError("table: one estimator alone has nothing to agree with; estimate with two at least")
    names = [name for name, _ in series]
    values = np.full((len(names), len(names)), np.nan)
    for i, (_, one) in enumerate(series):
        for j, (_, other) in enumerate(series):
            values[i, j] = _correlation(one, other)
    size = 2.2 + 0.75 * len(names)
    figure, axes = plt.subplots(figsize=(size + 1.6, size), layout="constrained")
    image = axes.imshow(values, vmin=-1, vmax=1, cmap="RdBu_r")
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.grid(False)
    for (i, j), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else f"{value:.2f}"
        axes.text(j, i, text, ha="center", va="center", fontsize=9, color="white" if abs(value) > 0.6 else "black")
    figure.colorbar(image, ax=axes, label="rank correlation over training", shrink=0.8)
    return figure


def _rows(table: Tables) -> pd.DataFrame:
    """All rows of whole layers, the networks numbered."""
    if isinstance(table, pd.DataFrame):
        rows = table
    else:
        rows = pd.concat([one.assign(seed=k) for k, one in enumerate(table)], ignore_index=True)
    rows = rows[(rows["part"] == "layer") & rows["kind"].isin(KINDS)]
    if rows.empty:
        raise InputError("table: holds no row of a layer; make one with infoflow.estimate(recording)")
    return rows


def _series(rows: pd.DataFrame, quantities: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """Rows by estimator, settings and part of the samples, each with a name; k-NN's I(T;Y) goes with its entropy."""
    chosen = [
        rows[(rows["estimator"] == e) & rows["quantity"].isin(asked_of(own))]
        for e, own in rows.groupby("estimator", sort=False)
    ]
    rows = pd.concat(chosen)
    rows = rows[rows["quantity"].isin(quantities)].copy()
    if rows.empty:
        raise InputError(f"table: holds none of {', '.join(quantities)}")
    rows["shown"] = rows["settings"].map(_settings)
    several = rows["samples"].nunique() > 1
    groups = rows.groupby(["estimator", "shown", "samples"], sort=False)
    return [
        (f"{estimator}{f' ({shown})' if shown else ''}{f', {samples}' if several else ''}", own)
        for (estimator, shown, samples), own in groups
    ]


@functools.cache
def _settings(text: str) -> str:
    """What tells settings of one estimator apart, in a few words."""
    settings = json.loads(text)
    words = []
    spread = {"start": "spread", "spread": "present spread", "trimmed": "trimmed spread"}[
        settings.get("relative_to", "start")
    ]
    for key in ("variance", "relative", "width", "run_bins", "alpha", "k"):
        if isinstance(settings.get(key), (int, float)):
            words.append(
                f"{settings[key]:g} × {spread}" if key == "relative" else f"{key.replace('_', ' ')} {settings[key]:g}"
            )
    return ", ".join(words)


def _colours(rows: pd.DataFrame) -> dict[str, Colour]:
    """A colour for each layer: of a few the palette's, of many a scale from the input on."""
    layers = list(dict.fromkeys(rows.sort_values("depth")["layer"]))
    layers = [layer for layer in layers if layer != "input"]
    if len(layers) <= FEW:
        return dict(zip(layers, PALETTE, strict=False))
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.95, len(layers)))
    return {layer: tuple(shade[:3]) for layer, shade in zip(layers, shades, strict=True)}


def _legend(figure: Figure, axes: Axes, colours: dict[str, Colour]) -> None:
    """Names of a few layers, or a scale of many."""
    if len(colours) <= FEW:
        handles = [plt.Line2D([], [], color=colour, label=layer) for layer, colour in colours.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)))
        return
    scale = ScalarMappable(Normalize(1, len(colours) / 0.95), "viridis")
    bar = figure.colorbar(scale, ax=figure.axes, location="bottom", aspect=60, shrink=0.6, pad=0.02)
    names = list(colours)
    bar.set_ticks([1, len(names)], labels=[names[0], names[-1]])
    bar.ax.set_xlim(1, len(names))


def _curve(rows: pd.DataFrame) -> pd.DataFrame:
    """Median and central 80 % over networks by epoch, and whether most values are flagged."""
    if rows.empty:
        return pd.DataFrame(columns=["median", "low", "high", "doubt"])
    finite = rows[np.isfinite(rows["value"])]
    groups = finite.groupby("epoch")["value"]
    doubt = finite.assign(doubt=finite["flag"] != "").groupby("epoch")["doubt"].mean() > 0.5
    return pd.DataFrame(
        {"median": groups.median(), "low": groups.quantile(0.1), "high": groups.quantile(0.9), "doubt": doubt}
    )


def _curves(axes: Axes, rows: pd.DataFrame, colours: dict[str, Colour]) -> None:
    """Lines of all layers."""
    if rows.empty:
        axes.set_visible(False)
        return
    for (layer, kind), own in rows.groupby(["layer", "kind"], sort=False):
        if layer not in colours:
            continue
        curve, colour = _curve(own), colours[layer]
        style = ":" if kind == "lower" else "-"
        axes.plot(curve.index, curve["median"], style, color=colour)
        axes.fill_between(curve.index, curve["low"], curve["high"], color=colour, alpha=0.15, linewidth=0)
        for doubt, face in ((True, "white"), (False, colour)):
            some = curve[curve["doubt"] == doubt]
            axes.plot(some.index, some["median"], "o", color=colour, markerfacecolor=face, markersize=3.5)
    _ceiling(axes, rows, axes.axhline)
    unit = rows["unit"].iloc[0]
    axes.set_ylabel(NAMES[rows["quantity"].iloc[0]] + (f" ({unit})" if unit not in ("none", "count") else ""))
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))


def _ceiling(axes: Axes, rows: pd.DataFrame, line: Callable[..., Any]) -> None:
    """The ceiling that all layers share, where the values come near it."""
    known = rows[np.isfinite(rows["ceiling"]) & np.isfinite(rows["value"])]
    if known.empty or known["value"].max() < 0.5 * known["ceiling"].max():
        return
    line(known["ceiling"].max(), color=GREY, linestyle="--", linewidth=1)


def _path(axes: Axes, x: pd.DataFrame, y: pd.DataFrame, colour: Any) -> None:
    """One layer's path."""
    points = np.stack([x["median"], y["median"]], 1).astype(float)
    shades = [(*colour, alpha) for alpha in np.linspace(0.25, 1, len(points))]
    pieces = np.stack([points[:-1], points[1:]], 1)
    axes.add_collection(LineCollection(pieces, colors=shades[1:], linewidths=1.5))
    faces = np.where((x["doubt"] | y["doubt"]).to_numpy(bool)[:, None], (1.0, 1.0, 1.0, 1.0), np.array(shades))
    axes.scatter(*points.T, s=14, facecolor=faces, edgecolor=shades, zorder=3)
    doubted = bool(x["doubt"].iloc[-1] or y["doubt"].iloc[-1])
    face, edge = ("white", colour) if doubted else (colour, "white")
    axes.scatter(*points[-1], s=50, facecolor=[face], edgecolor=[edge], linewidth=1.2 if doubted else 0.8, zorder=4)
    axes.autoscale_view()


def _correlation(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """Median over layers of the rank correlation of two estimators' trajectories."""
    found = []
    for layer in dict.fromkeys(one["layer"]):
        a, b = (_curve(rows[rows["layer"] == layer])["median"] for rows in (one, other))
        a, b = a.align(b, join="inner")
        if len(a) >= 3 and np.ptp(a) > 0 and np.ptp(b) > 0:
            found.append(spearmanr(a, b)[0])
    return float(np.median(found)) if found else np.nan
