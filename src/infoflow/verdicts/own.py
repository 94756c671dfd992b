"""Verdicts on networks of one's own: does a layer compress, does it learn the labels, does the order of layers hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from infoflow.errors import InputError
from infoflow.verdicts import trajectories as tr
from infoflow.verdicts.questions import MINIMUM_UNITS, Each, Question
from infoflow.verdicts.rule import Claim, Evidence, Row, decide
from infoflow.verdicts.statistics import uninformative

OF_INPUT = ("I_XT", "H_T", "h_T")  # what falls when a layer keeps less of its input
SHOWN = (
    "outcome", "value", "ci_low", "ci_high", "margin", "unit", "control", "null_value", "difference", "difference_low",
    "difference_high", "sensitivity", "seeds_held", "seeds", "p_value",
)  # fmt: skip
KINDS = ("point", "upper", "lower")
SERIES = ["estimator", "settings", "kind", "samples", "quantity"]


def ledger(tables: Sequence[pd.DataFrame], control: Sequence[pd.DataFrame] = ()) -> pd.DataFrame:
    """Verdicts over several networks of one kind, by the rule of the documents' claims.

    Asked of every layer: `compresses`, whether information about the input (I_XT, or an entropy) falls from its peak to the
    end of training by more than 0.10 nats; `learns`, whether I_TY rises from the first snapshot by more than 0.10 nats. Asked
    of every estimator: `order`, whether no layer knows more of the labels, at the end, than the layer before by more than
    0.10 nats, as the data-processing inequality has it for layers that follow one another.

    Args:
        tables: of `infoflow.estimate`, one a network (a seed).
        control: the same of networks on which nothing should be seen, as with shuffled labels or untrained ones.

    Returns:
        One row an estimator, quantity, layer and question: outcome, effect with its interval, the control's effect and the
        difference, how many networks hold it, `missing`, how many networks are lacking for a decision, and `doubts`, the flags of
        the values.

    Raises:
        InputError: there are no tables, or tables of different recordings.
    """
    rows = [
        {
            **one.series, "layer": one.layer, "question": one.question.effect, **_verdict(one),
            "missing": max(0, MINIMUM_UNITS - len(tables)), "doubts": ", ".join(one.flags),
        }
        for one in asked(tables, control)
    ]  # fmt: skip
    if not rows:
        raise InputError(
            "tables: hold no I_XT, H_T, h_T or I_TY at three snapshots at least that all of them share; nothing can be asked"
        )
    return pd.DataFrame(rows)


def _verdict(one: Asked) -> Row:
    made = decide(Claim("", "", one.question.effect, (one.question,)), one.evidence, rehearsal=False)
    return {name: made[name] for name in SHOWN}


@dataclass(frozen=True)
class Asked:
    """One question of one layer under one estimator.

    Attributes:
        series: estimator, settings, kind, samples and quantity.
        question: what is asked.
        layer: of which.
        evidence: effects of the networks and of their control.
        flags: of the values.
    """

    series: dict[str, str]
    question: Question
    layer: str
    evidence: Evidence
    flags: list[str]


def asked(tables: Sequence[pd.DataFrame], control: Sequence[pd.DataFrame] = (), of: str = "control") -> Iterator[Asked]:
    """Every question about some networks, see `ledger`; `of` says what the control is."""
    whole = _joined(tables, "tables")
    beside = _joined(control, "control") if len(control) else None
    whole = whole[(whole["part"] == "layer") & whole["kind"].isin(KINDS)]
    for key, rows in whole.groupby(SERIES, sort=False):
        shared = rows.groupby(["layer", "epoch"])["seed"].nunique() == len(tables)
        if key[-1] not in asked_of(whole[whole["estimator"] == key[0]]) or shared.groupby("layer").sum().min() < 3:
            continue
        series = dict(zip(SERIES, key, strict=True))
        other = None if beside is None else _matching(beside, series)
        for question, layer, effects, controls, read in _questions(series["quantity"], rows, other):
            paired = controls is not None and len(controls) == len(effects)
            evidence = Evidence(effects, controls, of, paired=paired, vacuous=uninformative(read))
            yield Asked(series, question, layer, evidence, [flag for flag in dict.fromkeys(read["flag"]) if flag])


def asked_of(rows: pd.DataFrame) -> list[str]:
    """Quantities of one estimator that questions are about: the first of I_XT, H_T and h_T that it has, and I_TY."""
    quantities = set(rows["quantity"])
    return [name for name in OF_INPUT if name in quantities][:1] + ["I_TY"]


def _joined(tables: Sequence[pd.DataFrame], name: str) -> pd.DataFrame:
    """All tables with the number of the table as seed."""
    if isinstance(tables, pd.DataFrame) or not len(tables):
        raise InputError(f"{name}: expected a list of tables of infoflow.estimate, one a network")
    layers = [set(table["layer"]) for table in tables]
    if any(one != layers[0] for one in layers):
        raise InputError(f"{name}: the tables are of networks with different layers; decide over networks of one kind")
    whole = pd.concat([table.assign(seed=k) for k, table in enumerate(tables)], ignore_index=True)
    return whole.assign(std_error=whole["std_error"].fillna(0.0))  # of a single mini-batch nobody knows it


def _matching(table: pd.DataFrame, chosen: dict[str, str]) -> pd.DataFrame | None:
    """The control's rows of the same series."""
    rows = table
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    return None if rows.empty else rows


def _questions(
    quantity: str, rows: pd.DataFrame, other: pd.DataFrame | None
) -> Iterator[tuple[Question, str, np.ndarray, np.ndarray | None, pd.DataFrame]]:
    """Questions of a series with their layers, their effects, the control's, and the rows that they read."""
    unit = rows["unit"].iloc[0]
    margin = tr.COMPRESSION / (math.log(2) if unit == "bits" else 1)
    layers = list(dict.fromkeys(rows.sort_values("depth")["layer"]))
    fall = Each("compresses", unit, above=margin, control="greater")
    rise = Each("learns", unit, above=margin, control="greater")
    for layer in layers:
        question, metric = (rise, tr.rise) if quantity == "I_TY" else (fall, tr.drop)
        own = tr.series(rows, quantity, layer)
        controls = None
        if other is not None and layer in set(other["layer"]):
            controls = metric(tr.series(other, quantity, layer))
        yield question, layer, metric(own), controls, rows[rows["layer"] == layer]
    if quantity == "I_TY" and len(layers) > 1:
        ends = np.stack([tr.final(tr.series(rows, quantity, layer)) for layer in layers])  # (layers, networks)
        order = Each("order", unit, below=margin, control="none: an inequality that any network obeys")
        yield order, " → ".join((layers[0], layers[-1])), np.diff(ends, axis=0).max(0), None, rows
