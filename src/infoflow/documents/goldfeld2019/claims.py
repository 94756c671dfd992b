"""Claims of goldfeld2019 (V-004-*): noise, clustering and compression on the 12-bit task."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from infoflow.documents.goldfeld2019.constants import BEST, CNNS, CONTROL, END, LAYERS, TASK, UNREGULARISED, WIDTHS
from infoflow.documents.goldfeld2019.study import Net, Study, start_of_fall
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.questions import Each, Exact, Mean, Same, Trend
from infoflow.verdicts.results import Results
from infoflow.verdicts.rule import Evidence, Trained, claim
from infoflow.verdicts.statistics import uninformative

study = Study

TRAINED = Trained("accuracy", "train", 0.95)
STATED = "none: the document states an epoch of its run"
VALUE = "none: the document states a value"
COMPARED = "none: the two networks are compared"
WHEN = (END, BEST)


def vacuous(net: Net, layer: str = "T5") -> bool:
    """Whether the information of a layer lies at a bound."""
    rows = net.table
    chosen = (rows["quantity"] == "I_XT") & (rows["layer"] == layer) & (rows["estimator"] == "linearised")
    return uninformative(rows[chosen])


def learned(net: Net) -> np.ndarray:
    """Training accuracy at the end, (seeds,)."""
    return net.metric("accuracy", "train")


@claim(
    "V-004-1a", "F3", "In a deterministic network the information does not depend on the weights: no two inputs collide",
    Exact("fewest distinct rows of T1–T4 over training, in float64", "rows", above=4095),
)  # fmt: skip
def no_two_inputs_collide(study: Study) -> Evidence:
    """V-004-1a: fewest distinct rows of the first four layers; the fewest of T5, which saturates, are in the detail."""
    fewest = np.stack([study.twin.measure("distinct_rows", k, "binned_sweep").values.min(1) for k in LAYERS])
    return Evidence(
        fewest[:4].min(0), data=TASK, detail={"fewest_by_layer": dict(zip(LAYERS, fewest.min(1), strict=True))}
    )


@claim(
    "V-004-1b", "F3", "… and binning at width 1e-4 finds it",
    Each(
        "largest distance of H(Bin) from ln 4096 over T1–T4 and epochs", below=0.05,
        control="none: untrained networks are at the bound too",
    ),
    bounded="the claim is that the value is at its bound",
)  # fmt: skip
def fine_bins_find_it(study: Study) -> Evidence:
    """V-004-1b: largest distance of the finest binned entropy from its bound."""
    distance = np.stack([math.log(4096) - study.twin.binned(layer, WIDTHS[0]).values for layer in LAYERS[:4]])
    worst = dict(zip(LAYERS, distance.max((1, 2)), strict=False))
    return Evidence(distance.max((0, 2)), data=TASK, detail={"worst_by_layer": worst})


OWN = "none: the bin widths are compared on one network"


@claim(
    "V-004-2", "F3", "Binned information is highly sensitive to the bin width",
    Each("range of H(Bin(T5)) over four widths, mean of snapshots", above=3, control=OWN, part="range"),
    Each("layers that compress at some widths and not at others", "layers", above=0.5, control=OWN, part="compression"),
    Each("lowest rank correlation over layers of the finest and the coarsest curve", "", below=0.5, reference=1, control=OWN, part="order"),
)  # fmt: skip
def bin_width_matters(study: Study) -> Iterator[Evidence]:
    """V-004-2: values, compression and shape of H(Bin) over bin widths."""
    every = [[study.twin.binned(layer, width) for width in WIDTHS] for layer in LAYERS]
    values = np.stack([[one.values for one in widths] for widths in every])  # (layers, widths, seeds, epochs)
    spread = np.ptp(values, axis=1)
    detail = {
        "share_above_3_nats": (spread[-1] > 3).mean(),
        "by_layer": dict(zip(LAYERS, spread.mean((1, 2)), strict=True)),
    }
    yield Evidence(spread[-1].mean(1), part="range", data=TASK, detail=detail)
    flags = np.stack([[tr.drop(one) > tr.COMPRESSION for one in widths] for widths in every])
    differ = flags.any(1) & ~flags.all(1)
    yield Evidence(
        differ.sum(0),
        part="compression",
        data=TASK,
        detail={"share_by_layer": dict(zip(LAYERS, differ.mean(1), strict=True))},
    )
    rho = np.array([[_rho(fine, coarse) for fine, coarse in zip(layer[0], layer[-1], strict=True)] for layer in values])
    by_layer = {layer: _nanmedian(row) for layer, row in zip(LAYERS, rho, strict=True)}
    yield Evidence(np.nanmin(rho, axis=0), part="order", data=TASK, detail={"by_layer": by_layer})


@claim(
    "V-004-3", "F5", "In the noisy tanh network the information of T5 rises, then falls",
    Each("peak of I(X;T5) less its start", above=1, part="rise"),
    Each("fall of I(X;T5)", above=1, part="fall"),
    trained=TRAINED,
)  # fmt: skip
def rise_and_fall(study: Study) -> Iterator[Evidence]:
    """V-004-3: rise and fall of T5."""
    net, null = study.beside_shuffled
    one, other = net.information(), null.information()
    detail = {"epochs_compared": len(one.epochs), "peak_epoch": np.median(tr.peak(one)[1])}
    for part, effect in (("rise", tr.rise), ("fall", tr.drop)):
        yield Evidence(
            effect(one), effect(other), CONTROL, part, errors=tr.standard_error(one), trained=learned(net),
            vacuous=vacuous(net), data=TASK, detail=detail,
        )  # fmt: skip


@claim(
    "V-004-4", "F5", "The first peak of T5 is near epoch 28",
    Each("epoch of the first local maximum", "epochs", reference=30, within=15, control=STATED),
)  # fmt: skip
def first_peak(study: Study) -> Evidence:
    """V-004-4: epoch of the first local maximum."""
    return Evidence(tr.first_local_maximum(study.plain.information()), data=TASK)


@claim(
    "V-004-5", "F5", "Test accuracy is about 97 %",
    Same("accuracy without noise", "", reference=0.965, within=0.025, control=VALUE, part="noise-free"),
    Same("accuracy with noise", "", reference=0.965, within=0.025, control=VALUE, part="noisy"),
)  # fmt: skip
def test_accuracy(study: Study) -> Iterator[Evidence]:
    """V-004-5: noise-free and noisy test accuracy at the end."""
    for part in ("noise-free", "noisy"):
        yield Evidence(study.plain.metric("accuracy", "test", noisy=part == "noisy"), part=part, data=TASK)


def _rho(a: np.ndarray, b: np.ndarray) -> float:
    return float(stats.spearmanr(a, b)[0]) if len(a) > 2 and np.ptp(a) > 0 and np.ptp(b) > 0 else math.nan


def _nanmedian(values: np.ndarray) -> float | None:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else None


@claim(
    "V-004-6", "F5", "The information follows clustering",
    Each(
        "ρ over epochs of I(X;T5) and H(Bin)", "", above=0.9, reference=1, part="binned entropy",
        control="none: at this width H(Bin) is nearly the information itself, whatever is learned",
    ),
    Each("ρ in the fall of I(X;T5) and within/overall distance", "", above=0.7, reference=1, part="distance"),
    trained=TRAINED,
)  # fmt: skip
def follows_clustering(study: Study) -> Iterator[Evidence]:
    """V-004-6: rank correlation over epochs of I(X;T5) with H(Bin), and with the distance ratio from the peak on.

    Half circular, since H(Bin) at this width is nearly I itself: V-004-14 asks how much is scale.
    """
    net, null = study.beside_shuffled

    def rho(of: Net, quantity: str, start: np.ndarray) -> np.ndarray:
        one, other = of.information(), of.measure(quantity)
        return np.array([_rho(a[k:], b[k:]) for a, b, k in zip(one.values, other.values, start, strict=True)])

    def in_the_fall(of: Net) -> np.ndarray:
        return rho(of, "ratio_distance", tr.peak_index(of.information()))

    common = {"trained": learned(study.plain), "vacuous": vacuous(study.plain), "data": TASK}
    always = np.zeros(len(study.plain.information().seeds), int)
    yield Evidence(rho(study.plain, "H_T", always), part="binned entropy", **common)
    yield Evidence(in_the_fall(net), in_the_fall(null), CONTROL, "distance", **common)


@claim(
    "V-004-7", "F5", "The fall goes with saturation of T5",
    Each("rise of the share of |t| > 0.9 from the second peak to the end", "", above=0.3), trained=TRAINED,
)  # fmt: skip
def saturates(study: Study) -> Evidence:
    """V-004-7: rise of the saturated share of T5 from the maximum after epoch 100 to the end."""

    def rise(of: Net) -> np.ndarray:
        one, share = of.information(), of.measure("saturated_fraction").values
        late = np.flatnonzero(one.epochs > 100) if (one.epochs > 100).any() else np.arange(len(one.epochs))
        second = late[tr.smooth(one.values, one.epochs)[:, late].argmax(1)]
        return share[:, -1] - share[np.arange(len(second)), second]

    net, null = study.beside_shuffled
    return Evidence(rise(net), rise(null), CONTROL, trained=learned(net), data=TASK)


@claim(
    "V-004-8", "F6", "Orthonormal regularisation removes the compression",
    Each("fall of I(X;T5)", below=tr.COMPRESSION, control="less", part="fall"),
    Each("final I(X;T5) above that without it, same seed", above=2, control=COMPARED, part="level"),
    trained=TRAINED,
)  # fmt: skip
def no_compression(study: Study) -> Iterator[Evidence]:
    """V-004-8: fall of the regularised network's I(X;T5), and how much more is left than without."""
    one, other = tr.shared(study.regular.information(), study.plain.information())
    common = {"trained": learned(study.regular), "vacuous": vacuous(study.regular), "data": TASK}
    yield Evidence(tr.drop(one), tr.drop(other), UNREGULARISED, "fall", errors=tr.standard_error(one), **common)
    yield Evidence(tr.final(one) - tr.final(other), part="level", **common)


