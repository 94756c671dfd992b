"""Slips of huang2016 itself."""

from __future__ import annotations

from infoflow.verdicts.errata import READING, Erratum

FALSE = "tests/unit/documents/test_huang2016.py::test_what_is_false_of_any_network"

ERRATA = (
    Erratum(
        "E-000-1", "gradients of the second layer", "∂S(K²)/∂W¹ ends in X¹",
        "it ends in the input X; as printed its shape is (h, h), of no weight matrix", FALSE,
    ),
    Erratum(
        "E-000-2", "Eq. 12", "the negative cross-entropy plus H(Y) equals I(X; Y)",
        "it is a lower bound, lower by the divergence of the model's conditional from the true one", FALSE,
    ),
    Erratum(
        "E-000-3", "properties of the joint entropy", "S(A, B) ≤ S(A) + S(B) for every order α",
        "false for α ≠ 1: counts [[0, 1], [1, 2]] at α = 2 give a joint of 1.4150 bits above a sum of 1.3561", FALSE,
    ),
    Erratum(
        "E-000-4", "the network", "labels in {0, …, C} and outputs in [0, 1]^C",
        "{0, …, C} has C + 1 labels, one more than the outputs",
        "tests/unit/documents/test_errata_huang2016.py::test_labels_from_zero_to_c_are_one_more_than_outputs",
    ),
    Erratum("E-000-5", "the objective", "reducing the relevant information", "reducing the irrelevant information", READING),
    Erratum("E-000-6", "the objective", "the constraint does penalize", "the constraint does not penalize", READING),
)  # fmt: skip
