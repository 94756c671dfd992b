"""`infoflow new`: an overlay for a study of one's own, with comments, from options or answers."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from infoflow.config.loading import read_default
from infoflow.errors import InputError
from infoflow.plan import Plan

DATA = {
    "arrays": "{{kind: arrays, path: {path}}}  # x, y and perhaps group and split: .npz, .h5, .parquet, .csv, or a folder of .npy",
    "images": "{{kind: image_folder, path: {path}, size: 32, channels: 3}}  # a folder for each class",
    "speech": "{{kind: speech, corpus: manifest, path: {path}}}  # a CSV file with path, label, speaker",
    "music": "{{kind: music_folder, path: {path}, samples: 66048}}  # a folder for each genre; three seconds of each recording",
}
PUBLISHED = ("mnist", "fashion_mnist", "svhn", "szt12", "fma")
NETWORKS = {
    "mlp": "{{kind: mlp, layers: [{inputs}, 10, 7, {classes}], activations: [tanh, tanh, linear]}}  # widths from the input to the classes",
    "cnn": "{kind: cnn, filters: [8, 16], dense: [32], activation: relu}",
    "blstm": "{kind: blstm, hidden: 32}",
}
TEMPLATE = """\
# yaml-language-server: $schema=../workflow/schemas/config.schema.json
#
# {title}
#   infoflow check --configfile {file}          what is wrong, before anything runs
#   snakemake --cores all --configfile {file}

results: results-{name}
only: [{name}]

documents:
  {name}:
    title: {title}
{datasets}
experiments:
  {name}_network:
    document: {name}
    dataset: {dataset}
    model: {model}
    training:
{training}
    seeds: 5                   # fewer decide nothing
    snapshots:                 # epochs at which layers are looked at
      every_until: 2           # each of the first ones
      log_spaced: 10           # then so many, closer together at the start
    controls: [{controls}]     # the same networks on permuted labels, and untrained
    estimators: [kde, binning, knn, renyi, clustering]
"""


def write(
    name: str, data: str | None, path: str | None, network: str | None, checkpoints: str | None, folder: str = "configs"
) -> Path:
    """Write `<folder>/<name>.yaml`; what is not given is asked for, where there is a terminal to ask at.

    Raises:
        InputError: the name is no identifier or taken, or an answer is missing or unknown.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise InputError(f"{name!r}: expected a name of small letters, digits and _, as my_study")
    file = Path(folder, f"{name}.yaml")
    if file.exists():
        raise InputError(f"{file}: is there already; take another name, or remove it")
    data = data or _ask(f"data ({', '.join([*DATA, *PUBLISHED])})", "mnist", "--data")
    if data not in (*DATA, *PUBLISHED):
        raise InputError(f"--data: unknown {data!r}; known: {', '.join([*DATA, *PUBLISHED])}")
    if data in DATA:
        path = path or _ask("path of the data, below data_root or absolute", f"my_{data}", "--path")
    network = network or _ask(f"network ({', '.join(NETWORKS)}, or module:function)", "cnn", "--network")
    if network not in NETWORKS and not re.fullmatch(r"[\w.]+:\w+", network):
        raise InputError(f"--network: expected {', '.join(NETWORKS)} or module:function, found {network!r}")
    if checkpoints and network in NETWORKS:
        raise InputError("--checkpoints: give the network that was trained, --network module:function")
    dataset = f"{name}_data" if data in DATA else data
    section = f"\ndatasets:\n  {dataset}: {DATA[data].format(path=path)}\n" if data in DATA else ""
    own = f'{{kind: python, function: "{network}"}}  # layers: [...] chooses some of the leaves'
    training = "      epochs: 20\n      optimiser: adam\n      learning_rate: 1.0e-3\n      batch_size: 128"
    if checkpoints:
        training = f'      checkpoints: "{checkpoints}"  # nothing is trained; {{seed}} in it is the network'
    text = TEMPLATE.format(
        name=name, title=name.replace("_", " ").capitalize(), file=file, dataset=dataset, datasets=section,
        model=NETWORKS[network].format(**_sizes(data)) if network == "mlp" else NETWORKS.get(network, own), training=training, controls="" if checkpoints else "shuffled, untrained",
    )  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _sizes(data: str) -> dict[str, int]:
    """Inputs and classes of a perceptron for some data; of own arrays a guess, which a person corrects."""
    if data in DATA:
        return {"inputs": 3 * 32 * 32 if data == "images" else 12, "classes": 2}
    return {"inputs": read_default().datasets[data].width() or 12, "classes": 2 if data == "szt12" else 10}


def _ask(what: str, default: str, option: str) -> str:
    """An answer, the default for an empty one.

    Raises:
        InputError: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise InputError(f"{option} is missing: {what}")
    return _answer(f"{what} [{default}]: ").strip() or default


def _answer(question: str) -> str:
    return input(question)


def faults(file: Path) -> str:
    """What would keep the study from running now, one line each; empty: nothing."""
    try:
        Plan(read_default(file)).check()
    except InputError as error:
        return str(error)
    return ""
