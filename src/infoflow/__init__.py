"""Information flow in deep networks: record any network while it trains, estimate, plot, decide; and five documents checked.

Importing this package imports nothing else; each name is loaded when it is used.
"""

import importlib
from typing import Any

_NAMES = {
    "record": "infoflow.api", "estimate": "infoflow.api", "decide": "infoflow.api", "layers": "infoflow.api",
    "recommend": "infoflow.truth.recommendation", "InputError": "infoflow.errors",
}  # fmt: skip
_MODULES = {"plot": "infoflow.plotting.own", "estimators": "infoflow.estimators", "training": "infoflow.training"}

__all__ = [*_NAMES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    raise AttributeError(f"module 'infoflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
