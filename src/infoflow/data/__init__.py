"""Data sets: one module a kind, each with `make(settings) -> (arrays, attributes)`."""
