"""What the folder of a document holds: read without importing its figures, which would take matplotlib."""

from __future__ import annotations

import ast
import functools
import importlib
from types import ModuleType

from infoflow.config.documents import Figure
from infoflow.errors import InputError
from infoflow.plan.sources import PACKAGE


def document(key: str) -> ModuleType:
    """The package of a document, whose `TABLES` and `READS` say what its claims stage makes and needs.

    Raises:
        InputError: there is no such document.
    """
    if not (PACKAGE / "documents" / key / "__init__.py").is_file():
        known = sorted(path.parent.name for path in PACKAGE.glob("documents/*/__init__.py"))
        raise InputError(f"documents.{key}: no folder src/infoflow/documents/{key}; there are {', '.join(known)}")
    return importlib.import_module(f"infoflow.documents.{key}")


@functools.cache
def figures(key: str) -> dict[str, Figure]:
    """Figures of a document by id: the functions of its `figures.py` under `@drawn_from(…)`.

    A function's name in capitals is the figure's id; the first line of its docstring is the title, the rest the caption.
    The document's own figures come first, then further views (X), then extensions (E).
    """
    file = PACKAGE / "documents" / key / "figures.py"
    result = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        for decorator in getattr(node, "decorator_list", []):
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "drawn_from":
                title, _, caption = (ast.get_docstring(node) or "").partition("\n")
                facts = {k.arg: list(ast.literal_eval(k.value)) for k in decorator.keywords}
                result[node.name.upper()] = Figure(title=title.rstrip("."), caption=" ".join(caption.split()), **facts)
    return dict(sorted(result.items(), key=lambda item: (item[0][0] in "XE", item[0][0] == "E", int(item[0][1:]))))
