"""Slips of kong2019 itself."""

from __future__ import annotations

from infoflow.verdicts.errata import Erratum

TESTS = "tests/unit/documents/test_errata_kong2019.py"

ERRATA = (
    Erratum(
        "E-002-1", "data of the first network", "1 is labelled −1 and +1",
        "3 is labelled +1, and −3, −1 and 1 are labelled −1", f"{TESTS}::test_three_has_the_label_that_is_printed_for_one",
    ),
    Erratum(
        "E-002-2", "formula of the first network", "T1 = tanh(wX + b)",
        "T1 = tanh(wX + b) + Z: without the noise a continuous input has infinite information",
        f"{TESTS}::test_information_is_finite_by_the_noise_alone",
    ),
    Erratum(
        "E-002-3", "training of F2, and of the figures after it", "gradient descent at a rate of 5e-4 for 200 epochs",
        "gradients were never reset between steps; with reset ones the four points are still apart after 200 epochs",
        f"{TESTS}::test_clusters_merge_in_200_epochs_with_accumulated_gradients_alone",
    ),
    Erratum(
        "E-002-4", "F6", "the information falls to approximately 1 nat",
        "that is its value when training stopped; two hard clusters hold ln 2 = 0.693 nats",
        f"{TESTS}::test_two_hard_clusters_of_the_mixture_hold_ln_two",
    ),
)  # fmt: skip
