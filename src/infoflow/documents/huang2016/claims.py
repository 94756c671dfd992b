"""Claims of huang2016 (V-000-*): the rate–distortion network on contexts of emotional speech.

Unweighted accuracies (UA) are in points. A unit is a test speaker, averaged over its networks; all folds share training speakers,
so that their intervals are optimistic. Comparisons between networks take the epoch that is best on the validating speaker;
curves over the trade-off β take the last epoch.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch

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
    RISING,
    SHUFFLED,
    STEP,
    STEP_ONLY,
    TUNED,
    WIDE,
)
from infoflow.documents.huang2016.study import View, from_half
from infoflow.estimators import renyi, renyi_gradients
from infoflow.seeds import torch_generator
from infoflow.verdicts.questions import Each, Exact, Mean, Reported, Same, Trend, mean_interval
from infoflow.verdicts.rule import Evidence, claim

VARIANTS = ("as_published", "corrected")
SPEAKERS = "test speakers"
ITSELF = "none: the comparison is between two networks"
CORRECTED = {"variant": "corrected"}
study = View

Test = Callable[..., Evidence | Iterator[Evidence]]


def on_corpus(*variants: str) -> Callable[[Test], Callable[[View], Iterator[Evidence]]]:
    """A test whose evidence is of the corpus of speech; with `variants` it takes each of them in turn."""

    def decorate(test: Test) -> Callable[[View], Iterator[Evidence]]:
        @functools.wraps(test)
        def with_data(view: View) -> Iterator[Evidence]:
            for arguments in [(variant,) for variant in variants] or [()]:
                made = test(view, *arguments)
                for evidence in [made] if isinstance(made, Evidence) else made:
                    evidence.data, evidence.stand_in = view.data, view.stand_in
                    evidence.variant = arguments[0] if arguments else evidence.variant
                    yield evidence

        return with_data

    return decorate


@claim(
    "V-000-1", "F3", "The rate–distortion network performs as the encoder–decoder does",
    Same("UA at β = 37 less that of the encoder–decoder", "points", within=MARGIN, control=ITSELF), units=SPEAKERS,
)  # fmt: skip
@on_corpus()
def as_good(view: View) -> Evidence:
    """V-000-1."""
    rd, encoder = view.ua(RD, "corrected", setting=BETA), view.ua(ENCODER)
    published = view.ua(RD, "as_published", setting=BETA)
    return Evidence(
        (rd - encoder).to_numpy(), variant="corrected",
        detail={
            "rate_distortion": rd.mean(), "encoder": encoder.mean(), "document": PUBLISHED,
            "pooled": {"rate_distortion": view.pooled(RD, "corrected", setting=BETA), "encoder": view.pooled(ENCODER)},
            "as_published": mean_interval((published - encoder).to_numpy()),
        },
    )  # fmt: skip


@claim(
    "V-000-2", "F3", "The encoder–decoder reaches about 52.9 % UA",
    Same("UA on IEMOCAP itself", "points", within=5, reference=PUBLISHED["encoder"], control="less"), units=SPEAKERS,
)  # fmt: skip
@on_corpus()
def encoder_accuracy(view: View) -> Evidence:
    """V-000-2: decided on IEMOCAP alone; on another corpus its UA is in the detail."""
    ua, control = view.ua(ENCODER), view.ua(SHUFFLED, setting=math.inf)
    if view.data == "IEMOCAP":
        return Evidence(ua.to_numpy(), control.to_numpy(), CONTROL, detail={"pooled": view.pooled(ENCODER)})
    return Evidence(np.empty(0), detail={"why": "needs IEMOCAP itself", "ua_here": mean_interval(ua.to_numpy())})


def ratios(view: View, layer: str, variant: str, experiment: str = RD) -> pd.DataFrame:
    """Ratios of a layer by speaker and β ≥ 0.5, without the β at which more than half of the speakers are at the ceiling."""
    reached = from_half(view.ratio(layer, variant=variant))
    kept = reached.columns[(reached <= CEILING).mean() > 0.5]
    return from_half(view.ratio(layer, experiment, variant)).reindex(columns=kept)


def grows(view: View, layer: str, variant: str) -> Evidence:
    """V-000-3: the ratio over β. Its control scales the step alone: β changes the step as well as the rate."""
    table = ratios(view, layer, variant)
    taken = from_half(view.ratio(layer, variant=variant))
    control = ratios(view, layer, variant, STEP)
    return Evidence(
        table.to_numpy(), control.to_numpy() if len(control) else None, STEP_ONLY, vacuous=view.flat or view.extreme(taken),
        detail={
            "left_out_at_the_ceiling": sorted(set(taken) - set(table)), "least": table.min(axis=1).median(),
            "largest": table.max(axis=1).median(),
        },
    )  # fmt: skip


GROWS = Trend("τ of the information ratio with β ≥ 0.5", "", above=0.6, reference=1.0)


@claim(
    "V-000-3a", "F3", "The information ratio of the hidden layer grows with β", GROWS,
    units=SPEAKERS, primary=CORRECTED,
)  # fmt: skip
@on_corpus(*VARIANTS)
def hidden_ratio_grows(view: View, variant: str) -> Evidence:
    """V-000-3a."""
    return grows(view, "X1", variant)


@claim(
    "V-000-3b", "F3", "The information ratio of the output layer grows with β", GROWS,
    units=SPEAKERS, primary=CORRECTED,
)  # fmt: skip
@on_corpus(*VARIANTS)
def output_ratio_grows(view: View, variant: str) -> Evidence:
    """V-000-3b."""
    return grows(view, "X2", variant)


@claim(
    "V-000-4", "F3", "Prediction improves with β",
    Trend(f"τ of UA with β, 0.5 to {RISING:g}", "", above=0.0, part="rising"),
    Trend("τ of UA with β ≥ 0.5, the plateau among them", "", above=0.0, part="all"),
    units=SPEAKERS, primary=CORRECTED | {"part": "rising"},
)  # fmt: skip
@on_corpus(*VARIANTS)
def improves(view: View, variant: str) -> Iterator[Evidence]:
    """V-000-4, on the part of the curve that rises and on all of it."""
    table, control = view.curve(RD, variant), view.curve(SHUFFLED)
    for part, most in (("rising", RISING), ("all", math.inf)):
        own, other = (t.loc[:, t.columns <= most] for t in (table, control))
        gain = (own.iloc[:, -1] - own.iloc[:, 0]).to_numpy()
        yield Evidence(own.to_numpy(), other.to_numpy(), CONTROL, part, detail={"gain": mean_interval(gain)})


def excess(view: View, **where: Any) -> pd.DataFrame:
    """Output ratio less the hidden one less the tolerance, by speaker and β: above 0 the order is broken.

    The tolerance is 0.02 log2 n in units of S(K), or two standard errors of the difference.
    """
    hidden, output = view.ratio("X1", **where), view.ratio("X2", **where)
    errors = view.ratio("X1", column="std_error", **where), view.ratio("X2", column="std_error", **where)
    slack = 0.02 / view.ratio("X1", column="input", **where)
    return output - hidden - np.maximum(slack, 2 * np.hypot(*errors))


def deeper_less(view: View, variant: str, width: str, flat: bool) -> Evidence:
    """V-000-5 and V-000-C: the worst of all β."""
    found = {
        name: excess(view, variant=variant, width=width, **where)
        for name, where in (
            ("trained", {}), ("step_only", {"experiment": STEP}), ("untrained", {"trained": False}),
            ("held_out", {"on": "held_out", "n": view.held_out}),
        )
    }  # fmt: skip
    shares = {f"broken_{name}": float((table > 0).to_numpy().mean()) for name, table in found.items() if table.size}
    worst, control = (found[name].max(axis=1).to_numpy() for name in ("trained", "step_only"))
    return Evidence(worst, control if len(control) else None, STEP_ONLY, vacuous=flat, detail=shares)


LESS = Each(
    "worst excess of the output's ratio over the hidden layer's and the tolerance", "of S(K)", below=0.0, control="less"
)


@claim(
    "V-000-5", "F3", "The deeper layer holds less information about the input", LESS, units=SPEAKERS, primary=CORRECTED
)
@on_corpus(*VARIANTS)
def output_has_less(view: View, variant: str) -> Evidence:
    """V-000-5."""
    return deeper_less(view, variant, "fixed", view.flat)


@claim("V-000-C", "F3", "… and does so whatever the kernel width", LESS, units=SPEAKERS, primary=CORRECTED)
@on_corpus(*VARIANTS)
def output_has_less_at_median_width(view: View, variant: str) -> Evidence:
    """V-000-C: σ is the median distance of each layer."""
    return deeper_less(view, variant, "median", False)


@claim(
    "V-000-6", "F3", "Information is traded for accuracy",
    Trend(f"τ of UA with the hidden layer's ratio, β from 0.5 to {RISING:g}", "", above=0.0, part="rising"),
    Trend("τ of UA with the hidden layer's ratio, β ≥ 0.5", "", above=0.0, part="all"),
    units=SPEAKERS, primary=CORRECTED | {"part": "rising"},
)  # fmt: skip
@on_corpus(*VARIANTS)
def traded(view: View, variant: str) -> Iterator[Evidence]:
    """V-000-6: UA in the order of the hidden layer's ratio, within each speaker."""

    def ordered(ratio: pd.DataFrame, ua: pd.DataFrame, most: float) -> np.ndarray:
        ratio, ua = (t.loc[:, t.columns <= most] for t in ratio.align(ua, join="inner"))
        return np.take_along_axis(ua.to_numpy(), ratio.to_numpy().argsort(axis=1), axis=1)

    ratio = ratios(view, "X1", variant)
    null = from_half(view.ratio("X1", SHUFFLED, "")).reindex(columns=ratio.columns)
    for part, most in (("rising", RISING), ("all", math.inf)):
        yield Evidence(
            ordered(ratio, view.curve(RD, variant), most), ordered(null, view.curve(SHUFFLED), most), CONTROL, part,
            vacuous=view.flat or view.extreme(ratio),
        )  # fmt: skip


