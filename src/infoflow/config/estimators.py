"""Sections of the estimators: one class a kind, computed by the module `infoflow.estimation.<kind>`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from infoflow.config.base import Count, Identifier, Positive, Section, union_of


class EstimatorSection(Section):
    """What every kind of estimator says of itself. `infoflow.estimation.<kind>` computes it."""

    kind: str
    reads: ClassVar[str] = "activations"  # or weights, where it runs the networks itself
    scope: ClassVar[str] = "point"  # or stack: one table for all points that train together
    models: ClassVar[tuple[str, ...]] = ()  # the only kinds of models that it reads; empty: any
    trainers: ClassVar[tuple[str, ...]] = ()  # the only modules of `infoflow.training` whose networks it reads
    any_first_seed: ClassVar[bool] = False  # whether seeds may count from elsewhere than 0
    tidy: ClassVar[bool] = True  # or a table with columns of its own, for figures
    memory: ClassVar[int] = 2000  # megabytes that one job may take

    def misfit(self, experiment: str, model: str, trainer: str, first_seed: int) -> str | None:
        """Why it cannot look at an experiment, or None."""
        if self.models and model not in self.models:
            return f"reads models of kind {', '.join(self.models)}, not {model}"
        if self.trainers and trainer not in self.trainers:
            return "reads networks on data sets of kind contexts"
        if first_seed and not self.any_first_seed:
            return f"counts seeds from 0, and first_seed is {first_seed}"
        return None

    def covers(self, seeds: Collection[int], replica_seeds: int) -> bool:
        """Whether it looks at a block of seeds, of which the first `replica_seeds` have noisy passes."""
        return True

    def among(self, snapshots: list[int], updates: int) -> list[int]:
        """The snapshots that it looks at; `updates` make an epoch where snapshots are counted in updates, else 1."""
        return snapshots


class OfSomeEpochs(EstimatorSection):
    """Estimators that may look at the snapshots nearest to given epochs alone."""

    def among(self, snapshots: list[int], updates: int) -> list[int]:
        """The snapshots nearest to `epochs`; all where there are none."""
        epochs = self.epochs  # type: ignore[attr-defined]
        if epochs is None:
            return snapshots
        return sorted({min(snapshots, key=lambda k: abs(k - updates * epoch)) for epoch in epochs})


class OfOneSeed(EstimatorSection):
    """Tables for figures, of one seed."""

    tidy: ClassVar[bool] = False
    seed_index: Annotated[int, Field(ge=0)] = Field(0, description="the seed that is shown")

    def covers(self, seeds: Collection[int], replica_seeds: int) -> bool:
        """Whether the block holds the seed."""
        return self.seed_index in seeds


class ScalarChain(EstimatorSection):
    """Exact I(X;T) of scalar noisy chains by quadrature, from the weights."""

    kind: Literal["scalar_chain"]
    reads: ClassVar[str] = "weights"
    models: ClassVar[tuple[str, ...]] = ("mlp",)


class ScalarDensity(OfOneSeed):
    """Exact densities p(t) of the layers of a scalar noisy chain, for one seed."""

    kind: Literal["scalar_density"]
    reads: ClassVar[str] = "weights"
    models: ClassVar[tuple[str, ...]] = ("mlp",)
    ranges: dict[Identifier, list[list[float]]] = Field(description="experiment -> one [low, high] a layer")
    bins: Count = 100
    epochs: Count = Field(300, description="at most this many snapshots are kept")

    def misfit(self, experiment: str, model: str, trainer: str, first_seed: int) -> str | None:
        """Why it cannot look at an experiment, or None."""
        if experiment not in self.ranges:
            return f"has no entry for {experiment} in its ranges"
        return super().misfit(experiment, model, trainer, first_seed)


class ScalarClusters(EstimatorSection):
    """Number of groups among the noiseless outputs of a scalar chain for enumerated inputs."""

    kind: Literal["scalar_clusters"]
    reads: ClassVar[str] = "weights"
    models: ClassVar[tuple[str, ...]] = ("mlp",)
    gap: Positive = Field(
        3.0, description="groups are separate when further apart than this many noise standard deviations"
    )


class Linearised(EstimatorSection):
    """I(X;T) from means and covariances propagated through the layers, all inputs enumerated."""

    kind: Literal["linearised"]
    draws: Count = 1
    layers: list[str] = Field([], description="only these layers; empty: all")
    overall_std: Positive | None = Field(
        None,
        description="rescale every layer to this overall standard deviation before its own noise: what is left of a change of I is clustering, not scale",
    )


class SamplePropagation(EstimatorSection):
    """I(X;T) from the mixture of repeated noisy passes, equal numbers in both terms, or the published numbers."""

    kind: Literal["replicas"]
    counts: list[Count] = [16, 32]
    queries: Count = 2048
    published: list[Count] = Field(
        [], description="[passes in h(T), passes in h(T|X)] of the published estimate; empty leaves it out"
    )

    def covers(self, seeds: Collection[int], replica_seeds: int) -> bool:
        """Whether some of the block's seeds have noisy passes."""
        return min(seeds) < replica_seeds


