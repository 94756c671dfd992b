"""Fashion-MNIST: the 70 000 published images, own files in their format, or drawn garments in their place."""

from __future__ import annotations

from infoflow.config.jobs import DatasetJob
from infoflow.data import DataSet
from infoflow.data.reading import images
from infoflow.data.standins import garments

ABOUT = {
    "tier": "T2",
    "licence": "MIT",
    "stand_in": "drawn garments in place of Fashion-MNIST",
    "class_names": garments.CLASSES,
}


def make(job: DatasetJob) -> DataSet:
    """Images (n, 1, 28, 28), labels 0–9 and split."""
    return images.make(job, ABOUT, images.read_idx_folder, garments.draw, images.write_idx_folder)
