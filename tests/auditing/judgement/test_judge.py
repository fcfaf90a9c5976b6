import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from noisewise.auditing.detectors.detection import scores_of
from noisewise.auditing.detectors.detector import Detector
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judge import judge
from noisewise.auditing.metrics import score_against_truth
from noisewise.errors import BadInput
from noisewise.judgement.threshold import best_threshold

K = 5


def symmetric(r: float, k: int = K) -> np.ndarray:
    return (1 - r) * np.eye(k) + r / (k - 1) * (1 - np.eye(k))


def pair(r: float, k: int = K) -> np.ndarray:
    return (1 - r) * np.eye(k) + r * np.roll(np.eye(k), 1, axis=1)


def posteriors(matrix: np.ndarray, n: int = 6000, seed: int = 0, sharp: float = 7.0):
    """Perfect posteriors of noisy labels, (n, K), those labels, and the true ones, of rows of mixed difficulty."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, K)) + sharp * rng.random((n, 1)) ** 0.3 * np.eye(K)[rng.integers(K, size=n)]
    clean = softmax(2 * logits, axis=1)
    truth = (clean.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    labels = (matrix[truth].cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return clean @ matrix, labels, truth


NOISES = {"symmetric": symmetric(0.2), "strong": symmetric(0.4), "pair": pair(0.3), "little": symmetric(0.03)}


@pytest.mark.parametrize("name", NOISES)
def test_judges_known_noise(name: str) -> None:
    probabilities, labels, truth = posteriors(NOISES[name])
    found = judge(Evidence(labels, K, probabilities=probabilities))
    wrong = labels != truth
    assert found.noise_rate == pytest.approx(wrong.mean(), abs=0.02)
    assert found.interval[0] <= wrong.mean() <= found.interval[1]
    assert found.interval[0] <= found.noise_rate <= found.interval[1]
    assert found.transition == pytest.approx(NOISES[name], abs=0.1)
    measured = score_against_truth(found.suspicion, found.is_issue, found.suggested, labels, truth)
    # one slope for all kinds of noise is too flat where every wrong label is of one class
    assert measured["calibration_error"] < (0.17 if name == "pair" else 0.08)
    assert measured["f1"] > measured["f1_best"] - 0.07
    assert measured["suggestion_accuracy"] > 0.8


def test_clean_labels_stay_unsuspected() -> None:
    probabilities, labels, truth = posteriors(np.eye(K))
    assert (labels == truth).all()
    found = judge(Evidence(labels, K, probabilities=probabilities))
    assert found.is_issue.mean() < 0.01
    assert found.noise_rate < 0.01
    assert found.interval[0] < 0.002


def test_only_issues_get_another_label() -> None:
    probabilities, labels, _ = posteriors(symmetric(0.2), n=1500)
    found = judge(Evidence(labels, K, probabilities=probabilities))
    assert ((found.suggested != labels) == found.is_issue).all()
    assert (found.is_issue == (found.suspicion > found.threshold)).all()
    assert f"{100 * found.noise_rate:.1f} %" in found.explanation


def test_same_evidence_same_judgement() -> None:
    probabilities, labels, _ = posteriors(symmetric(0.2), n=800)
    evidence = Evidence(labels, K, probabilities=probabilities)
    first, second = judge(evidence), judge(evidence)
    assert first.interval == second.interval
    assert (first.suspicion == second.suspicion).all()


def test_features_alone() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(K, size=1500)
    labels = np.where(rng.random(1500) < 0.2, (truth + rng.integers(1, K, size=1500)) % K, truth)
    found = judge(Evidence(labels, K, features=rng.normal(size=(1500, 8)) + 5 * np.eye(8)[truth]))
    measured = score_against_truth(found.suspicion, found.is_issue, found.suggested, labels, truth)
    assert measured["auroc"] > 0.95
    assert found.noise_rate == pytest.approx(measured["true_noise_rate"], abs=0.04)


def test_a_ledger_alone() -> None:
    probabilities, labels, truth = posteriors(symmetric(0.2))
    found = judge(Evidence(labels, K, ledger={"probability_mean": probabilities}))
    assert score_against_truth(found.suspicion, found.is_issue, found.suggested, labels, truth)["auroc"] > 0.9


def test_judging_scores_no_detector(monkeypatch) -> None:
    def refuse(*_):
        raise AssertionError("scored")

    monkeypatch.setattr(Detector, "__call__", refuse)
    probabilities, labels, _ = posteriors(symmetric(0.2), n=300)
    evidence = Evidence(labels, K, probabilities=probabilities)
    judge(evidence)
    with pytest.raises(AssertionError, match="scored"):
        scores_of(evidence, None)


def test_both_are_pooled() -> None:
    probabilities, labels, _ = posteriors(symmetric(0.2), n=1000)
    alone = judge(Evidence(labels, K, probabilities=probabilities))
    flat = judge(Evidence(labels, K, probabilities=probabilities, ledger={"probability_mean": np.ones((1000, K))}))
    assert flat.transition == pytest.approx(alone.transition, abs=0.05)
    assert np.corrcoef(flat.suspicion, alone.suspicion)[0, 1] > 0.98


@pytest.mark.parametrize("ledger", [None, {}, {"loss_mean": np.ones(3)}])
def test_labels_alone_are_refused(ledger: dict | None) -> None:
    with pytest.raises(BadInput, match="needs probabilities, features or a ledger"):
        judge(Evidence(np.array([0, 1, 1]), 2, ledger=ledger))


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_handful_of_rows(n: int) -> None:
    labels = np.arange(n) % 2
    found = judge(Evidence(labels, 3, probabilities=np.eye(3)[labels]))
    assert np.isfinite(found.suspicion).all()
    assert not found.is_issue.all()


def test_a_weak_model_is_named() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=2000)
    vague = rng.random((2000, 10)) + 0.1 * np.eye(10)[labels]
    weak, strong = (judge(Evidence(labels, 10, probabilities=table)) for table in (vague, np.eye(10)[labels]))
    assert "hardly better than guessing" in weak.weak
    assert weak.weak in weak.explanation
    assert weak.relabel.mean() < 0.02
    assert strong.weak == ""


def test_threshold_by_hand() -> None:
    # naming k of (0.9, 0.6, 0.1): 1.8 / 2.6, 3.0 / 3.6, 3.2 / 4.6
    assert best_threshold(np.array([0.6, 0.1, 0.9])) == pytest.approx((0.6 + 0.25) / 2)
    assert best_threshold(np.array([0.2, 0.1, 0.2])) == 0.5
    assert best_threshold(np.array([0.6, 0.5, 0.4])) == pytest.approx((0.4 + 0.25) / 2)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=200, deadline=None)
def test_no_threshold_promises_more(values: list[float]) -> None:
    suspicion = np.array(values)

    def promised(threshold: float) -> float:
        named = suspicion > threshold
        return 2 * suspicion[named].sum() / max(named.sum() + suspicion.sum(), 1e-300)

    chosen = promised(best_threshold(suspicion))
    assert all(promised(t) <= chosen + 1e-9 for t in values if t >= 0.25)


def test_what_was_learned_by_heart_does_not_lower_the_rate() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(4, size=4000)
    given = np.where(rng.random(4000) < 0.2, (truth + rng.integers(1, 4, 4000)) % 4, truth)
    held_out = np.full((4000, 4), 0.08) + 0.68 * np.eye(4)[truth]
    by_heart = 0.5 * held_out + 0.5 * np.eye(4)[given]
    alone = judge(Evidence(given, 4, probabilities=held_out))
    both = judge(Evidence(given, 4, probabilities=held_out, ledger={"probability_mean": by_heart}))
    assert both.noise_rate == pytest.approx(alone.noise_rate)
    assert both.suspicion.mean() == pytest.approx(np.mean(given != truth), abs=0.02)


def test_no_more_labels_are_wrong_than_differ_from_the_prediction() -> None:
    """A model that knows nothing, and labels that are all the same but one."""
    first = np.random.default_rng(0).uniform(0.4, 0.99, 53)
    labels = np.zeros(53, dtype=int)
    labels[0] = 1
    found = judge(Evidence(labels, 2, probabilities=np.stack([first, 1 - first], axis=1)))
    assert found.noise_rate <= ((first < 0.5) != labels).mean()


def test_a_thousand_classes_with_a_long_tail() -> None:
    rng = np.random.default_rng(0)
    classes, n = 1000, 6000
    share = 1 / np.arange(1, classes + 1)
    truth = rng.choice(classes, n, p=share / share.sum())
    wrong = rng.random(n) < 0.15
    labels = np.where(wrong, rng.integers(classes, size=n), truth)
    clean = np.full((n, classes), 0.1 / classes)
    clean[np.arange(n), truth] += 0.9
    found = judge(Evidence(labels, classes, probabilities=clean))
    assert found.noise_rate == pytest.approx((labels != truth).mean(), abs=0.02)
    measured = score_against_truth(found.suspicion, found.is_issue, found.suggested, labels, truth)
    assert measured["f1"] > 0.95
