"""Claims of kong2019 (V-002-*): compression in scalar noisy networks, as published and corrected."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from infoflow.documents.kong2019.constants import (
    CORRECTED,
    DATA,
    ENUMERATED,
    NOISELESS,
    ONE_CHANGE,
    PLATEAUS,
    PUBLISHED,
    SHUFFLED,
    SPANS,
    TANH,
)  # fmt: skip
from infoflow.documents.kong2019.study import (
    Run,
    found_plateaus,
    matched,
    merges,
    mid_falls,
    single_mode,
    steepest_rise,
    with_null,
)  # fmt: skip
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.questions import Each, Exact, Reported, Same
from infoflow.verdicts.results import Results
from infoflow.verdicts.rule import Evidence, Trained, claim
from infoflow.verdicts.statistics import uninformative

RunTest = Callable[..., list[Evidence]]

SHOWN = {"variant": PUBLISHED}  # what the document shows
POINTS = Trained("noise variance over loss", "train", 1.0)  # what is left to learn is smaller than the noise
DENSE = Trained("accuracy", "train", 0.95)  # samples beside the threshold of a continuous input are lost to the noise
STATED = "none: the document states an epoch of its run"


def study(results: Results) -> Results:
    """The tests read the results as they are."""
    return results


def in_variants(
    experiment: str, *, control: str = "", variants: tuple[str, ...] = (PUBLISHED, CORRECTED)
) -> Callable[[RunTest], Callable[[Results], Iterator[Evidence]]]:
    """A test of one run, beside a control experiment where one is named, made for every variant."""

    def decorate(test: RunTest) -> Callable[[Results], Iterator[Evidence]]:
        @functools.wraps(test)
        def every(results: Results) -> Iterator[Evidence]:
            for variant in variants:
                runs = matched(*(Run.of(results, name, variant) for name in (experiment, control) if name))
                reached = runs[0].fit() if experiment in ENUMERATED else runs[0].accuracy()
                for made in test(*runs, variant):
                    trained = reached if made.trained is None else made.trained
                    yield replace(made, variant=variant, data=DATA[experiment], trained=trained)

        return every

    return decorate


def vacuous(run: Run, layer: str, since: int = 0) -> bool:
    """Whether the information of a layer lies at a bound from an epoch on."""
    rows = run.table
    return uninformative(rows[(rows["quantity"] == "I_XT") & (rows["layer"] == layer) & (rows["epoch"] >= since)])


@claim(
    "V-002-1", "F2", "The information falls twice, each time to the next plateau",
    Each("largest distance of a plateau from 1.386, 1.040 and 0.562 nats", below=0.05, control="less"),
    primary=SHOWN, trained=POINTS, bounded="the first plateau is the bound, ln 4",
)  # fmt: skip
@in_variants("kong_f2", control="kong_f2_shuffled")
def plateaus(run: Run, null: Run, variant: str) -> list[Evidence]:
    """V-002-1: worst distance of a plateau from its value."""

    def worst(of: Run) -> np.ndarray:
        return np.abs(found_plateaus(of.information("T1")) - PLATEAUS).max(1)

    found = np.median(found_plateaus(run.information("T1")), axis=0)
    return [Evidence(worst(run), worst(null), SHUFFLED, detail={"plateaus": found, "targets": PLATEAUS})]


def fall_near(k: int) -> Callable[[Results], Iterator[Evidence]]:
    """A test of the epoch of a mid-fall; the document shows the epochs of one seed."""

    def test(run: Run, variant: str) -> list[Evidence]:
        falls = mid_falls(run.information("T1"))[:, k]
        return [Evidence(falls, detail={"range": np.nanquantile(falls, [0, 1]), "document": "one seed"})]

    return in_variants("kong_f2", variants=(PUBLISHED,))(test)


claim(
    "V-002-2a", "F2", "The first fall is near epoch 25",
    Each("epoch of the first mid-fall", "epochs", reference=25, within=10, control=STATED),
)(fall_near(0))  # fmt: skip
claim(
    "V-002-2b", "F2", "The second fall is near epoch 100",
    Each("epoch of the second mid-fall", "epochs", reference=105, within=20, control=STATED),
)(fall_near(1))  # fmt: skip


@claim(
    "V-002-3", "F2", "Clusters merge where the information falls",
    Each("larger distance of a merge (4→3, 3→2) from its mid-fall", "epochs", below=10, control="less", part="published"),
    Each("the same, in per cent of the epoch of the fall", "%", below=10, control="less", part="corrected"),
    primary=SHOWN, trained=POINTS, bounded="the first plateau is the bound, ln 4",
)  # fmt: skip
@in_variants("kong_f2")
def merges_at_falls(run: Run, variant: str) -> list[Evidence]:
    """V-002-3: distance between merges and mid-falls; the control pairs them between seeds."""
    falls, found = mid_falls(run.information("T1")), merges(run.clusters("T1"))

    def distance(falls: np.ndarray) -> np.ndarray:
        gap = np.abs(found - falls)
        return (gap if variant == PUBLISHED else 100 * gap / falls).max(1)

    part = "published" if variant == PUBLISHED else "corrected"
    other = np.roll(falls, 1, axis=0)
    return [Evidence(distance(falls), distance(other), "the merges beside the falls of another seed", part)]


@claim(
    "V-002-4", "F3", "I(X;T1) peaks at ln 8 with eight clusters, then falls",
    Each(
        "peak of I(X;T1)", above=2.05, reference=math.log(8), part="peak",
        control="none: ln 8 is the bound, which the control may reach too",
    ),
    Each("fall of I(X;T1)", above=0.15, part="fall"),
    Each("eight clusters at the peak and fewer at the end", "of 1", above=0.5, reference=0.5, part="clusters"),
    primary=SHOWN, trained=POINTS, bounded="the peak at the bound, ln 8, is the claim; the values are exact",
)  # fmt: skip
@in_variants("kong_f3", control="kong_f3_shuffled")
def peak_at_eight(run: Run, null: Run, variant: str) -> list[Evidence]:
    """V-002-4: peak and fall of I(X;T1), and the clusters at both."""

    def clustered(of: Run) -> np.ndarray:
        count, where = of.clusters("T1").values, tr.peak_index(of.information("T1"))
        return (count[np.arange(len(where)), where] == 8) & (count[:, -1] < 8)

    return [
        Evidence(tr.peak(run.information("T1"))[0], part="peak"),
        Evidence(run.drop("T1"), null.drop("T1"), SHUFFLED, "fall"),
        Evidence(
            clustered(run), clustered(null), SHUFFLED, "clusters",
            detail={"clusters_at_end": np.median(run.clusters("T1").values[:, -1])},
        ),
    ]  # fmt: skip


@claim(
    "V-002-5", "F3", "T2 splits into two clusters while I(X;T2) rises",
    Each("rise of I(X;T2) from the epoch at which T1 has eight clusters", above=0.2, part="rise"),
    Each("larger distance of a cluster's mean from 0 and 0.25", "", below=0.05, control="less", part="means"),
    primary=SHOWN, trained=POINTS,
)  # fmt: skip
@in_variants("kong_f3", control="kong_f3_shuffled")
def output_splits(run: Run, null: Run, variant: str) -> list[Evidence]:
    """V-002-5: rise of I(X;T2) from the epoch at which T1 first has eight clusters, and where its clusters end."""

    def start(of: Run) -> np.ndarray:
        eight = of.clusters("T1").values == 8
        return np.where(eight.any(1), eight.argmax(1), eight.shape[1] - 1)

    def rise(of: Run) -> np.ndarray:
        one = of.information("T2")
        return one.values[:, -1] - one.values[np.arange(len(one.seeds)), start(of)]

    def means(of: Run) -> np.ndarray:
        return of.inputs("T2").reshape(-1, 2, 4).mean(2)

    def miss(of: Run) -> np.ndarray:
        return np.abs(means(of) - [0, 0.25]).max(1)

    since = run.information("T2").epochs[start(run)].min()
    return [
        Evidence(rise(run), rise(null), SHUFFLED, "rise", vacuous=vacuous(run, "T2", since)),
        Evidence(miss(run), miss(null), SHUFFLED, "means", detail={"cluster_means": np.median(means(run), axis=0)}),
    ]


@claim(
    "V-002-6", "F4", "Both tanh layers compress", Each("smaller fall of the two layers", above=tr.COMPRESSION),
    primary=SHOWN, trained=DENSE,
)  # fmt: skip
@in_variants("kong_f4", control="kong_f4_shuffled")
def both_compress(run: Run, null: Run, variant: str) -> list[Evidence]:
    """V-002-6: the smaller fall of the two layers."""
    falls, other = ([of.drop("T1"), of.drop("T2")] for of in (run, null))
    detail = {"drops": np.median(falls, axis=1), "epochs_compared": len(run.information("T1").epochs)}
    return [Evidence(np.minimum(*falls), np.minimum(*other), SHUFFLED, detail=detail)]


@claim(
    "V-002-7", "F4", "I(X;T2) < I(X;T1)",
    Each(
        "share of epochs after escape at which T2 holds less", "", above=0.95, reference=1,
        control="none: a theorem for these networks",
    ),
    primary=SHOWN,
)  # fmt: skip
@in_variants("kong_f4")
def processing_inequality(run: Run, variant: str) -> list[Evidence]:
    """V-002-7: share of epochs after escape at which the deeper layer holds less."""
    first, second = run.information("T1"), run.information("T2")
    below = second.values < first.values
    return [Evidence(np.array([row[k:].mean() for row, k in zip(below, tr.escape(first), strict=True)]))]


@claim(
    "V-002-8", "F5", "The leaky ReLU layer does not compress and keeps gaining information",
    Each("fall of I(X;T1)", below=tr.COMPRESSION, control="less", part="fall"),
    Each("Spearman's ρ of epoch and I(X;T1) after escape", "", above=0.8, reference=1, part="gain"),
    Each("growth of the standard deviation of T1 after escape", "times", above=1.5, reference=1, part="growth"),
    primary=SHOWN, trained=DENSE,
)  # fmt: skip
@in_variants("kong_f5", control="kong_f4")
def unbounded_layer(run: Run, tanh: Run, variant: str) -> list[Evidence]:
    """V-002-8: what the hidden leaky ReLU layer does, beside a tanh layer in its place."""

    def gain(of: Run) -> np.ndarray:
        one = of.information("T1")
        return tr.increasing(one, tr.escape(one))

    def growth(of: Run) -> np.ndarray:
        spread, start = of.std("T1").values, tr.escape(of.information("T1"))
        return spread[:, -1] / np.maximum(spread[np.arange(len(start)), start], 1e-9)

    return [
        Evidence(run.drop("T1"), tanh.drop("T1"), TANH, "fall"),
        Evidence(gain(run), gain(tanh), TANH, "gain"),
        Evidence(growth(run), growth(tanh), TANH, "growth"),
    ]


@claim(
    "V-002-9", "F5", "The tanh output still compresses", Each("fall of I(X;T2)", above=tr.COMPRESSION),
    primary=SHOWN, trained=DENSE,
)  # fmt: skip
@in_variants("kong_f5", control="kong_f5_shuffled")
def output_compresses(run: Run, null: Run, variant: str) -> list[Evidence]:
    """V-002-9: fall of the tanh output."""
    detail = {"epochs_compared": len(run.information("T2").epochs)}
    return [Evidence(run.drop("T2"), null.drop("T2"), SHUFFLED, detail=detail)]


@claim(
    "V-002-10", "F6", "The information peaks at the first split, then falls to about 1 nat",
    Each("peak of I(X;T1) in 300 epochs", reference=2.05, within=0.15, control="less", part="peak"),
    Each("I(X;T1) at the end of 300 epochs", reference=1.0, within=0.15, control="less", part="end"),
    primary=SHOWN,
)  # fmt: skip
@in_variants("kong_f6", control="kong_f6_shuffled", variants=(PUBLISHED, *ONE_CHANGE, CORRECTED))
def peak_then_one_nat(run: Run, null: Run, variant: str) -> list[Evidence]:
    """V-002-10: peak and end of the published 300 epochs under each change; the end of the whole run is in the detail.

    How long a run with reset gradients is was our choice, so that what it holds at its end decides nothing.
    """
    one, other = (tr.until(of.information("T1"), 300) for of in (run, null))
    whole = run.information("T1")
    detail = {
        "last_epoch": int(whole.epochs[-1]), "final_at_last_epoch": np.median(tr.final(whole)),
        "peak_of_the_run": np.median(tr.peak(whole)[0]), "accuracy": run.accuracy().mean(),
        "share_that_falls_by_300": (tr.drop(one) > tr.COMPRESSION).mean(),
    }  # fmt: skip
    return [
        Evidence(tr.peak(one)[0], tr.peak(other)[0], SHUFFLED, "peak"),
        Evidence(tr.final(one), tr.final(other), SHUFFLED, "end", detail=detail),
    ]


@claim(
    "V-002-11", "F2", "The label of x = 3 is +1, that of −3, −1 and 1 is −1 (the document prints 1 twice)",
    Exact("every sample has the label of the corrected text"),
)  # fmt: skip
def printed_label(results: Results) -> Evidence:
    """V-002-11: whether all of a seed's samples are labelled +1 exactly for x = 3."""
    data = results.dataset("four30", "x", "y")
    right = np.where(data["x"][..., 0] == 3, 1, -1)
    return Evidence((right == data["y"]).all(1), data=DATA["kong_f2"])


