"""Figures of the rule: how often it errs, and how many units it needs."""

from __future__ import annotations

import math

import seaborn as sns
from matplotlib.figure import Figure

from infoflow.plotting import notes, panels, style
from infoflow.plotting.document import Document, drawn_from
from infoflow.verdicts.characteristics import ENOUGH

QUESTIONS = {
    "each": "each: half do, or not",
    "mean": "mean: beyond a margin",
    "same": "same: equal means",
    "trend": "trend: monotone",
    "control": "beyond a control",
}
SAID = ("holds", "beyond")


@drawn_from(tables=["characteristics"])
def r1(document: Document) -> Figure:
    """How often a claim is said to hold.

    Simulated claims of each question whose answer is known, against the number of units (seeds, networks, speakers). Black:
    the null hypothesis, where every `holds` is false. Colours: claims that are true, by the share of units that hold, or
    by how many standard deviations between units the mean lies from the null hypothesis.
    """
    table = document.table("characteristics")
    table = table.assign(share=table["share"].where(table["outcome"].isin(SAID), 0.0))
    figure, axes = style.new(2, 3, 6.4, sharex=True, sharey=True)
    colours = sns.color_palette("viridis", 3)
    for one, (question, title) in zip(axes.flat, QUESTIONS.items(), strict=False):
        rows = table[table["question"] == question]
        power = rows.groupby(["strength", "null", "units"])["share"].sum().reset_index()
        true = iter(colours)
        for (strength, null), curve in power.groupby(["strength", "null"]):
            label = f"share {strength:g}" if question == "each" else "null" if null else f"{strength:g} SD"
            one.plot(curve["units"], curve["share"], color="black" if null else next(true), marker="o", label=label)
        panels.level(one, 0.05, "5 %")
        one.set(title=title, xticks=sorted(table["units"].unique()), ylim=(-0.03, 1.03))
        if question == "each":
            one.legend(loc="center right")
    aside = axes[1, 2]
    aside.set_axis_off()
    aside.legend(
        *axes[0, 1].get_legend_handles_labels(), loc="center", title="distance from the null\nhypothesis, all but each"
    )
    for one in (axes[0, 2], axes[1, 0], axes[1, 1]):
        one.set_xlabel("units")
        one.xaxis.set_tick_params(labelbottom=True)
    for one in axes[:, 0]:
        one.set_ylabel("share that holds")
    notes.note(
        figure,
        f"{int(table['trials'].iloc[0])} simulated claims a point; normal effects (each: yes or no). The null hypotheses: half of the "
        "units hold; the mean lies on the margin; no trend; the difference lies on the margin of equality; no difference from the control.",
    )
    return figure


@drawn_from(tables=["units"])
def r2(document: Document) -> Figure:
    """How many units decide.

    The least number of units with which a claim that is true is said to hold in 80 % of simulations, by question and by the
    strength of what is true: the share of units that hold, or the distance from the null hypothesis in standard deviations
    between units. Of `same` it is the margin that is so wide, and the true difference is 0.
    """
    table = document.table("units")
    rows = []
    for question, title in QUESTIONS.items():
        own = table[table["question"] == question]
        name = "share {:g}" if question == "each" else "{:g} SD"
        cells = [
            f"{name.format(strength)}: {'> 20' if math.isnan(units) else f'{units:.0f}'} units"
            for strength, units in own[["strength", "units"]].itertuples(index=False)
        ]
        rows.append([title, *cells, *[""] * (3 - len(cells))])
    figure, axes = style.new(1, 1, 2.6)
    one = axes[0, 0]
    one.set_axis_off()
    shown = one.table(rows, cellLoc="left", loc="center", edges="horizontal", colWidths=[0.37, 0.21, 0.21, 0.21])
    shown.auto_set_font_size(False)
    shown.set_fontsize(10)
    shown.scale(1, 2)
    notes.note(figure, f"Units of 5, 8, 12, 16 and 20; decided: said to hold in {ENOUGH:.0%} of simulations.")
    return figure
