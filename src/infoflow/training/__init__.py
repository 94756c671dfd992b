"""Training of stacks of networks; and the documents' objectives as pieces for anyone's loop: `RateDistortion`, `orthonormal_step`."""

import importlib
from typing import Any

__all__ = ["RateDistortion", "orthonormal_step"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'infoflow.training' has no attribute {name!r}")
    # by name: no training of the workflow depends on them
    return getattr(importlib.import_module("infoflow.training.pieces"), name)