@claim(
    "V-002-12", "F2", "The published epochs need accumulated gradients",
    Each(
        "epoch of the first fall with reset gradients over that with accumulated ones", "times", above=200 / 25, reference=1,
        control="none: the two runs are compared",
    ),
)  # fmt: skip
def needs_accumulation(results: Results) -> Evidence:
    """V-002-12: how many times later the first fall comes; eight times puts it beyond the 200 epochs that were published.

    A fall that does not come with reset gradients is put at the last epoch, a lower bound.
    """
    runs = [Run.of(results, "kong_f2", variant).information("T1") for variant in (PUBLISHED, CORRECTED)]
    falls, late = (mid_falls(one)[:, 0] for one in runs)
    late = np.where(np.isfinite(late), late, runs[1].epochs[-1])
    return Evidence(
        late / falls, data=DATA["kong_f2"],
        detail={"accumulated": np.nanmedian(falls), "reset": np.median(late)},
    )  # fmt: skip


@claim(
    "V-002-13", "F3", "Around epoch 150 I(X;T1) starts to fall and I(X;T2) rises",
    Each("epoch of the maximum of I(X;T1)", "epochs", reference=150, within=30, control=STATED, part="T1"),
    Each("epoch of the steepest rise of I(X;T2)", "epochs", reference=150, within=30, control=STATED, part="T2"),
)  # fmt: skip
@in_variants("kong_f3", variants=(PUBLISHED,))
def near_150(run: Run, variant: str) -> list[Evidence]:
    """V-002-13: epochs of both events; the values are exact, so that their maximum is where the fall starts."""
    one = run.information("T1")
    return [
        Evidence(one.epochs[one.values.argmax(1)], part="T1"),
        Evidence(steepest_rise(run.information("T2")), part="T2"),
    ]