def gap(net: Net, when: str) -> np.ndarray:
    """Test loss less training loss, without noise, (seeds,)."""
    return net.metric("loss", "test", when) - net.metric("loss", "train", when)


def changes(with_it: np.ndarray, without: np.ndarray, part: str, **detail: object) -> Evidence:
    """Evidence of a change, seed by seed."""
    return Evidence(
        with_it - without, part=part, data=TASK, detail={"with": with_it.mean(), "without": without.mean(), **detail}
    )


@claim(
    "V-004-9a", "F6", "… with a lower test loss",
    *(Mean(f"test loss with less without, {when}", below=0, control=COMPARED, part=when) for when in WHEN),
    primary={"part": END},
)  # fmt: skip
def lower_test_loss(study: Study) -> Iterator[Evidence]:
    """V-004-9a: change of the noise-free test loss, at the end (as the document) and where each is lowest."""
    for when in WHEN:
        losses = [net.metric("loss", "test", when) for net in (study.regular, study.plain)]
        noisy = [net.metric("loss", "test", when, noisy=True).mean() for net in (study.regular, study.plain)]
        yield changes(*losses, when, with_noise=noisy)


@claim(
    "V-004-9b", "F6", "… with a smaller gap between test and training loss",
    *(Mean(f"gap with less without, {when}", below=0, control=COMPARED, part=when) for when in WHEN),
    primary={"part": END},
)  # fmt: skip
def smaller_gap(study: Study) -> Iterator[Evidence]:
    """V-004-9b: change of the gap between test and training loss."""
    for when in WHEN:
        yield changes(gap(study.regular, when), gap(study.plain, when), when)


