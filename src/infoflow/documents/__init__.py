"""The documents: one folder each, with its claims, tables and figures."""
