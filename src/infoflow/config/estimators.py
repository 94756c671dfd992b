"""Sections of the estimators: one class a kind, computed by the module `infoflow.estimation.<kind>`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from infoflow.config.base import Count, Identifier, Options, Positive, Section, union_of
from infoflow.config.grids import spread

# What an estimator may need of a recording beside the values of its layers, and where it comes from.
NEEDS = {
    "layers": "a hidden layer, which this network does not have; output: true looks at its output",
    "noise": "noise after the layers whose moments are known: a model of kind mlp or recurrent with noise_std above 0",
    "passes": "noisy passes: probe.replicas of a model with noise_std above 0",
    "scalars": "a chain of scalars: a model of kind mlp whose widths are all 1",
    "population": "the population of the inputs: a data set of kind scalar",
    "linear": "linear layers: a model of kind mlp whose activations are all linear",
    "teacher": "a linear teacher: a data set of kind teacher_student",
}


BINS = 1_000_000


def interval(low: float, high: float, where: str) -> None:
    """Raise where the ends of an interval are equal or the other way round."""
    if not low < high:
        raise ValueError(f"{where}: from {low:g} to {high:g}; expected the lower end first")


def nearest(snapshots: list[int], epochs: Iterable[float], updates: int) -> list[int]:
    """The snapshots nearest to some epochs; `updates` make an epoch where snapshots are counted in updates, else 1."""
    return sorted({min(snapshots, key=lambda k: abs(k - updates * epoch)) for epoch in epochs})


class EstimatorSection(Section):
    """What every kind of estimator says of itself. `infoflow.estimation.<kind>` computes it."""

    kind: str
    needs: ClassVar[tuple[str, ...]] = ()  # of `NEEDS`
    of_layers: ClassVar[bool] = False  # whether it looks at layers one by one, seeds and snapshots in any portions
    tidy: ClassVar[bool] = True  # or a table with columns of its own, for figures
    memory: ClassVar[int] = 2000  # megabytes that one job may take

    @property
    def together(self) -> bool:
        """Whether the points of a stack share a table."""
        return False

    @property
    def requirements(self) -> tuple[str, ...]:
        """What it needs under its settings, of `NEEDS`."""
        return ("layers", *self.needs) if self.of_layers else self.needs

    @property
    def from_file(self) -> bool:
        """Whether a file of activations holds what it needs."""
        return self.of_layers

    def refusal(self, experiment: str) -> str | None:
        """Why its settings do not cover an experiment, or None."""
        return None

    def seeds_of(self, seeds: Collection[int], with_passes: Collection[int]) -> list[int]:
        """The seeds that it looks at, of those of a job; `with_passes` have noisy passes."""
        return list(seeds)

    def snapshots_of(self, snapshots: list[int], updates: int) -> list[int]:
        """The snapshots that it looks at; `updates` make an epoch where snapshots are counted in updates, else 1."""
        return snapshots


class OfOneSeed(EstimatorSection):
    """Tables for figures, of one seed."""

    tidy: ClassVar[bool] = False
    seed_index: Annotated[int, Field(ge=0)] = Field(0, description="the seed that is shown")

    def seeds_of(self, seeds: Collection[int], with_passes: Collection[int]) -> list[int]:
        """The seed that is shown, if it is there."""
        return [seed for seed in seeds if seed == self.seed_index]


class LayerEstimator(EstimatorSection):
    """Estimators that look at the layers of any recorded network."""

    of_layers: ClassVar[bool] = True
    memory: ClassVar[int] = 10_000  # whatever a network's layers take
    layers: list[str] = Field([], description="only these layers; empty: all")
    output: bool = Field(
        False, description="also the network's output, of classifiers the softmax, as the layer `output`"
    )
    epochs: list[Annotated[float, Field(ge=0)]] | None = Field(
        None, description="only the snapshots nearest to these epochs; null: every snapshot"
    )
    snapshots: Annotated[int, Field(ge=2)] | None = Field(
        None, description="at most about so many of the snapshots, near a geometric grid, with the first and the last"
    )
    samples: Annotated[list[Literal["all", "train", "test"]], Field(min_length=1)] = Field(
        ["all"], description="parts of the data set, each with rows of its own; test: what was not trained on"
    )
    inputs: Annotated[int, Field(ge=2)] | None = Field(
        None, description="at most this many evenly spaced samples of each part"
    )
    scope: Literal["point", "stack"] = Field(
        "point",
        description="stack: one table for all points that train together, with their common start at the first of them alone",
    )

    @property
    def together(self) -> bool:
        """Whether the points of a stack share a table."""
        return self.scope == "stack"

    @property
    def requirements(self) -> tuple[str, ...]:
        """A hidden layer only where the output is not asked for."""
        return self.needs if self.output else ("layers", *self.needs)

    def snapshots_of(self, snapshots: list[int], updates: int) -> list[int]:
        """The snapshots nearest to `epochs`, or about so many as `snapshots` says; all where neither is given."""
        if self.epochs is not None:
            return nearest(snapshots, self.epochs, updates)
        return snapshots if self.snapshots is None else spread(snapshots, self.snapshots)


class MapEstimator(LayerEstimator):
    """Estimators that may also look at each feature map of a layer."""

    maps: bool = Field(False, description="also each map of a layer that has several")
    published_rows: Annotated[list[Count], Field(max_length=2)] = Field(
        [],
        description="[training, validation]: the array as published holds the training rows, the first of them overwritten by the validation rows, and zeros; empty: every row is its own",
    )


class ScalarChain(EstimatorSection):
    """Exact I(X;T) of scalar noisy chains by quadrature, from the weights."""

    kind: Literal["scalar_chain"]
    needs: ClassVar[tuple[str, ...]] = ("scalars", "population")


class OfFirstSeeds(EstimatorSection):
    """Tables of their own columns, of the first seeds."""

    tidy: ClassVar[bool] = False
    seeds: Count = Field(1, description="so many of the first seeds")

    def seeds_of(self, seeds: Collection[int], with_passes: Collection[int]) -> list[int]:
        """The first seeds, as far as they are there."""
        return [seed for seed in seeds if seed < self.seeds]


class ScalarDensity(OfFirstSeeds):
    """Exact densities p(t) of the layers of a scalar noisy chain."""

    kind: Literal["scalar_density"]
    needs: ClassVar[tuple[str, ...]] = ("scalars", "population")
    ranges: dict[Identifier, list[list[float]]] = Field(description="experiment -> one [low, high] a layer")
    bins: Count = 100
    epochs: Count = Field(300, description="at most this many snapshots are kept")

    @model_validator(mode="after")
    def _low_below_high(self) -> ScalarDensity:
        for name, layers in self.ranges.items():
            for ends in layers:
                if len(ends) != 2:
                    raise ValueError(f"ranges: {name}: one [low, high] a layer, not {ends}")
                interval(*ends, f"ranges: {name}")
        return self

    def refusal(self, experiment: str) -> str | None:
        """Ranges are given for each experiment."""
        return None if experiment in self.ranges else f"has no entry for {experiment} in its ranges"


class ScalarDraws(OfFirstSeeds):
    """I(X;T) of a scalar noisy chain from drawn inputs and repeated noisy passes, as kong2019 estimated it, beside the exact value."""

    kind: Literal["scalar_draws"]
    needs: ClassVar[tuple[str, ...]] = ("scalars", "population")
    inputs: Annotated[int, Field(ge=2)] = Field(1000, description="drawn inputs of the mixture whose entropy is h(T)")
    passes: Annotated[int, Field(ge=2)] = Field(1000, description="noisy passes of each input in h(T|X)")
    conditional: dict[Identifier, Annotated[int, Field(ge=2)]] = Field(
        description="experiment -> drawn inputs of h(T|X)"
    )
    epochs: list[Annotated[int, Field(ge=0)]] = Field(description="only the snapshots nearest to these epochs")

    def refusal(self, experiment: str) -> str | None:
        """The number of inputs is given for each experiment."""
        return None if experiment in self.conditional else f"has no entry for {experiment} in its conditional"

    def snapshots_of(self, snapshots: list[int], updates: int) -> list[int]:
        """The snapshots nearest to `epochs`."""
        return nearest(snapshots, self.epochs, updates)


class ScalarClusters(EstimatorSection):
    """Number of groups among the noiseless outputs of a scalar chain for enumerated inputs."""

    kind: Literal["scalar_clusters"]
    needs: ClassVar[tuple[str, ...]] = ("scalars", "population")
    gap: Positive = Field(
        3.0, description="groups are separate when further apart than this many noise standard deviations"
    )


class Linearised(LayerEstimator):
    """I(X;T) from means and covariances propagated through the layers, all inputs enumerated."""

    kind: Literal["linearised"]
    needs: ClassVar[tuple[str, ...]] = ("noise",)
    memory: ClassVar[int] = 2000
    draws: Count = 1
    overall_std: Positive | None = Field(
        None,
        description="rescale every layer to this overall standard deviation before its own noise: what is left of a change of I is clustering, not scale",
    )


class Propagation(EstimatorSection):
    """I(X;T) from the mixture of repeated noisy passes, equal numbers in both terms, or the published numbers."""

    kind: Literal["propagation"]
    of_layers: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("passes",)
    counts: Annotated[list[Count], Field(min_length=1)] = [16, 32]
    queries: Count = 2048
    published: Annotated[list[Count], Field(max_length=2)] = Field(
        [], description="[passes in h(T), passes in h(T|X)] of the published estimate; empty leaves it out"
    )

    def seeds_of(self, seeds: Collection[int], with_passes: Collection[int]) -> list[int]:
        """The seeds with noisy passes."""
        return [seed for seed in seeds if seed in with_passes]


class LinearGaussian(EstimatorSection):
    """Exact information of linear layers on Gaussian inputs, from the weights."""

    kind: Literal["linear_gaussian"]
    needs: ClassVar[tuple[str, ...]] = ("linear", "teacher")
    std: Positive = Field(0.1, description="of the noise that the analysis adds to the layer")


RELATIVE_TO = Field(
    "start",
    description="what `relative` is a share of. start: the spread at the first snapshot, so that a layer that contracts is seen to; spread: that of each snapshot; trimmed: that of each snapshot without the 5 % of samples farthest from the median, which a few samples far from the others do not move",
)
RelativeTo = Literal["start", "spread", "trimmed"]


class Binning(MapEstimator):
    """Entropy of binned layers and their information about the labels."""

    kind: Literal["binning"]
    widths: list[Positive] = []
    pooled: bool = Field(False, description="for every width also with each number of the layer as a sample of its own")
    edges: list[Annotated[list[float], Field(min_length=3, max_length=3)]] = Field(
        [], description="[low, high, number of bins]"
    )
    run_bins: Count | None = Field(
        None, description="so many equal bins from a layer's least to its greatest value over the run"
    )
    relative: list[Positive] = Field(
        [],
        description="widths in units of the layer's spread (root mean square of its units' standard deviations)",
    )
    relative_to: RelativeTo = RELATIVE_TO

    @model_validator(mode="after")
    def _edges_enclose_bins(self) -> Binning:
        for low, high, bins in self.edges:
            interval(low, high, "edges")
            if bins != int(bins) or not 1 <= bins <= BINS:
                raise ValueError(
                    f"edges: [low, high, number of bins], and {bins:g} bins is no whole number from 1 to {BINS}"
                )
        return self


class Kde(MapEstimator):
    """Kernel-density bounds on I(X;T) and I(T;Y), for noise that the analysis adds (Kolchinsky & Tracey 2017)."""

    kind: Literal["kde"]
    variances: list[Positive] = Field([1.0e-3], description="of the added noise")
    relative: list[Positive] = Field(
        [],
        description="standard deviations of the added noise in units of the root of the layer's whole variance",
    )
    relative_to: RelativeTo = RELATIVE_TO

    @model_validator(mode="after")
    def _some_noise(self) -> Kde:
        if not self.variances and not self.relative:
            raise ValueError("variances: none, and relative: none; the bounds need noise")
        return self


class Knn(MapEstimator):
    """Nearest-neighbour entropy of a layer (Kozachenko & Leonenko 1987), and its information about the labels (Ross 2014)."""

    kind: Literal["knn"]
    neighbour: Count = Field(3, description="k")
    offset: Annotated[float, Field(ge=0)] = Field(
        0.0, description="added to neighbours' distances: 1.0e-16 as published; at 0 repeated rows give -inf"
    )
    labels: bool = Field(False, description="also I(T;Y) from neighbours of the same class")


class Quantised(LayerEstimator):
    """Exact I(X;Q) and I(Q;Y) of the network with its layers rounded to few levels, by counting (Lorenzen et al. 2022)."""

    kind: Literal["quantised"]
    bits: Annotated[list[Annotated[int, Field(ge=1, le=16)]], Field(min_length=1)] = Field(
        [8], description="of a unit: 2^bits levels from a layer's least to its greatest value"
    )

    @model_validator(mode="after")
    def _hidden_layers_alone(self) -> Quantised:
        if self.output:
            raise ValueError("output: hidden layers are quantised, the output is not")
        return self

    @property
    def from_file(self) -> bool:
        """Files hold the layers as they are."""
        return False


class Clustering(MapEstimator):
    """Within- and between-class distances, cosines, dimensions that are filled, saturated fraction, binned entropy."""

    kind: Literal["clustering"]
    pair_inputs: Annotated[int, Field(ge=2)] = Field(
        1024, description="at most this many evenly spaced samples give the pairwise distances"
    )
    width: Positive | None = Field(0.05, description="of the bins of the entropy; null: no entropy")
    saturation: Positive = 0.9


class Values(OfOneSeed):
    """Noiseless values of one layer of one seed at some epochs, for scatter plots."""

    kind: Literal["values"]
    of_layers: ClassVar[bool] = True
    layer: str
    epochs: list[Annotated[int, Field(ge=0)]] = Field(description="the recorded epochs nearest to these are kept")

    def snapshots_of(self, snapshots: list[int], updates: int) -> list[int]:
        """The snapshots nearest to `epochs`."""
        return nearest(snapshots, self.epochs, updates)


class Histograms(OfOneSeed):
    """Histograms of the noiseless values of every layer of one seed over training."""

    kind: Literal["histograms"]
    of_layers: ClassVar[bool] = True
    bins: Annotated[int, Field(ge=1, le=BINS)] = 50
    low: float = -1.0
    high: float = 1.0

    @model_validator(mode="after")
    def _low_below_high(self) -> Histograms:
        interval(self.low, self.high, "low")
        return self


class KernelWidth(Section):
    """How the width σ of a Gaussian kernel is chosen for a variable of dimension d in a batch of n samples."""

    rule: Literal["power", "median", "alignment", "fixed"] = Field(
        "power",
        description="power: σ = factor · n^(−1/(offset + d)); median: the median distance of each variable; alignment: of layers the one whose kernel is best aligned with the labels', smoothed over training, of the input that of power; fixed: σ² = variance",
    )
    factor: Positive = Field(5.0, description="power: of inputs and activations")
    error_factor: Positive = Field(0.1, description="power: of error signals")
    offset: Literal[1, 4] = Field(1, description="power: 1 as in arXiv 1804.06537, 4 as in its journal version")
    held: bool = Field(False, description="alignment: a layer's σ stays what it is at the first snapshot")
    rescaled: bool = Field(False, description="layers rescaled to the overall standard deviation they had at the start")
    variance: Positive = Field(0.2, description="fixed: σ² of inputs, layers and error signals")
    unit_inputs: bool = Field(False, description="fixed: inputs rescaled so that their median squared distance is 1")
    per_unit: bool = Field(False, description="fixed: σ² of a layer is variance times its dimension")

    def shown(self) -> dict[str, Any]:
        """The settings that its rule uses."""
        of_fixed = {"variance", "unit_inputs", "per_unit"}
        if self.rule == "fixed":
            return self.model_dump(include={"rule", *of_fixed})
        return self.model_dump(exclude=of_fixed if self.held else {*of_fixed, "held"})


class MatrixRenyi(LayerEstimator):
    """Matrix-based Rényi information of layers, on mini-batches."""

    kind: Literal["renyi"]
    memory: ClassVar[int] = 2000
    alphas: Annotated[list[Annotated[float, Field(ge=0, allow_inf_nan=True)]], Field(min_length=1)] = [1.01]
    widths: Annotated[list[KernelWidth], Field(min_length=1)] = [KernelWidth()]
    label_width: Positive = Field(0.1, description="kernel width of one-hot labels")
    batches: Count = 10
    batch_size: Annotated[int, Field(ge=2)] = 128
    samples: Annotated[list[Literal["all", "train", "test"]], Field(min_length=1)] = Field(
        ["test"], description="parts of the data set that the mini-batches come from"
    )
    kernel: Literal["maps", "tensor"] = Field(
        "maps", description="maps: a kernel for each feature map, and their product; tensor: one over the whole layer"
    )
    maps: bool = Field(True, description="also I(X;T) of every feature map, and the net redundancy of each layer")
    errors: bool = Field(False, description="also the information I(δ_L; δ_k) of the error signals")
    pairs: Annotated[int, Field(ge=0)] = Field(
        0, description="also the net redundancy of so many pairs of maps of each layer, all if it has no more"
    )
    planted: Annotated[int, Field(ge=0)] = Field(
        0, description="with pairs: how well so many planted copies and dead maps of each layer are found"
    )

    @model_validator(mode="after")
    def _alignment_is_of_whole_layers(self) -> MatrixRenyi:
        if any(width.rule == "alignment" for width in self.widths) and (self.kernel != "tensor" or self.errors):
            raise ValueError("widths: the rule alignment is for kernel: tensor and errors: false")
        return self

    @property
    def from_file(self) -> bool:
        """Files hold no error signals."""
        return not self.errors


class PythonEstimator(MapEstimator):
    """A function of one's own: `f(values, labels, **options)` gives a number, or numbers by the name of their quantity."""

    kind: Literal["python"]
    function: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] = Field(
        description="`module:name`; the module lies beside the config that names it, or is installed"
    )
    unit: Literal["nats", "bits", "none"] = "none"
    options: Options = Field({}, description="further arguments of the function")
    folder: str | None = Field(None, description="folder of the module; null: beside the config, or installed")


Estimator = union_of(EstimatorSection)
