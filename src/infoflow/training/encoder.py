"""Train the recurrent encoder–decoder, one network for each held-out speaker, with early stopping, resumable.

Writes what `infoflow.training.ensemble` writes; of each network two snapshots are kept: the initial weights, and under the
last epoch's number those of the epoch with the best unweighted accuracy on the validating speaker. The history has loss,
accuracy, unweighted accuracy (ua) and recall of each class (recall:k) at every epoch; `chosen` is the epoch kept.
"""

from __future__ import annotations

import copy
import time
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from infoflow.config.jobs import TrainJob
from infoflow.errors import InputError
from infoflow.models import build
from infoflow.models.hooks import capture
from infoflow.models.modules import Dropout, handed
from infoflow.models.sequences import padded
from infoflow.models.stack import ModuleStack
from infoflow.seeds import torch_generator
from infoflow.storage.files import atomic, canonical_json
from infoflow.storage.hdf5 import read_h5
from infoflow.storage.tables import write_table
from infoflow.training import ensemble
from infoflow.training.folds import fold_split
from infoflow.training.losses import class_scatter, class_weights
from infoflow.training.objective import Objective
from infoflow.training.optimisers import Orthonormal
from infoflow.training.rate_distortion import combine, over_time
from infoflow.training.resume import State, part

SPLITS = ("train", "test", "valid")  # the numbers in `split`
POOL = 8  # batches whose sequences are sorted by length together


def run(job: TrainJob, dataset: str, folders: list[str], resume: str) -> None:
    """Train every network and write the point's folder."""
    ensemble.run(job, dataset, folders, resume, trainer=Sequences)


def scores(logits: Tensor, labels: Tensor, weights: Tensor) -> dict[str, float]:
    """Weighted loss, accuracy, unweighted accuracy over the classes that occur, and each class's recall."""
    right = (logits.argmax(-1) == labels).double()
    recalls = {f"recall:{c}": float(right[labels == c].mean()) for c in labels.unique().tolist()}
    loss = F.cross_entropy(logits, labels, weights, reduction="sum") / len(labels)
    return {"loss": float(loss), "accuracy": float(right.mean()), "ua": sum(recalls.values()) / len(recalls), **recalls}


