import networkx as nx
import numpy as np
import pytest
from factories import plan
from networkx.algorithms.isomorphism import GraphMatcher

from infoflow.data import szt12

X = szt12.patterns()
Y = szt12.labels(X)


@pytest.fixture(scope="module")
def icosahedron():
    return nx.Graph(szt12.EDGES)


@pytest.fixture(scope="module")
def symmetries(icosahedron):
    return [[m[i] for i in range(12)] for m in GraphMatcher(icosahedron, icosahedron).isomorphisms_iter()]


def codes(x):
    return x @ (1 << np.arange(11, -1, -1))


def test_every_pattern_appears_once():
    assert X.shape == (4096, 12)
    assert len(np.unique(codes(X))) == 4096


def test_counts_and_entropy():
    assert Y.sum() == 2118
    p = Y.mean()
    assert -(p * np.log2(p) + (1 - p) * np.log2(1 - p)) == pytest.approx(0.99916, abs=5e-6)
    assert np.bincount(X.sum(1), weights=Y).tolist() == [0, 0, 0, 0, 0, 60, 532, 732, 495, 220, 66, 12, 1]


def test_invariants_take_64_values_and_decide_the_label():
    triples, group = np.unique(szt12.invariants(X), axis=0, return_inverse=True)
    assert len(triples) == 64
    assert all(len(set(Y[group == k])) == 1 for k in range(64))


def test_graph_is_the_icosahedron(icosahedron):
    assert set(dict(icosahedron.degree).values()) == {5}
    assert nx.is_isomorphic(icosahedron, nx.icosahedral_graph())
    distances = dict(nx.all_pairs_shortest_path_length(icosahedron))
    pairs = {(i, j) for i in range(12) for j in range(i) if distances[i][j] == 3}
    assert {tuple(sorted(p)) for p in pairs} == set(szt12.ANTIPODES)


def test_label_is_invariant_under_all_symmetries(symmetries):
    assert len(symmetries) == 120
    orbit = np.full(4096, 4096)
    for order in symmetries:
        assert np.array_equal(szt12.labels(X[:, order]), Y)
        orbit = np.minimum(orbit, codes(X[:, order]))
    assert len(np.unique(orbit)) == 82


def test_sensitivity_to_flips():
    for bit in range(12):
        flipped = X.copy()
        flipped[:, bit] ^= 1
        assert (szt12.labels(flipped) != Y).mean() == pytest.approx(0.21582, abs=5e-6)
    assert (szt12.labels(1 - X) == Y).mean() == pytest.approx(0.28418, abs=5e-6)


def test_stored_split_is_the_published_size_and_reproducible():
    job = plan().dataset_settings("szt12")
    arrays, attributes = szt12.make(job)
    again, _ = szt12.make(job)
    other, _ = szt12.make(job.model_copy(update={"seed": job.seed + 1}))
    assert np.bincount(arrays["split"]).tolist() == [3277, 819]
    assert np.array_equal(arrays["split"], again["split"])
    assert not np.array_equal(arrays["split"], other["split"])
    assert np.array_equal(arrays["y"], Y)
    assert np.array_equal(arrays["x"], X)
    assert attributes["stand_in"] is False
