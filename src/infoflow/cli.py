"""`infoflow <command> …`: the stages that the rules call, and what is called by hand. Heavy imports wait until needed."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infoflow.errors import InputError
from infoflow.runtime.forkserver import submit


@dataclass(frozen=True)
class Stage:
    """A command that a rule calls: its settings from a file, then paths."""

    help: str
    settings: str  # class of `infoflow.config.jobs`
    function: str  # `<module>:<name>`, called with the settings and then the options by name
    paths: tuple[str, ...]
    lists: tuple[str, ...] = ()  # options that name a JSON file of paths: lists grow with the config
    counts: tuple[str, ...] = ()

    def run(self, options: dict[str, Any]) -> None:
        """Read the settings and lists, and call the function."""
        from infoflow.storage import job_files

        job = job_files.read(options.pop("settings"), self.model())
        options |= {name: job_files.read(options[name]) for name in self.lists}
        module, name = self.function.split(":")
        getattr(importlib.import_module(module), name)(job, **options)

    def model(self) -> Any:
        """The class of its settings."""
        return getattr(importlib.import_module("infoflow.config.jobs"), self.settings)


STAGES = {
    "dataset": Stage("Make a data set.", "DatasetJob", "infoflow.data.stage:run", ("output",), ("inputs",), ("workers",)),
    "train": Stage("Train a stack.", "TrainJob", "infoflow.training.stage:run", ("dataset", "resume"), ("folders",)),
    "contexts": Stage(
        "Export the context vectors that a trained encoder makes of every utterance.",
        "ContextsJob", "infoflow.recording.contexts:run", ("dataset",), ("weights", "outputs"),
    ),
    "record": Stage(
        "Record the layers of trained networks.",
        "RecordJob", "infoflow.recording.record:run", ("weights", "dataset", "output"),
    ),
    "estimate": Stage(
        "Estimate information from activations or weights.",
        "EstimateGroup", "infoflow.estimation.stage:run", (), ("inputs", "outputs"),
    ),
    "convergence": Stage(
        "Measure how fast the sample-propagation estimate converges.",
        "ConvergenceJob", "infoflow.estimation.convergence:run", ("output",),
    ),
    "truth": Stage(
        "Run every estimator on a part of the tasks whose information is known.",
        "TruthJob", "infoflow.truth.stage:run", ("output",),
    ),
    "detection": Stage(
        "Run every estimator on layers whose information is known at every step, with and without compression.",
        "DetectionJob", "infoflow.truth.detection:run", ("output",),
    ),
    "sweeps": Stage(
        "Sweep kernel and bin widths, recompute the counterexamples to subadditivity, and test every estimator's consistency.",
        "SweepsJob", "infoflow.truth.stage:run_sweeps", ("widths", "subadditivity", "consistency"),
    ),
    "claims": Stage(
        "Decide the claims of a document and write the tables its figures are drawn from.",
        "ClaimsJob", "infoflow.verdicts.stage:run", ("output", "tables"),
    ),
    "notebook": Stage(
        "Execute a document's notebook and turn it into HTML.",
        "NotebookJob", "infoflow.report.notebook:execute", ("source", "executed", "output", "results", "figures"),
    ),
    "report": Stage(
        "Write the index page, the ledger of claims, the errata and the manifest.",
        "ReportJob", "infoflow.report.page:write", ("root",),
    ),
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an `InputError` is printed as it is, without a trace, and so is the end by a signal."""
    try:
        if sys.platform == "win32":
            raise InputError(
                "the workflow needs Linux or macOS; on Windows run it under WSL. `import infoflow` works here too"
            )
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
    if not isinstance(command, Stage):
        return command(**options) or 0
    _end_in_order()
    _keep_freed_memory()
    command.run(options)
    _log_resource_usage()
    return 0


