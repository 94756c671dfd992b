"""Train stacked classifiers of context vectors: every trade-off (or penalty) × fold × repeat side by side.

Network `seed` is tested on speaker seed modulo the number of folds and sees that fold's own contexts. Loss, accuracy,
unweighted accuracy (ua) and recall of each class (recall:k) on the training, validating and test speakers are kept at every
snapshot, weights at the first and the last. An epoch is as many full batches as the smallest fold has.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from infoflow.config.jobs import TrainJob
from infoflow.errors import InputError
from infoflow.seeds import torch_generator
from infoflow.storage.hdf5 import read_h5
from infoflow.training import ensemble
from infoflow.training.losses import class_weights, per_sample_loss

SPLITS = ("train", "test", "valid")  # the numbers in `split`


def run(job: TrainJob, dataset: str, folders: list[str], resume: str) -> None:
    """Train the stacked ensemble and write one folder a point."""
    ensemble.run(job, dataset, folders, resume, trainer=Folds)


class Folds(ensemble.Ensemble):
    """An ensemble whose networks have each their own fold."""

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

    def _class_weights(self) -> Tensor | None:
        """Weights of the classes among the training samples of each network's own fold, (nets, classes)."""
        if not self.training.class_weights:
            return None
        weights = torch.stack([class_weights(self.y[own], self.classes) for own in self.own])
        return weights[self.fold].repeat(len(self.points), 1)

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
        if self.training.frozen:
            return
        for start in range(done, order.shape[1], size):
            index = order[:, start : start + size]  # (seeds, batch)
            x = self.x[self.fold[:, None], index]
            y = self.train_y.gather(1, index.repeat(repeats, 1))
            self.loss(x, y).sum().backward()
            self.optimiser.step()
            self.orthonormal.step()
            yield start + size

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
            for name, value in self.stack.stacked().items():
                self.kept[f"{self.round}/{name}"] = value.clone()
        self.stack.eval()
        right, losses = self._predictions()
        self.stack.train()
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
            output, _ = self.stack(x)
            y = self.y[start : start + 256].expand(len(output), -1)
            right.append(output.argmax(-1) == y)
            loss = per_sample_loss("cross_entropy", output, y)
            losses.append(loss if self.class_weights is None else loss * self.class_weights.gather(1, y))
        return torch.cat(right, 1), torch.cat(losses, 1)
