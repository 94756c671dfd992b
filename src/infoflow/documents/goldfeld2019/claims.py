"""Claims of goldfeld2019 (V-004-*): noise, clustering and compression on the 12-bit task."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from infoflow.documents.goldfeld2019.constants import CONTROL, LAYERS, PAIRS, TASK, UNTRAINED
from infoflow.documents.goldfeld2019.study import Net, Study
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.rule import Evidence, claim
from infoflow.verdicts.statistics import between

study = Study


def of(*names: str) -> Callable[[Callable[..., Evidence]], Callable[[Study], Evidence]]:
    """A test of some parts of the study, by their names."""

    def decorate(test: Callable[..., Evidence]) -> Callable[[Study], Evidence]:
        return functools.wraps(test)(lambda study: test(*(getattr(study, name) for name in names)))

    return decorate


@claim(
    "V-004-1", "F3", "In a deterministic network the information does not depend on the weights",
    "H(Bin) at width 1e-4 within 0.05 of ln 4096 for T1–T4 at every epoch",
)  # fmt: skip
@of("twin")
def weights_do_not_matter(twin: Net) -> Evidence:
    """V-004-1: largest distance of H(Bin) from ln 4096 over T1–T4 and epochs.

    The untrained network has it too: the claim is that training changes nothing, so no distance from the null is asked.
    """
    layers = [tr.dense(tr.by_grid(twin.table, "H_T", layer, settings={"width": 1.0e-4})) for layer in LAYERS[:4]]
    distance = np.stack([np.abs(one.values - math.log(4096)) for one in layers])  # (layers, seeds, epochs)
    value = distance.max((0, 2))
    rows = [tr.dense(tr.by_grid(twin.table, "distinct_rows", layer)) for layer in LAYERS]
    return Evidence(
        lambda scale: value <= 0.05 * scale, value, distance[:, :, 0].max(0), UNTRAINED, data=TASK, needs_null=False,
        detail={
            "worst_by_layer": dict(zip(LAYERS, distance.max((1, 2)), strict=False)),
            "fewest_distinct_rows": {layer: one.values.min() for layer, one in zip(LAYERS, rows, strict=True)},
        },
    )  # fmt: skip


@claim(
    "V-004-2", "F3", "Binned information is highly sensitive to the bin width",
    "range over four widths > 3 nats at the end of T5, and the compression flag differs",
)  # fmt: skip
@of("twin")
def bin_width_matters(twin: Net) -> Evidence:
    """V-004-2: range of H(Bin(T5)) over bin widths at the end, and the compression flags."""
    found = {
        w: tr.dense(tr.by_grid(twin.table, "H_T", "T5", settings={"width": float(w)}))
        for w in ("0.0001", "0.001", "0.01", "0.1")
    }
    ends = np.stack([one.values[:, -1] for one in found.values()])
    starts = np.stack([one.values[:, 0] for one in found.values()])

    def test(scale: float) -> np.ndarray:
        flags = np.stack([tr.compresses(one, scale) for one in found.values()])
        return (np.ptp(ends, axis=0) > 3 * scale) & (flags.any(0) & ~flags.all(0))

    return Evidence(
        test, np.ptp(ends, axis=0), np.ptp(starts, axis=0), UNTRAINED, data=TASK,
        detail={"final": {w: np.median(one.values[:, -1]) for w, one in found.items()}, "drop": {w: np.median(tr.drop(one)) for w, one in found.items()}},
    )  # fmt: skip


@claim(
    "V-004-3", "F5", "In the noisy tanh network the information of T5 rises, then falls",
    "peak > initial + 1 nat, fall > 1 nat",
)  # fmt: skip
@of("plain", "null")
def rise_and_fall(net: Net, null: Net) -> Evidence:
    """V-004-3: fall of T5, after a rise of more than one nat."""
    series = net.information()
    rise = tr.per_seed(series, lambda one: tr.peak(one)[0] - one.values[:, 0])
    fall = tr.per_seed(series, tr.drop)

    def test(scale: float) -> np.ndarray:
        compresses = tr.per_seed(series, lambda one: tr.compresses(one, scale))
        return compresses & (rise > scale) & (fall > scale)

    return Evidence(
        test, fall.to_numpy(), tr.per_seed(null.information(), tr.drop).to_numpy(), CONTROL, data=TASK,
        detail={"rise": rise.median(), "peak_epoch": tr.per_seed(series, lambda one: tr.peak(one)[1]).median()},
    )  # fmt: skip


@claim("V-004-4", "F5", "The first peak of T5 is near epoch 28", "first local maximum in [15, 45]", "epochs")
@of("plain", "null")
def first_peak(net: Net, null: Net) -> Evidence:
    """V-004-4: epoch of the first local maximum, on the seeds with every snapshot."""
    epochs = tr.first_local_maximum(tr.dense(net.information()))
    control = tr.first_local_maximum(tr.dense(null.information()))
    return Evidence(lambda scale: np.abs(epochs - 30) <= 15 * scale, epochs, control, CONTROL, data=TASK)


@claim("V-004-5", "F5", "Test accuracy is about 97 %", "accuracy in [0.94, 0.99], noise-free and noisy", "accuracy")
@of("plain", "null")
def test_accuracy(net: Net, null: Net) -> Evidence:
    """V-004-5: noise-free and noisy test accuracy at the end."""
    clean, noisy = (net.last("accuracy", "test", flag) for flag in (False, True))

    def test(scale: float) -> np.ndarray:
        return (np.abs(clean - 0.965) <= 0.025 * scale) & (np.abs(noisy - 0.965) <= 0.025 * scale)

    return Evidence(
        test, clean, null.last("accuracy", "test", False), CONTROL, data=TASK,
        detail={"noise_free": {"mean": clean.mean(), "sd": clean.std()}, "noisy": {"mean": noisy.mean(), "sd": noisy.std()}},
    )  # fmt: skip


def _rho(a: np.ndarray, b: np.ndarray) -> float:
    return float(stats.spearmanr(a, b)[0]) if len(a) > 2 and np.ptp(a) > 0 and np.ptp(b) > 0 else math.nan


@claim(
    "V-004-6", "F5", "The information follows clustering",
    "ρ(I, H(Bin)) ≥ 0.9 and ρ(I, within/overall distance) ≥ 0.7 during the fall", "Spearman's ρ",
)  # fmt: skip
@of("plain", "null")
def follows_clustering(net: Net, null: Net) -> Evidence:
    """V-004-6: rank correlation over epochs of I(X;T5) with H(Bin), and with the distance ratio from the peak on.

    Half circular, since H(Bin) at this width is nearly I itself: V-004-14 asks how much is scale.
    """

    def correlations(of: Net) -> tuple[np.ndarray, np.ndarray]:
        entropy, ratio = [], []
        for one, binned, distance in zip(
            of.information(), of.measure("H_T"), of.measure("ratio_distance"), strict=True
        ):
            start = tr.smooth(one.values).argmax(1)
            for i, k in enumerate(start):
                entropy.append(_rho(one.values[i], binned.values[i]))
                ratio.append(_rho(one.values[i, k:], distance.values[i, k:]))
        return np.array(entropy), np.array(ratio)

    entropy, ratio = correlations(net)
    return Evidence(
        lambda scale: (entropy >= 1 - 0.1 * scale) & (ratio >= 1 - 0.3 * scale), np.minimum(entropy, ratio), np.minimum(*correlations(null)),
        CONTROL, data=TASK, detail={"rho_binned_entropy": np.nanmedian(entropy), "rho_distance_ratio_in_the_fall": np.nanmedian(ratio)},
    )  # fmt: skip


@claim(
    "V-004-7", "F5", "The fall goes with saturation of T5",
    "share of |t| > 0.9 rises by > 0.3 from the second peak to the end", "share",
)  # fmt: skip
@of("plain", "null")
def saturates(net: Net, null: Net) -> Evidence:
    """V-004-7: rise of the saturated share of T5 from the maximum after epoch 100 to the end."""

    def rise(of: Net) -> np.ndarray:
        found = []
        for one, share in zip(of.information(), of.measure("saturated_fraction"), strict=True):
            late = np.flatnonzero(one.epochs > 100) if (one.epochs > 100).any() else np.arange(len(one.epochs))
            second = late[tr.smooth(one.values)[:, late].argmax(1)]
            found.append(share.values[:, -1] - share.values[np.arange(len(second)), second])
        return np.concatenate(found)

    value = rise(net)
    return Evidence(lambda scale: value > 0.3 * scale, value, rise(null), CONTROL, data=TASK)


def _gains(plain: Net, regular: Net) -> tuple[np.ndarray, np.ndarray]:
    """Final I(X;T5) with minus without regularisation, by seed, and the same between seeds of the plain network."""
    ends = [tr.per_seed(net.information(), lambda one: tr.final(one.values)).to_numpy() for net in (plain, regular)]
    return ends[1] - ends[0], between(ends[0])


@claim(
    "V-004-8", "F6", "Orthonormal regularisation removes the compression",
    "T5 falls by ≤ 0.10 nat and ends > 2 nats above the unregularised network",
)  # fmt: skip
@of("plain", "regular")
def no_compression(plain: Net, regular: Net) -> Evidence:
    """V-004-8: final I(X;T5) above the unregularised network's, where T5 does not compress."""
    gain, null = _gains(plain, regular)
    fall = tr.per_seed(regular.information(), tr.drop)

    def test(scale: float) -> np.ndarray:
        return tr.per_seed(regular.information(), lambda one: tr.stays(one, scale)).to_numpy() & (gain > 2 * scale)

    return Evidence(
        test,
        gain,
        null,
        PAIRS,
        data=TASK,
        detail={"drop_regularised": fall.median(), "worst_drop": fall.max()},
    )


