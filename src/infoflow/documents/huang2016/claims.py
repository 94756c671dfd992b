"""Claims of huang2016 (V-000-*): the rate–distortion network on contexts of emotional speech. The folds are the seeds.

Unweighted accuracies (UA) are in points. Comparisons between networks take the epoch that is best on the validating speaker;
curves over the trade-off β take the last epoch, a plateau. Repeats of a fold are averaged.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats

from infoflow.documents.huang2016.constants import (
    BETA,
    CEILING,
    CONTROL,
    ENCODER,
    LOGISTIC,
    MARGIN,
    PENALTIES,
    PUBLISHED,
    RD,
    RECURRENT,
    SHUFFLED,
    TUNED,
    UNTRAINED,
    WIDE,
)
from infoflow.documents.huang2016.study import View, from_half
from infoflow.estimators import renyi_gradients
from infoflow.seeds import torch_generator
from infoflow.verdicts.rule import Evidence, claim
from infoflow.verdicts.statistics import MINIMUM_SEEDS, equivalent, mean_interval

VARIANTS = ("as_published", "corrected")
study = View


def on_corpus(*variants: str) -> Callable[[Callable[..., Evidence]], Callable[[View], Iterator[Evidence]]]:
    """A test whose evidence is of the corpus of speech; with `variants` it takes each of them in turn."""

    def decorate(test: Callable[..., Evidence]) -> Callable[[View], Iterator[Evidence]]:
        @functools.wraps(test)
        def with_data(view: View) -> Iterator[Evidence]:
            for arguments in [(variant,) for variant in variants] or [()]:
                evidence = test(view, *arguments)
                evidence.data, evidence.stand_in = evidence.data or view.data, view.stand_in
                yield evidence

        return with_data

    return decorate


def paired(difference: pd.Series) -> tuple[float, float, float]:
    """Mean of paired differences over folds and its 95 % interval by Student's t."""
    return mean_interval(difference.to_numpy(float))


@claim(
    "V-000-1", "F3", "The rate–distortion network performs as the encoder–decoder does",
    "UA within ±2 points on the mean over folds, two one-sided tests at 5 %, at least 5 folds", "points",
)  # fmt: skip
@on_corpus()
def as_good(view: View) -> Evidence:
    """V-000-1: UA at β = 37 less that of the encoder–decoder, paired over folds."""
    rd, encoder = view.ua(RD, "corrected", setting=BETA), view.ua(ENCODER)
    difference, null = rd - encoder, view.ua(SHUFFLED, setting=BETA) - encoder
    published = view.ua(RD, "as_published", setting=BETA)
    return Evidence(
        lambda scale: np.abs(difference) <= MARGIN * scale, difference.to_numpy(), null.to_numpy(), CONTROL,
        variant="corrected", verdict=lambda scale: equivalent(difference.to_numpy(), MARGIN * scale),
        detail={
            "mean_and_interval": paired(difference), "rate_distortion": rd.mean(), "encoder": encoder.mean(),
            "pooled": {"rate_distortion": view.pooled(RD, "corrected", setting=BETA), "encoder": view.pooled(ENCODER)},
            "as_published": paired(published - encoder), "document": PUBLISHED,
        },
    )  # fmt: skip


@claim(
    "V-000-2", "F3", "The encoder–decoder reaches about 52.9 % UA", "within 5 points of 52.86 % on IEMOCAP itself",
    "points",
)  # fmt: skip
@on_corpus()
def encoder_accuracy(view: View) -> Evidence:
    """V-000-2: UA of the encoder–decoder; decided on IEMOCAP alone."""
    ua = view.ua(ENCODER)
    real = view.data == "IEMOCAP"
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
    return from_half(view.ratio(layer, SHUFFLED, ""))


def grows(view: View, layer: str, variant: str) -> Evidence:
    """V-000-3: rank correlation of the ratio with β."""
    table = from_half(view.ratio(layer, variant=variant))
    rho = _by_fold(table.where(table <= CEILING), spearman)
    null = _null(view, layer)
    low, high = table.min(axis=1), table.max(axis=1)
    return Evidence(
        lambda scale: rho >= min(0.8 * scale, 0.99), rho, _by_fold(null.where(null <= CEILING), spearman), CONTROL,
        variant=variant, vacuous=view.flat or _mostly_extreme(table),
        detail={
            "left_out_at_the_ceiling": int((table > CEILING).to_numpy().sum()), "least": low.median(), "largest": high.median(),
            "n_256": np.nanmedian(_by_fold(from_half(view.ratio(layer, variant=variant, n=256)), spearman)) if 256 in set(view.ratios["n"]) else None,
        },
    )  # fmt: skip


