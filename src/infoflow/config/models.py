"""Sections of the models: one class a kind, with the class of `infoflow.models` that is the network."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from infoflow.config.base import Activation, Count, Options, Positive, Section, union_of


class Initial(Section):
    """Fixed initial weights of a scalar chain, one number a layer."""

    weights: list[float]
    biases: list[float]


def numbered(letter: str, count: int) -> list[str]:
    """Names of so many layers."""
    return [f"{letter}{k}" for k in range(1, count + 1)]


class ModelSection(Section):
    """What every kind of model says of itself."""

    kind: str
    noise_std: float
    network: ClassVar[str]  # its class, `<module of infoflow.models>:<name>`
    noisy: ClassVar[bool] = False  # whether its class takes `noise_std`
    relative_cost: ClassVar[int] = 1  # of one unit in training; the longest trainings start first
    memory: ClassVar[int] = 2000  # megabytes that an estimate of its layers may take

    @property
    def module(self) -> str:
        """The module of its class."""
        return f"infoflow.models.{self.network.split(':')[0]}"

    def units(self) -> int:
        """Units of the network, for an estimate of what its training takes."""
        raise NotImplementedError

    def layer_names(self) -> list[str] | None:
        """Layers that are observed, from the input on; None where only the network itself knows."""
        return None

    def offers(self) -> set[str]:
        """What estimators may use of it beside the values of its layers, see `infoflow.config.estimators.NEEDS`."""
        return {"layers", "passes"} if self.noise_std > 0 else {"layers"}


class MlpModel(ModelSection):
    """A fully connected network with Gaussian noise after the activations."""

    kind: Literal["mlp"]
    network: ClassVar[str] = "mlp:Mlp"
    noisy: ClassVar[bool] = True
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

    def units(self) -> int:
        """Widths of all layers."""
        return sum(self.layers)

    def layer_names(self) -> list[str]:
        """T1, …: hidden layers, or all."""
        return numbered("T", len(self.activations) - (self.observe == "hidden"))

    def offers(self) -> set[str]:
        """Moments of noisy layers; chains of scalars, and linear networks, are known exactly."""
        known = {
            "noise": self.noise_std > 0,
            "scalars": set(self.layers) == {1},
            "linear": set(self.activations) == {"linear"},
        }
        hidden = super().offers() if self.observe == "all" or len(self.layers) > 2 else set()
        return hidden | {name for name, true in known.items() if true}


class AutoencoderModel(ModelSection):
    """A fully connected network that gives its input back through a narrow layer; mirrored widths, outputs in (0, 1)."""

    kind: Literal["autoencoder"]
    network: ClassVar[str] = "mlp:Autoencoder"
    noisy: ClassVar[bool] = True
    widths: list[Count] = Field([256, 64], description="of the layers before the narrow one, and after it in reverse")
    bottleneck: Count = 16
    activation: Literal["tanh", "relu", "sigmoid"] = "tanh"
    noise_std: Annotated[float, Field(ge=0)] = Field(
        0.0, description="standard deviation of the noise after each hidden layer"
    )

    def layer_names(self) -> list[str]:
        """T1, …: hidden layers."""
        return numbered("T", 2 * len(self.widths) + 1)

    def units(self) -> int:
        """Widths of the hidden layers."""
        return 2 * sum(self.widths) + self.bottleneck


class RecurrentModel(ModelSection):
    """A tanh recurrent network with Gaussian noise on its hidden state and a linear read-out of the last state."""

    kind: Literal["recurrent"]
    network: ClassVar[str] = "recurrent:Recurrent"
    noisy: ClassVar[bool] = True
    hidden: Annotated[int, Field(ge=1, le=3)] = 2
    noise_std: Annotated[float, Field(ge=0)] = 0.05
    gain: Positive = Field(1.0, description="factor on the initial recurrent and input weights")

    def units(self) -> int:
        """As a small network: its states are few."""
        return 16

    def offers(self) -> set[str]:
        """Moments of noisy states."""
        return super().offers() | ({"noise"} if self.noise_std > 0 else set())


class ConvolutionalModel(ModelSection):
    """What every convolutional network has."""

    filters: list[Count]
    relative_cost: ClassVar[int] = 100  # a filter is applied at hundreds of places
    memory: ClassVar[int] = 5000  # whole layers of recordings reach 4.5 GB in the default run

    def units(self) -> int:
        """Filters of all its convolutions."""
        return sum(self.filters)


class CnnModel(ConvolutionalModel):
    """A small convolutional network: blocks of 5 × 5 convolution, activation and 2 × 2 pooling, then dense layers."""

    kind: Literal["cnn"]
    network: ClassVar[str] = "cnn:Cnn"
    noisy: ClassVar[bool] = True
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

    def layer_names(self) -> list[str]:
        """T1, … after pooling and dense layers, or C1, P1, …, F1, …."""
        if self.observe == "blocks":
            return numbered("T", len(self.filters) + len(self.dense))
        return [f"{kind}{k}" for k in range(1, len(self.filters) + 1) for kind in "CP"] + numbered("F", len(self.dense))

    @model_validator(mode="after")
    def _one_padding_a_convolution(self) -> CnnModel:
        if self.padding and len(self.padding) != len(self.filters):
            raise ValueError(f"padding: {len(self.filters)} convolutions need as many, not {len(self.padding)}")
        return self


class BlstmModel(ModelSection):
    """A bidirectional LSTM on sequences, whose mean state a small classifier reads."""

    kind: Literal["blstm"]
    network: ClassVar[str] = "blstm:Blstm"
    relative_cost: ClassVar[int] = 1000  # at hundreds of frames
    hidden: Count = Field(128, description="cells in each direction")
    classes: Count | None = Field(None, description="outputs; null: as many as the data set has classes")
    decoder: Count = Field(128, description="units of the classifier's hidden layer")
    positions: Count = Field(
        8, description="places in time whose states are layers, t1, …: the ends of equal parts of a sequence"
    )
    noise_std: Literal[0.0] = 0.0

    def layer_names(self) -> list[str]:
        """t1, … the states at places in time, the context, the classifier's hidden layer."""
        return [*numbered("t", self.positions), "context", "decoder"]

    def units(self) -> int:
        """Cells of one direction."""
        return self.hidden


