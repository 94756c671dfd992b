"""Verdicts on huang2016 (V-000-*): the rate–distortion network on contexts of emotional speech. The folds are the seeds.

Unweighted accuracies (UA) are in points. Comparisons between networks take the epoch that is best on the validating speaker;
curves over the trade-off β take the last epoch, a plateau. Repeats of a fold are averaged.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats

from infoflow.claims.stage import Results
from infoflow.claims.verdict import MINIMUM_SEEDS, Claim, Evidence, decide, mean_interval
from infoflow.estimators import renyi_gradients
from infoflow.seeds import torch_generator

ENCODER, RD, SHUFFLED, RECURRENT = "huang_encoder", "huang_rd", "huang_rd_shuffled", "huang_recurrent"
WIDE, LOGISTIC = "huang_wide", "huang_logistic"
PENALTIES = {"l1": "huang_l1", "l2": "huang_l2", "dropout": "huang_dropout"}
TUNED = [1.0, 2.0, 5.0, 10.0, 20.0, 37.0, 75.0, 100.0]  # eight trade-offs against eight values of each penalty
BETA = 37.0  # the published trade-off
MARGIN = 2.0  # points of UA
PUBLISHED = {"encoder": 52.86, "rate_distortion": 52.54}
CEILING = 0.98  # of S(K): a ratio above it says nothing
CONTROL, UNTRAINED = "the same networks on shuffled labels", "the untrained networks"

CLAIMS = {
    claim.id: claim
    for claim in (
        Claim("V-000-1", "F3", "The rate–distortion network performs as the encoder–decoder does", "UA within ±2 points on the mean over folds, two one-sided tests at 5 %, at least 5 folds", "points"),
        Claim("V-000-2", "F3", "The encoder–decoder reaches about 52.9 % UA", "within 5 points of 52.86 % on IEMOCAP itself", "points"),
        Claim("V-000-3a", "F3", "The information ratio of the hidden layer grows with β", "ρ(β, ratio) ≥ 0.8 for β ≥ 0.5", "Spearman's ρ"),
        Claim("V-000-3b", "F3", "The information ratio of the output layer grows with β", "ρ(β, ratio) ≥ 0.8 for β ≥ 0.5", "Spearman's ρ"),
        Claim("V-000-4", "F3", "Prediction improves with β", "ρ(β, UA) ≥ 0.6 and a gain of more than 2 points for β ≥ 0.5", "Spearman's ρ"),
        Claim("V-000-5", "F3", "The deeper layer holds less information about the input", "output ratio ≤ hidden ratio + tolerance at every β", "share of β"),
        Claim("V-000-C", "F3", "… and does so whatever the kernel width", "the same with σ the median distance of each layer", "share of β"),
        Claim("V-000-6", "F3", "Information is traded for accuracy", "Kendall's τ(hidden ratio, UA) ≥ 0.5 over β ≥ 0.5", "Kendall's τ"),
        Claim("V-000-7", "F1", "The gradients are as printed", "corrected formulas within 1e-8 of automatic ones; ∂S(K²)/∂W¹ as printed has no weight matrix's shape", "relative error"),
        Claim("V-000-8a", "F3", "The joint entropy is no less than either marginal one", "on every logged batch, to 1e-9 bits", "bits"),
        Claim("V-000-8b", "F3", "The joint entropy is no more than the sum of the marginal ones", "I ≥ −1e-9 bits on every logged batch", "bits"),
        Claim("V-000-9", "F3", "The input's Gram matrix is neither flat nor saturated", "0.05 < S(K)/log2 n < 0.99", "share"),
        Claim("V-000-10", "F3", "The rate itself lowers the information at equal accuracy", "against cross-entropy alone on the same contexts: UA within ±2 points (two one-sided tests) and a lower hidden ratio", "points"),
        Claim("V-000-E1a", "E1", "The rate does better than an l1 penalty", "paired difference of UA above 0 with 95 % confidence, eight values tuned each", "points"),
        Claim("V-000-E1b", "E1", "The rate does better than an l2 penalty", "paired difference of UA above 0 with 95 % confidence, eight values tuned each", "points"),
        Claim("V-000-E1c", "E1", "The rate does better than dropout", "paired difference of UA above 0 with 95 % confidence, eight values tuned each", "points"),
        Claim("V-000-E2", "E2", "A recurrent network with the rate over time keeps its accuracy with less information", "UA within 2 points of the plain one (two one-sided tests) and a ratio lower by 10 % at β = 37", "points"),
    )
}  # fmt: skip


# --- tables --------------------------------------------------------------------------------------------------


@functools.cache
def tables(results: Results) -> dict[str, pd.DataFrame]:
    """The document's tables: what its figures are drawn from, and its verdicts decided on."""
    return {
        "corpus": corpus(results),
        "folds": folds(results),
        "ratios": ratios(results),
        "scales": scales(results),
        "over_time": over_time(results),
    }


