"""Data sets: one module a kind, each with `make(job) -> (arrays, attributes)`."""

from typing import Any

Arrays = dict[str, Any]  # NumPy arrays by name
Attributes = dict[str, Any]  # source, tier, licence, stand_in, classes, …
DataSet = tuple[Arrays, Attributes]
