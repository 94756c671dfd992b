"""From the effects of a claim's units to a verdict, and from the verdicts of all documents to the ledger.

A claim asks one question or several (`infoflow.verdicts.questions`), each with its margin and with the side of a matched
control on which a network must lie (`infoflow.verdicts.control`). A claim that meets its criterion holds where the
network lies beyond its control or where no control applies; where the control meets the criterion too, the claim is
`unspecific`; where they cannot be told apart, `undecided`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from infoflow.verdicts.control import Comparison, bootstrap, compare, compared
from infoflow.verdicts.outcomes import DECIDED
from infoflow.verdicts.questions import Answer, Exact, Question
from infoflow.verdicts.statistics import holm

COLUMNS = [
    "id", "document", "part", "primary", "claim", "question", "outcome", "value", "unit", "threshold", "margin", "reference",
    "ci_low", "ci_high", "control", "null", "null_value", "difference", "difference_low", "difference_high", "sensitivity",
    "seeds_held", "seeds", "units", "variant", "data", "stand_in", "spread", "p_value", "p_holm", "firm", "detail", "figure",
]  # fmt: skip
SCALES = (0.5, 1.0, 2.0)  # of a margin's distance from its reference
LEDGER = 100  # p-values that Holm's adjustment counts at least: the ids of all documents, declared beforehand
SIGNIFICANT = 0.05

Test = Callable[[Any], "Evidence | Iterable[Evidence]"]
Row = dict[str, Any]  # of the table of claims


@dataclass(frozen=True)
class Trained:
    """What a network must have reached for a claim to be about it: a metric on a split, at the last epoch."""

    metric: str
    split: str
    at_least: float


@dataclass(frozen=True)
class Claim:
    """What a document says, what is asked of the networks, and the function that gives their effects."""

    id: str
    figure: str
    statement: str
    questions: tuple[Question, ...]
    units: str = "seeds"
    primary: Mapping[str, str] = field(default_factory=dict)
    trained: Trained | None = None
    bounded: str = ""
    needs: str = ""  # experiment without which it is not tested
    test: Test | None = None

    def question(self, part: str) -> Question:
        """The question of a part."""
        return next(question for question in self.questions if question.part == part)


CLAIMS: dict[str, dict[str, Claim]] = {}  # by the module that tests them, then by id, in the order of the source


def claim(
    name: str,
    figure: str,
    statement: str,
    *questions: Question,
    units: str = "seeds",
    primary: Mapping[str, str] | None = None,
    trained: Trained | None = None,
    bounded: str = "",
    needs: str = "",
) -> Callable[[Test], Test]:
    """Make a function the test of a claim of its document.

    The function takes the document's study (what its module's `study(results)` returns) and returns the evidence, or
    several pieces of it, one a row of the table of claims. Where it returns none, the claim is listed as not tested.

    Args:
        name: id, for example `V-004-8`.
        figure: id of the figure that shows it.
        statement: what the document says.
        questions: what is asked; of several, each has a part's name. A claim holds if all its parts do.
        units: what an effect belongs to: seeds, networks, test speakers.
        primary: columns and values of the rows that decide the claim; none: all rows do.
        trained: what a network must have reached; rows of networks that have not are `not converged`.
        bounded: why a value at its ceiling or floor does not make the claim vacuous.
        needs: experiment without which the claim is not tested.
    """

    def register(test: Test) -> Test:
        made = Claim(name, figure, statement, questions, units, primary or {}, trained, bounded, needs, test)
        CLAIMS.setdefault(test.__module__, {})[name] = made
        return test

    return register


@dataclass
class Evidence:
    """What a test found.

    Attributes:
        effects: of each unit, (units,), of a trend (units, levels); nan: the event never came.
        control: the same of the control, in the order of the units where `paired`.
        of: what the control is, in words.
        part: the part of the claim that it answers.
        errors: standard errors of the effects, (units,): an effect within three of them is none.
        trained: what the claim's `trained` asks for, (units,).
        vacuous: whether the values that the claim reads tell nothing (`infoflow.verdicts.statistics.uninformative`).
        reads_data: whether it hangs on a data set or a trained network; what does not is never a rehearsal.
        decides: whether its row may be one of those that decide the claim; others stand beside them.
    """

    effects: np.ndarray
    control: np.ndarray | None = None
    of: str = ""
    part: str = ""
    paired: bool = True
    errors: np.ndarray | None = None
    trained: np.ndarray | None = None
    vacuous: bool = False
    variant: str = ""
    data: str = ""
    stand_in: bool = False
    reads_data: bool = True
    decides: bool = True
    detail: dict[str, Any] = field(default_factory=dict)


def decide(claim: Claim, evidence: Evidence, *, rehearsal: bool) -> Row:
    """One row of the table of claims."""
    question = claim.question(evidence.part)
    effects = np.asarray(evidence.effects, float)
    control = None if evidence.control is None else np.asarray(evidence.control, float)
    beside = compare(question, effects, control, paired=evidence.paired)
    scaled = {s: _criterion(question.scaled(s), effects, control, evidence, beside) for s in SCALES}
    answer, outcome = scaled[1.0]
    trained = _trained(claim, evidence)
    if trained is not None and trained < claim.trained.at_least:
        outcome = "not converged"
    elif evidence.vacuous and not claim.bounded:
        outcome = "vacuous"
    detail = dict(evidence.detail)
    if trained is not None:
        detail["trained"] = {f"{claim.trained.split} {claim.trained.metric}": trained}
    if evidence.paired and beside.state in ("beyond", "opposite", "open"):
        detail["bootstrap_of_difference"] = bootstrap(compared(question, effects) - compared(question, control))
    if not question.needs_control:
        detail["no_control"] = question.control.removeprefix("none: ")
    if evidence.stand_in or (rehearsal and not (isinstance(question, Exact) and not evidence.reads_data)):
        detail["would_be"] = outcome
        outcome = "rehearsal"
    row = {
        **_of_claim(claim, question), "outcome": outcome, "value": answer.value, "ci_low": answer.low, "ci_high": answer.high,
        "control": beside.state, "null": evidence.of, "null_value": _typical(question, control),
        "difference": beside.difference, "difference_low": beside.low, "difference_high": beside.high,
        "sensitivity": _sensitivity(question, [outcome for _, outcome in scaled.values()]),
        "seeds_held": int(answer.held.sum()), "seeds": len(answer.held), "variant": evidence.variant, "data": evidence.data,
        "stand_in": evidence.stand_in, "spread": _spread(effects), "p_value": _p(answer, beside, outcome),
        "detail": json.dumps(detail, sort_keys=True, default=_plain),
    }  # fmt: skip
    named = all(row[name] == value for name, value in claim.primary.items())
    row["primary"] = question.name != "number" and evidence.decides and named
    return row


SHOWN = (
    "outcome", "value", "ci_low", "ci_high", "control", "null_value", "difference", "difference_low", "difference_high",
    "sensitivity", "seeds_held", "seeds", "p_value",
)  # fmt: skip


def verdict(
    question: Question, effects: ArrayLike, control: ArrayLike | None = None, *, paired: bool = True
) -> pd.Series:
    """Decide a claim of one's own.

    Args:
        question: what is asked, for example `Each("fall of I(X;T)", above=0.10)`.
        effects: of the units, (units,), of a trend (units, levels).
        control: the same of a control, unit by unit where `paired`.
        paired: whether both come from the same units.

    Returns:
        Outcome, value and interval, what the control says, how many units hold it, p-value.
    """
    numbers = None if control is None else np.asarray(control, float)
    evidence = Evidence(np.asarray(effects, float), numbers, "control", question.part, paired)
    row = decide(Claim("", "", question.effect, (question,)), evidence, rehearsal=False)
    return pd.Series({name: row[name] for name in SHOWN})


def _criterion(
    question: Question, effects: np.ndarray, control: np.ndarray | None, evidence: Evidence, beside: Comparison
) -> tuple[Answer, str]:
    """The answer to a question, and the outcome once the control is looked at."""
    answer = question.answer(effects, evidence.errors)
    if answer.outcome != "holds" or beside.state in ("beyond", "none"):
        return answer, answer.outcome
    if beside.state == "opposite":
        return answer, "unspecific"
    too = control is not None and len(control) and question.answer(control).outcome == "holds"
    return answer, "unspecific" if too else "undecided"


def _trained(claim: Claim, evidence: Evidence) -> float | None:
    """The median over units of what the claim wants reached, None where it asks for nothing."""
    if claim.trained is None:
        return None
    if evidence.trained is None:
        raise ValueError(f"{claim.id}: declares what its networks must have reached, its evidence does not give it")
    return float(np.median(evidence.trained))


def _sensitivity(question: Question, outcomes: list[str]) -> str:
    """Whether the outcome stays when the margin moves."""
    if not question.scalable or question.name == "exact":
        return "no margin"
    return "robust" if len(set(outcomes)) == 1 else "threshold-dependent"


def _typical(question: Question, control: np.ndarray | None) -> float:
    """The control's effect as the network's is given: median or mean."""
    if control is None or not np.isfinite(control).any():
        return math.nan
    return question.answer(control).value


def _spread(effects: np.ndarray) -> float:
    """Standard deviation over the units."""
    usable = effects[np.isfinite(effects)]
    return float(usable.std(ddof=1)) if effects.ndim == 1 and len(usable) > 1 else math.nan


def _p(answer: Answer, beside: Comparison, outcome: str) -> float:
    """p-value of the row: a claim that holds needs both its criterion and its control."""
    return max(answer.p, beside.p) if outcome == "holds" and np.isfinite(beside.p) else answer.p


def _of_claim(claim: Claim, question: Question) -> Row:
    """Columns that stand in the declaration."""
    return {
        "id": claim.id, "part": question.part, "claim": claim.statement, "question": question.name, "unit": question.unit,
        "threshold": question.criterion, "margin": question.margin, "reference": question.reference, "units": claim.units,
        "figure": claim.figure,
    }  # fmt: skip


def missing(claim: Claim, *, rehearsal: bool) -> list[Row]:
    """The rows of a claim whose experiment this run does not hold."""
    detail = json.dumps({"why": "this run holds no network that the claim is about"})
    return [
        {
            **dict.fromkeys(COLUMNS, math.nan), **_of_claim(claim, question), "outcome": "rehearsal" if rehearsal else "undecided",
            "control": "too few" if question.needs_control else "none", "null": "", "sensitivity": "", "seeds_held": 0, "seeds": 0,
            "variant": "", "data": "", "stand_in": False, "detail": detail, "primary": True,
        }
        for question in claim.questions
        if question.name != "number"
    ]  # fmt: skip


def verdicts(module: str, study: Any, has: Callable[[str], bool], *, rehearsal: bool) -> list[Row]:
    """Rows of all claims that a module tests, in the order of their ids.

    Args:
        module: name of the module.
        study: what its tests take.
        has: whether the run holds an experiment.
        rehearsal: whether no verdict counts.
    """
    rows = []
    for claim in sorted(CLAIMS.get(module, {}).values(), key=lambda claim: _position(claim.id)):
        evidence = claim.test(study) if not claim.needs or has(claim.needs) else []
        pieces = [evidence] if isinstance(evidence, Evidence) else list(evidence)
        rows += [decide(claim, piece, rehearsal=rehearsal) for piece in pieces] or missing(claim, rehearsal=rehearsal)
    return rows


def _position(name: str) -> tuple[str, int, str]:
    """What claims are sorted by: numbers first, then controls (C) and extensions (E), each by number and letter."""
    family, number, letter = re.fullmatch(r"V-\d+-([A-Z]?)(\d*)(\w*)", name).groups()
    return family, int(number or 0), letter


def ledger(document: str, rows: list[Row]) -> pd.DataFrame:
    """All verdicts of a document, perhaps none; what is firm is said where the documents are joined."""
    table = pd.DataFrame(rows, columns=None if rows else COLUMNS)
    table["document"], table["p_holm"], table["firm"] = document, np.nan, False
    return table[COLUMNS]


def join(documents: list[pd.DataFrame]) -> pd.DataFrame:
    """The verdicts of all documents, with p-values adjusted by Holm's method over the ids, and which outcomes are firm.

    An id's p-value is the largest of its primary rows', since all of them are needed. Exact rows are firm and are not
    counted among the tests, of which there are at least `LEDGER`.
    """
    table = pd.concat([one for one in documents if len(one)] or documents, ignore_index=True)
    if table.empty:
        return table
    asked = table["primary"].astype(bool) & (table["question"] != "exact") & table["outcome"].isin(DECIDED)
    p = table[asked].groupby("id")["p_value"].max()
    adjusted = pd.Series(holm(p.to_numpy(float), LEDGER), index=p.index)
    table["p_holm"] = table["id"].map(adjusted.to_dict()).where(asked).astype(float)
    exact = (table["question"] == "exact") & table["outcome"].isin(DECIDED)
    table["firm"] = exact | (table["p_holm"] <= SIGNIFICANT)
    return table


def by_id(table: pd.DataFrame) -> pd.DataFrame:
    """One row an id: the outcome of its primary rows together (`document`, `outcome`, `firm`), in the ledger's order.

    Rows on stand-in data are left out where an id has others.
    """
    primary = table[table["primary"].astype(bool)]
    real = ~primary["stand_in"].astype(bool)
    primary = primary[real | ~primary["id"].isin(primary.loc[real, "id"])]
    made = primary.groupby("id", sort=False).agg(
        document=("document", "first"), outcome=("outcome", combined), firm=("firm", "all")
    )
    return made.reset_index()


WEAKEST = ("fails", "rehearsal", "not converged", "vacuous", "undecided", "unspecific", "mixed", "holds")


def combined(outcomes: Iterable[str]) -> str:
    """The outcome of several rows that are all needed: fails if any fails, holds if all hold, else the weakest of the rest."""
    return min(outcomes, key=WEAKEST.index)


def headline(table: pd.DataFrame) -> str:
    """How many claims are decided, in one sentence; a rehearsal decides none."""
    ids = by_id(table)
    counts = ids["outcome"].value_counts()
    decided = ids[ids["outcome"].isin(DECIDED)]
    held = decided[decided["outcome"] == "holds"]
    rest = ", ".join(f"{counts[name]} {name}" for name in reversed(WEAKEST) if name in counts and name not in DECIDED)
    return (
        f"{len(decided)} of {len(ids)} claims decided: {len(held)} hold ({int(held['firm'].sum())} of them firm), "
        f"{len(decided) - len(held)} fail" + (f"; {rest}" if rest else "")
    )


def _plain(value: Any) -> Any:
    """NumPy values as JSON."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item()