@claim("V-004-9a", "F6", "… with a lower test loss", "test loss lower than without, same seed")
@of("plain", "regular")
def lower_test_loss(plain: Net, regular: Net) -> Evidence:
    """V-004-9a: change of the noise-free test loss."""
    with_it, without = (net.last("loss", "test", False) for net in (regular, plain))
    noisy = regular.last("loss", "test", True) - plain.last("loss", "test", True)
    return Evidence(
        lambda scale: with_it < without, with_it - without, between(without), PAIRS, data=TASK,
        detail={"with": with_it.mean(), "without": without.mean(), "noisy_change": noisy.mean()},
    )  # fmt: skip


@claim("V-004-9b", "F6", "… with a smaller gap between test and training loss", "gap smaller than without, same seed")
@of("plain", "regular")
def smaller_gap(plain: Net, regular: Net) -> Evidence:
    """V-004-9b: change of the gap between test and training loss."""
    with_it, without = (net.last("loss", "test", False) - net.last("loss", "train", False) for net in (regular, plain))
    return Evidence(
        lambda scale: with_it < without, with_it - without, between(without), PAIRS, data=TASK,
        detail={"with": with_it.mean(), "without": without.mean()},
    )  # fmt: skip


@claim(
    "V-004-9c", "F6", "… and no lower test accuracy", "accuracy not lower by more than 0.5 points, same seed",
    "accuracy points",
)  # fmt: skip
@of("plain", "regular")
def accuracy_kept(plain: Net, regular: Net) -> Evidence:
    """V-004-9c: change of the test accuracy in points; sameness needs no distance from the null."""
    with_it, without = (100 * net.last("accuracy", "test", False) for net in (regular, plain))
    change = with_it - without
    return Evidence(
        lambda scale: change >= -0.5 * scale, change, between(without), PAIRS, data=TASK, needs_null=False,
        detail={"with": with_it.mean(), "without": without.mean(), "p_not_worse_than_half_a_point": _one_sided(change, -0.5)},
    )  # fmt: skip