def corpus(results: Results) -> pd.DataFrame:
    """Utterances of each class and speaker, beside the document's counts, and of other emotions and problems."""
    about, arrays = results.about("speech"), results.dataset("speech", "y", "group", "offsets")
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
    last, pooled (UA of all test utterances of a repeat together).
    """
    made = []
    for experiment in (ENCODER, RD, SHUFFLED, WIDE, LOGISTIC, *PENALTIES.values(), RECURRENT):
        for point, about in results.points(experiment).items():
            history = results.history(experiment, point)
            rows = _chosen(history)
            rows["experiment"], rows["point"], rows["variant"] = experiment, point, about["variant"]
            axes = {k.rsplit(".", 1)[-1]: v for k, v in about["axes"].items() if k != "training.fold"}
            rows["axis"], rows["setting"] = next(iter(axes.items()), ("", math.inf))
            on_speech = about["dataset"] == "speech"  # there a seed is the speaker that is tested
            order = range(len(results.about("speech")["speakers"])) if on_speech else results.about("contexts")["folds"]
            rows["fold"], rows["repeat"] = (
                [int(order[s % len(order)]) for s in rows["seed"]],
                rows["seed"] // len(order),
            )
            if "training.fold" in about["axes"]:
                rows["fold"] = about["axes"]["training.fold"]
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
        "pooled",
    ]
    return table[kept]


def _chosen(history: pd.DataFrame) -> pd.DataFrame:
    """One row a network: the first epoch with the highest UA on the validating speaker, and what it gives on the test one."""
    wide = history.pivot_table(index=["seed", "epoch"], columns=["split", "metric"], values="value")
    rows = []
    for seed, own in wide.groupby(level="seed"):
        own = own.droplevel("seed")
        given = own["valid"]["chosen"].dropna() if ("valid", "chosen") in own else ()
        chosen = int(given.iloc[0]) if len(given) else int(own["valid"]["ua"].idxmax())
        ends = own["test"]["ua"].dropna().index.max()
        row = {"seed": seed, "chosen": chosen, "valid": 100 * own.loc[chosen, ("valid", "ua")]}
        row |= {"ua": 100 * own.loc[chosen, ("test", "ua")], "last": 100 * own.loc[ends, ("test", "ua")]}
        for column in own["test"].columns:
            if column.startswith("recall"):
                row[column] = own.loc[chosen, ("test", column)]
        rows.append(row)
    return pd.DataFrame(rows)


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
    made = []
    order = results.about("contexts")["folds"]
    for experiment in (RD, SHUFFLED, WIDE, LOGISTIC, *PENALTIES.values()):
        table = results.estimates(experiment)
        keys = ["variant", "axis", "setting", "seed", "epoch", "said"]
        table = table.assign(said=table["settings"], **_axis(table))
        wide = table.pivot_table(index=[*keys, "layer"], columns="quantity", values="value").reset_index()
        errors = table[table["quantity"] == "I_XT"].set_index([*keys, "layer"])["std_error"]
        inputs = wide[wide["layer"] == "input"].set_index(keys)["S_X"]
        layers = wide[wide["layer"] != "input"].drop(columns="S_X")
        layers = layers.join(inputs, on=keys).join(errors, on=[*keys, "layer"])
        said = layers["said"].map(json.loads)
        for name in ("on", "n", "width"):
            layers[name] = said.map(lambda one, name=name: one[name])
        ceiling = np.log2(layers["n"].astype(float))
        layers["ratio"], layers["std_error"] = layers["I_XT"] / layers["S_X"], layers["std_error"] / layers["S_X"]
        layers["input"], layers["entropy"] = layers["S_X"] / ceiling, layers["S_T"] / ceiling
        layers["fold"], layers["trained"] = [int(order[s % len(order)]) for s in layers["seed"]], layers["epoch"] > 0
        by = ["variant", "axis", "setting", "fold", "trained", "on", "n", "width", "layer"]
        means = layers.groupby(by, dropna=False)[["ratio", "std_error", "input", "entropy", "negative_I"]].mean()
        least = layers.groupby(by, dropna=False)[["joint_margin", "least_I"]].min()
        made.append(means.join(least).reset_index().assign(experiment=experiment))
    return pd.concat(made, ignore_index=True)


def _axis(table: pd.DataFrame) -> dict[str, Any]:
    """Name and value of the axis of each row; `setting` is ∞ without one: cross-entropy alone."""
    axis = next((name for name in ("trade_off", *PENALTIES) if name in table), None)
    return {"axis": axis or "", "setting": table[axis].astype(float) if axis else math.inf}


def scales(results: Results) -> pd.DataFrame:
    """S(K)/log2 64 of contexts at each scale, and which was taken."""
    about = results.about("contexts")
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


# --- verdicts ------------------------------------------------------------------------------------------------


class View:
    """The tables as arrays over folds and trade-offs."""

    def __init__(self, results: Results) -> None:
        made = tables(results)
        self.folds, self.ratios, self.time = made["folds"], made["ratios"], made["over_time"]
        self.scales = made["scales"]

    def ua(self, experiment: str, variant: str = "", column: str = "ua", **where: Any) -> pd.Series:
        """UA in % by fold, the mean over repeats."""
        rows = self.folds[(self.folds["experiment"] == experiment) & (self.folds["variant"] == variant)]
        for name, value in where.items():
            rows = rows[rows[name] == value]
        return rows.groupby("fold")[column].mean()

    def pooled(self, experiment: str, variant: str = "", **where: Any) -> float:
        """Pooled UA in %, the mean over repeats."""
        return float(self.ua(experiment, variant, "pooled", **where).mean())

    def curve(self, experiment: str, variant: str = "") -> pd.DataFrame:
        """UA in % at the last epoch by fold (rows) and trade-off β ≥ 0.5 (columns)."""
        rows = self.folds[(self.folds["experiment"] == experiment) & (self.folds["variant"] == variant)]
        return _from_half(rows.pivot_table(index="fold", columns="setting", values="last"))

    def ratio(self, layer: str, experiment: str = RD, variant: str = "corrected", column: str = "ratio", **where: Any) -> pd.DataFrame:  # fmt: skip
        """Ratios by fold and trade-off, on training contexts at n = 64 unless said otherwise."""
        wanted = {"on": "train", "n": 64, "width": "fixed", "trained": True} | where
        rows = self.ratios[(self.ratios["experiment"] == experiment) & (self.ratios["variant"] == variant)]
        rows = rows[rows["layer"] == layer]
        for name, value in wanted.items():
            rows = rows[rows[name] == value]
        made = rows.pivot_table(index="fold", columns="setting", values=column)
        return made

    def tuned(
        self, experiment: str, variant: str = "", settings: list[float] | None = None
    ) -> tuple[pd.Series, pd.Series]:
        """UA in % by fold at the setting whose UA on the validating speaker is highest, and that setting."""
        rows = self.folds[(self.folds["experiment"] == experiment) & (self.folds["variant"] == variant)]
        rows = rows if settings is None else rows[rows["setting"].isin(settings)]
        means = rows.groupby(["fold", "setting"])[["valid", "ua"]].mean().reset_index()
        best = means.loc[means.groupby("fold")["valid"].idxmax()].set_index("fold")
        return best["ua"], best["setting"]


def _from_half(table: pd.DataFrame) -> pd.DataFrame:
    return table[[column for column in table if column >= 0.5]]


def verdicts(results: Results) -> list[dict[str, Any]]:
    """Every verdict of the document."""
    view, about = View(results), results.about("speech")
    data, stand_in = str(about["source"]), bool(about["stand_in"])
    inside = view.ratio("X1", column="input")
    flat = bool(((inside <= 0.05) | (inside >= 0.99)).mean().mean() > 0.5)
    evidence = [("V-000-1", as_good(view)), ("V-000-2", encoder_accuracy(view, data)), ("V-000-7", gradients(results))]
    for variant in ("as_published", "corrected"):
        evidence += [
            ("V-000-3a", grows(view, "X1", variant, flat)),
            ("V-000-3b", grows(view, "X2", variant, flat)),
            ("V-000-4", improves(view, variant)),
            ("V-000-5", deeper_less(view, variant, "fixed", flat)),
            ("V-000-C", deeper_less(view, variant, "median", False)),
            ("V-000-6", traded(view, variant, flat)),
        ]
    evidence += [
        ("V-000-8a", joint_above(view)), ("V-000-8b", subadditive(view)), ("V-000-9", not_saturated(view)),
        ("V-000-10", rate_alone(view)), ("V-000-E2", recurrent(view)),
    ]  # fmt: skip
    evidence += [(f"V-000-E1{k}", better(view, name)) for k, name in zip("abc", PENALTIES, strict=True)]
    rows = []
    for name, one in evidence:
        exact = name == "V-000-7"
        one.data = one.data or data
        rows.append(decide(CLAIMS[name], one, rehearsal=results.rehearsal, stand_in=stand_in and not exact))
    return sorted(rows, key=lambda row: list(CLAIMS).index(row["id"]))


def paired(difference: pd.Series) -> tuple[float, float, float]:
    """Mean of paired differences over folds and its 95 % interval by Student's t."""
    return mean_interval(difference.to_numpy(float))


