"""A recording of any module while its own loop trains it: named layers on the same samples, one snapshot after another."""

from __future__ import annotations

import hashlib
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from infoflow.errors import InputError
from infoflow.estimators._inputs import as_array, as_tensor, continuous
from infoflow.models.hooks import NAME, capture, tensors
from infoflow.models.inspection import (
    CHANNELS_FIRST,
    calls,
    device_of,
    evaluation,
    inputs_on,
    leaves,
    place,
    resolved,
    run,
    unwrapped,
)
from infoflow.recording.recording import BLOCK, OUTPUT, Recording, by_map, held_at_once
from infoflow.recording.samples import Samples
from infoflow.recording.stores import Folder, Memory, Store

Split = Literal["all", "train", "test"]
Pool = str | Callable[[Tensor], Tensor]
POOLS: dict[str, Callable[[Tensor], Tensor]] = {  # over the last axis
    "mean": lambda value: value.mean(-1),
    "max": lambda value: value.amax(-1),
    "first": lambda value: value[..., 0],
    "last": lambda value: value[..., -1],
}
SPLITS = {"all": 2, "train": 0, "test": 1}  # as data sets number their parts


class GivenSamples(Samples):
    """Samples that a loop gave, part by part.

    Attributes:
        parts: number of samples of each part, in the order in which they came.
    """

    def __init__(self) -> None:
        empty = torch.zeros(0, dtype=torch.int64)
        super().__init__(torch.zeros(0, 0), empty, empty, {})
        self.parts: dict[str, int] = {}
        self.digests: dict[str, str] = {}
        self.y_given: list[Any] = []
        self.classes: list[Any] | None = None

    def add(self, name: str, vectors: Tensor, y: Tensor | np.ndarray | None, digest: str) -> None:
        """Add a part: inputs as vectors (n, d) and labels (n,), classes where they are no floating-point numbers."""
        if self.parts and (name == "all" or "all" in self.parts):
            raise InputError("split: samples without a part and samples of a part do not go together; name both parts")
        given = [None] * len(vectors) if y is None else y.tolist()
        if self.parts and type(given[0]) is not type(self.y_given[0]):
            raise InputError("y: give labels of one kind for both parts, or for none")
        self.x = torch.cat([self.x, vectors]) if self.parts else vectors
        self.split = torch.cat([self.split, torch.full((len(vectors),), SPLITS[name])])
        self.parts[name], self.digests[name] = len(vectors), digest
        self.y_given += given
        self._label()

    def _label(self) -> None:
        """Classes as numbers from 0, in the order of their names; targets stay numbers."""
        if self.y_given[0] is None:
            self.y, self.labels, self.classes = torch.zeros(len(self.x), dtype=torch.int64), None, None
        elif continuous(np.array(self.y_given)):
            self.y, self.labels, self.classes = torch.tensor(self.y_given), None, None
        else:
            classes, codes = np.unique(np.array(self.y_given), return_inverse=True)
            self.y = self.labels = torch.from_numpy(codes.astype(np.int64))
            self.classes = classes.tolist()

    def part(self, name: str) -> Tensor:
        """Indices of the samples of a part; `all` is every sample.

        Raises:
            InputError: no such part was recorded.
        """
        if name != "all" and name not in self.parts:
            raise InputError(
                f"samples: {name}: the recording holds {', '.join(self.parts)}; snapshot(…, split={name!r})"
            )
        if name == "all":
            return torch.arange(len(self))
        return torch.nonzero(self.split == SPLITS[name]).flatten()

    def range(self, name: str) -> range:
        """Indices of a part as they came."""
        start = sum(n for other, n in list(self.parts.items())[: list(self.parts).index(name)])
        return range(start, start + self.parts[name])

    def inputs(self, index: Tensor) -> tuple[Tensor, ...]:
        """Inputs as vectors: a recording holds nothing else of them."""
        return (self.x[index],)


