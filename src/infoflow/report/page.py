"""The page to start from, with the ledger of all verdicts."""

from __future__ import annotations

import html
import importlib.util
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from infoflow import studies
from infoflow.config.documents import Figure
from infoflow.config.jobs import ReportDocument, ReportJob
from infoflow.report.manifest import datasets, manifest, seconds
from infoflow.storage.files import atomic, write_json
from infoflow.storage.tables import write_table
from infoflow.verdicts import rule
from infoflow.verdicts.errata import table as errata_table
from infoflow.verdicts.outcomes import OUTCOMES


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
    """The page as one HTML text."""
    if ledger.empty:
        headline = "No claims are decided in this run"
    elif (ledger["outcome"] == "rehearsal").all():
        headline = (
            f"A rehearsal: sizes are cut down or data are stand-ins, so none of the {len(ledger)} verdicts counts"
        )
    else:
        headline = rule.headline(ledger)
    counts = ", ".join(f"{n} {outcome}" for outcome, n in ledger["outcome"].value_counts().items())
    counts = f"{len(ledger)} verdicts on variants, data sets and parts of claims: {counts}" if counts else ""
    body = [
        "<header><h1>infoflow</h1>",
        "<p class=lead>Figures, numbers and claims of documents on information flow in deep networks, regenerated and checked by machine.</p>",
        f"<p class=headline>{headline}<br><small>{counts}</small></p>",
        "<nav>"
        + " · ".join(f'<a href="#{d}">{d}</a>' for d in job.documents)
        + ' · <a href="docs/index.html">documentation</a> · <a href="MANIFEST.json">manifest</a></nav></header>',
        data_table(job, data),
    ]
    for key, document in sorted(job.documents.items(), key=_place):
        of_it = (table[table["document"] == key] for table in (ledger, errata))
        body.append(document_section(key, document, *of_it, folder))
    return f"<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'><title>infoflow results</title><style>{CSS}</style></head><body>{''.join(body)}</body></html>"


EXAMPLE = "your_own"  # the study that ships


def _place(item: tuple[str, ReportDocument]) -> tuple[bool, bool]:
    """Order of the documents on the page: studies of one's own, documents, what has no experiments, the example."""
    key, document = item
    return key == EXAMPLE or not document.experiments, not document.study


def data_table(job: ReportJob, data: dict[str, Any]) -> str:
    """Document, data, tier."""
    rows = []
    for key, document in job.documents.items():
        experiments = [job.config.experiments[name] for name in document.experiments]
        names = {e.dataset for e in experiments}
        names |= {v["dataset"] for e in experiments for v in e.variants.values() if "dataset" in v}
        names |= {value for e in experiments for value in e.axes.get("dataset", [])}
        for name in sorted(names & set(data)):
            d = data[name]
            tier = "stand-in" if d["stand_in"] else d["tier"]
            rows.append(
                f"<tr><td>{key}</td><td><code>{name}</code></td><td>{html.escape(d['source'])}</td><td>{tier}</td></tr>"
            )
    return f"<details><summary>Data of this run</summary><table><tr><th>document</th><th>data</th><th>source</th><th>tier</th></tr>{''.join(rows)}</table></details>"


def document_section(
    key: str, document: ReportDocument, claims: pd.DataFrame, errata: pd.DataFrame, folder: Path
) -> str:
    """Title, figures, verdicts and errata of one document."""
    figures = "".join(
        figure_card(key, name, figure, document, claims, folder) for name, figure in document.figures.items()
    )
    verdicts = "" if claims.empty else f"<h3>Verdicts</h3>{verdict_table(key, claims)}"
    notebook = f'<a href="notebooks/{key}.html">executed notebook</a> (<a href="notebooks/{key}.ipynb">ipynb</a>)'
    return (
        f"<section id={key}><h2>{html.escape(document.title)}</h2><p>{html.escape(document.citation) + ' · ' if document.citation else ''}<code>{key}</code> · {notebook}</p>"
        f"<div class=cards>{figures}</div>{verdicts}{errata_section(errata)}</section>"
    )


