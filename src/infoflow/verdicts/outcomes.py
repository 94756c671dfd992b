"""How outcomes are shown: one colour and one sign each, on the page and in notebooks."""

from __future__ import annotations

from typing import NamedTuple


class Outcome(NamedTuple):
    """Colour behind white text (contrast at least 4.5), and a sign for those who see no colours."""

    colour: str
    sign: str


OUTCOMES = {
    "holds": Outcome("#0072B2", "✓"),
    "fails": Outcome("#C14F00", "✗"),
    "mixed": Outcome("#8a6100", "±"),
    "unspecific": Outcome("#7b4f80", "="),
    "undecided": Outcome("#4d6b8a", "?"),
    "not converged": Outcome("#6d6d6d", "…"),
    "vacuous": Outcome("#767676", "∅"),
    "reported": Outcome("#5f6a6a", "#"),
    "rehearsal": Outcome("#757575", "–"),
}
DECIDED = ("holds", "fails")
