"""A study of one's own: what stands for the folder of a document that is only a title and experiments in the config."""

TABLES = ("estimates", "history")  # that its figures are drawn from, made with its claims
READS = ()  # studies that it reads beside its own experiments
