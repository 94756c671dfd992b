"""Keep a recording: weights and a data set in, one HDF5 file for a block of seeds out.

Groups `<seed>/<snapshot>/<layer>/`: `values` (n, maps, size) noiseless values of every sample; for noisy networks whose
moments are known `covariance` (n, d, d) given each input and `shift` (n, d), the second-order shift of the mean (float32),
and at the snapshots with noisy passes `replicas` (count, n, d) and `conditional` (count, inputs, d), values before the
layer's own noise (float32). `labels` (n,) and `split` (n,) once.
"""

from __future__ import annotations

from typing import Any

import torch

from infoflow.config.jobs import RecordJob
from infoflow.recording.recording import FromWeights
from infoflow.recording.samples import Probe
from infoflow.storage.hdf5 import write_h5


def run(job: RecordJob, weights: str, dataset: str, output: str) -> None:
    """Record every seed and snapshot of a block."""
    torch.set_num_threads(1)
    recording = FromWeights(job, weights, Probe(dataset, job.fold))
    arrays: dict[str, Any] = {name: recording.probe.arrays[name].numpy() for name in ("y", "split")}
    noisy = "noise" in job.model.offers()
    for seed, snapshots in job.epochs.items():
        index = torch.arange(len(recording.samples(seed)))
        for snapshot in snapshots:
            for layer, values in recording.values(seed, snapshot, index, recording.layers):
                place = f"{seed}/{snapshot}/{layer}"
                if noisy:
                    moments = recording.moments(seed, snapshot, layer)
                    arrays[f"{place}/covariance"], arrays[f"{place}/shift"] = (
                        moments.covariance.numpy(),
                        moments.shift.numpy(),
                    )
                arrays[f"{place}/values"] = values.numpy()
            for layer in recording.layers:
                for name, passes in recording.passes(seed, snapshot, layer).items():
                    arrays[f"{seed}/{snapshot}/{layer}/{name}"] = passes.numpy()
        print(f"seed {seed}: {len(snapshots)} snapshots", flush=True)
    attributes = {
        "experiment": job.experiment,
        "point": job.point,
        "noise_std": job.model.noise_std,
        "layers": recording.layers,
    }
    write_h5(output, arrays, attributes)
