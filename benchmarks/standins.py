"""How hard the drawn stand-ins are: yu2018's baseline network against multinomial logistic regression.

The stand-ins are drawn anew with each seed. The baseline is trained as yu2018 says (SGD, batches of 128, rate 0.1, ReLU,
PyTorch's initial values), and its test accuracy is shown after several numbers of passes: ten passes over 4000 images are
320 updates, where ten over the 60 000 of the published sets are 4690. Run `python benchmarks/standins.py`; a data set of
overlays can be named instead, to compare the published images at the same size.
"""

import argparse
import contextlib
import sys
import tempfile

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from infoflow.config.loading import read_default
from infoflow.data import stage
from infoflow.plan import Plan
from infoflow.storage.hdf5 import read_h5

BATCH, RATE = 128, 0.1
PASSES = (10, 20, 30, 60)


def load(dataset, source, seed, config):
    """Training and test images (n, 1, 28, 28) in [0, 1] with labels."""
    job = Plan(read_default(*config)).dataset_settings(dataset)
    section = job.section.model_copy(update={"source": source or job.section.source, "limit": 5000})
    job = job.model_copy(update={"seed": seed, "section": section})
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        stage.run(job, f"{folder}/data.h5")
        arrays, _ = read_h5(f"{folder}/data.h5")
    x, y, train = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"]), torch.from_numpy(arrays["split"] == 0)
    return x[train], y[train], x[~train], y[~train]


def baseline():
    """LeNet as in yu2018: convolutions of 6 and 16 filters of 5 × 5, max-pooling, dense layers of 120 and 84."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def accuracies(data, seed, make_optimiser):
    """Test accuracy of the baseline after each of `PASSES`."""
    x, y, test_x, test_y = data
    torch.manual_seed(seed)
    network = baseline()
    optimiser = make_optimiser(network.parameters())
    found = []
    for done in range(1, PASSES[-1] + 1):
        for batch in torch.randperm(len(x)).split(BATCH):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
            optimiser.step()
        if done in PASSES:
            with torch.no_grad():
                found.append((network(test_x).argmax(1) == test_y).double().mean().item())
    return found


def linear(data):
    """Test accuracy of multinomial logistic regression on the pixels; the strength of its penalty that tests best."""
    x, y, test_x, test_y = (part.flatten(1).numpy() if part.dim() > 1 else part.numpy() for part in data)
    return max(LogisticRegression(C=c, max_iter=200, tol=1e-3).fit(x, y).score(test_x, test_y) for c in (0.01, 0.1, 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", default=["fashion_mnist", "svhn"])
    parser.add_argument("--source", default="standin", help="empty: that of the config")
    parser.add_argument("--config", nargs="*", default=[], help="overlays")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| data set | linear | " + " | ".join(f"baseline, {p} passes" for p in PASSES) + " | Adam, 30 passes |")
    print("|---" * (len(PASSES) + 3) + "|")
    for dataset in options.datasets:
        rows = []
        for seed in range(options.seeds):
            data = load(dataset, options.source, seed, options.config)
            sgd = accuracies(data, seed, lambda p: torch.optim.SGD(p, RATE))
            adam = accuracies(data, seed, lambda p: torch.optim.Adam(p, 1e-3))[PASSES.index(30)]
            rows.append([linear(data), *sgd, adam])
            print(f"{dataset}, seed {seed}: {np.round(rows[-1], 3).tolist()}", file=sys.stderr, flush=True)
        cells = [f"{100 * m:.1f} ± {100 * s:.1f}" for m, s in zip(np.mean(rows, 0), np.std(rows, 0), strict=True)]
        print(f"| {dataset} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
