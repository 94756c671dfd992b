"""Estimators of entropy and mutual information: pure functions on tensors, samples first.

Nats everywhere except matrix Renyi, which is in bits. `estimators` depends on nothing else in the package.
"""

from infoflow.estimators import binning, clustering, kde, knn, noisy, renyi
from infoflow.estimators._common import Diagnostics, Estimate

__all__ = ["Diagnostics", "Estimate", "binning", "clustering", "kde", "knn", "noisy", "renyi"]
