"""Huang & Narayanan, Flow of Rényi information in DNNs (2016)."""

TABLES = ("corpus", "folds", "ratios", "scales", "over_time")  # that its figures are drawn from, made with its claims
READS = ()  # studies that it reads beside its own experiments
