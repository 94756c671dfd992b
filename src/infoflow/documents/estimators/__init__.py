"""The benchmark of the project's own estimators."""

TABLES = ("truth", "costs", "widths", "subadditivity")  # that its figures are drawn from, made with its claims
READS = ("truth", "widths", "subadditivity")  # studies that it reads beside its own experiments
