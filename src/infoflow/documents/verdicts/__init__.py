"""How a verdict is decided: the rule of the claims, and how often it errs."""

TABLES = ("characteristics", "units")  # that its figures are drawn from, made with its claims
READS = ()  # studies that it reads beside its own experiments
