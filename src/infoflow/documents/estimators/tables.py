"""Tables of the benchmark's figures."""

from __future__ import annotations

import pandas as pd

from infoflow.verdicts.detection import effects
from infoflow.verdicts.results import Results

KEY = ["task", "estimator", "n", "seed"]


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """The values of the benchmark, what they cost, and the sweeps.

    Seconds are measured and differ between runs; they have a table of their own, so that every other one is the same
    for any number of cores.
    """
    rows = results.study("truth").sort_values(KEY, ignore_index=True)
    detection = results.study("detection")
    timed = detection[detection["step"] == 0].drop_duplicates(["number", "estimator"])
    return {
        "truth": rows.drop(columns="seconds"),
        "costs": rows[[*KEY, "seconds"]],
        "widths": results.study("widths"),
        "subadditivity": results.study("subadditivity"),
        "consistency": results.study("consistency"),
        "detection": effects(detection),
        "detection_costs": timed[["number", "regime", "d", "n", "estimator", "seconds"]].reset_index(drop=True),
    }
