"""Helpers: the checked config, the plan of the run, and the files that hold the settings of jobs. No rules here."""

import os

import infoflow
import infoflow.config
from infoflow import studies
from infoflow.errors import InputError
from infoflow.plan import Plan, sources
from infoflow.runtime import launch, locks
from infoflow.storage.job_files import JobFiles


def read_plan():
    """The plan of the merged config; a fault in the config ends the run with one line for each."""
    overlays = list(workflow.overwrite_configfiles)
    own = workflow.configfiles[
        len(overlays) :
    ]  # Snakemake lists them last, though overlays win
    try:
        plan = Plan(
            infoflow.config.parse(
                config, [*own, *overlays], workflow.config_settings.config
            )
        )
        plan.check()
        return plan
    except InputError as error:
        raise WorkflowError(str(error)) from None


def check_installation():
    """End the run where the installed package is not this folder's own."""
    own = os.path.realpath(os.path.join(workflow.basedir, "src", "infoflow"))
    used = os.path.realpath(os.path.dirname(infoflow.__file__))
    if os.path.isdir(own) and own != used:
        raise WorkflowError(
            f"{used} is installed here, but this workflow belongs to {own}: activate the environment of this folder, or "
            "call infoflow by its path (.venv/bin/infoflow run …)"
        )


check_installation()
PLAN = read_plan()
FILES = JobFiles(f"{PLAN.root}/.settings")
launch.prefer_own_commands()  # the jobs' `infoflow` is the one that made this plan
ENVIRONMENT = "../../environment.yml"


wildcard_constraints:
    dataset="[a-z0-9_]+",
    experiment="[a-z0-9_]+",
    point="[a-z0-9_.~-]+",
    block="all|seeds[0-9]+to[0-9]+",
    part="[0-9]+",
    document="[a-z0-9_]+",


def job_file(value):
    """Path of the file that holds settings or a list of files; a run writes it, a dry run does not."""
    runs = workflow.executor_plugin is not None
    return FILES.path(value, write=runs and not workflow.dryrun)


def in_file(function, **fixed):
    """A params function: path of the file with what `function`, a method of the plan, returns for the wildcards by name."""
    return lambda wildcards: job_file(function(**fixed, **wildcards))
