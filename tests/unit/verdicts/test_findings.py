"""Findings in words: fields are read from the verdicts, and what is committed says what the reference results say."""

import pandas as pd
import pytest
from factories import ROOT, plan

from infoflow.errors import InputError
from infoflow.verdicts import findings

REFERENCE = findings.reference(ROOT)


def row(**changes):
    made = {
        "id": "V-002-10", "part": "end", "variant": "as_published", "data": "four points", "primary": True, "outcome": "holds",
        "value": 1.25, "ci_low": 1.0, "ci_high": 1.5, "null_value": 0.5, "difference": 0.75, "seeds_held": 4, "seeds": 5,
        "detail": '{"end": 2.5}',
    }  # fmt: skip
    return made | changes


TABLE = pd.DataFrame([
    row(),
    row(variant="corrected", primary=False, value=9.0),
    row(part="peak", value=2.0),
    row(part="peak", variant="corrected", primary=False, value=3.0),
])  # fmt: skip


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("{V-002-10}", "holds"),
        ("{V-002-10[end].value:.2f} ({V-002-10[end].low:.1f} to {V-002-10[end].high:.1f})", "1.25 (1.0 to 1.5)"),
        ("{V-002-10[end/corrected].value:.0f}", "9"),
        ("{V-002-10[peak].held}", "4 of 5"),
        ("{V-002-10[end].detail[end]}", "2.5"),
    ],
)
def test_a_field_is_a_number_of_the_verdicts(field, text, monkeypatch):
    monkeypatch.setattr(findings, "texts", lambda key: {"F6": field})
    assert findings.rendered("any", TABLE) == {"F6": text}


def test_verdicts_of_an_earlier_rule_give_no_text(monkeypatch):
    monkeypatch.setattr(findings, "texts", lambda key: {"F6": "{V-002-10}"})
    assert findings.rendered("any", TABLE.drop(columns="primary")) == {}


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("{V-002-10.value}", "2 values of value"),
        ("{V-002-9}", "no such claim"),
        ("{V-002-10[start].value}", "0 values"),
    ],
)
def test_a_field_that_names_no_row_or_several_is_refused(field, words, monkeypatch):
    monkeypatch.setattr(findings, "texts", lambda key: {"F6": field})
    with pytest.raises(InputError, match=words):
        findings.rendered("any", TABLE)


def test_the_readme_and_the_page_of_findings_say_what_the_reference_results_say():
    for file, text in findings.written(ROOT).items():
        assert file.read_text(encoding="utf-8") == text, "run `python -m infoflow.verdicts.findings`"


@pytest.mark.parametrize("key", sorted(REFERENCE))
def test_sections_are_of_figures_of_the_document(key):
    sections = findings.texts(key)
    assert set(sections) - {"summary"} <= set(plan().figures_of(key))
