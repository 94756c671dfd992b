"""What the five documents disagree on, seen through every estimator at once."""

TABLES = (
    "matrix",
    "agreement",
    "trained",
    "answers",
    "believed",
)  # that its figures are drawn from, made with its claims
READS = ("comparison",)  # studies that it reads beside its own experiments