class Binning(EstimatorSection):
    """Entropy of binned layers and their information about the labels."""

    kind: Literal["binning"]
    widths: list[Positive] = []
    edges: list[Annotated[list[float], Field(min_length=3, max_length=3)]] = Field(
        [], description="[low, high, number of bins]"
    )


class LinearGaussian(EstimatorSection):
    """Exact information of linear layers on Gaussian inputs, from the weights."""

    kind: Literal["linear_gaussian"]
    reads: ClassVar[str] = "weights"
    models: ClassVar[tuple[str, ...]] = ("mlp",)
    std: Positive = Field(0.1, description="of the noise that the analysis adds to the layer")


class WideLayers(OfSomeEpochs):
    """Binned, kernel-density and nearest-neighbour estimates of layers too wide to keep, from the weights."""

    kind: Literal["wide_layers"]
    reads: ClassVar[str] = "weights"
    memory: ClassVar[int] = 5000  # whole layers of recordings reach 4.5 GB in the default run
    widths: list[Positive] = Field([], description="of bins: joint codes, and every number a sample of its own")
    run_bins: Count | None = Field(
        None, description="so many equal bins from a layer's least to its greatest value over the run"
    )
    variances: list[Positive] = Field([], description="of the noise in the kernel-density estimates")
    neighbour: Count | None = Field(None, description="k of the nearest-neighbour entropy; null leaves it out")
    offset: Annotated[float, Field(ge=0)] = Field(
        0.0, description="added to neighbours' distances: 1.0e-16 as published; at 0 repeated rows give -inf"
    )
    maps: bool = Field(False, description="also each map of a convolution (binning and neighbours)")
    layers: list[str] = Field([], description="only these layers; empty: all")
    epochs: list[Annotated[int, Field(ge=0)]] | None = Field(None, description="snapshots nearest to these; null: all")
    inputs: Count | None = Field(None, description="at most this many evenly spaced samples")
    published_rows: Annotated[list[Count], Field(max_length=2)] = Field(
        [],
        description="[training, validation]: the array as published holds the training rows, the first of them overwritten by the validation rows, and zeros; empty: every row is its own",
    )


class Clustering(EstimatorSection):
    """Within- and between-class distances, cosine similarities, saturated fraction, binned entropy."""

    kind: Literal["clustering"]
    layers: list[str] = Field([], description="only these layers; empty: all")
    inputs: Annotated[int, Field(ge=2)] = Field(
        1024, description="at most this many evenly spaced inputs give the pairwise distances"
    )
    width: Positive = 0.05
    saturation: Positive = 0.9


class Values(OfOneSeed):
    """Noiseless values of one layer of one seed at some epochs, for scatter plots."""

    kind: Literal["values"]
    layer: str
    epochs: list[Annotated[int, Field(ge=0)]] = Field(description="the recorded epochs nearest to these are kept")


class Histograms(OfOneSeed):
    """Histograms of the noiseless values of every layer of one seed over training."""

    kind: Literal["histograms"]
    bins: Count = 50
    low: float = -1.0
    high: float = 1.0


