"""What is recorded of trained networks, from their weights or from a file: the layers of named modules on some samples.

Everything an estimator sees of a network comes through `Recording`: it does not know whether a pass is run or a file read.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import h5py
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob, RecordedPasses, RecordJob
from infoflow.errors import InputError
from infoflow.models import build
from infoflow.models.hooks import capture, layer_shapes
from infoflow.models.mlp import Moments
from infoflow.models.modules import GaussianNoise, handed, handed_units
from infoflow.recording.samples import Probe, Samples
from infoflow.seeds import torch_generator
from infoflow.storage.hdf5 import reading
from infoflow.storage.weights import read_network
from infoflow.training.losses import per_sample_loss, target_of

BLOCK = 2**25  # numbers of all layers that one pass makes: 128 MB
HELD = 2**28  # numbers of layers that are held at once; a network whose layers have more is run again for the next ones
OUTPUT = "output"  # the network's output as a layer


class Recording:
    """Layers of the networks of one point.

    Attributes:
        layers: names of the layers, from the input on.
        epochs: snapshots of each seed.
        probe: the samples.
    """

    layers: list[str]
    epochs: dict[int, list[int]]
    probe: Probe

    def samples(self, seed: int) -> Samples:
        """The samples of a seed's network."""
        return self.probe.samples(seed)

    def snapshots(self, seed: int, samples: str) -> list[int]:
        """Snapshots of a seed that hold a part of the samples."""
        return self.epochs[seed]

    def values(self, seed: int, snapshot: int, index: Tensor, layers: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
        """Noiseless values (n, maps, size) of each layer in order, (n, 1, width) of dense ones.

        Args:
            seed: of the network.
            snapshot: of its training.
            index: samples, (n,).
            layers: names, among them perhaps `output`, the network's output, of classifiers its softmax.
        """
        raise NotImplementedError

    def levels(
        self, seed: int, snapshot: int, index: Tensor, layers: Sequence[str], count: int
    ) -> Iterator[tuple[str, Tensor]]:
        """Levels 0 … count − 1 (n, maps, size) of layers of the quantised twin: the network with all layers rounded.

        Each layer has `count` evenly spaced levels from its least to its greatest value over the samples in the network itself;
        what follows sees the rounded layer.

        Args:
            seed: of the network.
            snapshot: of its training.
            index: samples, (n,).
            layers: names of hidden layers.
            count: number of levels.
        """
        raise InputError(
            "quantised layers: a file of activations holds none; record from weights (probe.keep_activations: false)"
        )

    def inputs_of(self, seed: int, snapshot: int, index: Tensor, layer: str) -> Tensor:
        """What a layer is compared with: the whole input as vectors (n, d), or what the network names for this layer."""
        return self.samples(seed).vectors(index)

    def has_own_input(self, layer: str) -> bool:
        """Whether a layer is compared with something else than the whole input."""
        return False

    def moments(self, seed: int, snapshot: int, layer: str) -> Moments:
        """Mean (n, d), covariance (n, d, d) and second-order shift of a noisy layer given each sample."""
        raise NotImplementedError

    def passes(self, seed: int, snapshot: int, layer: str) -> dict[str, Tensor]:
        """Noisy passes before the layer's own noise: `replicas` (count, n, d), `conditional` (count, inputs, d), if recorded."""
        raise NotImplementedError

    def errors(self, seed: int, snapshot: int, index: Tensor) -> dict[str, Tensor]:
        """Error signals δ (n, maps, size) of each layer that the output depends on, and of the `output` itself.

        δ_k is the gradient of the sum over samples of the loss, so that row i is the gradient of sample i's own loss: a
        mean over a batch would make it as many times smaller as the batch has samples.
        """
        raise InputError(
            "error signals: a file of activations holds none; record from weights (probe.keep_activations: false)"
        )

    def report(self, seed: int, snapshots: int) -> None:
        """Say that a seed's snapshots are done, in the log of a job."""
        print(f"seed {seed}: {snapshots} snapshots", flush=True)

    @functools.cached_property
    def _first_spreads(self) -> dict[tuple[object, ...], float]:
        return {}

    def first_spread(self, place: tuple[object, ...], spread: float) -> float:
        """Spread of a layer at the first snapshot at which it varies; 0 until then.

        Args:
            place: what names the layer: seed, samples, layer, part.
            spread: at this snapshot.
        """
        if spread and place not in self._first_spreads:
            self._first_spreads[place] = spread
        return self._first_spreads.get(place, 0.0)

    def chosen(self, layers: Collection[str]) -> list[str]:
        """The layers asked for, in the network's order; all where none are named.

        Raises:
            InputError: the network has no such layer.
        """
        if unknown := set(layers) - set(self.layers):
            raise InputError(f"layers: {', '.join(sorted(unknown))} not among {', '.join(self.layers)}")
        return [layer for layer in self.layers if layer in layers] if layers else list(self.layers)


class FromWeights(Recording):
    """A recording that runs the networks."""

    def __init__(self, job: EstimateJob | RecordJob, weights: str, probe: Probe) -> None:
        self.job, self.weights, self.epochs, self.probe = job, weights, job.epochs, probe
        self.network = build(job.model, self.probe.input_shape, self.probe.attributes.get("classes"))
        self.network.to(self.network.precision).eval()
        self.layers = list(self.network.layers)
        self._loaded: tuple[int, int] | None = None
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._kept: tuple[Any, Any] = (None, None)  # moments or passes of the last network that was asked for

    def state(self, seed: int, snapshot: int) -> Any:
        """The network of a seed at a snapshot."""
        if self._loaded != (seed, snapshot):
            self.network.load_state_dict(read_network(self.weights, snapshot, seed - self.job.first_seed))
            self._loaded = seed, snapshot
        return self.network

    def _inputs(self, seed: int, index: Tensor) -> tuple[Tensor, ...]:
        precision = self.network.precision
        x, *lengths = self.samples(seed).inputs(index)
        return (x.to(precision), *lengths)

    def _paths(self, layers: Collection[str]) -> dict[str, str]:
        """Modules of layers; the output is that of the whole network."""
        return {layer: "" if layer == OUTPUT else self.network.layers[layer] for layer in layers}

    def shapes(self, seed: int) -> dict[str, tuple[int, ...]]:
        """Shape of one sample's values of each layer."""
        if not self._shapes:
            one = self._inputs(seed, torch.zeros(1, dtype=torch.int64))
            self._shapes = layer_shapes(self.network, self._paths([*self.layers, OUTPUT]), *one)
        return self._shapes

    @torch.no_grad()
    def values(self, seed: int, snapshot: int, index: Tensor, layers: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
        """As in the base class; blocks of samples are run one after another."""
        shapes = self.shapes(seed)
        network = self.state(seed, snapshot)
        for group in held_at_once(layers, shapes, len(index)):
            values: dict[str, Tensor] = {}
            start = 0
            for block in index.split(self._block(seed)):
                with capture(network, self._paths(group)) as captured:
                    network(*self._inputs(seed, block))
                for layer in group:
                    value = by_map(captured[layer])
                    if layer == OUTPUT and self.job.loss not in ("mse", "reconstruction"):
                        value = value.softmax(-1)
                    if layer not in values:
                        values[layer] = value.new_empty(len(index), *value.shape[1:])
                    values[layer][start : start + len(block)] = value
                start += len(block)
            yield from values.items()

    @torch.no_grad()
    def levels(
        self, seed: int, snapshot: int, index: Tensor, layers: Sequence[str], count: int
    ) -> Iterator[tuple[str, Tensor]]:
        """As in the base class."""
        ranges = {name: torch.aminmax(value) for name, value in self.values(seed, snapshot, index, self.layers)}
        levels: dict[str, list[Tensor]] = {}

        def rounded(name: str, value: Tensor) -> Tensor:
            low, high = ranges[name]
            step = (high - low) / (count - 1) if high > low else torch.ones_like(low)
            level = ((value - low) / step).round().clamp(0, count - 1)
            if name in levels:  # of the layers that are held at once
                levels[name].append(by_map(level))
            return low + step * level

        for group in held_at_once(layers, self.shapes(seed), len(index)):
            levels.clear()
            levels.update({name: [] for name in group})
            for block in index.split(self._block(seed)):
                with capture(self.state(seed, snapshot), self._paths(self.layers), rounded):
                    self.network(*self._inputs(seed, block))
            yield from ((name, torch.cat(parts)) for name, parts in list(levels.items()))

    def _block(self, seed: int) -> int:
        """Samples of one pass."""
        return max(1, BLOCK // max(1, sum(math.prod(shape) for shape in self.shapes(seed).values())))

    def has_own_input(self, layer: str) -> bool:
        """As in the base class."""
        return layer in getattr(self.network, "inputs_of", {})

    @torch.no_grad()
    def inputs_of(self, seed: int, snapshot: int, index: Tensor, layer: str) -> Tensor:
        """As in the base class."""
        if not self.has_own_input(layer):
            return super().inputs_of(seed, snapshot, index, layer)
        with capture(self.network, {layer: self.network.inputs_of[layer]}) as captured:
            self.network(*self._inputs(seed, index))
        return captured[layer].flatten(1)

    def moments(self, seed: int, snapshot: int, layer: str) -> Moments:
        """As in the base class; covariance and shift in single precision, as files keep them."""
        key = ("moments", seed, snapshot)
        if self._kept[0] != key:
            (x,) = self._inputs(seed, torch.arange(len(self.samples(seed))))
            moments = self.state(seed, snapshot).moments(x, self.job.model.noise_std)
            self._kept = (
                key,
                {name: Moments(one.mean, one.covariance.float(), one.shift.float()) for name, one in moments.items()},
            )
        return self._kept[1][layer]

    def passes(self, seed: int, snapshot: int, layer: str) -> dict[str, Tensor]:
        """As in the base class."""
        wanted = self.job.replicas
        if wanted is None or snapshot not in wanted.epochs.get(seed, []):
            return {}
        key = ("passes", seed, snapshot)
        if self._kept[0] != key:
            (x,) = self._inputs(seed, torch.arange(len(self.samples(seed))))
            generator = torch_generator(self.job.seed, seed, "replicas", snapshot)
            network = self.state(seed, snapshot)
            self._kept = key, noisy_passes(network, x, self.job.model.noise_std, wanted, generator)
        return self._kept[1][layer]

    def errors(self, seed: int, snapshot: int, index: Tensor) -> dict[str, Tensor]:
        """As in the base class."""
        network, samples = self.state(seed, snapshot), self.samples(seed)
        blocks = []
        for block in index.split(self._block(seed)):
            with torch.enable_grad(), capture(network, self._paths([*self.layers, OUTPUT])) as captured:
                x, *lengths = self._inputs(seed, block)
                output = network(x, *lengths)
                target = target_of(self.job.loss, x[None], samples.y[block][None])
                loss = per_sample_loss(self.job.loss, output[None], target).sum()
            signals = torch.autograd.grad(loss, list(captured.values()), allow_unused=True)
            blocks.append({name: by_map(one) for name, one in zip(captured, signals, strict=True) if one is not None})
        return {name: torch.cat([block[name] for block in blocks]) for name in blocks[0]}


class FromFile(Recording):
    """A recording that was kept: see `infoflow.recording.record`."""

    def __init__(self, job: EstimateJob, path: str, probe: Probe) -> None:
        self.path, self.epochs, self.probe = path, job.epochs, probe
        with reading(path) as file:
            self.layers = list(file.attrs["layers"])

    def values(self, seed: int, snapshot: int, index: Tensor, layers: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
        """As in the base class."""
        for layer in layers:
            with reading(self.path) as file:
                value = torch.from_numpy(self._group(file, seed, snapshot, layer)["values"][()])
            yield layer, value if len(index) == len(value) else value[index]

    def _group(self, file: h5py.File, seed: int, snapshot: int, layer: str) -> h5py.Group:
        name = f"{seed}/{snapshot}/{layer}"
        if name not in file:
            raise InputError(f"{self.path}: holds nothing of seed {seed}, snapshot {snapshot}, layer {layer}")
        return file[name]

    def moments(self, seed: int, snapshot: int, layer: str) -> Moments:
        """As in the base class."""
        with reading(self.path) as file:
            group = self._group(file, seed, snapshot, layer)
            values, covariance, shift = (torch.from_numpy(group[k][()]) for k in ("values", "covariance", "shift"))
        return Moments(values.flatten(1), covariance, shift)

    def passes(self, seed: int, snapshot: int, layer: str) -> dict[str, Tensor]:
        """As in the base class."""
        with reading(self.path) as file:
            group = self._group(file, seed, snapshot, layer)
            return {name: torch.from_numpy(group[name][()]) for name in ("replicas", "conditional") if name in group}


def open_recording(job: EstimateJob, inputs: dict[str, list[str]], probe: Probe, point: int = 0) -> Recording:
    """The recording of one of a job's points from its file, of `activations` or of `weights`.

    All points of a stack start from the same weights: after the first point, snapshot 0 is left out where there are others.
    """
    kind = FromFile if "activations" in inputs else FromWeights
    recording = kind(job, inputs["activations" if kind is FromFile else "weights"][point], probe)
    if point:
        recording.epochs = {seed: [k for k in epochs if k] or epochs for seed, epochs in job.epochs.items()}
    return recording


def by_map(value: Tensor) -> Tensor:
    """A layer's values as (n, maps, size): convolutions (n, maps, …), everything of two axes one map."""
    return value.flatten(2) if value.dim() > 2 else value.reshape(len(value), 1, -1)


def held_at_once(layers: Sequence[str], shapes: dict[str, tuple[int, ...]], n: int) -> list[list[str]]:
    """The layers in groups, in order, whose values for n inputs fit into `HELD`; a larger layer is a group of its own."""
    groups: list[list[str]] = []
    room = 0
    for layer in layers:
        size = n * math.prod(shapes[layer])
        if size > room:
            groups.append([])
            room = HELD
        groups[-1].append(layer)
        room -= size
    return groups


@torch.no_grad()
def noisy_passes(
    network: Any, x: Tensor, std: float, wanted: RecordedPasses, generator: torch.Generator
) -> dict[str, dict[str, Tensor]]:
    """Independent noisy passes of all inputs, and many of a few inputs drawn without replacement, of each layer.

    What is kept of a pass is S = T − Z, a layer's value before its own noise: the centres of the mixture p(t). Networks
    run in single precision, as they were trained.
    """
    network = network.float()
    chosen = torch.randperm(len(x), generator=generator)[: wanted.conditional_inputs]
    passes: dict[str, dict[str, Tensor]] = {layer: {} for layer in network.layers}
    units = handed_units(network, GaussianNoise)
    for name, count, inputs in (
        ("replicas", wanted.count, x.float()),
        ("conditional", wanted.conditional, x[chosen].float()),
    ):
        drawn: dict[str, list[Tensor]] = {layer: [] for layer in network.layers}
        for _ in range(count):
            noise = std * torch.randn(1, units, len(inputs), generator=generator)[0]
            with handed(network, GaussianNoise, noise), capture(network, network.layers) as captured:
                network(inputs)
            start = 0
            for layer in network.layers:
                value = captured[layer].flatten(1)
                drawn[layer].append(value - noise[start : start + value.shape[1]].T)
                start += value.shape[1]
        for layer, values in drawn.items():
            passes[layer][name] = torch.stack(values)  # (count, inputs, d)
    network.to(network.precision)
    return passes
