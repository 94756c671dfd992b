"""Who would have seen a compression: falls of estimates on layers whose information is known, and what they are worth.

A trajectory counts as compression where the known information falls by 0.10 nats or more, as none where it falls by less than 0.03;
what lies between is left out. An estimator's threshold is the fall that it shows in 5 % of the trajectories without compression.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.questions import LEVEL

NONE = 0.03  # nats: a known information that falls by less does not fall
FALSE_ALARMS = 0.05
SIZES = (tr.COMPRESSION, 0.3, 1.0, math.inf)  # edges of effect sizes, in nats
OF_TRAJECTORY = ["number", "regime", "change", "classes", "base", "d", "n", "noise", "strength", "late", "planted"]


def effects(rows: pd.DataFrame) -> pd.DataFrame:
    """Falls of what is known and of every estimate, one row a trajectory, estimator and kind.

    Args:
        rows: of `infoflow.truth.detection`.

    Returns:
        The trajectory's columns, `estimator`, `kind`, `effect` (the estimate's fall in nats), `known` (that of the known information),
        `compresses` (true, false, or missing where it is neither) and `flagged`, the share of steps with a flag.
    """
    keys = ["estimator", "kind", "number"]
    values = rows.pivot_table(index=keys, columns="step", values="value", sort=False)
    errors = rows.pivot_table(index=keys, columns="step", values="std_error", sort=False, dropna=False)
    errors = errors.reindex(values.index).fillna(0.0)
    series = tr.Series(values.columns.to_numpy(), values.to_numpy(), errors.to_numpy(), np.arange(len(values)))
    with np.errstate(invalid="ignore"):
        falls = tr.drop(series)
    # an entropy of repeated rows is -inf: where it is so from the start, it does not fall
    table = pd.DataFrame({"effect": np.nan_to_num(falls, nan=0.0, posinf=np.inf, neginf=-np.inf)}, index=values.index)
    table = table.reset_index()
    known = table[table["estimator"] == "known"].set_index("number")["effect"]
    table = table[table["estimator"] != "known"]
    flagged = rows.assign(flagged=rows["flag"] != "").groupby(keys)["flagged"].mean().rename("flagged").reset_index()
    table = table.merge(rows[OF_TRAJECTORY].drop_duplicates("number"), on="number").merge(flagged, on=keys)
    table["known"] = table["number"].map(known)
    falls, stays = table["known"] >= tr.COMPRESSION, table["known"] < NONE
    table["compresses"] = np.where(falls, 1.0, np.where(stays, 0.0, np.nan))
    return table.sort_values(["estimator", "kind", "number"], ignore_index=True)


def rates(table: pd.DataFrame) -> pd.DataFrame:
    """Detection rates at 5 % false alarms of every estimator in every regime, with Wilson's 95 % intervals.

    Returns:
        `threshold` (nats), `rate` with `low` and `high`, `planted` and `fakes` (how many trajectories), `auc`, and the rates of detection
        and of false alarms at the margin that verdicts take, 0.10 nats: `rate_at_margin`, `alarms_at_margin`.
    """
    return pd.DataFrame(
        [
            {"regime": regime, "estimator": estimator, "kind": kind, **_rates(own)}
            for (regime, estimator, kind), own in table.groupby(["regime", "estimator", "kind"], sort=False)
        ]
    )


def _rates(own: pd.DataFrame) -> dict[str, float]:
    planted = own.loc[own["compresses"] == 1, "effect"].to_numpy()
    fakes = own.loc[own["compresses"] == 0, "effect"].to_numpy()
    if not len(planted) or not len(fakes):
        return {"threshold": math.nan, "planted": len(planted), "fakes": len(fakes)}
    threshold = float(np.quantile(fakes, 1 - FALSE_ALARMS, method="higher"))
    seen = int((planted > threshold).sum())
    low, high = stats.binomtest(seen, len(planted)).proportion_ci(LEVEL, method="wilson")
    above = stats.mannwhitneyu(planted, fakes).statistic / (len(planted) * len(fakes))
    return {
        "threshold": threshold, "rate": seen / len(planted), "low": float(low), "high": float(high), "planted": len(planted),
        "fakes": len(fakes), "auc": float(above), "rate_at_margin": float((planted > tr.COMPRESSION).mean()),
        "alarms_at_margin": float((fakes > tr.COMPRESSION).mean()),
    }  # fmt: skip


def by_size(table: pd.DataFrame) -> pd.DataFrame:
    """Detection rates at 5 % false alarms by the size of the fall of what is known: `low`, `high` edges in nats, `rate`, `planted`."""
    thresholds = rates(table).set_index(["regime", "estimator", "kind"])["threshold"]
    made = []
    for key, own in table.groupby(["regime", "estimator", "kind"], sort=False):
        for low, high in zip(SIZES[:-1], SIZES[1:], strict=True):
            some = own[(own["compresses"] == 1) & (own["known"] >= low) & (own["known"] < high)]
            rate = float((some["effect"] > thresholds[key]).mean()) if len(some) else math.nan
            made.append({**dict(zip(("regime", "estimator", "kind"), key, strict=True)), "from": low, "to": high,
                         "rate": rate, "planted": len(some)})  # fmt: skip
    return pd.DataFrame(made)


def recommended(table: pd.DataFrame) -> pd.DataFrame:
    """The estimator with the highest detection rate in each regime; of equal ones that with the larger area under its curve."""
    ranked = rates(table).sort_values(["rate", "auc"], ascending=False)
    return ranked.groupby("regime", sort=False).head(1).reset_index(drop=True)