class Sequences:
    """Networks of one point, trained one after the other."""

    def __init__(self, job: TrainJob, dataset: str) -> None:
        self.job, self.training, (self.point,) = job, job.training, job.points
        arrays, attributes = read_h5(dataset, "x", "offsets", "y", "group", "validates")
        self.frames, self.offsets, self.y, self.group, self.validates = (
            torch.from_numpy(arrays[k]) for k in ("x", "offsets", "y", "group", "validates")
        )
        self.lengths = self.offsets.diff()
        self.classes = int(attributes["classes"])
        self.kept: dict[str, list[Tensor]] = {}
        self.history: list[dict[str, Any]] = []
        self.net, self.epoch, self.done = 0, 0, 0  # `done` batches of the epoch
        self.within: Tensor | None = None  # state of the stream within the epoch that a saved run goes on with

    def fold(self, net: int) -> int:
        """The speaker that a network is tested on."""
        return net % (int(self.group.max()) + 1) if self.training.fold is None else self.training.fold

    # --- the loop

    def train(self, state: State) -> None:
        """Train every network; now and then save the state, also within an epoch."""
        torch.set_num_threads(1)
        started = time.monotonic()
        self._start()
        if self._load_state(state):
            print(f"resuming at network {self.net}, epoch {self.epoch}", flush=True)
        while self.net < self.job.seeds:
            while self.epoch < self.training.epochs and not self._stalled():
                self._one_epoch(state)
            self._keep(self.training.epochs, self.best)
            self._note(self.chosen, "valid", {"chosen": float(self.chosen)})
            print(
                f"network {self.net + 1}/{self.job.seeds}: {self.epoch} epochs, {self.chosen} kept with "
                f"ua {self.best_score[0]:.3f} on the validating speaker, {time.monotonic() - started:.0f} s",
                flush=True,
            )
            self.net, self.epoch = self.net + 1, 0
            self._start()

    def _start(self) -> None:
        """The next network at its initial weights."""
        if self.net >= self.job.seeds:
            return
        root = self.job.seed
        self.model = build(self.job.model, (self.frames.shape[1],), self.classes)
        self.model.initialise(torch_generator(root, self.net, self.fold(self.net), "init"))
        self.stream = torch_generator(root, self.net, self.fold(self.net), "training")
        self.split = fold_split(self.group, self.validates, self.fold(self.net))
        self.train_y = self.y.clone()
        own = torch.nonzero(self.split == 0).flatten()
        if self.point.training.labels == "shuffled":
            generator = torch_generator(root, self.net, self.fold(self.net), "labels")
            self.train_y[own] = self.y[own][torch.randperm(len(own), generator=generator)]
        self.stack = ModuleStack([self.model])
        self.objective = Objective([self.point.training], 1, list(self.model.layers))
        weighted = self.training.class_weights
        self.weights = class_weights(self.y[own], self.classes) if weighted else torch.ones(self.classes)
        self.optimiser = self._optimiser()
        self.orthonormal = Orthonormal(self.stack, self.objective.orthonormal)
        self.updates = sum(map(len, self._pools(own)))  # in an epoch
        self._keep(0, self.model.state_dict())
        self.best, self.best_score, self.chosen = copy.deepcopy(self.model.state_dict()), (-1.0, 0.0), 0
        for name in ("valid", "test"):
            self._note(0, name, self.evaluate(name))

    def _optimiser(self) -> torch.optim.Optimizer:
        rate = self.point.training.learning_rate
        if self.training.optimiser == "adam":
            return torch.optim.Adam(self.model.parameters(), rate)
        return torch.optim.SGD(self.model.parameters(), rate, momentum=self.training.momentum)

    def _stalled(self) -> bool:
        patience = self.training.patience
        return patience is not None and self.epoch - self.chosen >= patience

    def _pools(self, order: Tensor) -> list[list[Tensor]]:
        """Batches of near equal size within pools of sequences sorted by length."""
        size = self.training.batch_size
        pools = [pool[self.lengths[pool].argsort(stable=True)] for pool in order.split(POOL * size)]
        return [list(pool.tensor_split(max(1, round(len(pool) / size)))) for pool in pools]

    def _batches(self) -> list[Tensor]:
        """Training sequences in batches of like lengths: sorted within pools of a random order, batches in random order."""
        own = torch.nonzero(self.split == 0).flatten()
        order = own[torch.randperm(len(own), generator=self.stream)]
        batches = [batch for pool in self._pools(order) for batch in pool]
        return [batches[i] for i in torch.randperm(len(batches), generator=self.stream).tolist()]

    def _one_epoch(self, state: State) -> None:
        self.drawn_from = self.stream.get_state()
        batches = self._batches()
        if self.within is not None:  # an interrupted epoch goes on where its stream was
            self.stream.set_state(self.within)
            self.within = None
        if self.training.frozen:
            batches, self.last_loss = [], torch.zeros(())
        for index in batches[self.done :]:
            self.model.train()
            frames, lengths = padded(self.frames, self.offsets, index)
            self.last_loss = self._loss(frames, lengths, self.train_y[index])
            self.optimiser.zero_grad()
            self.last_loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimiser.step()
            self.orthonormal.step()
            self.done += 1
            if state.due():
                self._save_state(state)
        self.done = 0
        self.epoch += 1
        if not torch.isfinite(self.last_loss):
            raise InputError(
                f"experiments.{self.job.experiment}, point {self.point.id}, network {self.net}: the loss is not "
                f"finite at epoch {self.epoch}; lower training.learning_rate"
            )
        valid = self.evaluate("valid")
        self._note(self.epoch, "valid", valid)
        self._note(self.epoch, "test", self.evaluate("test"))
        if (score := (valid["ua"], -valid["loss"])) > self.best_score:
            self.best, self.best_score, self.chosen = copy.deepcopy(self.model.state_dict()), score, self.epoch

    def _loss(self, frames: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """Weighted cross-entropy in nats, or with a finite trade-off β the rate over time + β times it, and penalties."""
        trade_off = torch.tensor(float(self.point.training.trade_off))
        rated = self.training.loss == "rate_distortion" and bool(torch.isfinite(trade_off))
        scattered = self.objective.scattered
        rate_gradient = rated and self.training.rate_gradient
        layers = ({"states": "states"} if rate_gradient else {}) | ({"decoder": "decoder"} if scattered else {})
        with handed(self.model, Dropout, self._masks(len(labels))), capture(self.model, layers) as values:
            logits = self.model(frames, lengths)
        loss = F.cross_entropy(logits, labels, self.weights, reduction="sum") / len(labels)
        if rated:
            training, rate = self.training, torch.zeros(())
            if rate_gradient:
                rate, _ = over_time(
                    frames, values["states"], lengths, training.positions, training.kernel_variance, training.alpha
                )
            loss = combine(rate.mean(), loss.double(), trade_off.double(), training.divide_loss)
        if scattered:
            loss = loss + self.objective.scatter[0] * class_scatter(values["decoder"][None], labels[None])[0]
        penalty = self.objective.of_weights(self.stack)
        return loss + penalty[0] if isinstance(penalty, Tensor) else loss

    def _masks(self, batch: int) -> Tensor | None:
        """Dropout masks (units, batch), where training asks for them, from the network's stream."""
        if not self.objective.dropped:
            return None
        return self.objective.masks(torch.rand(1, self.stack.mask_units, batch, generator=self.stream))[0]

    @torch.no_grad()
    def evaluate(self, split: str) -> dict[str, float]:
        """Scores of the model as it is on a split."""
        self.model.eval()
        index = torch.nonzero(self.split == SPLITS.index(split)).flatten()
        index = index[self.lengths[index].argsort(stable=True)]
        logits = torch.cat([self.model(*padded(self.frames, self.offsets, part)) for part in index.split(64)])
        return scores(logits, self.y[index], self.weights)

    # --- what is kept

    def _keep(self, epoch: int, state: dict[str, Tensor]) -> None:
        for name, value in state.items():
            made = self.kept.setdefault(f"{epoch}/{name}", [])
            del made[self.net :]
            made.append(value.detach().clone())

    def _note(self, epoch: int, split: str, values: dict[str, float]) -> None:
        self.history += [
            {
                "seed": self.net,
                "epoch": epoch,
                "step": epoch * self.updates,
                "split": split,
                "metric": name,
                "value": value,
            }
            for name, value in values.items()
        ]

    def write(self, folders: list[str], key: str) -> None:
        """Write the weights and history of the point."""
        epochs = [0, self.training.epochs]
        attributes = {
            "experiment": self.job.experiment, "key": key, "snapshots": epochs, "epochs": epochs,
            "steps": [epoch * self.updates for epoch in epochs], "seeds": list(range(self.job.seeds)),
        }  # fmt: skip
        with atomic(f"{folders[0]}/weights.safetensors") as temporary:
            stacked = {name: torch.stack(values) for name, values in self.kept.items()}
            save_file(stacked, temporary, {"run": canonical_json(attributes)})
        table = pd.DataFrame(self.history).drop_duplicates(["seed", "epoch", "split", "metric"], keep="last")
        table["noisy"] = False
        columns = ["seed", "epoch", "step", "split", "noisy", "metric", "value"]
        write_table(f"{folders[0]}/history.parquet", table[columns])

    # --- resume state

    def _save_state(self, state: State) -> None:
        tensors = {f"model/{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"best/{k}": v for k, v in self.best.items()}
        tensors |= {f"kept/{k}": torch.stack(v) for k, v in self.kept.items()}
        for i, slot in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{i}/{k}": v for k, v in slot.items() if v is not None}
        tensors |= {"drawn_from": self.drawn_from, "stream": self.stream.get_state()}
        tensors |= {"last_loss": self.last_loss.detach()}
        names = ("net", "epoch", "done", "chosen", "best_score", "history")
        state.save(tensors, {name: getattr(self, name) for name in names})

    def _load_state(self, state: State) -> bool:
        """Take over a saved state, if there is one; the stream is then that of the epoch's start."""
        saved = state.load()
        if saved is None:
            return False
        tensors, values = saved
        self.net = values["net"]
        self._start()
        self.epoch, self.done, self.chosen = values["epoch"], values["done"], values["chosen"]
        self.history, self.best_score = values["history"], tuple(values["best_score"])
        self.kept = {name: list(value) for name, value in part(tensors, "kept").items()}
        self.model.load_state_dict(part(tensors, "model"))
        self.best = part(tensors, "best")
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in part(tensors, "optimiser").items():
            i, slot = name.split("/")
            slots.setdefault(int(i), {})[slot] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": slots, "param_groups": groups})
        self.stream.set_state(tensors["drawn_from"])
        self.within = tensors["stream"]
        self.last_loss = tensors["last_loss"]
        return True