def accuracies(study: Study, when: str) -> tuple[np.ndarray, np.ndarray]:
    """Test accuracy in points under regularisation and without it, each (seeds,)."""
    with_it, without = (100 * net.metric("accuracy", "test", when) for net in (study.regular, study.plain))
    return with_it, without


@claim(
    "V-004-9c", "F6", "… and no lower test accuracy",
    *(Mean(f"test accuracy with less without, {when}", "points", above=-0.5, control=COMPARED, part=when) for when in WHEN),
    primary={"part": END},
)  # fmt: skip
def accuracy_kept(study: Study) -> Iterator[Evidence]:
    """V-004-9c: change of the test accuracy in points."""
    for when in WHEN:
        yield changes(*accuracies(study, when), when)


@claim(
    "V-004-10", "F6", "Compression is not necessary for generalisation",
    Each("fall of I(X;T5) of the regularised network", below=tr.COMPRESSION, control="less", part="fall"),
    *(Same(f"test accuracy with less without, {when}", "points", within=1, control=COMPARED, part=when) for when in WHEN),
    trained=TRAINED,
)  # fmt: skip
def not_necessary(study: Study) -> Iterator[Evidence]:
    """V-004-10: no fall, and the accuracy of the network that has one."""
    yield next(no_compression(study))
    for when in WHEN:
        made = changes(*accuracies(study, when), when)
        made.trained = learned(study.regular)
        yield made


