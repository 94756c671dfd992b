"""Every estimator on every network: what each says of a layer's information over training, and where they agree.

A row of the matrix is one estimator on one layer of one network setting, with all its seeds. A layer compresses under an
estimator where most seeds fall by more than 0.10 nats and three standard errors from their peak. What an estimator says is held
against the reference of the same layer: its exact information where there is one, else that of the layer rounded to 8 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from infoflow.storage.tables import read_table
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.questions import ERRORS
from infoflow.verdicts.rule import Row

# What each family of estimators says a layer keeps of its input: (quantity, kind of its rows).
INFORMATION = {
    "scalar_chain": ("I_XT", "point"), "linear_gaussian": ("I_XT", "point"), "linearised": ("I_XT", "point"),
    "quantised": ("I_XQ", "point"), "kde": ("I_XT", "lower"), "binning": ("H_T", "point"), "knn": ("h_T", "point"),
    "renyi": ("I_XT", "point"),
}  # fmt: skip
EXACT = ("scalar_chain", "linear_gaussian", "linearised", "quantised")  # the first that a layer has is its reference
ESTIMATES = ("kde", "binning", "knn", "renyi")
# What each document looked at itself; of goldfeld2019 the estimator of noisy layers, and bins of their deterministic twins.
OWN = {
    "kong2019": {"scalar_chain"}, "goldfeld2019": {"linearised", "binning"}, "yu2018": {"renyi"}, "huang2016": {"renyi"},
    "padova2023": {"binning", "kde", "knn", "linear_gaussian"},
}  # fmt: skip
GEOMETRY = {"clustering": ("ratio_distance", "saturated_fraction", "effective_rank")}
COLUMNS = [
    "experiment", "point", "seed", "epoch", "layer", "depth", "part", "samples", "quantity", "estimator", "settings", "kind",
    "value", "std_error", "unit", "flag",
]  # fmt: skip
PLACE = ["experiment", "point", "layer"]
LEAST = 4  # snapshots: a start and an end alone are no trajectory
GATHERED, SATURATED = 0.9, 0.1  # final over first distance within classes; share of saturated units
DRAWS, LEVEL = 500, 0.95


class Network(NamedTuple):
    """An experiment as the comparison sees it."""

    document: str
    estimates: list[str]  # tables
    history: Mapping[str, str]  # by point


def matrix(
    networks: Mapping[str, Network], families: Mapping[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """What every estimator says of every layer, how their trajectories agree, and what became of the networks.

    Args:
        networks: experiments by name.
        families: kind of each estimator by its name.

    Returns:
        matrix: a row for each `document`, experiment, point, layer, `family`, estimator and settings: `seeds`, `epochs`, the medians over
            seeds of `start`, `peak`, `end` and `fall` (nats; of geometry in its own unit), the shares `falls` and `rises` of the seeds,
            `ceiling` and `flagged` of the values, and `shown`, true for one row a family.
        agreement: a row for each layer and two families: `rho`, the median over seeds of Spearman's correlation of the trajectories.
        trained: a row for each network setting: test `accuracy`, and `gap` to that of training, medians over seeds at the end.
    """
    made, agreed, ends = [], [], []
    for name, network in networks.items():
        found = list(_rows(_read(network.estimates), families))
        for row, _ in found:
            row["document"] = network.document
        made += [row for row, _ in found]
        agreed += [{"document": network.document, **row} for row in _agreements(found)]
        ends += [{"document": network.document, "experiment": name, "point": point, **_end(read_table(path))}
                 for point, path in network.history.items()]  # fmt: skip
    columns = ["document", *PLACE, "depth", "family", "estimator", "settings", "kind", "quantity", "samples", "seeds", "epochs",
               "start", "peak", "end", "fall", "falls", "rises", "ceiling", "flagged", "shown"]  # fmt: skip
    pairs, ending = (
        ["document", *PLACE, "first", "second", "rho", "seeds"],
        ["document", "experiment", "point", "accuracy", "gap"],
    )
    return pd.DataFrame(made, columns=columns), pd.DataFrame(agreed, columns=pairs), pd.DataFrame(ends, columns=ending)


def _read(paths: Iterable[str]) -> pd.DataFrame:
    """Rows of layers as a whole that the comparison looks at."""
    wanted = {quantity for quantity, _ in INFORMATION.values()} | set(GEOMETRY["clustering"])
    filters = [("quantity", "in", sorted(wanted)), ("part", "==", "layer")]
    tables = [pd.read_parquet(path, columns=COLUMNS, filters=filters) for path in paths]
    full = [table for table in tables if len(table)]
    return pd.concat(full, ignore_index=True) if full else pd.DataFrame(columns=COLUMNS)


def _rows(table: pd.DataFrame, families: Mapping[str, str]) -> Iterator[tuple[Row, tr.Series]]:
    """A row for each estimator's trajectory of a layer, and the trajectory in nats; of a family one is shown."""
    shown: set[tuple[Any, ...]] = set()
    # an estimator that bears its family's name is the one that every experiment has
    order = table.assign(own=[families.get(name) != name for name in table["estimator"]]).sort_values(
        "own", kind="stable"
    )
    keys = [*PLACE, "estimator", "settings", "kind", "samples", "quantity"]
    for key, rows in order.groupby(keys, sort=False):
        place = dict(zip(keys, key, strict=True))
        family = families.get(place["estimator"], "")
        geometry = place["quantity"] in GEOMETRY.get(family, ())
        if not geometry and INFORMATION.get(family) != (place["quantity"], place["kind"]):
            continue
        series = _series(rows)
        if len(series.epochs) < LEAST or not len(series.seeds):
            continue
        scale = math.log(2) if rows["unit"].iloc[0] == "bits" else 1.0
        series = series._replace(values=scale * series.values, errors=scale * series.errors)
        first = (*key[:3], family, place["quantity"]) not in shown
        shown.add((*key[:3], family, place["quantity"]))
        yield {**place, "family": family, "depth": int(rows["depth"].iloc[0]), "shown": first,
               **_of_series(series), **_flags(rows["flag"])}, series  # fmt: skip


