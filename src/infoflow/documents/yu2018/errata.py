"""Slips of yu2018 itself."""

from __future__ import annotations

from infoflow.verdicts.errata import READING, Erratum

TESTS = "tests/unit/documents/test_errata_yu2018.py"

ERRATA = (
    Erratum(
        "E-001-1", "Definitions 2 and 3", "A_ij = K_ij / sqrt(K_ii K_jj)",
        "A_ij = K_ij / (n sqrt(K_ii K_jj)): without 1/n the trace is n, and the entropy lower by α/(α − 1) log2 n",
        f"{TESTS}::test_without_the_factor_of_the_samples_entropies_shift",
    ),
    Erratum(
        "E-001-2", "Definition of the joint entropy of maps", "C × n positive definite matrices",
        "C matrices of n × n, whose product is n × n", f"{TESTS}::test_the_maps_of_a_layer_have_a_matrix_of_samples_each",
    ),
    Erratum(
        "E-001-3", "proof of Corollary 1", "follows from Corollary 1",
        "from Proposition 1, one variable at a time", f"{TESTS}::test_the_lower_half_follows_one_variable_at_a_time",
    ),
    Erratum("E-001-4", "Eq. 2", "N and n for the number of samples", "n throughout", READING),
    Erratum(
        "E-001-5", "Proposition 1, Eq. 4", "S(A, B) ≤ S(A) + S(B) for every order α",
        "false but for α = 0 and the limit 1: counts [[0, 1], [1, 2]] at α = 2 give a joint of 1.4150 bits above a sum of 1.3561",
        f"{TESTS}::test_a_joint_entropy_may_exceed_the_sum",
    ),
    Erratum(
        "E-001-6", "Corollary 1, Eq. 9, upper half", "S(A¹, …, A^C) ≤ S(A¹) + … + S(A^C)",
        "false for every C: constant maps add nothing to either side of the counterexample to Eq. 4",
        f"{TESTS}::test_constant_maps_carry_the_counterexample_to_any_number",
    ),
    Erratum(
        "E-001-7", "text on Fig. 3", "after 1/3 epochs",
        "after a third of the epochs, as the caption has it: 3 of 10, and 10 of 30 on SVHN",
        f"{TESTS}::test_the_middle_panel_is_a_third_of_training",
    ),
)  # fmt: skip