def _one_sided(values: np.ndarray, bound: float) -> float:
    """p-value of the mean lying above `bound`, one-sided t-test."""
    return float(stats.ttest_1samp(values, bound, alternative="greater").pvalue) if len(values) > 1 else math.nan


@claim(
    "V-004-10", "F6", "Compression is not necessary for generalisation",
    "V-004-8, and accuracy within 1 point of the unregularised network", "accuracy points",
)  # fmt: skip
@of("plain", "regular")
def not_necessary(plain: Net, regular: Net) -> Evidence:
    """V-004-10: V-004-8 with accuracies within a point; the equivalence test (TOST, margin 1 point) is in the detail."""
    gain = no_compression.__wrapped__(plain, regular)
    change = 100 * (regular.last("accuracy", "test", False) - plain.last("accuracy", "test", False))
    tost = max(_one_sided(change, -1), _one_sided(-change, -1))
    return Evidence(
        lambda scale: gain.test(scale) & (np.abs(change) <= scale), change, between(100 * plain.last("accuracy", "test", False)),
        PAIRS, data=TASK, needs_null=False, detail={"tost_p_margin_1_point": tost, "share_within_a_point": (np.abs(change) <= 1).mean()},
    )  # fmt: skip


@claim(
    "V-004-11a", "X1", "Linearised and replica estimates agree with each other",
    "difference on the 12-bit networks ≤ 0.05 nat plus their bias bounds and 3 standard errors",
)  # fmt: skip
@of("plain", "regular")
def estimates_agree(plain: Net, regular: Net) -> Evidence:
    """V-004-11a: worst excess of |linearised − replicas| over what their errors allow, one value a network."""
    worst, raw, shuffled = [], [], []
    for net in (plain, regular):
        table = net.table[net.table["quantity"] == "I_XT"]
        key = ["seed", "epoch", "layer"]
        linear = table[table["estimator"] == "linearised"].set_index(key)
        counts = sorted(
            {s for s in table["settings"] if '"replicas"' in s},
            key=lambda s: int(s.split(":")[1].rstrip("}")),
        )
        for _, replicas in table[table["settings"] == counts[-1]].groupby("seed"):
            both = replicas.set_index(key).join(linear, rsuffix="_linear", how="inner")
            gap = (both["value"] - both["value_linear"]).abs()
            allowed = (
                both["bias_bound"]
                + both["bias_bound_linear"]
                + 3 * np.hypot(both["std_error"], both["std_error_linear"])
            )
            worst.append((gap - allowed).max())
            raw.append(gap.max())
            shuffled.append((both["value"] - both["value_linear"].to_numpy()[::-1]).abs().max())
    value = np.array(worst)
    return Evidence(
        lambda scale: value <= 0.05 * scale, value, np.array(shuffled), "estimates of another layer and epoch", data=TASK,
        detail={"worst_difference": max(raw), "value": "largest excess over bias bounds and 3 standard errors"},
    )  # fmt: skip


