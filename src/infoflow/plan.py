"""The plan of a run: from the config, every job's files and settings. What the rules ask; imports no torch.

A job sees the config only through its settings, a mapping that holds each value it uses and nothing else, so that an
edit reruns exactly what depends on it. Source files are found by following the imports of a stage's entry module.
"""

from __future__ import annotations

import ast
import functools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infoflow.config import (
    SPEECH_ONLY,
    Config,
    Experiment,
    InputError,
    Point,
    Thinning,
    axis_label,
    points,
    read,
    trainer,
)
from infoflow.data import local_files
from infoflow.io import canonical_json

PACKAGE = Path(__file__).parent

# Tidy tables from which a document's figures are drawn, beside its claims.
TABLES = {
    "kong2019": ["curves", "densities", "events", "history"],
    "goldfeld2019": ["curves", "scatter", "histograms", "history", "convergence"],
    "yu2018": ["curves", "maps", "history"],
    "huang2016": ["corpus", "folds", "ratios", "scales", "over_time"],
    "padova2023": ["curves", "history", "spectra", "record"],
    "estimators": ["truth", "costs", "widths", "subadditivity"],
}

# What an estimator reads, by its kind, and the family files that it uses.
READS_WEIGHTS = {
    "scalar_chain", "scalar_density", "scalar_clusters", "renyi", "wide_layers", "linear_gaussian", "ratios",
    "ratios_over_time",
}  # fmt: skip
ALL_POINTS = {"ratios"}  # one table for all points of a training job, which may be hundreds
FAMILY = {
    "scalar_chain": "noisy",
    "scalar_density": "noisy",
    "scalar_clusters": "clustering",
    "linearised": "noisy",
    "replicas": "noisy",
    "binning": "binning",
    "clustering": "clustering",
    "renyi": "renyi",
    "ratios": "renyi",
    "ratios_over_time": "renyi",
    "wide_layers": "binning kde knn",
    "linear_gaussian": "",
    "values": "clustering",
    "histograms": "clustering",
}

IMAGE_MODELS = ("cnn", "vgg11", "resnet18")  # whose layers `renyi` reads

RECORDINGS = ("speech", "fma", "music_folder", "music_manifest")  # data sets that several processes can read

# Training settings that may differ between the points of one stacked ensemble.
STACKABLE = {"learning_rate", "orthonormal", "clustering_penalty", "labels"}
STACKABLE_FOLDS = STACKABLE | {"trade_off", "l1", "l2", "dropout"}  # of networks on contexts


# --- sources ---------------------------------------------------------------------------------------------


@functools.cache
def sources(*modules: str, without: tuple[str, ...] = ()) -> list[str]:
    """Files of the package that `modules` import, directly or not, sorted; modules under `without` are left out."""
    seen: set[str] = set()
    queue = list(modules)
    while queue:
        module = queue.pop()
        file = _file(module)
        if file is None or module in seen or module.startswith(without or ("-",)):
            continue
        seen.add(module)
        queue += _imports(file)
    return sorted(os.path.relpath(_file(module)) for module in seen)


def _file(module: str) -> Path | None:
    if module.split(".")[0] != "infoflow":
        return None
    path = PACKAGE.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file() and candidate != PACKAGE.with_suffix(".py"):
            return candidate
    return None


