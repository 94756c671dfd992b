"""Self-consistency of the estimators: relations, and estimators whose departures are known."""

import pytest
import torch

from infoflow.truth import consistency
from infoflow.truth.consistency import departure, trials_of


@pytest.fixture(scope="module")
def table():
    return consistency(128, 1).set_index(["estimator", "test"])


@pytest.mark.parametrize(
    ("relation", "values"),
    [("=", (-1.0, 0.0, 1.0)), ("<=", (0.0, 0.0, 1.0)), (">=", (-1.0, 0.0, 0.0))],
)
def test_a_departure_is_what_a_relation_does_not_allow(relation, values):
    assert tuple(departure(value, relation, 2.0) for value in (1.0, 2.0, 3.0)) == values


def test_trials_are_what_they_say():
    trials = trials_of("x", 50, torch.Generator().manual_seed(0))
    plain = trials["plain"].sample
    assert torch.equal(trials["self-information"].sample.t, plain.x)
    assert torch.equal(trials["independence"].sample.t.sort(0).values, plain.t.sort(0).values)
    assert trials["additivity"].sample.x.shape == (50, 4)
    turned = trials["rotation"].sample.t
    assert torch.allclose(turned.norm(dim=1), plain.t.norm(dim=1))


def test_what_standardises_keeps_the_scale_and_narrow_bins_lose_independence(table):
    scale = table.xs("scale", level="test")["departure"]
    assert scale.abs().max() < 0.01  # widths in units of the data, standardised columns; ties of rounding move a count
    assert table.loc[("binning_fine", "independence"), "departure"] > 1  # a bin a sample: H(Y) = ln 4
    assert abs(table.loc[("ksg_1", "independence"), "departure"]) < 0.3
    assert (table["reference"] * 0 == 0).all()
    assert set(table["unit"]) == {"nats"}
