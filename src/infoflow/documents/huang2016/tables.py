"""Tables of huang2016's figures, on which its claims are decided too. The folds are the seeds."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from infoflow.documents.huang2016.constants import ENCODER, LOGISTIC, PENALTIES, RD, RECURRENT, SHUFFLED, STEP, WIDE
from infoflow.verdicts.results import Results


@dataclass(frozen=True)
class Tables:
    """What the document's figures are drawn from, and its claims decided on."""

    corpus: pd.DataFrame
    folds: pd.DataFrame
    ratios: pd.DataFrame
    scales: pd.DataFrame
    over_time: pd.DataFrame

    @classmethod
    def of(cls, results: Results) -> Tables:
        """The tables of some results."""
        return cls(corpus(results), folds(results), ratios(results), scales(results), over_time(results))


def tables(study: Any) -> dict[str, pd.DataFrame]:
    """The document's tables by name."""
    return vars(study.tables)


def corpus(results: Results) -> pd.DataFrame:
    """Utterances of each class and speaker, beside the document's counts, and of other emotions and problems."""
    about, arrays = results.attributes("speech"), results.dataset("speech", "y", "group", "offsets")
    counts, stated = json.loads(about["counts"]), json.loads(about["stated_counts"])
    rows = [{"kind": "class", "name": name, "count": counts[name], "stated": stated.get(name)} for name in counts]
    for k, speaker in enumerate(about["speakers"]):
        rows.append({"kind": "speaker", "name": str(speaker), "count": int((arrays["group"] == k).sum())})
    rows += [{"kind": "other emotion", "name": k, "count": v} for k, v in json.loads(about["other_emotions"]).items()]
    rows.append({"kind": "problem", "name": "left out", "count": int(about["left_out"])})
    rows.append({"kind": "problem", "name": "noted", "count": int(about["problem_count"])})
    rows.append({"kind": "length", "name": "hours", "count": len_hours(arrays["offsets"])})
    made = pd.DataFrame(rows, columns=["kind", "name", "count", "stated"])
    made["stated"] = made["stated"].astype("float64")
    made["source"], made["stand_in"] = about["source"], bool(about["stand_in"])
    return made


def len_hours(offsets: np.ndarray) -> float:
    """Hours of sound behind frames that are 10 ms apart."""
    return float(offsets[-1]) / 100 / 3600


def folds(results: Results) -> pd.DataFrame:
    """UA in % of every network: at the epoch best on the validating speaker, at the last one, and pooled over folds.

    Columns: experiment, point, variant, axis (trade_off, l1, …) and its setting, fold, repeat, chosen (epoch), valid, ua,
    last, train_last (on training speakers, where it was measured), pooled (UA of all test utterances of a repeat together).
    """
    made = []
    for experiment in (ENCODER, RD, SHUFFLED, WIDE, LOGISTIC, *PENALTIES.values(), RECURRENT):
        for point, about in results.points(experiment).items():
            history = results.history(experiment, point)
            rows = _chosen(history)
            rows["experiment"], rows["point"], rows["variant"] = experiment, point, about.variant
            axes = {k.rsplit(".", 1)[-1]: v for k, v in about.axes.items() if k != "training.fold"}
            rows["axis"], rows["setting"] = next(iter(axes.items()), ("", math.inf))
            on_speech = about.dataset == "speech"  # there a seed is the speaker that is tested
            order = (
                range(len(results.attributes("speech")["speakers"]))
                if on_speech
                else results.attributes("contexts")["folds"]
            )
            rows["fold"], rows["repeat"] = (
                [int(order[s % len(order)]) for s in rows["seed"]],
                rows["seed"] // len(order),
            )
            if "training.fold" in about.axes:
                rows["fold"] = about.axes["training.fold"]
            made.append(rows)
    table = pd.concat(made, ignore_index=True)
    table["pooled"] = _pooled(table, results)
    kept = [
        "experiment",
        "point",
        "variant",
        "axis",
        "setting",
        "fold",
        "repeat",
        "chosen",
        "valid",
        "ua",
        "last",
        "train_last",
        "pooled",
    ]
    return table.reindex(columns=kept)


def _chosen(history: pd.DataFrame) -> pd.DataFrame:
    """One row a network: the epoch that is best on the validating speaker, and what it gives on the test one."""
    wide = history.pivot_table(index=["seed", "epoch"], columns=["split", "metric"], values="value")
    rows = []
    for seed, own in wide.groupby(level="seed"):
        own = own.droplevel("seed")
        given = own["valid"]["chosen"].dropna() if ("valid", "chosen") in own else ()
        chosen = int(given.iloc[0]) if len(given) else _best(own["valid"])
        ends = own["test"]["ua"].dropna().index.max()
        row = {"seed": seed, "chosen": chosen, "valid": 100 * own.loc[chosen, ("valid", "ua")]}
        row |= {"ua": 100 * own.loc[chosen, ("test", "ua")], "last": 100 * own.loc[ends, ("test", "ua")]}
        if ("train", "ua") in own:
            row["train_last"] = 100 * own.loc[ends, ("train", "ua")]
        for column in own["test"].columns:
            if column.startswith("recall"):
                row[column] = own.loc[chosen, ("test", column)]
        rows.append(row)
    return pd.DataFrame(rows)


