"""Own tables of files: rows of a CSV file as people save them, or one line that says what is wrong and where.

Import-light: called while the Snakefile is parsed, to see which recordings a table names.
"""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from infoflow.errors import InputError

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
SEPARATORS = (",", ";", "\t")


class Line(NamedTuple):
    """A row of a table: its line in the file, and its cells by column."""

    number: int
    cells: dict[str, str]


def read(file: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> list[Line]:
    """Rows of a table with a header, in UTF-8 or UTF-16 with its mark, separated by commas, semicolons or tabs.

    Args:
        file: the table.
        needed: columns that must be there; a cell may be empty, which the caller judges.
        optional: columns that may be there; empty where they are not. Others are passed over.

    Raises:
        InputError: no such file, another encoding, a column is missing or there twice, a row has more or fewer fields than the
            header, or there is no row at all.
    """
    if not file.is_file():
        raise InputError(f"{file}: no such file")
    expected = ",".join(needed) + "".join(f"[,{name}]" for name in optional)
    rows = _rows(file, _text(file), needed, expected)
    header = rows[0].fields
    lines = []
    for row in rows[1:]:
        if len(row.fields) != len(header):
            raise InputError(f"{file}:{row.number}: {len(row.fields)} fields where the header has {len(header)}")
        cells = dict(zip(header, row.fields, strict=True))
        lines.append(Line(row.number, {name: cells.get(name, "") for name in (*needed, *optional)}))
    if not lines:
        raise InputError(f"{file}: holds a header and no row")
    return lines


def files(file: Path) -> list[Path]:
    """The files that a table names, relative ones below its folder; none where it cannot be read (its reader says why)."""
    try:
        return [file.parent / line.cells["path"] for line in read(file, ["path"]) if line.cells["path"]]
    except InputError:
        return []


def same_place(path: str | Path) -> str:
    """One name for a file however it is written: `a.wav`, `./a.wav`, `x/../a.wav`, a link to it."""
    return os.path.realpath(path)


class _Row(NamedTuple):
    number: int
    fields: list[str]


def _text(file: Path) -> str:
    data = file.read_bytes()
    if not data.strip():
        raise InputError(f"{file}: empty")
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{file}:{line}: not {encoding.upper()}, in which a table is read; save it as UTF-8") from None
    if "\0" in text:
        raise InputError(f"{file}: holds zero bytes, so it is no table in UTF-8; save it as UTF-8")
    return text


def _rows(file: Path, text: str, needed: Sequence[str], expected: str) -> list[_Row]:
    """Fields of the lines that are not empty, the header first, under the separator that gives the needed columns."""
    missing: list[str] = []
    for separator in SEPARATORS:
        reader = csv.reader(text.splitlines(), delimiter=separator, skipinitialspace=True)
        try:
            rows = [
                _Row(reader.line_num, [f.strip() for f in fields]) for fields in reader if any(map(str.strip, fields))
            ]
        except csv.Error as error:
            raise InputError(f"{file}:{reader.line_num}: {error}") from None
        if not rows:
            raise InputError(f"{file}: empty")
        header = rows[0].fields
        if twice := sorted({name for name in header if name and header.count(name) > 1}):
            raise InputError(f"{file}: column {', '.join(twice)} is there twice")
        absent = [name for name in needed if name not in header]
        if not absent:
            return rows
        missing = missing or absent
    raise InputError(f"{file}: no column {', '.join(missing)}; expected {expected}")
