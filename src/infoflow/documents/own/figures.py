"""Figures of a study: `infoflow.plot` on its tables, one of each kind for every point of its experiments."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from infoflow.errors import InputError
from infoflow.plotting import notes, own, style
from infoflow.plotting.document import Document, pick

KINDS = {
    "trajectories": own.trajectories,
    "plane": own.information_plane,
    "agreement": own.agreement,
    "geometry": own.geometry,
}


def draw(document: Document, name: str) -> Figure:
    """The figure `<experiment>-<point>-<kind>`; where its tables hold nothing for it, a line that says so."""
    experiment, rest = name.split("-", 1)
    point, kind = rest.rsplit("-", 1)
    chosen = {"experiment": experiment, "point": point}
    if kind == "training":
        return training(document, **chosen)
    try:
        return KINDS[kind](pick(document.table("estimates"), **chosen))
    except InputError as error:
        figure, axes = style.new(1, 1, 1.2)
        axes[0, 0].set_axis_off()
        axes[0, 0].text(0, 0.5, str(error), va="center")
        return figure


def training(document: Document, experiment: str, point: str) -> Figure:
    """Loss and accuracy of every network: training samples solid, held-out ones dashed; controls in grey."""
    history = document.table("history")
    figure, axes = style.new(1, 2, 3.2)
    for panel, metric in zip(axes[0], ("loss", "accuracy"), strict=True):
        rows = history[(history["metric"] == metric) & ~history["noisy"] & (history["point"] == point)]
        for name in dict.fromkeys(rows["experiment"]):
            if name.removeprefix(experiment) not in ("", "_shuffled", "_untrained"):
                continue
            own_rows = rows[rows["experiment"] == name]
            colour = style.PALETTE[0] if name == experiment else style.GREY
            for split, dashes in (("train", "-"), ("test", "--")):
                curve = (
                    own_rows[own_rows["split"] == split].groupby("epoch")["value"].quantile([0.1, 0.5, 0.9]).unstack()
                )
                if curve.empty:
                    continue
                label = f"{name}, {split}"
                panel.plot(curve.index, curve[0.5], dashes, color=colour, label=label)
                panel.fill_between(curve.index, curve[0.1], curve[0.9], color=colour, alpha=0.15, linewidth=0)
        panel.set(xlabel="epoch", ylabel="loss (nats)" if metric == "loss" else metric)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    notes.note(figure, f"{notes.seeds(history[history['experiment'] == experiment])}; bands: the central 80 %.")
    return figure