@claim(
    "V-004-11q", "X2", "Both estimates agree with quadrature on scalar chains",
    "worst difference over layers and chains ≤ 0.05 nat",
)  # fmt: skip
@of("convergence")
def quadrature_agrees(table: pd.DataFrame) -> Evidence:
    """V-004-11q: worst error on scalar chains, one value a repeat."""
    chains = table[table["study"] == "chain"]
    error = (chains["value"] - chains["truth"]).abs()
    value = error.groupby(chains["repeat"]).max().to_numpy()
    each = error.groupby(chains["estimator"]).max()
    control = np.abs(chains["value"].to_numpy() - chains["truth"].to_numpy()[::-1])
    return Evidence(
        lambda scale: value <= 0.05 * scale,
        value,
        control,
        "truth of another chain",
        data="scalar tanh chains",
        detail=each.to_dict(),
    )


def _errors(table: pd.DataFrame, groups: int = 5) -> pd.Series:
    """Root mean square error by group of repeats, dimension and number of centres."""
    rows = table[table["study"] == "gaussian"]
    squared = (rows["value"] - rows["truth"]) ** 2
    return np.sqrt(squared.groupby([rows["repeat"] % groups, rows["d"], rows["n"]]).mean())


@claim(
    "V-004-11b", "X2", "The error of the estimate falls as 1/√n",
    "slope of log error against log n in [−0.6, −0.4]", "slope",
)  # fmt: skip
@of("convergence")
def error_slope(table: pd.DataFrame) -> Evidence:
    """V-004-11b: slope of log error against log n in one dimension, where the bias is gone first."""
    errors = _errors(table).xs(1, level="d").unstack("n")
    slopes = _slopes(errors.columns, errors.to_numpy())
    every = {
        int(d): _slopes(e.columns, e.to_numpy()).mean()
        for d in table["d"].dropna().unique()
        if len(e := _slice(table, d))
    }
    return Evidence(
        lambda scale: np.abs(slopes + 0.5) <= 0.1 * scale, slopes, _slopes(errors.columns, _permuted(errors.to_numpy())), "the same errors in random order of n",
        data="noisy Gaussians, d = 1", detail={"slope_by_dimension": every},
    )  # fmt: skip


