"""Sections of the documents, and of the two studies of the estimators themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infoflow.config.base import Count, Identifier, Positive, Section


class Convergence(Section):
    """How fast the sample-propagation estimate converges on Gaussians whose entropy is known."""

    std: Positive = Field(0.3, description="noise standard deviation; the inputs are standard normal")
    dimensions: list[Count] = [1, 2, 3, 4, 5, 6, 7, 8]
    samples: list[Count]
    repeats: Count = 20
    queries: Count = Field(2000, description="draws from a mixture beyond two dimensions, at least; as many as centres")
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


class TruthTasks(Section):
    """Which estimators run on which tasks whose mutual information is known, at which sizes."""

    sizes: list[Annotated[int, Field(ge=8)]] = Field(description="numbers of samples")
    seeds: Count = Field(3, description="independent samples of each task and size")
    tasks: list[str] = Field([], description="ids of infoflow.truth.TASKS; empty: all")
    estimators: list[str] = Field([], description="ids of infoflow.truth.ESTIMATORS; empty: all")
    largest: dict[str, Count] = Field(
        {}, description="estimator -> largest number of samples that it runs on, where its cost grows as n³"
    )


class TruthDetection(Section):
    """Layers over a training, with and without compression, whose information is known at every step."""

    trajectories: Count = Field(description="half of them with planted compression")
    jobs: Count = Field(2, description="number of parallel jobs; does not affect results")


class Truth(TruthTasks):
    """The benchmark of estimators on tasks whose mutual information is known."""

    jobs: Count = Field(4, description="number of parallel jobs; does not affect results")
    sweeps: TruthSweeps
    detection: TruthDetection


class Figure(Section):
    """One figure of a document."""

    title: str
    caption: str
    tables: list[Identifier] = Field([], description="tables of the document that it is drawn from; none: a schematic")
    experiments: list[Identifier] = Field([], description="experiments whose results it shows")


class Document(Section):
    """A document: one of the five, the project's own benchmark of its estimators, or a study of one's own."""

    title: str
    citation: str = ""
