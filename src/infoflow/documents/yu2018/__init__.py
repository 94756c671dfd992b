"""Yu, Jenssen & Príncipe, Understanding CNNs with information theory (2018)."""

TABLES = ("curves", "maps", "history")  # that its figures are drawn from, made with its claims
READS = ()  # studies that it reads beside its own experiments
