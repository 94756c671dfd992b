"""Functions of a user's own, by `module:name`: where the module lies, what it imports beside itself, and the function."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from infoflow.errors import InputError


def imported(function: str, folder: str | None = None) -> Callable[..., Any]:
    """The function `module:name`; the module is looked for in `folder` first.

    An error inside the module keeps its own traceback.

    Raises:
        InputError: there is no such module, or it has no such function.
    """
    module, name = function.split(":")
    place = None if folder is None else str(Path(folder).resolve())
    if place is not None and place not in sys.path:
        sys.path.insert(0, place)
    check(function, folder)
    found = getattr(importlib.import_module(module), name, None)
    if not callable(found):
        raise InputError(f"{function}: {module} has no function {name}")
    return found


def check(function: str, folder: str | None) -> None:
    """Look for the module of a function without importing it.

    Raises:
        InputError: it is neither in the folder nor installed.
    """
    module = function.split(":")[0]
    if folder is not None and _file(Path(folder), module) is not None:
        return
    first = module.split(".")[0]
    if first not in sys.modules and importlib.util.find_spec(first) is None:
        where = folder or "beside the config, in the working folder"
        raise InputError(f"function {function!r}: no module {module}: neither {where} nor installed")


def folder_of(function: str, folders: Iterable[Path]) -> str | None:
    """The first of some folders that holds the module of a function; None: it has to be installed."""
    first = function.split(":")[0].split(".")[0]
    for folder in folders:
        if (folder / f"{first}.py").is_file() or (folder / first).is_dir():
            return os.path.relpath(folder) if folder.resolve().is_relative_to(Path.cwd()) else str(folder.resolve())
    return None


def sources(function: str, folder: str | None) -> list[str]:
    """Files of a user's module and of what it imports from the same folder, sorted; none of an installed one.

    Raises:
        InputError: a file is no Python.
    """
    if folder is None:
        return []
    found: set[Path] = set()
    waiting = [function.split(":")[0]]
    while waiting:
        module = waiting.pop()
        file = _file(Path(folder), module)
        if file is not None and file not in found:
            found.add(file)
            waiting += _imports(file, module)
            waiting += [module.rpartition(".")[0]]  # the package around it
    return sorted(str(file) for file in found)


def _file(folder: Path, module: str) -> Path | None:
    if not module:
        return None
    place = folder.joinpath(*module.split("."))
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def _imports(file: Path, module: str) -> list[str]:
    """Modules that the file of a module imports, and, of `from package import name`, what may be modules."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: no Python that can be read ({error})") from None
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            around = module.split(".")[: -node.level + (file.name == "__init__.py") or None] if node.level else []
            base = ".".join([*around, *filter(None, [node.module])])
            names += [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)]
    return [name for name in names if name]
