"""Figures: one module a document draws that document's figures from its small tables, never from models."""

from infoflow.figures.document import Document

__all__ = ["Document", "open_document"]


def open_document(document: str, results: str | None = None, save_to: str | None = None) -> Document:
    """Open a document's tables and verdicts.

    Args:
        document: citation key, for example `kong2019`.
        results: results folder; by default `results` if it holds this document, else `results/reference`.
        save_to: folder for `<document>/<figure>.svg` and `.png`; by default figures are shown and not saved.
    """
    return Document(document, results, save_to)
