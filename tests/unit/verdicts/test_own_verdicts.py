"""Verdicts on networks of one's own, on tables with planted answers."""

import numpy as np
import pandas as pd
import pytest

import infoflow
from infoflow.errors import InputError

EPOCHS = np.arange(12)


def table(fall, rise=1.0, *, unit="nats", noise=0.01, seed=0, layers=("a", "b"), order=0.0, flag=""):
    """One network: I_XT rises to 3 and falls by `fall`, I_TY rises by `rise`; the second layer knows `order` more."""
    rng = np.random.default_rng(seed)
    shape = np.interp(EPOCHS, [0, 4, 11], [2.0, 3.0, 3.0 - fall])
    rows = []
    for depth, layer in enumerate(layers, 1):
        for quantity, curve in (
            ("I_XT", shape),
            ("I_TY", np.interp(EPOCHS, [0, 11], [0.2, 0.2 + rise]) + order * depth),
        ):
            for epoch, value in zip(EPOCHS, curve + noise * rng.standard_normal(12), strict=True):
                rows.append(
                    {
                        "seed": 0, "epoch": epoch, "layer": layer, "depth": depth, "part": "layer", "samples": "all",
                        "quantity": quantity, "estimator": "kde", "settings": "{}", "kind": "point", "value": value,
                        "std_error": 0.0, "unit": unit, "ceiling": 5.0, "flag": flag,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def outcome(ledger, question, layer="a"):
    rows = ledger[(ledger["question"] == question) & (ledger["layer"] == layer)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_planted_compression_is_seen_beside_a_control_without_it():
    networks = [table(0.8, seed=k) for k in range(6)]
    control = [table(0.0, 0.0, seed=10 + k) for k in range(6)]
    ledger = infoflow.decide(networks, control)
    assert outcome(ledger, "compresses")["outcome"] == "holds"
    assert outcome(ledger, "learns")["outcome"] == "holds"
    assert outcome(ledger, "order", "a → b")["outcome"] == "holds"
    assert outcome(ledger, "compresses")["value"] == pytest.approx(0.6, abs=0.1)  # of the 0.8, means at both ends
    assert (ledger["missing"] == 0).all()


def test_a_control_that_compresses_too_makes_it_unspecific():
    ledger = infoflow.decide([table(0.8, seed=k) for k in range(6)], [table(0.8, seed=10 + k) for k in range(6)])
    assert outcome(ledger, "compresses")["outcome"] == "unspecific"


def test_what_does_not_fall_fails():
    networks, control = [table(0.0, seed=k) for k in range(6)], [table(0.0, seed=10 + k) for k in range(6)]
    assert outcome(infoflow.decide(networks, control), "compresses")["outcome"] == "fails"


def test_a_later_layer_that_knows_more_breaks_the_order():
    ledger = infoflow.decide([table(0.5, order=0.5, seed=k) for k in range(6)])
    assert outcome(ledger, "order", "a → b")["outcome"] == "fails"


def test_fewer_than_five_decide_nothing_and_say_how_many_are_missing():
    ledger = infoflow.decide([table(0.8, seed=k) for k in range(3)], [table(0.0, seed=9)])
    assert set(ledger["missing"]) == {2}
    assert set(ledger["outcome"]) == {"undecided"}


def test_without_a_control_a_fall_is_undecided():
    assert outcome(infoflow.decide([table(0.8, seed=k) for k in range(6)]), "compresses")["outcome"] == "undecided"


def test_the_margin_is_the_same_in_bits():
    ledger = infoflow.decide([table(0.8, unit="bits", seed=k) for k in range(5)])
    assert outcome(ledger, "compresses")["margin"] == pytest.approx(0.1 / np.log(2))


def test_unknown_errors_of_single_batches_spoil_nothing():
    networks = [table(0.8, seed=k).assign(std_error=np.nan) for k in range(6)]
    control = [table(0.0, seed=10 + k).assign(std_error=np.nan) for k in range(6)]
    assert outcome(infoflow.decide(networks, control), "compresses")["outcome"] == "holds"


def test_tables_that_share_no_snapshots_are_refused():
    with pytest.raises(InputError, match="at three snapshots"):
        infoflow.decide([table(0.5), table(0.5).assign(epoch=lambda one: one["epoch"] + 100)])


def test_values_at_their_ceiling_say_nothing():
    networks = [table(0.0, seed=k).assign(value=4.99, flag="saturated") for k in range(6)]
    ledger = infoflow.decide(networks)
    assert outcome(ledger, "compresses")["outcome"] == "vacuous"
    assert outcome(ledger, "compresses")["doubts"] == "saturated"


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([], "a list of tables"),
        (table(0.1), "a list of tables"),
        ([table(0.1), table(0.1, layers=("a", "c"))], "different layers"),
        ([table(0.1).query("epoch < 2")], "nothing can be asked"),
    ],
)
def test_tables_that_cannot_be_decided(tables, message):
    with pytest.raises(InputError, match=message):
        infoflow.decide(tables)
