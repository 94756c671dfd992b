"""YAML files with the line of every key, so that a fault is named where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from infoflow.errors import InputError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where libyaml is there, seven times as fast
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Source:
    """What one file, or the command line, sets: nested values, and the line of each key by its path."""

    name: str
    values: Any
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def place(self, path: KeyPath) -> str:
        """Name and line of the key at `path`, or of the deepest part of it that has a line."""
        for depth in range(len(path), 0, -1):
            if path[:depth] in self.lines:
                return f"{self.name}:{self.lines[path[:depth]]}"
        return self.name


def load(file: str | Path) -> Source:
    """Read a YAML file.

    Raises:
        InputError: there is no such file, it is not UTF-8, no YAML or no mapping, or a mapping has a key twice.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{file}: no such config file") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{file}:{line}: not UTF-8; save the file in this encoding") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    loader = _LOADER(text)
    try:
        node = loader.get_single_node()
        if node is not None and not isinstance(node, yaml.MappingNode):
            raise InputError(f"{file}:{node.start_mark.line + 1}: expected keys and their values, found {node.id}")
        lines = dict(_positions(node, str(file)))
        return Source(str(file), {} if node is None else loader.construct_document(node), lines)
    except yaml.YAMLError as error:
        raise InputError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()


def _positions(node: yaml.Node | None, file: str, path: KeyPath = ()) -> Iterator[tuple[KeyPath, int]]:
    """Path and line of every key and list entry; YAML itself silently keeps the last of two equal keys."""
    if isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            yield (*path, i), value.start_mark.line + 1
            yield from _positions(value, file, (*path, i))
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                raise InputError(
                    f"{file}:{line}: {key.value}: also on line {lines[key.value]}, and only the last would count; put both "
                    "under one"
                )
            lines[key.value] = line
            yield (*path, key.value), line
            yield from _positions(value, file, (*path, key.value))
