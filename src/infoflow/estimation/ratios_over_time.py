"""Rényi ratios I_α(X_t; H_t)/S_α(X_t) of the states of recurrent encoders, α = 2, in bits, from weights."""

from __future__ import annotations

import math

import pandas as pd
import torch

from infoflow.config.jobs import EstimateJob
from infoflow.estimation.rows import Inputs, mean_and_error, table
from infoflow.models.blstm import Blstm, padded
from infoflow.seeds import torch_generator
from infoflow.storage.hdf5 import read_h5
from infoflow.storage.weights import read_weights
from infoflow.training.folds import fold_split
from infoflow.training.rate_distortion import over_time

ALPHA = 2.0


@torch.no_grad()
def estimate(job: EstimateJob, inputs: Inputs) -> pd.DataFrame:
    """Tidy rows of I(X_t; H_t) and S(X_t) at several places in time (layer `t1` …) on training sequences of each fold."""
    arrays, attributes = read_h5(inputs["dataset"][0], "x", "offsets", "group")
    frames, offsets, group = (torch.from_numpy(arrays[k]) for k in ("x", "offsets", "group"))
    section, stored = job.model, read_weights(inputs["weights"][0])
    model = Blstm(frames.shape[1], section.hidden, section.decoder, int(attributes["classes"]))
    rows, n = [], job.section.n
    for seed in range(job.seeds):
        fold = seed % (int(group.max()) + 1) if job.fold is None else job.fold
        own = torch.nonzero(fold_split(group, fold) == 0).flatten()
        generator = torch_generator(job.seed, seed, "ratios over time")
        index = [own[torch.randperm(len(own), generator=generator)[:n]] for _ in range(job.section.batches)]
        for epoch, parameters in stored.items():
            model.load_stacked(parameters, seed)
            found = []
            for batch in index:
                sequences, lengths = padded(frames, offsets, batch)
                _, _, states = model(sequences, lengths)
                made = over_time(sequences, states, lengths, job.section.positions, job.section.variance, ALPHA)
                found.append(torch.stack(made))
            information, entropy = torch.stack(found).unbind(1)  # (batches, positions)
            for t in range(job.section.positions):
                place = {"seed": seed, "epoch": epoch, "layer": f"t{t + 1}", "depth": t + 1, "n": n, "unit": "bits"}
                place["refers_to"] = "sample"
                ceiling = float(entropy[:, t].mean())
                rows.append({**place, "quantity": "I_XT", **mean_and_error(information[:, t]), "ceiling": ceiling})
                rows.append({**place, "quantity": "S_X", **mean_and_error(entropy[:, t]), "ceiling": math.log2(n)})
        print(f"network {seed}: {len(stored)} snapshots", flush=True)
    return table(job, rows)
