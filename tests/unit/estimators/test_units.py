"""Every estimator speaks both units, and says so."""

import inspect
import math

import pytest
import torch
from tolerance import rounding

from infoflow import estimators
from infoflow.estimators import binning, clustering, kde, knn, noisy, renyi

X = torch.randn(40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.arange(40) % 3
CALLS = [
    (binning.entropy, (X, 0.5), {}),
    (binning.mutual_information, (X, Y, 0.5), {}),
    (clustering.binned_entropy, (X, 0.5), {}),
    (kde.entropy, (X, 0.5, "upper"), {}),
    (kde.input_information, (X, 0.5, "lower"), {}),
    (kde.label_information, (X, Y, 0.5, "lower"), {}),
    (knn.entropy, (X, 3), {}),
    (knn.mutual_information, (X, X + 1, 3), {}),
    (knn.label_information, (X, Y, 3), {}),
    (renyi.entropy, (X, 1.01, 1.0), {}),
    (renyi.mutual_information, (X, Y, 2.0, [1.0, None]), {}),
]


@pytest.mark.parametrize(("function", "arguments", "options"), CALLS)
def test_bits_are_nats_over_log_two(function, arguments, options):
    nats, bits = (function(*arguments, **options, unit=unit) for unit in ("nats", "bits"))
    assert bits.item() == pytest.approx(nats.item() / math.log(2), rel=rounding(3))
    native = "bits" if function.__module__.endswith("renyi") else "nats"
    assert inspect.signature(function).parameters["unit"].default == native
    assert function(*arguments, **options) == (bits if native == "bits" else nats)
    assert bits.ndim == 0
    assert bits.dtype == torch.float64


def test_tables_and_estimates_are_converted_whole():
    nats, bits = (kde.table(X, Y, [0.5], unit=unit) for unit in ("nats", "bits"))
    assert all(bits[key].item() == pytest.approx(nats[key].item() / math.log(2), rel=rounding(3)) for key in nats)
    estimate = noisy.mixture_entropy(X, 0.1, method="monte_carlo", generator=torch.Generator(), unit="bits")
    assert isinstance(estimate, estimators.Estimate)


def test_views_and_read_only_arrays_are_taken():
    x = X.numpy().copy()
    x.flags.writeable = False
    turned = knn.entropy(x[::-1], 3).item()  # the same 40 terms ln r, each below 5, in another order
    assert turned == pytest.approx(knn.entropy(X, 3).item(), abs=rounding(40 + 2, 2 * 5))
    assert renyi.entropy(x.tolist(), 2, 1.0) == renyi.entropy(X, 2, 1.0)


def test_package_stands_alone():
    for module in estimators.__all__:
        source = inspect.getsource(inspect.getmodule(getattr(estimators, module)) or estimators)
        assert "infoflow." not in source.replace("infoflow.estimators", "")