def equivalent(difference: pd.Series, margin: float) -> str:
    """Two one-sided t-tests at 5 %: holds inside ±margin, fails where the difference is surely outside, else undecided."""
    values = difference.dropna().to_numpy()
    if len(values) < MINIMUM_SEEDS:
        return "undecided"
    if np.ptp(values) == 0:
        return "holds" if abs(values[0]) <= margin else "fails"
    error = values.std(ddof=1) / math.sqrt(len(values))
    reach = stats.t.ppf(0.95, len(values) - 1) * error
    if values.mean() - reach > -margin and values.mean() + reach < margin:
        return "holds"
    return "fails" if values.mean() - reach > margin or values.mean() + reach < -margin else "undecided"


def as_good(view: View) -> Evidence:
    """V-000-1: UA at β = 37 less that of the encoder–decoder, paired over folds."""
    rd, encoder = view.ua(RD, "corrected", setting=BETA), view.ua(ENCODER)
    difference, null = rd - encoder, view.ua(SHUFFLED, setting=BETA) - encoder
    published = view.ua(RD, "as_published", setting=BETA)
    return Evidence(
        lambda scale: np.abs(difference) <= MARGIN * scale, difference.to_numpy(), null.to_numpy(), CONTROL,
        variant="corrected", verdict=lambda scale: equivalent(difference, MARGIN * scale),
        detail={
            "mean_and_interval": paired(difference), "rate_distortion": rd.mean(), "encoder": encoder.mean(),
            "pooled": {"rate_distortion": view.pooled(RD, "corrected", setting=BETA), "encoder": view.pooled(ENCODER)},
            "as_published": paired(published - encoder), "document": PUBLISHED,
        },
    )  # fmt: skip


