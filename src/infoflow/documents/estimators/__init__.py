"""The benchmark of the project's own estimators."""

TABLES = (
    "truth",
    "costs",
    "widths",
    "subadditivity",
    "consistency",
    "detection",
    "detection_costs",
)  # that its figures are drawn from, made with its claims
READS = (
    "truth",
    "widths",
    "subadditivity",
    "consistency",
    "detection",
)  # studies that it reads beside its own experiments