def figure_of(experiment: str) -> str:
    """The figure whose networks an experiment trains."""
    return experiment.removeprefix("kong_").upper()


WITHOUT = "none: a network is compared with itself"
TRAINED_WITHOUT = "none: two trainings of a network are compared"


@claim(
    "V-002-14", "F2–F6", "The noise hardly changes the performance",
    Same("test accuracy with noise less without, at the end", "points", within=2, control=WITHOUT, part="evaluated"),
    Same(
        "test accuracy with noise less that of the same network trained and evaluated without", "points", within=2,
        control=TRAINED_WITHOUT, part="trained",
    ),
    primary=SHOWN, trained=DENSE,
)  # fmt: skip
def noise_costs_little(results: Results) -> Iterator[Evidence]:
    """V-002-14: change of test accuracy by the noise, in the evaluation alone and in training and evaluation.

    F3 is left out: its published schedule ends at chance, where noise has nothing to change.
    """
    for experiment in ("kong_f2", "kong_f4", "kong_f5", "kong_f6"):
        test = in_variants(experiment)(functools.partial(cost_of_noise, results, experiment))
        for made in test(results):
            yield replace(made, data=f"{figure_of(experiment)}, {made.data}")


def cost_of_noise(results: Results, experiment: str, run: Run, variant: str) -> list[Evidence]:
    """Change of the test accuracy of one run in points."""
    noisy, clean = (100 * run.accuracy("test", noisy=noisy) for noisy in (True, False))
    twin = Run(run.table, results.history(f"{experiment}{NOISELESS}", variant))
    without = 100 * twin.accuracy("test")
    detail = {"with": noisy.mean(), "without": clean.mean(), "trained_without": without.mean()}
    return [
        Evidence(noisy - clean, part="evaluated", trained=run.accuracy(), detail=detail),
        Evidence(noisy - without, part="trained", trained=np.minimum(run.accuracy(), twin.accuracy()), detail=detail),
    ]


