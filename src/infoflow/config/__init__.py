"""The typed config: one frozen section a part, unknown keys refused; the single source of the JSON schema.

Imports neither torch nor pandas: Snakemake reads it on every dry run.
"""

from infoflow.config.base import merge
from infoflow.config.config import Config
from infoflow.config.experiments import Experiment, Point, Thinning, axis_label, points
from infoflow.config.loading import json_schema, parse, read

__all__ = ["Config", "Experiment", "Point", "Thinning", "axis_label", "json_schema", "merge", "parse", "points", "read"]
