"""Pairwise bounds against their definition written out, closed forms, and the nasty cases of float32."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerance import EPS, differences, exponents, moved, plug_in, rounding

from infoflow.estimators import kde


def data(n=300, d=4, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return x, torch.randint(classes, (n,), generator=generator)


def squares(x):
    return torch.stack([(x - row).square().sum(1) for row in x])


def slack(x, variance, bound="upper"):
    """Bound on the error of -mean ln (1/n) sum_j exp(-e_ij), a sum of n terms >= 1 whose exponents are known to a bound.

    Exponents are taken from products unless that would cost their eighth digit; "upper" has the largest ones, and a reference
    by differences errs as well.
    """
    rate = 0.5 / variance if bound == "upper" else 0.125 / variance
    n, norms = len(x), (x.double() - x.double().mean(0)).square().sum(1).max().item()
    direct = rate * norms * EPS > 1e-8
    error = n * exponents(x, rate, direct=True) if direct else exponents(x, rate) + n * exponents(x, rate, direct=True)
    return error + rounding(n, 1 + math.log(n))


def reference(x, variance, bound):
    scale = variance if bound == "upper" else 4 * variance
    return -(-squares(x) / (2 * scale)).logsumexp(1).mean() + math.log(len(x))


def label_reference(x, labels, variance, whole, given_y):
    parts = [x[labels == c] for c in labels.unique()]
    within = sum(len(part) / len(x) * reference(part, variance, given_y) for part in parts)
    return reference(x, variance, whole) - within


@pytest.mark.parametrize("variance", [1e-3, 0.1, 3.0])
@pytest.mark.parametrize(("n", "classes"), [(50, 2), (700, 3), (1200, 40)])
def test_table_is_the_definition(n, classes, variance):
    x, labels = data(n, classes=classes)
    noise = 0.5 * 4 * math.log(2 * math.pi * math.e * variance)
    upper, lower = (reference(x, variance, bound) for bound in ("upper", "lower"))
    expected = {
        "entropy_upper": upper + noise,
        "entropy_lower": lower + noise,
        "input_upper": upper,
        "input_lower": lower,
        "label_upper": label_reference(x, labels, variance, "upper", "upper"),
        "label_lower": label_reference(x, labels, variance, "lower", "lower"),
        "label_rigorous_upper": label_reference(x, labels, variance, "upper", "lower"),
        "label_rigorous_lower": label_reference(x, labels, variance, "lower", "upper"),
    }
    found = kde.table(x, labels, [variance, 2 * variance])
    first = {key: values[0].item() for key, values in found.items()}
    near = 2 * slack(x, variance) + rounding(4, abs(noise))
    assert first == pytest.approx({key: value.item() for key, value in expected.items()}, abs=near)


def test_single_calls_agree_with_the_table():
    x, labels = data()
    found = kde.table(x, labels, [0.3])
    near = 2 * slack(x, 0.3) + rounding(4, 2 * math.log(2 * math.pi * math.e * 0.3))
    for bound in ("upper", "lower"):
        entropy, information = kde.entropy(x, 0.3, bound), kde.input_information(x, 0.3, bound)
        assert entropy.item() == pytest.approx(found[f"entropy_{bound}"].item(), abs=near)
        assert information.item() == pytest.approx(found[f"input_{bound}"].item(), abs=near)
    for bound in ("upper", "lower", "rigorous_upper", "rigorous_lower"):
        value = kde.label_information(x, labels, 0.3, bound)
        assert torch.equal(value, found[f"label_{bound}"][0])


def test_isolated_points_saturate():
    x = 100 * torch.arange(64.0)[:, None]
    value = kde.input_information(x, 1e-3, "lower")
    near = rounding(64, math.log(64))  # kernels of others are below exp(-175)
    assert value.item() == pytest.approx(math.log(64), abs=near)
    assert kde.diagnostics(value, x, 1e-3).saturation == pytest.approx(1, abs=near)
    labels = torch.arange(64) % 4
    assert kde.label_information(x, labels, 1e-3, "upper").item() == pytest.approx(math.log(4), abs=2 * near)
    assert kde.diagnostics(0.5, x, 1e-3, labels=labels).ceiling == pytest.approx(math.log(4), abs=plug_in(64))


def test_constant_layer_has_no_information():
    for bound in ("upper", "lower"):
        constant = torch.full((100, 5), 3.3)
        near = slack(constant, 1e-3)
        assert kde.input_information(constant, 1e-3, bound).item() == pytest.approx(0, abs=near)


@given(st.integers(0, 10_000), st.floats(0.01, 10))
@settings(max_examples=20, deadline=None)
def test_bounds_are_ordered_and_bracket_the_mixture(seed, variance):
    x, labels = data(40, seed=seed)
    found = {k: v.item() for k, v in kde.table(x, labels, [variance]).items()}
    near = 2 * slack(x, variance)
    assert -near <= found["input_lower"] <= found["input_upper"] + near <= math.log(40) + 2 * near
    assert found["label_rigorous_lower"] <= min(found["label_upper"], found["label_lower"]) + near
    assert found["label_rigorous_upper"] >= max(found["label_upper"], found["label_lower"]) - near


def test_order_place_and_scale():
    x, labels = data()
    values = kde.table(x, labels, [0.2])
    near = 4 * slack(x, 0.2)
    rounded = len(x) * moved(4, math.sqrt(0.5 / 0.2) * 100)  # x + 100 is rounded at 100
    away = kde.table(x.flip(0) + 100, labels.flip(0), [0.2])
    scaled = kde.table(5 * x, labels, [5.0])
    for key in ("input_upper", "input_lower", "label_upper", "label_rigorous_lower"):
        assert away[key].item() == pytest.approx(values[key].item(), abs=near + 2 * rounded)
        assert scaled[key].item() == pytest.approx(values[key].item(), abs=near)


def test_repeating_all_samples_changes_nothing():
    x, _ = data(80)
    twice = kde.input_information(torch.cat([x, x]), 0.1, "upper")
    near = 2 * slack(torch.cat([x, x]), 0.1)
    assert twice.item() == pytest.approx(kde.input_information(x, 0.1, "upper").item(), abs=near)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("offset", 1e-1),
        ("wide", 1e-3),
        ("narrow", 1e-9),
        ("constant", 1e-3),
        ("dead", 1e-3),
        ("repeated", 1e-6),
    ],
)
def test_float32_loses_nothing(name, variance):
    generator = torch.Generator().manual_seed(1)
    x = {
        "offset": torch.randn(400, 10, generator=generator) + 1000,
        "wide": 5 * torch.relu(torch.randn(100, 4096, generator=generator)),
        "narrow": torch.randn(400, 10, generator=generator),
        "constant": torch.full((400, 10), 3.0) + 1e-2 * torch.randn(400, 1, generator=generator),
        "dead": torch.relu(torch.randn(400, 3, generator=generator) - 3),
        "repeated": torch.randn(50, 10, generator=generator).repeat(8, 1),
    }[name]
    for bound in ("upper", "lower"):
        value = kde.input_information(x, variance, bound)
        near = slack(x, variance, bound)
        assert value.item() == pytest.approx(reference(x.double(), variance, bound).item(), abs=near)
        assert near < 1e-3
        assert value <= math.log(len(x)) + rounding(len(x), math.log(len(x)))  # every sum holds its own kernel, 1


def test_gradients():
    x, labels = data(25, 3)
    x.requires_grad_()
    options = differences(2 * slack(x.detach(), 0.3))
    assert torch.autograd.gradcheck(lambda t: kde.input_information(t, 0.3, "lower"), x, **options)
    assert torch.autograd.gradcheck(lambda t: kde.label_information(t, labels, 0.3, "rigorous_upper"), x, **options)


def test_ties_and_width_are_reported():
    x = torch.tensor([[0.0], [0.0], [1.0], [2.0]])
    found = kde.diagnostics(0.0, x, 0.25)
    assert found.ties == 2
    assert found.relative_width == 0.5


def test_bad_input_is_refused():
    x, labels = data(10)
    with pytest.raises(ValueError, match="bound.*upper, lower"):
        kde.input_information(x, 1.0, "tight")
    with pytest.raises(ValueError, match="variance"):
        kde.entropy(x, 0.0, "upper")
    with pytest.raises(ValueError, match="variances"):
        kde.table(x, labels, [1.0, -1.0])
    with pytest.raises(ValueError, match="labels"):
        kde.table(x, labels[:5], [1.0])
    with pytest.raises(ValueError, match="activity"):
        kde.entropy(x * float("nan"), 1.0, "upper")
