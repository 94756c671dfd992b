"""From effects to outcomes, and from outcomes to the ledger."""

import json
import math

import numpy as np
import pytest

from infoflow.verdicts.characteristics import characteristics, units_to_decide
from infoflow.verdicts.questions import Each, Exact, Reported
from infoflow.verdicts.rule import (
    COLUMNS,
    Claim,
    Evidence,
    Trained,
    by_id,
    combined,
    decide,
    headline,
    join,
    ledger,
    missing,
    verdict,
)
from infoflow.verdicts.statistics import holm

SEEDS = np.linspace(-0.1, 0.1, 20)
QUESTION = Each("fall", "nats", above=1.0)


def claim(question=QUESTION, **options):
    return Claim("V-000-99", "F0", "a claim", (question,), **options)


def outcome(effects, control=SEEDS, of=None, rehearsal=False, **options):
    return decide(of or claim(), Evidence(effects, control, "a control", **options), rehearsal=rehearsal)["outcome"]


@pytest.mark.parametrize(
    ("effects", "control", "expected"),
    [
        (3 + SEEDS, SEEDS, "holds"),
        (3 + SEEDS, 3 + SEEDS, "unspecific"),  # so does the control
        (3 + SEEDS, 4 + SEEDS, "unspecific"),  # on the other side of it
        (3 + SEEDS, 2.5 + 60 * SEEDS[::-1], "undecided"),  # the control does not meet it, and is not told apart
        (3 + SEEDS, None, "undecided"),
        (0.5 + SEEDS, SEEDS, "fails"),
        (0.5 + SEEDS, None, "fails"),  # what fails needs no control
        (np.where(np.arange(20) < 10, 3.0, 0.5), SEEDS, "mixed"),
        (3 + SEEDS[:4], SEEDS[:4], "undecided"),
    ],
)
def test_outcomes(effects, control, expected):
    assert outcome(effects, control) == expected


def test_a_claim_of_ones_own():
    assert verdict(QUESTION, list(3 + SEEDS), list(SEEDS))["outcome"] == "holds"
    assert verdict(QUESTION, 3 + SEEDS, 4 + SEEDS[:7], paired=False)[["outcome", "control"]].tolist() == [
        "unspecific",
        "opposite",
    ]


def test_without_a_control_the_criterion_decides():
    assert outcome(3 + SEEDS, None, claim(Each("x", above=1.0, control="none: a theorem"))) == "holds"


def test_precedence_of_what_says_nothing():
    trained = claim(trained=Trained("accuracy", "train", 0.99))
    low, high = np.full(20, 0.53), np.full(20, 1.0)
    assert outcome(3 + SEEDS, of=trained, trained=low, vacuous=True, rehearsal=True) == "rehearsal"
    assert outcome(3 + SEEDS, of=trained, trained=low, vacuous=True) == "not converged"
    assert outcome(3 + SEEDS, of=trained, trained=high, vacuous=True) == "vacuous"
    assert outcome(3 + SEEDS, of=trained, trained=high) == "holds"
    assert outcome(3 + SEEDS, of=claim(bounded="the claim is about the bound"), vacuous=True) == "holds"
    with pytest.raises(ValueError, match="what its networks must have reached"):
        outcome(3 + SEEDS, of=trained)


def test_a_rehearsal_keeps_what_the_outcome_would_be_and_spares_what_reads_no_data():
    row = decide(claim(), Evidence(3 + SEEDS, SEEDS), rehearsal=True)
    assert row["outcome"] == "rehearsal"
    assert json.loads(row["detail"])["would_be"] == "holds"
    exact = claim(Exact("an identity"))
    assert outcome(np.ones(1), None, exact, reads_data=False, rehearsal=True) == "holds"
    assert outcome(np.ones(1), None, exact, rehearsal=True) == "rehearsal"


