"""One update with the rate–distortion loss against the same with cross-entropy alone: a stacked ensemble of 10.

n = 64, d = 256, two layers (64 hidden units, softmax of 4), α = 2, SGD with momentum, one thread; medians of updates that take
turns. `ten seeds` have each their own batch and so their own Gram matrix of the inputs; `ten trade-offs` share one.
Run `python benchmarks/rate_distortion.py`.
"""

import platform
import statistics
import tempfile
import time

import torch

from infoflow.config.jobs import TrainJob, TrainPoint
from infoflow.config.models import MlpModel
from infoflow.config.training import Training
from infoflow.storage.hdf5 import write_h5
from infoflow.training.context_ensemble import Folds

N, D, SAMPLES, UPDATES = 64, 256, 320, 300


def ensemble(folder, loss, seeds, points):
    """An ensemble on random contexts of ten folds."""
    generator = torch.Generator().manual_seed(0)
    x = 0.03 * torch.randn(10, SAMPLES, D, generator=generator)
    y = torch.randint(4, (SAMPLES,), generator=generator)
    split = torch.zeros(10, SAMPLES, dtype=torch.int64)
    split[:, :20], split[:, 20:40] = 1, 2
    write_h5(f"{folder}/x.h5", {"x": x.numpy(), "y": y.numpy(), "split": split.numpy()}, {"classes": 4})
    training = Training(
        loss=loss, optimiser="sgd", momentum=0.9, learning_rate=0.01, batch_size=N, epochs=1, class_weights=True,
        trade_off=37.0, divide_loss=True,
    )  # fmt: skip
    job = TrainJob(
        experiment="x", trainer="context_ensemble", seed=0, seeds=seeds, first_seed=0, snapshots=[0, 1],
        model=MlpModel(kind="mlp", layers=[D, 64, 4], activations=["tanh", "linear"]),
        points=[TrainPoint(id="base", noise_std=0.0, training=training)] * points,
    )  # fmt: skip
    return Folds(job, f"{folder}/x.h5")


def seconds(one):
    """Seconds of one update."""
    index = one._draw(1)[0][:, 0, :N]
    started = time.perf_counter()
    list(one._steps(index, None, 0))
    return time.perf_counter() - started


def main():
    torch.set_num_threads(1)
    print(
        f"Seconds of one update, one thread of {platform.processor() or platform.machine()}, torch {torch.__version__}.\n"
    )
    print("| ensemble of ten | cross-entropy, ms | rate–distortion, ms | ratio |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, seeds, points in (("ten seeds", 10, 1), ("ten trade-offs", 1, 10)):
            pair = [ensemble(folder, loss, seeds, points) for loss in ("cross_entropy", "rate_distortion")]
            found = [[seconds(one) for one in pair] for _ in range(UPDATES)]
            plain, rated = (1000 * statistics.median(column) for column in zip(*found[20:], strict=True))
            print(f"| {name} | {plain:.2f} | {rated:.2f} | {rated / plain:.2f} |")


if __name__ == "__main__":
    main()