@claim(
    "V-004-11a", "X1", "Linearised and replica estimates agree with each other",
    Each(
        "largest excess of their difference over bias bounds and 3 standard errors", below=0.05,
        control="none: two estimates of one quantity",
    ),
    units="networks", bounded="their difference is read, not their values",
)  # fmt: skip
def estimates_agree(study: Study) -> Evidence:
    """V-004-11a: worst excess of |linearised − replicas| over what their errors allow, one value a network."""
    key = ["seed", "epoch", "layer"]
    worst, raw = [], []
    for net in (study.plain, study.regular):
        table = net.table[net.table["quantity"] == "I_XT"]
        linear = table[table["estimator"] == "linearised"].set_index(key)
        counts = {s for s in table["settings"] if '"replicas"' in s}
        most = max(counts, key=lambda s: int(s.split(":")[1].rstrip("}")))
        both = table[table["settings"] == most].set_index(key).join(linear, rsuffix="_linear", how="inner")
        apart = (both["value"] - both["value_linear"]).abs()
        bias = both["bias_bound"] + both["bias_bound_linear"]
        excess = apart - bias - 3 * np.hypot(both["std_error"], both["std_error_linear"])
        worst.append(excess.groupby(level="seed").max().to_numpy())
        raw.append(apart.max())
    return Evidence(np.concatenate(worst), data=TASK, detail={"largest_difference": max(raw)})


@claim(
    "V-004-11q", "X2", "Both estimates agree with quadrature on scalar chains",
    Each("largest error over layers and chains", below=0.05, control="none: the truth is known"),
    units="repeats",
)  # fmt: skip
def quadrature_agrees(study: Study) -> Evidence:
    """V-004-11q: worst error on scalar chains, one value a repeat."""
    chains = study.convergence[study.convergence["study"] == "chain"]
    error = (chains["value"] - chains["truth"]).abs()
    worst = error.groupby(chains["repeat"]).max().to_numpy()
    return Evidence(worst, data="scalar tanh chains", detail=error.groupby(chains["estimator"]).max().to_dict())


def _errors(table: pd.DataFrame, groups: int = 5) -> pd.Series:
    """Root mean square error by group of repeats, dimension and number of centres."""
    rows = table[table["study"] == "gaussian"]
    squared = (rows["value"] - rows["truth"]) ** 2
    return np.sqrt(squared.groupby([rows["repeat"] % groups, rows["d"], rows["n"]]).mean())


