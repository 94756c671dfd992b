"""What is written below and across figures: what they were made from, and what does not count."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from infoflow.plotting.style import GREY


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


def stamp_panel(axes: Axes, text: str) -> None:
    """A word across one panel."""
    axes.text(
        0.5, 0.5, text.upper(), transform=axes.transAxes, fontsize=20, color="0.5", alpha=0.3, rotation=20,
        ha="center", va="center", weight="bold",
    )  # fmt: skip


def seeds(table: pd.DataFrame) -> str:
    """How many seeds a table has, in words: the largest number behind a curve, or the number of different ones."""
    count = int(table["seeds"].max() if "seeds" in table else table["seed"].nunique())
    return f"{count} seed{'' if count == 1 else 's'}"
