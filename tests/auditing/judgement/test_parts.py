"""The parts of the judgement: margins, signs, rate, suspicion, transition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judge import judge
from noisewise.auditing.judgement.reading import margins
from noisewise.judgement.calibration import best_power
from noisewise.judgement.constants import ANCHOR_WEIGHT, ERROR_ABOVE, ERROR_BELOW, OTHER_WEIGHT
from noisewise.judgement.margins import Margins
from noisewise.judgement.rate import interval
from noisewise.judgement.signs import Signs, measure, most_confident
from noisewise.judgement.suspicion import calibrating_power, log_odds, shift_to_mean
from noisewise.judgement.threshold import LOWEST
from noisewise.judgement.transition import judged_transition

TABLE = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])


def test_margins_by_hand():
    found = margins(Evidence(np.array([0, 1, 1]), 3, probabilities=TABLE))
    assert found.given == pytest.approx([0.7, 0.3, 0.8])
    assert found.other == pytest.approx([0.2, 0.5, 0.1])
    assert found.best_other[:2].tolist() == [1, 0]
    assert found.predicted(np.array([0, 1, 1])).tolist() == [0, 0, 1]
    assert found.confidence[0] == pytest.approx(0.7 / 0.2**OTHER_WEIGHT)


def test_of_equal_confidence_the_row_with_the_larger_rival_is_more_suspect():
    rows = Margins(*(np.array(part, np.float32) for part in ([0.2, 0.2, 0.3], [0.3, 0.8, 0.3])), np.zeros(3, np.int32))
    assert np.argsort(-log_odds(rows, 1.0)).tolist() == [1, 0, 2]


def test_the_suggestion_of_two_classes_is_right_where_the_label_is_wrong():
    table = np.array([[0.3, 0.7], [0.99, 0.01]])
    assert margins(Evidence(np.zeros(2, int), 2, probabilities=table)).suggestion_right == pytest.approx(1, abs=1e-4)


def test_in_training_predictions_count_in_the_ranking_but_not_in_the_rate():
    evidence = Evidence(np.array([0, 1, 1]), 3, probabilities=TABLE, ledger={"probability_mean": TABLE[::-1]})
    assert margins(evidence, seen=False).given == pytest.approx([0.7, 0.3, 0.8])
    assert margins(evidence).given != pytest.approx([0.7, 0.3, 0.8], abs=0.05)


def test_anchors_are_the_most_confident_of_each_predicted_class():
    predicted = np.repeat([0, 1], [100, 20])
    confidence = np.linspace(0, 1, 120)
    chosen = most_confident(predicted, confidence, 3)
    assert sorted(chosen[predicted[chosen] == 0]) == list(range(70, 100))
    assert sorted(chosen[predicted[chosen] == 1]) == list(range(110, 120))


def test_signs_of_labels_that_go_wrong_everywhere_alike():
    rng = np.random.default_rng(0)
    truth = rng.integers(4, size=8000)
    labels = np.where(rng.random(8000) < 0.2, (truth + rng.integers(1, 4, 8000)) % 4, truth)
    table = np.eye(4)[truth] * 0.7 + rng.dirichlet(np.ones(4), 8000) * 0.3
    found = measure(table, labels, margins(Evidence(labels, 4, probabilities=table)))
    wrong = (labels != truth).mean()
    assert (found.anchors, found.confident, found.disagreement) == pytest.approx((wrong,) * 3, abs=0.02)
    assert found.rate == pytest.approx(wrong, abs=0.02)
    assert found.guessing == pytest.approx(0.75, abs=0.02)


def test_rate_and_interval_by_hand():
    signs = Signs(anchors=0.1, confident=0.2, disagreement=0.3, guessing=0.6, rows=10_000)
    rate = ANCHOR_WEIGHT * 0.1 + (1 - ANCHOR_WEIGHT) * 0.2
    assert signs.rate == pytest.approx(rate)
    terms, sampling = np.array([0.3 - rate, rate * 0.5]), 1.645 * np.sqrt((rate + 1e-4) / 10_000)
    low, high = rate - np.hypot(terms @ ERROR_BELOW, sampling), rate + np.hypot(terms @ ERROR_ABOVE, sampling)
    assert interval(signs) == pytest.approx((max(low, 0), high))
    assert Signs(0.4, 0.4, 0.3, 0.6, 100).rate == 0.3
    assert Signs(0.0, 0.0, 0.0, 0.6, 99).rate == 0.005


@given(arrays(float, st.integers(1, 200), elements=st.floats(-9, 9)), st.floats(1e-4, 1 - 1e-4))
@settings(max_examples=100, deadline=None)
def test_the_shift_reaches_every_mean(odds, mean):
    assert expit(odds + shift_to_mean(odds, mean)).mean() == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_power_is_that_of_temperature_scaling(classes):
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.ones(classes), 20_000)
    sharp = table**2.5 / (table**2.5).sum(axis=1, keepdims=True)
    labels = (sharp.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    found = calibrating_power(margins(Evidence(labels, classes, probabilities=table)), classes)
    assert found == pytest.approx(best_power(table, labels), abs=0.02)
    assert found == pytest.approx(2.5, abs=0.1)


def test_no_and_all_wrong():
    odds = np.linspace(-3, 3, 50)
    assert expit(odds + shift_to_mean(odds, 0.0)).max() < 1e-30
    assert expit(odds + shift_to_mean(odds, 1.0)).min() == 1


def test_transition_by_hand():
    labels, best, suspicion, right = (
        np.array([0, 0, 1, 2]),
        np.array([1, 1, 0, 0]),
        np.array([0.5, 0, 0, 0]),
        np.ones(4),
    )
    found = judged_transition(labels, best, suspicion, right, 4)
    assert found == pytest.approx(np.array([[1, 0, 0, 0], [1 / 3, 2 / 3, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    half = judged_transition(labels, best, suspicion, right / 2, 3)
    # of the half row that is wrong, a quarter of a row is of class 1 and a quarter of the only other class
    assert half == pytest.approx(np.array([[1, 0, 0], [0.2, 0.8, 0], [0.2, 0, 0.8]]))


@given(st.integers(2, 6), st.integers(1, 80), st.integers(0, 10**6), st.floats(0.1, 8), st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_rate_suspicion_issues_and_transition_agree(classes, n, seed, sharp, noise):
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=n)
    labels = np.where(rng.random(n) < noise, rng.integers(classes, size=n), truth)
    scores = np.exp(sharp * (np.eye(classes)[truth] + rng.normal(size=(n, classes))))
    found = judge(Evidence(labels, classes, probabilities=scores))
    low, high = found.interval
    assert 0 <= low <= found.noise_rate <= high <= 1
    assert found.suspicion.mean() == pytest.approx(found.noise_rate, abs=1e-6)
    assert found.is_issue.sum() <= found.noise_rate * n / LOWEST + 1e-6
    assert (found.is_issue == (found.suspicion > found.threshold)).all()
    assert not (found.relabel & ~found.is_issue).any()
    assert found.transition.sum(axis=1) == pytest.approx(1)
    shares = np.bincount(labels, minlength=classes)
    if classes == 2 and shares.min() > 0:
        wrong = found.suspicion.sum()
        assert wrong == pytest.approx(found.noise_rate * n, abs=1e-6 * n)


@pytest.mark.parametrize("weak", [False, True])
def test_cleaned_labels_gain(weak):
    """Noise under a good and under a useless model: relabelling never loses."""
    rng = np.random.default_rng(1)
    truth = rng.integers(5, size=3000)
    labels = np.where(rng.random(3000) < 0.2, (truth + rng.integers(1, 5, 3000)) % 5, truth)
    scores = np.exp(rng.normal(size=(3000, 5)) + (0.1 if weak else 5) * np.eye(5)[truth])
    found = judge(Evidence(labels, 5, probabilities=scores))
    cleaned = np.where(found.relabel, found.suggested, labels)
    gained = (cleaned == truth).mean() - (labels == truth).mean()
    assert gained == 0 if weak else gained > 0.1
    if not weak:
        assert found.expected_gain.sum() == pytest.approx((cleaned != truth).sum(), rel=1.0)
