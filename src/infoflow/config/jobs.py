"""Settings of the jobs: what a stage is told, each value that it uses and nothing else.

The plan makes them, a file carries them (see `infoflow.storage.job_files`), and the command parses them before its stage
starts. They do not depend on how the config is written, so that an edit reruns exactly what depends on it.
"""

from __future__ import annotations

from typing import Any

from infoflow.config.base import Section
from infoflow.config.config import Config
from infoflow.config.datasets import Dataset
from infoflow.config.documents import Convergence, Figure, TruthSweeps, TruthTasks
from infoflow.config.estimators import Estimator
from infoflow.config.models import Model
from infoflow.config.training import Training


class DatasetJob(Section):
    """One data set. The stage fills in the last three."""

    dataset: str
    section: Dataset
    data_root: str
    seed: int
    state: str | None = None  # checksum of own files, so that another one is another job
    inputs: list[str] = []  # files of an earlier stage
    workers: int = 1
    cache: str | None = None  # folder of what was read of each recording


class TrainPoint(Section):
    """One point of a stack."""

    id: str
    noise_std: float
    training: Training


class TrainJob(Section):
    """One stack: every seed of its points."""

    experiment: str
    trainer: str  # the module of `infoflow.training`
    seed: int
    seeds: int
    first_seed: int
    model: Model
    snapshots: list[int]  # rounds whose weights are kept: epochs, or updates under `training.steps_per_epoch`
    points: list[TrainPoint]
    checkpoints: dict[int, dict[int, str]] = {}  # files by seed and snapshot, of networks trained elsewhere

    @property
    def training(self) -> Training:
        """What all points share; what they may differ in is that of the first."""
        return self.points[0].training

    @property
    def names(self) -> range:
        """The seeds by number."""
        return range(self.first_seed, self.first_seed + self.seeds)


class ContextsJob(Section):
    """The context vectors of every fold of an encoder."""

    experiment: str
    folds: list[int]
    model: Model


class RecordedPasses(Section):
    """Noisy passes to record, with the snapshots of each seed that has some."""

    count: int
    conditional: int
    conditional_inputs: int
    epochs: dict[int, list[int]]


class RecordedNetworks(Section):
    """The networks of a point that are recorded, and the snapshots of each."""

    experiment: str
    seed: int
    first_seed: int
    model: Model
    loss: str
    fold: int | None
    epochs: dict[int, list[int]]  # snapshots by seed: epochs, or updates under `training.steps_per_epoch`
    replicas: RecordedPasses | None


class RecordJob(RecordedNetworks):
    """One file of activations."""

    point: str


class PointLabels(Section):
    """What names a point in tables."""

    point: str
    variant: str
    axes: dict[str, Any]


class EstimatorTask(Section):
    """What a family of estimators is told, whatever the recording: of a point, or of all points of a stack."""

    experiment: str
    seed: int
    estimator: str
    section: Estimator
    points: list[PointLabels]
    steps_per_epoch: int | None


class EstimateJob(EstimatorTask, RecordedNetworks):
    """One table of estimates of an experiment's networks."""

    @property
    def snapshots(self) -> list[int]:
        """Every snapshot that some seed has."""
        return sorted(set().union(*self.epochs.values()))


class EstimateGroup(Section):
    """Tables that are made from the same files, in one job."""

    jobs: list[EstimateJob]


class ConvergenceJob(Convergence):
    """The convergence study of the sample-propagation estimate."""

    seed: int


class TruthJob(TruthTasks):
    """One of several parts of the benchmark of estimators."""

    seed: int
    part: int
    parts: int


class DetectionJob(Section):
    """One of several parts of the benchmark of compression detection."""

    seed: int
    trajectories: int
    part: int
    parts: int


class SweepsJob(TruthSweeps):
    """The sweeps of kernel and bin widths."""

    seed: int


class ClaimsPoint(Section):
    """A point as claims see it."""

    variant: str
    axes: dict[str, Any]
    dataset: str
    noise_std: float


class ClaimsExperiment(Section):
    """An experiment as claims see it, with its files."""

    seeds: int
    points: dict[str, ClaimsPoint]
    estimates: list[str]  # tables of estimates
    figure_tables: dict[str, list[str]]  # tables with columns of their own, by estimator
    history: dict[str, str]  # by point
    estimators: list[str]
    controls: list[str]  # experiments


class ComparedExperiment(Section):
    """An experiment as the comparison of estimators sees it, with its files."""

    document: str
    estimates: list[str]
    history: dict[str, str]  # by point


class ClaimsJob(Section):
    """The claims of one document."""

    document: str
    seed: int
    rehearsal: bool
    experiments: dict[str, ClaimsExperiment]
    datasets: dict[str, str]  # files by name
    studies: dict[str, list[str]]  # files of what a document reads beside its experiments, by name
    compared: dict[str, ComparedExperiment] = {}  # of a document that reads the comparison: every experiment of the run
    families: dict[str, str] = {}  # and the kind of each estimator


class NotebookPoint(Section):
    """A point as notebooks see it, for what their cells recompute."""

    dataset: str
    model: Model
    first_seed: int
    loss: str
    fold: int | None
    steps_per_epoch: int | None


class NotebookJob(Section):
    """The notebook of one document."""

    document: str
    title: str
    seed: int
    figures: list[str]
    models: dict[str, Model]  # of each experiment's first point, for schematics
    points: dict[str, dict[str, NotebookPoint]]
    estimators: dict[str, Estimator]


class ReportDocument(Section):
    """A document as the page shows it."""

    title: str
    citation: str
    study: bool  # whether it is one of a user's own
    figures: dict[str, Figure]
    experiments: list[str]
    tables: dict[str, str]


class ReportJob(Section):
    """The page, the ledger and the manifest."""

    config: Config
    documents: dict[str, ReportDocument]
    datasets: list[str]
    outputs: list[str]