@claim(
    "V-000-7", "F1", "The gradients are as printed",
    Exact("relative error of the printed formula", "", below=1e-8), units="random networks",
)  # fmt: skip
def gradients(view: View) -> Iterator[Evidence]:
    """V-000-7: the six printed gradients against automatic ones, over ten random networks each."""
    found = [renyi_gradients.check(torch_generator(view.results.seed, k, "gradients")) for k in range(10)]
    shape = renyi_gradients.printed_shape(torch.Generator().manual_seed(0))
    for name in ("∂S(K1)/∂W1", "∂S(K1)/∂b1", "∂S(K2)/∂W2", "∂S(K2)/∂b2", "∂S(K2)/∂b1"):
        yield Evidence(np.array([one[name] for one in found]), data=f"{name}, n = 12", reads_data=False)
    # the printed formula ends in X¹ where the input belongs: its shape is no weight matrix's, so that no error can be taken
    corrected = max(one["∂S(K2)/∂W1"] for one in found)
    wrong = np.array([0.0 if shape == (7, 5) else math.inf])
    detail = {"printed_shape": shape, "shape_of_W1": (7, 5), "error_when_corrected": corrected}
    yield Evidence(wrong, data="∂S(K2)/∂W1, n = 12", reads_data=False, detail=detail)


