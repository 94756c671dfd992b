"""The page to start from: what came out, this run's verdicts with filters, figures, errata. Templates lie in `page_parts/`."""

from __future__ import annotations

import importlib.util
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from infoflow import studies
from infoflow.config.documents import Figure
from infoflow.config.jobs import ReportDocument, ReportJob
from infoflow.report.manifest import datasets, manifest, seconds
from infoflow.storage.files import atomic, write_json
from infoflow.storage.tables import write_table
from infoflow.truth import recommendation
from infoflow.verdicts import findings, rule
from infoflow.verdicts.errata import table as errata_table
from infoflow.verdicts.outcomes import OUTCOMES

PARTS = Path(__file__).parent / "page_parts"
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(PARTS), autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
)
EXAMPLE = "your_own"  # the study that ships
Shown = dict[str, Any]  # what a template reads


def write(job: ReportJob, root: str) -> None:
    """Write `index.html`, `claims.parquet`, `errata.parquet`, `MANIFEST.json` and `SECONDS.json` into the results folder `root`."""
    folder = Path(root)
    ledger = rule.join([pd.read_parquet(folder / "claims" / f"{d}.parquet") for d in job.documents])
    write_table(folder / "claims.parquet", ledger)
    errata = errata_of(job.documents)
    write_table(folder / "errata.parquet", errata)
    data = datasets(folder, job.datasets)
    with atomic(folder / "index.html") as temporary:
        temporary.write_text(page(job, ledger, errata, data, folder), encoding="utf-8")
    write_json(folder / "SECONDS.json", seconds(folder))  # of their own: they differ from run to run
    write_json(folder / "MANIFEST.json", manifest(job, data, folder))


def errata_of(documents: Iterable[str]) -> pd.DataFrame:
    """The errata of all documents that have some."""
    tables = []
    for key in documents:
        name = f"{studies.package(key)}.errata"
        if importlib.util.find_spec(name):
            tables.append(errata_table(key, importlib.import_module(name).ERRATA))
    return pd.concat(tables, ignore_index=True) if tables else errata_table("", ())


def page(job: ReportJob, ledger: pd.DataFrame, errata: pd.DataFrame, data: dict[str, Any], folder: Path) -> str:
    """The page as one HTML text, which asks nothing of the network."""
    present = ledger["outcome"].value_counts()
    ordered = [(outcome, int(present[outcome])) for outcome in OUTCOMES if outcome in present]
    return TEMPLATES.get_template("page.html.j2").render(
        style=Markup((PARTS / "page.css").read_text(encoding="utf-8")),
        script=Markup((PARTS / "page.js").read_text(encoding="utf-8")),
        findings=found(job),
        headline=headline(ledger),
        counts=", ".join(f"{n} {outcome}" for outcome, n in present.items()),
        data=data_rows(job, data),
        recommended=recommendation.table(),
        outcomes=ordered,
        colours={name: outcome.colour for name, outcome in OUTCOMES.items()},
        signs={name: outcome.sign for name, outcome in OUTCOMES.items()},
        documents=[
            document_of(key, document, ledger[ledger["document"] == key], errata[errata["document"] == key], folder)
            for key, document in sorted(job.documents.items(), key=_place)
        ],
    )


def headline(ledger: pd.DataFrame) -> str:
    """How many claims this run decides, in a sentence."""
    if ledger.empty:
        return "No claims are decided in this run"
    if (ledger["outcome"] == "rehearsal").all():
        return f"A rehearsal: sizes are cut down or data are stand-ins, so none of the {len(ledger)} verdicts counts"
    return rule.headline(ledger)


def found(job: ReportJob) -> list[list[Any]]:
    """The findings on the reference results, a row a document of the run of which something is written."""
    return [row for row in findings.table_rows(findings.reference(Path())) if row[0] in job.documents]


def _place(item: tuple[str, ReportDocument]) -> tuple[bool, bool]:
    """Order of the documents on the page: studies of one's own, documents, what has no experiments, the example."""
    key, document = item
    return key == EXAMPLE or not document.experiments, not document.study


def data_rows(job: ReportJob, data: dict[str, Any]) -> list[Shown]:
    """Document, data set, source and tier."""
    rows = []
    for key, document in job.documents.items():
        experiments = [job.config.experiments[name] for name in document.experiments]
        names = {e.dataset for e in experiments}
        names |= {v["dataset"] for e in experiments for v in e.variants.values() if "dataset" in v}
        names |= {value for e in experiments for value in e.axes.get("dataset", [])}
        for name in sorted(names & set(data)):
            tier = "stand-in" if data[name]["stand_in"] else data[name]["tier"]
            rows.append({"document": key, "name": name, "source": data[name]["source"], "tier": tier})
    return rows


def document_of(key: str, document: ReportDocument, claims: pd.DataFrame, errata: pd.DataFrame, folder: Path) -> Shown:
    """A document's title, figures, verdicts and errata."""
    return {
        "key": key, "title": document.title, "citation": document.citation, "study": document.study,
        "cards": [card(key, name, figure, document, claims, folder) for name, figure in document.figures.items()],
        "verdicts": [verdict(row, key) for row in claims.itertuples()], "errata": list(errata.itertuples()),
    }  # fmt: skip


