"""Reference results: small tables of a run that are kept in git."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infoflow.errors import InputError
from infoflow.storage.files import atomic, write_json

LIMIT = 1_000_000  # bytes of a reference table


def keep_reference(results: str, to: str, documents: list[str], made_by: str) -> None:
    """Copy the tables and claims of a run's documents (empty: all) into `to`, with where they come from.

    Raises:
        InputError: the results are incomplete, lack a document, or a table is larger than 1 MB.
    """
    folder = Path(results)
    if not (folder / "MANIFEST.json").is_file():
        raise InputError(f"{folder}/MANIFEST.json is missing: finish the run first (snakemake --cores all)")
    made = json.loads((folder / "MANIFEST.json").read_text(encoding="utf-8"))
    if made["config"]["rehearsal"]:
        raise InputError(f"{folder} holds a rehearsal: reference results come from a full run")
    found = sorted(p.stem for p in (folder / "claims").glob("*.parquet"))
    if unknown := set(documents) - set(found):
        raise InputError(f"{folder}: holds no {', '.join(sorted(unknown))}; it holds {', '.join(found)}")
    for document in documents or found:
        files = {"claims": folder / "claims" / f"{document}.parquet"}
        files |= {p.stem: p for p in sorted((folder / "tables" / document).glob("*.parquet"))}
        if large := [str(p) for p in files.values() if p.stat().st_size > LIMIT]:
            raise InputError(f"{', '.join(large)}: larger than 1 MB; thin the table before it becomes a reference")
        for name, path in files.items():
            with atomic(Path(to) / document / f"{name}.parquet") as temporary:
                temporary.write_bytes(path.read_bytes())
        used = {name: made[name] for name in ("commit", "python", "platform", "cpu", "seed")}
        used["seconds"] = json.loads((folder / "SECONDS.json").read_text(encoding="utf-8"))
        used |= {
            "data": {k: v for k, v in made["data"].items() if k in _data_of(made["config"], document)},
            "command": made_by,
            "versions": {k: made["versions"][k] for k in ("torch", "numpy", "scipy", "pandas")},
        }
        write_json(Path(to) / document / "provenance.json", used)


def _data_of(config: dict[str, Any], document: str) -> set[str]:
    """Data sets of a document's experiments; of a document that compares those of others, all."""
    every = config["experiments"].values()
    own = [e for e in every if e["document"] == document] or every
    return {name for e in own for name in (e["dataset"], *e["axes"].get("dataset", []))}