@claim(
    "V-000-3a", "F3", "The information ratio of the hidden layer grows with β", "ρ(β, ratio) ≥ 0.8 for β ≥ 0.5",
    "Spearman's ρ",
)  # fmt: skip
@on_corpus(*VARIANTS)
def hidden_ratio_grows(view: View, variant: str) -> Evidence:
    """V-000-3a."""
    return grows(view, "X1", variant)


@claim(
    "V-000-3b", "F3", "The information ratio of the output layer grows with β", "ρ(β, ratio) ≥ 0.8 for β ≥ 0.5",
    "Spearman's ρ",
)  # fmt: skip
@on_corpus(*VARIANTS)
def output_ratio_grows(view: View, variant: str) -> Evidence:
    """V-000-3b."""
    return grows(view, "X2", variant)


@claim(
    "V-000-4", "F3", "Prediction improves with β", "ρ(β, UA) ≥ 0.6 and a gain of more than 2 points for β ≥ 0.5",
    "Spearman's ρ",
)  # fmt: skip
@on_corpus(*VARIANTS)
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


@claim(
    "V-000-5", "F3", "The deeper layer holds less information about the input",
    "output ratio ≤ hidden ratio + tolerance at every β", "share of β",
)  # fmt: skip
@on_corpus(*VARIANTS)
def output_has_less(view: View, variant: str) -> Evidence:
    """V-000-5."""
    return deeper_less(view, variant, "fixed", view.flat)


@claim(
    "V-000-C", "F3", "… and does so whatever the kernel width", "the same with σ the median distance of each layer",
    "share of β",
)  # fmt: skip
@on_corpus(*VARIANTS)
def output_has_less_at_median_width(view: View, variant: str) -> Evidence:
    """V-000-C."""
    return deeper_less(view, variant, "median", False)


def _held_out(view: View) -> int:
    return int(view.ratios.loc[view.ratios["on"] == "held_out", "n"].mode().iloc[0])


@claim(
    "V-000-6", "F3", "Information is traded for accuracy", "Kendall's τ(hidden ratio, UA) ≥ 0.5 over β ≥ 0.5",
    "Kendall's τ",
)  # fmt: skip
@on_corpus(*VARIANTS)
def traded(view: View, variant: str) -> Evidence:
    """V-000-6: Kendall's τ between the hidden ratio and UA over β."""

    def taus(ratio: pd.DataFrame, ua: pd.DataFrame) -> np.ndarray:
        return np.array([stats.kendalltau(ratio.loc[k], ua.loc[k])[0] for k in ratio.index.intersection(ua.index)])

    ratio = from_half(view.ratio("X1", variant=variant))
    found = taus(ratio, view.curve(RD, variant))
    return Evidence(
        lambda scale: found >= min(0.5 * scale, 0.99), found, taus(_null(view, "X1"), view.curve(SHUFFLED)), CONTROL,
        variant=variant, vacuous=view.flat or _mostly_extreme(ratio),
    )  # fmt: skip


@claim(
    "V-000-7", "F1", "The gradients are as printed",
    "corrected formulas within 1e-8 of automatic ones; ∂S(K²)/∂W¹ as printed has no weight matrix's shape",
    "relative error",
)  # fmt: skip
def gradients(view: View) -> Evidence:
    """V-000-7: worst relative error of the closed gradients, ten random networks; the printed one's shape."""
    root = view.results.seed
    found = [renyi_gradients.check(torch_generator(root, k, "gradients")) for k in range(10)]
    worst = np.array([max(one.values()) for one in found])
    shape = renyi_gradients.printed_shape(torch.Generator().manual_seed(0))
    return Evidence(
        lambda scale: (worst < 1e-8 * scale) & (shape != (7, 5)), worst, np.full(10, np.nan), "none", data="random networks, n = 12",
        needs_null=False, detail={"by_gradient": {k: max(one[k] for one in found) for k in found[0]}, "printed_shape": shape, "shape_of_W1": (7, 5)},
    )  # fmt: skip


