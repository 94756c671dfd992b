"""The results of yu2018 as its claims and tables read them."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from infoflow.documents.yu2018.constants import (
    AUTOENCODER,
    BASELINES,
    DEEP,
    FILTERS,
    HELD,
    INITIALISATIONS,
    LEARNED,
    MAIN,
    OTHERS,
    TENSOR,
    TRAIN,
    WHOLE,
)
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.results import Results


@dataclass(frozen=True)
class Cube:
    """One quantity of the layers of a network under one control: arrays (seeds, epochs, layers).

    Layers and snapshots share their mini-batches, so that what two values differ by has the error of their differences
    over batches; where a table lacks the values of single batches, errors add as if they were independent.
    """

    values: np.ndarray
    errors: np.ndarray
    flags: np.ndarray
    ceilings: np.ndarray
    batches: np.ndarray | None  # (seeds, epochs, layers, batches)
    epochs: np.ndarray
    layers: list[str]
    seeds: np.ndarray

    def series(self, k: int) -> tr.Series:
        """One layer over training; its errors are those of the steps between successive snapshots, shared by both ends."""
        errors = self.errors[:, :, k]
        if self.batches is not None and len(self.epochs) > 1:
            steps = spread(np.diff(self.batches[:, :, k], axis=1)) / math.sqrt(2)
            errors = np.concatenate([steps[:, :1], steps], axis=1)
        return tr.Series(self.epochs, self.values[:, :, k], errors, self.seeds)

    def difference(self, first: slice | int, second: slice | int) -> tuple[np.ndarray, np.ndarray]:
        """Values of some layers less those of as many others, and their errors."""
        gap = self.values[:, :, first] - self.values[:, :, second]
        if self.batches is None:
            return gap, np.hypot(self.errors[:, :, first], self.errors[:, :, second])
        return gap, spread(self.batches[:, :, first] - self.batches[:, :, second])

    def at(self, epoch: float) -> int:
        """Index of the recorded epoch nearest to one."""
        return int(np.abs(self.epochs - epoch).argmin())


def spread(batches: np.ndarray) -> np.ndarray:
    """Standard error of the mean over batches, the last axis."""
    return batches.std(axis=-1, ddof=1) / math.sqrt(batches.shape[-1])


def by_batch(rows: pd.Series, shape: tuple[int, ...]) -> np.ndarray | None:
    """Values of single batches, (*shape, batches); None where some row lacks them or has too few."""
    if not all(np.size(one) > 1 for one in rows) or len({len(one) for one in rows}) != 1:
        return None
    return np.array(rows.tolist(), float).reshape(*shape, -1)


class Net:
    """The estimates and final accuracies of one network setting, all its seeds."""

    def __init__(self, table: pd.DataFrame, history: pd.DataFrame, label: str, data: str, stand_in: bool) -> None:
        self.table, self.history, self.label, self.data, self.stand_in = table, history, label, data, stand_in
        self._cubes: dict[tuple[str, str, str], Cube] = {}

    def cube(self, quantity: str, control: str = MAIN, part: str = "layer") -> Cube:
        """A quantity of every layer.

        Raises:
            KeyError: there are no such estimates.
        """
        key = (quantity, control, part)
        if key not in self._cubes:
            t = self.table
            rows = t[(t["quantity"] == quantity) & (t["control"] == control) & (t["part"] == part)]
            rows = rows.sort_values("order", kind="stable").drop_duplicates(["seed", "epoch", "layer"])
            if rows.empty:
                raise KeyError(f"{self.label}: no {quantity} under {control}")
            epochs = sorted(set.intersection(*(set(e) for _, e in rows.groupby("seed")["epoch"])))
            rows = rows[rows["epoch"].isin(epochs)].sort_values(["seed", "epoch", "depth"])
            layers = list(rows.sort_values("depth")["layer"].unique())
            shape = (rows["seed"].nunique(), len(epochs), len(layers))
            grids = [rows[name].to_numpy().reshape(shape) for name in ("value", "std_error", "flag", "ceiling")]
            batches = by_batch(rows["per_batch"], shape)
            self._cubes[key] = Cube(*grids, batches, np.array(epochs), layers, np.sort(rows["seed"].unique()))
        return self._cubes[key]

    def has(self, control: str, quantity: str = "I_XT") -> bool:
        """Whether a quantity was estimated under a control."""
        t = self.table
        return bool(((t["quantity"] == quantity) & (t["control"] == control)).any())

    @functools.cached_property
    def seeds(self) -> np.ndarray:
        """Seeds of the network, in order."""
        return np.sort(self.table["seed"].unique())

    def accuracy(self) -> np.ndarray:
        """Test accuracy at the end in points, (seeds,)."""
        return self._accuracy

    @functools.cached_property
    def _accuracy(self) -> np.ndarray:
        rows = self.history[(self.history["metric"] == "accuracy") & (self.history["split"] == "test")]
        last = rows[(rows["epoch"] == rows["epoch"].max()) & ~rows["noisy"]]
        return 100 * last.sort_values("seed")["value"].to_numpy()

    @property
    def learns(self) -> bool:
        """Whether the network left chance."""
        return bool(np.median(self.accuracy()) >= 100 * LEARNED)


def matched(group: Sequence[Net], values: Callable[[Net], np.ndarray]) -> np.ndarray:
    """Values (seeds, …) of several networks on the seeds that all of them have, (networks, seeds, …)."""
    seeds = functools.reduce(np.intersect1d, [net.seeds for net in group])
    return np.stack([values(net)[np.isin(net.seeds, seeds)] for net in group])


def control_of(settings: str, samples: str) -> str:
    """Name of the kernel rule, order and samples of a row's estimate; empty: a combination that no verdict uses."""
    rule = json.loads(settings)
    if "alpha" not in rule:
        return MAIN
    changed = {
        "median σ": rule["rule"] == "median",
        f"h = {rule['factor']:g}": rule["rule"] == "power" and rule["factor"] != 5.0,
        "offset 4": rule["offset"] == 4,
        "rescaled": rule["rescaled"],
        f"α = {rule['alpha']:g}": rule["alpha"] != 1.01,
        TENSOR: rule["kernel"] == "tensor",
        TRAIN: samples == "train",
        HELD: rule.get("held", False),
    }
    names = [name for name, differs in changed.items() if differs]
    if not names:
        return MAIN
    joined = ", ".join(names)
    return joined if len(names) == 1 or joined in WHOLE else ""