def command_parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    parser = argparse.ArgumentParser(prog="infoflow", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, stage in STAGES.items():
        sub = commands.add_parser(name, help=stage.help, description=stage.help)
        sub.set_defaults(command=stage)
        sub.add_argument("--settings", required=True, help=f"JSON file of a {stage.settings}")
        for option in stage.paths:
            sub.add_argument(f"--{option}", required=True)
        for option in stage.lists:
            sub.add_argument(f"--{option}", required=True, help="JSON file of paths")
        for option in stage.counts:
            sub.add_argument(f"--{option}", type=int, default=1)

    def add(command: Callable[..., Any]) -> argparse.ArgumentParser:
        doc = command.__doc__ or ""
        sub = commands.add_parser(command.__name__, help=doc.splitlines()[0], description=doc)
        sub.set_defaults(command=command)
        return sub

    add(kernel).add_argument("--connection", required=True)
    add(serve).add_argument("--socket", required=True)
    reference_parser = add(reference)
    reference_parser.add_argument("--results", default="results")
    reference_parser.add_argument("--to", default="results/reference")
    reference_parser.add_argument("--documents", nargs="+", default=[], help="only these; by default all of the run")
    reference_parser.add_argument("--made-by", default="snakemake --cores 2", help="command that made the results")
    diff_parser = add(diff)
    diff_parser.add_argument("before", help="folder of a run's results, or of reference results")
    diff_parser.add_argument("after", help="another one")
    diff_parser.add_argument("--all", action="store_true", help="also verdicts that did not move")
    add(site).add_argument("--folder", default="results/docs", help="of the site; what is in it is replaced")
    verify_parser = add(verify)
    verify_parser.add_argument("results", nargs="?", default="results", help="folder of the run")
    verify_parser.add_argument("--reference", default="results/reference", help="folder of the reference results")
    new_parser = add(new)
    new_parser.add_argument("name", help="of the study, for example my_study")
    new_parser.add_argument(
        "--data", help="arrays, images, speech or music of your own, or mnist, fashion_mnist, svhn, szt12, fma"
    )
    new_parser.add_argument("--path", help="of your own data, below data_root or absolute")
    new_parser.add_argument("--network", help="mlp, cnn or blstm, or module:function of your own")
    new_parser.add_argument("--checkpoints", help="files of a network that was trained elsewhere")
    bench_parser = add(bench)
    bench_parser.add_argument("function", help="module:name of an estimator f(values, labels), beside you or installed")
    bench_parser.add_argument("--quantity", help="of those that it returns by name; by default its only one")
    bench_parser.add_argument("--trajectories", type=int, default=120, help="layers that it is tried on")
    add(schema).add_argument("--output", required=True)
    config_parser = add(config)
    config_parser.add_argument("action", choices=["show"])
    config_parser.add_argument(
        "names", nargs="*", metavar="id", help="experiment, data set or estimator; none: all ids"
    )
    config_parser.add_argument("--configfile", nargs="+", default=[], help="overlays, each over those before it")
    data_parser = add(data)
    data_parser.add_argument("action", choices=["fetch"])
    data_parser.add_argument("names", nargs="+", metavar="name", help="a data set or a group of them, such as `open`")
    data_parser.add_argument("--data-root", help="folder to fetch into; otherwise that of the config")
    data_parser.add_argument("--configfile", nargs="+", default=[], help="overlays, one of which may set data_root")
    clean_parser = add(clean)
    clean_parser.add_argument("what", choices=["activations"])
    clean_parser.add_argument("--results", default="results")
    run_parser = add(run)
    run_parser.add_argument("--warm", action="store_true", help="fork jobs from a process that has imported torch")
    add(check)
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


def _log_resource_usage() -> None:
    """End a stage's log with what it took."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{used.ru_utime + used.ru_stime:.1f} s of processor, at most {used.ru_maxrss / 1024:.0f} MB", flush=True)


# --- by hand -----------------------------------------------------------------------------------------------


def kernel(connection: str) -> None:
    """Be the kernel of a notebook that is executed in a warm run."""
    from infoflow.report import notebook as stage

    stage.kernel(connection)


def reference(results: str, to: str, documents: list[str], made_by: str) -> None:
    """Copy a run's small tables and claims to the folder of reference results."""
    from infoflow.report import reference as stage

    stage.keep_reference(results, to, documents, made_by)


def diff(before: str, after: str, all: bool) -> None:
    """Say verdict by verdict what moved between two folders of results, with effects and intervals."""
    from infoflow.verdicts import difference

    print(difference.report(before, after, every=all))


def site(folder: str) -> None:
    """Build the documentation as a site, which opens from the disk."""
    import os

    os.environ["NO_MKDOCS_2_WARNING"] = "1"  # read when the theme is imported
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    build(load_config("mkdocs.yml", site_dir=os.path.abspath(folder)))


def verify(results: str, reference: str) -> int:
    """Hold every file of a run against its manifest, and its verdicts against the reference results; 1 where they differ."""
    from infoflow.report import verify as verification

    said, alike = verification.verify(results, reference)
    print(said)
    return 0 if alike else 1


def new(name: str, data: str | None, path: str | None, network: str | None, checkpoints: str | None) -> None:
    """Write configs/<name>.yaml for a study of your own, and say how to run it; what no option gives is asked for."""
    from infoflow.runtime import new as scaffold

    file = scaffold.write(name, data, path, network, checkpoints)
    print(f"wrote {file}; run it: snakemake --cores all --configfile {file}")
    if faults := scaffold.faults(file):
        print(f"before that:\n{faults}")


def bench(function: str, quantity: str | None, trajectories: int) -> None:
    """Say how often an estimator of your own sees a compression that is known, beside all others (about 1 s a layer)."""
    from infoflow import functions
    from infoflow.runtime import bench as stage

    found = functions.imported(function, ".")
    table = stage.bench(found, quantity or found.__name__, range(trajectories))
    shown = ["regime", "estimator", "kind", "rate", "low", "high", "auc", "alarms_at_margin", "planted", "fakes"]
    print(table.sort_values(["regime", "rate"], ascending=False)[shown].round(2).to_string(index=False))


def schema(output: str) -> None:
    """Write the JSON schema of the config."""
    from infoflow.config import json_schema
    from infoflow.storage.files import write_json

    write_json(output, json_schema())


def config(action: str, names: list[str], configfile: list[str]) -> None:
    """Print an experiment, a data set or an estimator as the config has it after overlays and `extends`."""
    import yaml

    from infoflow.config import loading

    print(yaml.safe_dump(loading.resolved(names, configfile), sort_keys=False, allow_unicode=True, width=100), end="")


def data(action: str, names: list[str], data_root: str | None, configfile: list[str]) -> None:
    """Fetch published data sets (mnist, fashion_mnist, svhn, fma, or the group open), with their checksums."""
    from infoflow.config import loading
    from infoflow.data.reading import fetch

    if data_root is None:
        data_root = loading.read_default(*configfile).data_root
    fetch.run(names, data_root)


def clean(what: str, results: str) -> None:
    """Free the disk space of kept activations."""
    import shutil

    shutil.rmtree(f"{results}/{what}", ignore_errors=True)


def serve(socket: str) -> None:
    """Fork the jobs of a warm run from one process that has imported what they need."""
    from infoflow.runtime import forkserver

    forkserver.serve(socket, main)


def run(snakemake: list[str], warm: bool) -> int:
    """Run Snakemake, whose options this command takes, with this installation's jobs; a signal ends them in order.

    A lock that a killed run left behind is cleared where its holder is dead beyond doubt. `--warm` starts short jobs faster.
    """
    from infoflow.runtime import launch

    return launch.run(snakemake, warm=warm)


def check(snakemake: list[str]) -> int:
    """Go through every job of a config (`--configfile`, as Snakemake takes it) without running it."""
    from infoflow.runtime import check as checking

    return checking.run(snakemake, command_parser())


if __name__ == "__main__":
    sys.exit(main())
