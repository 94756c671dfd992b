"""The estimate stage: one estimator over one file of activations (or of scalar-chain weights) -> one tidy table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from infoflow.estimate_gaussian import linear_gaussian
from infoflow.estimate_layers import wide_layers
from infoflow.estimate_ratios import ratios, ratios_over_time
from infoflow.estimate_renyi import matrix_renyi
from infoflow.estimators import binning, clustering, noisy
from infoflow.estimators._common import count_ties, ratio, row_groups
from infoflow.io import canonical_json, read_h5, write_table
from infoflow.models.activations import ACTIVATIONS
from infoflow.models.mlp import Mlp
from infoflow.probing.record import read_weights
from infoflow.seeds import torch_generator
from infoflow.tables import tidy

Row = dict[str, Any]


def run(settings: dict[str, Any], inputs: dict[str, Any], output: str) -> None:
    """Estimate and write the table."""
    torch.set_num_threads(1)
    weights = inputs.get("weights", [])
    if settings["kind"] == "ratios":
        table = ratios(settings, weights, inputs["dataset"])
    elif settings["kind"] in FROM_WEIGHTS:
        table = FROM_WEIGHTS[settings["kind"]](settings, *weights, inputs["dataset"])
    elif settings["kind"] in UNTIDY:
        table = UNTIDY[settings["kind"]](settings, inputs["activations"])
    else:
        rows = list(_over_layers(settings, inputs["activations"], FROM_ACTIVATIONS[settings["kind"]]))
        table = tidy(rows, settings)
    write_table(output, table)


# --- from activations ------------------------------------------------------------------------------------


def _over_layers(settings: dict[str, Any], path: str, estimator: Callable[..., Iterator[Row]]) -> Iterator[Row]:
    """Apply an estimator to every recorded layer; one snapshot is in memory at a time."""
    with h5py.File(path) as file:
        labels = torch.from_numpy(file["labels"][()])
        for seed in sorted((k for k in file if k.isdigit()), key=int):
            for epoch in sorted(file[seed], key=int):
                for depth, layer in enumerate(file.attrs["layers"], start=1):
                    if settings.get("layers") and layer not in settings["layers"]:
                        continue
                    generator = torch_generator(settings["seed"], int(seed), "estimate", int(epoch), depth)
                    group = {name: torch.from_numpy(data[()]) for name, data in file[seed][epoch][layer].items()}
                    for row in estimator(settings, group, labels, depth, generator):
                        yield {"seed": int(seed), "epoch": int(epoch), "layer": layer, "depth": depth, **row}
            print(f"seed {seed}: {len(file[seed])} snapshots", flush=True)


def linearised(
    settings: dict[str, Any], group: dict[str, Tensor], labels: Tensor, depth: int, generator: torch.Generator
) -> Iterator[Row]:
    """I(X;T) by `noisy.linearised`; the bias bound adds the leading term that linearising leaves out.

    That term is the mean over inputs of ½ mᵀ Σ⁻¹ m with m the second-order shift of the mean: the divergence between
    the Gaussian used and the one with the corrected mean.
    """
    mean, covariance, shift = group["mean"], group["covariance"].double(), group["shift"].double()
    if settings["overall_std"]:
        factor = settings["overall_std"] / max(float(_overall_std(mean)), 1e-12)
        noise = settings["noise_std"] ** 2 * torch.eye(mean.shape[1], dtype=mean.dtype)
        mean, shift, covariance = factor * mean, factor * shift, factor**2 * (covariance - noise) + noise
    result = noisy.linearised(mean, covariance, draws=settings["draws"], generator=generator)
    second_order = (shift * torch.linalg.solve(covariance, shift)).sum(1).mean() / 2
    yield {
        "quantity": "I_XT",
        "settings": canonical_json({"draws": settings["draws"], "overall_std": settings["overall_std"]}),
        "value": float(result.value),
        "std_error": float(result.std_error),
        "bias_bound": float(result.bias_bound + second_order),
        "n": len(covariance),
        "ceiling": math.log(len(covariance)),
        "ties": count_ties(mean.double()),
        "relative_width": _relative_width(settings["noise_std"], mean),
    }


def _relative_width(width: float, mean: Tensor) -> float:
    """Width of a bin or of the noise over the layer's spread, infinite for a constant layer."""
    return ratio(width, float(_overall_std(mean)))