@claim(
    "V-004-11b", "X2", "The error of the estimate falls as 1/√n",
    Same("slope of log error against log n", "", reference=-0.5, within=0.1, control=VALUE),
    units="groups of repeats",
)  # fmt: skip
def error_slope(study: Study) -> Evidence:
    """V-004-11b: slope of log error against log n in one dimension, where the bias is gone first."""
    slopes = {}
    for d, errors in _errors(study.convergence).groupby(level="d"):
        by_n = errors.droplevel("d").unstack("n")
        slopes[int(d)] = np.polyfit(np.log(by_n.columns), np.log(by_n.to_numpy()).T, 1)[0]
    detail = {"slope_by_dimension": {d: found.mean() for d, found in slopes.items()}}
    return Evidence(slopes[1], data="noisy Gaussians, d = 1", detail=detail)


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


def exponential_over_power(d: np.ndarray, n: np.ndarray) -> float:
    """AIC of a power law of n in d less that of an exponential, each a line of two parameters through log n."""
    lines = (np.log(d), d)
    left = [float(np.polyfit(x, np.log(n), 1, full=True)[1].item()) for x in lines]
    return len(d) * math.log(left[0] / left[1])


@claim(
    "V-004-13", "X2", "The samples needed grow exponentially with the dimension",
    Each(
        "AIC of a power law less that of an exponential, log n for 0.1 nat against d = 1…8", "", above=2,
        control="none: two models are compared",
    ),
    units="groups of repeats",
)  # fmt: skip
def exponential_in_dimension(study: Study) -> Evidence:
    """V-004-13: how much better an exponential describes the samples needed than a power law does."""
    needed = samples_needed(study.convergence).dropna()
    groups = [(rows["d"].to_numpy(float), rows["n"].to_numpy()) for _, rows in needed.groupby("group")]
    fits = [stats.linregress(d, np.log(n)) for d, n in groups]
    return Evidence(
        np.array([exponential_over_power(d, n) for d, n in groups]),
        data=f"noisy Gaussians, d = 1…{needed['d'].max():.0f}: beyond, the error stays above 0.1 nat",
        detail={
            "factor_per_dimension": np.exp(np.mean([fit.slope for fit in fits])), "r2": np.mean([fit.rvalue**2 for fit in fits]),
            "samples": needed.groupby("d")["n"].median().to_dict(),
        },
    )  # fmt: skip


@claim(
    "V-004-12", "F5", "Deeper layers compress more",
    Trend("Kendall's τ of depth and fall, saturated layers left out", "", above=0.5, reference=1), trained=TRAINED,
)  # fmt: skip
def deeper_more(study: Study) -> Evidence:
    """V-004-12: falls of the layers that do not stay at their bound, in the order of depth."""
    net, null = study.beside_shuffled
    layers = [layer for layer in LAYERS if not vacuous(net, layer)]

    def falls(of: Net, layers: list[str]) -> np.ndarray:
        return np.stack([tr.drop(of.information(layer)) for layer in layers], axis=1)  # (seeds, layers)

    typical = dict(zip(LAYERS, np.median(falls(net, LAYERS), axis=0), strict=True))
    return Evidence(
        falls(net, layers), falls(null, layers), CONTROL, trained=learned(net), vacuous=len(layers) < 3, data=TASK,
        detail={"falls": typical, "layers": layers},
    )  # fmt: skip


@claim(
    "V-004-14", "F5", "The fall of I(X;T5) is clustering, not scale",
    Each(
        "share of the fall that remains when T5 is rescaled to a constant overall std", "", above=0.5,
        control="none: of a fall by scale alone nothing remains",
    ),
    trained=TRAINED,
)  # fmt: skip
def share_of_clustering(study: Study) -> Evidence:
    """V-004-14: fall of the rescaled I(X;T5) between the peak and the end of I(X;T5), as a share of the fall of I(X;T5)."""
    net = study.plain
    one, rescaled = tr.shared(net.information(), net.information(estimator="linearised_rescaled"))
    start, rows = tr.peak_index(one), np.arange(len(one.seeds))
    fall = one.values[rows, start] - tr.final(one)
    left = rescaled.values[rows, start] - tr.final(rescaled)
    share = np.where(fall > tr.COMPRESSION, left / np.maximum(fall, tr.COMPRESSION), np.nan)
    return Evidence(share, trained=learned(net), vacuous=vacuous(net), data=TASK)