def labelled(results: Results, experiment: str) -> pd.DataFrame:
    """An experiment's estimates with the columns `control`, and `order`: most batches first."""
    table = results.estimates(experiment)
    pairs = pd.MultiIndex.from_frame(table[["settings", "samples"]])
    found = {pair: control_of(*pair) for pair in pairs.unique()}
    batches = {settings: -json.loads(settings).get("batches", 0) for settings, _ in found}
    return table.assign(control=pairs.map(found), order=table["settings"].map(batches))


def nets(results: Results, experiment: str) -> dict[tuple[str, ...], Net]:
    """Networks of an experiment by data set, initialisation and, where they are an axis, filters or bottleneck; seed blocks joined."""
    if not results.has(experiment):
        return {}
    table, groups = labelled(results, experiment), {}
    for point, section in results.points(experiment).items():
        axes = {name.rsplit(".", 1)[-1]: value for name, value in section.axes.items() if name != "first_seed"}
        axes = {k: "-".join(map(str, v)) if isinstance(v, list) else str(v) for k, v in axes.items()}
        key = (section.dataset, axes.get("initialisation", ""), axes.get("filters", axes.get("bottleneck", "")))
        groups.setdefault(key, []).append(point)
    made = {}
    for key, points in groups.items():
        about = results.attributes(key[0])
        label = f"{activation_of(experiment)}, {INITIALISATIONS.get(key[1], key[1])}" + (
            f", {key[2]}" if key[2] else ""
        )
        history = pd.concat([results.history(experiment, point) for point in points], ignore_index=True)
        rows = table[table["point"].isin(points)]
        made[key] = Net(rows, history, label, str(about.get("source", key[0])), bool(about.get("stand_in", False)))
    return made