def _overall_std(mean: Tensor) -> Tensor:
    """Root mean square over units of a layer's standard deviation over inputs."""
    return mean.std(0, correction=0).square().mean().sqrt()


def replicas(
    settings: dict[str, Any], group: dict[str, Tensor], labels: Tensor, depth: int, generator: torch.Generator
) -> Iterator[Row]:
    """I(X;T) by sample propagation, with equal numbers of passes in both terms and as published.

    The bias bound of the equal-replica estimates is their largest change from one count to the next.
    """
    if "replicas" not in group:
        return
    passes = group["replicas"].double()  # (count, n, d)
    queries = settings["queries"]
    inputs = torch.randperm(passes.shape[1], generator=generator)[:queries]

    def estimate(centres: Tensor, conditional: Tensor) -> noisy.Estimate:
        given = None if depth == 1 else conditional.transpose(0, 1)  # (inputs, passes, d)
        return noisy.mutual_information(
            centres.flatten(0, 1), given, settings["noise_std"], samples=queries, generator=generator
        )

    equal = {r: estimate(passes[:r], passes[:r, inputs]) for r in settings["counts"]}
    values = [float(e.value) for e in equal.values()]
    change = max(abs(a - b) for a, b in zip(values, values[1:], strict=False)) if len(values) > 1 else math.nan
    common = {"quantity": "I_XT", "n": passes.shape[1], "ceiling": math.log(passes.shape[1])}
    common["ties"] = count_ties(passes[0])  # of one pass: the passes of a first layer are all the same
    common["relative_width"] = _relative_width(settings["noise_std"], passes.flatten(0, 1))
    for count, result in equal.items():
        yield {
            **common,
            "settings": canonical_json({"replicas": count}),
            "value": float(result.value),
            "std_error": float(result.std_error),
            "bias_bound": float(result.bias_bound) + change,
        }
    if settings["published"]:
        outer, inner = settings["published"]
        result = estimate(passes[:outer], group["conditional"][:inner].double())
        yield {
            **common,
            "settings": canonical_json({"published": [outer, inner]}),
            "value": float(result.value),
            "std_error": float(result.std_error),
            "bias_bound": math.nan,
        }


def binned(
    settings: dict[str, Any], group: dict[str, Tensor], labels: Tensor, depth: int, generator: torch.Generator
) -> Iterator[Row]:
    """H(Bin(T)) and I(Bin(T);Y) of the noiseless layer, for every width and every set of edges.

    All inputs are distinct, so H(Bin(T)) is also I(X;Bin(T)).
    """
    mean = group["mean"]
    n = len(mean)
    share = torch.bincount(labels) / n
    label_entropy = float(-(share * share.log()).nansum())
    sizes = row_groups(mean.double())[1]
    ties = int(sizes[sizes > 1].sum())
    choices = [({"width": w}, {"width": w}, w) for w in settings["widths"]]
    choices += [({"edges": e}, {"edges": (e[0], e[1], int(e[2]))}, (e[1] - e[0]) / e[2]) for e in settings["edges"]]
    for shown, options, width in choices:
        common = {"settings": canonical_json(shown), "n": n, "ties": ties}
        common["relative_width"] = _relative_width(width, mean)
        entropy, information = binning.entropy_and_information(mean, labels, **options)
        yield {**common, "quantity": "H_T", "value": float(entropy), "ceiling": math.log(n)}
        yield {**common, "quantity": "I_TY", "value": float(information), "ceiling": label_entropy}
    yield {
        "quantity": "distinct_rows",
        "value": float(len(sizes)),
        "n": n,
        "ties": ties,
        "ceiling": float(n),
        "unit": "count",
    }


def clusters(
    settings: dict[str, Any], group: dict[str, Tensor], labels: Tensor, depth: int, generator: torch.Generator
) -> Iterator[Row]:
    """Clustering measures of the noiseless layer."""
    mean = group["mean"]
    n = len(mean)
    width, threshold = settings["width"], settings["saturation"]
    yield {
        "quantity": "H_T",
        "settings": canonical_json({"width": width}),
        "value": float(clustering.binned_entropy(mean, width)),
        "n": n,
        "ceiling": math.log(n),
        "ties": count_ties(mean.double()),
        "relative_width": _relative_width(width, mean),
    }
    some = torch.linspace(0, n - 1, min(n, settings["inputs"])).long()
    measures = {f"{k}_distance": v for k, v in clustering.class_distances(mean[some], labels[some])._asdict().items()}
    measures |= {f"{k}_cosine": v for k, v in clustering.cosine_similarities(mean, labels)._asdict().items()}
    measures["saturated_fraction"] = clustering.saturated_fraction(mean, threshold)
    measures["overall_std"] = _overall_std(mean)
    for name, value in measures.items():
        yield {"quantity": name, "value": float(value), "unit": "none", "n": n}