class BatchNormModel(ConvolutionalModel):
    """What networks with batch normalisation after every convolution have; they carry no noise."""

    classes: Count | None = Field(None, description="outputs; null: as many as the data set has classes")
    activation: Literal["tanh", "relu"] = "relu"
    noise_std: Literal[0.0] = 0.0


class SimpleCnnModel(BatchNormModel):
    """Convolutions of stride 2 (the first 8 × 8, stride 4), each with activation, then batch normalisation."""

    kind: Literal["simple_cnn"]
    network: ClassVar[str] = "audio_cnn:SimpleCnn"
    filters: Annotated[list[Count], Field(min_length=1)] = [4, 8, 16, 32]

    def layer_names(self) -> list[str]:
        """T1, …: convolutions."""
        return numbered("T", len(self.filters))


class AudioResNetModel(BatchNormModel):
    """A residual network of a stem, three and four blocks, and an average to 7 × 7."""

    kind: Literal["audio_resnet"]
    network: ClassVar[str] = "audio_cnn:AudioResNet"
    relative_cost: ClassVar[int] = 2000  # many convolutions a stage
    filters: Annotated[list[Count], Field(min_length=2, max_length=2)] = Field([16, 32], description="of both stages")


class Vgg11Model(BatchNormModel):
    """VGG-11 for images of at most 32 × 32: eight 3 × 3 convolutions in five stages, two dense layers."""

    kind: Literal["vgg11"]
    network: ClassVar[str] = "deep_cnn:Vgg11"
    filters: Annotated[list[Count], Field(min_length=5, max_length=5)] = Field(
        [16, 32, 64, 128, 128], description="of each stage; published: 64, 128, 256, 512, 512"
    )
    dense: Annotated[list[Count], Field(min_length=1)] = [128, 128]


class ResNet18Model(BatchNormModel):
    """ResNet-18 for images of at most 32 × 32: a 3 × 3 stem, four stages of two blocks, an average."""

    kind: Literal["resnet18"]
    network: ClassVar[str] = "deep_cnn:ResNet18"
    relative_cost: ClassVar[int] = 2000  # many convolutions a stage
    filters: Annotated[list[Count], Field(min_length=4, max_length=4)] = Field(
        [16, 32, 64, 128], description="of each stage; published: 64, 128, 256, 512"
    )


class PythonModel(ModelSection):
    """A network of one's own: `build(input_shape, classes, **options)` gives a `torch.nn.Module` that returns logits."""

    kind: Literal["python"]
    network: ClassVar[str] = "own:Own"
    relative_cost: ClassVar[int] = 10_000  # nobody knows; it starts early
    memory: ClassVar[int] = 5000
    function: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] = Field(
        description="`module:name`; the module lies beside the config that names it, or is installed"
    )
    layers: list[str] = Field([], description="modules that are observed, by their dotted names; empty: the leaves")
    options: Options = Field({}, description="further arguments of the function")
    classes: Count | None = Field(None, description="outputs; null: as many as the data set has classes")
    folder: str | None = Field(None, description="folder of the module; null: beside the config, or installed")
    noise_std: Literal[0.0] = 0.0

    def units(self) -> int:
        """Unknown; as a wide layer."""
        return 1000


Model = union_of(ModelSection)