def _slopes(n: pd.Index, errors: np.ndarray) -> np.ndarray:
    """Slope of log error against log n of each row, (rows,)."""
    return np.polyfit(np.log(n), np.log(errors).T, 1)[0]


def _permuted(rows: np.ndarray, draws: int = 20) -> np.ndarray:
    """Every row `draws` times, each time in a random order: a control in which order means nothing."""
    return np.random.default_rng(0).permuted(np.repeat(rows, draws, axis=0), axis=1)


def _slice(table: pd.DataFrame, d: float) -> pd.DataFrame:
    errors = _errors(table)
    return errors.xs(d, level="d").unstack("n") if d in errors.index.get_level_values("d") else pd.DataFrame()


def samples_needed(table: pd.DataFrame, target: float = 0.1) -> pd.DataFrame:
    """Number of centres at which the error falls below `target` nats, by group of repeats and dimension; nan if never."""
    errors = _errors(table).unstack("n")
    needed = []
    for (group, d), row in errors.iterrows():
        below = np.flatnonzero((row.to_numpy() < target) & (np.arange(len(row)) > 0))
        n = np.nan
        if len(below):
            k = below[0]
            x, y = np.log(row.index[[k - 1, k]].to_numpy(float)), np.log(row.to_numpy()[[k - 1, k]])
            n = float(np.exp(x[1] if y[0] <= y[1] else np.interp(-np.log(target), -y, x)))
        needed.append({"group": group, "d": d, "n": n})
    return pd.DataFrame(needed)


@claim(
    "V-004-13", "X2", "The samples needed grow exponentially with the dimension",
    "log n for 0.1 nat linear in d = 1…8, R² > 0.9", "R²",
)  # fmt: skip
@of("convergence")
def exponential_in_dimension(table: pd.DataFrame) -> Evidence:
    """V-004-13: R² of a line through log n against d, one value a group of repeats."""
    needed = samples_needed(table).dropna()
    fits = {g: stats.linregress(rows["d"], np.log(rows["n"])) for g, rows in needed.groupby("group")}
    value = np.array([fit.rvalue**2 for fit in fits.values()])
    null = np.array(
        [
            stats.linregress(rows["d"], order).rvalue ** 2
            for _, rows in needed.groupby("group")
            for order in _permuted(np.log(rows["n"].to_numpy())[None])
        ]
    )
    power = np.array(
        [stats.linregress(np.log(rows["d"]), np.log(rows["n"])).rvalue ** 2 for _, rows in needed.groupby("group")]
    )
    return Evidence(
        lambda scale: value > 1 - 0.1 * scale, value, null, "the same numbers of samples in random order of d",
        data=f"noisy Gaussians, d = 1…{needed['d'].max():.0f}: beyond, the error stays above 0.1 nat",
        detail={"factor_per_dimension": np.exp(np.mean([fit.slope for fit in fits.values()])), "r2_of_a_power_law": power.mean(), "samples": needed.groupby("d")["n"].median().to_dict()},
    )  # fmt: skip


