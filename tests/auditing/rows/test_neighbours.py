"""Neighbours: exact against scikit-learn, in tiles, from memory-mapped features, and in cells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from noisewise.auditing.rows import cells, neighbours
from noisewise.auditing.rows.cells import in_cells, largest
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


def test_cells_hold_nearly_all_neighbours_in_clusters():
    draw = np.random.default_rng(0)
    features = draw.normal(size=(40, 16))[draw.integers(0, 40, 24_000)] + 0.3 * draw.normal(size=(24_000, 16))
    near = find_neighbours(features, 10, index="cells")
    assert (near.positions != np.arange(24_000)[:, None]).all()
    assert (np.diff(near.distances) >= 0).all()
    rows = draw.choice(24_000, 300, replace=False)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    alike = unit[rows] @ unit.T
    alike[np.arange(300), rows] = -1
    exact = np.argsort(-alike, axis=1)[:, :10]
    assert np.mean([np.isin(a, b).mean() for a, b in zip(exact, near.positions[rows], strict=True)]) > 0.97
    again = find_neighbours(features, 10, index="cells")
    assert np.array_equal(again.positions, near.positions)


@pytest.mark.parametrize("n", [2, 12, 450])
def test_cells_of_equal_and_of_few_rows_name_no_row_its_own_neighbour(n):
    features = np.repeat(np.random.default_rng(0).normal(size=(n // 2, 3)), 2, axis=0)
    found = find_neighbours(features, 11, index="cells")
    assert (found.positions != np.arange(n)[:, None]).all()
    assert all(len(set(row)) == min(11, n - 1) for row in found.positions.tolist())
    assert (found.positions[:, 0] == np.arange(n) ^ 1).all()


def test_a_cell_of_many_equal_rows_is_cut(monkeypatch):
    monkeypatch.setattr(cells, "ROWS_A_CELL", 5)
    found = find_neighbours(np.ones((1000, 3)), 10, index="cells")
    assert (found.positions != np.arange(1000)[:, None]).all()
    assert not found.distances.any()


def test_beyond_the_limit_neighbours_are_sought_in_cells(monkeypatch):
    asked = []
    monkeypatch.setattr(neighbours, "LIMIT", 10)
    monkeypatch.setattr(neighbours, "in_cells", lambda rows, k: asked.append(k) or in_cells(rows, k))
    rows = np.random.default_rng(0).normal(size=(11, 2))
    assert nearest_neighbours(rows[:10], 3).shape == (10, 3)
    assert not asked
    assert nearest_neighbours(rows, 3).shape == (11, 3)
    assert asked == [3]


@pytest.mark.parametrize("width", [1, 31, 64, 1000])
def test_the_largest_are_those_of_a_sort(width):
    values = np.random.default_rng(0).normal(size=(50, width))
    k = min(7, width)
    found = np.take_along_axis(values, largest(values, k), axis=1)
    assert np.array_equal(np.sort(found, axis=1), np.sort(values, axis=1)[:, -k:])


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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_huge_numbers_have_the_neighbours_of_small_ones(metric):
    features = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    usual, huge = (find_neighbours(x, 4, metric=metric) for x in (features, features * np.float32(1e37)))
    np.testing.assert_array_equal(huge.positions, usual.positions)
    factor = 1.0 if metric == "cosine" else 1e37
    np.testing.assert_allclose(huge.distances, usual.distances * factor, rtol=1e-4)
