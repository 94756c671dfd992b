"""Tasks whose mutual information is known, and what every estimator makes of them."""

from infoflow.truth.consistency import consistency
from infoflow.truth.run import ESTIMATORS, evaluate, recompute
from infoflow.truth.sweeps import subadditivity
from infoflow.truth.tasks import TASKS, Sample, Task

__all__ = ["ESTIMATORS", "TASKS", "Sample", "Task", "consistency", "evaluate", "recompute", "subadditivity"]
