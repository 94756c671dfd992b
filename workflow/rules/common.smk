"""Helpers: the checked config, the plan of the run, and the shell prefix that every rule shares. No rules here."""

import os
from functools import partial

import infoflow.config
from infoflow.config import InputError
from infoflow.io import canonical_json
from infoflow.plan import Plan, sources


def read_plan():
    """The plan of the merged config; a fault in the config ends the run with one line for each."""
    try:
        return Plan(infoflow.config.parse(config, workflow.configfiles))
    except InputError as error:
        raise WorkflowError(str(error)) from None


PLAN = read_plan()
ENVIRONMENT = "../../environment.yml"


wildcard_constraints:
    dataset="[a-z0-9_]+",
    experiment="[a-z0-9_]+",
    point="[a-z0-9_.~-]+",
    block="all|seeds[0-9]+to[0-9]+",
    estimator="[a-z0-9_]+",
    part="[0-9]+",
    fold="[0-9]+",
    document="[a-z0-9_]+",


def settings(function, wildcards):
    """A job's settings as canonical JSON; `function` is a method of the plan that takes the wildcards by name."""
    return canonical_json(function(**wildcards))


def estimate_inputs(wildcards):
    """Files of an estimate job by name."""
    return PLAN.estimate_inputs(**wildcards)


def estimate_flags(wildcards):
    """The same files as options of the command."""
    given = PLAN.estimate_inputs(**wildcards)
    lists = {name: [p] if isinstance(p, str) else p for name, p in given.items()}
    return " ".join(
        f"--{name} " + " ".join(f"'{path}'" for path in paths)
        for name, paths in lists.items()
    )
