"""Tables of yu2018's figures."""

from __future__ import annotations

import pandas as pd

from infoflow.documents.yu2018.constants import MAIN
from infoflow.documents.yu2018.study import Study, activation_of, nets
from infoflow.verdicts.summaries import single_precision, summary


def tables(study: Study) -> dict[str, pd.DataFrame]:
    """Curves by layer, informations of single maps at the start and the end, and histories, each over the seeds."""
    curves, maps, histories = [], [], []
    for experiment in study.results.experiments:
        for (dataset, initialisation, settings, *_), net in nets(study.results, experiment).items():
            place = {
                "experiment": experiment, "dataset": dataset, "initialisation": initialisation, "filters": settings,
                "activation": activation_of(experiment), "stand_in": net.stand_in, "source": net.data,
            }  # fmt: skip
            table = net.table[net.table["control"] != ""].sort_values("order", kind="stable")
            layers = table[
                table["part"].isin(["layer", "pairs", "planted"]) & ~table["quantity"].str.startswith("margin")
            ]
            layers = layers.drop_duplicates(["seed", "epoch", "layer", "part", "quantity", "control"])
            by = ["layer", "depth", "part", "quantity", "control", "unit", "epoch"]
            curves.append(over_seeds(layers, by).assign(**place))
            single = table[table["part"].str.startswith("channel") & (table["control"] == MAIN) & (table["seed"] == 0)]
            single = single.drop_duplicates(["layer", "part", "epoch"])  # two estimators may have looked at a map
            ends = single[single["epoch"].isin([single["epoch"].min(), single["epoch"].max()])]
            maps.append(ends[["layer", "part", "epoch", "value", "std_error", "flag"]].assign(**place))
            history = net.history[~net.history["noisy"]]
            histories.append(over_seeds(history, ["split", "metric", "epoch"]).assign(**place))
    return {
        "curves": single_precision(pd.concat(curves, ignore_index=True)),
        "maps": pd.concat(maps, ignore_index=True),
        "history": pd.concat(histories, ignore_index=True),
    }


def over_seeds(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Median, central 80 %, mean and standard deviation over seeds; of estimates also error, ceiling and worst flag."""
    groups = table.groupby(by, sort=False, observed=True)
    made = summary(table, by).set_index(by).join(groups["value"].agg(mean="mean", sd="std"))
    if "flag" in table:
        made = made.join(groups[["std_error", "ceiling", "relative_width"]].median())
        made = made.join(groups["flag"].agg(lambda f: max(f, key=lambda x: (list(f).count(x), x))))
    return made.reset_index()