def values(settings: dict[str, Any], path: str) -> pd.DataFrame:
    """Noiseless values of one layer of one seed at the recorded epochs nearest to those asked for."""
    tables = []
    with h5py.File(path) as file:
        recorded = file[str(settings["seed_index"])]
        epochs = sorted({min((int(e) for e in recorded), key=lambda e: abs(e - want)) for want in settings["epochs"]})
        for epoch in epochs:
            mean = recorded[f"{epoch}/{settings['layer']}/mean"][()]
            table = pd.DataFrame({f"t{k + 1}": column.astype(np.float32) for k, column in enumerate(mean.T)})
            table["label"], table["split"] = (
                file["labels"][()].astype(np.int8),
                file["split"][()].astype(np.int8),
            )
            tables.append(table.assign(epoch=epoch, layer=settings["layer"]))
    names = {name: settings[name] for name in ("experiment", "point")}
    return pd.concat(tables, ignore_index=True).assign(**names)


def histograms(settings: dict[str, Any], path: str) -> pd.DataFrame:
    """Share of a layer's values in each bin, all units together, at every recorded epoch of one seed."""
    edges = np.linspace(settings["low"], settings["high"], settings["bins"] + 1)
    rows = []
    with h5py.File(path) as file:
        recorded = file[str(settings["seed_index"])]
        for epoch in sorted(recorded, key=int):
            for layer in file.attrs["layers"]:
                mean = recorded[epoch][layer]["mean"][()]
                count, _ = np.histogram(mean, edges)
                rows.append(
                    pd.DataFrame(
                        {
                            "epoch": int(epoch),
                            "layer": layer,
                            "t": (edges[1:] + edges[:-1]) / 2,
                            "share": count / mean.size,
                        }
                    )
                )
    names = {name: settings[name] for name in ("experiment", "point")}
    return pd.concat(rows, ignore_index=True).assign(**names)


UNTIDY = {"values": values, "histograms": histograms}  # tables with columns of their own, for figures


# --- from the weights of scalar chains --------------------------------------------------------------------


class Chain(NamedTuple):
    """Scalar chains of an experiment's point: weights and biases (epochs, seeds, layers), and their population."""

    epochs: list[int]
    w: Tensor
    b: Tensor
    kept: Tensor  # (epochs, seeds), False where later seeds are thinned
    nodes: Tensor  # (m,)
    probabilities: Tensor  # (m,)
    continuous: bool


def _chain(settings: dict[str, Any], weights: str, dataset: str) -> Chain:
    stored = read_weights(weights)
    depth = len(settings["model"]["activations"])
    w, b = (
        torch.stack([torch.stack([p[f"{name}{k + 1}"].flatten() for k in range(depth)], -1) for p in stored.values()])
        for name in "Wb"
    )
    population, attributes = read_h5(dataset, "probe_x", "probe_probability")
    nodes, probabilities = (torch.from_numpy(population[name]) for name in ("probe_x", "probe_probability"))
    kept = torch.ones(w.shape[:2], dtype=torch.bool)
    if settings["thinned"]:
        rare = torch.tensor([epoch not in settings["thinned"]["epochs"] for epoch in stored])
        kept[rare, settings["thinned"]["after_seed"] :] = False
    return Chain(list(stored), w, b, kept, nodes, probabilities, bool(attributes["continuous"]))


def _noiseless(chain: Chain, activations: list[str], rows: slice = slice(None)) -> Iterator[Tensor]:
    """Values of every layer without noise at some of the kept snapshots, (rows, m)."""
    w, b = chain.w[chain.kept][rows], chain.b[chain.kept][rows]
    s = chain.nodes.expand(len(w), len(chain.nodes))
    for k, activation in enumerate(activations):
        s = ACTIVATIONS[activation](w[:, k, None] * s + b[:, k, None])
        yield s


