"""Slips of the documents themselves: what is printed, what is right, and the test that checks it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd


@dataclass(frozen=True)
class Erratum:
    """One slip.

    Attributes:
        id: for example `E-002-1`.
        place: where in the document it stands.
        printed, right: what the document says, and what is so.
        test: the test that checks what is right, `file::function`; `READING` where only words are wrong.
    """

    id: str
    place: str
    printed: str
    right: str
    test: str


READING = "by reading"
COLUMNS = ["id", "document", "place", "printed", "right", "test"]


def table(document: str, errata: tuple[Erratum, ...]) -> pd.DataFrame:
    """The errata of a document, one row each."""
    rows = [{**asdict(one), "document": document} for one in errata]
    return pd.DataFrame(rows, columns=COLUMNS)
