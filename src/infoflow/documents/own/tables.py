"""Tables of a study's figures: every estimate of whole layers, and the histories."""

from __future__ import annotations

import pandas as pd

from infoflow.verdicts.results import Results
from infoflow.verdicts.summaries import single_precision

COLUMNS = [
    "experiment", "point", "seed", "epoch", "layer", "depth", "part", "samples", "quantity", "estimator", "settings", "kind",
    "value", "unit", "n", "ceiling", "relative_width", "flag",
]  # fmt: skip


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Estimates and histories of every experiment, the controls' too."""
    estimates, histories = [], []
    for name in results.experiments:
        table = results.estimates(name)
        estimates.append(table.loc[table["part"] == "layer", COLUMNS])
        for point in results.points(name):
            histories.append(results.history(name, point).assign(experiment=name, point=point))
    return {
        "estimates": single_precision(pd.concat(estimates, ignore_index=True)),
        "history": single_precision(pd.concat(histories, ignore_index=True)),
    }