def figure_card(
    key: str, name: str, figure: Figure, document: ReportDocument, claims: pd.DataFrame, folder: Path
) -> str:
    """Thumbnail, caption, the verdicts in short, and what made the figure."""
    path = f"figures/{key}/{name}"
    shown = claims[claims["figure"] == name]
    badges = "".join(badge(row.outcome, row.id) for row in rule.by_id(shown).itertuples())
    paths = {n: os.path.relpath(document.tables[n], folder) for n in figure.tables}
    tables = ", ".join(f'<a href="{path}">{n}</a>' for n, path in paths.items()) or "none: a schematic"
    names = ", ".join(f"<code>experiments.{e}</code>" for e in figure.experiments)
    where = "" if document.study and key != EXAMPLE else f" in <code>configs/documents/{key}.yaml</code>"
    experiments = f"{names}{where}" if names else "none"
    overlay = "--configfile &lt;the study's config&gt; -- " if document.study and key != EXAMPLE else ""
    if document.study:
        drawn, notebook = f"infoflow.documents.own.figures.{name.rsplit('-', 1)[1]}", EXAMPLE
        file = "src/infoflow/documents/own/figures.py"
    else:
        drawn, notebook = f"infoflow.documents.{key}.figures.{name.lower()}", key
        file = f"src/infoflow/documents/{key}/figures.py"
    made = (
        f"<dt>notebook</dt><dd><a href='notebooks/{key}.html'>{key}.html</a>, source <code>notebooks/{notebook}.ipynb</code></dd>"
        f"<dt>drawn by</dt><dd><code>{drawn}</code> in <code>{file}</code></dd>"
        f"<dt>tables</dt><dd>{tables}</dd>"
        f"<dt>rules</dt><dd><code>notebook_{key}</code> (workflow/rules/notebooks.smk), <code>claims_{key}</code> (workflow/rules/claims.smk)</dd>"
        f"<dt>experiments</dt><dd>{experiments}</dd>"
        f"<dt>again</dt><dd><code>snakemake --cores 8 {overlay}{folder}/{path}.svg</code></dd>"
    )
    return (
        f"<figure id='{key}-{name}'><a href='{path}.svg'><img loading=lazy src='{path}.png' alt='{html.escape(figure.title)}'></a>"
        f"<figcaption><b>{'' if document.study else f'{name} · '}{html.escape(figure.title)}</b><p>{html.escape(figure.caption)}</p><p>{badges}</p>"
        f"<details><summary>made by</summary><dl>{made}</dl></details></figcaption></figure>"
    )


def badge(outcome: str, text: str = "") -> str:
    """An outcome by colour, sign and word."""
    colour, sign = OUTCOMES[outcome]
    return f"<span class=badge style='background:{colour}' title='{outcome}'>{sign} {text + ' ' if text else ''}{outcome}</span> "


VERDICT_COLUMNS = (
    "outcome", "id", "claim", "test", "value", "95 % interval", "beside its control", "held", "margin ×½, ×2",
)  # fmt: skip


def verdict_table(key: str, claims: pd.DataFrame) -> str:
    """Every verdict of a document."""
    head = "".join(f"<th>{name}</th>" for name in VERDICT_COLUMNS)
    rows = "".join(verdict_row(key, row) for row in claims.itertuples())
    return f"<div class=wide><table><tr>{head}</tr>{rows}</table></div>"


def verdict_row(key: str, row: Any) -> str:
    """One verdict."""
    detail = html.escape(json.dumps(json.loads(row.detail), indent=1, ensure_ascii=False))
    where = " · ".join(
        filter(None, [row.part, row.variant.replace("_", " "), row.data, "" if row.primary else "beside"])
    )
    firm = "<br><small>firm</small>" if row.firm else ""
    return (
        f"<tr class='{row.outcome}'><td>{badge(row.outcome)}{firm}</td><td><a href='#{key}-{row.figure}'>{row.id}</a></td>"
        f"<td>{html.escape(row.claim)}<br><small>{html.escape(where)}</small></td>"
        f"<td><small>{row.question}</small><br>{html.escape(row.threshold)}</td>"
        f"<td class=n>{number(row.value)}<br><small>{html.escape(row.unit)}</small></td>"
        f"<td class=n>{number(row.ci_low)} … {number(row.ci_high)}</td>"
        f"<td>{beside(row)}</td><td class=n>{row.seeds_held}/{row.seeds}<br><small>{row.units}</small></td>"
        f"<td><small>{row.sensitivity}</small><details><summary>detail</summary><pre>{detail}</pre></details></td></tr>"
    )


