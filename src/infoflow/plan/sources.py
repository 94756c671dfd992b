"""Package files that a stage uses, found by following the imports of its entry module.

Code of the config is left out: a job sees the config through its settings alone, and those are a file of its own.
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
NEVER = ("infoflow.config",)
IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(infoflow[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)|import[ \t]+(infoflow[\w.]*))",
    re.MULTILINE,
)


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


@functools.cache
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
    """Modules of the package that a file imports, inside functions too; by pattern, since parsing all files takes a second."""
    imported: list[str] = []
    for package, names, module in IMPORT.findall(file.read_text(encoding="utf-8")):
        if module:
            imported.append(module)
            continue
        words = re.sub(r"#[^\n]*", "", names).strip("() \n").split(",")
        members = [f"{package}.{word.split(' as ')[0].strip()}" for word in words if word.strip()]
        modules = [member for member in members if _file(member)]
        imported += modules if len(modules) == len(members) else [package, *modules]
    return imported