@claim(
    "V-000-8a", "F3", "The joint entropy is no less than either marginal one",
    Exact("least S(X, T) − max(S(X), S(T)) over all logged batches", "bits", above=-1e-9), units=SPEAKERS,
)  # fmt: skip
@on_corpus()
def joint_above(view: View) -> Evidence:
    """V-000-8a: a theorem (Giraldo et al. 2015, proposition 4.1), to rounding."""
    return Evidence(view.logged.groupby("fold")["joint_margin"].min().to_numpy())


@claim(
    "V-000-8p", "F3", "The joint entropy is never more than the sum of the marginal ones",
    Exact("S(A) + S(B) − S(A, B) at α = 2 of labels counted [[0, 1], [1, 2]]", "bits", above=-1e-9), units="matrices",
)  # fmt: skip
def subadditive(view: View) -> Evidence:
    """V-000-8p: a counterexample of four samples; their Gram matrices are those of labels, 1 where two agree."""
    a, b = torch.tensor([0.0, 1.0, 1.0, 1.0]), torch.tensor([1.0, 0.0, 1.0, 1.0])
    left, right = ((one[:, None] == one[None, :]).double() for one in (a, b))
    parts = [float(renyi.gram_entropy(matrix, 2.0)) for matrix in (left, right, left * right)]
    detail = {"sum": parts[0] + parts[1], "joint": parts[2]}
    return Evidence(
        np.array([parts[0] + parts[1] - parts[2]]), data="labels of four samples", reads_data=False, detail=detail
    )


@claim(
    "V-000-8b", "F3", "… and is so on the logged batches",
    Reported("share of logged batches whose information is negative", ""), units=SPEAKERS,
)  # fmt: skip
@on_corpus()
def subadditive_here(view: View) -> Evidence:
    """V-000-8b: how often, and by how much at worst."""
    rows = view.logged
    detail = {"worst_in_bits": rows["least_I"].min(), "by_layer": rows.groupby("layer")["negative_I"].mean().to_dict()}
    return Evidence(rows.groupby("fold")["negative_I"].mean().to_numpy(), detail=detail)