def _best(valid: pd.DataFrame) -> int:
    """The epoch with the highest UA on the validating speaker, among equals the one with the lowest loss there."""
    ua = valid["ua"].dropna()
    return int(valid.loc[ua.index[ua == ua.max()], "loss"].idxmin())


def _pooled(table: pd.DataFrame, results: Results) -> np.ndarray:
    """UA in % over all test utterances of the folds of a repeat: recalls weighted by each speaker's count of the class."""
    arrays = results.dataset("speech", "y", "group")
    counts = pd.crosstab(arrays["group"], arrays["y"])
    recalls = [column for column in table if str(column).startswith("recall")]
    classes = [int(column.split(":")[1]) for column in recalls]
    weights = counts.reindex(index=table["fold"], columns=classes, fill_value=0).to_numpy()
    right = pd.DataFrame(table[recalls].fillna(0).to_numpy() * weights, index=table.index)
    own = table["axis"] + table["setting"].astype(str) + table["experiment"] + table["variant"]
    keys = [own, table["repeat"]]
    totals = pd.DataFrame(weights, index=table.index).groupby(keys).transform("sum")
    return 100 * (right.groupby(keys).transform("sum") / totals).mean(axis=1).to_numpy()


def ratios(results: Results) -> pd.DataFrame:
    """I(X^l; X)/S(K) of every layer, fold and setting, trained and untrained, means over repeats.

    Columns: experiment, variant, axis, setting, fold, trained, on, n, width, layer, ratio, std_error, input (S(K)/log2 n),
    entropy (S(K^l)/log2 n), joint_margin, least_I, negative_I.
    """
    parts = []
    order = results.attributes("contexts")["folds"]
    for experiment in (RD, STEP, SHUFFLED, WIDE, LOGISTIC, *PENALTIES.values()):
        table = results.estimates(experiment)
        keys = ["variant", "axis", "setting", "seed", "epoch", "samples", "n", "estimator_settings"]
        table = table.assign(estimator_settings=table["settings"], **_axis(table))
        wide = table.pivot_table(index=[*keys, "layer", "depth"], columns="quantity", values="value").reset_index()
        information = table[table["quantity"] == "I_XT"].set_index([*keys, "layer"])
        negative = information["per_batch"].map(lambda values: np.mean(np.asarray(values) < 0))
        inputs = wide[wide["layer"] == "input"].set_index(keys)["S_X"]
        layers = wide[wide["layer"] != "input"].drop(columns="S_X")
        layers = layers.join(inputs, on=keys)
        layers = layers.join(information[["std_error"]].assign(negative_I=negative), on=[*keys, "layer"])
        layers["layer"] = "X" + layers["depth"].astype(str)  # as the document counts them, the softmax last
        layers["on"] = layers["samples"].map({"train": "train", "test": "held_out"})
        layers["width"] = layers["estimator_settings"].map(lambda text: json.loads(text)["rule"])
        ceiling = np.log2(layers["n"].astype(float))
        layers["ratio"], layers["std_error"] = layers["I_XT"] / layers["S_X"], layers["std_error"] / layers["S_X"]
        layers["input"], layers["entropy"] = layers["S_X"] / ceiling, layers["S_T"] / ceiling
        layers["fold"], layers["trained"] = [int(order[s % len(order)]) for s in layers["seed"]], layers["epoch"] > 0
        layers = layers.rename(columns={"margin_joint": "joint_margin", "margin_sum": "least_I"})
        by = ["variant", "axis", "setting", "fold", "trained", "on", "n", "width", "layer"]
        means = layers.groupby(by, dropna=False)[["ratio", "std_error", "input", "entropy", "negative_I"]].mean()
        least = layers.groupby(by, dropna=False)[["joint_margin", "least_I"]].min()
        parts.append(means.join(least).reset_index().assign(experiment=experiment))
    return pd.concat(parts, ignore_index=True)


def _axis(table: pd.DataFrame) -> dict[str, Any]:
    """Name and value of the axis of each row; `setting` is ∞ without one: cross-entropy alone."""
    axis = next((name for name in ("trade_off", *PENALTIES) if name in table), None)
    return {"axis": axis or "", "setting": table[axis].astype(float) if axis else math.inf}


def scales(results: Results) -> pd.DataFrame:
    """S(K)/log2 64 of contexts at each scale, and which was taken."""
    about = results.attributes("contexts")
    rows = [
        {"scale": name, "saturation": value, "taken": name == about["scale"]}
        for name, value in json.loads(about["scales"]).items()
    ]
    return pd.DataFrame(rows)


def over_time(results: Results) -> pd.DataFrame:
    """I(X_t; H_t)/S(X_t) of the recurrent networks by trade-off, fold, place in time, trained or not."""
    table = results.estimates(RECURRENT)
    keys = ["trade_off", "seed", "epoch", "depth"]
    wide = table.pivot_table(index=keys, columns="quantity", values="value").reset_index()
    wide["share"] = wide["depth"] / wide["depth"].max()
    wide["ratio"], wide["trained"] = wide["I_XT"] / wide["S_X"], wide["epoch"] > 0
    wide["input"] = wide["S_X"] / math.log2(int(table["n"].iloc[0]))
    return wide.rename(columns={"seed": "fold"})[["trade_off", "fold", "trained", "share", "ratio", "input"]]