@claim(
    "V-002-15", "F5", "The hidden leaky ReLU layer forms no clusters",
    Each("share of epochs at which the density of T1 has one mode", "", above=0.95, reference=1),
    primary=SHOWN,
)  # fmt: skip
def one_mode(results: Results) -> Iterator[Evidence]:
    """V-002-15: modes of the exact density of T1, beside a tanh layer in its place."""
    for variant in (PUBLISHED, CORRECTED):
        tables = (results.figure_table(name, "scalar_density") for name in ("kong_f5", "kong_f4"))
        leaky, tanh = (single_mode(t[(t["point"] == variant) & (t["layer"] == "T1")]) for t in tables)
        yield Evidence(leaky, tanh, TANH, variant=variant, data=DATA["kong_f5"])


@claim(
    "V-002-16", "F2–F6", "The document's own number of draws",
    Reported("I(X;T) from the document's draws less the exact value, mean over snapshots", "nats", part="mean"),
    Reported("root mean square of it", "nats", part="spread"),
)  # fmt: skip
def drawn_estimates(results: Results) -> Iterator[Evidence]:
    """V-002-16: error of the estimate with as many inputs and passes as the document took, by experiment and layer."""
    for experiment, data in DATA.items():
        table = results.figure_table(experiment, "scalar_draws")
        table = table.assign(error=table["drawn"] - table["exact"])
        for (variant, layer), rows in table.groupby(["point", "layer"]):
            errors = rows.groupby("seed")["error"]
            common = {"variant": str(variant), "data": f"{figure_of(experiment)}, {data}, {layer}"}
            yield Evidence(errors.mean().to_numpy(), part="mean", **common)
            yield Evidence(np.sqrt(errors.apply(lambda e: (e**2).mean())).to_numpy(), part="spread", **common)


