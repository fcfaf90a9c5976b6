"""SimiFeat by hand, KNN-Shapley against the definition of the Shapley value, INCV's selection."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisewise.auditing.detectors.catalogue import DETECTORS
from noisewise.auditing.detectors.neighbours import knn_shapley, simifeat
from noisewise.auditing.detectors.predictions import incv
from noisewise.auditing.evidence import Evidence


def by_definition(matches, k):
    """Shapley values of players 0..N-1, in order of distance, of the utility (1 / k) sum of the k nearest matches."""
    players = range(len(matches))

    def utility(subset):
        return sum(matches[i] for i in sorted(subset)[:k]) / k

    values = []
    for i in players:
        others = [j for j in players if j != i]
        values.append(
            sum(
                (utility((*s, i)) - utility(s)) / comb(len(others), size) / len(matches)
                for size in range(len(matches))
                for s in combinations(others, size)
            )
        )
    return values


@given(st.lists(st.booleans(), min_size=1, max_size=7), st.integers(1, 9))
def test_the_recursion_is_the_shapley_value(matches, k):
    found = knn_shapley.shapley_values(np.array([matches]), k)[0]
    assert found == pytest.approx(by_definition(matches, k))


def test_shapley_values_share_out_the_utility():
    matches = np.random.default_rng(0).random((5, 40)) < 0.5
    found = knn_shapley.shapley_values(matches, 10)
    assert found.sum(axis=1) == pytest.approx(matches[:, :10].mean(axis=1))


def blobs(n=120, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n)
    features = (5 * np.eye(4)[truth] + rng.normal(size=(n, 4))).astype(np.float32)
    labels = np.where(rng.random(n) < 0.15, (truth + 1) % 3, truth)
    return features, labels, truth


def test_values_are_means_over_the_other_rows():
    features, labels, _ = blobs(9)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = np.zeros(9)
    for test in range(9):
        order = [j for j in np.argsort(-(unit[test] @ unit.T)) if j != test]
        expected[order] += knn_shapley.shapley_values(np.array([labels[order] == labels[test]]), 3)[0] / 8
    assert knn_shapley.values(features, labels, 3) == pytest.approx(expected)


def test_blocks_and_fewer_tests(monkeypatch):
    features, labels, truth = blobs(400)
    whole = knn_shapley.values(features, labels)
    monkeypatch.setattr(knn_shapley, "BLOCK_NUMBERS", 1000)
    assert knn_shapley.values(features, labels) == pytest.approx(whole)
    sampled = knn_shapley.values(features, labels, most=100)
    wrong = labels != truth
    assert sampled[wrong].mean() < sampled[~wrong].mean()
    assert sampled.mean() == pytest.approx(whole.mean(), rel=0.3)


def test_agreement_and_votes_by_hand():
    shares = np.array([[0.6, 0.4, 0.0], [0.6, 0.4, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])
    labels = np.array([0, 1, 1, 2])
    assert simifeat.agreement(shares, labels) == pytest.approx([0.6 / 0.52**0.5, 0.4 / 0.52**0.5, 0.5**0.5, 0])
    assert simifeat.voted(shares, labels).tolist() == [False, True, False, False]


def test_ranking_names_the_least_alike_of_each_class():
    alike = np.array([0.9, 0.1, 0.5, 0.2, 0.2, 0.8])
    labels = np.array([0, 0, 0, 1, 1, 1])
    named = simifeat.ranked(alike, labels, np.array([1 / 3, 1 / 3, 0.5]))
    assert named.tolist() == [False, True, False, True, True, False]
    assert not simifeat.ranked(np.full(6, 0.5), labels, np.full(3, 1 / 3)).any()
    assert not simifeat.ranked(alike, labels, np.zeros(3)).any()


def test_wrong_shares_are_those_of_the_noise():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=1500)
    features = 10 * np.eye(3)[truth] + rng.normal(size=(1500, 3))
    labels = np.where((truth == 0) & (rng.random(1500) < 0.3), 1, truth)
    expected = [np.mean(truth[labels == j] != j) for j in range(3)]
    assert simifeat.wrong_shares(features, labels, 3) == pytest.approx(expected, abs=0.04)
    assert simifeat.wrong_shares(features, labels, 4)[3] == 0


def test_simifeat_names_the_wrong_rows_of_well_separated_classes():
    features, labels, truth = blobs(600)
    wrong = labels != truth
    for name in ("simifeat", "simifeat-v"):
        named = DETECTORS[name](Evidence(labels, 3, features=features)) > 1
        assert (named & wrong).sum() / wrong.sum() > 0.9
        assert (named & wrong).sum() / named.sum() > 0.8


def test_incv_by_hand():
    table = np.array([[0.6, 0.4], [0.3, 0.7], [0.5, 0.5]])
    labels = np.array([0, 0, 1])
    assert incv.agrees(table, labels).tolist() == [True, False, True]
    assert DETECTORS["incv"](Evidence(labels, 2, probabilities=table)) == pytest.approx([0.4, 1.7, 0.5])


def test_incv_selects_as_the_theory_of_memorisation_says():
    """Noise e that predictions repeat: label precision (1 - e)^2 / ((1 - e)^2 + e^2 / (K - 1)), recall 1 - e."""
    rng = np.random.default_rng(0)
    k, e, n = 5, 0.4, 40_000
    truth = rng.integers(k, size=n)
    given_labels, predicted = (np.where(rng.random(n) < e, (truth + rng.integers(1, k, n)) % k, truth) for _ in "ab")
    kept, right = incv.agrees(np.eye(k)[predicted], given_labels), given_labels == truth
    share = (1 - e) ** 2
    assert (kept & right).sum() / kept.sum() == pytest.approx(share / (share + e**2 / (k - 1)), abs=0.01)
    assert (kept & right).sum() / right.sum() == pytest.approx(1 - e, abs=0.01)
