"""`infoflow <stage> …`: what the rules call, usable by hand. Heavy imports wait until a stage needs them."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from infoflow.io import InputError
from infoflow.warm import ask, server


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an `InputError` is printed as it is, without a trace."""
    if arguments is None and (status := ask(sys.argv[1:])) is not None:
        return status
    parser = _parser()
    known, rest = parser.parse_known_args(arguments)
    options = vars(known)
    command = options.pop("command")
    if command is run:
        options["snakemake"] = rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if "settings" in options:
        _keep_freed_memory()
    try:
        status = command(**options) or 0
        if "settings" in options:
            _say_cost()
        return status
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="infoflow", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, command: Any, *files: str, settings: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=command.__doc__.splitlines()[0], description=command.__doc__)
        sub.set_defaults(command=command)
        if settings:
            sub.add_argument("--settings", required=True, type=_settings, help="JSON text, or @file with JSON")
        for file in files:
            sub.add_argument(f"--{file}", required=True)
        return sub

    dataset_parser = add("dataset", dataset, "output")
    dataset_parser.add_argument("--inputs", nargs="*", default=[], help="files of an earlier stage")
    dataset_parser.add_argument("--workers", type=int, default=1, help="processes that read recordings")
    add("contexts", contexts, "weights", "dataset", "output")
    train_parser = add("train", train, "dataset", "resume")
    train_parser.add_argument("--folders", nargs="+", required=True)
    train_parser.add_argument("--trainer", choices=["ensemble", "sequences", "folds"], default="ensemble")
    add("record", record, "weights", "dataset", "output")
    estimate_parser = add("estimate", estimate, "output")
    for name in ("activations", "dataset"):
        estimate_parser.add_argument(f"--{name}")
    estimate_parser.add_argument("--weights", nargs="+", help="one file, or those of all points of a stack")
    add("convergence", convergence, "output")
    add("truth", truth, "output")
    add("sweeps", sweeps, "widths", "subadditivity")
    claims_parser = add("claims", claims, "output", "tables")
    for name in ("estimates", "history", "weights", "datasets", "truth"):
        claims_parser.add_argument(f"--{name}", nargs="*", default=[])
    claims_parser.add_argument("--convergence")
    add("notebook", notebook, "source", "executed", "output", "results", "figures")
    add("kernel", kernel, "connection", settings=False)
    add("report", report, "root")
    reference_parser = add("reference", reference, settings=False)
    reference_parser.add_argument("--results", default="results")
    reference_parser.add_argument("--to", default="results/reference")
    reference_parser.add_argument("--documents", nargs="+", default=[], help="only these; by default all of the run")
    reference_parser.add_argument("--made-by", default="snakemake --cores 2", help="command that made the results")
    add("schema", schema, "output", settings=False)
    data_parser = add("data", data, settings=False)
    data_parser.add_argument("action", choices=["fetch"])
    data_parser.add_argument("names", nargs="+", metavar="name", help="a data set or a group of them, such as `open`")
    data_parser.add_argument("--data-root", help="folder to fetch into; otherwise that of config.yaml")
    clean_parser = add("clean", clean, settings=False)
    clean_parser.add_argument("what", choices=["activations"])
    clean_parser.add_argument("--results", default="results")
    run_parser = add("run", run, settings=False)
    run_parser.add_argument("--warm", action="store_true", help="fork jobs from a process that has imported torch")
    return parser


def _keep_freed_memory() -> None:
    """Let glibc keep freed arrays for the next ones: fresh pages cost a training up to a quarter of its time."""
    import ctypes

    with contextlib.suppress(AttributeError):  # other C libraries have no mallopt
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-3, 2**26)  # M_MMAP_THRESHOLD in bytes: larger arrays go back at once
        mallopt(-1, 2**29)  # M_TRIM_THRESHOLD: as much may lie unused at the heap's end


