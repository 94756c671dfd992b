"""Tables of the rule's operating characteristics."""

from __future__ import annotations

import pandas as pd

from infoflow.verdicts.characteristics import characteristics, units_to_decide
from infoflow.verdicts.results import Results

TRIALS = 500  # simulated claims of each kind and number of units


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """How often the rule says what on simulated units, and how many units decide."""
    table = characteristics(TRIALS, results.seed)
    return {"characteristics": table.assign(trials=TRIALS), "units": units_to_decide(table)}
