"""Whether a folder of results is what its manifest says, and whether it agrees with the reference results."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from infoflow.errors import InputError
from infoflow.storage.files import sha256
from infoflow.verdicts.outcomes import DECIDED
from infoflow.verdicts.rule import by_id

SHOWN = 20  # files that are named


def verify(results: str | Path, reference: str | Path) -> tuple[str, bool]:
    """Hold every file of a run against the checksum in its manifest, and every decided claim against the reference.

    Returns:
        What was found, in lines, and whether no claim is decided otherwise in the reference.

    Raises:
        InputError: there is no manifest, or a file is missing or another one.
    """
    folder = Path(results)
    manifest = _manifest(folder)
    faults = []
    for name, digest in manifest["outputs"].items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{name}: missing")
        elif sha256(path) != digest:
            faults.append(f"{name}: not the file that the run wrote")
    if faults:
        shown = "\n".join(faults[:SHOWN]) + (f"\n… and {len(faults) - SHOWN} more" if len(faults) > SHOWN else "")
        raise InputError(
            f"{folder}: {len(faults)} of {len(manifest['outputs'])} files differ from MANIFEST.json; delete them and run again\n{shown}"
        )
    lines = [f"{folder}: all {len(manifest['outputs'])} files are those of MANIFEST.json"]
    both, apart = agreement(pd.read_parquet(folder / "claims.parquet"), Path(reference))
    lines.append(f"{both} claims are decided here and in {reference}, {both - len(apart)} of them alike")
    return "\n".join([*lines, *apart]), not apart


def agreement(ledger: pd.DataFrame, reference: Path) -> tuple[int, list[str]]:
    """How many claims a run and the reference results both decide, and those that they decide otherwise, in words.

    Reference results of an earlier rule, which do not say which rows decide, are left out.
    """
    tables = [pd.read_parquet(path) for path in sorted(reference.glob("*/claims.parquet"))]
    kept = [table for table in tables if "primary" in table and len(table)]
    if not kept or ledger.empty:
        return 0, []
    here, there = (by_id(table).set_index("id")["outcome"] for table in (ledger, pd.concat(kept, ignore_index=True)))
    both = [name for name in here.index.intersection(there.index) if {here[name], there[name]} <= set(DECIDED)]
    apart = [f"{name}: {here[name]} here, {there[name]} in the reference" for name in both if here[name] != there[name]]
    return len(both), apart


def _manifest(folder: Path) -> dict:
    try:
        return json.loads((folder / "MANIFEST.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{folder}/MANIFEST.json is missing: finish the run first (snakemake --cores all)") from None
    except ValueError as error:
        raise InputError(f"{folder}/MANIFEST.json: damaged ({error}); delete it and run again") from None
