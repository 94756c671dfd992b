"""A document's results as its notebook sees them: figures, verdicts and where they come from."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from infoflow import studies
from infoflow.config.jobs import NotebookJob
from infoflow.errors import InputError
from infoflow.plotting import notes, style
from infoflow.verdicts import findings
from infoflow.verdicts.outcomes import OUTCOMES
from infoflow.verdicts.selection import Selection

SHOWN = [
    "id", "part", "variant", "data", "outcome", "claim", "threshold", "value", "ci_low", "ci_high", "control", "null_value",
    "seeds_held", "seeds", "sensitivity",
]  # fmt: skip


Drawing = Callable[["Document"], Figure]


def drawn_from(*, tables: Sequence[str] = (), experiments: Sequence[str] = ()) -> Callable[[Drawing], Drawing]:
    """Mark a function as a figure of its document; the plan reads this from the source (`infoflow.plan.catalogue`).

    Its name in capitals is the figure's id, the first line of its docstring the title, the rest the caption.

    Args:
        tables: tables of the document that it is drawn from; none: a schematic.
        experiments: experiments whose results it shows; a run that lacks one leaves the figure out.
    """
    return lambda function: function


class Words(str):
    """Text that a notebook shows as Markdown."""

    def _repr_markdown_(self) -> str:
        return str(self)


class Document:
    """Tables, verdicts and figures of one document."""

    def __init__(
        self, key: str, results: str | None = None, save_to: str | None = None, settings: str | None = None
    ) -> None:
        self.key = key
        self.settings = None if settings is None else NotebookJob.model_validate_json(settings)
        self.results, self.reference = self._find(results)
        self.save_to = Path(save_to) if save_to else None
        self.claims = pd.read_parquet(self._file("claims"))
        stand_in = self.claims["stand_in"].astype(bool)  # rehearsals too, and said panel by panel
        self.rehearsal = bool(((self.claims["outcome"] == "rehearsal") & ~stand_in).any())
        self._tables: dict[str, pd.DataFrame] = {}

    def _find(self, results: str | None) -> tuple[Path, bool]:
        """The folder that holds this document's tables, and whether it is one of reference results."""
        for folder in (
            [Path(results)]
            if results
            else [
                Path("results"),
                Path("results/reference"),
                Path("../results"),
                Path("../results/reference"),
            ]
        ):
            # the reference results of the document `claims` lie in a folder of this name too
            found = (folder / "claims" / f"{self.key}.parquet").is_file()
            if found and (self.key != "claims" or (folder / "tables").is_dir()):
                return folder, False
            if (folder / self.key / "claims.parquet").is_file():
                return folder, True
        raise InputError(
            f"{results or 'results'}: holds no tables of {self.key}; run `snakemake --cores all {self.key}`"
        )

    def _file(self, name: str) -> Path:
        if self.reference:
            return self.results / self.key / f"{name}.parquet"
        return (
            self.results / "claims" / f"{self.key}.parquet"
            if name == "claims"
            else self.results / "tables" / self.key / f"{name}.parquet"
        )

    def __repr__(self) -> str:
        kind = "reference results" if self.reference else "this run"
        return f"{self.key}: {kind} in {self.results}" + (", a rehearsal: sizes are cut down" if self.rehearsal else "")

    @property
    def figures(self) -> list[str]:
        """Ids of its figures: those of the run, else those that are drawn already."""
        if self.settings is not None:
            return list(self.settings.figures)
        return sorted(path.stem for path in (self.results / "figures" / self.key).glob("*.svg"))

    def table(self, name: str) -> pd.DataFrame:
        """One of the document's tables."""
        if name not in self._tables:
            self._tables[name] = pd.read_parquet(self._file(name))
        return self._tables[name]

    def curves(self, experiment: str, **where: Any) -> pd.DataFrame:
        """Rows of the table of curves."""
        return pick(self.table("curves"), experiment=experiment, **where)

    def show(self, figure: str, needs: str | None = None) -> Figure | None:
        """Draw a figure, save it if a folder was given, and return it.

        Args:
            figure: id, for example `F2`.
            needs: an experiment or a quantity without whose curves there is nothing to draw, and None is returned.

        Reference results that are older than the figure give None too, and a line that says so.
        """
        drawn = self._draw(figure, needs)
        if drawn is not None:
            style.freeze_layout(drawn)
            if self.save_to:
                style.save(drawn, self.save_to / self.key / figure)
        return drawn

    def _draw(self, figure: str, needs: str | None) -> Figure | None:
        if needs and needs not in {*self.table("curves")["experiment"], *self.table("curves")["quantity"]}:
            return None
        module = importlib.import_module(f"{studies.package(self.key)}.figures")
        style.use()
        try:
            drawn = module.draw(self, figure) if studies.is_study(self.key) else getattr(module, figure.lower())(self)
        except (FileNotFoundError, InputError) as error:
            if not self.reference:
                raise
            print(f"{figure}: the reference results are older than this figure ({error})")
            return None
        if self.rehearsal:
            notes.stamp(drawn, "rehearsal")
        return drawn

    def of_reference(self) -> Document | None:
        """The reference results of this document, at sizes of their own; None where these are open already or absent."""
        folders = (Path("results/reference"), Path("../results/reference"))
        folder = next((f for f in folders if (f / self.key / "claims.parquet").is_file()), None)
        return None if self.reference or folder is None else self._opened(folder)

    def _opened(self, folder: Path) -> Document:
        document = Document(self.key, str(folder))
        document.settings = self.settings
        return document

    def show_reference(self, figure: str, needs: str | None = None) -> Figure | None:
        """The same figure of the reference results; None where these are shown already, and in a rehearsal."""
        real = None if self.rehearsal else self.of_reference()
        drawn = real and real._draw(figure, needs)
        if drawn is None:
            return None
        notes.note(drawn, f"REFERENCE RESULTS. {drawn.get_supxlabel()}".replace("\n", " "))
        style.freeze_layout(drawn)
        return drawn

    def found(self, figure: str) -> Words | None:
        """What the reference results say of a figure, in words; None where nothing is written of it or they are absent."""
        source = self if self.reference else self.of_reference()
        text = source and findings.rendered(self.key, source.claims).get(figure)
        return Words(f"**What we found** (reference results). {text}") if text else None

    def verdicts(self, figure: str | None = None) -> Any:
        """Verdicts that concern a figure (or all), as a table with coloured outcomes."""
        rows = self.claims if figure is None else self.claims[self.claims["figure"] == figure]
        colour = "color: white; font-weight: bold; background-color: "
        shown = [name for name in SHOWN if name in rows]  # reference results may be older than a column
        made = rows[shown].style.map(lambda outcome: colour + OUTCOMES[outcome].colour, subset=["outcome"])
        made = made.hide(axis="index").format(
            precision=3, na_rep="–", escape="html"
        )  # names of files may hold anything
        return made.set_uuid(figure or "all")  # else drawn anew in each run


def pick(table: pd.DataFrame, **where: Any) -> pd.DataFrame:
    """Rows of a table with the given values.

    Raises:
        InputError: no row has them.
    """
    rows = Selection(table).where(**where).table
    if rows.empty:
        raise InputError(f"the table has no rows with {where}")
    return rows
