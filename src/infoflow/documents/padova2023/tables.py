"""Tables of padova2023's figures."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from infoflow.documents.padova2023.constants import AUDIO, TANH
from infoflow.verdicts.results import Results
from infoflow.verdicts.summaries import single_precision, summary


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Tidy tables from which the document's figures are drawn."""
    names = [name for name in results.experiments if not name.endswith("hundred")]
    return {
        "curves": curves(results, names),
        "history": history(results, names),
        "spectra": spectra(results),
        "record": record(results),
    }


BY = ["experiment", "point", "estimator", "layer", "depth", "part", "quantity", "kind", "settings", "unit", "epoch"]


def curves(results: Results, names: list[str]) -> pd.DataFrame:
    """Every estimate: median and central 80 % over seeds, its ceiling and the commonest flag; two seeds of their own."""
    made = []
    for name in names:
        table = results.estimates(name)
        table = table[~table["estimator"].str.contains("maps") | (table["part"] != "layer")]
        groups = table.groupby(BY, sort=False, observed=True)
        extra = groups[["ceiling", "n", "ties"]].median()
        often = (
            table.groupby([*BY, "flag"], observed=True).size().sort_values(ascending=False, kind="stable").reset_index()
        )
        extra = extra.join(often.drop_duplicates(BY).set_index(BY)["flag"])
        single = table[table["seed"] < 2].pivot(index=BY, columns="seed", values="value")
        single.columns = [f"seed{k}" for k in single.columns]
        made.append(summary(table, BY).merge(extra.reset_index(), on=BY).merge(single.reset_index(), on=BY))
    return single_precision(pd.concat(made, ignore_index=True).astype({"n": "float32", "ties": "float32"}))


def history(results: Results, names: list[str]) -> pd.DataFrame:
    """Losses and accuracies over training."""
    made = []
    for name in names:
        for point in results.points(name):
            table = results.history(name, point)
            table = table[~table["noisy"]]
            made.append(summary(table, ["epoch", "split", "metric"]).assign(experiment=name, point=point))
    return pd.concat(made, ignore_index=True)


def spectra(results: Results) -> pd.DataFrame:
    """Spectrograms of two training recordings of different genres, in decibels below their maximum."""
    name = results.dataset_of(TANH, "base")
    about, data = results.attributes(name), results.dataset(name, "x", "y", "split")
    genres = [str(g) for g in about["class_names"]]
    wanted = [genres.index(g) if g in genres else k for k, g in enumerate(("Folk", "Rock"))]
    made = []
    for label in wanted:
        chosen = np.flatnonzero((data["y"] == label) & (data["split"] == 0))[0]
        x = data["x"][chosen, 0]
        mel, frame = np.indices(x.shape)
        made.append(pd.DataFrame({
            "genre": genres[label], "mel": mel.ravel().astype(np.int16), "frame": frame.ravel().astype(np.int16),
            "decibels": (80 * (x.ravel() - 1)).astype(np.float32), "stand_in": bool(about["stand_in"]),
        }))  # fmt: skip
    return pd.concat(made, ignore_index=True)


def record(results: Results) -> pd.DataFrame:
    """What was found while the recordings were read: one line a problem, and how many recordings there are."""
    made = []
    for name in sorted({results.dataset_of(n, p) for n in AUDIO for p in results.points(n)}):
        about, data = results.attributes(name), results.dataset(name, "y", "split")
        split = data["split"]
        made.append(
            {
                "data": name,
                "what": f"{about['source']}: {len(split)} recordings, {int((split == 0).sum())} of them train",
            }
        )
        made += [{"data": name, "what": line} for line in json.loads(about["record"])]
    return pd.DataFrame(made)
