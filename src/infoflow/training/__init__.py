"""Training of stacks of networks; and the documents' objectives as pieces for anyone's loop: `RateDistortion`, `orthonormal_step`."""

from typing import Any

__all__ = ["RateDistortion", "orthonormal_step"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'infoflow.training' has no attribute {name!r}")
    from infoflow.training import pieces  # here: the plan imports this package, and not torch

    return getattr(pieces, name)