def _series(rows: pd.DataFrame) -> tr.Series:
    """Values over training, of seeds and epochs that all have; an entropy of −∞ (repeated rows) is left out."""
    values = rows.pivot(index="seed", columns="epoch", values="value").replace([np.inf, -np.inf], np.nan)
    values = values.dropna(axis=1)
    errors = rows.pivot(index="seed", columns="epoch", values="std_error")[values.columns].fillna(0.0)
    return tr.Series(values.columns.to_numpy(), values.to_numpy(), errors.to_numpy(), values.index.to_numpy())


def _of_series(one: tr.Series) -> Row:
    fall, rise = tr.drop(one), tr.rise(one)
    least = np.maximum(tr.COMPRESSION, ERRORS * tr.standard_error(one))
    return {
        "seeds": len(one.seeds), "epochs": len(one.epochs), "start": float(np.median(one.values[:, 0])),
        "peak": float(np.median(tr.peak(one)[0])), "end": float(np.median(tr.final(one))), "fall": float(np.median(fall)),
        "falls": float((fall > least).mean()), "rises": float((rise > least).mean()),
    }  # fmt: skip


def _flags(flags: pd.Series) -> dict[str, float]:
    return {"ceiling": float((flags == "saturated").mean()), "flagged": float((flags != "").mean())}