@claim(
    "V-004-15", "F5", "The fall of I(X;T5) starts near epoch 80",
    Each("epoch at which 0.10 nat of the peak is lost", "epochs", reference=85, within=25, control=STATED),
)  # fmt: skip
def fall_starts(study: Study) -> Evidence:
    """V-004-15: epoch at which the fall of T5 starts."""
    one = study.plain.information()
    return Evidence(start_of_fall(one), data=TASK, detail={"peak_epoch": np.median(tr.peak(one)[1])})


@claim(
    "V-004-16", "F6", "Under orthonormal regularisation T5 no longer clusters",
    Each("within/overall distance at the end less at the start", "", above=-0.2),
    trained=TRAINED,
)  # fmt: skip
def no_clusters(study: Study) -> Evidence:
    """V-004-16: change of the distance ratio of the regularised T5; a fall of 0.2 counts as clustering, as in V-004-E1."""
    one, other = tr.shared(study.regular.measure("ratio_distance"), study.plain.measure("ratio_distance"))
    lowest = np.median(one.values, axis=0)
    return Evidence(
        tr.final(one) - one.values[:, 0], tr.final(other) - other.values[:, 0], UNREGULARISED,
        trained=learned(study.regular), data=TASK,
        detail={"start": lowest[0], "lowest": lowest.min(), "epoch_of_lowest": one.epochs[lowest.argmin()], "end": np.median(tr.final(one))},
    )  # fmt: skip


SCALE_OFF = "none: bins that follow the layer's spread leave out what scale alone does"


@claim(
    "V-004-17", "F3", "Binned compression of a deterministic network goes with clustering",
    Each("ρ from the peak on of H(Bin(T5)), bins of 0.1, and within/overall distance", "", above=0.7, reference=1, control=SCALE_OFF, part="fixed bins"),
    Each("the same, bins of a tenth of the layer's spread", "", above=0.7, reference=1, control=SCALE_OFF, part="scale taken off"),
    trained=TRAINED,
)  # fmt: skip
def binned_fall_is_clustering(study: Study) -> Iterator[Evidence]:
    """V-004-17: rank correlation of both binned entropies of T5 with its distance ratio, from the peak of that with fixed bins on."""
    fixed, free, ratio = tr.shared(
        study.twin.binned("T5", WIDTHS[-1]),
        study.twin.measure("H_T", "T5", "binned_follow"),
        study.twin.measure("ratio_distance", "T5", "geometry"),
    )
    start = tr.peak_index(fixed)
    for part, one in (("fixed bins", fixed), ("scale taken off", free)):
        rho = [_rho(a[k:], b[k:]) for a, b, k in zip(one.values, ratio.values, start, strict=True)]
        yield Evidence(np.array(rho), part=part, trained=learned(study.twin), data=TASK)


@claim(
    "V-004-18", "F5", "Each deeper layer holds less, at every epoch",
    Each(
        "largest I(X;T) of a layer above the layer before, beyond 3 standard errors", below=0.05,
        control="none: a theorem for the exact values",
    ),
    bounded="layers at the bound satisfy it with equality",
)  # fmt: skip
def deeper_holds_less(study: Study) -> Evidence:
    """V-004-18: worst excess of a layer over the one before it; the errors of the two are taken as independent."""
    layers = tr.shared(*(study.plain.information(layer) for layer in LAYERS))
    excess = np.stack([
        deep.values - shallow.values - 3 * np.hypot(deep.errors, shallow.errors)
        for shallow, deep in zip(layers, layers[1:], strict=False)
    ])  # fmt: skip
    return Evidence(excess.max((0, 2)), data=TASK, detail={"share_of_pairs_that_exceed": (excess > 0).mean()})


