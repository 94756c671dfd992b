"""The documents of a run: their claims, figures, notebooks and the page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from infoflow import studies
from infoflow.config.documents import Figure
from infoflow.config.jobs import (
    ClaimsExperiment,
    ClaimsJob,
    ClaimsPoint,
    ComparedExperiment,
    DetectionJob,
    NotebookJob,
    NotebookPoint,
    ReportDocument,
    ReportJob,
    SweepsJob,
    TruthJob,
)
from infoflow.plan import catalogue
from infoflow.plan.estimates import EstimatePlan
from infoflow.plan.sources import PACKAGE, sources


class DocumentPlan(EstimatePlan):
    """Jobs that decide claims, draw figures and write pages."""

    def document_experiments(self, document: str) -> list[str]:
        """Experiments of a document."""
        return [name for name, experiment in self.experiments.items() if experiment.document == document]

    def claims_inputs(self, document: str) -> dict[str, list[str]]:
        """Files from which a document's claims are decided."""
        job = self.claims_settings(document)
        inputs = {
            "estimates": [path for name in job.experiments for path in self.estimates_of(name)],
            "history": [path for e in job.experiments.values() for path in e.history.values()],
            "datasets": sorted(job.datasets.values()),
        }
        if job.compared:
            inputs["compared"] = [
                path for one in job.compared.values() for path in (*one.estimates, *one.history.values())
            ]
        if any(job.studies.values()):
            inputs["studies"] = [path for paths in job.studies.values() for path in paths]
        return inputs

    def claims_sources(self, document: str) -> list[str]:
        """Package files of a document's claims and tables."""
        package = studies.package(document)
        return sources(package, f"{package}.claims", f"{package}.tables", "infoflow.verdicts.stage")

    def document_weights(self, document: str) -> list[str]:
        """Weights of a document's experiments."""
        return [self.weights(n, p) for n in self.document_experiments(document) for p in self.points[n]]

    def claims_settings(self, document: str) -> ClaimsJob:
        """Settings of a document's claims: what its experiments are, without what only training uses, and their files."""
        names = self.document_experiments(document)
        used = {self.at(name, point).dataset for name in names for point in self.points[name]}
        return ClaimsJob(
            document=document,
            seed=self.config.seed,
            rehearsal=self.config.rehearsal,
            experiments={name: self._claims_experiment(name) for name in names},
            datasets={name: self.dataset(name) for name in sorted(used)},
            studies={name: self._study(name) for name in catalogue.document(document).READS},
            **(self._comparison() if "comparison" in catalogue.document(document).READS else {}),
        )

    def _comparison(self) -> dict[str, Any]:
        """Files of every experiment that has estimates of layers, and the kinds of the estimators."""
        sections = self.config.estimators
        compared, families = {}, {}
        for name, experiment in self.experiments.items():
            tables = [t for t in self.tables_of(name) if sections[t[2]].tidy]
            if tables:
                compared[name] = ComparedExperiment(
                    document=experiment.document,
                    estimates=[self.estimates(name, *table) for table in tables],
                    history={point: self.history(name, point) for point in self.points[name]},
                )
                families |= {estimator: sections[estimator].kind for _, _, estimator in tables}
        return {"compared": compared, "families": families}

    def _claims_experiment(self, name: str) -> ClaimsExperiment:
        points = {
            p.id: ClaimsPoint(
                variant=p.variant,
                axes=p.axes,
                dataset=p.experiment.dataset,
                noise_std=p.experiment.model.noise_std,
            )
            for p in self.points[name].values()
        }
        tidy: list[str] = []
        figure_tables: dict[str, list[str]] = {}
        for place, block, estimator in self.tables_of(name):
            is_tidy = self.config.estimators[estimator].tidy
            paths = tidy if is_tidy else figure_tables.setdefault(estimator, [])
            paths.append(self.estimates(name, place, block, estimator))
        return ClaimsExperiment(
            seeds=self.experiments[name].seeds,
            points=points,
            estimates=tidy,
            figure_tables=figure_tables,
            history={point: self.history(name, point) for point in points},
            estimators=list(self.experiments[name].estimators),
            controls=[f"{name}_{control}" for control in self.experiments[name].controls],
        )

    def _study(self, name: str) -> list[str]:
        """Files of a study that documents read beside their experiments."""
        sweeps = {study: [path] for study, path in self.truth_sweeps().items()}
        parts = {"truth": self.truth_parts(), "detection": self.detection_parts()}
        return {"convergence": [self.convergence()], "comparison": [], **parts, **sweeps}[name]

    def claims(self, document: str) -> str:
        """Path of a document's claims."""
        return f"{self.root}/claims/{document}.parquet"

    def tables(self, document: str) -> dict[str, str]:
        """Paths of the tables that a document's figures are drawn from."""
        names = catalogue.document(document).TABLES
        return {name: f"{self.root}/tables/{document}/{name}.parquet" for name in names}

    def reference_tables(self, document: str) -> list[str]:
        """Paths of a document's reference tables and verdicts, which are in git; tables newer than they are missing."""
        names = ("claims", *catalogue.document(document).TABLES)
        paths = [Path("results/reference", document, f"{name}.parquet") for name in names]
        return [str(path) for path in paths if path.is_file()]

    def has_reference(self, document: str) -> bool:
        """Whether reference results of a document are kept."""
        return Path("results/reference", document, "claims.parquet").is_file()

    def reference_pages(self) -> list[str]:
        """Paths of the notebooks on reference results, of the documents that have some."""
        return [
            f"results/reference-figures/{document}.html" for document in self.documents if self.has_reference(document)
        ]

    def figures_of(self, document: str) -> dict[str, Figure]:
        """Figures of a document by id: those whose experiments the config has."""
        if studies.is_study(document):
            names = self.document_experiments(document)
            controls = {f"{name}_{control}" for name in names for control in self.experiments[name].controls}
            return {
                f"{name}-{point}-{kind}": figure
                for name in names
                if name not in controls
                for point in self.points[name]
                for kind, figure in catalogue.of_study(name, point, self.kinds_of(name)).items()
            }
        figures = catalogue.figures(document)
        return {k: f for k, f in figures.items() if all(e in self.config.experiments for e in f.experiments)}

    def kinds_of(self, experiment: str) -> list[str]:
        """Kinds of the estimators of an experiment."""
        return [self.config.estimators[name].kind for name in self.experiments[experiment].estimators]

    def figures(self, document: str) -> list[str]:
        """Paths of a document's figures, SVG and PNG."""
        return [
            f"{self.root}/figures/{document}/{figure}.{suffix}"
            for figure in self.figures_of(document)
            for suffix in ("svg", "png")
        ]

    def notebook(self, document: str, suffix: str) -> str:
        """Path of a document's executed notebook."""
        return f"{self.root}/notebooks/{document}.{suffix}"

    def notebook_settings(self, document: str) -> NotebookJob:
        """Settings that a document's notebook uses: layer lists for its schematics, and what its cells recompute."""
        names = self.document_experiments(document)
        points = {n: {k: p.experiment for k, p in self.points[n].items()} for n in names}
        return NotebookJob(
            document=document,
            title=self.config.documents[document].title,
            seed=self.config.seed,
            figures=list(self.figures_of(document)),
            models={n: next(iter(ps.values())).model for n, ps in points.items()},
            points={
                n: {
                    k: NotebookPoint(
                        dataset=e.dataset,
                        model=e.model,
                        first_seed=e.first_seed,
                        loss=e.training.loss,
                        fold=e.training.fold,
                        steps_per_epoch=e.training.steps_per_epoch,
                    )
                    for k, e in ps.items()
                }
                for n, ps in points.items()
            },
            estimators={k: self.config.estimators[k] for n in names for k in self.experiments[n].estimators},
        )

    def report_settings(self) -> ReportJob:
        """Settings of the page and the manifest: the whole config, and what made each figure."""
        return ReportJob(
            config=self.config,
            documents={
                document: ReportDocument(
                    title=section.title,
                    citation=section.citation,
                    study=studies.is_study(document),
                    figures=self.figures_of(document),
                    experiments=self.document_experiments(document),
                    tables=self.tables(document),
                )
                for document, section in sorted(self.documents.items(), key=lambda item: not studies.is_study(item[0]))
            },
            datasets=self.datasets(),
            outputs=sorted({path for document in self.documents for path in self.outputs(document)}),
        )

    def outputs(self, document: str) -> list[str]:
        """Every file that a run makes for a document and keeps, for the manifest; activations are left out."""
        inputs = [path for paths in self.claims_inputs(document).values() for path in paths]
        made = [self.claims(document), *self.tables(document).values(), *self.figures(document)]
        notebooks = [self.notebook(document, suffix) for suffix in ("ipynb", "html")]
        return [*inputs, *self.document_weights(document), *made, *notebooks]

    # the benchmark of estimators on tasks whose information is known

    def needs_benchmark(self, document: str) -> bool:
        """Whether a document shows the benchmark."""
        return "truth" in catalogue.document(document).READS

    def truth_parts(self) -> list[str]:
        """Paths of the benchmark's parts."""
        return [f"{self.root}/truth/part{k}.parquet" for k in range(self.config.truth.jobs)]

    def truth_settings(self, part: str) -> TruthJob:
        """Settings of one part of the benchmark."""
        section = self.config.truth
        tasks = section.model_dump(exclude={"jobs", "sweeps", "detection"})
        return TruthJob(seed=self.config.seed, part=int(part), parts=section.jobs, **tasks)

    def detection_parts(self) -> list[str]:
        """Paths of the parts of the benchmark of compression detection."""
        return [f"{self.root}/truth/detection{k}.parquet" for k in range(self.config.truth.detection.jobs)]

    def detection_settings(self, part: str) -> DetectionJob:
        """Settings of one part of the benchmark of compression detection."""
        section = self.config.truth.detection
        return DetectionJob(
            seed=self.config.seed, trajectories=section.trajectories, part=int(part), parts=section.jobs
        )

    def truth_sweeps(self) -> dict[str, str]:
        """Paths of the tables of widths, of counterexamples to subadditivity and of self-consistency."""
        return {name: f"{self.root}/truth/{name}.parquet" for name in ("widths", "subadditivity", "consistency")}

    def truth_sweep_settings(self) -> SweepsJob:
        """Settings of the sweeps."""
        return SweepsJob(seed=self.config.seed, **self.config.truth.sweeps.model_dump())

    def notebook_sources(self, document: str) -> list[str]:
        """Package files of a document's notebook: its figures, and what recomputes values of them from weights."""
        modules = {f"{studies.package(document)}.figures", "infoflow.plotting", "infoflow.report.notebook"}
        if self.needs_benchmark(document):
            return sources(*sorted(modules), "infoflow.truth")
        for name in self.document_experiments(document):
            modules |= {
                f"infoflow.estimation.{self.config.estimators[e].kind}" for e in self.experiments[name].estimators
            }
            modules |= set(self.model_modules(name))
        return sources(*sorted(modules), "infoflow.estimation.recompute")

    def notebook_source(self, document: str) -> str:
        """The notebook of a document; of a study the template, where it has none of its own."""
        own = f"notebooks/{document}.ipynb"
        return own if Path(own).is_file() or not studies.is_study(document) else "notebooks/your_own.ipynb"

    def report_sources(self) -> list[str]:
        """Package files of the page with its parts, the errata of the documents, and what its findings are read from."""
        modules = sources(
            "infoflow.report.page", *(f"infoflow.documents.{document}.errata" for document in self.documents)
        )
        own = [*(PACKAGE / "report/page_parts").iterdir(), *(PACKAGE / "documents").glob("*/findings.md")]
        kept = Path("results/reference").glob("*/claims.parquet")
        return [*modules, *sorted(os.path.relpath(path) for path in own), *sorted(map(str, kept))]

    # everything

    def targets(self) -> list[str]:
        """Everything that a full run leaves behind."""
        targets = [
            f"{self.root}/{name}"
            for name in (
                "index.html",
                "claims.parquet",
                "errata.parquet",
                "MANIFEST.json",
                "SECONDS.json",
            )
        ]
        targets += [f"{self.root}/docs/index.html"] if Path("mkdocs.yml").is_file() else []
        for document in self.documents:
            targets += self.figures(document)
            targets += [self.notebook(document, suffix) for suffix in ("ipynb", "html")]
        return targets