class KernelWidth(Section):
    """How the width σ of a Gaussian kernel is chosen for a variable of dimension d in a batch of n samples."""

    rule: Literal["power", "median", "alignment"] = Field(
        "power",
        description="power: σ = factor · n^(−1/(offset + d)); median: the median distance of each variable; alignment: of layers the one whose kernel is best aligned with the labels', smoothed over training, of the input that of power",
    )
    factor: Positive = Field(5.0, description="power: of inputs and activations")
    error_factor: Positive = Field(0.1, description="power: of error signals")
    offset: Literal[1, 4] = Field(1, description="power: 1 as in arXiv 1804.06537, 4 as in its journal version")
    rescaled: bool = Field(False, description="layers rescaled to the overall standard deviation they had at the start")


class MatrixRenyi(OfSomeEpochs):
    """Matrix-based Rényi information of the layers of a convolutional network, on mini-batches."""

    kind: Literal["renyi"]
    reads: ClassVar[str] = "weights"
    models: ClassVar[tuple[str, ...]] = ("cnn", "vgg11", "resnet18")
    any_first_seed: ClassVar[bool] = True
    alphas: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)] = [1.01]
    widths: Annotated[list[KernelWidth], Field(min_length=1)] = [KernelWidth()]
    label_width: Positive = Field(0.1, description="kernel width of one-hot labels")
    batches: Count = 10
    batch_size: Annotated[int, Field(ge=2)] = 128
    samples: Literal["test", "train"] = Field(
        "test", description="part of the data set that the mini-batches come from"
    )
    kernel: Literal["maps", "tensor"] = Field(
        "maps", description="maps: a kernel for each feature map, and their product; tensor: one over the whole layer"
    )
    maps: bool = Field(True, description="also I(X;T) of every feature map, and the net redundancy of each layer")
    errors: bool = Field(True, description="also the information I(δ_L; δ_k) of the error signals")
    pairs: Annotated[int, Field(ge=0)] = Field(
        0, description="also the net redundancy of so many pairs of maps of each layer, all if it has no more"
    )
    planted: Annotated[int, Field(ge=0)] = Field(
        0, description="with pairs: how well so many planted copies and dead maps of each layer are found"
    )
    layers: list[str] = Field([], description="only these layers; empty: all")
    epochs: list[Annotated[float, Field(ge=0)]] | None = Field(
        None, description="only the snapshots nearest to these epochs; null: every snapshot"
    )

    @model_validator(mode="after")
    def _alignment_is_of_whole_layers(self) -> MatrixRenyi:
        if any(width.rule == "alignment" for width in self.widths) and (self.kernel != "tensor" or self.errors):
            raise ValueError("widths: the rule alignment is for kernel: tensor and errors: false")
        return self


class Ratios(EstimatorSection):
    """I(X; X^l)/S(K) of the layers of networks on contexts, by matrix-based Rényi entropy of order 2."""

    kind: Literal["ratios"]
    reads: ClassVar[str] = "weights"
    scope: ClassVar[str] = "stack"
    trainers: ClassVar[tuple[str, ...]] = ("context_ensemble",)
    any_first_seed: ClassVar[bool] = True
    sizes: list[Annotated[int, Field(ge=2)]] = Field([64, 256], description="samples of a batch of training contexts")
    held_out: Annotated[int, Field(ge=2)] | None = Field(
        48, description="samples of a batch of the two speakers that were not trained on; null: none"
    )
    batches: Annotated[int, Field(ge=2)] = 10
    variance: Positive = Field(0.2, description="σ² of the Gaussian kernel")
    width: Literal["fixed", "median"] = Field(
        "fixed", description="fixed: `variance`; median: σ is the median distance of each layer"
    )


class RatiosOverTime(EstimatorSection):
    """I(X_t; H_t)/S(X_t) of the states of recurrent encoders at several places in time."""

    kind: Literal["ratios_over_time"]
    reads: ClassVar[str] = "weights"
    models: ClassVar[tuple[str, ...]] = ("blstm",)
    any_first_seed: ClassVar[bool] = True
    n: Annotated[int, Field(ge=2)] = Field(64, description="training sequences of a batch")
    batches: Annotated[int, Field(ge=2)] = 10
    positions: Count = Field(8, description="places in time, the ends of equal parts")
    variance: Positive = Field(0.2, description="σ² of the Gaussian kernels")


Estimator = union_of(EstimatorSection)
