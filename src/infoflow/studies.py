"""Which documents are studies of one's own: those without a folder in `infoflow.documents`, for which `documents/own` stands."""

from __future__ import annotations

from pathlib import Path

OWN = "infoflow.documents.own"


def is_study(key: str) -> bool:
    """Whether a document is a study of one's own."""
    return not (Path(__file__).parent / "documents" / key / "__init__.py").is_file()


def package(key: str) -> str:
    """The package that decides, tabulates and draws a document."""
    return OWN if is_study(key) else f"infoflow.documents.{key}"
