"""Rows of every layer of an activation file; one snapshot is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import h5py
import torch
from torch import Tensor

from infoflow.config.jobs import EstimateJob
from infoflow.estimation.rows import Row
from infoflow.seeds import torch_generator

LayerRows = Callable[[EstimateJob, dict[str, Tensor], Tensor, int, torch.Generator], Iterator[Row]]


def rows(job: EstimateJob, path: str, layer_rows: LayerRows) -> Iterator[Row]:
    """Apply `layer_rows(job, arrays, labels, depth, generator)` to every layer that the job asks for."""
    chosen = getattr(job.section, "layers", [])
    with h5py.File(path) as file:
        labels = torch.from_numpy(file["labels"][()])
        for seed in sorted((k for k in file if k.isdigit()), key=int):
            for epoch in sorted(file[seed], key=int):
                for depth, layer in enumerate(file.attrs["layers"], start=1):
                    if chosen and layer not in chosen:
                        continue
                    generator = torch_generator(job.seed, int(seed), "estimate", int(epoch), depth)
                    arrays = {name: torch.from_numpy(data[()]) for name, data in file[seed][epoch][layer].items()}
                    for row in layer_rows(job, arrays, labels, depth, generator):
                        yield {"seed": int(seed), "epoch": int(epoch), "layer": layer, "depth": depth, **row}
            print(f"seed {seed}: {len(file[seed])} snapshots", flush=True)
