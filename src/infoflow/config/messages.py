"""Faults in the config as one line each: file and line, key path, what was expected, the nearest match."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from infoflow.config.base import key_path
from infoflow.config.yamlfile import KeyPath, Source


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that is most like `name`, empty where none is."""
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {match[0]!r}?)" if match else ""


def unknown_id(name: str, known: Iterable[str]) -> str:
    """The message on an id that nothing has."""
    return f"unknown id {name!r}{nearest(name, known)}; known: {', '.join(sorted(known))}"


def explain(fault: Any, whole: type[BaseModel], raw: Any, unresolved: Any, sources: Sequence[Source]) -> str:
    """One line on a fault that pydantic found.

    Args:
        fault: an entry of `ValidationError.errors()`.
        whole: the class of the config.
        raw: the config that was validated.
        unresolved: the same with `extends` still in it.
        sources: what it was merged from, each overriding those before it.
    """
    if not fault["loc"]:  # of the whole config, whose message begins with the path
        message = fault["msg"].removeprefix("Value error, ")
        path = tuple(message.split(":")[0].split("."))
        return f"{place_of(defining_path(path, unresolved), sources)}: {message}"
    path = key_path(fault["loc"], raw)
    if fault["type"] != "missing":
        path = defining_path(path, unresolved)
    where, place = ".".join(map(str, path)), place_of(path, sources)
    if fault["type"] == "extra_forbidden":
        known = _allowed_keys(whole, path[:-1], raw)
        return f"{place}: {where}: unknown key{nearest(str(path[-1]), known)}; allowed: {', '.join(known)}"
    if fault["type"] == "missing":
        return f"{place}: {where}: this key is required and missing"
    message = fault["msg"].removeprefix("Value error, ")
    value = fault["input"]
    shown = "" if isinstance(value, (Mapping, BaseModel)) else f"; found {value!r}"
    hint = " (YAML reads 1e-3 as text: write 1.0e-3)" if isinstance(value, str) and "number" in message else ""
    return f"{place}: {where}: {message}{shown}{hint}"


def defining_path(path: KeyPath, unresolved: Mapping[str, Any]) -> KeyPath:
    """The path in the experiment that sets a key, where the experiment at `path` has it through `extends`."""
    experiments = unresolved.get("experiments")
    if len(path) < 3 or path[0] != "experiments" or not isinstance(experiments, Mapping) or path[1] not in experiments:
        return path
    name: Any = path[1]
    while True:
        node: Any = experiments[name]
        parent = node.get("extends") if isinstance(node, Mapping) else None
        for part in path[2:]:
            node = node[part] if isinstance(node, Mapping) and part in node else None
        if node is not None or parent is None:
            return ("experiments", name, *path[2:])
        name = parent


def place_of(path: KeyPath, sources: Sequence[Source]) -> str:
    """File and line of the last source that sets the key at `path`, or the deepest part of it."""
    last, depth = next((source for source in reversed(sources) if source.values), None), 0
    for source in sources:
        node, reached = source.values, 0
        for part in path:
            if isinstance(node, Mapping) and part in node:
                node, reached = node[part], reached + 1
            else:
                break
        if reached and reached >= depth:
            last, depth = source, reached
    return "config" if last is None else last.place(path)


def _allowed_keys(whole: type[BaseModel], path: KeyPath, raw: Any) -> list[str]:
    """Keys of the section at `path`."""
    section: Any = whole
    node: Any = raw
    for part in path:
        node = node[part] if isinstance(node, (Mapping, list)) else {}
        if isinstance(part, int):  # an entry of a list, whose section is that of the list already
            continue
        fields = getattr(section, "model_fields", None)
        inside = section.__args__[-1] if fields is None else fields[part].annotation
        section = inside if getattr(inside, "__origin__", None) is dict else _section_class(inside, node)
    return sorted(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else []


def _section_class(annotation: Any, node: Any) -> Any:
    """The section class inside an annotation that fits `node`; the annotation of the values for a dictionary."""
    arguments = getattr(annotation, "__args__", ())
    if getattr(annotation, "__origin__", None) is dict:
        return arguments[1]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    candidates = [_section_class(a, node) for a in (*arguments, *getattr(annotation, "__metadata__", ()))]
    classes = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
    kind = node.get("kind") if isinstance(node, Mapping) else None
    tagged = [
        c
        for c in classes
        if "kind" in c.model_fields and kind in getattr(c.model_fields["kind"].annotation, "__args__", ())
    ]
    return (tagged or classes or [None])[0]
