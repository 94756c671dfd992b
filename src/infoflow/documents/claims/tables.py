"""Tables of the comparison of every estimator on every network."""

from __future__ import annotations

import pandas as pd

from infoflow.verdicts import comparison
from infoflow.verdicts.results import Results


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """The matrix, the agreement of trajectories, the networks' ends, the answers, and what each document's reader would believe."""
    matrix, agreement, trained = comparison.matrix(results.compared, results.families)
    return {
        "matrix": matrix,
        "agreement": agreement,
        "trained": trained,
        "answers": comparison.answers(matrix, agreement, trained, results.seed),
        "believed": comparison.believed(matrix),
    }
