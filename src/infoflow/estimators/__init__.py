"""Estimators of entropy and mutual information: pure functions on tensors, samples first.

Nats everywhere except matrix Renyi, which is in bits. `estimators` depends on nothing else in the package.
"""

from infoflow.estimators import noisy
from infoflow.estimators._common import Estimate

__all__ = ["Estimate", "noisy"]
