"""Findings in words: texts beside figures, whose every number is read from the verdicts of the reference results.

`documents/<key>/findings.md` has a section a figure, and one named `summary` whose first paragraph is the sentence of the
table. A field `{V-002-1}` is the outcome of a claim's primary row, `{V-002-1.value:.2f}` a number of it, and
`{V-002-10[end/corrected].low:.2f}` one of the row of a part, and of a variant.
"""

from __future__ import annotations

import json
import re
import string
from pathlib import Path
from typing import Any

import pandas as pd

from infoflow.errors import InputError
from infoflow.verdicts.outcomes import DECIDED
from infoflow.verdicts.rule import by_id, join

DOCUMENTS = Path(__file__).resolve().parents[1] / "documents"
MARKS = "<!-- findings: written by `python -m infoflow.verdicts.findings` -->", "<!-- end of findings -->"
HEADING = re.compile(r"^## (\S+)[ \t]*$", re.MULTILINE)


class Found:
    """A row of the verdicts, as the fields of a text name it; formatted as it is it gives its outcome."""

    def __init__(self, name: str, rows: pd.DataFrame) -> None:
        self.name, self.rows = name, rows

    def __getitem__(self, where: str) -> Found:
        part, *rest = where.split("/")
        rows = self.rows[self.rows["part"] == part]
        for column, value in zip(("variant", "data"), rest, strict=False):
            rows = rows[rows[column] == value]
        return Found(f"{self.name}[{where}]", rows)

    def __format__(self, how: str) -> str:
        return format(self._only("outcome"), how)

    def _only(self, column: str) -> Any:
        """The value of a column, which all rows, or all primary ones, must share.

        Raises:
            InputError: there is no such row, or there are several with different values.
        """
        rows = self.rows[self.rows["primary"].astype(bool)] if self.rows["primary"].any() else self.rows
        values = rows[column].drop_duplicates()
        if len(values) != 1:
            known = "; ".join("/".join(map(str, row)) for row in rows[["part", "variant", "data"]].to_numpy())
            raise InputError(f"{self.name}: {len(values)} values of {column}; expected one. Rows: {known or 'none'}")
        return values.iloc[0]

    value = property(lambda self: self._only("value"))
    low = property(lambda self: self._only("ci_low"))
    high = property(lambda self: self._only("ci_high"))
    control = property(lambda self: self._only("null_value"))
    more = property(lambda self: self._only("difference"))
    held = property(lambda self: f"{self._only('seeds_held'):.0f} of {self._only('seeds'):.0f}")
    detail = property(lambda self: json.loads(self._only("detail")))


class Verdicts(dict):
    """Found rows by the id of their claim."""

    def __init__(self, table: pd.DataFrame) -> None:
        super().__init__({str(name): Found(str(name), rows) for name, rows in table.groupby("id")})

    def __missing__(self, name: str) -> Found:
        raise InputError(f"{name}: the reference results hold no such claim")


def texts(key: str) -> dict[str, str]:
    """Sections of a document's findings by their heading, with their fields; none where nothing is written yet."""
    file = DOCUMENTS / key / "findings.md"
    if not file.is_file():
        return {}
    _, *pieces = HEADING.split(file.read_text(encoding="utf-8"))
    return dict(zip(pieces[::2], (text.strip() for text in pieces[1::2]), strict=True))


def rendered(key: str, verdicts: pd.DataFrame) -> dict[str, str]:
    """Sections with their numbers.

    Args:
        key: of the document.
        verdicts: its table of claims.

    Verdicts of an earlier rule, which do not say what is primary, give none.

    Raises:
        InputError: a field names a row that is not there, or more than one.
    """
    if "primary" not in verdicts:
        return {}
    found, formatter = Verdicts(verdicts), string.Formatter()
    return {heading: formatter.vformat(text, (), found) for heading, text in texts(key).items()}


def reference(root: Path) -> dict[str, pd.DataFrame]:
    """Verdicts of the reference results by document, with what is firm among them all."""
    files = sorted((root / "results/reference").glob("*/claims.parquet"))
    tables = [table for table in map(pd.read_parquet, files) if "primary" in table]  # others are of an earlier rule
    whole = join(tables) if tables else pd.DataFrame({"document": []})
    return {str(key): rows for key, rows in whole.groupby("document")}


def table(verdicts: dict[str, pd.DataFrame]) -> str:
    """How many claims of each document are decided, and the sentence that matters, as a table of Markdown; empty without texts."""
    lines = [
        "| document | claims | decided | hold | of them firm | fail | unspecific | in a sentence |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(map(str, row))} |" for row in table_rows(verdicts)]
    return "\n".join(lines) if len(lines) > 2 else ""


def table_rows(verdicts: dict[str, pd.DataFrame]) -> list[list[Any]]:
    """Of each document with a text: its id, how many claims it has, are decided, hold, hold firmly, fail, are unspecific, the sentence."""
    made = []
    for key, rows in verdicts.items():
        text = rendered(key, rows).get("summary")
        if text is None:
            continue
        ids = by_id(rows)
        counts = ids["outcome"].value_counts()
        decided, held = ids["outcome"].isin(DECIDED), ids["outcome"] == "holds"
        numbers = [
            len(ids),
            decided.sum(),
            held.sum(),
            (held & ids["firm"]).sum(),
            counts.get("fails", 0),
            counts.get("unspecific", 0),
        ]
        made.append([key, *numbers, text.split("\n\n")[0].replace("\n", " ")])
    return made


def page(verdicts: dict[str, pd.DataFrame], titles: dict[str, str]) -> str:
    """`docs/findings.md`: the table, then the findings of each document, figure by figure."""
    pieces = [
        "# Findings",
        "What the reference results say, document by document; every number is read from their verdicts "
        "(`results/reference/<document>/claims.parquet`). How a verdict is decided: `notebooks/verdicts.ipynb`.",
        table(verdicts) or "Nothing is written yet; [outcomes.md](outcomes.md) has what came out so far.",
    ]
    for key, rows in verdicts.items():
        sections = rendered(key, rows)
        if sections:
            pieces += [f"## {key}: {titles[key]}", sections.pop("summary")]
            pieces += [f"**{figure}.** {text}" for figure, text in sections.items()]
    return "\n\n".join(pieces) + "\n"


def write(root: Path) -> None:
    """Renew the table in README.md and docs/findings.md."""
    for file, text in written(root).items():
        file.write_text(text, encoding="utf-8")


def written(root: Path) -> dict[Path, str]:
    """Both files with their text."""
    from infoflow.config.loading import read_default

    verdicts = reference(root)
    titles = {key: section.title for key, section in read_default().documents.items()}
    readme = root / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    inside = f"{MARKS[0]}\n{table(verdicts)}\n{MARKS[1]}"
    return {readme: before + inside + after, root / "docs/findings.md": page(verdicts, titles)}


if __name__ == "__main__":
    write(Path.cwd())
