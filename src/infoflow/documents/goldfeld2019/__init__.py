"""IBM Research blog on Goldfeld et al., Estimating information flow in DNNs (2019)."""

TABLES = (
    "curves",
    "scatter",
    "histograms",
    "history",
    "convergence",
)  # that its figures are drawn from, made with its claims
READS = ("convergence",)  # studies that it reads beside its own experiments
