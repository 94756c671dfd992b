"""What the documents' figures are drawn with. Figures are drawn from a document's small tables, never from models."""

from infoflow.plotting.document import Document

__all__ = ["Document", "open_document"]


def open_document(
    document: str, results: str | None = None, save_to: str | None = None, settings: str | None = None
) -> Document:
    """Open a document's tables and verdicts.

    Args:
        document: citation key, for example `kong2019`.
        results: results folder; by default `results` if it holds this document, else `results/reference`.
        save_to: folder for `<document>/<figure>.svg` and `.png`; by default figures are shown and not saved.
        settings: the notebook's settings as JSON, from which schematics take the layer lists.
    """
    return Document(document, results, save_to, settings)