def _agreements(found: list[tuple[Row, tr.Series]]) -> Iterator[Row]:
    """Rank correlations of the shown trajectories of a layer, two families at a time."""
    layers: dict[tuple[str, ...], dict[str, tr.Series]] = {}
    for row, series in found:
        if row["shown"] and row["family"] in INFORMATION:
            layers.setdefault(tuple(row[name] for name in PLACE), {})[row["family"]] = series
    for place, families in layers.items():
        for first, second in combinations(sorted(families), 2):
            one, other = tr.shared(families[first], families[second])
            if len(one.epochs) >= LEAST and len(one.seeds):
                rho = [_spearman(a, b) for a, b in zip(one.values, other.values, strict=True)]
                yield {**dict(zip(PLACE, place, strict=True)), "first": first, "second": second,
                       "rho": float(np.nanmedian(rho)) if np.isfinite(rho).any() else math.nan, "seeds": len(rho)}  # fmt: skip


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation; nan where one of them is constant."""
    return float(stats.spearmanr(a, b)[0]) if np.ptp(a) > 0 and np.ptp(b) > 0 else math.nan


def _end(history: pd.DataFrame) -> dict[str, float]:
    rows = history[(history["metric"] == "accuracy") & ~history["noisy"].astype(bool)]
    by_split = {
        split: own[own["epoch"] == own["epoch"].max()]["value"].median() for split, own in rows.groupby("split")
    }
    train, test = (float(by_split.get(split, math.nan)) for split in ("train", "test"))
    return {"accuracy": test, "gap": train - test}


# --- what the documents disagree on ---------------------------------------------------------------------------------


def layers(table: pd.DataFrame) -> pd.DataFrame:
    """A row a layer: whether it compresses under its `reference` and under each family, its falls, its geometry.

    Estimates most of whose values are flagged tell nothing and are missing.
    """
    shown = table[table["shown"].astype(bool)]
    telling = shown["flagged"].astype(float) <= 0.5
    information = shown[telling & shown["family"].isin(list(INFORMATION))]
    if information.empty:
        further = ("reference", "compresses", "fall", "distance", "saturated")
        return pd.DataFrame(columns=["document", *PLACE, *INFORMATION, *(f"fall {f}" for f in INFORMATION), *further])
    wide = information.pivot_table(index=["document", *PLACE], columns="family", values=["falls", "fall"])
    made = pd.DataFrame(index=wide.index)
    for family in INFORMATION:
        has = ("falls", family) in wide
        made[family] = (wide["falls", family] > 0.5).where(wide["falls", family].notna()) if has else math.nan
        made[f"fall {family}"] = wide["fall", family] if has else math.nan
    made["reference"] = [next((f for f in EXACT if row[f] == row[f]), "") for _, row in made.iterrows()]
    for name, column in (("compresses", "{}"), ("fall", "fall {}")):
        made[name] = [
            row[column.format(row["reference"])] if row["reference"] else math.nan for _, row in made.iterrows()
        ]
    geometry = shown[shown["family"] == "clustering"].set_index(["document", *PLACE])
    distance = geometry[geometry["quantity"] == "ratio_distance"]
    made["distance"] = distance["end"] / distance["start"]
    made["saturated"] = geometry[geometry["quantity"] == "saturated_fraction"]["end"]
    return made.reset_index()


def answers(table: pd.DataFrame, agreement: pd.DataFrame, trained: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Answers to what the documents disagree on, with 95 % intervals over networks (bootstrap).

    Returns:
        `question`, `what` (the number in words), `value`, `low`, `high`, `networks` and `layers` it rests on.
    """
    all_layers = layers(table).merge(trained, on=["document", "experiment", "point"], how="left")
    made = []

    def add(question: str, what: str, rows: pd.DataFrame, statistic: Callable[[pd.DataFrame], float]) -> None:
        low, high = _interval(rows, statistic, seed)
        networks = len(rows.drop_duplicates(["experiment", "point"]))
        made.append({"question": question, "what": what, "value": statistic(rows) if len(rows) else math.nan, "low": low,
                     "high": high, "networks": networks, "layers": len(rows)})  # fmt: skip

    fallen = all_layers[all_layers["compresses"] == 1]
    saturated = fallen[fallen["saturated"].notna()]
    add("Does compression need saturation?", f"of layers that compress: fewer than {SATURATED:.0%} of units saturated at the end",
        saturated, lambda rows: float((rows["saturated"] < SATURATED).mean()))  # fmt: skip
    gathered = fallen[fallen["distance"].notna()]
    add("Is compression clustering?", f"of layers that compress: distance within classes below {GATHERED:.0%} of its start",
        gathered, lambda rows: float((rows["distance"] < GATHERED).mean()))  # fmt: skip
    both = all_layers[all_layers["fall"].notna() & all_layers["distance"].notna()]
    add("Is compression clustering?", "rank correlation of the fall with what is left of that distance", both,
        lambda rows: _spearman(rows["fall"].to_numpy(float), rows["distance"].to_numpy(float)))  # fmt: skip
    binned = all_layers[all_layers["binning"].notna() & all_layers["kde"].notna()]
    add("Do binning and KDE see the same?", "of layers: both say the same", binned,
        lambda rows: float((rows["binning"] == rows["kde"]).mean()))  # fmt: skip
    pairs = agreement[(agreement["first"] == "binning") & (agreement["second"] == "kde") & agreement["rho"].notna()]
    add("Do binning and KDE see the same?", "rank correlation of their trajectories, median", pairs,
        lambda rows: float(rows["rho"].median()))  # fmt: skip
    deepest = all_layers[all_layers["fall"].notna() & all_layers["accuracy"].notna()]
    deepest = deepest.sort_values("fall").groupby(["experiment", "point"]).tail(1)
    task = deepest[~deepest["experiment"].str.contains("shuffled")]
    add("Does it go with generalisation?", "rank correlation of a network's largest fall with its test accuracy", task,
        lambda rows: _spearman(rows["fall"].to_numpy(float), rows["accuracy"].to_numpy(float)))  # fmt: skip
    for family in ESTIMATES:
        known = all_layers[all_layers[family].notna() & all_layers["compresses"].notna()]
        add("Whom to believe?", f"of layers: {family} says what the reference says", known,
            lambda rows, family=family: float((rows[family] == rows["compresses"]).mean()))  # fmt: skip
    return pd.DataFrame(made)


