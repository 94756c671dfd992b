"""Every family of estimators on the layers of every experiment's networks, at sizes cut down."""

import functools
import math

import factories
import numpy as np
import pandas as pd
import pytest
import torch
from factories import dataset_job, estimate_group, save_networks

from infoflow.config.jobs import EstimateJob
from infoflow.data import stage as data_stage
from infoflow.errors import InputError
from infoflow.estimation import stage
from infoflow.models import build
from infoflow.recording.samples import Probe
from infoflow.storage.hdf5 import write_h5

FAMILIES = {
    "binning": {"widths": [0.05]},
    "kde": {"variances": [0.01]},
    "knn": {"neighbour": 2},
    "renyi": {"batches": 2, "batch_size": 8, "errors": True, "samples": ["train", "test"]},
    "clustering": {},
    "quantised": {"bits": [3]},
}
QUANTITIES = {
    "binning": "H_T", "kde": "I_XT", "knn": "h_T", "renyi": "I_XT", "clustering": "saturated_fraction", "quantised": "I_XQ",
}  # fmt: skip
OF_CLASSES = {
    "binning": "I_TY", "kde": "I_TY", "renyi": "I_TY", "clustering": "within_distance", "quantised": "I_QY",
}  # fmt: skip
OVERLAY = {
    "estimators": {kind: {"kind": kind, "inputs": 24, **fields} for kind, fields in FAMILIES.items()},
    "experiments": {name: {"estimators": list(FAMILIES)} for name in factories.config().experiments},
}
LACKING = {"huang_logistic": "needs a hidden layer"}
GENERATED = {
    "szt12": {},
    "scalar": {"train": 24, "test": 24, "seeds": 2},
    "bit_sequences": {},
    "teacher_student": {"train": 24, "test": 24, "seeds": 2},
}


@functools.cache
def plan():
    return factories.plan(OVERLAY)


def small(dataset, path):
    """A data set of the kind's own layout with a few samples."""
    section, rng = plan().config.datasets[dataset], np.random.default_rng(0)
    n, split = 40, np.tile(np.array([0, 0, 0, 1], np.uint8), 10)
    if section.kind in GENERATED:
        fields = section.model_dump(exclude={"kind"}) | GENERATED[section.kind]
        data_stage.run(dataset_job(section.kind, **fields), path)
        return
    y = np.arange(n) % 4
    attributes = {"classes": 4, "x_divisor": 255}
    if section.trainer == "encoder":
        lengths = rng.integers(5, 9, n)
        x = rng.standard_normal((lengths.sum(), 6)).astype(np.float32)
        arrays = {"x": x, "offsets": np.concatenate([[0], lengths.cumsum()]), "y": y, "group": np.arange(n) % 10}
        arrays["validates"] = np.zeros(n, int)
        write_h5(path, arrays, {"classes": 4})
    elif section.trainer == "context_ensemble":
        x = rng.standard_normal((2, n, 256)).astype(np.float32)
        write_h5(path, {"x": x, "y": y, "split": np.stack([split, split[::-1]])}, {"classes": 4})
    else:
        shape = (1, 128, 65) if section.kind.startswith(("fma", "music")) else (1, 28, 28)
        x = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
        write_h5(path, {"x": x, "y": y, "split": split}, attributes)


@pytest.mark.parametrize("experiment", sorted(factories.config().experiments))
def test_every_family_runs_on_it(experiment, tmp_path):
    point = next(iter(plan().points[experiment].values()))
    at, path = point.experiment, str(tmp_path / "data.h5")
    if experiment in LACKING:
        with pytest.raises(InputError, match=f"^experiments.{experiment}.estimators: binning .* {LACKING[experiment]}"):
            cut(experiment, point.id, "binning", [0])
        return
    small(at.dataset, path)
    probe = Probe(path, at.training.fold)
    classes = probe.attributes.get("classes")
    networks = [build(at.model, probe.input_shape, classes) for _ in range(2)]
    for seed, network in enumerate(networks):
        network.initialise(torch.Generator().manual_seed(seed))
    save_networks(tmp_path / "w.safetensors", {0: networks})
    seeds = [at.first_seed, at.first_seed + 1]
    jobs = [cut(experiment, point.id, kind, seeds) for kind in FAMILIES]
    outputs = [str(tmp_path / f"{kind}.parquet") for kind in FAMILIES]
    inputs = {"weights": [str(tmp_path / "w.safetensors")], "dataset": [path]}
    parts = ["train", "test"] if bool(probe.samples(seeds[0]).split.any()) else ["train"]
    if parts == ["train"]:
        renyi = list(FAMILIES).index("renyi")
        with pytest.raises(InputError, match=f"^experiments.{experiment}, estimators.renyi: samples: test: .* no such"):
            stage.run(estimate_group(jobs[renyi]), inputs, outputs[renyi : renyi + 1])
        jobs[renyi] = jobs[renyi].model_copy(
            update={"section": jobs[renyi].section.model_copy(update={"samples": parts})}
        )
    stage.run(estimate_group(*jobs), inputs, outputs)
    for kind, output in zip(FAMILIES, outputs, strict=True):
        table = pd.read_parquet(output)
        layers = list(networks[0].layers)
        values = table[table["quantity"] == QUANTITIES[kind]]
        assert set(values["layer"]) == set(layers), kind
        assert set(table["seed"]) <= set(seeds)
        assert np.isfinite(values["value"]).all() or kind == "knn", kind  # repeated rows have no entropy
        of_classes = OF_CLASSES.get(kind)
        assert of_classes is None or ((table["quantity"] == of_classes).any() == (classes is not None)), kind
        if kind == "renyi":
            assert set(table["samples"]) == set(parts)
            assert table.loc[table["quantity"] == "I_XT", "per_batch"].map(len).eq(2).all()
            assert (table["quantity"] == "I_delta").any()
            assert values["value"].max() < math.log2(8) + 1e-6


def cut(experiment, point, kind, seeds):
    """Settings of a table as the plan makes them, of two seeds at their start."""
    block = plan().estimate_blocks(experiment, point, kind)[0]
    job = plan().estimate_settings(experiment, point, block, kind)
    assert isinstance(job, EstimateJob)
    return job.model_copy(update={"epochs": {seed: [0] for seed in seeds}, "first_seed": seeds[0]})
