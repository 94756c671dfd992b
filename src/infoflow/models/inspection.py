"""What any module does in a pass: the modules that it calls, their names and shapes; and a pass that leaves it as it was."""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from infoflow.errors import InputError
from infoflow.models.hooks import NAME, tensors

PASSED_ON = (nn.Identity, nn.Flatten, nn.Unflatten, nn.modules.dropout._DropoutNd)  # in evaluation they change no value
WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


@dataclass
class Called:
    """A module that a pass called.

    Attributes:
        name: dotted path.
        module: the module.
        shapes: of the first tensor that each call returned, with the axis of the samples; None where there was none.
        places: number of each call in the order in which calls end.
        parts: number of tensors that a call returns.
    """

    name: str
    module: nn.Module
    shapes: list[tuple[int, ...] | None] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    parts: int = 1


def unwrapped(model: nn.Module) -> nn.Module:
    """The module inside of what `torch.compile`, `DataParallel` and `DistributedDataParallel` return.

    Raises:
        InputError: this is no module.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"model: expected a torch.nn.Module, found {type(model).__name__}")
    while True:
        inner = model._modules.get("_orig_mod") or (model.module if isinstance(model, WRAPPERS) else None)
        if inner is None:
            return model
        model = inner


@contextlib.contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients, compilation and mixed precision; afterwards the model is as it was.

    The mode of every module, buffers and the random state are put back.
    """
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    fast = torch.backends.mha.get_fastpath_enabled()  # which hands hooks nested tensors, that have no shape
    device = device_of(model)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.no_grad(), torch.autocast(device.type, enabled=False), _eager():
        model.eval()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            for module, training in modes:
                module.training = training
            for module, name, buffer, before in buffers:
                module._buffers[name] = buffer
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


def _eager() -> contextlib.AbstractContextManager[Any]:
    """Hooks do not reach into compiled modules: run them as they were written."""
    stance = getattr(torch.compiler, "set_stance", None)  # since torch 2.6
    compiling = "torch._dynamo" in sys.modules  # else nothing is compiled, and importing it takes seconds
    return stance("force_eager") if compiling and stance is not None else contextlib.nullcontext()


def device_of(model: nn.Module) -> torch.device:
    """Device of a model's first parameter or buffer; the processor where it has none."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")


def run(model: nn.Module, x: Any) -> Any:
    """The model's output for inputs as its own loop gives them: a tensor, a tuple of arguments or a mapping of keywords."""
    if isinstance(x, Mapping):
        return model(**x)
    return model(*x) if isinstance(x, (tuple, list)) else model(x)


def calls(model: nn.Module, x: Any) -> dict[str, Called]:
    """The modules that a pass of `x` calls, by name, in the order in which they end; the whole model is left out."""
    found: dict[str, Called] = {}

    def watch(name: str) -> Any:
        def note(module: nn.Module, _: Any, output: Any) -> None:
            returned = tensors(output)
            called = found.setdefault(name, Called(name, module))
            called.shapes.append(tuple(returned[0].shape) if returned else None)
            called.places.append(sum(len(other.places) for other in found.values()))
            called.parts = len(returned)

        return note

    handles = [module.register_forward_hook(watch(name)) for name, module in model.named_modules() if name]
    try:
        with evaluation(model):
            run(model, x)
    finally:
        for handle in handles:
            handle.remove()
    return found


def leaves(found: Mapping[str, Called], n: int) -> list[str]:
    """Layers that are looked at where none are named: called modules inside which nothing else was called.

    A module that is called several times gives `name`, `name#2`, …. Dropout, modules that only reshape, and those that do not
    return a row for each of the n samples (embeddings of places, windows) are left out.
    """
    taken = [
        name
        for name, called in found.items()
        if not any(other.startswith(f"{name}.") for other in found)
        and not isinstance(called.module, PASSED_ON)
        and all(shape and shape[0] == n for shape in called.shapes)
    ]
    return [name for _, name in sorted(pair for path in taken for pair in numbered(path, found[path]))]


def numbered(path: str, called: Called) -> list[tuple[int, str]]:
    """Place in the pass and name of every call of a module."""
    return list(zip(called.places, each_call(path, len(called.places)), strict=True))


def each_call(name: str, count: int) -> list[str]:
    """Names of the calls of a module in one pass."""
    return [name, *(f"{name}#{call}" for call in range(2, count + 1))]


def resolved(layers: Sequence[str], model: nn.Module, found: Mapping[str, Called]) -> list[str]:
    """Names of layers in the order of a pass, with every call of a module that is called several times.

    Raises:
        InputError: the model has no such module, or no pass calls it; the message names the nearest ones.
    """
    names: list[str] = []
    for layer in layers:
        match = NAME.fullmatch(layer)
        path, numbered = match["path"], match["call"] or match["part"]
        if path not in found:
            raise InputError(_unknown(layer, path, model, found))
        if int(match["part"] or 0) >= found[path].parts:
            raise InputError(f"layers: {layer}: {path} returns {found[path].parts} tensors, counted from 0")
        names += [layer] if numbered else each_call(layer, len(found[path].shapes))
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"layers: {', '.join(sorted(twice))} stands there twice")
    return sorted(names, key=lambda name: place(name, found))


def place(layer: str, found: Mapping[str, Called]) -> tuple[int, int]:
    """Where a layer stands in a pass: the number of its call, and of its tensor among those that the call returns.

    Raises:
        InputError: the module is not called so often.
    """
    match = NAME.fullmatch(layer)
    places, call = found[match["path"]].places, int(match["call"] or 1)
    if call > len(places):
        raise InputError(f"layers: {layer}: it is called {len(places)} times in a pass")
    return places[call - 1], int(match["part"] or 0)


CHANNELS_FIRST = (
    nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm, nn.GroupNorm,
    nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd, nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
)  # fmt: skip


def _unknown(layer: str, path: str, model: nn.Module, found: Mapping[str, Called]) -> str:
    """What is wrong with a layer that no pass calls."""
    if path in dict(model.named_modules()):
        return f"layers: {layer}: no pass in evaluation mode calls this module; infoflow.layers(model, x) lists those that are"
    near = difflib.get_close_matches(path or layer, found, n=3, cutoff=0.4) or list(found)[:8]
    return f"layers: {layer}: the model has no such module; nearest: {', '.join(near)}; infoflow.layers(model, x) lists all"


def inputs_on(x: Any, device: torch.device, rows: slice | Tensor | None = None) -> Any:
    """Inputs on a device, all or some of the samples of each tensor."""
    if isinstance(x, Mapping):
        return {key: inputs_on(value, device, rows) for key, value in x.items()}
    if isinstance(x, (tuple, list)):
        return tuple(inputs_on(value, device, rows) for value in x)
    if not isinstance(x, Tensor):
        return x
    return (x if rows is None else x[rows]).to(device)