def _say_cost() -> None:
    """End a stage's log with what it took."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{used.ru_utime + used.ru_stime:.1f} s of processor, at most {used.ru_maxrss / 1024:.0f} MB", flush=True)


def _settings(text: str) -> Any:
    if text.startswith("@"):
        with open(text[1:], encoding="utf-8") as file:
            return json.load(file)
    return json.loads(text)


# --- stages ------------------------------------------------------------------------------------------------


def dataset(settings: dict[str, Any], output: str, inputs: list[str], workers: int) -> None:
    """Make a data set."""
    from infoflow.data import stage

    stage.run(settings, output, inputs, workers)


def train(settings: dict[str, Any], dataset: str, folders: list[str], resume: str, trainer: str) -> None:
    """Train one stacked ensemble."""
    import importlib

    importlib.import_module(f"infoflow.training.{trainer}").run(settings, dataset, folders, resume)


def contexts(settings: dict[str, Any], weights: str, dataset: str, output: str) -> None:
    """Export the context vectors that a trained encoder makes of every utterance."""
    from infoflow.probing import contexts as stage

    stage.run(settings, weights, dataset, output)


def record(settings: dict[str, Any], weights: str, dataset: str, output: str) -> None:
    """Record the layers of trained networks."""
    from infoflow.probing import record as stage

    stage.run(settings, weights, dataset, output)


def estimate(settings: dict[str, Any], output: str, **inputs: str) -> None:
    """Estimate information from activations or weights."""
    from infoflow import estimate as stage

    stage.run(settings, {k: v for k, v in inputs.items() if v}, output)


def convergence(settings: dict[str, Any], output: str) -> None:
    """Measure how fast the sample-propagation estimate converges."""
    from infoflow import estimate as stage

    stage.convergence(settings, output)


def truth(settings: dict[str, Any], output: str) -> None:
    """Run every estimator on a part of the tasks whose information is known."""
    from infoflow.truth import stage

    stage.run(settings, output)


def sweeps(settings: dict[str, Any], widths: str, subadditivity: str) -> None:
    """Sweep kernel and bin widths, and recompute the counterexamples to subadditivity."""
    from infoflow.truth import stage

    stage.run_sweeps(settings, widths, subadditivity)


def claims(settings: dict[str, Any], output: str, tables: str, **inputs: Any) -> None:
    """Decide the claims of a document and write the tables its figures are drawn from."""
    from infoflow.claims import stage

    stage.run(settings, inputs, output, tables)


def notebook(settings: dict[str, Any], source: str, executed: str, output: str, results: str, figures: str) -> None:
    """Execute a document's notebook and turn it into HTML."""
    from infoflow import notebook as stage

    stage.execute(settings, source, executed, output, results, figures)


def kernel(connection: str) -> None:
    """Be the kernel of a notebook that is executed in a warm run."""
    from infoflow import notebook as stage

    stage.kernel(connection)


def report(settings: dict[str, Any], root: str) -> None:
    """Write the index page, the ledger of claims and the manifest."""
    from infoflow import report as stage

    stage.write(settings, root)


# --- by hand -----------------------------------------------------------------------------------------------


def reference(results: str, to: str, documents: list[str], made_by: str) -> None:
    """Copy a run's small tables and claims to the folder of reference results."""
    from infoflow import report as stage

    stage.keep_reference(results, to, documents, made_by)


def schema(output: str) -> None:
    """Write the JSON schema of the config."""
    from infoflow.config import json_schema
    from infoflow.io import write_json

    write_json(output, json_schema())


def data(action: str, names: list[str], data_root: str | None) -> None:
    """Fetch published data sets (mnist, fashion_mnist, svhn, fma, or the group open), with their checksums."""
    from infoflow import config
    from infoflow.data import fetch

    if data_root is None:
        data_root = config.read("config.yaml").data_root
    fetch.run(names, data_root)


def clean(what: str, results: str) -> None:
    """Free the disk space of kept activations."""
    import shutil

    shutil.rmtree(f"{results}/{what}", ignore_errors=True)


def run(snakemake: list[str], warm: bool) -> int:
    """Run Snakemake; a lock that a killed run left behind is cleared, that of a live run is not.

    Snakemake's own lock outlives its process. This command holds a kernel lock beside it, which does not; a plain
    `snakemake` holds none and is looked for among the processes. `--warm` starts short jobs faster (infoflow.warm).
    """
    import fcntl
    import subprocess

    os.makedirs(".snakemake", exist_ok=True)
    with open(".snakemake/infoflow.lock", "a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError("another run is at work in this folder; wait for it or stop it") from None
        command = [sys.executable, "-m", "snakemake"]
        if os.path.isdir(".snakemake/locks") and os.listdir(".snakemake/locks"):
            if found := _snakemakes():
                raise InputError(f"Snakemake is at work in this folder (process {found[0]}); wait for it or stop it")
            subprocess.run([*command, "--unlock", *snakemake], check=True)
        os.set_inheritable(handle.fileno(), True)  # held until Snakemake itself has ended, however this process ends
        if warm:
            command = [sys.executable, "-m", "infoflow.warm", "snakemake"]
        with server() if warm else contextlib.nullcontext({}) as environment:
            return subprocess.run(
                [*command, *snakemake], pass_fds=[handle.fileno()], env={**os.environ, **environment}
            ).returncode


def _snakemakes() -> list[int]:
    """Ids of the Snakemake processes that work in this folder."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = process.cmdline()
            # as `snakemake …`, `python /path/to/snakemake …`, `python -m snakemake …` or `python -m infoflow.warm snakemake …`
            if any(os.path.basename(part) == "snakemake" for part in command[:4]) and process.cwd() == os.getcwd():
                found.append(process.pid)
    return found


if __name__ == "__main__":
    sys.exit(main())
