"""The benchmark of the project's own estimators."""

TABLES = (
    "truth",
    "costs",
    "widths",
    "subadditivity",
    "consistency",
)  # that its figures are drawn from, made with its claims
READS = ("truth", "widths", "subadditivity", "consistency")  # studies that it reads beside its own experiments
