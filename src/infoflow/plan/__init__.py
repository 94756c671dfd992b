"""The plan of a run: from the config, every job's files and settings. What the rules ask; imports no torch.

The parts follow the way of the data: datasets, training, estimates, documents. A job sees the config only through its
settings (`infoflow.config.jobs`), so that an edit reruns exactly what depends on it.
"""

from pathlib import Path

from infoflow import studies
from infoflow.config import Config, read
from infoflow.config.loading import default_files
from infoflow.errors import InputError
from infoflow.plan.documents import DocumentPlan
from infoflow.plan.sources import sources
from infoflow.storage.files import canonical_json

__all__ = ["Plan", "default_settings", "sources"]


class Plan(DocumentPlan):
    """All jobs of a config."""

    def __init__(self, config: Config) -> None:
        """Raises `InputError` where files of a data set are missing, before any job runs."""
        super().__init__(config)
        for name in self.datasets():
            self.dataset_settings(name)

    def check(self) -> None:
        """Work out the settings of every training and estimate.

        Raises:
            InputError: an estimator or a stack does not fit its experiment, or a study has none.
        """
        for name in self.documents:
            if studies.is_study(name) and not self.document_experiments(name):
                raise InputError(f"documents.{name}: a study without experiments; give some `document: {name}`")
        self.check_functions()
        self.train_jobs()
        for group in self.estimate_groups():
            self.group_settings(group)


def default_settings(document: str) -> str:
    """A notebook's settings as JSON, from the config in this folder or the one above: for notebooks opened by hand."""
    folder = "." if Path("config.yaml").is_file() else ".."
    return canonical_json(Plan(read(*default_files(folder))).notebook_settings(document).model_dump())
