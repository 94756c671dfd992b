"""Ausilio, Höth, Martemucci & Prodan, On the information bottleneck theory of deep learning (2023)."""

TABLES = ("curves", "history", "spectra", "record")  # that its figures are drawn from, made with its claims
READS = ()  # studies that it reads beside its own experiments
