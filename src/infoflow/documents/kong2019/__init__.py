"""N. Kong, Information compression in simple neural networks (2019)."""

TABLES = ("curves", "densities", "events", "history")  # that its figures are drawn from, made with its claims
READS = ()  # studies that it reads beside its own experiments
