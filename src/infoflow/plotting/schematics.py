"""Drawings of networks, made from the config's layer list."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from infoflow.config.models import MlpModel
from infoflow.plotting import style

NAMES = {"tanh": "tanh", "leaky_relu": "leaky ReLU", "relu": "ReLU", "linear": "linear", "sigmoid": "sigmoid"}


def canvas(height: float, width: float = style.WIDTH) -> tuple[Figure, Axes]:
    """An empty drawing whose unit is the inch."""
    style.use()
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.axis("off")
    return figure, axes


def box(
    axes: Axes, x: float, y: float, text: str, colour: Any = "0.92", width: float = 1.1, height: float = 0.6
) -> None:
    """A labelled box centred at (x, y)."""
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0.03",
            facecolor=colour,
            edgecolor="0.3",
        )
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=11)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: Any = "0.3", **options: Any
) -> None:
    """An arrow between two points."""
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=14, color=colour, linewidth=1.4, **options)
    )


def noisy_layer(activation: str, noise_std: float, title: str) -> Figure:
    """One noisy layer: T_{l−1} → W, b → activation → S_l → + Z_l → T_l."""
    figure, axes = canvas(2.3)
    y = 1.0
    stages = [
        (0.9, r"$T_{\ell-1}$", "white"),
        (3.0, r"$W_\ell\,T_{\ell-1}+b_\ell$", "0.92"),
        (5.2, NAMES[activation], "0.92"),
    ]
    for x, text, colour in stages:
        box(axes, x, y, text, colour, width=1.7 if "W" in text else 1.2)
    axes.text(6.65, y + 0.18, r"$S_\ell$", ha="center", fontsize=12)
    axes.add_patch(Circle((7.4, y), 0.22, facecolor="white", edgecolor="0.3"))
    axes.text(7.4, y - 0.01, "+", ha="center", va="center", fontsize=15)
    box(axes, 9.1, y, r"$T_\ell=S_\ell+Z_\ell$", style.LAYERS["T3"] + (0.25,), width=1.5)
    for a, b in ((1.5, 2.1), (3.9, 4.55), (5.85, 7.15), (7.65, 8.3)):
        arrow(axes, (a, y), (b, y))
    arrow(axes, (7.4, 1.85), (7.4, 1.25), style.LAYERS["T4"])
    axes.text(
        7.4,
        1.92,
        rf"$Z_\ell\sim\mathcal{{N}}(0,\,{noise_std:g}^2)$",
        ha="center",
        fontsize=11,
        color=style.LAYERS["T4"],
    )
    axes.set_title(title)
    return figure


def network(model: MlpModel, title: str) -> Figure:
    """A fully connected network, unit by unit, with names, sizes, activations and noise."""
    figure, axes = canvas(5.0)
    layers, activations = model.layers, model.activations
    noisy = len(layers) - 1 if model.observe == "all" else len(layers) - 2
    xs = np.linspace(0.8, style.WIDTH - 0.8, len(layers))
    rows = [np.linspace(-1, 1, n) * 0.155 * (n - 1) + 2.55 if n > 1 else np.array([2.55]) for n in layers]
    for k in range(len(layers) - 1):
        for a in rows[k]:
            for b in rows[k + 1]:
                axes.plot([xs[k], xs[k + 1]], [a, b], color="0.85", linewidth=0.6, zorder=1)
    for k, (x, units) in enumerate(zip(xs, rows, strict=True)):
        hidden = 0 < k <= noisy
        colour = style.LAYERS[f"T{k}"] if hidden else "0.5"
        for y in units:
            axes.add_patch(Circle((x, y), 0.12, facecolor=colour, edgecolor="white", zorder=2))
        name = "$X$" if k == 0 else (rf"$T_{k}$" if hidden else r"$\hat Y$")
        axes.text(x, 4.75, name, ha="center", fontsize=13, color=colour)
        axes.text(x, 0.42, f"{layers[k]} units" if k else f"{layers[k]} bits", ha="center", fontsize=9)
        if k:
            axes.text(x, 0.17, NAMES[activations[k - 1]], ha="center", fontsize=9, color=style.GREY)
        if hidden and model.noise_std:
            axes.text(x, -0.08, rf"+ N(0, {model.noise_std:g}²)", ha="center", fontsize=9, color=style.GREY)
    axes.set_ylim(-0.25, 5.0)
    axes.set_title(title)
    return figure
