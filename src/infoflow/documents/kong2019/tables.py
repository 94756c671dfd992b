"""Tables of kong2019's figures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from infoflow.documents.kong2019.constants import DATA, NOISELESS
from infoflow.documents.kong2019.study import Run, mid_falls
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.results import Results
from infoflow.verdicts.summaries import shared_epochs, summary


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Curves with their spread over seeds, densities, events and histories."""
    experiments = [name for name in results.experiments if not name.endswith(("_shuffled", NOISELESS))]
    curves, histories, densities = [], [], []
    for name in experiments:
        estimates = results.estimates(name)
        kept = shared_epochs(estimates[estimates["quantity"].isin(["I_XT", "clusters"])])
        curves.append(summary(kept, ["experiment", "point", "layer", "quantity", "unit", "epoch"]))
        for point in results.points(name):
            history = results.history(name, point).assign(experiment=name, point=point)
            if name in DATA or name == "kong_e2":
                histories.append(summary(history, ["experiment", "point", "split", "noisy", "metric", "epoch"]))
        if name in DATA:
            shown = results.figure_table(name, "scalar_density").query("seed == 0").drop(columns="seed")
            densities.append(shown.round({"density": 2}).astype({"density": "float32", "t": "float32"}))
    return {
        "curves": pd.concat(curves, ignore_index=True),
        "history": pd.concat(histories, ignore_index=True),
        "densities": pd.concat(densities, ignore_index=True).drop(columns="variant"),
        "events": events(results),
    }


def events(results: Results) -> pd.DataFrame:
    """Epochs of the events that the figures mark, one row a seed: mid-falls, escape, start of splitting."""
    made = []
    for name in DATA:
        for variant in results.points(name):
            made += run_events(name, variant, Run.of(results, name, variant))
    return pd.concat(made, ignore_index=True)


def run_events(name: str, variant: str, run: Run) -> list[pd.DataFrame]:
    """Events of one run, a table each."""
    one = run.information("T1")
    found = {"escape": one.epochs[tr.escape(one)].astype(float)}
    if name == "kong_f2":
        found |= dict(zip(("first_fall", "second_fall"), mid_falls(one).T, strict=True))
    if name == "kong_f3":
        reached = run.clusters("T1").values == 8
        found["start_of_splitting"] = np.where(reached.any(1), one.epochs[reached.argmax(1)], np.nan)
    names = {"experiment": name, "point": variant}
    return [pd.DataFrame({**names, "event": event, "seed": one.seeds, "epoch": e}) for event, e in found.items()]
