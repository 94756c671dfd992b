"""Figures of goldfeld2019: the noisy and the deterministic network on the 12-bit task."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoflow.documents.goldfeld2019.constants import CNNS, LAYERS, NOISY, PLAIN, REGULAR, RELEASED, TWIN
from infoflow.plotting import notes, panels, schematics, style
from infoflow.plotting.document import Document, drawn_from, pick

CEILING = math.log(4096)


@drawn_from(experiments=["goldfeld_noisy"])
def f1(document: Document) -> Figure:
    """The network.

    The feed-forward network of the experiment, drawn from the config's layer list, with the noise after every
    hidden layer.
    """
    return schematics.network(document.settings.models[NOISY], "Noisy feed-forward network on the 12-bit task")


@drawn_from(experiments=["goldfeld_noisy"])
def f4(document: Document) -> Figure:
    """A noisy neuron.

    The activation S and the noise Z that is added to it.
    """
    model = document.settings.models[NOISY]
    return schematics.noisy_layer(
        model.activations[0], model.noise_std, "A noisy neuron: activation S, noise Z, output T"
    )


@drawn_from(tables=["curves"], experiments=["goldfeld_deterministic"])
def f2(document: Document) -> Figure:
    """Information bottleneck trajectories.

    Binned information of five hidden layers of the deterministic network, 30 bins on [-1, 1], over training and
    in the information plane.
    """
    edges = {"edges": [-1.0, 1.0, 30.0]}
    curves = document.curves(TWIN, settings=edges, grid="dense")
    figure, axes = style.new(1, 2, 4.3, width_ratios=[1.4, 1])
    for layer in LAYERS:
        panels.band(axes[0, 0], pick(curves, layer=layer, quantity="H_T"), style.LAYERS[layer], rf"$T_{layer[1]}$")
        x = pick(curves, layer=layer, quantity="H_T").sort_values("epoch")
        y = pick(curves, layer=layer, quantity="I_TY").sort_values("epoch")
        axes[0, 1].plot(x["median"], y["median"], color=style.LAYERS[layer], linewidth=0.8)
        points = axes[0, 1].scatter(
            x["median"], y["median"], c=np.log10(1 + x["epoch"]), cmap="viridis", s=12, zorder=3
        )
    panels.level(axes[0, 0], CEILING, "ceiling ln 4096 = 8.318")
    panels.epochs_axis(axes[0, 0], int(curves["epoch"].max()), log=True)
    axes[0, 0].set(ylabel=r"$I(X;\mathrm{Bin}(T_\ell))$ (nats)", title="Trajectories: 30 bins on [−1, 1]", ylim=(0, 9))
    axes[0, 0].legend(loc="lower left", ncols=2)
    axes[0, 1].set(
        xlabel=r"$I(X;\mathrm{Bin}(T))$ (nats)",
        ylabel=r"$I(\mathrm{Bin}(T);Y)$ (nats)",
        title="Information plane",
    )
    panels.level(axes[0, 1], math.log(2), "H(Y)")
    figure.colorbar(points, ax=axes[0, 1], label="log10(1 + epoch)")
    notes.note(
        figure,
        f"Deterministic network, median and central 80 % of {notes.seeds(curves)}. Lines of the plane: one a layer.",
    )
    return figure


@drawn_from(tables=["curves"], experiments=["goldfeld_deterministic"])
def f3(document: Document) -> Figure:
    """Binning is inconsistent.

    The same deterministic networks under four bin widths. For narrow bins every input is alone in its bin.
    """
    curves = document.curves(TWIN, quantity="H_T", grid="dense")
    figure, axes = style.new(2, 2, 6.4, sharex=True, sharey=True)
    for one, width in zip(axes.flat, ("0.0001", "0.001", "0.01", "0.1"), strict=True):
        for layer in LAYERS:
            panels.band(
                one,
                pick(curves, layer=layer, settings={"width": float(width)}),
                style.LAYERS[layer],
                rf"$T_{layer[1]}$",
            )
        panels.level(one, CEILING, "ln 4096")
        panels.epochs_axis(one, int(curves["epoch"].max()), log=True)
        one.set(title=f"bin width {width}", ylim=(0, 9.2))
    for row in (0, 1):
        axes[row, 0].set_ylabel(r"$I(X;\mathrm{Bin}(T_\ell))$ (nats)")
    axes[1, 1].legend(loc="lower left", ncols=2)
    notes.note(
        figure,
        f"The same deterministic networks in every panel: median and central 80 % of {notes.seeds(curves)}. Curves at ln 4096 are saturated: every pattern alone in its bin.",
    )
    return figure


@drawn_from(tables=["curves", "histograms", "history", "scatter"], experiments=["goldfeld_noisy"])
def f5(document: Document) -> Figure:
    """Clustering drives compression.

    The noisy tanh network: layer 5 at selected epochs, information of five layers, losses, and histograms of the
    activations.
    """
    return training_panel(document, PLAIN, "no regularisation")


@drawn_from(tables=["curves", "histograms", "history", "scatter"], experiments=["goldfeld_noisy"])
def f6(document: Document) -> Figure:
    """Orthonormal regularisation.

    The same panels under orthonormal regularisation.
    """
    return training_panel(document, REGULAR, "orthonormal regularisation, α = 1e-4")


def training_panel(document: Document, point: str, title: str) -> Figure:
    """Scatter of layer 5 at selected epochs, information, losses and histograms of the activations."""
    style.use()
    figure = style.plt.figure(figsize=(style.WIDTH, 12.2), layout="constrained")
    rows = figure.subfigures(4, 1, height_ratios=[1.05, 1.35, 0.95, 1.0])
    scatter = pick(document.table("scatter"), point=point)
    epochs = sorted(scatter["epoch"].unique())
    for k, epoch in enumerate(epochs):
        axes = rows[0].add_subplot(1, len(epochs), k + 1, projection="3d")
        here = scatter[scatter["epoch"] == epoch]
        for label, colour in enumerate(style.CLASSES):
            own = here[here["label"] == label]
            axes.scatter(own["t1"], own["t2"], own["t3"], s=3, color=colour, alpha=0.5, linewidth=0, rasterized=True)
        axes.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(-1, 1), xticks=(-1, 0, 1), yticks=(-1, 0, 1), zticks=(-1, 0, 1))
        axes.tick_params(labelsize=7, pad=-3)
        axes.set_title(f"epoch {epoch}", fontsize=10, loc="center")
    rows[0].suptitle(
        f"Layer 5 without its noise, coloured by class ({title}; seed 0)",
        fontsize=11,
        weight="bold",
        x=0.01,
        ha="left",
    )

    information = rows[1].subplots()
    curves = document.curves(NOISY, point=point, quantity="I_XT", estimator="linearised")
    for layer in LAYERS:
        panels.band(information, pick(curves, layer=layer, grid="all"), style.LAYERS[layer], rf"$I(X;T_{layer[1]})$")
        single = pick(curves, layer=layer, grid="seed0").sort_values("epoch")
        information.plot(single["epoch"], single["median"], color=style.LAYERS[layer], linewidth=0.9, linestyle=":")
    panels.level(information, CEILING, "ceiling ln 4096 = 8.318")
    last = int(curves["epoch"].max())
    panels.epochs_axis(information, last, log=True)
    for epoch in epochs:
        information.axvline(epoch, color=style.GREY, linewidth=0.7, zorder=0)
    for epoch in (28, 80):
        panels.event(information, epoch, f"text: {epoch}", published=True)
    if point == PLAIN:
        for k, layer in enumerate(("T4", "T5")):
            _released(information, k, style.LAYERS[layer], "released run" if k else None)
    information.set(ylabel="mutual information (nats)", ylim=(0, 9), title="Information, linearised estimate")
    information.legend(loc="lower right", ncols=6)

    loss, accuracy = rows[2].subplots(1, 2)
    history = pick(document.table("history"), experiment=NOISY, point=point)
    for axes, metric in ((loss, "loss"), (accuracy, "accuracy")):
        for split, colour in (("train", style.CLASSES[0]), ("test", style.CLASSES[1])):
            panels.band(axes, pick(history, metric=metric, split=split, noisy=False), colour, f"{split}, noise-free")
            noisy = pick(history, metric=metric, split=split, noisy=True).sort_values("epoch")
            axes.plot(
                noisy["epoch"],
                noisy["median"],
                color=colour,
                linestyle="--",
                linewidth=1,
                label=f"{split}, noisy",
            )
        panels.epochs_axis(axes, last, log=True)
    if point == PLAIN:
        for k, colour in enumerate(style.CLASSES[:2]):
            _released(loss, 2 + k, colour)
        _released(accuracy, 4, style.CLASSES[1], "released run")
        accuracy.axhline(0.97, color=style.GREY, linestyle=":", linewidth=1, label="text: 97 %")
    loss.set(ylabel="cross-entropy (nats)", title="Loss", ylim=(0, None))
    accuracy.set(ylabel="accuracy", title="Accuracy", ylim=(0.4, 1.01))
    accuracy.legend(loc="lower right")

    histograms = pick(document.table("histograms"), point=point)
    cells = rows[3].subplots(1, 5, sharey=True)
    for axes, layer in zip(cells, LAYERS, strict=True):
        grid = histograms[histograms["layer"] == layer].pivot(index="t", columns="epoch", values="share")
        x, t = grid.columns.to_numpy(float), grid.index.to_numpy()
        half = (t[1] - t[0]) / 2
        axes.pcolormesh(
            np.append(x, x[-1] + 1),
            np.append(t - half, t[-1] + half),
            grid.to_numpy(),
            vmin=0,
            vmax=0.12,
            rasterized=True,
        )
        panels.epochs_axis(axes, last, log=True)
        axes.set_xticks([0, 10, 1000], ["0", "10", "1000"])
        axes.set_title(rf"$T_{layer[1]}$", loc="center")
        axes.grid(False)
    cells[0].set_ylabel("activation")
    notes.note(
        rows[3],
        f"Information and losses: median and central 80 % of {notes.seeds(curves)} at shared snapshots; dotted: seed 0 at all of them. "
        "Histograms: seed 0, white at 12 % a bin and above."
        + (
            " Open diamonds: the run that the authors released, which is not the one of the text."
            if point == PLAIN
            else ""
        ),
    )
    return figure


def _released(axes: Axes, column: int, colour: object, label: str | None = None) -> None:
    """Values of the released run, a column of `RELEASED`, as open diamonds."""
    epochs, values = list(RELEASED), [row[column] for row in RELEASED.values()]
    axes.plot(epochs, values, "D", color=colour, markerfacecolor="none", markersize=6, label=label)


@drawn_from(tables=["curves"], experiments=["goldfeld_noisy"])
def x1(document: Document) -> Figure:
    """What the published settings do.

    Sample propagation with 4 noisy passes in h(T) and 100 in h(T|X) fakes compression in layers 2 and 3; with
    equal numbers it does not.
    """
    curves = document.curves(NOISY, point=PLAIN, quantity="I_XT", grid="replicated")
    replicas = curves[curves["estimator"] == "replicas"]
    published = replicas[replicas["settings"].str.contains("published")]
    equal = replicas[~replicas["settings"].str.contains("published")]
    figure, axes = style.new(1, 5, 3.9, sharey=True)
    for one, layer in zip(axes[0], LAYERS, strict=True):
        linear = pick(curves, estimator="linearised", layer=layer)
        panels.band(one, linear, "0.25", "linearised")
        for k, (setting, rows) in enumerate(pick(equal, layer=layer).groupby("settings")):
            rows = rows.sort_values("epoch")
            count = int(setting.split(":")[1].rstrip("}"))
            one.errorbar(
                rows["epoch"], rows["median"], yerr=2 * rows["std_error"], color=style.LAYERS["T1" if k else "T2"], marker="os"[k],
                markersize=4, linestyle="", label=f"{count} passes in both terms", elinewidth=1,
            )  # fmt: skip
        rows = pick(published, layer=layer).sort_values("epoch")
        one.plot(
            rows["epoch"],
            rows["median"],
            color=style.LAYERS["T4"],
            marker="x",
            label="4 in h(T), 100 in h(T|X)",
        )
        panels.level(one, CEILING, "ln 4096")
        panels.epochs_axis(one, int(curves["epoch"].max()), log=True)
        one.set_xticks([0, 10, 1000], ["0", "10", "1000"])
        one.set_title(rf"$T_{layer[1]}$", loc="center")
    axes[0, 0].set(ylabel="mutual information (nats)", ylim=(0, 9.2))
    handles, labels = axes[0, 4].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    notes.note(
        figure,
        f"No regularisation; the same {int(replicas['seeds'].max())} seeds for every estimate: medians, band over seeds; bars two standard errors. Where the orange curve leaves the grey one, the numbers of passes make the difference.",
    )
    return figure


@drawn_from(tables=["convergence"])
def x2(document: Document) -> Figure:
    """Convergence of the estimate.

    Error of the sample-propagation entropy against the number of samples, and the samples needed for 0.1 nat
    against the dimension.
    """
    table = document.table("convergence")
    rows = table[table["study"] == "gaussian"]
    errors = np.sqrt(((rows["value"] - rows["truth"]) ** 2).groupby([rows["d"], rows["n"]]).mean()).unstack("n")
    figure, axes = style.new(1, 2, 4.2)
    colours = sns.color_palette("viridis", len(errors))
    for colour, (d, row) in zip(colours, errors.iterrows(), strict=True):
        axes[0, 0].plot(row.index, row, color=colour, marker="o", markersize=3, label=f"d = {d:.0f}")
    n = np.array(errors.columns, float)
    axes[0, 0].plot(n, 0.6 / np.sqrt(n), color=style.GREY, linestyle="--", linewidth=1, label="∝ 1/√n")
    axes[0, 0].axhline(0.1, color=style.GREY, linestyle=":", linewidth=1)
    axes[0, 0].set(
        xscale="log",
        yscale="log",
        xlabel="number of centres n",
        ylabel="root mean square error (nats)",
        title="Error of h(S + Z)",
    )
    axes[0, 0].legend(ncols=2)
    needed = {d: crossing(n, row.to_numpy(), 0.1) for d, row in errors.iterrows()}
    d, count = np.array([(d, c) for d, c in needed.items() if np.isfinite(c)]).T
    slope, start = np.polyfit(d, np.log(count), 1)
    axes[0, 1].semilogy(d, count, "o", color=style.LAYERS["T1"])
    axes[0, 1].semilogy(
        d,
        np.exp(start + slope * d),
        color=style.GREY,
        linestyle="--",
        linewidth=1,
        label=f"× {np.exp(slope):.2f} a dimension",
    )
    axes[0, 1].set(xlabel="dimension d", ylabel="samples for an error of 0.1 nat", title="Samples needed")
    axes[0, 1].legend()
    notes.note(
        figure,
        f"S standard normal, the noise std is in the config; the entropy is known; {int(rows['repeat'].max()) + 1} repeats.",
    )
    return figure


@drawn_from(tables=["curves"], experiments=["goldfeld_noisy", "goldfeld_deterministic"])
def x4(document: Document) -> Figure:
    """Counted information and geometry.

    The information of the layers rounded to 8 bits, which is counted and estimated by nobody, beside within-class distances and
    the dimensions that a layer fills: the plain noisy network, the orthonormal one, and the deterministic one.
    """
    nets = [("noisy", NOISY, PLAIN), ("noisy, orthonormal", NOISY, REGULAR), ("deterministic", TWIN, PLAIN)]
    figure, axes = style.new(3, 3, 8.2, sharex="col", sharey="col")
    for row, (name, experiment, point) in zip(axes, nets, strict=True):
        curves = document.curves(experiment, point=point, grid="all")
        curves = curves[curves["estimator"].isin(["quantised", "geometry"])]
        panels.companion(row, curves, {layer: style.LAYERS[layer] for layer in LAYERS}, name)
        panels.level(row[0], CEILING, "ln 4096")
    axes[0, 0].legend(ncols=2)
    notes.note(
        figure,
        f"Median and central 80 % of {notes.seeds(curves)}. Quantised: 256 levels of a layer from its least to its greatest value, "
        "following layers see the rounded one; information and distances of layers without their noise. Geometry on 500 inputs.",
    )
    return figure


@drawn_from(tables=["curves"], experiments=["goldfeld_mnist_cnn", "goldfeld_mnist_cnn_relu"])
def e1(document: Document) -> Figure:
    """Clustering in a convolutional network.

    Cosine similarity within and between classes in the centred last hidden layer of networks on MNIST, with tanh and
    with ReLU, without noise and with three levels of it.
    """
    every = {name: document.curves(name, grid="all") for name in CNNS.values()}
    points = {float(point.split("~")[-1]): point for point in every["goldfeld_mnist_cnn"]["point"].unique()}
    figure, axes = style.new(len(every), len(points), 6.2, sharey=True, sharex=True)
    for row, (activation, name) in zip(axes, CNNS.items(), strict=True):
        for one, noise in zip(row, sorted(points), strict=True):
            rows = pick(every[name], point=points[noise], layer=every[name]["layer"].max())
            for quantity, colour in zip(("within", "between"), style.CLASSES, strict=True):
                panels.band(one, pick(rows, quantity=f"{quantity}_centred_cosine"), colour, f"{quantity} classes")
            panels.epochs_axis(one, int(rows["epoch"].max()), log=True)
            one.set_title(f"{activation}, " + (f"noise std {noise:g}" if noise else "no noise"), loc="center")
        row[0].set(ylabel="cosine similarity", ylim=(-0.25, 1.02))
    axes[0, 0].legend(loc="upper left")
    notes.note(
        figure,
        "Last hidden layer, its mean over the samples taken off, of a convolutional network on MNIST; "
        f"median and central 80 % of {notes.seeds(rows)}.",
    )
    return figure


@drawn_from(tables=["curves", "history"], experiments=["goldfeld_clustering_penalty"])
def e2(document: Document) -> Figure:
    """Encouraging clustering.

    The open question of the document: test loss, accuracy and I(X;T5) under a penalty on the distance within
    classes.
    """
    figure, axes = style.new(1, 3, 3.8)
    curves = sweep(document, "goldfeld_clustering_penalty", axes[0], "penalty")
    return add_note(figure, curves)


@drawn_from(tables=["curves", "history"], experiments=["goldfeld_noise_sweep", "goldfeld_alpha_sweep"])
def x3(document: Document) -> Figure:
    """Noise and regularisation.

    Test loss, accuracy and I(X;T5) under four noise levels, and under four strengths of the orthonormal step.
    """
    figure, axes = style.new(2, 3, 6.8)
    curves = sweep(document, "goldfeld_noise_sweep", axes[0], "noise std")
    sweep(document, "goldfeld_alpha_sweep", axes[1], "orthonormal α")
    return add_note(figure, curves)


def sweep(document: Document, experiment: str, axes: Sequence[Axes], name: str) -> pd.DataFrame:
    """Draw test loss, test accuracy and I(X;T5) of an experiment, a colour for each value of its last axis."""
    curves = document.curves(experiment, quantity="I_XT", layer="T5", estimator="linearised", grid="all")
    history = pick(document.table("history"), experiment=experiment, split="test", noisy=False)
    points = {float(point.split("~")[-1]): point for point in curves["point"].unique()}
    for colour, strength in zip(sns.color_palette("viridis", len(points)), sorted(points), strict=True):
        label = f"{strength:g}" if strength else "none"
        panels.band(axes[0], pick(history, point=points[strength], metric="loss"), colour, label)
        panels.band(axes[1], pick(history, point=points[strength], metric="accuracy"), colour, label)
        panels.band(axes[2], pick(curves, point=points[strength]), colour, label)
    for one in axes:
        panels.epochs_axis(one, int(curves["epoch"].max()), log=True)
    axes[0].set(title="Test loss", ylabel="cross-entropy (nats)", ylim=(0, None))
    axes[1].set(title="Test accuracy", ylabel="accuracy", ylim=(0.4, 1.01))
    axes[2].set(title="Information of layer 5", ylabel=r"$I(X;T_5)$ (nats)", ylim=(0, 9))
    axes[0].legend(loc="lower left", title=name, title_fontsize="medium")
    return curves


def add_note(figure: Figure, curves: pd.DataFrame) -> Figure:
    """The figure with its note on what the bands are."""
    notes.note(
        figure,
        f"Noise-free losses and accuracies, linearised information; median and central 80 % of {notes.seeds(curves)}.",
    )
    return figure


def crossing(n: np.ndarray, error: np.ndarray, target: float) -> float:
    """Where a falling error reaches `target`, on logarithmic axes; nan if it never does."""
    below = np.flatnonzero(error < target)
    if not len(below) or below[0] == 0:
        return math.nan
    k = below[0]
    x, y = np.log(n[[k, k - 1]]), np.log(error[[k, k - 1]])
    return float(np.exp(np.interp(np.log(target), y, x)))