def _deviations(chain: Chain, activations: list[str], block: int = 256) -> Tensor:
    """Standard deviation of the noiseless values of every layer, (layers, kept), a block of snapshots at a time."""
    blocks = []
    for start in range(0, int(chain.kept.sum()), block):
        layers = []
        for s in _noiseless(chain, activations, slice(start, start + block)):
            mean = (s * chain.probabilities).sum(-1, keepdim=True)
            layers.append(((s - mean).square() * chain.probabilities).sum(-1).sqrt())
        blocks.append(torch.stack(layers))
    return torch.cat(blocks, dim=1)


def _rows(values: Tensor, chain: Chain, layer: int, **columns: Any) -> pd.DataFrame:
    """Values (kept,) of one layer as rows."""
    epoch, seed = torch.nonzero(chain.kept, as_tuple=True)
    given = {
        "seed": seed.numpy(),
        "epoch": np.array(chain.epochs)[epoch],
        "layer": f"T{layer}",
        "depth": layer,
    }
    return pd.DataFrame({**given, "value": values.numpy(), **columns})


def scalar_chain(settings: dict[str, Any], weights: str, dataset: str) -> pd.DataFrame:
    """I(X;T) of every layer by quadrature, and the standard deviation of the layer's noiseless values."""
    chain = _chain(settings, weights, dataset)
    activations = settings["model"]["activations"]
    w, b, std = chain.w[chain.kept], chain.b[chain.kept], settings["noise_std"]
    result = noisy.scalar_chain(w, b, activations, chain.nodes, chain.probabilities, std, continuous=chain.continuous)
    ceiling = math.nan if chain.continuous else float(torch.special.entr(chain.probabilities).sum())
    tables = []
    for k, deviation in enumerate(_deviations(chain, activations)):
        bias = torch.as_tensor(result.bias_bound).expand(result.value.shape)[:, k].numpy()
        known = {"bias_bound": bias, "ceiling": ceiling, "relative_width": (std / deviation).numpy()}
        tables.append(_rows(result.value[:, k], chain, k + 1, quantity="I_XT", **known))
        tables.append(_rows(deviation, chain, k + 1, quantity="std_T", unit="none"))
    return tidy(pd.concat(tables), settings)


def scalar_clusters(settings: dict[str, Any], weights: str, dataset: str) -> pd.DataFrame:
    """Number of groups of the noiseless layer values of enumerated inputs, and those values at the last epoch."""
    chain = _chain(settings, weights, dataset)
    gap = settings["gap"] * settings["noise_std"]
    tables = []
    for k, s in enumerate(_noiseless(chain, settings["model"]["activations"])):
        count = clustering.cluster_count(s, gap).double()
        ceiling = float(len(chain.nodes))
        tables.append(_rows(count, chain, k + 1, quantity="clusters", unit="count", ceiling=ceiling))
        for i, value in enumerate(s.unbind(-1)):
            rows = _rows(value, chain, k + 1, quantity="value_T", unit="none", part=f"input:{i}")
            tables.append(rows[rows["epoch"] == chain.epochs[-1]])
    table = pd.concat(tables)
    table["settings"] = canonical_json({"gap": settings["gap"]})
    return tidy(table, settings)