def card(key: str, name: str, figure: Figure, document: ReportDocument, claims: pd.DataFrame, folder: Path) -> Shown:
    """A figure with its caption, its claims in short, and what made it."""
    path = f"figures/{key}/{name}"
    own = document.study and key != EXAMPLE
    of = "own" if document.study else key
    function = name.rsplit("-", 1)[1] if document.study else name.lower()
    overlay = "--configfile <the study's config> -- " if own else ""
    return {
        "id": name, "path": path, "title": figure.title, "caption": figure.caption, "alt": f"{figure.title}. {figure.caption}",
        "badges": list(rule.by_id(claims[claims["figure"] == name]).itertuples()),
        "notebook": EXAMPLE if document.study else key,
        "function": f"infoflow.documents.{of}.figures.{function}", "file": f"src/infoflow/documents/{of}/figures.py",
        "tables": [(n, os.path.relpath(document.tables[n], folder)) for n in figure.tables],
        "experiments": figure.experiments, "config": "" if own else f"configs/documents/{key}.yaml",
        "again": f"snakemake --cores 8 {overlay}{folder}/{path}.svg",
    }  # fmt: skip


def verdict(row: Any, key: str) -> Shown:
    """One verdict, its numbers as text."""
    where = [row.part, row.variant.replace("_", " "), row.data, "" if row.primary else "beside"]
    code = "" if studies.is_study(key) else f"src/infoflow/documents/{key}/claims.py, {row.id}"
    return {
        "id": row.id, "outcome": row.outcome, "claim": row.claim, "where": " · ".join(filter(None, where)), "stand_in": bool(row.stand_in),
        "question": row.question, "threshold": row.threshold, "value": number(row.value), "unit": row.unit, "low": number(row.ci_low),
        "high": number(row.ci_high), "held": row.seeds_held, "count": row.seeds, "units": row.units, "firm": bool(row.firm),
        "beside": beside(row), "sensitivity": row.sensitivity, "figure": row.figure, "code": code, "picture": picture(row),
        "detail": json.dumps(json.loads(row.detail), indent=1, ensure_ascii=False),
    }  # fmt: skip


def beside(row: Any) -> str:
    """What the control says of a verdict."""
    if row.control == "none":
        return f"none: {json.loads(row.detail).get('no_control', '')}"
    apart = f"; differs by {number(row.difference)} ({number(row.difference_low)} … {number(row.difference_high)})"
    return f"{row.control}; {row.null}: {number(row.null_value)}" + (apart if row.difference == row.difference else "")


WIDTH, MIDDLE, EDGE = 170, 13, 6  # of the small picture


def picture(row: Any) -> Markup:
    """The effect with its interval (bar and dot), the margin (dashed) and the control (ring), on a line of their own scale."""
    around = "±" in row.threshold  # the margin is a distance from the reference, on both sides
    margins = [row.reference - row.margin, row.reference + row.margin] if around else [row.margin]
    margins = [edge for edge in margins if math.isfinite(edge)]
    numbers = [v for v in (row.value, row.ci_low, row.ci_high, row.null_value, *margins) if math.isfinite(v)]
    if not (math.isfinite(row.value) and math.isfinite(row.ci_low)) or max(numbers) == min(numbers):
        return Markup("<span></span>")
    low, high = min(numbers), max(numbers)

    def at(value: float) -> str:
        return f"{EDGE + (WIDTH - 2 * EDGE) * (value - low) / (high - low):.1f}"

    colour, control = OUTCOMES[row.outcome].colour, math.isfinite(row.null_value)
    said = f"effect {number(row.value)}, interval {number(row.ci_low)} to {number(row.ci_high)}, margin "
    said += " to ".join(map(number, margins)) + (f", control {number(row.null_value)}" if control else "")
    dashed = 'y1="1" y2="25" stroke="currentColor" stroke-dasharray="3 2" opacity=".6"'
    drawn = [f'<line x1="{at(edge)}" x2="{at(edge)}" {dashed}/>' for edge in margins]
    ends = f'x1="{at(row.ci_low)}" x2="{at(row.ci_high)}" y1="{MIDDLE}" y2="{MIDDLE}"'
    drawn.append(f'<line {ends} stroke="{colour}" stroke-width="6" opacity=".5"/>')
    if control:
        drawn.append(f'<circle cx="{at(row.null_value)}" cy="{MIDDLE}" r="4" fill="none" stroke="currentColor"/>')
    drawn.append(f'<circle cx="{at(row.value)}" cy="{MIDDLE}" r="4" fill="{colour}"/>')
    return Markup(f'<svg viewBox="0 0 {WIDTH} 26" role="img" aria-label="{said}">{"".join(drawn)}</svg>')


def number(value: float) -> str:
    """Three significant digits, a dash for none."""
    return "–" if value is None or value != value else f"{value:.3g}"
