"""Estimators of entropy and mutual information: pure functions on tensors, samples first.

Nats everywhere except matrix Renyi, which is in bits; every estimator takes `unit="nats"` or `unit="bits"`.
Values are 0-d float64 tensors on the input's device, or an `Estimate` where they are not exact.
"""

from infoflow.estimators import binning, clustering, kde, knn, noisy, renyi
from infoflow.estimators._common import Diagnostics, Estimate

__all__ = ["Diagnostics", "Estimate", "binning", "clustering", "kde", "knn", "noisy", "renyi"]
