"""Slips of goldfeld2019 itself, and of the released run behind its figures."""

from __future__ import annotations

from infoflow.verdicts.errata import Erratum

TESTS = "tests/unit/documents/test_errata_goldfeld2019.py"

ERRATA = (
    Erratum(
        "E-004-1", "F5, information of the first layer (released values)", "7.72 to 7.77 nats",
        "ln 4096 = 8.318 nats: the inputs were drawn with replacement, which lowers the bound to 7.744",
        f"{TESTS}::test_inputs_drawn_with_replacement_lower_the_bound",
    ),
    Erratum(
        "E-004-2", "F5, information of the second and third layer (released values)", "7.85 to 7.9 nats, above the first layer",
        "no deeper layer holds more than the one before it",
        f"{TESTS}::test_no_deeper_layer_holds_more",
    ),
    Erratum(
        "E-004-3", "text on F5", "the information falls from about epoch 80 on",
        "in the released run it rises from epoch 72 to a second peak near 509, and falls after that",
        f"{TESTS}::test_the_released_run_falls_after_its_second_peak",
    ),
)  # fmt: skip
