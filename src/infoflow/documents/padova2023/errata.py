"""Slips of padova2023's slides, and where they differ from their code."""

from __future__ import annotations

from infoflow.verdicts.errata import READING, Erratum

TESTS = "tests/unit/documents/test_errata_padova2023.py"

ERRATA = (
    Erratum(
        "E-003-1", "slides 7 and 26", "filters from 8 to 32",
        "4, 8, 16 and 32, as slide 26 has it: the sizes of slide 25's entropies need four maps in the first layer; binning and "
        "kernel estimates were made with 4, 8, 8 and 16", f"{TESTS}::test_four_maps_make_the_size_of_the_first_layers_entropy",
    ),
    Erratum(
        "E-003-2", "slide 6, the data", "8000 clips, split 80/10/10 by genre",
        "the first 1000, of which 761 train, 79 validate and 160 test: the plateau is that of 1000 rows of which 239 are empty",
        f"{TESTS}::test_the_plateau_tells_the_number_of_rows",
    ),
    Erratum(
        "E-003-3", "slide 13", "noise variance 0.01",
        "0.001 in nearly all versions of the code and 0.1 in the last; the estimate falls with the variance",
        f"{TESTS}::test_the_kernel_estimate_falls_with_the_variance",
    ),
    Erratum(
        "E-003-4", "slide 9", "no width of the bins", "0.07, 0.05 and 0.005 in three scripts; the entropy hangs on it",
        f"{TESTS}::test_the_entropy_hangs_on_the_width",
    ),
    Erratum(
        "E-003-5", "slides 9 and 15", "entropy of a layer by binning",
        "of single activations, pooled: at most ln 40 = 3.69 nats with tanh and bins of 0.05; of whole layers it is ln P",
        f"{TESTS}::test_pooled_activations_have_a_ceiling_of_their_own",
    ),
    Erratum(
        "E-003-6", "slides 15 to 30", "1000 recordings with their labels",
        "validation overwrites rows 0 to 78, and rows 761 to 999 stay empty: labels do not match, and no I(T;Y) means anything",
        f"{TESTS}::test_239_rows_stay_empty_and_79_are_overwritten",
    ),
    Erratum(
        "E-003-7", "slides 20 to 23", "a plateau of 8.0775 bits",
        "log2 1000 − 0.239 log2 239: saturation with 239 empty rows; without them log2 1000 = 9.97",
        "tests/unit/estimation/test_families.py::test_rows_as_published_give_the_published_plateau_and_floor",
    ),
    Erratum(
        "E-003-8", "slides 25 to 27", "entropies of −520, −271, −134 and −68 thousand, blamed on the number of maps",
        "d · 0.239 · log2 1e-16 of empty rows: −523.6, −261.8, −131.7 and −66.7 thousand",
        f"{TESTS}::test_empty_rows_make_the_sizes_of_the_entropies",
    ),
    Erratum(
        "E-003-9", "slides 25 to 30, their code", "one unit",
        "three terms of the entropy are divided by ln 2, the digammas are not: neither bits nor nats",
        f"{TESTS}::test_digammas_in_nats_are_no_bits",
    ),
    Erratum(
        "E-003-10", "slides 7, 18 and 19", "residual layers followed by max-pooling",
        "max-pooling comes before the residual stages, average pooling after them", f"{TESTS}::test_where_the_residual_network_pools",
    ),
    Erratum("E-003-11", "slide 7", "ResNet by Zhang et al. 2015", "He, Zhang, Ren and Sun 2015", READING),
    Erratum(
        "E-003-12", "slide 8", "spectrograms of Classical and metal", "neither is a genre of FMA-small",
        f"{TESTS}::test_genres_of_the_small_archive",
    ),
    Erratum(
        "E-003-13", "slide 9", "I(T;Y) = H(T) − Σ H(T|y)", "H(T) − Σ p(y) H(T|y)",
        f"{TESTS}::test_information_weighs_the_classes",
    ),
    Erratum(
        "E-003-14", "slide 24, tanh", "training accuracy 1.0, validation 0.6 to 0.8 after 500 epochs",
        "0.80 and 0.53 after 100 epochs in the notebooks: another run, or other data", READING,
    ),
    Erratum(
        "E-003-15", "slide 17", "stochastic against batch gradient descent",
        "the optimiser is Adam, whose step does not hang on the size of the gradient", f"{TESTS}::test_a_step_of_adam_is_none_of_descent",
    ),
    Erratum(
        "E-003-16", "slide 13", "a lower bound of I(T;Y) with 4σ² in both terms",
        "no bound: the difference of two lower bounds may exceed the truth", f"{TESTS}::test_a_difference_of_lower_bounds_is_no_bound",
    ),
    Erratum(
        "E-003-17", "slides 12 and 13", "bounds of I(X;T)",
        "of the mixture over the recordings: never above ln P, whatever I(X;T) is",
        f"{TESTS}::test_the_upper_bound_lies_below_the_information_of_many_dimensions",
    ),
)  # fmt: skip
