"""Context vectors of every utterance under the encoder of one fold: weights and sequences in, one HDF5 file out.

Arrays: `x` (n, 2 hidden) float32 the time means of the encoder's states, `y` (n,), `group` (n,) the speaker, `split` (n,)
of the fold: 0 train, 1 test, 2 valid.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from infoflow.io import read_h5, write_h5
from infoflow.models.blstm import Blstm, padded
from infoflow.probing.record import read_weights
from infoflow.training.sequences import fold_split


def run(settings: dict[str, Any], weights: str, dataset: str, output: str) -> None:
    """Export the contexts of one fold from its encoder's best weights."""
    torch.set_num_threads(1)
    arrays, about = read_h5(dataset, "x", "offsets", "y", "group")
    frames, offsets = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["offsets"])
    section, stored = settings["model"], read_weights(weights)
    model = Blstm(frames.shape[1], section["hidden"], section["decoder"], int(about["classes"]))
    model.load_stacked(stored[max(stored)], 0)
    split = fold_split(torch.from_numpy(arrays["group"]), settings["fold"])
    made = contexts(model, frames, offsets)
    kept = {name: about[name] for name in ("classes", "class_names", "source", "tier", "licence", "stand_in")}
    write_h5(
        output,
        {"x": made.numpy(), "y": arrays["y"], "group": arrays["group"], "split": split.numpy()},
        {**kept, "experiment": settings["experiment"], "fold": settings["fold"]},
    )
    print(f"fold {settings['fold']}: contexts {tuple(made.shape)}", flush=True)


@torch.no_grad()
def contexts(model: Blstm, frames: Tensor, offsets: Tensor) -> Tensor:
    """Context vectors (n, 2 hidden) of all sequences, in their own order."""
    order = offsets.diff().argsort(stable=True)
    made = torch.cat([model(*padded(frames, offsets, part))[1] for part in order.split(64)])
    return made[order.argsort()]