class LiveRecording(Recording):
    """Layers of a network that somebody else trains. Made by `infoflow.record`.

    Attributes:
        layers: names of the layers, in the order of a pass; known from the first snapshot on.
        epochs: the snapshots, of the recording's one seed.
        given: the samples.
    """

    def __init__(
        self,
        model: nn.Module | None,
        layers: Sequence[str] | Mapping[str, str] | None,
        store: Store | None,
        *,
        seed: int = 0,
        pool: Pool | Mapping[str, Pool] | None = None,
        steps_per_epoch: int | None = None,
        batch_size: int | None = None,
        at_snapshot: Callable[[LiveRecording, Split], Any] | None = None,
    ) -> None:
        self.model = None if model is None else unwrapped(model)
        self.asked, self.store, self.pool = layers, store, pool
        self.seed, self.steps_per_epoch, self.batch_size = seed, steps_per_epoch, batch_size
        self.at_snapshot = at_snapshot
        self.layers, self.paths, self.epochs = [], {}, {seed: []}
        self.given = GivenSamples()
        self._tables: dict[tuple[int, Split], Any] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._numbers = 0
        self._earlier: dict[str, tuple[int, ...]] = {}  # shapes of the layers that a folder holds from before
        self.taken: dict[str, list[int]] = {}  # snapshots of each part
        self._running: tuple[int, Mapping[str, Any]] | None = (
            None  # the snapshot that is being taken, inputs of its parts
        )
        _check_pool(pool)
        if isinstance(store, Folder) and store.description:
            self._resume(store.description)

    # the loop's side

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.model = None  # the recording outlives the loop, the model need not

    def snapshot(self, epoch: int, x: Any, y: Any = None, *, split: Split = "all") -> None:
        """Record the layers on some samples, which have to be the same at every snapshot.

        The model runs in evaluation mode without gradients and is as before afterwards: mode, hooks, gradients, buffers,
        parameters and random state.

        Args:
            epoch: number of the snapshot; an update where the recording has `steps_per_epoch`.
            x: inputs as the model takes them: a tensor (n, …), a tuple of arguments or a mapping of keywords.
            y: classes (n,), numbers or names; numbers with fractions are continuous targets; None: no labels.
            split: `train` and `test` in two calls record both parts.

        Raises:
            InputError: a layer does not exist or is not called, the samples changed, labels do not fit, or memory ends.
        """
        number = _number(epoch)
        if self.model is None:
            raise InputError("snapshot: the recording is closed; take snapshots within its `with` block")
        if split not in SPLITS:
            raise InputError(f"split: expected {', '.join(SPLITS)}, found {split!r}")
        x, n = inputs(x, self.model)
        labels = _labels(y, n)
        self._look(x)
        self._same(split, x, labels, n)
        self._go_on(number)
        with evaluation(self.model):
            self._running = number, {split: x}
            try:
                if self.store is not None:
                    self._check_room(n)
                    self.store.put(number, split, self._values_of_part(split, torch.arange(n), self.layers))
                self._estimate(number, split)
            finally:
                self._running = None
        self.taken[split] = sorted({*self.taken.get(split, []), number})
        self.epochs = {self.seed: sorted(set().union(*self.taken.values()))}
        self._describe()

    def _estimate(self, number: int, split: Split) -> None:
        """Run the estimators that were asked for at every snapshot."""
        if self.at_snapshot is None:
            return
        before = self.taken.get(split, [])
        self.taken[split] = [number]
        try:
            self._tables[number, split] = self.at_snapshot(self, split)
        finally:
            self.taken[split] = before

    def _go_on(self, number: int) -> None:
        """Before the first snapshot in a folder that holds some: later ones are of another training, earlier ones are estimated."""
        if not self._earlier:
            return
        self._earlier = {}
        for part, taken in self.taken.items():
            self.taken[part] = [epoch for epoch in taken if epoch < number]
            for epoch in self.taken[part]:
                self._estimate(epoch, part)

    def _look(self, x: Any) -> None:
        """Find the layers at the first snapshot, and their shapes."""
        if self._shapes:
            return
        few = inputs_on(x, device_of(self.model), slice(0, 2))  # of one alone a squeeze would take the axis
        found = calls(self.model, few)
        asked = self.asked
        if isinstance(asked, Mapping):
            paths = {name: "" if path == OUTPUT else path for name, path in asked.items()}
            for path in filter(None, paths.values()):
                resolved([path], self.model, found)
            inner = sorted((name for name in paths if paths[name]), key=lambda name: place(paths[name], found))
            self.paths = {name: paths[name] for name in (*inner, *(name for name in paths if not paths[name]))}
        elif asked is None:
            self.paths = {name: name for name in leaves(found, len(tensors(few)[0]))}
        else:
            inner = [name for name in asked if name != OUTPUT]
            self.paths = {name: name for name in resolved(inner, self.model, found)}
            if OUTPUT in asked:
                self.paths[OUTPUT] = ""
        if not self.paths:
            raise InputError("layers: none; name some of infoflow.layers(model, x), or `output`")
        if self.layers and list(self.paths) != self.layers:
            raise InputError(f"layers: {self.store} was begun with {', '.join(self.layers)}; take another folder")
        self.layers = list(self.paths)
        if isinstance(self.pool, Mapping) and (unknown := [name for name in self.pool if name not in self.layers]):
            raise InputError(f"pool: {', '.join(unknown)} not among the layers {', '.join(self.layers)}")
        outputs = [shape for called in found.values() for shape in called.shapes if shape]
        self._numbers = sum(math.prod(shape[1:]) for shape in outputs)  # that a pass makes of one sample
        with evaluation(self.model), capture(self.model, self.paths) as captured:
            run(self.model, few)
        n = len(tensors(few)[0])
        shapes = {name: tuple(by_map(self._pooled(name, captured[name], n)).shape[1:]) for name in self.layers}
        if self._earlier and shapes != self._earlier:
            raise InputError(
                f"layers: {self.store} holds other shapes than {shapes}: another network, or pool; take another folder"
            )
        self._shapes = shapes

    def _same(self, split: Split, x: Any, y: Tensor | np.ndarray | None, n: int) -> None:
        """Hold the samples of a part against those of the snapshots before."""
        digest = _digest(x, y)
        if split not in self.given.parts:
            self.given.add(split, _vectors(x, n), y, digest)
            if self.store is not None:
                self.store.put_samples(split, self.given)
        elif self.given.digests[split] != digest:
            raise InputError(
                f"snapshot: the samples (split {split}) differ from those before; a recording follows the same "
                "samples, in the same order and with the same labels"
            )

    def _check_room(self, n: int) -> None:
        """Raise before a pass whose values would not fit into memory."""
        if isinstance(self.store, Memory):
            self.store.check_room(4 * n * sum(math.prod(shape) for shape in self._shapes.values()))

    def _describe(self) -> None:
        if self.store is not None:
            self.store.describe(
                {
                    "layers": self.layers, "paths": self.paths, "seed": self.seed, "steps_per_epoch": self.steps_per_epoch,
                    "parts": self.given.parts, "digests": self.given.digests, "snapshots": self.taken,
                    "shapes": {name: list(shape) for name, shape in self._shapes.items()},
                }
            )  # fmt: skip

    def _resume(self, description: Mapping[str, Any]) -> None:
        """Take up a folder that holds snapshots."""
        if self.model is not None and description["seed"] != self.seed:
            raise InputError(f"{self.store}: holds seed {description['seed']}, not {self.seed}; take another folder")
        self.seed, self.steps_per_epoch = description["seed"], description["steps_per_epoch"]
        self.layers, self.paths = list(description["layers"]), dict(description["paths"])
        self.taken = {part: list(taken) for part, taken in description["snapshots"].items()}
        self.epochs = {self.seed: sorted(set().union(*self.taken.values()))}
        self._earlier = {name: tuple(shape) for name, shape in description["shapes"].items()}
        for part in description["parts"]:
            x, y = self.store.samples(part)
            self.given.add(part, x, y, description["digests"][part])

    # the estimators' side

    @property
    def table(self) -> pd.DataFrame:
        """What the estimators of `record(…, estimate=…)` found so far, as `infoflow.estimate` returns it.

        Raises:
            InputError: none ran.
        """
        if not self._tables:
            raise InputError("table: nothing was estimated at snapshots; infoflow.estimate(recording) does it now")
        return pd.concat(self._tables.values(), ignore_index=True)

    def report(self, seed: int, snapshots: int) -> None:
        """As in the base class; a notebook needs no log."""

    def snapshots(self, seed: int, samples: str) -> list[int]:
        """As in the base class; of all samples those that every part has."""
        if samples in self.taken:
            return self.taken[samples]
        return sorted(set.intersection(*map(set, self.taken.values()))) if samples == "all" and self.taken else []

    def samples(self, seed: int) -> Samples:
        """The samples of the network."""
        return self.given

    def values(self, seed: int, snapshot: int, index: Tensor, layers: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
        """As in the base class."""
        if unknown := [layer for layer in layers if layer not in self.layers]:
            raise InputError(f"layers: {', '.join(unknown)} not recorded; record(model, layers=[…, {unknown[0]!r}])")
        running = self._running is not None and snapshot == self._running[0]
        if not running and self.store is None:
            raise InputError(
                "this recording keeps no values, since it estimates at each snapshot: see its `table`, or record "
                "without `estimate`, or with `to`"
            )
        parts = [(name, self.given.range(name)) for name in self.given.parts]
        inside = [(name, (index >= r.start) & (index < r.stop), r.start) for name, r in parts]
        inside = [(name, rows, start) for name, rows, start in inside if rows.any()]
        for group in held_at_once(layers, self._shapes_of(layers), len(index)):
            pieces = {}
            for name, rows, start in inside:
                own = index[rows] - start
                source = self._values_of_part(name, own, group) if running else self._stored(snapshot, name, own, group)
                for layer, values in source:
                    pieces.setdefault(layer, []).append((rows, values))
            for layer in group:
                yield layer, _joined(pieces.pop(layer), len(index))

    def _shapes_of(self, layers: Sequence[str]) -> dict[str, tuple[int, ...]]:
        return {layer: self._shapes.get(layer, (0,)) for layer in layers}

    def _stored(self, snapshot: int, part: str, index: Tensor, layers: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
        for layer in layers:
            values = self.store.get(snapshot, part, layer, self.layers)
            yield layer, values if torch.equal(index, torch.arange(len(values))) else values[index]

    def _values_of_part(self, part: str, index: Tensor, layers: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
        """Values (n, maps, size) of a part's samples from passes of the model, block after block."""
        x = self._running[1].get(part)
        if x is None:
            raise InputError(f"samples: the part {part} is not among those of this snapshot; estimate parts one by one")
        device = device_of(self.model)
        for group in held_at_once(layers, self._shapes, len(index)):
            values: dict[str, Tensor] = {}
            start = 0
            for block in index.split(self._block()):
                with capture(self.model, {layer: self.paths[layer] for layer in group}) as captured:
                    run(self.model, inputs_on(x, device, block))
                for layer in group:
                    value = by_map(self._pooled(layer, captured[layer], len(block))).cpu()
                    if layer not in values:
                        values[layer] = value.new_empty(len(index), *value.shape[1:])
                    values[layer][start : start + len(block)] = value
                start += len(block)
            yield from values.items()

    def _module(self, layer: str) -> nn.Module | None:
        """The module of a layer."""
        return dict(self.model.named_modules()).get(NAME.fullmatch(self.paths[layer])["path"])

    def _block(self) -> int:
        """Samples of one pass."""
        return self.batch_size or max(1, min(1024, BLOCK // max(1, self._numbers)))

    def _pooled(self, layer: str, value: Tensor, n: int) -> Tensor:
        """A layer's values of n samples as floating-point numbers, sequences and maps pooled where asked."""
        how = self.pool.get(layer) if isinstance(self.pool, Mapping) else self.pool
        if callable(how):
            value = how(value)
        elif how is not None and value.dim() > 2:
            # maps (n, channels, places), or sequences (n, tokens, width)
            maps = value.dim() > 3 or isinstance(self._module(layer), CHANNELS_FIRST)
            value = POOLS[how](value.flatten(2) if maps else value.transpose(1, 2))
        if value.is_complex():
            raise InputError(
                f"layer {layer}: complex values; name a layer of real ones, or pool={{{layer!r}: torch.abs}}"
            )
        value = value if value.dtype in (torch.float32, torch.float64) else value.float()
        if not value.dim() or len(value) != n:
            raise InputError(
                f"layer {layer}: returns {tuple(value.shape)} for {n} samples; the first axis must be the samples: "
                f"pool={{{layer!r}: lambda t: …}} can put it there"
            )
        return value.reshape(n, -1) if value.dim() < 2 else value


def open_folder(folder: str | Path) -> LiveRecording:
    """A recording that was streamed to a folder.

    Raises:
        InputError: the folder holds none.
    """
    store = Folder(folder)
    if not store.description:
        raise InputError(f"{folder}: holds no recording; infoflow.record(model, to={str(folder)!r}) makes one")
    recording = LiveRecording(None, None, store)
    recording._shapes = {name: tuple(shape) for name, shape in store.description["shapes"].items()}
    return recording


def _joined(pieces: list[tuple[Tensor, Tensor]], n: int) -> Tensor:
    """Values of several parts at their places."""
    rows, values = pieces[0]
    if len(pieces) == 1 and bool(rows.all()):
        return values
    whole = values.new_empty(n, *values.shape[1:])
    for rows, values in pieces:
        whole[rows] = values
    return whole


def _check_pool(pool: Pool | Mapping[str, Pool] | None) -> None:
    for how in pool.values() if isinstance(pool, Mapping) else [pool]:
        if how is not None and not callable(how) and how not in POOLS:
            raise InputError(f"pool: expected {', '.join(POOLS)} or a function of a tensor (n, …), found {how!r}")


def _number(epoch: Any) -> int:
    """A snapshot's number."""
    try:
        number = int(epoch) if isinstance(epoch, float) and epoch.is_integer() else operator.index(epoch)
    except TypeError:
        number = -1
    if number < 0 or isinstance(epoch, bool):
        raise InputError(
            f"epoch: expected a whole number from 0 on, found {epoch!r}; for snapshots within an epoch count updates: "
            "record(…, steps_per_epoch=…)"
        )
    return number


def inputs(x: Any, model: nn.Module) -> tuple[Any, int]:
    """Inputs with arrays as tensors of the model's precision, and the number of samples.

    Raises:
        InputError: there are no samples, or tensors of different length.
    """
    kind = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    if isinstance(x, Mapping):
        x = {key: _tensor(value, kind) for key, value in x.items()}
    elif isinstance(x, tuple) or (isinstance(x, list) and any(isinstance(value, Tensor) for value in x)):
        x = tuple(_tensor(value, kind) for value in x)  # what a loader yields
    else:
        x = _tensor(x, kind)
    lengths = {len(tensor) if tensor.dim() else 0 for tensor in tensors(x)}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(f"x: expected tensors (n, …) with the same number of samples, found lengths {sorted(lengths)}")
    return x, lengths.pop()


def _tensor(value: Any, kind: torch.dtype) -> Any:
    if isinstance(value, (Tensor, str, int, float, bool, type(None))):
        return value
    try:
        tensor = as_tensor(value, "x")
        return tensor.to(kind) if tensor.is_floating_point() else tensor
    except ValueError as error:
        raise InputError(f"{error}; of a DataLoader take the samples out first: x, y = next(iter(loader))") from None


def _labels(y: Any, n: int) -> Tensor | np.ndarray | None:
    """Labels (n,) of any kind, None where there are none."""
    if y is None:
        return None
    try:
        labels = y.detach().cpu() if isinstance(y, Tensor) else as_array(y, "y")
    except ValueError as error:
        raise InputError(str(error)) from None
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if tuple(labels.shape) != (n,):
        raise InputError(f"y: expected one label for each of {n} samples, (n,), found the shape {tuple(labels.shape)}")
    return labels


def _vectors(x: Any, n: int) -> Tensor:
    """All inputs as vectors (n, d)."""
    return torch.cat([tensor.detach().cpu().float().reshape(n, -1) for tensor in tensors(x)], 1)


def _digest(x: Any, y: Tensor | np.ndarray | None) -> str:
    """What tells samples apart."""
    made = hashlib.sha256()
    for tensor in tensors(x):
        made.update(str((tuple(tensor.shape), tensor.dtype)).encode())
        made.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    made.update(repr(None if y is None else y.tolist()).encode())
    return made.hexdigest()