@functools.cache
def _imports(file: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [member for member in members if _file(member)]
            found += modules if len(modules) == len(members) else [node.module, *modules]
    return found


# --- jobs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainJob:
    """One stacked ensemble: every seed of every point that differs only in stacked axes."""

    id: str
    experiment: str
    points: list[Point]
    settings: dict[str, Any]

    @property
    def priority(self) -> int:
        """Longest first: units × networks × epochs, so that no long training is left for the end."""
        model, training = self.settings["model"], self.settings["training"]
        units = sum(model.get("layers", [16]))
        if model["kind"] == "blstm":
            units = 1000 * model["hidden"]  # at hundreds of frames
        if "filters" in model:
            units = 100 * sum(model["filters"])  # each is applied at hundreds of places
        if model["kind"].endswith(("resnet", "resnet18")):
            units *= 20  # many convolutions a stage
        rounds = training["epochs"] * (training["steps_per_epoch"] or 1)
        return 100 + units * len(self.points) * self.settings["seeds"] * rounds // 100_000


@dataclass(frozen=True)
class Block:
    """Seeds whose activations share a file, each with the epochs recorded for it."""

    id: str
    seeds: dict[int, list[int]]


@dataclass
class Plan:
    """All jobs of a config; `root` is the results folder."""

    config: Config
    root: str = field(init=False)

    def __post_init__(self) -> None:
        self.root = self.config.results
        self.documents = {k: d for k, d in self.config.documents.items() if d.enabled}
        self.experiments = {k: e for k, e in self.config.experiments.items() if e.document in self.documents}
        self.points = {k: {p.id: p for p in points(k, e)} for k, e in self.experiments.items()}
        for name in self.datasets():
            self.dataset_settings(name)  # missing files are named before any job runs

    def check(self) -> None:
        """Work out the settings of every training and estimate.

        Raises:
            InputError: an estimator or a stack does not fit its experiment.
        """
        self.train_jobs()
        for experiment in self.experiments:
            for job in self._estimate_jobs(experiment):
                self.estimate_settings(experiment, *job)

    # data sets

    def datasets(self) -> list[str]:
        """Data sets in use, those that a variant or an axis brings in included."""
        return sorted({p.experiment.dataset for ps in self.points.values() for p in ps.values()})

    def trainer(self, experiment: str) -> str:
        """The module of `infoflow.training` that trains an experiment."""
        return trainer(self.experiments[experiment], self.config.datasets)

    def dataset_settings(self, dataset: str) -> dict[str, Any]:
        """Settings of a data set: its section and the seed; `source: auto` as decided, and the state of own files."""
        section, root = self.config.datasets[dataset].model_dump(), self.config.data_root
        kind = section["kind"]
        if kind in local_files.COLLECTIONS:
            section["source"] = local_files.resolve(kind, section["source"], root)
            if section["source"] == "own":
                section["state"] = local_files.state(Path(root) / local_files.COLLECTIONS[kind].folder)
        if kind == "fma":
            section["source"] = local_files.resolve_fma(section["source"], root)
            if section["source"] == "full":
                folders = Path(root, local_files.FMA_TRACKS).parent, Path(root, local_files.FMA_AUDIO)
                section["state"] = [local_files.state(folder) for folder in folders]
        if kind == "music_folder":
            section["state"] = local_files.state(Path(root) / section["path"])
        if kind == "music_manifest":
            section["state"] = local_files.state((Path(root) / section["path"]).parent)
        if kind == "image_folder":
            section["state"] = local_files.state(Path(root) / section["path"])
        if kind == "speech":
            section["source"], section["state"] = local_files.resolve_speech(dataset, section, root)
        return {"dataset": dataset, "seed": self.config.seed, "data_root": root, **section}

    def dataset_sources(self, dataset: str) -> list[str]:
        """Package files that make a data set; the quadrature of a population is exact in any version of the estimators."""
        kind = self.config.datasets[dataset].kind
        without = () if kind == "contexts" else ("infoflow.estimators",)
        return sources(f"infoflow.data.{kind}", "infoflow.data.stage", without=without)

    def dataset_inputs(self, dataset: str) -> list[str]:
        """Files of an earlier stage that a data set is made from: the contexts of every fold."""
        section = self.config.datasets[dataset]
        if section.kind != "contexts":
            return []
        return [self.contexts(section.experiment, fold) for fold in self.folds(section.experiment)]

    def dataset_workers(self, dataset: str) -> int:
        """Processes that may make a data set; the outcome does not depend on them. One composes music."""
        settings = self.dataset_settings(dataset)
        composed = settings["kind"] == "fma" and settings["source"] == "standin"
        return 8 if settings["kind"] in RECORDINGS and not composed else 1

    # contexts

    def folds(self, experiment: str) -> list[int]:
        """Folds of an encoder, one a point.

        Raises:
            InputError: the experiment is no encoder, or its only axis is not training.fold.
        """
        made = self.experiments.get(experiment)
        if made is None or made.model.kind != "blstm" or list(made.axes) != ["training.fold"] or made.variants:
            raise InputError(
                f"experiments.{experiment}: contexts come from an enabled experiment with a blstm whose only axis is training.fold"
            )
        return made.axes["training.fold"]

    def contexts(self, experiment: str, fold: int | str) -> str:
        """Path of the context vectors of one fold."""
        return f"{self.root}/contexts/{experiment}/fold{fold}.h5"

    def contexts_settings(self, experiment: str, fold: str) -> dict[str, Any]:
        """Settings of the context vectors of one fold."""
        made = self.points[experiment][f"fold~{fold}"].experiment
        return {"experiment": experiment, "fold": int(fold), "model": made.model.model_dump()}

    # training

    def train_jobs(self) -> list[TrainJob]:
        """Every training job."""
        return list(self._train_jobs.values())

    @functools.cached_property
    def _train_jobs(self) -> dict[str, TrainJob]:
        jobs = {}
        for name in self.experiments:
            for key, members in self.stacks(name).items():
                job = (name if key == "base" else f"{name}_{key}").replace("~", "_").replace(".", "_")
                jobs[job] = TrainJob(job, name, members, self._train_settings(name, members))
        return jobs

    def train_settings(self, job: str) -> dict[str, Any]:
        """Settings of a training job."""
        return self._train_jobs[job].settings

    def train_folders(self, job: str) -> list[str]:
        """Folders of a training job, one a point."""
        return [self.train_folder(self._train_jobs[job].experiment, point.id) for point in self._train_jobs[job].points]

    def stacks(self, experiment: str) -> dict[str, list[Point]]:
        """Points that train together, by what they share."""
        groups: dict[str, list[Point]] = {}
        for point in self.points[experiment].values():
            own = {axis: value for axis, value in point.axes.items() if axis not in self.experiments[experiment].stack}
            groups.setdefault(point.model_copy(update={"axes": own}).id, []).append(point)
        return groups

    def _train_settings(self, name: str, members: list[Point]) -> dict[str, Any]:
        made = [point.experiment for point in members]
        first, how = made[0], self.trainer(name)
        stackable = STACKABLE if how == "ensemble" else STACKABLE_FOLDS
        for other in made[1:]:
            _check_stackable(name, first, other, stackable)
        unused = SPEECH_ONLY if how == "ensemble" else set()
        return {
            "experiment": name,
            "seed": self.config.seed,
            "seeds": first.seeds,
            "first_seed": first.first_seed,
            "model": first.model.model_dump(exclude={"noise_std"}),
            "training": first.training.model_dump(exclude=stackable | unused),
            "snapshots": snapshot_epochs(first),
            "points": [
                {
                    "id": point.id,
                    "noise_std": one.model.noise_std,
                    **one.training.model_dump(include=stackable),
                }
                for point, one in zip(members, made, strict=True)
            ],
        }

    def train_folder(self, experiment: str, point: str) -> str:
        """Folder of one point's weights and history."""
        return f"{self.root}/train/{experiment}/{point}"

    def weights(self, experiment: str, point: str) -> str:
        """Path of a point's weights."""
        return f"{self.train_folder(experiment, point)}/weights.safetensors"

    def history(self, experiment: str, point: str) -> str:
        """Path of a point's training history."""
        return f"{self.train_folder(experiment, point)}/history.parquet"

    def dataset_of(self, experiment: str, point: str) -> str:
        """Path of the data set that a point uses."""
        return f"{self.root}/data/{self.points[experiment][point].experiment.dataset}.h5"

    # activations

    def blocks(self, experiment: str, point: str) -> dict[str, Block]:
        """Blocks of seeds, filled in order so that no file holds more than `probe.snapshots_per_file` snapshots."""
        made = self.points[experiment][point].experiment
        epochs = snapshot_epochs(made)
        groups: list[dict[int, list[int]]] = [{}]
        for seed in range(made.seeds):
            kept = recorded_epochs(made, epochs, seed)
            if groups[-1] and sum(map(len, groups[-1].values())) + len(kept) > made.probe.snapshots_per_file:
                groups.append({})
            groups[-1][seed] = kept
        blocks = [Block(f"seeds{min(g)}to{max(g)}", g) for g in groups]
        return {block.id: block for block in blocks}

    def activation_settings(self, experiment: str, point: str, block: str) -> dict[str, Any]:
        """Settings of one activation file."""
        made = self.points[experiment][point].experiment
        seeds = self.blocks(experiment, point)[block].seeds
        replicas = made.probe.replicas
        return {
            "experiment": experiment,
            "point": point,
            "seed": self.config.seed,
            "model": made.model.model_dump(),
            "epochs": {str(seed): kept for seed, kept in seeds.items()},
            "replicas": None if replicas is None else {
                **replicas.model_dump(exclude={"seeds", "snapshots"}),
                "epochs": {
                    str(seed): spread(kept, replicas.snapshots) for seed, kept in seeds.items() if seed < replicas.seeds
                },
            },
        }  # fmt: skip

    def activations(self, experiment: str, point: str, block: str) -> str:
        """Path of one activation file."""
        return f"{self.root}/activations/{experiment}/{point}/{block}.h5"

    def keeps_activations(self, experiment: str) -> bool:
        """Whether an experiment's activation files stay after they were estimated."""
        return self.experiments[experiment].probe.keep_activations

    # estimates

    def estimate_settings(self, experiment: str, point: str, block: str, estimator: str) -> dict[str, Any]:
        """Settings of one table of estimates."""
        section = self.config.estimators[estimator].model_dump()
        if section["kind"] in ALL_POINTS:
            return self._ratio_settings(experiment, point, estimator, section)
        made = self.points[experiment][point].experiment
        settings: dict[str, Any] = {
            "experiment": experiment,
            "point": point,
            "variant": self.points[experiment][point].variant,
            "axes": {axis: axis_label(value) for axis, value in self.points[experiment][point].axes.items()},
            "estimator": estimator,
            "seed": self.config.seed,
            **section,
        }
        if "ranges" in section:
            settings["ranges"] = section["ranges"].get(experiment)
            if settings["ranges"] is None:
                raise InputError(f"estimators.{estimator}.ranges: no entry for experiment {experiment!r}")
        settings["noise_std"] = made.model.noise_std
        if section["kind"] == "renyi":
            return settings | self._renyi_settings(experiment, made, section)
        if section["kind"] == "ratios_over_time":
            if made.model.kind != "blstm":
                raise InputError(f"experiments.{experiment}.estimators: {estimator} reads models of kind blstm")
            own = {"model": made.model.model_dump(), "seeds": made.seeds, "fold": made.training.fold}
            return settings | own
        if made.first_seed:
            raise InputError(f"experiments.{experiment}.first_seed: {section['kind']} estimates count seeds from 0")
        if section["kind"] == "wide_layers":
            return settings | self._weight_settings(made, section)
        if section["kind"] in READS_WEIGHTS:
            settings["model"] = made.model.model_dump(include={"kind", "activations"})
            thinning = made.probe.thinning
            settings["thinned"] = thinning and {
                "after_seed": thinning.after_seed,
                "epochs": thinned(snapshot_epochs(made), thinning),
            }
        return settings

    def _ratio_settings(self, name: str, stack: str, estimator: str, section: dict[str, Any]) -> dict[str, Any]:
        """Settings of the ratios of all points that train together."""
        if self.trainer(name) != "folds":
            raise InputError(f"experiments.{name}.estimators: {estimator} reads networks on data sets of kind contexts")
        members = self.stacks(name)[stack]
        made = members[0].experiment
        return {
            "experiment": name,
            "estimator": estimator,
            "seed": self.config.seed,
            **section,
            "model": made.model.model_dump(exclude={"noise_std"}),
            "seeds": made.seeds,
            "points": [{"point": p.id, "variant": p.variant, "axes": p.axes} for p in members],
        }

    def _renyi_settings(self, name: str, made: Experiment, section: dict[str, Any]) -> dict[str, Any]:
        """What estimates of a convolutional network's layers need beside the estimator's section."""
        if made.model.kind not in IMAGE_MODELS:
            raise InputError(
                f"experiments.{name}.estimators: renyi reads models of kind {', '.join(IMAGE_MODELS)}, not {made.model.kind}"
            )
        return {
            "loss": made.training.loss,
            "steps_per_epoch": made.training.steps_per_epoch,
            "first_seed": made.first_seed,
            **self._weight_settings(made, section),
        }

    @staticmethod
    def _weight_settings(made: Experiment, section: dict[str, Any]) -> dict[str, Any]:
        """What estimates that run the network themselves need: its model, seeds and snapshots."""
        kept, unit = snapshot_epochs(made), made.training.steps_per_epoch or 1
        if section["epochs"] is not None:
            kept = sorted({min(kept, key=lambda k: abs(k - unit * epoch)) for epoch in section["epochs"]})
        return {
            "model": made.model.model_dump(exclude={"noise_std"}),
            "seeds": made.seeds,
            "first_seed": made.first_seed,
            "snapshots": kept,
        }

    def estimate_points(self, experiment: str, estimator: str) -> list[str]:
        """Points, or stacks of points, that each have a table of an estimator."""
        return list(self.stacks(experiment) if self._whole(estimator) else self.points[experiment])

    def estimate_inputs(self, experiment: str, point: str, block: str, estimator: str) -> dict[str, Any]:
        """Files that one table of estimates is made from."""
        if self._whole(estimator):
            members = self.stacks(experiment)[point]
            weights = [self.weights(experiment, member.id) for member in members]
            return {"weights": weights, "dataset": self.dataset_of(experiment, members[0].id)}
        if self.reads_weights(estimator):
            return {"weights": [self.weights(experiment, point)], "dataset": self.dataset_of(experiment, point)}
        return {"activations": self.activations(experiment, point, block)}

    def reads_weights(self, estimator: str) -> bool:
        """Whether an estimator works on weights rather than activations."""
        return self.config.estimators[estimator].kind in READS_WEIGHTS

    def estimate_memory(self, estimator: str) -> int:
        """Megabytes that one estimate may take: whole layers of recordings reach 4.5 GB in the default run."""
        return 5000 if self.config.estimators[estimator].kind == "wide_layers" else 2000

    def estimate_sources(self, estimator: str) -> list[str]:
        """Package files of one estimator: the stage and its family."""
        families = FAMILY[self.config.estimators[estimator].kind].split()
        return sources("infoflow.estimate", without=("infoflow.estimators",)) + sources(
            *(f"infoflow.estimators.{family}" for family in families)
        )

    def estimates_of(self, experiment: str) -> list[str]:
        """Every table of estimates of an experiment."""
        return [self.estimates(experiment, *job) for job in self._estimate_jobs(experiment)]

    def _estimate_jobs(self, experiment: str) -> list[tuple[str, str, str]]:
        """Point or stack, block and estimator of every table of estimates."""
        names = self.experiments[experiment].estimators
        pairs = [(point, name) for point in self.points[experiment] for name in names if not self._whole(name)]
        pairs += [(stack, name) for stack in self.stacks(experiment) for name in names if self._whole(name)]
        return [
            (point, block, estimator)
            for point, estimator in pairs
            for block in self.estimate_blocks(experiment, point, estimator)
        ]

    def _whole(self, estimator: str) -> bool:
        """Whether an estimator makes one table for all points of a stack."""
        return self.config.estimators[estimator].kind in ALL_POINTS

    def estimate_blocks(self, experiment: str, point: str, estimator: str) -> list[str]:
        """Blocks on which an estimator runs: `all` from weights; for replicas those that hold some."""
        if self.reads_weights(estimator):
            return ["all"]
        blocks = self.blocks(experiment, point)
        if self.config.estimators[estimator].kind == "replicas":
            replicas = self.points[experiment][point].experiment.probe.replicas
            limit = 0 if replicas is None else replicas.seeds
            blocks = {k: b for k, b in blocks.items() if min(b.seeds) < limit}
        seed = getattr(self.config.estimators[estimator], "seed_index", None)
        if seed is not None:
            blocks = {k: b for k, b in blocks.items() if seed in b.seeds}
        return list(blocks)

    def estimates(self, experiment: str, point: str, block: str, estimator: str) -> str:
        """Path of one table of estimates."""
        return f"{self.root}/estimates/{experiment}/{point}/{block}.{estimator}.parquet"

    # documents

    def document_experiments(self, document: str) -> list[str]:
        """Experiments of a document."""
        return [name for name, experiment in self.experiments.items() if experiment.document == document]

    def claims_inputs(self, document: str) -> dict[str, list[str]]:
        """Files from which a document's claims are decided."""
        names = self.document_experiments(document)
        used = sorted({self.dataset_of(n, p) for n in names for p in self.points[n]})
        inputs = {
            "estimates": [table for name in names for table in self.estimates_of(name)],
            "history": [self.history(n, p) for n in names for p in self.points[n]],
            "weights": [self.weights(n, p) for n in names for p in self.points[n]],
            "datasets": used,
        }
        if "convergence" in TABLES.get(document, []):
            inputs["convergence"] = [f"{self.root}/estimates/convergence.parquet"]
        if self.shows_truth(document):
            inputs["truth"] = [*self.truth_parts(), *self.truth_sweeps().values()]
        return inputs

    def claims_settings(self, document: str) -> dict[str, Any]:
        """Settings of a document's claims: what its experiments are, without what only training uses."""
        experiments = {
            name: {
                "points": {
                    p.id: {
                        "variant": p.variant,
                        "axes": p.axes,
                        "dataset": p.experiment.dataset,
                        "noise_std": p.experiment.model.noise_std,
                    }
                    for p in self.points[name].values()
                },
                "seeds": self.experiments[name].seeds,
            }
            for name in self.document_experiments(document)
        }
        return {
            "document": document,
            "seed": self.config.seed,
            "rehearsal": self.config.rehearsal,
            "experiments": experiments,
        }

    def tables(self, document: str) -> dict[str, str]:
        """Paths of the tables that a document's figures are drawn from."""
        return {name: f"{self.root}/tables/{document}/{name}.parquet" for name in TABLES[document]}

    def reference_tables(self, document: str) -> list[str]:
        """Paths of a document's reference tables and verdicts, which are in git."""
        return [f"results/reference/{document}/{name}.parquet" for name in ("claims", *TABLES[document])]

    def has_reference(self, document: str) -> bool:
        """Whether reference results of a document are kept."""
        return Path("results/reference", document, "claims.parquet").is_file()

    def claims(self, document: str) -> str:
        """Path of a document's claims."""
        return f"{self.root}/claims/{document}.parquet"

    def figures(self, document: str) -> list[str]:
        """Paths of a document's figures, SVG and PNG."""
        return [
            f"{self.root}/figures/{document}/{figure}.{kind}"
            for figure in self.documents[document].figures
            for kind in ("svg", "png")
        ]

    def notebook_settings(self, document: str) -> dict[str, Any]:
        """Settings that a document's notebook uses: layer lists for its schematics, and what its "look inside" cells recompute."""
        section = self.config.documents[document]
        names = self.document_experiments(document)
        made = {n: {k: p.experiment for k, p in self.points[n].items()} for n in names}
        return {
            "document": document,
            "seed": self.config.seed,
            "title": section.title,
            "figures": list(section.figures),
            "models": {n: next(iter(ps.values())).model.model_dump() for n, ps in made.items()},
            "points": {
                n: {k: {"dataset": e.dataset, "model": e.model.model_dump()} for k, e in ps.items()}
                for n, ps in made.items()
            },
            "estimators": {
                k: self.config.estimators[k].model_dump() for n in names for k in self.experiments[n].estimators
            },
        }

    def report_settings(self) -> dict[str, Any]:
        """Settings of the page and the manifest: the whole config, and what made each figure."""
        return {
            "config": self.config.model_dump(),
            "documents": {
                document: {
                    "title": section.title,
                    "citation": section.citation,
                    "figures": {k: f.model_dump() for k, f in section.figures.items()},
                    "experiments": self.document_experiments(document),
                    "tables": self.tables(document),
                }
                for document, section in self.documents.items()
            },
            "datasets": self.datasets(),
            "outputs": sorted({path for document in self.documents for path in self.outputs(document)}),
        }

    def outputs(self, document: str) -> list[str]:
        """Every file that a run makes for a document and keeps, for the manifest; activations are left out."""
        made = [path for paths in self.claims_inputs(document).values() for path in paths]
        made += [self.claims(document), *self.tables(document).values(), *self.figures(document)]
        return made + [f"{self.root}/notebooks/{document}.{kind}" for kind in ("ipynb", "html")]

    def convergence_settings(self) -> dict[str, Any]:
        """Settings of the convergence study of the sample-propagation estimate."""
        return {"seed": self.config.seed, **self.config.convergence.model_dump()}

    # the benchmark of truth

    def shows_truth(self, document: str) -> bool:
        """Whether a document shows the benchmark of tasks with known information."""
        return "truth" in TABLES.get(document, [])

    def truth_parts(self) -> list[str]:
        """Paths of the benchmark's parts."""
        return [f"{self.root}/truth/part{k}.parquet" for k in range(self.config.truth.jobs)]

    def truth_settings(self, part: str) -> dict[str, Any]:
        """Settings of one part of the benchmark."""
        section = self.config.truth
        parts = {"part": int(part), "parts": section.jobs}
        return {"seed": self.config.seed, **parts, **section.model_dump(exclude={"jobs", "sweeps"})}

    def truth_sweeps(self) -> dict[str, str]:
        """Paths of the tables of widths and of counterexamples to subadditivity."""
        return {name: f"{self.root}/truth/{name}.parquet" for name in ("widths", "subadditivity")}

    def truth_sweep_settings(self) -> dict[str, Any]:
        """Settings of the sweeps."""
        return {"seed": self.config.seed, **self.config.truth.sweeps.model_dump()}

    def look_inside(self, document: str) -> str:
        """The module whose functions the "look inside" cells of a document's notebook call."""
        return "infoflow.truth" if self.shows_truth(document) else "infoflow.inside"

    # everything

    def targets(self) -> list[str]:
        """Everything that a full run leaves behind."""
        made = [f"{self.root}/{name}" for name in ("index.html", "claims.parquet", "MANIFEST.json")]
        for document in self.documents:
            made += self.figures(document)
            made += [f"{self.root}/notebooks/{document}.{kind}" for kind in ("ipynb", "html")]
        return made


def snapshot_epochs(experiment: Experiment) -> list[int]:
    """Completed epochs, or updates under `training.steps_per_epoch`, whose weights are kept; 0 = initial weights."""
    unit, rule = experiment.training.steps_per_epoch or 1, experiment.snapshots
    total = experiment.training.epochs * unit
    epochs = set(range(min(rule.every_until, total) + 1)) | {0, total}
    epochs |= {epoch * unit for epoch in rule.at if epoch * unit <= total}
    if rule.log_spaced and total > 1:
        start = max(1, min(rule.every_until, total - 1))
        epochs |= set(geometric(start, total - 1, rule.log_spaced))
    return sorted(epochs)


def geometric(start: int, stop: int, count: int) -> list[int]:
    """Distinct rounded points of a geometric grid, both ends included."""
    if count == 1 or start == stop:
        return [stop]
    ratio = stop / start
    return sorted({round(start * ratio ** (i / (count - 1))) for i in range(count)})


def recorded_epochs(experiment: Experiment, epochs: list[int], seed: int) -> list[int]:
    """Epochs at which a seed's activations are recorded: all, or a thinned subset for later seeds."""
    thinning = experiment.probe.thinning
    if thinning is None or seed < thinning.after_seed:
        return epochs
    return thinned(epochs, thinning)


def thinned(epochs: list[int], thinning: Thinning) -> list[int]:
    """The recorded epochs that later seeds keep; the first and the last are always among them."""
    if thinning.log_spaced:
        return spread(epochs, thinning.log_spaced)
    return sorted({epochs[0], *epochs[::-1][:: thinning.every]})


def spread(epochs: list[int], count: int) -> list[int]:
    """About `count` of the recorded epochs, near a geometric grid; the first and the last are always among them."""
    if len(epochs) <= count:
        return list(epochs)
    wanted = geometric(1, max(epochs[-1], 2), count - 1)
    return sorted({epochs[0], epochs[-1]} | {min(epochs, key=lambda e: abs(e - w)) for w in wanted})


def _check_stackable(name: str, first: Experiment, other: Experiment, stackable: set[str]) -> None:
    """Raise unless two points differ only in what one stacked ensemble can hold."""
    pairs = {
        "training": (
            first.training.model_dump(exclude=stackable),
            other.training.model_dump(exclude=stackable),
        ),
        "model": (
            first.model.model_dump(exclude={"noise_std"}),
            other.model.model_dump(exclude={"noise_std"}),
        ),
        "dataset": (first.dataset, other.dataset),
        "seeds": (first.seeds, other.seeds),
        "snapshots": (first.snapshots, other.snapshots),
    }
    for part, (a, b) in pairs.items():
        if a != b:
            raise InputError(
                f"experiments.{name}.stack: points of one stack may differ in model.noise_std and in training."
                f"{{{', '.join(sorted(stackable))}}} only, but {part} differs; take that axis out of `stack`"
            )


def default_settings(document: str, *files: str) -> str:
    """A notebook's settings as JSON, from config.yaml in this folder or the one above: for notebooks opened by hand."""
    found = files or tuple(str(path) for path in (Path("config.yaml"), Path("../config.yaml")) if path.is_file())[:1]
    return canonical_json(Plan(read(*found)).notebook_settings(document))
