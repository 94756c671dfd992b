"""The benchmark of estimators makes no claims about documents."""

from __future__ import annotations

from infoflow.verdicts.results import Results


def study(results: Results) -> Results:
    """The tables read the results as they are."""
    return results