def _logged(view: View) -> pd.DataFrame:
    return view.ratios[view.ratios["experiment"] == RD]


@claim(
    "V-000-8a", "F3", "The joint entropy is no less than either marginal one",
    "on every logged batch, to 1e-9 bits", "bits",
)  # fmt: skip
@on_corpus()
def joint_above(view: View) -> Evidence:
    """V-000-8a: least S(X, T) − max(S(X), S(T)) over all batches, layers and trade-offs of a fold."""
    worst = _logged(view).groupby("fold")["joint_margin"].min().to_numpy()
    return Evidence(
        lambda scale: worst >= -1e-9 * scale, worst, np.full(1, np.nan), "none: a theorem", needs_null=False,
    )  # fmt: skip


@claim(
    "V-000-8b", "F3", "The joint entropy is no more than the sum of the marginal ones",
    "I ≥ −1e-9 bits on every logged batch", "bits",
)  # fmt: skip
@on_corpus()
def subadditive(view: View) -> Evidence:
    """V-000-8b: least I over all batches of a fold; no theorem at α = 2."""
    rows = _logged(view)
    worst = rows.groupby("fold")["least_I"].min().to_numpy()
    return Evidence(
        lambda scale: worst >= -1e-9 * scale, worst, np.full(1, np.nan), "none: false in general at α = 2", needs_null=False,
        detail={"share_of_batches": rows["negative_I"].mean(), "by_layer": rows.groupby("layer")["negative_I"].mean().to_dict()},
    )  # fmt: skip


@claim("V-000-9", "F3", "The input's Gram matrix is neither flat nor saturated", "0.05 < S(K)/log2 n < 0.99", "share")
@on_corpus()
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


@claim(
    "V-000-10", "F3", "The rate itself lowers the information at equal accuracy",
    "against cross-entropy alone on the same contexts: UA within ±2 points (two one-sided tests) and a lower hidden ratio",
    "points",
)  # fmt: skip
@on_corpus()
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
        same = equivalent(difference.to_numpy(), MARGIN * scale)
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
            "comparison": "better" if low > 0 else "worse" if high < 0 else "equal" if equivalent(difference.to_numpy(), MARGIN) == "holds" else "not told apart",
        },
    )  # fmt: skip


@claim(
    "V-000-E1a", "E1", "The rate does better than an l1 penalty",
    "paired difference of UA above 0 with 95 % confidence, eight values tuned each", "points",
)  # fmt: skip
@on_corpus()
def better_than_l1(view: View) -> Evidence:
    """V-000-E1a."""
    return better(view, "l1")


@claim(
    "V-000-E1b", "E1", "The rate does better than an l2 penalty",
    "paired difference of UA above 0 with 95 % confidence, eight values tuned each", "points",
)  # fmt: skip
@on_corpus()
def better_than_l2(view: View) -> Evidence:
    """V-000-E1b."""
    return better(view, "l2")


@claim(
    "V-000-E1c", "E1", "The rate does better than dropout",
    "paired difference of UA above 0 with 95 % confidence, eight values tuned each", "points",
)  # fmt: skip
@on_corpus()
def better_than_dropout(view: View) -> Evidence:
    """V-000-E1c."""
    return better(view, "dropout")


@claim(
    "V-000-E2", "E2", "A recurrent network with the rate over time keeps its accuracy with less information",
    "UA within 2 points of the plain one (two one-sided tests) and a ratio lower by 10 % at β = 37", "points",
)  # fmt: skip
@on_corpus()
def recurrent(view: View) -> Evidence:
    """V-000-E2: UA of the recurrent network at β = 37 less the plain one's, and the fall of its ratio over time."""
    plain = view.ua(RECURRENT, setting=math.inf)
    trained = view.time[view.time["trained"]]
    ratio = trained.pivot_table(index="fold", columns="trade_off", values="ratio")
    difference = view.ua(RECURRENT, setting=BETA) - plain
    falls = {beta: ratio[beta] / ratio[math.inf] - 1 for beta in ratio if math.isfinite(beta)}

    def verdict(scale: float) -> str:
        same = equivalent(difference.to_numpy(), MARGIN * scale)
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
