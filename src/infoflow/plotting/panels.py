"""What panels of several documents are drawn with: bands over seeds, epochs, events, levels, information planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from infoflow.plotting.document import pick
from infoflow.plotting.style import GREY


def band(axes: Axes, curve: pd.DataFrame, colour: object, label: str, **style: object) -> None:
    """Median over seeds as a line, the central 80 % as a band."""
    curve = curve.sort_values("epoch")
    x = curve["epoch"].to_numpy()
    axes.plot(x, curve["median"], color=colour, label=label, **style)
    if (curve["seeds"] > 1).all():
        axes.fill_between(x, curve["low"], curve["high"], color=colour, alpha=0.2, linewidth=0)


def epochs_axis(axes: Axes, last: int, log: bool) -> None:
    """Label the epoch axis; a logarithmic one still shows epoch 0."""
    if log:
        axes.set_xscale("symlog", linthresh=1, linscale=0.3)
        ticks = [0, *(10**k for k in range(int(np.log10(max(last, 10))) + 1))]
        axes.set_xticks(ticks, [f"{t:,}".replace(",", "\u2009") for t in ticks])
        axes.minorticks_off()
    axes.set_xlim(0, last)
    axes.set_xlabel("epoch" + (" (log)" if log else ""))


HALO = [withStroke(linewidth=2.5, foreground="white")]


def level(axes: Axes, value: float, text: str, left: bool = False, below: bool = False) -> None:
    """A dashed line for a value that the document states or a bound that theory gives, named above or below one of its ends."""
    axes.axhline(value, color=GREY, linestyle="--", linewidth=1)
    place, offset = ((0, 3) if left else (1, -3)), (-2 if below else 2)
    axes.annotate(
        text, (place[0], value), xycoords=("axes fraction", "data"), xytext=(place[1], offset), textcoords="offset points",
        ha="left" if left else "right", va="top" if below else "bottom", fontsize=8, color=GREY, path_effects=HALO, zorder=4,
    )  # fmt: skip


def event(axes: Axes, epoch: float, text: str, published: bool = False) -> None:
    """A vertical line for an event: solid where it was found, dotted where the document puts it."""
    axes.axvline(epoch, color=GREY, linestyle=":" if published else "-", linewidth=1)
    text_artist = axes.annotate(
        text, (epoch, 0.98 if published else 0.02), xycoords=("data", "axes fraction"), xytext=(2, 0), textcoords="offset points", ha="left",
        va="top" if published else "bottom", rotation=90, fontsize=8, color=GREY, annotation_clip=True,
        path_effects=HALO, zorder=4,
    )  # fmt: skip
    text_artist.set_in_layout(False)


def plane(axes: Axes, x: pd.DataFrame, y: pd.DataFrame, colour: Any, label: str, unit: float = 1.0) -> None:
    """A trajectory in the information plane, paler where training begins; its end is a dot."""
    points = np.stack([x["median"].to_numpy() / unit, y["median"].to_numpy() / unit], 1)
    pieces = np.stack([points[:-1], points[1:]], 1)
    shades = np.linspace(0.25, 1, len(pieces))
    axes.add_collection(LineCollection(pieces, colors=[(*colour, a) for a in shades], linewidths=1.5))
    axes.scatter(points[:, 0], points[:, 1], s=9, color=[(*colour, a) for a in np.linspace(0.25, 1, len(points))])
    axes.scatter(*points[-1], s=45, color=[colour], edgecolor="white", linewidth=0.8, zorder=3, label=label)
    axes.autoscale_view()


def companion(
    row: Sequence[Axes], curves: pd.DataFrame, colours: Mapping[str, Any], name: str, log: bool = True
) -> None:
    """What a plane does not show of the same layers: information counted exactly, distances within classes, dimensions.

    Args:
        row: three panels, or two where the layers were not quantised.
        curves: medians over seeds of I_XQ, ratio_distance, effective_rank and participation_ratio.
        colours: of each layer.
        name: of the network, in the first panel's title.
        log: whether epochs have a logarithmic axis.
    """
    titles = {"I_XQ": "counted", "ratio_distance": "distances within classes", "effective_rank": "dimensions"}
    for axes, (quantity, title) in zip(row, list(titles.items())[-len(row) :], strict=True):
        rows = pick(curves, quantity=quantity)
        for layer, colour in colours.items():
            band(axes, rows[rows["layer"] == layer], colour, layer)
            if quantity == "effective_rank":
                other = curves[(curves["quantity"] == "participation_ratio") & (curves["layer"] == layer)]
                axes.plot(*other.sort_values("epoch")[["epoch", "median"]].to_numpy().T, color=colour, linestyle=":")
        epochs_axis(axes, int(rows["epoch"].max()), log)
        axes.set_title(title, fontsize=10)
        axes.set_ylim(bottom=0)
        if not axes.get_subplotspec().is_last_row():
            axes.set_xlabel("")
    row[0].set_title(f"{name}: {row[0].get_title(loc='left')}", fontsize=10)
    row[-1].set_ylabel("effective rank (dotted:\nparticipation ratio)")
    row[-2].set_ylabel("within over all distances")
    if len(row) > 2:
        row[0].set_ylabel(r"$I(X;Q)$ (nats)")
