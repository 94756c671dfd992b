"""Context vectors of every utterance under the encoder of each fold: weights and sequences in, one HDF5 file a fold out.

Arrays: `x` (n, 2 hidden) float32 the time means of the encoder's states, `y` (n,), `group` (n,) the speaker, `split` (n,)
of the fold: 0 train, 1 test, 2 valid.
"""

from __future__ import annotations

import torch
from torch import Tensor

from infoflow.config.jobs import ContextsJob
from infoflow.models import build
from infoflow.models.blstm import Blstm
from infoflow.models.hooks import capture
from infoflow.models.sequences import padded
from infoflow.storage.hdf5 import read_h5, write_h5
from infoflow.storage.weights import read_network, snapshots
from infoflow.training.folds import fold_split


def run(job: ContextsJob, weights: list[str], dataset: str, outputs: list[str]) -> None:
    """Export the contexts of every fold from its encoder's best weights."""
    torch.set_num_threads(1)
    arrays, attributes = read_h5(dataset, "x", "offsets", "y", "group", "validates")
    frames, offsets = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["offsets"])
    model = build(job.model, (frames.shape[1],), int(attributes["classes"])).eval()
    kept = {name: attributes[name] for name in ("classes", "class_names", "source", "tier", "licence", "stand_in")}
    for fold, path, output in zip(job.folds, weights, outputs, strict=True):
        model.load_state_dict(read_network(path, max(snapshots(path)), 0))
        split = fold_split(torch.from_numpy(arrays["group"]), torch.from_numpy(arrays["validates"]), fold)
        x = contexts(model, frames, offsets)
        write_h5(
            output,
            {"x": x.numpy(), "y": arrays["y"], "group": arrays["group"], "split": split.numpy()},
            {**kept, "experiment": job.experiment, "fold": fold},
        )
        print(f"fold {fold}: contexts {tuple(x.shape)}", flush=True)


@torch.no_grad()
def contexts(model: Blstm, frames: Tensor, offsets: Tensor) -> Tensor:
    """Context vectors (n, 2 hidden) of all sequences, in their own order."""
    order = offsets.diff().argsort(stable=True)
    parts = []
    for part in order.split(64):
        with capture(model, {"context": model.layers["context"]}) as values:
            model(*padded(frames, offsets, part))
        parts.append(values["context"])
    return torch.cat(parts)[order.argsort()]