def beside(row: Any) -> str:
    """What the control says of a verdict."""
    if row.control == "none":
        return f"<small>none: {html.escape(json.loads(row.detail).get('no_control', ''))}</small>"
    interval = f"{number(row.difference)} ({number(row.difference_low)} … {number(row.difference_high)})"
    apart = f"<br><small>differs by {interval}</small>" if row.difference == row.difference else ""
    return f"{row.control}<br><small>{html.escape(row.null)}: {number(row.null_value)}</small>{apart}"


def errata_section(errata: pd.DataFrame) -> str:
    """What a document prints wrongly, nothing where it has no such place."""
    if errata.empty:
        return ""
    rows = "".join(
        f"<tr><td>{row.id}</td><td>{html.escape(row.place)}</td><td>{html.escape(row.printed)}</td>"
        f"<td>{html.escape(row.right)}</td><td><code>{html.escape(row.test)}</code></td></tr>"
        for row in errata.itertuples()
    )
    head = "".join(f"<th>{name}</th>" for name in ("id", "place", "printed", "right", "checked by"))
    return f"<h3>Errata</h3><div class=wide><table><tr>{head}</tr>{rows}</table></div>"


def number(value: float) -> str:
    """Three significant digits, a dash for none."""
    return "–" if value is None or value != value else f"{value:.3g}"


CSS = """
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--line:#d8dee4;--soft:#f4f6f8;--link:#0b5cad}
@media(prefers-color-scheme:dark){:root{--fg:#e6e9ec;--bg:#14181c;--line:#343b42;--soft:#1d2329;--link:#7db7f0}}
*{box-sizing:border-box}body{font:16px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:1200px;margin:0 auto;padding:1.5rem}
h1{margin:0;font-size:2.2rem}h2{margin-top:3rem;border-top:2px solid var(--line);padding-top:1.5rem}a{color:var(--link)}
.lead{font-size:1.1rem;margin:.2rem 0}.headline{font-size:1.35rem;font-weight:600;background:var(--soft);padding:1rem;border-radius:.5rem}
.headline small{font-weight:400;font-size:.95rem}.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,360px),1fr));gap:1.2rem}
figure{margin:0;border:1px solid var(--line);border-radius:.5rem;overflow:hidden;display:flex;flex-direction:column}
figure img{width:100%;height:270px;object-fit:contain;background:#fff;display:block;padding:.4rem}figcaption{padding:.8rem;font-size:.92rem}figcaption p{margin:.3rem 0}
.badge{display:inline-block;color:#fff;border-radius:1rem;padding:.05rem .6rem;font-size:.78rem;font-weight:600;white-space:nowrap;margin:.1rem 0}
table{border-collapse:collapse;width:100%;font-size:.88rem}th,td{border-bottom:1px solid var(--line);padding:.45rem .5rem;text-align:left;vertical-align:top}
th{background:var(--soft)}td:nth-child(2){white-space:nowrap}td:nth-child(7){min-width:12rem}td.n{white-space:nowrap;font-variant-numeric:tabular-nums}td.n small{white-space:normal}tr.rehearsal{color:#8a8a8a}.wide{overflow-x:auto}
dl{display:grid;grid-template-columns:auto 1fr;gap:.2rem .8rem;margin:.4rem 0}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}pre{font-size:.75rem;overflow:auto;max-width:24rem}
code{font-size:.9em;background:var(--soft);padding:0 .2em;border-radius:.2em}summary{cursor:pointer}
"""