def scalar_density(settings: dict[str, Any], weights: str, dataset: str) -> pd.DataFrame:
    """Density of every layer of one seed on a grid of bin centres: columns epoch, layer, t, density."""
    chain = _chain(settings, weights, dataset)
    kept = list(range(0, len(chain.epochs), -(-len(chain.epochs) // settings["epochs"])))
    edges = [torch.linspace(*ends, settings["bins"] + 1, dtype=torch.float64) for ends in settings["ranges"]]
    grid = torch.stack([(e[1:] + e[:-1]) / 2 for e in edges])  # (layers, bins)
    seed = settings["seed_index"]
    density = noisy.scalar_chain_density(
        chain.w[kept, seed],
        chain.b[kept, seed],
        settings["model"]["activations"],
        chain.nodes,
        chain.probabilities,
        settings["noise_std"],
        grid,
    )  # (epochs, layers, bins)
    count, layers, bins = density.shape
    index = pd.MultiIndex.from_product([[chain.epochs[i] for i in kept], range(layers), range(bins)])
    table = pd.DataFrame({"density": density.flatten().numpy()}, index=index.set_names(["epoch", "k", "bin"]))
    table = table.reset_index()
    table["t"] = grid.numpy()[table["k"], table["bin"]]
    table["layer"] = "T" + (table["k"] + 1).astype(str)
    for name in ("experiment", "point", "variant"):
        table[name] = settings[name]
    return table[["experiment", "point", "variant", "epoch", "layer", "t", "density"]]


FROM_WEIGHTS = {
    "scalar_chain": scalar_chain,
    "scalar_clusters": scalar_clusters,
    "scalar_density": scalar_density,
    "renyi": matrix_renyi,
    "ratios_over_time": ratios_over_time,
    "wide_layers": wide_layers,
    "linear_gaussian": linear_gaussian,
}
FROM_ACTIVATIONS = {"linearised": linearised, "replicas": replicas, "binning": binned, "clustering": clusters}


# --- convergence of sample propagation --------------------------------------------------------------------


def convergence(settings: dict[str, Any], output: str) -> None:
    """Where the truth is known: the entropy of noisy Gaussians, and scalar chains by quadrature.

    Rows with study "gaussian": for every dimension d and number of centres n, `repeats` times: n centres from N(0, I),
    the sample-propagation estimate of h(S + Z) against d/2 ln(2πe (1 + std²)). Rows with study "chain": linearised
    and sample-propagation information of every layer of a few tanh chains against quadrature.
    """
    torch.set_num_threads(1)
    rows = []
    for d in settings["dimensions"]:
        truth = d / 2 * math.log(2 * math.pi * math.e * (1 + settings["std"] ** 2))
        for n in settings["samples"]:
            for repeat in range(settings["repeats"]):
                generator = torch_generator(settings["seed"], "convergence", d, n, repeat)
                centres = torch.randn(n, d, dtype=torch.float64, generator=generator)
                result = noisy.mixture_entropy(
                    centres,
                    settings["std"],
                    samples=settings["queries"],
                    generator=generator,
                    method="monte_carlo",
                )
                rows.append(
                    {
                        "study": "gaussian",
                        "d": d,
                        "n": n,
                        "repeat": repeat,
                        "value": float(result.value),
                        "truth": truth,
                    }
                )
        print(f"d = {d}", flush=True)
    rows += _chains(settings)
    write_table(output, pd.DataFrame(rows).assign(unit="nats"))


def _chains(settings: dict[str, Any]) -> Iterator[Row]:
    """Estimates on scalar tanh chains against quadrature."""
    count, std = settings["chain_inputs"], settings["chain_std"]
    share = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    x = 0.5 * torch.special.ndtri(share)  # equally likely quantiles of N(0, 0.25)
    for k, (weights, biases) in enumerate(settings["chains"]):
        depth = len(weights)
        model = Mlp((1,), [1] * (depth + 1), ["tanh"] * depth, observe="all")
        parameters = {f"W{i + 1}": torch.tensor([[w]], dtype=torch.float64) for i, w in enumerate(weights)}
        parameters |= {f"b{i + 1}": torch.tensor([[b]], dtype=torch.float64) for i, b in enumerate(biases)}
        truth = noisy.scalar_chain(weights, biases, ["tanh"] * depth, x, torch.full((count,), 1 / count), std).value
        moments = model.moments(parameters, x[:, None], std)
        stacked = {name: value[None] for name, value in parameters.items()}
        for repeat in range(settings["repeats"]):
            generator = torch_generator(settings["seed"], "chains", k, repeat)
            noise = std * torch.randn(1, depth, 64 * count, generator=generator, dtype=torch.float64)
            _, layers = model.forward(stacked, x.repeat(64)[None, :, None], noise)
            for i, (layer, one) in enumerate(moments.items()):
                passes = (
                    (layers[i][0] - noise[0, i, :, None]).view(64, count, 1).transpose(0, 1)
                )  # before its own noise
                linear = noisy.linearised(one.mean, one.covariance, draws=64, generator=generator)
                given = None if i == 0 else passes
                propagated = noisy.mutual_information(passes.flatten(0, 1), given, std, generator=generator)
                for name, result in (("linearised", linear), ("replicas", propagated)):
                    yield {
                        "study": "chain", "d": k, "n": i + 1, "layer": layer, "repeat": repeat, "estimator": name,
                        "value": float(result.value), "truth": float(truth[i]),
                    }  # fmt: skip
