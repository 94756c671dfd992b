"""Recompute values of a figure from the saved weights, and compare them with the table."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pandas as pd

from infoflow.config.jobs import EstimateJob, PointLabels
from infoflow.recording.recording import FromWeights
from infoflow.recording.samples import Probe
from infoflow.storage.weights import snapshots

KEYS = ["samples", "quantity", "kind", "settings"]  # what tells the rows of a layer apart
WHOLE_RUN = {
    "run_bins": None,
    "maps": False,
    "scope": "point",
}  # settings of what one layer of one snapshot does not hold


def recompute(
    document: Any, experiment: str, point: str, layer: str, epoch: int | None = None, estimator: str = "linearised"
) -> pd.DataFrame:
    """What an estimator makes of one layer of the first network, from its weights, beside the table of estimates.

    Args:
        document: the opened document (`infoflow.plotting.Document`); reference results hold no weights, then a note is returned.
        experiment: id of the experiment.
        point: id of its point, or how the ids of several begin; then it is the first of them.
        layer: layer name.
        epoch: a recorded epoch (update where training counts so); the last one by default.
        estimator: id of the estimator in the config.
    """
    points = document.settings.points.get(experiment)
    if points is None:
        return _note(f"this run has no {experiment}; it is in configs/paper.yaml")
    point = next((name for name in points if f"{name}.".startswith(f"{point}.")), point)  # a run may have further axes
    folder = Path(document.results)
    weights = folder / "train" / experiment / point / "weights.safetensors"
    if document.reference or not weights.is_file():
        text = f"{document.results} holds no weights: run `snakemake --cores all {document.key}` to look inside"
        return _note(text)
    at = points[point]
    epoch = max(snapshots(str(weights))) if epoch is None else epoch
    section = document.settings.estimators[estimator]
    own = {"layers": [layer]} if "layers" in type(section).model_fields and layer != "output" else {}
    changes = {name: value for name, value in WHOLE_RUN.items() if name in type(section).model_fields}
    job = EstimateJob(
        estimator=estimator,
        section=section.model_copy(update=changes | own),
        points=[PointLabels(point=point, variant="", axes={})],
        steps_per_epoch=at.steps_per_epoch,
        experiment=experiment,
        seed=document.settings.seed,
        first_seed=at.first_seed,
        model=at.model,
        loss=at.loss,
        fold=at.fold,
        epochs={at.first_seed: [epoch]},
        replicas=None,
    )
    recording = FromWeights(job, str(weights), Probe(str(folder / "data" / f"{at.dataset}.h5"), at.fold))
    anew = _of_layer(importlib.import_module(f"infoflow.estimation.{section.kind}").estimate(job, [recording]), layer)
    paths = sorted((folder / "estimates" / experiment).glob(f"*/*.{estimator}.parquet"))
    table = _of_layer(pd.concat([one for one in map(pd.read_parquet, paths) if point in set(one["point"])]), layer)
    snapshot = table["step"].fillna(table["epoch"])  # snapshots are named by update where training counts so
    table = table[(table["point"] == point) & (table["seed"] == at.first_seed) & (snapshot == epoch)]
    both = anew[[*KEYS, "value"]].merge(table[[*KEYS, "value"]], on=KEYS, suffixes=("_anew", "_stored"))
    shown = both.rename(columns={"value_stored": "in the table", "value_anew": "from the weights"})
    shown["difference"] = shown["from the weights"] - shown["in the table"]
    names = {"experiment": experiment, "point": point, "layer": layer, "epoch": epoch}
    columns = [*names, "quantity", "kind", "settings", "in the table", "from the weights", "difference"]
    return shown.assign(**names)[columns]


def _of_layer(table: pd.DataFrame, layer: str) -> pd.DataFrame:
    return table[(table["layer"] == layer) & (table["part"] == "layer")]


def _note(text: str) -> pd.DataFrame:
    return pd.DataFrame([{"note": text}])
