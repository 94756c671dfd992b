"""Tables of goldfeld2019's figures."""

from __future__ import annotations

import pandas as pd

from infoflow.documents.goldfeld2019.constants import NOISY
from infoflow.documents.goldfeld2019.study import Study
from infoflow.verdicts.summaries import shared_epochs, summary


def tables(study: Study) -> dict[str, pd.DataFrame]:
    """Curves over the epochs that all seeds share and over the finest grid, scatter, histograms, histories, convergence."""
    results = study.results
    curves, histories, scatter, histograms = [], [], [], []
    by = ["experiment", "point", "layer", "quantity", "estimator", "settings", "unit", "epoch"]
    for name in results.experiments:
        estimates = results.estimates(name)
        errors = estimates.groupby(by, sort=False)[["std_error", "bias_bound", "ceiling"]].median().reset_index()
        replicated = estimates.loc[estimates["estimator"] == "replicas", "seed"].unique()
        grids = {
            "all": shared_epochs(estimates),
            "dense": _finest(estimates),
            "seed0": estimates[estimates["seed"] == 0],
            "replicated": estimates[estimates["seed"].isin(replicated) & (estimates["quantity"] == "I_XT")],
        }
        for grid, rows in grids.items():
            if rows.empty:
                continue
            curves.append(summary(rows, by).merge(errors, on=by).assign(grid=grid))
        for point in results.points(name):
            history = results.history(name, point).assign(experiment=name, point=point)
            histories.append(summary(history, ["experiment", "point", "split", "noisy", "metric", "epoch"]))
    for point in results.points(NOISY):
        for tables, estimator in ((scatter, "values"), (histograms, "histograms")):
            rows = results.figure_table(NOISY, estimator)
            tables.append(rows[rows["point"] == point])
    return {
        "curves": pd.concat(curves, ignore_index=True),
        "history": pd.concat(histories, ignore_index=True),
        "scatter": pd.concat(scatter, ignore_index=True),
        "histograms": pd.concat(histograms, ignore_index=True),
        "convergence": study.convergence,
    }


def _finest(estimates: pd.DataFrame) -> pd.DataFrame:
    """Rows of the seeds with the most epochs."""
    count = estimates.groupby(["point", "estimator", "seed"])["epoch"].transform("nunique")
    most = count.groupby([estimates["point"], estimates["estimator"]]).transform("max")
    return estimates[count == most]
