"""Figures of kong2019: information and densities of scalar noisy networks, as published and corrected side by side."""

from __future__ import annotations

import math

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoflow.documents.kong2019.constants import PLOTTED, SPANS
from infoflow.plotting import notes, panels, schematics, style
from infoflow.plotting.document import Document, drawn_from, pick

LN2 = math.log(2)
NETWORKS = {
    "kong_e1_net1": "net 1: tanh",
    "kong_e1_net3": "net 3: tanh, tanh",
    "kong_e1_net4": "net 4: leaky, tanh",
}


@drawn_from(experiments=["kong_f2"])
def f1(document: Document) -> Figure:
    """One noisy layer.

    A layer takes the values below it, applies weights, bias and activation, and adds Gaussian noise. Drawn from
    the config's layer list.
    """
    model = document.settings.models["kong_f2"]
    return schematics.noisy_layer(
        model.activations[0],
        model.noise_std,
        "One noisy layer (noise after the activation, the output included)",
    )


@drawn_from(tables=["curves", "densities", "events"], experiments=["kong_f2"])
def f2(document: Document) -> Figure:
    """One tanh neuron on four points.

    I(X;T1) and the density of T1. Clusters of the four inputs merge and the information falls in two steps.
    """
    levels = {1.3863: "4 clusters: ln 4 = 1.386", 1.0397: "3 clusters: 1.040", 0.5623: "2 clusters: 0.562"}
    return variants(document, "kong_f2", levels, {25: "text: first merge ≈ 25", 100: "text: second ≈ 100"})


@drawn_from(tables=["curves", "densities", "events"], experiments=["kong_f3"])
def f3(document: Document) -> Figure:
    """Two leaky ReLU neurons on eight points.

    Information of both layers and their densities. The first layer holds eight clusters; the second splits into
    two.
    """
    levels = {2.0794: "8 clusters: ln 8 = 2.079", 0.676: "two clusters, 5 noise std apart: 0.676"}
    return variants(document, "kong_f3", levels, {150: "text: ≈ 150"})


@drawn_from(tables=["curves", "densities", "events"], experiments=["kong_f4"])
def f4(document: Document) -> Figure:
    """Two tanh neurons on a Gaussian input.

    Both layers gain information, then lose some of it.
    """
    return variants(document, "kong_f4", {LN2: "two hard clusters: ln 2 = 0.693"}, {})


@drawn_from(tables=["curves", "densities", "events"], experiments=["kong_f5"])
def f5(document: Document) -> Figure:
    """Leaky ReLU, then tanh, on a Gaussian input.

    The unbounded hidden layer keeps gaining information; the tanh output still compresses.
    """
    return variants(document, "kong_f5", {LN2: "two hard clusters: ln 2 = 0.693"}, {})


@drawn_from(tables=["curves", "densities", "events"], experiments=["kong_f6"])
def f6(document: Document) -> Figure:
    """One tanh neuron on a mixture of two Gaussians.

    As published most networks stay near their peak for the 300 epochs; with gradients reset the information falls
    on towards ln 2 and needs thousands of epochs.
    """
    return variants(document, "kong_f6", {LN2: "two hard clusters: ln 2 = 0.693", 1.0: "text: final ≈ 1 nat"}, {})


def variants(document: Document, experiment: str, levels: dict[float, str], published: dict[int, str]) -> Figure:
    """Information and the density of every layer over epochs, as published on the left, corrected on the right."""
    curves = document.curves(experiment, quantity="I_XT")
    layers = sorted(curves["layer"].unique())
    figure, axes = style.new(
        1 + len(layers), 2, 3.1 + 2.1 * len(layers), sharey="row", height_ratios=[1.5] + [1] * len(layers)
    )
    for column, variant in enumerate(style.VARIANTS):
        own = curves[curves["point"] == variant]
        last, log = int(own["epoch"].max()), variant == "corrected"
        top: Axes = axes[0, column]
        for layer in layers:
            panels.band(top, own[own["layer"] == layer], style.LAYERS[layer], rf"$I(X;T_{layer[1]})$")
        for value, text in levels.items():
            left = log and value < 0.6 * max(levels)  # under the legend, where no curve is yet
            ends = own[own["epoch"] == last]["median"]
            panels.level(
                top,
                value,
                text,
                left,
                below=value < max(levels) and not left and bool(ends.between(value, value + 0.2).any()),
            )
        if variant == "as_published":
            for epoch, text in published.items():
                panels.event(top, epoch, text, published=True)
            for layer, epoch, value in PLOTTED[experiment]:
                top.plot(
                    epoch, value, "D", color=style.LAYERS[layer], markerfacecolor="none", markersize=6, clip_on=False
                )
        found_events(document, experiment, variant, top)
        panels.epochs_axis(top, last, log)
        top.set_title(
            {"as_published": "As published: gradients accumulate", "corrected": "Corrected: gradients reset"}[variant]
        )
        for row, layer in enumerate(layers, start=1):
            density(document, experiment, variant, layer, axes[row, column])
            panels.epochs_axis(axes[row, column], last, log)
            axes[row, 0].set_ylabel(rf"$T_{layer[1]}$")
    axes[0, 0].set_ylabel("mutual information (nats)")
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 1].legend(loc="upper left")
    seeds = int(curves["seeds"].max())
    notes.note(
        figure,
        f"Median and central 80 % of {seeds} seeds; exact by quadrature. Densities: seed 0, white above the brightest 2 %. "
        "Dotted lines: epochs that the text states; solid: medians found. Open diamonds: the document's curves.",
    )
    return figure


