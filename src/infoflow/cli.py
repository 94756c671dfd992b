"""`infoflow <stage> …`: what the rules call, usable by hand. Heavy imports wait until a stage needs them."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Sequence
from typing import Any

from infoflow import job_files
from infoflow.io import InputError
from infoflow.runtime.forkserver import submit

JOB_FILES = ("settings", "inputs", "folders")  # options that name a JSON file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an `InputError` is printed as it is, without a trace, and so is the end by a signal."""
    try:
        if arguments is None and (status := submit(sys.argv[1:])) is not None:
            return status
        return _run(arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT


def _run(arguments: Sequence[str] | None) -> int:
    parser = command_parser()
    known, rest = parser.parse_known_args(arguments)
    options = vars(known)
    command = options.pop("command")
    if command in (run, check):
        options["snakemake"] = rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if "settings" not in options:
        return command(**options) or 0
    _end_in_order()
    _keep_freed_memory()
    options |= {name: job_files.read(options[name]) for name in JOB_FILES if options.get(name)}
    status = command(**options) or 0
    _say_cost()
    return status


def command_parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    parser = argparse.ArgumentParser(prog="infoflow", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, command: Any, *files: str, settings: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=command.__doc__.splitlines()[0], description=command.__doc__)
        sub.set_defaults(command=command)
        if settings:
            sub.add_argument("--settings", required=True, help="JSON file")
        for file in files:
            sub.add_argument(f"--{file}", required=True)
        return sub

    dataset_parser = add("dataset", dataset, "output")
    dataset_parser.add_argument("--inputs", help="JSON file: list of files of an earlier stage")
    dataset_parser.add_argument("--workers", type=int, default=1, help="processes that read recordings")
    add("contexts", contexts, "weights", "dataset", "output")
    train_parser = add("train", train, "dataset", "resume")
    train_parser.add_argument("--folders", required=True, help="JSON file: list of a folder for each point")
    train_parser.add_argument("--trainer", choices=["ensemble", "sequences", "folds"], default="ensemble")
    add("record", record, "weights", "dataset", "output")
    add("estimate", estimate, "inputs", "output")
    add("convergence", convergence, "output")
    add("truth", truth, "output")
    add("sweeps", sweeps, "widths", "subadditivity")
    add("claims", claims, "inputs", "output", "tables")
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
    add("check", check, settings=False)
    return parser


def _end_in_order() -> None:
    """Let SIGTERM end a stage as an exception does, so that temporary files are removed."""
    with contextlib.suppress(ValueError):  # only the main thread may
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


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


# --- stages ------------------------------------------------------------------------------------------------


def dataset(settings: dict[str, Any], output: str, inputs: list[str] | None, workers: int) -> None:
    """Make a data set."""
    from infoflow.data import stage

    stage.run(settings, output, inputs or [], workers)


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


def estimate(settings: dict[str, Any], inputs: dict[str, Any], output: str) -> None:
    """Estimate information from activations or weights."""
    from infoflow import estimate as stage

    stage.run(settings, inputs, output)


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


def claims(settings: dict[str, Any], inputs: dict[str, list[str]], output: str, tables: str) -> None:
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
    """Run Snakemake, whose options this command takes, with this installation's jobs; a signal ends them in order.

    A lock that a killed run left behind is cleared where its holder is dead beyond doubt. `--warm` starts short jobs faster.
    """
    from infoflow.runtime import launch

    return launch.run(snakemake, warm=warm)


def check(snakemake: list[str]) -> int:
    """Go through every job of a config (`--configfile`, as Snakemake takes it) without running it."""
    from infoflow.runtime import check as checking

    return checking.run(snakemake)


if __name__ == "__main__":
    sys.exit(main())