@claim(
    "V-004-19", "F5", "The noise is a regulariser: the test loss is lower with it and the accuracy higher",
    Mean("test loss with noise less without, end", below=0, control=COMPARED, part="loss"),
    Mean("test accuracy with noise less without, end", "points", above=0, control=COMPARED, part="accuracy"),
)  # fmt: skip
def noise_regularises(study: Study) -> Iterator[Evidence]:
    """V-004-19: test loss and accuracy of the noisy network and of its deterministic twin, both evaluated without noise."""
    for part, scale in (("loss", 1), ("accuracy", 100)):
        end, best = ([scale * net.metric(part, "test", when) for net in (study.plain, study.twin)] for when in WHEN)
        yield changes(*end, part, change_at_best_epoch=(best[0] - best[1]).mean())


@claim(
    "V-004-E1", "E1", "The last hidden layer of an MNIST CNN clusters by class",
    Each(
        "rise of within-class less between-class cosine of the centred layer", "", above=0.3, part="cosine",
        control="none: a change from the untrained network",
    ),
    Each(
        "change of within/overall distance", "", below=-0.2, part="distance",
        control="none: a change from the untrained network",
    ),
    primary={"variant": "tanh, last hidden layer"}, needs="goldfeld_mnist_cnn",
)  # fmt: skip
def cnn_clusters(study: Study) -> Iterator[Evidence]:
    """V-004-E1: what training does to cosines and distances of every layer, rows for each activation and noise level."""
    for activation, name in CNNS.items():
        if study.results.has(name):
            for point in study.results.points(name):
                yield from clusters_of(study.results, name, point, activation)


def clusters_of(results: Results, name: str, point: str, activation: str) -> Iterator[Evidence]:
    """Evidence of every layer of one convolutional network."""
    net, labels = Net.of(results, name, point), results.points(name)[point]
    source = results.attributes(labels.dataset)
    layers = sorted(net.table["layer"].unique())
    estimator = net.table["estimator"].iloc[0]
    for layer in layers:
        within, between, ratio = (
            net.measure(quantity, layer, estimator).values
            for quantity in ("within_centred_cosine", "between_centred_cosine", "ratio_distance")
        )
        apart = within - between
        for part, values in (("cosine", apart), ("distance", ratio)):
            yield Evidence(
                values[:, -1] - values[:, 0], part=part, data=f"{source['source']}, noise std {labels.noise_std:g}",
                variant=f"{activation}, {'last hidden layer' if layer == layers[-1] else layer}",
                stand_in=bool(source["stand_in"]), detail={"end": np.median(values[:, -1])},
            )  # fmt: skip


@claim(
    "V-004-E2", "E2", "Encouraging clustering lowers the test loss",
    *(Mean(f"test loss with the penalty less without, {when}", below=0, control=COMPARED, part=when) for when in WHEN),
    primary={"part": END}, needs="goldfeld_clustering_penalty",
)  # fmt: skip
def clustering_penalty(study: Study) -> Iterator[Evidence]:
    """V-004-E2: change of the noise-free test loss under each strength of the within-class penalty."""
    results, name = study.results, "goldfeld_clustering_penalty"
    nets = {p.axes["training.clustering_penalty"]: Net.of(results, name, k) for k, p in results.points(name).items()}
    base = nets.pop(0.0)
    for strength, net in nets.items():
        for when in WHEN:
            accuracy = 100 * (net.metric("accuracy", "test", when) - base.metric("accuracy", "test", when)).mean()
            made = changes(
                net.metric("loss", "test", when), base.metric("loss", "test", when), when, accuracy_points=accuracy
            )
            made.data = f"{TASK}, penalty {strength:g}"
            yield made