def found_events(document: Document, experiment: str, variant: str, axes: Axes) -> None:
    """Median epochs of the events of this run that at least half of the seeds show."""
    events = document.table("events")
    for name, rows in events[(events["experiment"] == experiment) & (events["point"] == variant)].groupby("event"):
        if name != "escape" and rows["epoch"].notna().mean() >= 0.5:
            panels.event(axes, rows["epoch"].median(), f"{name.replace('_', ' ')}: {rows['epoch'].median():.0f}")


def density(document: Document, experiment: str, variant: str, layer: str, axes: Axes) -> None:
    """Density of one layer over epochs."""
    rows = pick(document.table("densities"), experiment=experiment, point=variant, layer=layer)
    grid = rows.pivot(index="t", columns="epoch", values="density")
    epochs, t = grid.columns.to_numpy(float), grid.index.to_numpy()
    edges = np.append(epochs, epochs[-1] + 1)
    half = (t[1] - t[0]) / 2
    values = grid.to_numpy()
    axes.pcolormesh(
        edges,
        np.append(t - half, t[-1] + half),
        values,
        vmin=0,
        vmax=np.quantile(values, 0.98),
        rasterized=True,
    )
    axes.grid(False)


@drawn_from(tables=["curves"], experiments=["kong_e1_net1", "kong_e1_net3", "kong_e1_net4"])
def e1(document: Document) -> Figure:
    """Continuous uniform inputs.

    Future work named in the document: nets 1, 3 and 4 on uniform inputs, against ln 2.
    """
    figure, axes = style.new(2, 3, 6.0, sharey="col", sharex=True)
    for column, (experiment, title) in enumerate(NETWORKS.items()):
        curves = document.curves(experiment, quantity="I_XT")
        for row, (dataset, span) in enumerate(SPANS.items()):
            one: Axes = axes[row, column]
            own = pick(curves, point=f"dataset~{dataset}.labels~task")
            for layer in sorted(own["layer"].unique()):
                panels.band(one, own[own["layer"] == layer], style.LAYERS[layer], rf"$I(X;T_{layer[1]})$")
            panels.level(one, LN2, "ln 2")
            panels.epochs_axis(one, int(own["epoch"].max()), log=True)
            one.set_title(f"{title}; {span}", fontsize=10)
            one.set_ylim(bottom=0)
    for row in (0, 1):
        axes[row, 0].set_ylabel("mutual information (nats)")
    axes[0, 2].legend(loc="center right")
    notes.note(
        figure,
        "Median and central 80 % of seeds; exact by quadrature. Future work named in the document; gradients reset.",
    )
    return figure


@drawn_from(tables=["curves", "history"], experiments=["kong_e2"])
def e2(document: Document) -> Figure:
    """A noisy recurrent network.

    Future work named in the document: information about the sequence in each hidden state over training.
    """
    curves = pick(document.curves("kong_e2", quantity="I_XT"), point="labels~task")
    layers = sorted(curves["layer"].unique(), key=lambda name: int(name[1:]))
    figure, axes = style.new(1, 2, 4.2, width_ratios=[1.6, 1])
    colours = sns.color_palette("viridis", len(layers))
    for colour, layer in zip(colours, layers, strict=True):
        rows, label = curves[curves["layer"] == layer].sort_values("epoch"), rf"$h_{{{layer[1:]}}}$"
        if layer == layers[-1]:  # nine bands would hide one another
            panels.band(axes[0, 0], rows, colour, label)
        else:
            axes[0, 0].plot(rows["epoch"], rows["median"], color=colour, label=label)
    panels.epochs_axis(axes[0, 0], int(curves["epoch"].max()), log=True)
    axes[0, 0].set(ylabel=r"$I(X_{1:T};h_t)$ (nats)", title="Information about the sequence in each hidden state")
    axes[0, 0].legend(ncols=3, loc="upper left")
    history = document.table("history")
    for metric, colour, label in (
        ("loss", style.CLASSES[1], "loss (nats)"),
        ("accuracy", style.CLASSES[0], "accuracy"),
    ):
        rows = pick(history, experiment="kong_e2", point="labels~task", metric=metric, split="train", noisy=True)
        panels.band(axes[0, 1], rows, colour, label)
    panels.epochs_axis(axes[0, 1], int(curves["epoch"].max()), log=True)
    axes[0, 1].set(title="Training, noise on", ylim=(0, None), ylabel="loss (nats), accuracy")
    axes[0, 1].legend()
    notes.note(
        figure,
        "Majority of nine bits, all 512 sequences; two noisy tanh units; linearised estimate. Medians; bands: central 80 % of seeds, of the states h9 alone.",
    )
    return figure
