"""Train stacked classifiers of context vectors: every trade-off (or penalty) × fold × repeat side by side.

Network `seed` is tested on speaker seed modulo the number of folds and sees that fold's own contexts. Loss, accuracy,
unweighted accuracy (ua) and recall of each class (recall:k) on the training, validating and test speakers are kept at every
snapshot, weights at the first and the last. An epoch is as many full batches as the smallest fold has.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from infoflow.config.jobs import TrainJob
from infoflow.errors import InputError
from infoflow.seeds import torch_generator
from infoflow.storage.hdf5 import read_h5
from infoflow.training import ensemble
from infoflow.training.optimisers import Adam, Momentum, Sgd
from infoflow.training.rate_distortion import class_weights, combine, information

SPLITS = ("train", "test", "valid")  # the numbers in `split`


def run(job: TrainJob, dataset: str, folders: list[str], resume: str) -> None:
    """Train the stacked ensemble and write one folder a point."""
    ensemble.run(job, dataset, folders, resume, trainer=Folds)


class Folds(ensemble.Ensemble):
    """An ensemble whose networks have each their own fold."""

    def __init__(self, job: TrainJob, dataset: str) -> None:
        super().__init__(job, dataset)
        trainings = [point.training for point in self.points]
        self.trade_off = self._per_net([training.trade_off for training in trainings])
        self.dropout = self._per_net([training.dropout for training in trainings])
        self.penalties = {1: self._per_net([t.l1 for t in trainings]), 2: self._per_net([t.l2 for t in trainings])}
        self.rated = self.training.loss == "rate_distortion" and bool(torch.isfinite(self.trade_off).any())

    def _load(self, dataset: str) -> None:
        arrays, self.data = read_h5(dataset, "x", "y", "split")
        self.x, self.y, self.split = (torch.from_numpy(arrays[k]) for k in ("x", "y", "split"))
        self.folds, self.classes = len(self.x), int(self.data["classes"])
        self.fold = torch.arange(self.seeds) % self.folds  # of each seed
        self.own = [torch.nonzero(split == 0).flatten() for split in self.split]
        size = self.training.batch_size
        self.batches = min(map(len, self.own)) // size
        if not self.batches:
            raise InputError(
                f"experiments.{self.job.experiment}.training.batch_size: {size} is more than the "
                f"{min(map(len, self.own))} training samples of a fold"
            )
        weighted = self.training.class_weights
        weights = [class_weights(self.y[own], self.classes) for own in self.own]
        self.weights = torch.stack(weights) if weighted else torch.ones(self.folds, self.classes)  # (folds, classes)
        rows = []
        for point in self.points:
            for seed in range(self.seeds):
                labels, own = self.y.clone(), self.own[seed % self.folds]
                if point.training.labels == "shuffled":
                    generator = torch_generator(self.job.seed, seed, "labels")
                    labels[own] = labels[own][torch.randperm(len(own), generator=generator)]
                rows.append(labels)
        self.train_y = torch.stack(rows)  # (nets, samples)
        self.splits = dict.fromkeys(SPLITS)

    def _optimiser(self) -> Adam | Sgd:
        rate = self._learning_rate()
        if self.training.optimiser == "sgd" and self.training.momentum:
            return Momentum(self.parameters, rate, self.nets, self.training.momentum)
        return super()._optimiser()

    def _updates(self) -> int:
        return self.batches

    # --- the loop

    def _draw(self, rounds: int) -> tuple[Tensor, None]:
        """Samples of some rounds, (seeds, rounds, batches × batch size): each fold's training samples in random order."""
        used = self.batches * self.training.batch_size
        order = torch.empty(self.seeds, rounds, used, dtype=torch.int64)
        for seed, stream in self.streams.items():
            own = self.own[seed % self.folds]
            for i in range(rounds):
                order[seed, i] = own[torch.randperm(len(own), generator=stream)[:used]]
        return order, None

    def _steps(self, order: Tensor, noise: None, done: int) -> Iterator[int]:
        """One epoch of samples (seeds, samples); yields how many are done after each step."""
        repeats, size = len(self.points), self.training.batch_size
        for start in range(done, order.shape[1], size):
            index = order[:, start : start + size]  # (seeds, batch)
            x = self.x[self.fold[:, None], index]
            y = self.train_y.gather(1, index.repeat(repeats, 1))
            loss = self.loss(x, y)
            loss.sum().backward()
            self.optimiser.step()
            yield start + size

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Loss of every network (nets,) for inputs (seeds, batch, d) and labels (nets, batch)."""
        repeats = len(self.points)
        output, hidden = self.model.forward(self.parameters, x.repeat(repeats, 1, 1), None, self._masks(x.shape[1]))
        weights = self.weights[self.fold].repeat(repeats, 1).gather(1, y)
        distortion = (F.cross_entropy(output.transpose(1, 2), y, reduction="none") * weights).mean(1)
        loss = distortion
        if self.rated:
            variance, alpha = self.training.kernel_variance, self.training.alpha
            rate = sum(information(x, [*hidden, output.softmax(-1)], variance, alpha))
            loss = combine(rate, distortion, self.trade_off, self.training.divide_loss)
        for power, strength in self.penalties.items():
            if strength.any():
                matrices = [value for name, value in self.parameters.items() if name.startswith("W")]
                loss = loss + strength * sum(w.abs().pow(power).sum((1, 2)) for w in matrices)
        return loss

    def _masks(self, batch: int) -> list[Tensor] | None:
        """Dropout masks of the hidden layers, (nets, units, batch), from the same uniform numbers for every point."""
        if not self.dropout.any():
            return None
        keep = (1 - self.dropout)[:, None, None]
        masks = []
        for units in self.model.layers[1:-1]:
            uniform = torch.stack([torch.rand(units, batch, generator=stream) for stream in self.streams.values()])
            masks.append((uniform.repeat(len(self.points), 1, 1) < keep) / keep)
        return masks

    # --- snapshots

    def _metrics(self) -> list[str]:
        return ["loss", "accuracy", "ua", *(f"recall:{c}" for c in range(self.classes))]

    def _columns(self) -> list[tuple[str, bool, str]]:
        return [(split, False, metric) for split in SPLITS for metric in self._metrics()]

    @torch.no_grad()
    def _keep(self) -> None:
        """Keep the scores on each split, and at the first and last epoch the weights."""
        self._check_finite()
        if self.round in (0, self.training.epochs):
            for name, value in self.parameters.items():
                self.kept[f"{self.round}/{name}"] = value.detach().clone()
        right, losses = self._predictions()
        values = []
        for number in range(len(SPLITS)):
            inside = (self.split == number)[self.fold].repeat(len(self.points), 1)  # (nets, samples)
            count = inside.sum(1)
            recalls = []
            for label in range(self.classes):
                own = inside & (self.y == label)
                recalls.append((right & own).sum(1) / own.sum(1))  # nan where a class does not occur
            values += [(losses * inside).sum(1) / count, (right & inside).sum(1) / count]
            values += [torch.stack(recalls).nanmean(0), *recalls]
        self.history["round"].append(torch.tensor(self.round).numpy())
        self.history["value"].append(torch.stack([v.float() for v in values]).numpy())

    def _predictions(self) -> tuple[Tensor, Tensor]:
        """Whether each sample is classified rightly, and its weighted loss, both (nets, samples)."""
        right, losses = [], []
        for start in range(0, self.x.shape[1], 256):
            x = self.x[self.fold, start : start + 256].repeat(len(self.points), 1, 1)
            output, _ = self.model.forward(self.parameters, x, None)
            y = self.y[start : start + 256].expand(len(output), -1)
            weights = self.weights[self.fold].repeat(len(self.points), 1).gather(1, y)
            right.append(output.argmax(-1) == y)
            losses.append(F.cross_entropy(output.transpose(1, 2), y, reduction="none") * weights)
        return torch.cat(right, 1), torch.cat(losses, 1)
