"""Estimators of entropy and mutual information: pure functions on tensors, samples first.

Nats everywhere except matrix Renyi, which is in bits; every estimator takes `unit="nats"` or `unit="bits"`.
Values are 0-d float64 tensors on the input's device, or an `Estimate` where they are not exact. What makes a value mean little
is an `EstimatorWarning` with a flag (`FLAGS`); no value is clipped to look possible. `findings()` collects warnings instead.
"""

from infoflow.estimators import binning, clustering, kde, knn, noisy, renyi
from infoflow.estimators._common import Diagnostics, Estimate
from infoflow.estimators._guards import FLAGS, EstimatorWarning, Finding, findings, gravest
from infoflow.estimators.battery import check
from infoflow.estimators.probing import probe
from infoflow.estimators.reduction import compressed, sliced
from infoflow.estimators.statistics import Uncertainty, uncertainty

__all__ = [
    "FLAGS",
    "Diagnostics",
    "Estimate",
    "EstimatorWarning",
    "Finding",
    "Uncertainty",
    "binning",
    "check",
    "clustering",
    "compressed",
    "findings",
    "gravest",
    "kde",
    "knn",
    "noisy",
    "probe",
    "renyi",
    "sliced",
    "uncertainty",
]