def encoder_accuracy(view: View, data: str) -> Evidence:
    """V-000-2: UA of the encoder–decoder; decided on IEMOCAP alone."""
    ua = view.ua(ENCODER)
    real = data == "IEMOCAP"
    mean = abs(ua.mean() - PUBLISHED["encoder"])
    return Evidence(
        lambda scale: np.abs(ua - PUBLISHED["encoder"]) <= 5 * scale, ua.to_numpy(), view.ua(SHUFFLED, setting=math.inf).to_numpy(),
        CONTROL, verdict=lambda scale: ("holds" if mean <= 5 * scale else "fails") if real else "undecided",
        detail={"mean_and_interval": paired(ua), "pooled": view.pooled(ENCODER), **({} if real else {"why": "needs IEMOCAP itself"})},
    )  # fmt: skip


def _by_fold(table: pd.DataFrame, statistic: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
    """A statistic of (β, values) of each fold; points at the ceiling come as nan and are left out."""
    beta = table.columns.to_numpy(float)
    found = []
    for row in table.to_numpy(float):
        known = np.isfinite(row)
        enough = known.sum() >= 4 and np.ptp(row[known]) > 0
        found.append(statistic(beta[known], row[known]) if enough else math.nan)
    return np.array(found)


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's ρ; β = ∞ is simply the last."""
    return float(stats.spearmanr(x, y)[0])


def _mostly_extreme(table: pd.DataFrame) -> bool:
    """Whether more than half of the ratios lie within 2 % of their ceiling or floor."""
    return bool(((table > CEILING) | (table < 1 - CEILING)).to_numpy().mean() > 0.5)


def _null(view: View, layer: str) -> pd.DataFrame:
    return _from_half(view.ratio(layer, SHUFFLED, ""))


def grows(view: View, layer: str, variant: str, flat: bool) -> Evidence:
    """V-000-3: rank correlation of the ratio with β."""
    table = _from_half(view.ratio(layer, variant=variant))
    rho = _by_fold(table.where(table <= CEILING), spearman)
    null = _null(view, layer)
    low, high = table.min(axis=1), table.max(axis=1)
    return Evidence(
        lambda scale: rho >= min(0.8 * scale, 0.99), rho, _by_fold(null.where(null <= CEILING), spearman), CONTROL,
        variant=variant, vacuous=flat or _mostly_extreme(table),
        detail={
            "left_out_at_the_ceiling": int((table > CEILING).to_numpy().sum()), "least": low.median(), "largest": high.median(),
            "n_256": np.nanmedian(_by_fold(_from_half(view.ratio(layer, variant=variant, n=256)), spearman)) if 256 in set(view.ratios["n"]) else None,
        },
    )  # fmt: skip


def improves(view: View, variant: str) -> Evidence:
    """V-000-4: rank correlation of UA with β, and the gain from the least to the largest β."""
    table, null = view.curve(RD, variant), view.curve(SHUFFLED)
    rho = _by_fold(table, spearman)
    gain = (table.iloc[:, -1] - table.iloc[:, 0]).to_numpy()
    return Evidence(
        lambda scale: (rho >= min(0.6 * scale, 0.99)) & (gain > 2 * scale), rho, _by_fold(null, spearman), CONTROL, variant=variant,
        detail={"gain": paired(pd.Series(gain)), "mean_ua": {str(b): float(v) for b, v in table.mean().items()}},
    )  # fmt: skip


def _ordered(view: View, where: dict[str, Any]) -> pd.DataFrame:
    """Whether the output ratio is no larger than the hidden one plus the tolerance, by fold and β."""
    hidden, output = view.ratio("X1", **where), view.ratio("X2", **where)
    errors = view.ratio("X1", column="std_error", **where), view.ratio("X2", column="std_error", **where)
    slack = 0.02 / view.ratio("X1", column="input", **where)  # 0.02 log2 n in units of S(K)
    tolerance = np.maximum(slack, 2 * np.hypot(*errors))
    return output <= hidden + tolerance


def deeper_less(view: View, variant: str, width: str, flat: bool) -> Evidence:
    """V-000-5 and V-000-C: share of β at which the output layer has no more information than the hidden one."""
    ordered = _ordered(view, {"variant": variant, "width": width})
    untrained = _ordered(view, {"variant": variant, "width": width, "trained": False})
    share = ordered.mean(axis=1).to_numpy()
    held_out = _ordered(view, {"variant": variant, "width": width, "on": "held_out", "n": _held_out(view)})
    return Evidence(
        lambda scale: share >= 1 - 1e-9, share, untrained.mean(axis=1).to_numpy(), UNTRAINED, variant=variant, vacuous=flat,
        detail={
            "violations": int((~ordered).to_numpy().sum()), "pairs": int(ordered.size),
            "untrained_violations": int((~untrained).to_numpy().sum()), "held_out_violations": int((~held_out).to_numpy().sum()),
        },
    )  # fmt: skip


def _held_out(view: View) -> int:
    return int(view.ratios.loc[view.ratios["on"] == "held_out", "n"].mode().iloc[0])


def traded(view: View, variant: str, flat: bool) -> Evidence:
    """V-000-6: Kendall's τ between the hidden ratio and UA over β."""

    def taus(ratio: pd.DataFrame, ua: pd.DataFrame) -> np.ndarray:
        return np.array([stats.kendalltau(ratio.loc[k], ua.loc[k])[0] for k in ratio.index.intersection(ua.index)])

    ratio = _from_half(view.ratio("X1", variant=variant))
    found = taus(ratio, view.curve(RD, variant))
    return Evidence(
        lambda scale: found >= min(0.5 * scale, 0.99), found, taus(_null(view, "X1"), view.curve(SHUFFLED)), CONTROL,
        variant=variant, vacuous=flat or _mostly_extreme(ratio),
    )  # fmt: skip


def gradients(results: Results) -> Evidence:
    """V-000-7: worst relative error of the closed gradients, ten random networks; the printed one's shape."""
    root = results.settings["seed"]
    found = [renyi_gradients.check(torch_generator(root, k, "gradients")) for k in range(10)]
    worst = np.array([max(one.values()) for one in found])
    shape = renyi_gradients.printed_shape(torch.Generator().manual_seed(0))
    return Evidence(
        lambda scale: (worst < 1e-8 * scale) & (shape != (7, 5)), worst, np.full(10, np.nan), "none", data="random networks, n = 12",
        needs_null=False, detail={"by_gradient": {k: max(one[k] for one in found) for k in found[0]}, "printed_shape": shape, "shape_of_W1": (7, 5)},
    )  # fmt: skip


def _logged(view: View) -> pd.DataFrame:
    return view.ratios[view.ratios["experiment"] == RD]


def joint_above(view: View) -> Evidence:
    """V-000-8a: least S(X, T) − max(S(X), S(T)) over all batches, layers and trade-offs of a fold."""
    worst = _logged(view).groupby("fold")["joint_margin"].min().to_numpy()
    return Evidence(
        lambda scale: worst >= -1e-9 * scale, worst, np.full(1, np.nan), "none: a theorem", needs_null=False,
    )  # fmt: skip


def subadditive(view: View) -> Evidence:
    """V-000-8b: least I over all batches of a fold; no theorem at α = 2."""
    rows = _logged(view)
    worst = rows.groupby("fold")["least_I"].min().to_numpy()
    return Evidence(
        lambda scale: worst >= -1e-9 * scale, worst, np.full(1, np.nan), "none: false in general at α = 2", needs_null=False,
        detail={"share_of_batches": rows["negative_I"].mean(), "by_layer": rows.groupby("layer")["negative_I"].mean().to_dict()},
    )  # fmt: skip


def not_saturated(view: View) -> Evidence:
    """V-000-9: S(K)/log2 n of the input contexts at the scale that was taken."""
    inside = view.ratio("X1", column="input").mean(axis=1).to_numpy()
    taken = view.scales.loc[view.scales["taken"], "scale"].iloc[0]
    raw = view.scales.loc[view.scales["scale"] == "none", "saturation"].to_numpy()

    def test(scale: float) -> np.ndarray:
        return (inside > 0.05 * scale) & (inside < 1 - 0.01 * scale)

    return Evidence(
        test, inside, raw, "raw contexts", needs_null=False,
        detail={"taken": taken, "scales": dict(zip(view.scales["scale"], view.scales["saturation"], strict=True))},
    )  # fmt: skip


def rate_alone(view: View) -> Evidence:
    """V-000-10: β = 37 against cross-entropy alone on the same contexts and network; the others beside it."""
    own, plain = view.ua(RD, "corrected", setting=BETA), view.ua(RD, "corrected", setting=math.inf)
    difference = own - plain
    hidden = view.ratio("X1")
    fall = hidden[BETA] - hidden[math.inf]
    others = {
        "cross_entropy_64": plain, "cross_entropy_128": view.ua(WIDE), "logistic": view.ua(LOGISTIC), "encoder": view.ua(ENCODER),
    }  # fmt: skip
    tuned, chosen = view.tuned(RD, "corrected", TUNED)

    def verdict(scale: float) -> str:
        same = equivalent(difference, MARGIN * scale)
        if len(fall) < MINIMUM_SEEDS or same == "undecided":
            return "undecided"
        _, _, high = paired(fall)
        return "holds" if same == "holds" and high < 0 else "fails"

    def test(scale: float) -> np.ndarray:
        return (np.abs(difference) <= MARGIN * scale).to_numpy() & (fall < 0).to_numpy()

    return Evidence(
        test, difference.to_numpy(), (view.ua(WIDE) - plain).to_numpy(), "128 hidden units in place of 64", variant="corrected",
        verdict=verdict,
        detail={
            "beta_37_minus": {name: paired(own - other) for name, other in others.items()},
            "tuned_beta_minus": {name: paired(tuned - other) for name, other in others.items()},
            "tuned_betas": chosen.tolist(), "change_of_hidden_ratio": paired(fall), "hidden_ratio_without": hidden[math.inf].mean(),
        },
    )  # fmt: skip


def better(view: View, penalty: str) -> Evidence:
    """V-000-E1: tuned trade-off against a tuned penalty, paired over folds."""
    own, betas = view.tuned(RD, "corrected", TUNED)
    other, settings = view.tuned(PENALTIES[penalty])
    difference = own - other
    mean, low, high = paired(difference)

    def verdict(scale: float) -> str:
        if len(difference) < MINIMUM_SEEDS:
            return "undecided"
        return "holds" if low > 0 else "fails" if high < MARGIN * scale else "undecided"

    ratio = {layer: view.ratio(layer, PENALTIES[penalty], "").mean().to_dict() for layer in ("X1", "X2")}
    return Evidence(
        lambda scale: (difference > 0).to_numpy(), difference.to_numpy(), (view.ua(RD, "corrected", setting=math.inf) - other).to_numpy(),
        "cross-entropy alone", variant="corrected", verdict=verdict,
        detail={
            "mean_and_interval": (mean, low, high), "rate": paired(own), "penalty": paired(other), "betas": betas.tolist(),
            "settings": settings.tolist(), "ratios": {k: {str(s): float(x) for s, x in v.items()} for k, v in ratio.items()},
            "comparison": "better" if low > 0 else "worse" if high < 0 else "equal" if equivalent(difference, MARGIN) == "holds" else "not told apart",
        },
    )  # fmt: skip


def recurrent(view: View) -> Evidence:
    """V-000-E2: UA of the recurrent network at β = 37 less the plain one's, and the fall of its ratio over time."""
    plain = view.ua(RECURRENT, setting=math.inf)
    trained = view.time[view.time["trained"]]
    ratio = trained.pivot_table(index="fold", columns="trade_off", values="ratio")
    difference = view.ua(RECURRENT, setting=BETA) - plain
    falls = {beta: ratio[beta] / ratio[math.inf] - 1 for beta in ratio if math.isfinite(beta)}

    def verdict(scale: float) -> str:
        same = equivalent(difference, MARGIN * scale)
        if same == "undecided":
            return same
        return "holds" if same == "holds" and paired(falls[BETA])[2] <= -0.1 * scale else "fails"

    def test(scale: float) -> np.ndarray:
        return (np.abs(difference) <= MARGIN * scale).to_numpy() & (falls[BETA] <= -0.1 * scale).to_numpy()

    untrained = view.ua(RECURRENT, setting=BETA, column="last") - plain
    return Evidence(
        test, difference.to_numpy(), untrained.to_numpy(), "the last epoch in place of the best", variant="corrected", verdict=verdict,
        detail={
            "ua_minus_plain": {str(b): paired(view.ua(RECURRENT, setting=b) - plain) for b in falls},
            "relative_change_of_ratio": {str(b): paired(fall) for b, fall in falls.items()}, "plain_ua": plain.mean(),
        },
    )  # fmt: skip
