"""The Dockerfile, as far as it can be checked without building it."""

import re

from factories import ROOT

LINES = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8")).splitlines()


def instructions(name):
    return [line.split(None, 1)[1] for line in LINES if line.startswith(f"{name} ")]


def test_what_is_copied_is_there():
    for arguments in instructions("COPY"):
        *sources, _ = arguments.split()
        assert all((ROOT / source).exists() for source in sources)


def test_it_ends_as_a_user_without_rights_in_the_projects_folder():
    assert instructions("USER") == ["researcher"]
    assert LINES.index("USER researcher") > max(k for k, line in enumerate(LINES) if line.startswith(("COPY", "RUN")))
    owned = re.findall(r"chown researcher ([^&\n]*)", "\n".join(LINES))
    assert owned == ["results .snakemake data"]  # the code is not among them


def test_it_installs_what_make_installs():
    (made,) = [line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "pip install" in line]
    options = re.search(r"--constraint.*", made)[0]
    assert any(options in line for line in instructions("RUN"))
    assert instructions("FROM") == ["python:3.11-slim-bookworm"]


def test_what_is_not_in_git_stays_outside():
    ignored = set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())
    assert {".git", ".venv", "results-*", "data"} <= ignored
