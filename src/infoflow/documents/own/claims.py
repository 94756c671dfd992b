"""Verdicts of a study: of every layer whether it compresses and learns, of every estimator whether the order of layers holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from infoflow.verdicts.own import asked
from infoflow.verdicts.results import Results
from infoflow.verdicts.rule import Claim, Row, decide

STATEMENTS = {
    "compresses": "{layer} keeps less of its input at the end of training than at its peak",
    "learns": "{layer} knows more of the labels than before training",
    "order": "no layer knows more of the labels than the one before it ({layer})",
}


def study(results: Results) -> Results:
    """Tables and verdicts read the results as they are."""
    return results


def rows(results: Results) -> list[Row]:
    """Rows of the table of claims; the first estimator that an experiment names decides, the others stand beside.

    With several controls a claim has a row for each, and holds where it holds beside all of them.
    """
    return [
        row for name in studied(results) for point in results.points(name) for row in _of_point(results, name, point)
    ]


def studied(results: Results) -> list[str]:
    """The experiments that are no controls."""
    controls = {control for experiment in results.experiments.values() for control in experiment.controls}
    return [name for name in results.experiments if name not in controls]


def _of_point(results: Results, name: str, point: str) -> Iterator[Row]:
    experiment = results.experiments[name]
    attributes = results.attributes(results.dataset_of(name, point))
    tables = _by_network(results, name, point)
    if not tables:
        return
    for control in experiment.controls or [""]:
        beside = _by_network(results, control, point) if control else []
        questions = list(asked(tables, beside, control.removeprefix(f"{name}_") or "none was asked for"))
        asking = {one.series["estimator"] for one in questions}
        first = next((estimator for estimator in experiment.estimators if estimator in asking), "")
        for one in questions:
            kind = "" if one.series["kind"] == "point" else one.series["kind"]
            words = [one.series["estimator"], kind, control and f"beside {control.removeprefix(name).strip('_')}"]
            question = replace(one.question, part=" ".join(filter(None, words)))
            figure = f"{name}-{point}-trajectories"
            statement = STATEMENTS[one.question.effect].format(layer=one.layer)
            place = name if point == "base" else f"{name} {point}"
            claim = Claim(
                f"{place}: {one.layer} {one.question.effect}", figure, statement, (question,), units="networks"
            )
            evidence = replace(
                one.evidence,
                part=question.part,
                data=str(attributes["source"]),
                stand_in=bool(attributes["stand_in"]),
                detail={**one.series, "flags": one.flags},
            )
            row = decide(claim, evidence, rehearsal=results.rehearsal)
            chief = one.series["estimator"] == first and one.series["kind"] != "lower"
            yield {**row, "primary": chief and one.series["samples"] == tables[0]["samples"].iloc[0]}


def _by_network(results: Results, name: str, point: str) -> list[pd.DataFrame]:
    """The estimates of each network of a point."""
    table = results.estimates(name)
    return [rows for _, rows in table[table["point"] == point].groupby("seed")]
