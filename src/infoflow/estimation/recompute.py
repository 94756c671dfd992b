"""Recompute one value of a figure from the saved weights, and compare it with the table."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pandas as pd

from infoflow.config.jobs import EstimateJob, PointLabels
from infoflow.estimation.snapshot import Snapshot
from infoflow.storage.hdf5 import read_h5
from infoflow.storage.weights import read_weights


def recompute(
    document: Any, experiment: str, point: str, layer: str, epoch: int | None = None, estimator: str = "linearised"
) -> pd.DataFrame:
    """One value of seed 0 from its weights, beside the value in the table of estimates.

    Args:
        document: the opened document (`infoflow.plotting.Document`); reference results hold no weights, then a note is returned.
        experiment: id of the experiment.
        point: id of its point, or how the ids of several begin; then it is the first of them.
        layer: layer name.
        epoch: a recorded epoch (update where training counts so); the last one by default.
        estimator: id of the estimator in the config, of a kind whose module has `recompute`.
    """
    points = document.settings.points.get(experiment)
    if points is None:
        return _note(f"this run has no {experiment}; it is in configs/paper.yaml")
    point = next((name for name in points if f"{name}.".startswith(f"{point}.")), point)  # a run may have further axes
    folder = Path(document.results)
    weights = folder / "train" / experiment / point / "weights.safetensors"
    if document.reference or not weights.is_file():
        return _no_weights(document)
    stored = read_weights(str(weights))
    epoch = max(stored) if epoch is None else epoch
    section = document.settings.estimators[estimator]
    data, _ = read_h5(folder / "data" / f"{points[point].dataset}.h5")
    parameters = {name: value[0] for name, value in stored[epoch].items()}
    at = Snapshot(document.settings.seed, section, points[point].model, parameters, data, layer, epoch)
    quantity, settings, value = importlib.import_module(f"infoflow.estimation.{section.kind}").recompute(at)
    rows = pd.concat(
        map(pd.read_parquet, sorted((folder / "estimates" / experiment / point).glob(f"*.{estimator}.parquet")))
    )
    snapshot = rows["step"].fillna(rows["epoch"])  # snapshots are named by update where training counts so
    rows = rows[(rows["seed"] == 0) & (snapshot == epoch) & (rows["layer"] == layer) & (rows["part"] == "layer")]
    rows = rows[(rows["quantity"] == quantity) & (rows["settings"].eq(settings) if settings else True)]
    stored_value = float(rows["value"].iloc[0])
    names = {"experiment": experiment, "point": point, "layer": layer, "epoch": epoch, "quantity": quantity}
    return pd.DataFrame(
        [{**names, "in the table": stored_value, "from the weights": value, "difference": value - stored_value}]
    )


def ratio(
    document: Any, point: str, layer: str, estimator: str = "ratios", experiment: str = "huang_rd"
) -> pd.DataFrame:
    """I(X^l; X)/S(K) of network 0 of a point from its weights, beside the value in the table of estimates.

    Args:
        document: the opened document (`infoflow.plotting.Document`); reference results hold no weights, then a note is returned.
        point: id of the point.
        layer: `X1` or `X2`.
        estimator: id of the estimator in the config.
        experiment: id of the experiment.
    """
    from infoflow.estimation.ratios import estimate

    folder = Path(document.results)
    weights = folder / "train" / experiment / point / "weights.safetensors"
    if document.reference or not weights.is_file():
        return _no_weights(document)
    settings = document.settings
    at = settings.points[experiment][point]
    variant = point.split(".", 1)[0]
    job = EstimateJob(
        experiment=experiment, estimator=estimator, section=settings.estimators[estimator],
        points=[PointLabels(point=point, variant=variant, axes={})], seed=settings.seed, seeds=1, first_seed=0,
        model=at.model, loss="rate_distortion", fold=None, steps_per_epoch=None, snapshots=[], thinned=None,
    )  # fmt: skip
    anew = estimate(job, {"weights": [str(weights)], "dataset": [str(folder / "data" / f"{at.dataset}.h5")]})
    stored = pd.read_parquet(folder / "estimates" / experiment / variant / f"all.{estimator}.parquet")
    stored = stored[(stored["point"] == point) & (stored["seed"] == 0)]
    keys = ["quantity", "layer", "epoch", "settings"]
    rows = anew.merge(stored[[*keys, "value"]], on=keys, suffixes=("_anew", "_stored"))
    rows = rows[(rows["layer"] == layer) & (rows["quantity"] == "I_XT")]
    columns = {"value_stored": "in the table", "value_anew": "from the weights"}
    shown = rows.rename(columns=columns)[["point", "layer", "settings", *columns.values()]]
    return shown.assign(difference=shown["from the weights"] - shown["in the table"])


def _no_weights(document: Any) -> pd.DataFrame:
    return _note(f"{document.results} holds no weights: run `snakemake --cores all {document.key}` to look inside")


def _note(text: str) -> pd.DataFrame:
    return pd.DataFrame([{"note": text}])
