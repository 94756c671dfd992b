"""A network that a user's function builds: any module that returns logits, with its layers by the names of its modules."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from infoflow.errors import InputError
from infoflow.functions import imported
from infoflow.models.inspection import calls, leaves, resolved
from infoflow.models.stack import ModuleStack


class Own(nn.Module):
    """The module of `build(input_shape, classes, **options)`.

    Args:
        input_shape: of one input.
        function: `module:name`.
        layers: modules that are observed; none: the leaves.
        options: further arguments of the function.
        classes: of the data; None where targets are continuous.
        folder: of the module.

    Raises:
        InputError: the function gives no module, the module takes no such inputs or gives no logits, or a layer is not called.
    """

    precision: ClassVar[torch.dtype] = torch.float32
    stack: ClassVar[type[ModuleStack]] = ModuleStack

    def __init__(
        self,
        input_shape: tuple[int, ...],
        function: str,
        layers: list[str],
        options: dict[str, Any],
        classes: int | None = None,
        folder: str | None = None,
    ) -> None:
        super().__init__()
        self.function, self.build = function, imported(function, folder)
        self.arguments = (tuple(input_shape), classes, options)
        self.network = self._built()
        example = self._example(tuple(input_shape), classes or 1)
        self.takes, found = example.dtype, calls(self.network, example)
        names = resolved(layers, self.network, found) if layers else leaves(found, 2)
        self.layers = {name: f"network.{name}" for name in names}

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes) of inputs (n, …), numbers or, where the network takes those, whole numbers."""
        return self.network(x.to(self.takes))

    def initialise(self, generator: torch.Generator) -> None:
        """Build the network anew, with torch's random numbers from the seed's own stream."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
            self.network = self._built()

    def _built(self) -> nn.Module:
        shape, classes, options = self.arguments
        network = self.build(shape, classes, **options)
        if not isinstance(network, nn.Module):
            raise InputError(f"{self.function}: expected a torch.nn.Module, found {type(network).__name__}")
        return network

    def _example(self, shape: tuple[int, ...], classes: int) -> Tensor:
        """Two inputs that the network takes, of numbers or, where it takes those, of whole numbers."""
        faults = []
        for kind in (torch.float32, torch.int64):
            x = torch.zeros(2, *shape, dtype=kind)
            try:
                with torch.no_grad():
                    output = self.network.eval()(x)
            except (RuntimeError, ValueError, TypeError, IndexError) as error:
                faults.append(f"{type(error).__name__}: {error}")
                continue
            finally:
                self.network.train()
            if not isinstance(output, Tensor) or tuple(output.shape) != (2, classes):
                found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
                raise InputError(
                    f"{self.function}: expected outputs (n, {classes}), found {found} for two inputs {shape}"
                )
            return x
        raise InputError(
            f"{self.function}: its network does not take inputs (n, {', '.join(map(str, shape))}): {faults[0]}"
        )