@claim("V-004-12", "F5", "Deeper layers compress more", "ρ(layer, fall) ≥ 0.8", "Spearman's ρ")
@of("plain", "null")
def deeper_more(net: Net, null: Net) -> Evidence:
    """V-004-12: rank correlation between depth and fall."""

    def rho(of: Net) -> np.ndarray:
        falls = np.stack([tr.per_seed(of.information(layer), tr.drop) for layer in LAYERS])  # (layers, seeds)
        return np.array([_rho(np.arange(len(LAYERS)), column) for column in falls.T])

    value = rho(net)
    falls = {layer: tr.per_seed(net.information(layer), tr.drop).median() for layer in LAYERS}
    return Evidence(
        lambda scale: value >= 1 - 0.2 * scale, value, rho(null), CONTROL, data=TASK, detail={"drops": falls}
    )


@claim(
    "V-004-14", "F5", "The fall of I(X;T5) is clustering, not scale",
    "more than half of the fall remains when T5 is rescaled to a constant overall std", "share of the fall",
)  # fmt: skip
@of("plain", "null")
def share_of_clustering(net: Net, null: Net) -> Evidence:
    """V-004-14: fall of the rescaled I(X;T5) between the peak and the end of I(X;T5), as a share of the fall of I(X;T5)."""

    def share(of: Net) -> np.ndarray:
        found = []
        for one, rescaled in zip(of.information(), of.information(estimator="linearised_rescaled"), strict=True):
            start = tr.smooth(one.values).argmax(1)
            rows = np.arange(len(start))
            fall = one.values[rows, start] - tr.final(one.values)
            left = rescaled.values[rows, start] - tr.final(rescaled.values)
            found.append(np.where(fall > 0.1, left / np.maximum(fall, 0.1), np.nan))
        return np.concatenate(found)

    value = share(net)
    return Evidence(lambda scale: value > 0.5 * scale, value, share(null), CONTROL, data=TASK, needs_null=False)


@claim(
    "V-004-E1", "E1", "The last hidden layer of an MNIST CNN clusters by class",
    "within-class cosine rises by > 0.2 and exceeds the between-class one by > 0.3", "cosine",
    needs="goldfeld_mnist_cnn",
)  # fmt: skip
def cnn_clusters(study: Study) -> list[Evidence]:
    """V-004-E1: within-class cosine of the last hidden layer at the end, one row for each noise level."""
    made, results = [], study.results
    table = results.estimates("goldfeld_mnist_cnn")
    layer = max(table["layer"].unique())
    for point, labels in results.points("goldfeld_mnist_cnn").items():
        within, between = (tr.series(table, f"{k}_cosine", layer, point=point).values for k in ("within", "between"))
        rise, gap = within[:, -1] - within[:, 0], within[:, -1] - between[:, -1]
        made.append(
            Evidence(
                lambda scale, rise=rise, gap=gap: (rise > 0.2 * scale) & (gap > 0.3 * scale), gap, within[:, 0] - between[:, 0],
                UNTRAINED, data=f"MNIST (5000 images), noise std {labels.noise_std:g}", detail={"rise": np.median(rise), "within": np.median(within[:, -1])},
            )
        )  # fmt: skip
    return made


@claim(
    "V-004-E2", "E2", "Encouraging clustering lowers the test loss",
    "test loss lower than without the penalty, same seed (an open question of the document)",
    needs="goldfeld_clustering_penalty",
)  # fmt: skip
def clustering_penalty(study: Study) -> list[Evidence]:
    """V-004-E2: change of the noise-free test loss under each strength of the within-class penalty."""
    results = study.results
    points = results.points("goldfeld_clustering_penalty")
    nets = {
        p.axes["training.clustering_penalty"]: Net(results, "goldfeld_clustering_penalty", k) for k, p in points.items()
    }
    base = nets.pop(0.0)
    without = base.last("loss", "test", False)
    made = []
    for strength, net in nets.items():
        change = net.last("loss", "test", False) - without
        accuracy = 100 * (net.last("accuracy", "test", False) - base.last("accuracy", "test", False)).mean()
        made.append(
            Evidence(
                lambda scale, change=change: change < 0, change, between(without), PAIRS, data=f"{TASK}, penalty {strength:g}",
                detail={"accuracy_points": accuracy, "without": without.mean()},
            )
        )  # fmt: skip
    return made
