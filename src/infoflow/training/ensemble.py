"""Train one stacked ensemble: every seed of every stacked point side by side, resumable, one thread.

Writes for each point `weights.safetensors` (keys `<snapshot>/<parameter>`, shape (seeds, …)) and `history.parquet`
(seed, epoch, step, split, noisy, metric, value). Training goes in rounds, which also name the snapshots: a round is a
pass over the training set, or a single update where `steps_per_epoch` says how many of them make an epoch.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from infoflow.config.jobs import TrainJob
from infoflow.errors import InputError
from infoflow.models import build
from infoflow.models.hooks import layer_shapes
from infoflow.models.stack import Stack
from infoflow.progress import Progress
from infoflow.seeds import torch_generator
from infoflow.storage.files import atomic, canonical_json, locked
from infoflow.storage.hdf5 import read_h5
from infoflow.storage.tables import write_table
from infoflow.training.losses import accuracy, class_weights, per_sample_loss, target_of
from infoflow.training.objective import Objective
from infoflow.training.optimisers import Adam, Orthonormal, Sgd
from infoflow.training.resume import SAVE_EVERY, State, key, part

# Random numbers of a seed drawn at once: many epochs for a scalar net, one for a wide one. Of a seed, since order and noise of
# the rounds drawn at once come one after the other from its stream: it trains the same network however many there are.
NOISE_BUFFER = 2**17
EVALUATION_BUFFER = 2**23  # layer values alive while a split is evaluated


def run(
    job: TrainJob,
    dataset: str,
    folders: list[str],
    resume: str,
    save_every: float = SAVE_EVERY,
    trainer: Callable[[TrainJob, str], Any] | None = None,
) -> None:
    """Train the stack that `job` describes and write one folder a point; `trainer` is `Ensemble` by default.

    Resume state lies under `resume` until the outputs are written; a killed job goes on from it, and what it
    then writes equals an unbroken run's.

    Raises:
        InputError: training produced a value that is not finite.
    """
    name = key(job, dataset)
    path = Path(resume) / f"{job.experiment}-{name}.safetensors"
    with locked(path.with_suffix(".lock")) as waited:
        if waited and all(_written_by(name, folder) for folder in folders):
            print("written by a job that outlived its workflow", flush=True)
            return
        ensemble = (trainer or Ensemble)(job, dataset)
        state = State(path, save_every)
        ensemble.train(state)
        ensemble.write(folders, name)
        state.discard()


def _written_by(key: str, folder: str) -> bool:
    """Whether a folder's weights were written by a run with the same settings and data."""
    path = Path(folder) / "weights.safetensors"
    if not (path.is_file() and (path.parent / "history.parquet").is_file()):
        return False
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata().get("run", "{}")).get("key") == key


