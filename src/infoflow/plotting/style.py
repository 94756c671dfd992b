"""One house style and one way to save: colour-blind-safe, the same bytes on every run."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from infoflow.storage.files import atomic

WIDTH = 10.0  # inches: at the page's width the smallest text is 9 points
# seaborn's palette "colorblind", which a light installation lacks
PALETTE = [
    to_rgb(f"#{colour}") for colour in "0173B2 DE8F05 029E73 D55E00 CC78BC CA9161 FBAFE4 949494 ECE133 56B4E9".split()
]
LAYERS = dict(zip((f"T{k}" for k in range(1, 7)), PALETTE[:6], strict=True))
CLASSES = [PALETTE[0], PALETTE[3]]
VARIANTS = {"as_published": "as published", "corrected": "corrected"}
GREY = "0.45"
UNITS = {"nats": "nats", "bits": "bits", "none": "", "count": ""}


RC = {
    "font.size": 10, "axes.labelsize": 10, "axes.titlesize": 11, "axes.titleweight": "bold",
    "xtick.labelsize": 9, "ytick.labelsize": 9, "legend.fontsize": 9, "legend.frameon": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
    "figure.dpi": 110, "savefig.dpi": 150,
    "svg.hashsalt": "infoflow", "svg.fonttype": "path", "lines.linewidth": 1.6, "axes.grid": True,
    "grid.color": "0.92", "grid.linewidth": 0.8, "image.cmap": "magma",
}  # fmt: skip


def use() -> None:
    """Set the style for all figures drawn from here on."""
    import seaborn as sns  # of the documents alone: plots of one's own do without

    sns.set_theme(context="notebook", style="ticks", palette="colorblind", rc=RC)


def freeze_layout(figure: Figure) -> None:
    """Run the layout once, then freeze it: it takes longer than a drawing, and each drawing would repeat it."""
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    figure.set_layout_engine(None)  # with "none" each file would still be drawn twice


def save(figure: Figure, path: Path) -> None:
    """Write `path` as SVG and PNG, without dates, atomically; in a notebook show the PNG."""
    matplotlib.rcParams["svg.hashsalt"] = "infoflow"
    for kind, metadata in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
        with atomic(path.with_name(f"{path.name}.{kind}")) as temporary:  # a name may hold points
            figure.savefig(temporary, format=kind, metadata=metadata, facecolor="white")
    from IPython import get_ipython
    from IPython.display import Image, display

    if get_ipython() is not None:  # the notebook shows the file instead of drawing the figure again
        display(Image(path.with_name(f"{path.name}.png")))
        plt.close(figure)


def new(rows: int, columns: int, height: float, **options: object) -> tuple[Figure, np.ndarray]:
    """A figure of the house width with a grid of panels, always as a 2-d array."""
    use()
    return plt.subplots(rows, columns, figsize=(WIDTH, height), layout="constrained", squeeze=False, **options)
