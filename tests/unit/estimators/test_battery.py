"""Every public estimator under the battery, and the battery under estimators that are wrong in a known way."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch

from infoflow.estimators import binning, check, clustering, kde, knn, noisy, probe, renyi, sliced


def seeded(estimator, **options):
    """An estimator that draws, with a new generator of one seed at every call."""

    def call(x, y):
        return estimator(x, y, generator=torch.Generator().manual_seed(0), **options)

    return call


def covariances_of(x):
    return noisy.linearised(
        x, torch.eye(2, dtype=torch.float64).expand(len(x), 2, 2), generator=torch.Generator().manual_seed(0)
    )


ESTIMATORS = {
    "binning.entropy": (partial(binning.entropy, width=1.0), None),
    "binning.entropy, pooled": (partial(binning.entropy, width=1.0, pooled=True), None),
    "binning.entropy, edges": (partial(binning.entropy, edges=[-30, -3, 0, 5, 30]), None),
    "binning.entropy, grid": (partial(binning.entropy, grid=(-30, 30, 7)), None),
    "binning.mutual_information": (partial(binning.mutual_information, width=5.0), "labels"),
    "binning.conditional_information": (partial(binning.conditional_information, width=5.0), "labels"),
    "kde.entropy": (partial(kde.entropy, variance=4.0, bound="upper"), None),
    "kde.input_information": (partial(kde.input_information, variance=4.0, bound="lower"), None),
    **{
        f"kde.label_information, {bound}": (partial(kde.label_information, variance=4.0, bound=bound), "labels")
        for bound in kde.LABEL_BOUNDS
    },
    "kde.conditional_information": (partial(kde.conditional_information, variance=4.0, bound="upper"), "labels"),
    "kde.table": (partial(kde.table, variances=[4.0]), "labels"),
    "knn.entropy": (partial(knn.entropy, k=3), None),
    "knn.entropy, brute": (partial(knn.entropy, k=3, index="brute", offset=1e-3), None),
    **{
        f"knn.mutual_information, {algorithm}, {index}": (
            partial(knn.mutual_information, k=3, algorithm=algorithm, index=index),
            "samples",
        )
        for algorithm in (None, *knn.ALGORITHMS)
        for index in ("auto", "brute")
    },
    "knn.mutual_information, raw": (partial(knn.mutual_information, k=3, standardise=False), "samples"),
    "knn.label_information": (partial(knn.label_information, k=3), "labels"),
    "knn.conditional_information, given": (lambda x, y: knn.conditional_information(x, y, 3, given=y), "samples"),
    "knn.conditional_information, labels": (lambda x, y: knn.conditional_information(x, x, 3, labels=y), "labels"),
    "renyi.conditional_information": (
        lambda x, y: renyi.conditional_information(x, [x], y, 1.01, [10.0, 5.0, None]),
        "labels",
    ),
    "renyi.entropy": (partial(renyi.entropy, alpha=1.01, sigma=10.0), None),
    "renyi.mutual_information": (partial(renyi.mutual_information, alpha=1.01, sigmas=10.0), "samples"),
    "renyi.mutual_information, 2": (partial(renyi.mutual_information, alpha=2, sigmas=10.0), "samples"),
    "renyi.mutual_information, labels": (partial(renyi.mutual_information, alpha=2, sigmas=[10.0, None]), "labels"),
    "noisy.mixture_entropy": (
        lambda x: noisy.mixture_entropy(x, 5.0, generator=torch.Generator().manual_seed(0)),
        None,
    ),
    "noisy.linearised": (covariances_of, None),
    "clustering.binned_entropy": (partial(clustering.binned_entropy, width=5.0), None),
    "clustering.class_distances": (clustering.class_distances, "labels"),
    "clustering.cosine_similarities": (clustering.cosine_similarities, "labels"),
    "clustering.participation_ratio": (clustering.participation_ratio, None),
    "clustering.effective_rank": (clustering.effective_rank, None),
    "clustering.saturated_fraction": (partial(clustering.saturated_fraction, threshold=5.0), None),
    "probe": (probe, "labels"),
    "sliced": (seeded(sliced, k=3, slices=10), "samples"),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_passes(name):
    estimator, second = ESTIMATORS[name]
    assert check(estimator, second=second)


def changes_its_input(x):
    x *= 2
    return x.sum() * 0 + 1.0


COUNT = itertools.count()
WRONG = {
    "returns finite numbers": lambda x: math.nan,
    "repeats itself": lambda x: float(next(COUNT)),
    "leaves its input and the random state alone": changes_its_input,
    "does not mind the order": lambda x: float(torch.as_tensor(np.asarray(x, dtype=float))[0, 0]),
    "takes numbers of any kind": lambda x: float(x.mean()),
    "takes labels of any kind": lambda x, labels: float(torch.as_tensor(labels).double().mean()),
    "refuses what is no number": lambda x: 1.0,
    "refuses bad shapes": lambda x: 1.0,
    "answers for special samples": lambda x: float(torch.as_tensor(np.asarray(x, dtype=float)).std().log()),
    "gives constants no information": lambda x, labels: 1.0,
}


@pytest.mark.parametrize("fault", WRONG)
def test_the_battery_sees_what_is_wrong(fault):
    results = check(WRONG[fault], strict=False)
    assert fault in {result.check for result in results if result.fault}
    with pytest.raises(AssertionError, match=fault):
        check(WRONG[fault])


def test_an_estimator_of_ones_own_that_uses_the_projects_inputs_passes():
    def ratio(activity, labels):
        return clustering.class_distances(activity, labels).ratio

    assert all(not result.fault for result in check(ratio))
    with pytest.raises(ValueError, match="second"):
        check(ratio, second="targets")