class Ensemble:
    """A stacked ensemble in training. Networks are ordered point by point, seeds within a point."""

    def __init__(self, job: TrainJob, dataset: str) -> None:
        self.job, self.training = job, job.training
        self.by_update = self.training.steps_per_epoch  # updates that make an epoch, where rounds are updates
        self.points, self.seeds = job.points, job.seeds
        self.names = job.names
        self.nets = len(self.points) * self.seeds
        self._load(dataset)
        self.std = self._per_net([point.noise_std for point in self.points])
        self.stack = self._build()
        self.objective = Objective([point.training for point in self.points], self.seeds, list(self.stack.layers))
        self.class_weights = self._class_weights()
        self.optimiser = self._optimiser()
        self.orthonormal = Orthonormal(self.stack, self.objective.orthonormal)
        self.streams = {seed: torch_generator(job.seed, seed, "training") for seed in self.names}
        torch.manual_seed(
            torch_generator(job.seed, job.first_seed, "modules").initial_seed()
        )  # of a user's own modules
        # Where the training stands: the round, its place among the rounds drawn at once, the samples of it that are done.
        self.round, self.position, self.done = 0, 0, 0
        self.kept: dict[str, Tensor] = {}
        self.history: dict[str, list[np.ndarray]] = {"round": [], "value": []}

    def _load(self, dataset: str) -> None:
        arrays, self.data = read_h5(dataset, scaled=False)  # whole numbers stay so: a quarter of the memory
        x, y, split = (torch.from_numpy(arrays[name]) for name in ("x", "y", "split"))
        own = y.dim() == 2  # each seed has drawn its own samples
        if self.training.loss not in ("mse", "reconstruction") and y.is_floating_point():
            raise InputError(
                f"experiments.{self.job.experiment}.training.loss: {self.training.loss} is of classes, and {dataset} holds "
                "continuous targets; take loss: mse"
            )
        if own and len(x) < self.names.stop:
            raise InputError(
                f"{dataset}: holds draws for {len(x)} seeds, the experiment asks for {self.names.stop}; raise datasets.….seeds"
            )
        x, y = (
            (x[self.names.start : self.names.stop], y[self.names.start : self.names.stop])
            if own
            else (x[None], y[None])
        )
        train, test = torch.nonzero(split == 0).flatten(), torch.nonzero(split == 1).flatten()
        self.x, self.y = x[:, train], y[:, train]  # (seeds or 1, samples, …)
        self.splits = {"train": (self.x, self.y)}
        if len(test):
            self.splits["test"] = (x[:, test], y[:, test])
        rows = []
        for point in self.points:
            for k, seed in enumerate(self.names):
                labels = self.y[k % len(self.y)]
                if point.training.labels == "shuffled":
                    order = torch.randperm(len(labels), generator=torch_generator(self.job.seed, seed, "labels"))
                    labels = labels[order]
                rows.append(labels)
        self.train_y = torch.stack(rows)  # (nets, samples)

    def _build(self) -> Stack:
        """The networks at their initial values, the same seeds for every point."""
        shape, classes = tuple(self.x.shape[2:]), self.data.get("classes")
        once = [build(self.job.model, shape, classes) for _ in self.names]
        for network, seed in zip(once, self.names, strict=True):
            network.initialise(torch_generator(self.job.seed, seed, "init"))
        sizes = layer_shapes(once[0], once[0].layers, self._inputs(torch.zeros(1, *shape, dtype=self.x.dtype))).values()
        self.alive = max(sum(map(math.prod, sizes)), math.prod(shape))  # numbers that one sample takes in a pass
        return once[0].stack([copy.deepcopy(network) for _ in self.points for network in once])

    def _class_weights(self) -> Tensor | None:
        """Weights of the classes in the loss of each network, (nets, classes), where training asks for them."""
        if not self.training.class_weights:
            return None
        return torch.stack([class_weights(labels, int(self.data["classes"])) for labels in self.train_y])

    def _per_net(self, values: list[float]) -> Tensor:
        """A value of each point as one of each network, (nets,)."""
        return torch.tensor(values, dtype=torch.float32).repeat_interleave(self.seeds)

    def _learning_rate(self) -> Tensor:
        """Learning rate of each network, (nets,)."""
        return self._per_net([point.training.learning_rate for point in self.points])

    def _optimiser(self) -> Adam | Sgd:
        if self.training.optimiser == "adam":
            return Adam(self.stack, self._learning_rate())
        return Sgd(self.stack, self._learning_rate(), self.training.momentum)

    # --- the loop

    def train(self, state: State) -> None:
        """Train to the last round, keeping the snapshots; now and then save the state, also within a round."""
        torch.set_num_threads(1)
        snapshots, unit = set(self.job.snapshots), "update" if self.by_update else "epoch"
        rounds, chunk = self.training.epochs * (self.by_update or 1), self._chunk()
        within = self._load_state(state)  # streams as they were within the chunk that is gone on with
        if within is not None:
            print(f"resuming at {unit} {self.round}", flush=True)
        progress = Progress(unit, rounds, self.round)
        while self.round < rounds:
            start = self.round - self.position
            self.drawn_from = {seed: stream.get_state() for seed, stream in self.streams.items()}
            order, noise = self._draw(min(chunk, rounds - start))
            for seed, stream_state in (within or {}).items():
                self.streams[seed].set_state(stream_state)
            within = None
            for i in range(self.position, len(order[0])):
                z = None if noise is None else noise[:, i]
                if not self.done:
                    if self.round in snapshots:
                        self._keep()
                    self._decay(z)
                for done in self._steps(order[:, i], z, self.done):
                    self.done = done
                    if state.due():
                        self._save_state(state)
                self.round, self.position, self.done = self.round + 1, self.position + 1, 0
                if progress.due():
                    self._check_finite()
                    progress.report(self.round)
            self.position = 0
        self._keep()

    def _chunk(self) -> int:
        """Rounds drawn at once: by updates one pass over the set, so that a resumed run starts on a whole one."""
        if self.by_update:
            return self._batches()
        return max(1, NOISE_BUFFER // (self._noise_rows() * max(1, self.stack.noise_units)))

    def _batches(self) -> int:
        """Full batches in a pass over the training set."""
        batches = self.x.shape[1] // self.training.batch_size
        if not batches:
            raise InputError(
                f"experiments.{self.job.experiment}.training.batch_size: {self.training.batch_size} is more "
                f"than the {self.x.shape[1]} training samples"
            )
        return batches

    def _noise_rows(self) -> int:
        """Noisy samples a round: the training samples, and the test samples where the learning rate watches them."""
        if self.by_update:
            return self.training.batch_size
        return self.x.shape[1] + (self.splits["test"][0].shape[1] if self.training.decay else 0)

    def _draw(self, rounds: int) -> tuple[Tensor, Tensor | None]:
        """Order (seeds, rounds, samples of a round) and unit noise (seeds, rounds, units, rows) of some rounds."""
        samples, passes = self.x.shape[1], 1 if self.by_update else rounds
        noisy = bool((self.std > 0).any())
        order = torch.arange(samples).expand(self.seeds, passes, samples).contiguous()
        noise = torch.empty(self.seeds, rounds, self.stack.noise_units, self._noise_rows()) if noisy else None
        for seed, stream in enumerate(self.streams.values()):
            if self.training.shuffle:
                order[seed] = torch.stack([torch.randperm(samples, generator=stream) for _ in range(passes)])
            if noise is not None:
                noise[seed].normal_(generator=stream)
        if self.by_update:
            size = self.training.batch_size
            order = order[:, 0, : rounds * size].view(self.seeds, rounds, size)
        return order, noise

    def _steps(self, order: Tensor, noise: Tensor | None, done: int) -> Iterator[int]:
        """One pass in batches, or one batch; yields how many samples are done after each step.

        Args:
            order: samples of each seed, (seeds, samples).
            noise: unit noise, (seeds, units, rows), or None.
            done: samples that an interrupted run has done already.
        """
        size = self.training.batch_size
        if self.training.frozen:
            return
        for start in range(done, order.shape[1], size):
            index = order[:, start : start + size]  # (seeds, batch)
            z = None if noise is None else self._scaled(noise[:, :, start : start + index.shape[1]])
            part = self.training.micro_batch or index.shape[1]
            for first in range(0, index.shape[1], part):
                among = slice(first, first + part)
                self._backward(index[:, among], None if z is None else z[:, :, among], index.shape[1])
            self.optimiser.step(reset=not self.training.accumulate_gradients)
            self.orthonormal.step()
            yield start + size

    def _backward(self, index: Tensor, noise: Tensor | None, batch: int) -> None:
        """Add the gradient of some samples (seeds, part) of a batch, weighted with their share of it."""
        y = self.train_y.gather(1, index.repeat(len(self.points), 1))  # (nets, part)
        loss = self.loss(self._inputs(self._rows(index)), y, noise)
        (loss.sum() * (index.shape[1] / batch)).backward()

    def loss(self, x: Tensor, y: Tensor, noise: Tensor | None = None) -> Tensor:
        """Loss of every network (nets,) for inputs of the seeds (seeds, batch, …) and labels (nets, batch)."""
        inputs = self._expand(x)
        output, values = self.stack(inputs, noise, self._masks(x.shape[1]), self.objective.keep)
        weights = None if self.class_weights is None else self.class_weights.gather(1, y)
        target = target_of(self.training.loss, inputs, y)
        return self.objective(x, target, output, values, weights) + self.objective.of_weights(self.stack)

    def _masks(self, batch: int) -> Tensor | None:
        """Dropout masks (nets, units, batch) where a point asks for them, from the streams of the seeds."""
        if not self.objective.dropped:
            return None
        units = self.stack.mask_units
        return self.objective.masks(
            torch.stack([torch.rand(units, batch, generator=stream) for stream in self.streams.values()])
        )

    def _inputs(self, x: Tensor) -> Tensor:
        """Inputs as the networks take them."""
        return x.float() / float(self.data["x_divisor"]) if "x_divisor" in self.data else x.float()

    def _rows(self, index: Tensor) -> Tensor:
        """Training samples (seeds, batch, …) of an index (seeds, batch)."""
        if len(self.x) == 1:
            return self.x[0].index_select(0, index.flatten()).view(*index.shape, *self.x.shape[2:])
        return self.x[torch.arange(len(index))[:, None], index]

    def _scaled(self, noise: Tensor) -> Tensor:
        """Unit noise of the seeds (seeds, units, batch) as noise of the networks (nets, units, batch)."""
        return (noise * self.std.view(len(self.points), self.seeds, 1, 1)).flatten(0, 1)

    @torch.no_grad()
    def _decay(self, noise: Tensor | None) -> None:
        """Divide a network's learning rate permanently once its noisy test accuracy reaches the level."""
        rule = self.training.decay
        if rule is None or self.optimiser.decayed.all():
            return
        x, y = self.splits["test"]
        z = None if noise is None else self._scaled(noise[:, :, self.x.shape[1] :])
        self.stack.eval()
        output, _ = self.stack(self._expand(self._inputs(x)), z)
        self.stack.train()
        target = self._target(x, y)
        reached = accuracy(self.training.loss, output, target, self._targets()) >= rule.accuracy
        self.optimiser.decay(reached, rule.divisor)

    def _expand(self, values: Tensor) -> Tensor:
        """Values of the seeds (or shared by all) as values of the networks."""
        per_seed = values if len(values) == self.seeds else values.expand(self.seeds, *values.shape[1:])
        return per_seed.repeat(len(self.points), *[1] * (values.dim() - 1))

    def _target(self, x: Tensor, y: Tensor) -> Tensor:
        """What the outputs of the networks are held against, from inputs and labels of the seeds."""
        if self.training.loss != "reconstruction":
            return self._expand(y)
        return target_of(self.training.loss, self._expand(self._inputs(x)), y)

    def _targets(self) -> tuple[float, float]:
        return (float(self.y.min()), float(self.y.max())) if self.training.loss == "mse" else (0.0, 1.0)

    # --- snapshots

    def at(self, snapshot: int) -> None:
        """Keep the networks as they are, as the snapshot of this number."""
        self.round = snapshot
        self._keep()

    @torch.no_grad()
    def _keep(self) -> None:
        """Keep the weights, and loss and accuracy on each split with and without noise."""
        self._check_finite()
        for name, value in self.stack.stacked().items():
            self.kept[f"{self.round}/{name}"] = value.clone()
        self.stack.eval()
        generator = torch_generator(self.job.seed, "evaluation", self.round)
        values = []
        last = self.round == self.job.snapshots[-1]
        # a reconstruction is as large as its inputs: those of all samples would not fit
        size = None if last and self.training.loss != "reconstruction" else self.training.evaluated
        for x, y in ((x[:, :size], y[:, :size]) for x, y in self.splits.values()):
            for noisy in (False, True):
                z = None
                if noisy and bool((self.std > 0).any()):
                    z = self._scaled(torch.randn(self.seeds, self.stack.noise_units, x.shape[1], generator=generator))
                elif noisy:  # no noise: the values just taken
                    values += values[-2:]
                    continue
                output, truth = self._output(x, z), self._target(x, y)
                values.append(per_sample_loss(self.training.loss, output, truth).mean(1))
                values.append(accuracy(self.training.loss, output, truth, self._targets()))
        self.history["round"].append(np.array(self.round))
        self.history["value"].append(torch.stack(values).numpy())  # (splits × noisy × metrics, nets)
        self.stack.train()

    def _output(self, x: Tensor, noise: Tensor | None) -> Tensor:
        """Outputs (nets, samples, classes) of inputs of the seeds, in blocks of samples whose layers fit the memory."""
        size = max(1, EVALUATION_BUFFER // self.alive)
        return torch.cat(
            [
                self.stack(
                    self._expand(self._inputs(x[:, start : start + size])),
                    None if noise is None else noise[:, :, start : start + size],
                )[0]
                for start in range(0, x.shape[1], size)
            ],
            dim=1,
        )

    def _check_finite(self) -> None:
        for name, value in self.stack.stacked().items():
            bad = ~torch.isfinite(value.view(self.nets, -1)).all(1)
            if bad.any():
                net = int(torch.nonzero(bad)[0])
                raise InputError(
                    f"experiments.{self.job.experiment}, point {self.points[net // self.seeds].id}, seed "
                    f"{net % self.seeds}: {name} is not finite by {'update' if self.by_update else 'epoch'} {self.round}; lower training.learning_rate"
                )

    def _updates(self) -> int:
        """Updates in a round."""
        return 1 if self.by_update else -(-self.x.shape[1] // self.training.batch_size)

    def _columns(self) -> list[tuple[str, bool, str]]:
        """Split, noise and metric of each column of the history."""
        return [(s, noisy, metric) for s in self.splits for noisy in (False, True) for metric in ("loss", "accuracy")]

    def write(self, folders: list[str], key: str) -> None:
        """Write every point's weights and history."""
        rounds = [int(r) for r in self.history["round"]]
        updates, stored = self._updates(), sorted({int(name.split("/")[0]) for name in self.kept})
        epochs = [r / self.by_update for r in stored] if self.by_update else stored
        attributes = {
            "experiment": self.job.experiment,
            "key": key,
            "snapshots": stored,
            "epochs": epochs,
            "steps": [r * updates for r in stored],
            "seeds": list(self.names),
        }
        metadata = {"run": canonical_json(attributes)}  # one entry: safetensors writes several in any order
        values = np.stack(self.history["value"])  # (rounds, splits × noisy × metrics, nets)
        columns = self._columns()
        for k, folder in enumerate(folders):
            own = slice(k * self.seeds, (k + 1) * self.seeds)
            with atomic(f"{folder}/weights.safetensors") as temporary:
                save_file({n: v[own].contiguous() for n, v in self.kept.items()}, temporary, metadata)
            grid = pd.MultiIndex.from_product(
                [rounds, range(len(columns)), self.names], names=["round", "column", "seed"]
            )
            table = pd.DataFrame({"value": values[:, :, own].astype(np.float64).ravel()}, index=grid).reset_index()
            for i, name in enumerate(("split", "noisy", "metric")):
                table[name] = np.array([column[i] for column in columns])[table["column"]]
            table["epoch"] = table["round"] / self.by_update if self.by_update else table["round"]
            table["step"] = table["round"] * updates
            write_table(
                f"{folder}/history.parquet",
                table[["seed", "epoch", "step", "split", "noisy", "metric", "value"]],
            )

    # --- resume state

    def _save_state(self, state: State) -> None:
        """Save everything that the rest of the run depends on, with where it stands in the chunk of drawn rounds."""
        tensors = {f"stack/{k}": v for k, v in self.stack.state_dict().items()}
        tensors |= {f"optimiser/{k}": v for k, v in self.optimiser.state().items()}
        tensors |= {f"drawn_from/{k}": v for k, v in self.drawn_from.items()}
        tensors |= {f"streams/{k}": g.get_state() for k, g in self.streams.items()}
        tensors |= {f"kept/{k}": v for k, v in self.kept.items()}
        tensors["random_state"] = torch.get_rng_state()
        tensors["history/round"] = torch.from_numpy(np.array(self.history["round"], dtype=np.int64))
        tensors["history/value"] = torch.from_numpy(np.array(self.history["value"], dtype=np.float32))
        state.save(tensors, {"round": self.round, "position": self.position, "done": self.done})

    @torch.no_grad()
    def _load_state(self, state: State) -> dict[int, Tensor] | None:
        """Take over a saved state; the streams are then those of the chunk's start, those of the moment are returned."""
        saved = state.load()
        if saved is None:
            return None
        tensors, values = saved
        self.round, self.position, self.done = values["round"], values["position"], values["done"]
        self.stack.load_state_dict(part(tensors, "stack"))
        self.optimiser.load(part(tensors, "optimiser"))
        for seed, stream in self.streams.items():
            stream.set_state(tensors[f"drawn_from/{seed}"])
        torch.set_rng_state(tensors["random_state"])
        self.kept = part(tensors, "kept")
        self.history = {
            "round": list(tensors["history/round"].numpy()),
            "value": list(tensors["history/value"].numpy()),
        }
        return {int(seed): value for seed, value in part(tensors, "streams").items()}
