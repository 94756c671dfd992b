"""The data sets of a run."""

from __future__ import annotations

from infoflow.config.jobs import ContextsJob, DatasetJob
from infoflow.data.reading import local_files
from infoflow.plan.base import Run
from infoflow.plan.sources import sources


class DatasetPlan(Run):
    """Jobs that make data sets, and those that export the contexts some are made from."""

    def datasets(self) -> list[str]:
        """Data sets in use, those that a variant or an axis brings in included."""
        return sorted({p.experiment.dataset for ps in self.points.values() for p in ps.values()})

    def dataset_settings(self, dataset: str) -> DatasetJob:
        """Settings of a data set: its section, the source decided, and the state of own files.

        Raises:
            InputError: files that the section asks for are missing.
        """
        section, root = self.config.datasets[dataset], self.config.data_root
        located = local_files.Located()
        if section.locate:
            located = getattr(local_files, f"locate_{section.locate}")(dataset, section, root)
        if located.source is not None:
            section = section.model_copy(update={"source": located.source})
        return DatasetJob(dataset=dataset, section=section, data_root=root, seed=self.config.seed, state=located.state)

    def dataset_sources(self, dataset: str) -> list[str]:
        """Package files that make a data set."""
        section = self.config.datasets[dataset]
        without = () if section.reads_estimators else ("infoflow.estimators",)
        return sources(f"infoflow.data.{section.kind}", "infoflow.data.stage", without=without)

    def dataset_inputs(self, dataset: str) -> list[str]:
        """Files of an earlier stage that a data set is made from: the contexts of every fold."""
        encoder = self.config.datasets[dataset].encoder()
        return [] if encoder is None else self.contexts_outputs(encoder)

    def dataset_workers(self, dataset: str) -> int:
        """Processes that may make a data set."""
        return self.dataset_settings(dataset).section.readers()

    def encoders(self) -> list[str]:
        """Experiments whose networks make contexts."""
        encoders = {self.config.datasets[dataset].encoder() for dataset in self.datasets()}
        return sorted(name for name in encoders if name is not None)

    def contexts_settings(self, experiment: str) -> ContextsJob:
        """Settings of the context vectors of an encoder's folds."""
        model = self.experiments[experiment].model
        return ContextsJob(experiment=experiment, folds=self.folds(experiment), model=model)

    def contexts_outputs(self, experiment: str) -> list[str]:
        """Paths of the context vectors of an encoder, one a fold."""
        return [self.contexts(experiment, fold) for fold in self.folds(experiment)]

    def contexts_weights(self, experiment: str) -> list[str]:
        """Paths of the weights of an encoder, one a fold."""
        return [self.weights(experiment, f"fold~{fold}") for fold in self.folds(experiment)]
