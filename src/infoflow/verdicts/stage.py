"""The claims stage: every table of a document's experiments in; its verdicts and its figures' tables out."""

from __future__ import annotations

import importlib

from infoflow import studies
from infoflow.config.jobs import ClaimsJob
from infoflow.storage.tables import write_table
from infoflow.verdicts.results import Results
from infoflow.verdicts.rule import ledger, verdicts


def run(job: ClaimsJob, output: str, tables: str) -> None:
    """Decide every claim of a document and write its verdicts and tables."""
    package = studies.package(job.document)
    claims = importlib.import_module(f"{package}.claims")
    results = Results(job)
    study = claims.study(results)
    for name, table in importlib.import_module(f"{package}.tables").tables(study).items():
        write_table(f"{tables}/{name}.parquet", table)
    if studies.is_study(job.document):
        rows = claims.rows(study)
    else:
        rows = verdicts(claims.__name__, study, results.has, rehearsal=job.rehearsal)
    decided = ledger(job.document, rows)
    write_table(output, decided)
    columns = ["id", "part", "variant", "outcome", "value", "control", "null_value", "seeds_held", "seeds"]
    print(decided[columns].to_string(), flush=True)