@claim(
    "V-000-9", "F3", "The input's Gram matrix is neither flat nor saturated",
    Each("S(K)/log2 n", "", within=0.47, reference=0.52, control="none: a property of the contexts and the scale taken"),
    units=SPEAKERS,
)  # fmt: skip
@on_corpus()
def not_saturated(view: View) -> Evidence:
    """V-000-9: between 0.05 and 0.99 at the scale that was taken."""
    taken = view.scales.loc[view.scales["taken"], "scale"].iloc[0]
    scales = dict(zip(view.scales["scale"], view.scales["saturation"], strict=True))
    inside = view.ratio("X1", column="input").mean(axis=1)
    return Evidence(inside.to_numpy(), detail={"taken": taken, "scales": scales})


@claim(
    "V-000-10", "F3", "The rate itself lowers the information at equal accuracy",
    Same("UA at β = 37 less that of cross-entropy alone", "points", within=MARGIN, control=ITSELF, part="accuracy"),
    Mean(
        "hidden ratio at β = 37 less that of cross-entropy alone", "of S(K)", below=0.0,
        control="none: the loss asks for the fall", part="information",
    ),
    units=SPEAKERS,
)  # fmt: skip
@on_corpus()
def rate_alone(view: View) -> Iterator[Evidence]:
    """V-000-10: β = 37 against cross-entropy alone on the same contexts and network; the others beside it."""
    own, plain = view.ua(RD, "corrected", setting=BETA), view.ua(RD, "corrected", setting=math.inf)
    hidden = view.ratio("X1")
    others = {
        "cross_entropy_64": plain, "cross_entropy_128": view.ua(WIDE), "logistic": view.ua(LOGISTIC), "encoder": view.ua(ENCODER),
    }  # fmt: skip
    tuned, chosen = view.tuned(RD, "corrected", TUNED)
    detail = {
        "beta_37_minus": {name: mean_interval((own - other).to_numpy()) for name, other in others.items()},
        "tuned_beta_minus": {name: mean_interval((tuned - other).to_numpy()) for name, other in others.items()},
        "tuned_betas": chosen.tolist(),
    }
    yield Evidence((own - plain).to_numpy(), part="accuracy", variant="corrected", detail=detail)
    fall = (hidden[BETA] - hidden[math.inf]).to_numpy()
    yield Evidence(fall, part="information", variant="corrected", detail={"ratio_without": hidden[math.inf].mean()})


@claim(
    "V-000-11", "F3", "The rate serves as a regularisation",
    Trend(
        "τ of training UA less test UA with β ≥ 0.5", "", above=0.0, control="none: it regularises whatever the labels are",
        part="trend",
    ),
    Mean("gap of training and test UA at β = 37 less that of cross-entropy alone", "points", below=0.0, control=ITSELF, part="gap"),
    units=SPEAKERS, primary=CORRECTED,
)  # fmt: skip
@on_corpus(*VARIANTS)
def regularises(view: View, variant: str) -> Iterator[Evidence]:
    """V-000-11: the less the rate weighs, the wider the gap; at the published β narrower than without."""
    gap = view.curve(RD, variant, "train_last") - view.curve(RD, variant)
    yield Evidence(gap.to_numpy(), part="trend", detail={"mean_gap": {str(b): float(v) for b, v in gap.mean().items()}})
    test = view.curve(RD, variant)
    detail = {"test_ua_less_that_without": mean_interval((test[BETA] - test[math.inf]).to_numpy())}
    yield Evidence((gap[BETA] - gap[math.inf]).to_numpy(), part="gap", detail=detail)


@claim(
    "V-000-12", "F1", "Powers of a Gram matrix stay positive semidefinite",
    Exact("least eigenvalue of the elementwise power ½ over the largest", "", above=-1e-12), units="matrices",
)  # fmt: skip
def powers_stay_positive(view: View) -> Iterator[Evidence]:
    """V-000-12: elementwise powers, as Rényi entropies of products of kernels need them.

    A Gaussian kernel is infinitely divisible: its power is a Gaussian kernel of another width. Others are not: the matrix
    of the counterexample is positive definite, its elementwise root is not.
    """
    points = torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    other = torch.tensor([[1.0, 0.7, 0.0], [0.7, 1.0, 0.7], [0.0, 0.7, 1.0]], dtype=torch.float64)
    for name, matrix in (("Gaussian kernel", renyi.gram(points, 1.0)), ("a kernel that is not", other)):
        values = torch.linalg.eigvalsh(matrix.sqrt())
        detail = {"least_before": float(torch.linalg.eigvalsh(matrix)[0])}
        yield Evidence((values[:1] / values[-1]).numpy(), data=name, reads_data=False, detail=detail)


