"""Networks that were trained elsewhere: their checkpoints in, the same weights and histories out as of a training of ours.

The files are only read, and `.pt` files without unpickling anything but tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from infoflow.config.jobs import TrainJob
from infoflow.errors import InputError
from infoflow.progress import Progress
from infoflow.training.ensemble import Ensemble
from infoflow.training.resume import key

WITHIN = ("state_dict", "model_state_dict", "model")  # where training scripts put a network's state
PREFIXES = ("module.", "_orig_mod.", "model.")  # of wrapped networks


def run(job: TrainJob, dataset: str, folders: list[str], resume: str) -> None:
    """Load every checkpoint of every seed, evaluate it, and write the folder of the job's one point.

    Raises:
        InputError: a file cannot be read, or does not hold the parameters of the network.
    """
    ensemble = Ensemble(job, dataset)
    progress = Progress("checkpoint", len(job.snapshots))
    for done, snapshot in enumerate(job.snapshots):
        for member, seed in zip(ensemble.stack.members, job.names, strict=True):
            load(member.network, job.checkpoints[seed][snapshot])
        ensemble.at(snapshot)
        if progress.due():
            progress.report(done + 1)
    ensemble.write(folders, key(job, dataset))


def load(network: torch.nn.Module, path: str) -> None:
    """Load a checkpoint into a network.

    Raises:
        InputError: as above.
    """
    state = unwrapped(read(path), set(network.state_dict()))
    own = network.state_dict()
    missing, unknown = sorted(set(own) - set(state)), sorted(set(state) - set(own))
    if missing or unknown:
        raise InputError(
            f"{path}: its parameters are not those of the network: {_some('without', missing)}{_some(' with', unknown)}"
        )
    for name, value in own.items():
        if state[name].shape != value.shape:
            raise InputError(
                f"{path}: {name} has the shape {tuple(state[name].shape)}, in the network {tuple(value.shape)}"
            )
    network.load_state_dict(state)


def read(path: str) -> Mapping[str, Tensor]:
    """The state in a file: safetensors, or what `torch.save` wrote, of which only tensors are read.

    Raises:
        InputError: the file is missing, damaged or holds no state of a network.
    """
    try:
        if Path(path).suffix == ".safetensors":
            return load_file(path)
        held = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except Exception as error:  # of many kinds; what pickle refuses says so in many lines
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: no checkpoint of tensors ({first}); save model.state_dict(), best with safetensors"
        ) from None
    for name in WITHIN:
        if isinstance(held, Mapping) and isinstance(held.get(name), Mapping):
            held = held[name]
    if not isinstance(held, Mapping) or not all(isinstance(value, Tensor) for value in held.values()):
        raise InputError(f"{path}: holds {type(held).__name__}, not a network's state; save model.state_dict()")
    return held


def unwrapped(state: Mapping[str, Tensor], names: set[str]) -> dict[str, Tensor]:
    """A state without the prefix that wrapping a network puts before every name."""
    for prefix in PREFIXES:
        if state and all(n.startswith(prefix) for n in state) and not any(n.startswith(prefix) for n in names):
            return unwrapped({name.removeprefix(prefix): value for name, value in state.items()}, names)
    return dict(state)


def _some(word: str, names: list[str]) -> str:
    """Up to three of some names."""
    return f"{word} {', '.join(names[:3])}{' …' if len(names) > 3 else ''}" if names else ""
