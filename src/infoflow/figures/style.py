"""One house style and one way to save: colour-blind-safe, the same bytes on every run."""

from __future__ import annotations

import textwrap
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython import get_ipython
from IPython.display import Image, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patheffects import withStroke

from infoflow.io import atomic

WIDTH = 10.0  # inches: at the page's width the smallest text is 9 points
LAYERS = dict(zip((f"T{k}" for k in range(1, 7)), sns.color_palette("colorblind", 6), strict=True))
CLASSES = [sns.color_palette("colorblind")[0], sns.color_palette("colorblind")[3]]
VARIANTS = {"as_published": "as published", "corrected": "corrected"}
GREY = "0.45"
UNITS = {"nats": "nats", "bits": "bits", "none": "", "count": ""}


def use() -> None:
    """Set the style for all figures drawn from here on."""
    sns.set_theme(
        context="notebook",
        style="ticks",
        palette="colorblind",
        rc={
            "font.size": 10, "axes.labelsize": 10, "axes.titlesize": 11, "axes.titleweight": "bold",
            "xtick.labelsize": 9, "ytick.labelsize": 9, "legend.fontsize": 9, "legend.frameon": False,
            "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
            "figure.dpi": 110, "savefig.dpi": 150,
            "svg.hashsalt": "infoflow", "svg.fonttype": "path", "lines.linewidth": 1.6, "axes.grid": True,
            "grid.color": "0.92", "grid.linewidth": 0.8, "image.cmap": "magma",
        },
    )  # fmt: skip


def settle(figure: Figure) -> None:
    """Lay a figure out once for all: the layout takes longer than a drawing, and each drawing would repeat it."""
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    figure.set_layout_engine(None)  # with "none" each file would still be drawn twice


def save(figure: Figure, path: Path) -> None:
    """Write `path` as SVG and PNG, without dates, atomically; in a notebook show the PNG."""
    matplotlib.rcParams["svg.hashsalt"] = "infoflow"
    for kind, metadata in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
        with atomic(path.with_suffix(f".{kind}")) as temporary:
            figure.savefig(temporary, format=kind, metadata=metadata, facecolor="white")
    if get_ipython() is not None:  # the notebook shows the file instead of drawing the figure again
        display(Image(path.with_suffix(".png")))
        plt.close(figure)


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


def level(axes: Axes, value: float, text: str) -> None:
    """A dashed line for a value that the document states or a bound that theory gives."""
    axes.axhline(value, color=GREY, linestyle="--", linewidth=1)
    axes.annotate(
        text, (1, value), xycoords=("axes fraction", "data"), xytext=(-3, 2), textcoords="offset points", ha="right",
        va="bottom", fontsize=8, color=GREY, path_effects=[withStroke(linewidth=2.5, foreground="white")], zorder=4,
    )  # fmt: skip


def event(axes: Axes, epoch: float, text: str, published: bool = False) -> None:
    """A vertical line for an event: solid where it was found, dotted where the document puts it."""
    axes.axvline(epoch, color=GREY, linestyle=":" if published else "-", linewidth=1)
    text_artist = axes.annotate(
        text, (epoch, 0.98 if published else 0.02), xycoords=("data", "axes fraction"), xytext=(2, 0), textcoords="offset points", ha="left",
        va="top" if published else "bottom", rotation=90, fontsize=8, color=GREY, annotation_clip=True,
    )  # fmt: skip
    text_artist.set_in_layout(False)


def note(figure: Figure | SubFigure, text: str) -> None:
    """What the figure was made from, below it."""
    figure.supxlabel(textwrap.fill(text, 150), fontsize=8.5, color=GREY, x=0.01, ha="left")


def stamp(figure: Figure, text: str) -> None:
    """A word across the figure: stand-in data or a rehearsal."""
    figure.text(
        0.5,
        0.5,
        text.upper(),
        fontsize=48,
        color="0.5",
        alpha=0.18,
        rotation=25,
        ha="center",
        va="center",
        weight="bold",
    )


def new(rows: int, columns: int, height: float, **options: object) -> tuple[Figure, np.ndarray]:
    """A figure of the house width with a grid of panels, always as a 2-d array."""
    use()
    return plt.subplots(rows, columns, figsize=(WIDTH, height), layout="constrained", squeeze=False, **options)
