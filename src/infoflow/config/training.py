"""The section of an experiment that says how its networks are trained."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from infoflow.config.base import Count, Fraction, Positive, Section


class Decay(Section):
    """Divide the learning rate once and for all when the noisy test accuracy reaches a level at an epoch's start."""

    accuracy: Fraction = 0.99
    divisor: Positive = 20.0


class Training(Section):
    """How the networks are trained."""

    stackable: ClassVar[frozenset[str]] = frozenset(  # what may differ between the points of one stack
        {"learning_rate", "orthonormal", "clustering_penalty", "labels", "dropout", "l1", "l2", "trade_off"}
    )

    loss: Literal["mse", "cross_entropy", "rate_distortion", "reconstruction"] = Field(
        "cross_entropy", description="reconstruction: mean squared error between outputs and the inputs themselves"
    )
    optimiser: Literal["sgd", "adam"] = "adam"
    learning_rate: Positive = 1.0e-3
    batch_size: Count = 128
    micro_batch: Count | None = Field(
        None,
        description="the gradient of a batch is summed over parts of this many samples, for batches that memory does not hold; batch normalisation then sees one part at a time",
    )
    epochs: Count = 20
    checkpoints: str | None = Field(
        None,
        description="files of a network that was trained elsewhere, as `runs/a/epoch_*.safetensors` (or .pt): the last number in a name is its epoch, `{seed}` the seed; nothing is trained then",
    )
    frozen: bool = Field(False, description="no step is taken: the untrained network, a control, at every snapshot")
    steps_per_epoch: Count | None = Field(
        None,
        description="an epoch is this many updates whatever the size of the set, and snapshots are counted in updates; each pass over the set drops the last batch if it is not full",
    )
    evaluated: Count | None = Field(
        None,
        description="at snapshots before the last, loss and accuracy are those of the first so many samples of each part; null: of all; of reconstructions at the last one too",
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
    trade_off: Annotated[float, Field(ge=0, allow_inf_nan=True)] = Field(
        float("inf"),
        description="rate_distortion: β in Σ I(X;X^l) + β CE; .inf (the default) is the cross-entropy alone",
        json_schema_extra=lambda schema: schema.pop("default"),  # JSON has no infinity
    )
    divide_loss: bool = Field(
        False, description="rate_distortion: divide by 1 + β, so that β does not also scale the step"
    )
    rate_gradient: bool = Field(
        True,
        description="rate_distortion: whether the rate has a gradient; without one β scales the step alone, a control",
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
    def _trained_elsewhere(self) -> Training:
        if self.checkpoints is not None and (self.frozen or self.labels == "shuffled"):
            raise ValueError("checkpoints: nothing is trained, so neither frozen nor labels: shuffled means anything")
        return self

    @model_validator(mode="after")
    def _decay_watches_epochs(self) -> Training:
        if self.decay and self.steps_per_epoch:
            raise ValueError("decay: watches the start of passes over the set; leave steps_per_epoch out")
        return self

    @model_validator(mode="after")
    def _settings_that_do_something(self) -> Training:
        if self.momentum and self.optimiser != "sgd":
            raise ValueError("momentum: is of the optimiser sgd; adam has moments of its own")
        if not self.rate_gradient and self.loss != "rate_distortion":
            raise ValueError("rate_gradient: is of the loss rate_distortion, the only one with a rate")
        of_classes = [key for key in ("class_weights", "clustering_penalty") if getattr(self, key)]
        if self.loss in ("mse", "reconstruction") and of_classes:
            raise ValueError(f"{', '.join(of_classes)}: the loss {self.loss} knows no classes; take cross_entropy")
        if self.loss == "reconstruction" and self.labels == "shuffled":
            raise ValueError("labels: the loss reconstruction reads no labels, so that shuffled ones mean nothing")
        return self
