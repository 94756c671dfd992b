"""What a notebook or a training script calls: record a network, estimate, decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from infoflow.errors import InputError
from infoflow.estimation import live
from infoflow.models.inspection import calls, device_of, inputs_on, leaves, numbered, unwrapped
from infoflow.recording.live import LiveRecording, Pool, inputs, open_folder
from infoflow.recording.stores import Folder, Memory
from infoflow.verdicts import own

__all__ = ["decide", "estimate", "layers", "record"]

GIGABYTE = 2**30


def record(
    model: nn.Module,
    layers: Sequence[str] | Mapping[str, str] | None = None,
    *,
    estimate: live.Asked | Sequence[live.Asked] | None = None,
    to: str | Path | None = None,
    pool: Pool | Mapping[str, Pool] | None = None,
    seed: int = 0,
    steps_per_epoch: int | None = None,
    batch_size: int | None = None,
    memory: int = 4 * GIGABYTE,
) -> LiveRecording:
    """Record layers of a network while its own loop trains it.

        with infoflow.record(model, layers=["features.0", "classifier"]) as recording:
            for epoch in range(10):
                train_one_epoch(model)
                recording.snapshot(epoch, x_probe, y_probe)
        table = infoflow.estimate(recording, ["kde", "knn"])

    Args:
        model: any `torch.nn.Module`, on any device, compiled or not.
        layers: names of modules as `infoflow.layers(model, x)` lists them, `output` for the model's own output, or a mapping
            {name: module}. `name` is every call of a module, `name#2` the second in a pass, `name[1]` the second tensor that it
            returns. None: the leaves, the called modules that call no others.
        estimate: estimators, as `infoflow.estimate` takes them, that run at each snapshot; `recording.table` then holds what
            they find, and no values are kept unless `to` is given too.
        to: folder to which snapshots are streamed; one that holds snapshots of the same layers and samples is gone on with.
        pool: what is done with values of more than two axes: `mean`, `max`, `first` or `last`, over the tokens of sequences (n,
            tokens, width) and over the places of maps (n, channels, …); or a function of the layer's tensor; or a mapping
            from layers to these. None: the whole layer is one vector.
        seed: number of the network in tables.
        steps_per_epoch: given, snapshots are counted in updates, and tables have epochs with fractions.
        batch_size: samples of one pass; by default as many as make 128 MB.
        memory: bytes of values that are kept at most.

    Raises:
        InputError: the folder holds another recording, or an argument does not exist.
    """
    layers = [layers] if isinstance(layers, str) else layers
    store = Folder(to) if to is not None else Memory(memory) if estimate is None else None

    warned: set[tuple[str, str]] = set()
    if estimate is not None:
        live.check(estimate)

    def at_snapshot(taken: LiveRecording, split: str) -> pd.DataFrame:
        table = live.table_of(taken, live.tasks(taken, estimate, [split]))
        live.warn_of_flags(table, warned)
        return table

    return LiveRecording(
        model,
        layers,
        store,
        seed=seed,
        pool=pool,
        steps_per_epoch=steps_per_epoch,
        batch_size=batch_size,
        at_snapshot=None if estimate is None else at_snapshot,
    )


def estimate(
    recording: LiveRecording | str | Path,
    estimators: live.Asked | Sequence[live.Asked] | None = None,
    *,
    samples: Sequence[str] | None = None,
    layers: Sequence[str] = (),
    seed: int = 2019,
) -> pd.DataFrame:
    """`infoflow.estimation.live.estimate`, also of a folder that `record(…, to=folder)` made."""
    if isinstance(recording, (str, Path)):
        recording = open_folder(recording)
    if not isinstance(recording, LiveRecording):
        raise InputError(
            f"recording: expected what infoflow.record returns, or its folder, found {type(recording).__name__}"
        )
    return live.estimate(recording, estimators, samples=samples, layers=layers, seed=seed)


def decide(tables: Sequence[pd.DataFrame], control: Sequence[pd.DataFrame] = ()) -> pd.DataFrame:
    """`infoflow.verdicts.own.ledger`: verdicts over tables of several networks, beside those of a control."""
    return own.ledger(tables, control)


def layers(model: nn.Module, x: Any) -> pd.DataFrame:
    """The modules that a pass of some samples calls, in the order in which they end.

    Args:
        model: any `torch.nn.Module`; it is left as it was.
        x: some inputs as the model takes them.

    Returns:
        name, kind (class), shape (of one sample, None where it returns no tensor), tensors (that a call returns), parameters,
        and whether `record(model)` takes it.
    """
    model = unwrapped(model)
    x, n = inputs(x, model)
    found = calls(model, inputs_on(x, device_of(model)))
    taken = set(leaves(found, n))
    rows = [
        {
            "place": place, "name": name, "kind": type(called.module).__name__, "shape": None if shape is None else shape[1:],
            "tensors": called.parts, "parameters": sum(p.numel() for p in called.module.parameters()), "taken": name in taken,
        }
        for path, called in found.items()
        for (place, name), shape in zip(numbered(path, called), called.shapes, strict=True)
    ]  # fmt: skip
    columns = ["place", "name", "kind", "shape", "tensors", "parameters", "taken"]
    return pd.DataFrame(rows, columns=columns).sort_values("place", ignore_index=True).drop(columns="place")
