"""Look inside: recompute one point of a figure from the saved weights and hold it against the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from infoflow.estimate_gaussian import information
from infoflow.estimate_layers import layer_values
from infoflow.estimators import binning, noisy, renyi
from infoflow.io import canonical_json, read_h5
from infoflow.models import build
from infoflow.probing.batches import layers_and_errors, mini_batches
from infoflow.probing.record import read_weights
from infoflow.seeds import torch_generator


def recompute(
    document: Any,
    settings: str,
    experiment: str,
    point: str,
    layer: str,
    epoch: int | None = None,
    estimator: str = "linearised",
) -> pd.DataFrame:
    """One value of seed 0 from its weights, beside the value in the table of estimates.

    Args:
        document: the opened document; reference results hold no weights, then the table alone is shown.
        settings: the notebook's settings as JSON.
        experiment: id of the experiment.
        point: id of its point, or how the ids of several begin; then it is the first of them.
        layer: layer name.
        epoch: a recorded epoch (update where training counts so); the last one by default.
        estimator: id of the estimator in the config: one of the kinds in `RECOMPUTE`.
    """
    import json

    given = json.loads(settings)
    folder = Path(document.results)
    if experiment not in given["points"]:
        return pd.DataFrame([{"note": f"this run has no {experiment}; it is in configs/paper.yaml"}])
    points = given["points"][experiment]
    point = next((name for name in points if f"{name}.".startswith(f"{point}.")), point)  # a run may have further axes
    weights = folder / "train" / experiment / point / "weights.safetensors"
    if document.reference or not weights.is_file():
        return _no_weights(document)
    stored = read_weights(str(weights))
    epoch = max(stored) if epoch is None else epoch
    section = given["estimators"][estimator]
    parameters = {name: value[0] for name, value in stored[epoch].items()}
    data, _ = read_h5(folder / "data" / f"{points[point]['dataset']}.h5")
    model_settings = points[point]["model"]
    tables = sorted((folder / "estimates" / experiment / point).glob(f"*.{estimator}.parquet"))
    rows = pd.concat([pd.read_parquet(path) for path in tables])
    at = rows["step"].fillna(rows["epoch"])  # snapshots are named by update where training counts so
    rows = rows[(rows["seed"] == 0) & (at == epoch) & (rows["layer"] == layer) & (rows["part"] == "layer")]
    quantity, wanted, value = RECOMPUTE[section["kind"]](given, section, model_settings, parameters, data, layer, epoch)
    rows = rows[rows["quantity"] == quantity]
    rows = rows[rows["settings"] == wanted] if wanted else rows
    table_value = float(rows["value"].iloc[0])
    return pd.DataFrame(
        [
            {
                "experiment": experiment,
                "point": point,
                "layer": layer,
                "epoch": epoch,
                "quantity": quantity,
                "in the table": table_value,
                "from the weights": value,
                "difference": value - table_value,
            }
        ]
    )


def _no_weights(document: Any) -> pd.DataFrame:
    note = f"{document.results} holds no weights: run `snakemake --cores all {document.key}` to look inside"
    return pd.DataFrame([{"note": note}])


def ratio(document: Any, settings: str, point: str, layer: str, estimator: str = "ratios") -> pd.DataFrame:
    """I(X^l; X)/S(K) of network 0 of huang_rd from its weights, beside the value in the table of estimates.

    Args:
        document: the opened document; reference results hold no weights, then the table alone is shown.
        settings: the notebook's settings as JSON.
        point: id of the point.
        layer: `X1` or `X2`.
        estimator: id of the estimator in the config.
    """
    import json

    from infoflow.estimate_ratios import ratios

    given, folder, experiment = json.loads(settings), document.results, "huang_rd"
    weights = folder / "train" / experiment / point / "weights.safetensors"
    if document.reference or not weights.is_file():
        return _no_weights(document)
    variant, axis = point.split(".", 1)
    one = {
        "experiment": experiment, "estimator": estimator, "seed": given["seed"], **given["estimators"][estimator], "seeds": 1,
        "model": {k: v for k, v in given["points"][experiment][point]["model"].items() if k != "noise_std"},
        "points": [{"point": point, "variant": variant, "axes": {"trade_off": axis.split("~")[1]}}],
    }  # fmt: skip
    made = ratios(one, [str(weights)], str(folder / "data" / "contexts.h5"))
    stored = pd.read_parquet(folder / "estimates" / experiment / variant / f"all.{estimator}.parquet")
    stored = stored[(stored["point"] == point) & (stored["seed"] == 0)]
    keys = ["quantity", "layer", "epoch", "settings"]
    rows = made.merge(stored[[*keys, "value"]], on=keys, suffixes=("_made", "_stored"))
    rows = rows[(rows["layer"] == layer) & (rows["quantity"] == "I_XT")]
    columns = {"value_stored": "in the table", "value_made": "from the weights"}
    shown = rows.rename(columns=columns)[["point", "layer", "settings", "in the table", "from the weights"]]
    return shown.assign(difference=shown["from the weights"] - shown["in the table"])


def _chain(
    given: Any, section: Any, model: Any, parameters: Any, data: Any, layer: str, epoch: int
) -> tuple[str, str | None, float]:
    depth = len(model["activations"])
    w, b = ([float(parameters[f"{name}{k + 1}"]) for k in range(depth)] for name in "Wb")
    result = noisy.scalar_chain(
        w, b, model["activations"], data["probe_x"], data["probe_probability"], model["noise_std"]
    )
    return "I_XT", None, float(result.value[int(layer[1:]) - 1])


def _linearised(
    given: Any, section: Any, model: Any, parameters: Any, data: Any, layer: str, epoch: int
) -> tuple[str, str | None, float]:
    x = torch.from_numpy(data["x"]).double()
    network = build(model, tuple(x.shape[1:]))
    moments = network.moments(parameters, x, model["noise_std"])[layer]
    depth = network.observed.index(layer) + 1
    generator = torch_generator(given["seed"], 0, "estimate", epoch, depth)
    result = noisy.linearised(
        moments.mean, moments.covariance.float().double(), draws=section["draws"], generator=generator
    )
    return "I_XT", None, float(result.value)


def _binning(
    given: Any, section: Any, model: Any, parameters: Any, data: Any, layer: str, epoch: int
) -> tuple[str, str | None, float]:
    x = torch.from_numpy(data["x"]).double()
    mean = build(model, tuple(x.shape[1:])).moments(parameters, x, 0.0)[layer].mean
    width = section["widths"][-1]
    return "H_T", canonical_json({"width": width}), float(binning.entropy(mean, width))


def _renyi(
    given: Any, section: Any, model: Any, parameters: Any, data: Any, layer: str, epoch: int
) -> tuple[str, str | None, float]:
    """I(X; {T^c}) by the estimator of single variables, batch by batch."""
    x, y, split = (torch.from_numpy(data[name]) for name in ("x", "y", "split"))
    count, n, alpha, rule = section["batches"], section["batch_size"], section["alphas"][0], section["widths"][0]
    shared = {name: section[name] for name in ("batches", "samples", "kernel")}
    network = build(model, tuple(x.shape[1:]), int(y.max()) + 1)
    own = {name: value.float() for name, value in parameters.items()}
    values = []
    for index in mini_batches(split, count, n, torch_generator(given["seed"], "probe"), section["samples"]):
        layers, _ = layers_and_errors(network, own, x[index], y[index], "cross_entropy", errors=False)
        variables = [x[index].flatten(1), *layers[layer].unbind(1)]
        widths = [renyi.power_width(n, v.shape[1], rule["factor"], offset=rule["offset"]) for v in variables]
        values.append(renyi.mutual_information(variables[0], variables[1:], alpha, widths))
    return "I_XT", canonical_json({"alpha": alpha, **shared, **rule}), float(sum(values) / count)


def _wide_layers(
    given: Any, section: Any, model: Any, parameters: Any, data: Any, layer: str, epoch: int
) -> tuple[str, str | None, float]:
    x, width = torch.from_numpy(data["x"]), section["widths"][0]
    network = build(model, tuple(x.shape[1:]), int(data["y"].max()) + 1)
    activity = layer_values(network, parameters, x)[layer].flatten(1)
    value = float(binning.entropy(activity, width, pooled=True))
    return "H_T", canonical_json({"pooled": True, "width": width}), value


def _gaussian(
    given: Any, section: Any, model: Any, parameters: Any, data: Any, layer: str, epoch: int
) -> tuple[str, str | None, float]:
    return "I_XT", None, float(information(parameters["W1"], section["std"]))


RECOMPUTE = {
    "scalar_chain": _chain,
    "linearised": _linearised,
    "binning": _binning,
    "renyi": _renyi,
    "wide_layers": _wide_layers,
    "linear_gaussian": _gaussian,
}