@claim(
    "V-002-E1", "E1", "On continuous uniform input tanh layers compress too, and the leaky ReLU layer does not",
    Each("fall of a tanh layer's I(X;T)", above=tr.COMPRESSION, part="tanh"),
    Each("fall of the leaky ReLU layer's I(X;T1)", below=tr.COMPRESSION, control="less", part="leaky ReLU"),
    trained=DENSE,
)  # fmt: skip
def uniform_inputs(results: Results) -> Iterator[Evidence]:
    """V-002-E1: fall of every layer of every network on both inputs."""
    for experiment in ("kong_e1_net1", "kong_e1_net3", "kong_e1_net4"):
        for point, shuffled in with_null(results, experiment):
            run, null = matched(*(Run.of(results, experiment, name) for name in (point, shuffled)))
            name = f"{SPANS[results.dataset_of(experiment, point)]}, network {experiment[-1]}"
            for layer in run.layers:
                made = uniform_input(run, null, layer, f"{name}, {layer}")
                if experiment == "kong_e1_net4" and layer == "T1":
                    leaky, tanh = matched(run, Run.of(results, "kong_e1_net3", point))
                    made = replace(made, effects=leaky.drop(layer), control=tanh.drop(layer), part="leaky ReLU")
                    made.of = "network 3, whose hidden layer is tanh"
                yield made


def uniform_input(run: Run, null: Run, layer: str, data: str) -> Evidence:
    """Fall of one layer of one network, and how far its end is from ln 2."""
    detail = {"final_minus_ln2": np.median(tr.final(run.information(layer))) - math.log(2)}
    return Evidence(
        run.drop(layer), null.drop(layer), SHUFFLED, "tanh", trained=run.accuracy(), data=data, detail=detail
    )


@claim(
    "V-002-E2", "E2", "Hidden states of a noisy recurrent network compress",
    Each("share of the hidden states that fall by more than 0.10 nat", "", above=0.5),
    trained=DENSE,
)  # fmt: skip
def recurrent_states(results: Results) -> Evidence:
    """V-002-E2: share of the hidden states whose fall exceeds the margin and three standard errors."""
    ((point, shuffled),) = with_null(results, "kong_e2")
    run, null = matched(*(Run.of(results, "kong_e2", name) for name in (point, shuffled)))
    state = Each("fall", above=tr.COMPRESSION)

    def flags(of: Run) -> np.ndarray:
        every = [of.information(layer) for layer in of.layers]
        return np.stack([state.held(tr.drop(one), tr.standard_error(one)) for one in every])  # (states, seeds)

    return Evidence(
        flags(run).mean(0), flags(null).mean(0), SHUFFLED, trained=run.accuracy(), data="majority of 9 bits",
        vacuous=all(vacuous(run, layer) for layer in run.layers),
        detail={"share_of_seeds_by_state": dict(zip(run.layers, flags(run).mean(1), strict=True))},
    )  # fmt: skip
