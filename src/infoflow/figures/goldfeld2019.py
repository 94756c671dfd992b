"""Figures of goldfeld2019: the noisy and the deterministic network on the 12-bit task."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoflow.figures import schematics, style
from infoflow.figures.document import Document, pick

PLAIN, REGULAR = "orthonormal~0.0", "orthonormal~0.0001"
NOISY, TWIN = "goldfeld_noisy", "goldfeld_deterministic"
LAYERS = [f"T{k}" for k in range(1, 6)]
CEILING = math.log(4096)


def f1(document: Document, settings: dict[str, Any]) -> Figure:
    """The network."""
    return schematics.network(settings["models"][NOISY], "Noisy feed-forward network on the 12-bit task")


def f4(document: Document, settings: dict[str, Any]) -> Figure:
    """A noisy neuron."""
    model = settings["models"][NOISY]
    return schematics.noisy_layer(
        model["activations"][0], model["noise_std"], "A noisy neuron: activation S, noise Z, output T"
    )


def f2(document: Document, settings: dict[str, Any]) -> Figure:
    """Trajectories and information plane by 30 bins on [−1, 1]."""
    edges = '{"edges":[-1.0,1.0,30.0]}'
    curves = document.curves(TWIN, settings=edges, grid="dense")
    figure, axes = style.new(1, 2, 4.3, width_ratios=[1.4, 1])
    for layer in LAYERS:
        style.band(axes[0, 0], pick(curves, layer=layer, quantity="H_T"), style.LAYERS[layer], rf"$T_{layer[1]}$")
        x = pick(curves, layer=layer, quantity="H_T").sort_values("epoch")
        y = pick(curves, layer=layer, quantity="I_TY").sort_values("epoch")
        axes[0, 1].plot(x["median"], y["median"], color=style.LAYERS[layer], linewidth=0.8)
        points = axes[0, 1].scatter(
            x["median"], y["median"], c=np.log10(1 + x["epoch"]), cmap="viridis", s=12, zorder=3
        )
    style.level(axes[0, 0], CEILING, "ceiling ln 4096 = 8.318")
    style.epochs_axis(axes[0, 0], int(curves["epoch"].max()), log=True)
    axes[0, 0].set(ylabel=r"$I(X;\mathrm{Bin}(T_\ell))$ (nats)", title="Trajectories: 30 bins on [−1, 1]", ylim=(0, 9))
    axes[0, 0].legend(loc="lower left", ncols=2)
    axes[0, 1].set(
        xlabel=r"$I(X;\mathrm{Bin}(T))$ (nats)",
        ylabel=r"$I(\mathrm{Bin}(T);Y)$ (nats)",
        title="Information plane",
    )
    style.level(axes[0, 1], math.log(2), "H(Y)")
    figure.colorbar(points, ax=axes[0, 1], label="log10(1 + epoch)")
    style.note(
        figure,
        f"Deterministic network, median and central 80 % of {seeds(curves)} seeds. Lines of the plane: one a layer.",
    )
    return figure


def f3(document: Document, settings: dict[str, Any]) -> Figure:
    """Four bin widths on the same networks."""
    curves = document.curves(TWIN, quantity="H_T", grid="dense")
    figure, axes = style.new(2, 2, 6.4, sharex=True, sharey=True)
    for one, width in zip(axes.flat, ("0.0001", "0.001", "0.01", "0.1"), strict=True):
        for layer in LAYERS:
            style.band(
                one,
                pick(curves, layer=layer, settings=f'{{"width":{width}}}'),
                style.LAYERS[layer],
                rf"$T_{layer[1]}$",
            )
        style.level(one, CEILING, "ln 4096")
        style.epochs_axis(one, int(curves["epoch"].max()), log=True)
        one.set(title=f"bin width {width}", ylim=(0, 9.2))
    for row in (0, 1):
        axes[row, 0].set_ylabel(r"$I(X;\mathrm{Bin}(T_\ell))$ (nats)")
    axes[1, 1].legend(loc="lower left", ncols=2)
    style.note(
        figure,
        f"The same {seeds(curves)} deterministic networks in every panel, median and central 80 %. Curves at ln 4096 are saturated: every pattern alone in its bin.",
    )
    return figure


def f5(document: Document, settings: dict[str, Any]) -> Figure:
    """The noisy network without regularisation."""
    return training_panel(document, PLAIN, "no regularisation")


def f6(document: Document, settings: dict[str, Any]) -> Figure:
    """The noisy network under orthonormal regularisation."""
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
        style.band(information, pick(curves, layer=layer, grid="all"), style.LAYERS[layer], rf"$I(X;T_{layer[1]})$")
        single = pick(curves, layer=layer, grid="seed0").sort_values("epoch")
        information.plot(single["epoch"], single["median"], color=style.LAYERS[layer], linewidth=0.9, linestyle=":")
    style.level(information, CEILING, "ceiling ln 4096 = 8.318")
    last = int(curves["epoch"].max())
    style.epochs_axis(information, last, log=True)
    for epoch in epochs:
        information.axvline(epoch, color=style.GREY, linewidth=0.7, zorder=0)
    for epoch in (28, 80):
        style.event(information, epoch, f"text: {epoch}", published=True)
    information.set(ylabel="mutual information (nats)", ylim=(0, 9), title="Information, linearised estimate")
    information.legend(loc="lower right", ncols=5)

    loss, accuracy = rows[2].subplots(1, 2)
    history = pick(document.table("history"), experiment=NOISY, point=point)
    for axes, metric in ((loss, "loss"), (accuracy, "accuracy")):
        for split, colour in (("train", style.CLASSES[0]), ("test", style.CLASSES[1])):
            style.band(axes, pick(history, metric=metric, split=split, noisy=False), colour, f"{split}, noise-free")
            noisy = pick(history, metric=metric, split=split, noisy=True).sort_values("epoch")
            axes.plot(
                noisy["epoch"],
                noisy["median"],
                color=colour,
                linestyle="--",
                linewidth=1,
                label=f"{split}, noisy",
            )
        style.epochs_axis(axes, last, log=True)
    loss.set(ylabel="cross-entropy (nats)", title="Loss", ylim=(0, None))
    accuracy.set(ylabel="accuracy", title="Accuracy", ylim=(0.4, 1.01))
    accuracy.legend(loc="lower right")

    histograms = pick(document.table("histograms"), point=point)
    panels = rows[3].subplots(1, 5, sharey=True)
    for axes, layer in zip(panels, LAYERS, strict=True):
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
        style.epochs_axis(axes, last, log=True)
        axes.set_xticks([0, 10, 1000], ["0", "10", "1000"])
        axes.set_title(rf"$T_{layer[1]}$", loc="center")
        axes.grid(False)
    panels[0].set_ylabel("activation")
    style.note(
        rows[3],
        f"Information and losses: median and central 80 % of {seeds(curves)} seeds at shared snapshots; dotted: seed 0 at all of them. "
        "Histograms: seed 0, white at 12 % a bin and above.",
    )
    return figure


def x1(document: Document, settings: dict[str, Any]) -> Figure:
    """Sample propagation with equal and with the published numbers of passes, beside the linearised estimate."""
    curves = document.curves(NOISY, point=PLAIN, quantity="I_XT", grid="replicated")
    replicas = curves[curves["estimator"] == "replicas"]
    published = replicas[replicas["settings"].str.contains("published")]
    equal = replicas[~replicas["settings"].str.contains("published")]
    figure, axes = style.new(1, 5, 3.9, sharey=True)
    for one, layer in zip(axes[0], LAYERS, strict=True):
        linear = pick(curves, estimator="linearised", layer=layer)
        style.band(one, linear, "0.25", "linearised")
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
        style.level(one, CEILING, "ln 4096")
        style.epochs_axis(one, int(curves["epoch"].max()), log=True)
        one.set_xticks([0, 10, 1000], ["0", "10", "1000"])
        one.set_title(rf"$T_{layer[1]}$", loc="center")
    axes[0, 0].set(ylabel="mutual information (nats)", ylim=(0, 9.2))
    handles, labels = axes[0, 4].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    style.note(
        figure,
        f"No regularisation; the same {int(replicas['seeds'].max())} seeds for every estimate: medians, band over seeds; bars two standard errors. Where the orange curve leaves the grey one, the numbers of passes make the difference.",
    )
    return figure


def x2(document: Document, settings: dict[str, Any]) -> Figure:
    """Convergence of the sample-propagation entropy."""
    table = document.table("convergence")
    rows = table[table["study"] == "gaussian"]
    errors = np.sqrt(((rows["value"] - rows["truth"]) ** 2).groupby([rows["d"], rows["n"]]).mean()).unstack("n")
    figure, axes = style.new(1, 2, 4.2)
    colours = style.sns.color_palette("viridis", len(errors))
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
    style.note(
        figure,
        f"S standard normal, the noise std is in the config; the entropy is known; {int(rows['repeat'].max()) + 1} repeats.",
    )
    return figure


def e1(document: Document, settings: dict[str, Any]) -> Figure:
    """Cosines within and between classes in the last hidden layer of the MNIST network, a panel for each noise."""
    curves = document.curves("goldfeld_mnist_cnn", grid="all")
    points = {float(point.split("~")[-1]): point for point in curves["point"].unique()}
    figure, axes = style.new(1, len(points), 3.6, sharey=True)
    for one, noise in zip(axes[0], sorted(points), strict=True):
        rows = pick(curves, point=points[noise], layer=curves["layer"].max())
        for quantity, colour in zip(("within_cosine", "between_cosine"), style.CLASSES, strict=True):
            style.band(one, pick(rows, quantity=quantity), colour, quantity.replace("_cosine", " classes"))
        style.epochs_axis(one, int(rows["epoch"].max()), log=True)
        one.set_title(f"noise std {noise:g}" if noise else "no noise", loc="center")
    axes[0, 0].set(ylabel="cosine similarity", ylim=(-0.1, 1.02))
    axes[0, 0].legend(loc="center right")
    style.note(
        figure,
        f"Last hidden layer of a convolutional network on MNIST (5000 images), median and central 80 % of {seeds(curves)} seeds.",
    )
    return figure


def e2(document: Document, settings: dict[str, Any]) -> Figure:
    """Test loss, test accuracy and information of layer 5 under a penalty on the distance within classes."""
    figure, axes = style.new(1, 3, 3.8)
    curves = sweep(document, "goldfeld_clustering_penalty", axes[0], "penalty")
    return noted(figure, curves)


def x3(document: Document, settings: dict[str, Any]) -> Figure:
    """As E2 under other noise, and under other strengths of the orthonormal step."""
    figure, axes = style.new(2, 3, 6.8)
    curves = sweep(document, "goldfeld_noise_sweep", axes[0], "noise std")
    sweep(document, "goldfeld_alpha_sweep", axes[1], "orthonormal α")
    return noted(figure, curves)


def sweep(document: Document, experiment: str, axes: Sequence[Axes], name: str) -> pd.DataFrame:
    """Draw test loss, test accuracy and I(X;T5) of an experiment, a colour for each value of its last axis."""
    curves = document.curves(experiment, quantity="I_XT", layer="T5", estimator="linearised", grid="all")
    history = pick(document.table("history"), experiment=experiment, split="test", noisy=False)
    points = {float(point.split("~")[-1]): point for point in curves["point"].unique()}
    for colour, strength in zip(style.sns.color_palette("viridis", len(points)), sorted(points), strict=True):
        label = f"{strength:g}" if strength else "none"
        style.band(axes[0], pick(history, point=points[strength], metric="loss"), colour, label)
        style.band(axes[1], pick(history, point=points[strength], metric="accuracy"), colour, label)
        style.band(axes[2], pick(curves, point=points[strength]), colour, label)
    for one in axes:
        style.epochs_axis(one, int(curves["epoch"].max()), log=True)
    axes[0].set(title="Test loss", ylabel="cross-entropy (nats)", ylim=(0, None))
    axes[1].set(title="Test accuracy", ylabel="accuracy", ylim=(0.4, 1.01))
    axes[2].set(title="Information of layer 5", ylabel=r"$I(X;T_5)$ (nats)", ylim=(0, 9))
    axes[0].legend(loc="lower left", title=name, title_fontsize="medium")
    return curves


def noted(figure: Figure, curves: pd.DataFrame) -> Figure:
    """The figure with its note on what the bands are."""
    style.note(
        figure,
        f"Noise-free losses and accuracies, linearised information; median and central 80 % of {seeds(curves)} seeds.",
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


def seeds(curves: pd.DataFrame) -> int:
    """Number of seeds behind a set of curves."""
    return int(curves["seeds"].max())
