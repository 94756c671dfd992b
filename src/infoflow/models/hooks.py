"""Outputs of named layers of any module, by forward hooks.

A layer is a submodule by its dotted path. `path#2` is its second call in a pass; `path[1]` the second tensor where it
returns several, as recurrent layers do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from infoflow.errors import InputError

Change = Callable[[str, Tensor], Tensor]  # of a layer's name and value

NAME = re.compile(r"(?P<path>.*?)(?:#(?P<call>\d+))?(?:\[(?P<part>\d+)\])?")


class Capture(dict[str, Tensor]):
    """Values of the layers of one pass, by name; a layer that was not reached is an error that names it.

    What is kept is the tensor that the layer returned; the network goes on with a copy, so that an activation that works
    in place changes nothing here, and gradients with respect to the kept tensor exist.
    """

    def __init__(self, layers: Mapping[str, str], change: Change | None = None) -> None:
        super().__init__()
        self.layers, self.change = dict(layers), change
        self.calls: dict[str, int] = {}

    def hook(self, path: str, wanted: dict[tuple[int, int], list[str]]) -> Any:
        """A forward hook of the module at a path; `wanted` holds layer names by call and part."""

        def keep(module: nn.Module, inputs: Any, output: Any) -> Any:
            self.calls[path] = call = self.calls.get(path, 0) + 1
            parts = tensors(output)
            copies: dict[int, Tensor] = {}
            for (which, part), names in wanted.items():
                if which != call or part >= len(parts):
                    continue
                value = self.change(names[0], parts[part]) if self.change else parts[part]
                copies[part] = value.clone()
                self.update(dict.fromkeys(names, value))
            return replaced(output, copies) if copies else None

        return keep

    def __missing__(self, name: str) -> Tensor:
        """Say why a layer has no values.

        Raises:
            InputError: always.
        """
        path = self.layers[name]
        reached = self.calls.get(NAME.fullmatch(path)["path"], 0)
        why = f"it is called {reached} times in a pass" if reached else "no pass calls it"
        raise InputError(f"layer {name} (module {path}): {why}; leave it out, or name a layer that is called")


@contextmanager
def capture(network: nn.Module, layers: Mapping[str, str], change: Change | None = None) -> Iterator[Capture]:
    """Capture the layers (name -> path) of the pass within; with `change` the network goes on with what it makes of each.

    Raises:
        InputError: the network has no such module.
    """
    modules = dict(network.named_modules())
    wanted: dict[str, dict[tuple[int, int], list[str]]] = {}
    for name, place in layers.items():
        match = NAME.fullmatch(place)
        if match["path"] not in modules:
            known = ", ".join(filter(None, modules))
            raise InputError(f"layer {name}: the network has no module {match['path']}; it has {known}")
        where = int(match["call"] or 1), int(match["part"] or 0)
        wanted.setdefault(match["path"], {}).setdefault(where, []).append(name)
    values = Capture(layers, change)
    handles = [modules[path].register_forward_hook(values.hook(path, w)) for path, w in wanted.items()]
    try:
        yield values
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def layer_shapes(network: nn.Module, layers: Mapping[str, str], *inputs: Tensor) -> dict[str, tuple[int, ...]]:
    """Shape of one sample's values of each layer, from a pass of some inputs in evaluation mode.

    Raises:
        InputError: a layer is not called, or does not return one row a sample.
    """
    training = network.training
    network.eval()
    with capture(network, layers) as values:
        network(*inputs)
    network.train(training)
    shapes = {}
    for name in layers:
        shape = tuple(values[name].shape)
        if not shape or shape[0] != len(inputs[0]):
            raise InputError(
                f"layer {name}: returns {shape} for {len(inputs[0])} samples; the first axis must be the samples"
            )
        shapes[name] = shape[1:]
    return shapes


def tensors(output: Any) -> list[Tensor]:
    """The tensors of a module's output in order: itself, or those of nested tuples, lists and mappings."""
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, Mapping):
        output = list(output.values())
    if isinstance(output, (tuple, list)):
        return [tensor for part in output for tensor in tensors(part)]
    return []


def replaced(output: Any, copies: dict[int, Tensor]) -> Any:
    """A module's output with some of its tensors, by their number, replaced."""
    numbers = iter(range(len(tensors(output))))

    def walk(node: Any) -> Any:
        if isinstance(node, Tensor):
            number = next(numbers)
            return copies.get(number, node)
        if isinstance(node, Mapping):
            return type(node)({key: walk(value) for key, value in node.items()})
        if isinstance(node, tuple) and hasattr(node, "_fields"):
            return type(node)(*map(walk, node))
        if isinstance(node, (tuple, list)):
            return type(node)(map(walk, node))
        return node

    return walk(output)