def activation_of(experiment: str) -> str:
    """Activation of an experiment's networks."""
    if experiment in (*OTHERS, AUTOENCODER):
        return "tanh"
    return "ReLU" if experiment.endswith("_relu") or experiment in DEEP else "sigmoid"


def activations(base: dict[str, dict[tuple[str, ...], Net]]) -> Iterable[tuple[Net, Net]]:
    """(ReLU, sigmoid) networks on the same data."""
    for relus, sigmoids in (("yu_baseline_relu", "yu_baseline"), ("yu_svhn_relu", "yu_svhn")):
        for (dataset, *_), relu in base[relus].items():
            for (other, initialisation, _), sigmoid in base[sigmoids].items():
                if other == dataset and initialisation == "xavier":
                    yield relu, sigmoid


class Study:
    """The networks that the claims compare."""

    def __init__(self, results: Results) -> None:
        self.results = results

    @functools.cached_property
    def base(self) -> dict[str, dict[tuple[str, ...], Net]]:
        """Networks of each baseline experiment."""
        return {name: nets(self.results, name) for name in BASELINES}

    @functools.cached_property
    def networks(self) -> list[Net]:
        """All baseline networks."""
        return [net for group in self.base.values() for net in group.values()]

    @functools.cached_property
    def null(self) -> Net | None:
        """The baseline on shuffled labels."""
        return next(iter(nets(self.results, "yu_shuffled").values()), None)

    def twin(self, net: Net) -> Net | None:
        """The network that differs from another in its labels alone, which are shuffled."""
        null = self.null
        return null if null and (null.label, null.data) == (net.label, net.data) else None

    @functools.cached_property
    def couples(self) -> list[tuple[Net, Net]]:
        """(ReLU, sigmoid) networks on the same data."""
        return list(activations(self.base))

    @functools.cached_property
    def topologies(self) -> list[dict[str, Net]]:
        """Networks of one, two and three convolutions by their filters, for each initialisation that has the last two."""
        groups = [nets(self.results, name) for name in ("yu_depth", "yu_depth_default")]
        by_filters = [{key[2]: net for key, net in group.items()} for group in groups]
        return [group for group in by_filters if {"6-16", "6-16-16"} <= set(group)]

    @functools.cached_property
    def some_filters(self) -> list[Net]:
        """The networks of `FILTERS` that the run holds, from few filters to many."""
        widths = {key[2]: net for key, net in nets(self.results, "yu_filters").items()}
        return [widths[name] for name in FILTERS if name in widths]

    @property
    def filters(self) -> list[Net]:
        """The four settings of the filters, or none where one is missing."""
        return self.some_filters if len(self.some_filters) == len(FILTERS) else []

    @functools.cached_property
    def tanh(self) -> list[Net]:
        """Networks of other kinds under the same estimator: with tanh, and of the 12-bit task."""
        return [net for name in OTHERS for net in nets(self.results, name).values()]

    @functools.cached_property
    def autoencoders(self) -> dict[int, Net]:
        """Autoencoders by the width of their bottleneck, from the narrowest on."""
        found = {int(key[2]): net for key, net in nets(self.results, AUTOENCODER).items()}
        return dict(sorted(found.items()))

    @functools.cached_property
    def deep(self) -> list[tuple[str, Net]]:
        """Experiment and network of each deeper one."""
        return [(name, net) for name in DEEP for net in nets(self.results, name).values()]
