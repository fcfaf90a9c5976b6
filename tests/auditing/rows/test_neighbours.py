"""Neighbours: exact against scikit-learn, in tiles, from memory-mapped features, and by an approximate index."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from noisewise.auditing.rows import neighbours
from noisewise.auditing.rows.neighbours import find_neighbours, nearest_neighbours, neighbour_shares
from noisewise.errors import BadInput


def reference(features, k, metric):
    if metric == "cosine":
        features = features / np.linalg.norm(features, axis=1, keepdims=True)
    search = NearestNeighbors(n_neighbors=k, algorithm="brute", metric="euclidean").fit(features)
    return search.kneighbors()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@settings(max_examples=20, deadline=None)
@given(n=st.integers(2, 90), width=st.integers(1, 7), k=st.integers(1, 12), seed=st.integers(0, 99))
def test_exact_neighbours_are_those_of_scikit_learn(metric, n, width, k, seed):
    features = np.random.default_rng(seed).normal(size=(n, width)) + 3
    found = find_neighbours(features, k, metric=metric)
    distances, _ = reference(features, min(k, n - 1), metric)
    # |x|^2 - 2 xy + |y|^2 in 32 bits is exact to about eps |x|^2, whose root is what a small distance may be off.
    assert found.distances == pytest.approx(distances, abs=2e-3)
    assert (found.positions != np.arange(n)[:, None]).all()


def test_tiles_give_the_same_as_one_block(monkeypatch):
    features = np.random.default_rng(0).normal(size=(700, 5))
    whole = find_neighbours(features, 8)
    monkeypatch.setattr(neighbours, "BLOCK_NUMBERS", 900)
    monkeypatch.setattr(neighbours, "COLUMNS", 64)
    tiled = find_neighbours(features, 8)
    assert np.array_equal(tiled.positions, whole.positions)
    assert np.array_equal(tiled.distances, whole.distances)


def test_distances_between_almost_equal_rows_far_from_the_origin_are_exact():
    features = np.random.default_rng(0).normal(size=(30, 4)) + 1000
    features[7] = features[3] + np.array([0.01, 0, 0, 0])
    found = find_neighbours(features, 2, metric="euclidean")
    assert found.positions[7, 0] == 3
    assert found.distances[7, 0] == pytest.approx(0.01, rel=0.02)


def test_memory_mapped_features_give_the_same(tmp_path):
    features = np.random.default_rng(1).normal(size=(200, 6)).astype(np.float16)
    np.save(tmp_path / "f.npy", features)
    mapped = np.load(tmp_path / "f.npy", mmap_mode="r")
    assert np.array_equal(find_neighbours(mapped, 5).positions, find_neighbours(features.astype(float), 5).positions)


def test_shares_by_hand():
    features = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.0, 1.0]])
    shares = neighbour_shares(features, np.array([0, 0, 1, 1]), 2, k=2)
    assert shares.tolist() == [[0.5, 0.5], [0.5, 0.5], [1, 0], [0.5, 0.5]]


def test_one_row_has_no_neighbours():
    assert nearest_neighbours(np.ones((1, 3))).shape == (1, 0)


def test_the_approximate_index_finds_neighbours_in_clusters():
    pytest.importorskip("faiss", reason="the extra ann is not installed")
    draw = np.random.default_rng(0)
    features = draw.normal(size=(40, 16))[draw.integers(0, 40, 6000)] + 0.3 * draw.normal(size=(6000, 16))
    exact, near = find_neighbours(features, 10, index="exact"), find_neighbours(features, 10, index="approximate")
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(exact.positions, near.positions, strict=True)])
    assert recall > 0.95
    assert (near.positions != np.arange(6000)[:, None]).all()
    again = find_neighbours(features, 10, index="approximate")
    assert np.array_equal(again.positions, near.positions)


def test_an_approximate_index_of_few_rows_names_no_row_its_own_neighbour():
    pytest.importorskip("faiss", reason="the extra ann is not installed")
    features = np.repeat(np.random.default_rng(0).normal(size=(4, 3)), 3, axis=0)
    found = find_neighbours(features, 11, index="approximate")
    assert (found.positions != np.arange(12)[:, None]).all()
    assert [sorted(row) for row in found.positions] == [[j for j in range(12) if j != i] for i in range(12)]


def test_beyond_the_limit_the_index_is_approximate(monkeypatch):
    monkeypatch.setattr(neighbours, "LIMIT", 10)
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(BadInput, match=r"noisewise\[ann\]"):
        nearest_neighbours(np.random.default_rng(0).normal(size=(11, 2)))
    assert nearest_neighbours(np.random.default_rng(0).normal(size=(10, 2)), 3).shape == (10, 3)


@pytest.mark.parametrize(
    ("features", "options", "words"),
    [
        (np.ones(4), {}, "features"),
        (np.ones((1, 4)), {}, "at least 2"),
        (np.ones((5, 4)), {"k": 0}, "k=0"),
        (np.ones((5, 4)), {"metric": "manhattan"}, "metric='manhattan'"),
        (np.ones((5, 4)), {"index": "fast"}, "index='fast'"),
    ],
)
def test_bad_input_is_one_sentence(features, options, words):
    with pytest.raises(BadInput, match=words):
        find_neighbours(features, **options)
