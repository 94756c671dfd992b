"""The rule of the claims makes no claims about documents."""

from __future__ import annotations

from infoflow.verdicts.results import Results


def study(results: Results) -> Results:
    """The tables take the results' seed."""
    return results