def test_sensitivity_to_the_margin():
    def says(effects, question=QUESTION):
        return decide(claim(question), Evidence(effects, SEEDS), rehearsal=False)["sensitivity"]

    assert says(3 + SEEDS) == "robust"
    assert says(1.5 + SEEDS) == "threshold-dependent"
    assert says(3 + SEEDS, Each("x", above=0.0)) == "no margin"


def test_the_p_value_of_a_claim_that_holds_is_the_weaker_of_criterion_and_control():
    row = decide(claim(), Evidence(3 + SEEDS, SEEDS + 2.99 + np.tile([0.02, -0.04], 10)), rehearsal=False)
    assert row["outcome"] == "holds"
    assert row["p_value"] > 2 * 0.5**20


def test_a_number_is_never_primary():
    row = decide(claim(Reported("share")), Evidence(SEEDS), rehearsal=False)
    assert (row["outcome"], row["primary"]) == ("reported", False)


def test_a_claim_without_its_experiment_is_listed():
    rows = missing(claim(), rehearsal=False)
    assert [row["outcome"] for row in rows] == ["undecided"]
    assert list(ledger("kong2019", rows)) == COLUMNS


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "fails", "undecided"], "fails"),
        (["holds", "undecided"], "undecided"),
        (["mixed", "unspecific"], "unspecific"),
    ],
)
def test_parts_of_a_claim_together(parts, whole):
    assert combined(parts) == whole


def test_the_ledger_counts_ids_by_their_primary_rows():
    primary = {"variant": "corrected"}
    rows = [
        decide(claim(primary=primary), Evidence(effects, SEEDS, variant=variant), rehearsal=False)
        for variant, effects in (("corrected", 3 + SEEDS), ("as_published", SEEDS))
    ]
    exact = Claim("V-000-98", "F0", "an identity", (Exact("an identity"),))
    rows.append(decide(exact, Evidence(np.zeros(1), reads_data=False), rehearsal=False))
    table = join([ledger("huang2016", rows), ledger("estimators", [])])
    assert by_id(table).set_index("id")["outcome"].to_dict() == {"V-000-99": "holds", "V-000-98": "fails"}
    assert headline(table) == "2 of 2 claims decided: 1 hold (1 of them firm), 1 fail"
    assert table["firm"].tolist() == [True, False, True]
    assert table["p_holm"].iloc[0] == pytest.approx(100 * table["p_value"].iloc[0])


def test_a_stand_in_beside_real_data_does_not_count():
    rows = [
        decide(claim(), Evidence(3 + SEEDS, SEEDS, data=data, stand_in=stand_in), rehearsal=False)
        for data, stand_in in (("mnist", False), ("svhn", True))
    ]
    assert by_id(join([ledger("yu2018", rows)]))["outcome"].tolist() == ["holds"]
    assert by_id(join([ledger("yu2018", rows[1:])]))["outcome"].tolist() == ["rehearsal"]


def test_holm_by_hand():
    adjusted = holm(np.array([0.01, np.nan, 0.04, 0.03]))
    assert adjusted[[0, 2, 3]] == pytest.approx([0.03, 0.06, 0.06])
    assert math.isnan(adjusted[1])
    assert holm(np.array([0.001]), 100)[0] == pytest.approx(0.1)


def test_operating_characteristics():
    """False holds are rare whatever the number of units; an effect of two standard deviations is nearly always seen."""
    trials = 400
    table = characteristics(trials, units=(5, 12))
    said = table[table["outcome"].isin(["holds", "beyond"])].set_index(["question", "strength", "units"])["share"]
    for question in ("each", "mean", "same", "trend", "control"):
        null = 0.5 if question == "each" else 0.0
        for units in (5, 12):
            # 5 % and four standard errors of a share over the trials
            assert said.get((question, null, units), 0.0) <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / trials)
    for question in ("mean", "same", "trend", "control"):
        assert said[question, 2.0, 12] > 0.95
    needed = units_to_decide(table).set_index(["question", "strength"])["units"]
    assert needed["mean", 2.0] == 5
    assert math.isnan(needed["mean", 0.5])
