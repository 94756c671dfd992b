"""What every section of the config is built from. Imports neither torch nor pandas: Snakemake reads it on every dry run."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args

from pydantic import BaseModel, ConfigDict, Field

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]  # more is a slip, and would be found out when memory ends
Options = dict[str, Any]  # further arguments of a user's own function
Activation = Literal["tanh", "leaky_relu", "relu", "sigmoid", "linear"]


class Section(BaseModel):
    """A frozen part of the config that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def kinds(family: type[Section]) -> Iterator[type[Section]]:
    """The kinds of a family of sections, those classes below it whose `kind` is a literal, in the order of their definition."""
    for section in family.__subclasses__():
        field = section.model_fields.get("kind")
        if field is not None and get_args(field.annotation):
            yield section
        yield from kinds(section)


def union_of(family: type[Section]) -> Any:
    """The type of a section that is any kind of a family; a new kind is a new class and nothing more."""
    return Annotated[Union[tuple(kinds(family))], Field(discriminator="kind")]  # noqa: UP007 (built at run time)


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two nested mappings as Snakemake does: mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            value = merge(merged[key], value)
        merged[key] = copy.deepcopy(value)
    return merged


def key_path(location: Iterable[str | int], raw: Any) -> tuple[str | int, ...]:
    """Pydantic's location without the tags it adds for unions."""
    path: list[str | int] = []
    node = raw
    parts = list(location)
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        if isinstance(node, Mapping) and part in node:
            node = node[part]
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
        elif not last:
            continue
        elif isinstance(node, Mapping) and part == node.get("kind"):
            continue
        path.append(part)
    return tuple(path)
