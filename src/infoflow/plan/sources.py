"""Package files that a stage uses, found by following the imports of its entry module.

Code of the config is left out: a job sees the config through its settings alone, and those are a file of its own.
"""

from __future__ import annotations

import ast
import functools
import os
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
NEVER = ("infoflow.config",)


@functools.cache
def sources(*modules: str, without: tuple[str, ...] = ()) -> list[str]:
    """Files of the package that `modules` import, directly or not, sorted; modules under `without` are left out."""
    seen: set[str] = set()
    queue = list(modules)
    while queue:
        module = queue.pop()
        file = _file(module)
        if file is None or module in seen or module.startswith((*NEVER, *without)):
            continue
        seen.add(module)
        queue += _imports(file)
    return sorted(os.path.relpath(_file(module)) for module in seen)


def _file(module: str) -> Path | None:
    if module.split(".")[0] != "infoflow":
        return None
    path = PACKAGE.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file() and candidate != PACKAGE.with_suffix(".py"):
            return candidate
    return None


@functools.cache
def _imports(file: Path) -> list[str]:
    imported: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [member for member in members if _file(member)]
            imported += modules if len(modules) == len(members) else [node.module, *modules]
    return imported