def disagreements(table: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Layers on which two families of estimators answer differently, with what each says and what the reference does."""
    found = layers(table).dropna(subset=[first, second])
    shown = ["document", *PLACE, f"fall {first}", f"fall {second}", "reference", "fall"]
    return found.loc[found[first] != found[second], shown]


def _interval(rows: pd.DataFrame, statistic: Callable[[pd.DataFrame], float], seed: int) -> tuple[float, float]:
    """Interval of a statistic over networks, drawn with all their layers; nan with fewer than five."""
    groups = [own for _, own in rows.groupby(["experiment", "point"])] if len(rows) else []
    if len(groups) < 5:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    drawn = [
        statistic(pd.concat([groups[k] for k in rng.integers(len(groups), size=len(groups))])) for _ in range(DRAWS)
    ]
    if not np.isfinite(drawn).any():
        return math.nan, math.nan
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def believed(table: pd.DataFrame) -> pd.DataFrame:
    """Share of the layers of each document that compress under each estimator: what a reader of it alone would believe.

    Returns:
        `document`, `family`, `share`, `layers`, and `own`, whether the document uses this family itself.
    """
    shown = table[table["shown"].astype(bool) & table["family"].isin(list(INFORMATION))]
    made = []
    for (document, family), rows in shown.groupby(["document", "family"]):
        share = float((rows["falls"] > 0.5).mean())
        made.append(
            {
                "document": document,
                "family": family,
                "share": share,
                "layers": len(rows),
                "own": family in OWN.get(document, ()),
            }
        )
    return pd.DataFrame(made, columns=["document", "family", "share", "layers", "own"])