@claim(
    "V-000-13", "F1", "Cross-entropy and entropy of the labels give the information exactly (Eq. 12)",
    Exact("distance of H(Y) − CE from I(X; Y) where the model errs", "nats", below=1e-9), units="distributions",
)  # fmt: skip
def information_from_cross_entropy(view: View) -> Evidence:
    """V-000-13: only a lower bound; what is missing is the divergence of the model from the true conditional."""
    truth, model = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.7, 0.3], [0.4, 0.6]])  # p(y|x), q(y|x); p(x) = ½
    label = truth.mean(0)
    entropy = -(label * np.log(label)).sum()
    information = (truth * np.log(truth / label)).sum(1).mean()
    bound = entropy + (truth * np.log(model)).sum(1).mean()
    divergence = (truth * np.log(truth / model)).sum(1).mean()
    detail = {"information": information, "bound": bound, "divergence": divergence}
    return Evidence(
        np.array([abs(information - bound)]), data="two inputs, two labels", reads_data=False, detail=detail
    )


def better(view: View, penalty: str) -> Evidence:
    """V-000-E1: tuned trade-off against a tuned penalty, paired over speakers."""
    own, betas = view.tuned(RD, "corrected", TUNED)
    other, settings = view.tuned(PENALTIES[penalty])
    ratio = {layer: view.ratio(layer, PENALTIES[penalty], "").mean() for layer in ("X1", "X2")}
    return Evidence(
        (own - other).to_numpy(), variant="corrected",
        detail={
            "rate": own.mean(), "penalty": other.mean(), "betas": betas.tolist(), "settings": settings.tolist(),
            "ratios": {k: {str(s): float(x) for s, x in v.items()} for k, v in ratio.items()},
        },
    )  # fmt: skip


BETTER = Mean("UA with the rate less UA with the penalty, eight values tuned each", "points", above=0.0, control=ITSELF)


@claim("V-000-E1a", "E1", "The rate does better than an l1 penalty", BETTER, units=SPEAKERS)
@on_corpus()
def better_than_l1(view: View) -> Evidence:
    """V-000-E1a."""
    return better(view, "l1")


@claim("V-000-E1b", "E1", "The rate does better than an l2 penalty", BETTER, units=SPEAKERS)
@on_corpus()
def better_than_l2(view: View) -> Evidence:
    """V-000-E1b."""
    return better(view, "l2")


@claim("V-000-E1c", "E1", "The rate does better than dropout", BETTER, units=SPEAKERS)
@on_corpus()
def better_than_dropout(view: View) -> Evidence:
    """V-000-E1c."""
    return better(view, "dropout")


@claim(
    "V-000-E2", "E2", "A recurrent network with the rate over time keeps its accuracy with less information",
    Same("UA at β = 37 less that of the plain recurrent network", "points", within=MARGIN, control=ITSELF, part="accuracy"),
    Mean("relative change of the ratio at β = 37", "", below=-0.1, control=ITSELF, part="information"),
    units=SPEAKERS,
)  # fmt: skip
@on_corpus()
def recurrent(view: View) -> Iterator[Evidence]:
    """V-000-E2: against the plain recurrent network, with the same estimate of both."""
    plain = view.ua(RECURRENT, setting=math.inf)
    ratio = view.time[view.time["trained"]].pivot_table(index="fold", columns="trade_off", values="ratio")
    falls = {beta: (ratio[beta] / ratio[math.inf] - 1).to_numpy() for beta in ratio if math.isfinite(beta)}
    differences = {beta: (view.ua(RECURRENT, setting=beta) - plain).to_numpy() for beta in falls}
    detail = {"ua_less_plain": {str(b): mean_interval(d) for b, d in differences.items()}, "plain_ua": plain.mean()}
    yield Evidence(differences[BETA], part="accuracy", variant="corrected", detail=detail)
    detail = {"change_of_ratio": {str(b): mean_interval(fall) for b, fall in falls.items()}}
    yield Evidence(falls[BETA], part="information", variant="corrected", detail=detail)
