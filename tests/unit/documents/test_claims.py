"""Figures of the comparison, drawn from made-up tables."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from infoflow.documents.claims import TABLES
from infoflow.plotting.document import Document
from infoflow.storage.tables import write_table
from infoflow.verdicts import comparison
from infoflow.verdicts.rule import ledger


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """Twelve networks of two documents under four families, of which bins are flagged."""
    folder, rng = tmp_path_factory.mktemp("results") / "claims", np.random.default_rng(0)
    made, agreed, trained = [], [], []
    for k in range(12):
        place = {"document": "padova2023" if k % 2 else "kong2019", "experiment": f"net_{k}", "point": "base"}
        trained.append({**place, "accuracy": 0.5 + 0.04 * k, "gap": 0.1})
        for depth in (1, 2, 3):
            layer, fall = {**place, "layer": f"T{depth}"}, float(rng.uniform(-1, 2))
            for family in ("quantised", "kde", "binning", "clustering"):
                names = comparison.GEOMETRY["clustering"] if family == "clustering" else ["I"]
                for name in names:
                    made.append({**layer, "depth": depth, "family": family, "estimator": family, "settings": "{}", "kind": "point",
                                 "quantity": name, "samples": "all", "seeds": 5, "epochs": 10, "start": 1.0, "peak": 2.0,
                                 "end": float(rng.uniform(0, 1)), "fall": fall, "falls": float(fall > 0.1), "rises": 1.0, "ceiling": 0.0,
                                 "flagged": float(family == "binning"), "shown": True})  # fmt: skip
            agreed += [
                {**layer, "first": a, "second": b, "rho": 0.9, "seeds": 5}
                for a, b in (("binning", "kde"), ("kde", "quantised"))
            ]
    matrix, agreement, trained = map(pd.DataFrame, (made, agreed, trained))
    tables = {"matrix": matrix, "agreement": agreement, "trained": trained,
              "answers": comparison.answers(matrix, agreement, trained, 1), "believed": comparison.believed(matrix)}  # fmt: skip
    assert set(tables) == set(TABLES)
    for name, table in tables.items():
        write_table(folder / f"{name}.parquet", table)
    write_table(folder / "claims.parquet", ledger("claims", []))
    return Document("claims", str(folder.parent))


@pytest.mark.parametrize("figure", ["C1", "C2", "C3", "C4"])
def test_the_figures_are_drawn(document, figure, tmp_path):
    document.show(figure).savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    plt.close("all")


@pytest.mark.parametrize("figure", ["C1", "C2", "C3", "C4"])
def test_a_run_with_nothing_to_compare_says_so(figure, tmp_path):
    matrix, agreement, trained = comparison.matrix({}, {})
    tables = {"matrix": matrix, "agreement": agreement, "trained": trained,
              "answers": comparison.answers(matrix, agreement, trained, 1), "believed": comparison.believed(matrix)}  # fmt: skip
    for name, table in tables.items():
        write_table(tmp_path / f"claims/{name}.parquet", table)
    write_table(tmp_path / "claims/claims.parquet", ledger("claims", []))
    drawn = Document("claims", str(tmp_path)).show(figure)
    assert "Nothing to compare" in drawn.axes[0].texts[0].get_text()
    plt.close("all")
