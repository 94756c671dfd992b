"""A document as its notebook sees it."""

import json

import numpy as np
import pytest

from infoflow.plotting.document import Document
from infoflow.storage.tables import write_table
from infoflow.verdicts import rule
from infoflow.verdicts.questions import Each

NAME = "<img src=x onerror=alert(1)>.mp3 & $(touch X)"


@pytest.fixture
def document(tmp_path):
    """Reference results of one claim on data of a name that is HTML."""
    claim = rule.Claim("V-000-1", "F3", "It falls", (Each("fall", "nats", above=1.0, control="none: a test"),))
    evidence = rule.Evidence(np.full(8, 3.0) + np.arange(8) / 50, data=NAME)
    write_table(
        tmp_path / "huang2016/claims.parquet", rule.ledger("huang2016", [rule.decide(claim, evidence, rehearsal=False)])
    )
    return Document("huang2016", str(tmp_path))


def test_no_name_is_html_in_the_table_of_verdicts(document):
    shown = document.verdicts().to_html()
    assert "<img" not in shown
    assert "&lt;img src=x" in shown
    assert json.dumps(shown) == json.dumps(document.verdicts().to_html())  # the same in every run
