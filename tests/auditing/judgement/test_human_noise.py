"""Human noise, made by hand: labels go wrong where rows are hard, between classes that look alike."""

import numpy as np
import pytest
from scipy.special import expit, logit, softmax

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.human_noise import Marks, _effective, _ranks, marks
from noisewise.auditing.judgement.judge import judge

CLASSES, ROWS = 8, 16_000
STEPS = np.abs(np.arange(CLASSES)[:, None] - np.arange(CLASSES))
STEPS = np.minimum(STEPS, CLASSES - STEPS)
NEAR = np.where(STEPS > 0, 1.0 / np.maximum(STEPS, 1) ** 2, 0.0)
NEAR /= NEAR.sum(axis=1, keepdims=True)


def world(kind, rate=0.15, growth=2.0, seed=0):
    """Truth, given labels and a good model's calibrated posterior of the given labels.

    Hard rows are those of a large `difficulty`; the model errs on the hardest, people the more the harder a row is.
    """
    rng = np.random.default_rng(seed)
    truth, difficulty = rng.integers(0, CLASSES, ROWS), rng.random(ROWS)
    if kind == "human":
        wrong = expit(logit(rate) + growth * (difficulty - 0.5))
        confusion = NEAR
    else:
        wrong = np.full(ROWS, rate)
        confusion = (1 - np.eye(CLASSES)) / (CLASSES - 1)
    doubt = expit(12 * (difficulty - 0.95))
    clean = np.zeros((ROWS, CLASSES))
    first = np.where(rng.random(ROWS) < 1 - doubt / 2, truth, (truth + rng.choice([-1, 1], ROWS)) % CLASSES)
    clean[np.arange(ROWS), first] = 1 - doubt / 2
    clean += doubt[:, None] / 2 * NEAR[first]
    matrix = lambda w: (1 - w) * np.eye(CLASSES) + w * confusion  # noqa: E731
    posterior = clean * (1 - wrong)[:, None] + wrong[:, None] * (clean @ confusion)
    chance = np.stack([matrix(w)[t] for w, t in zip(wrong, truth, strict=True)])
    given = (chance.cumsum(axis=1) > rng.random(ROWS)[:, None]).argmax(axis=1)
    return truth, given, posterior


def top(posterior):
    return posterior.argmax(axis=1), posterior.max(axis=1)


@pytest.mark.parametrize("rate", [0.08, 0.2])
def test_noise_that_grows_with_difficulty_is_counted(rate):
    truth, given, posterior = world("human", rate)
    true = (given != truth).mean()
    seen = marks(*top(posterior), given, CLASSES)
    assert seen.human > 0.5
    found = judge(Evidence(given, CLASSES, probabilities=posterior))
    assert found.noise_rate == pytest.approx(true, abs=0.03)
    assert found.interval[0] <= true <= found.interval[1]
    assert "where people label" in found.explanation


@pytest.mark.parametrize("rate", [0.08, 0.2, 0.4])
def test_noise_that_is_the_same_everywhere_is_not_human(rate):
    truth, given, posterior = world("symmetric", rate)
    assert marks(*top(posterior), given, CLASSES).human == 0
    found = judge(Evidence(given, CLASSES, probabilities=posterior))
    assert found.noise_rate == pytest.approx((given != truth).mean(), abs=0.02)


def test_clean_labels_of_a_good_model_are_not_human_noise():
    truth, _, posterior = world("symmetric", 0.0)
    assert marks(*top(posterior), truth, CLASSES).human == 0


def test_a_weak_model_is_not_taken_for_people():
    """Mistakes that grow as fast as a logistic curve from the surest row on leave no excess."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, CLASSES, ROWS)
    scores = rng.normal(size=(ROWS, CLASSES)) + 1.5 * np.eye(CLASSES)[truth]
    posterior = softmax(1.5 * scores, axis=1)
    assert (posterior.argmax(axis=1) != truth).mean() > 0.2
    assert marks(*top(posterior), truth, CLASSES).human < 0.2


def test_few_rows_have_no_marks():
    posterior = softmax(np.random.default_rng(0).normal(size=(40, 3)), axis=1)
    assert marks(*top(posterior), np.zeros(40, dtype=int), 3).human == 0


def test_ranks_count_within_the_predicted_class():
    ranks = _ranks(np.array([0, 1, 0, 0, 1]), np.array([0.5, 0.6, 0.9, 0.7, 0.8]))
    assert ranks == pytest.approx([5 / 6, 3 / 4, 1 / 6, 1 / 2, 1 / 4])


def test_effective_number_of_wrong_classes():
    assert _effective(np.array([[0, 7, 0, 0]] * 4)) == 1
    assert _effective(np.array([[0, 4000, 4000, 0]])) == pytest.approx(2, rel=1e-3)
    assert _effective(np.zeros((4, 4))) == 3


def test_the_share_completes_the_rate():
    seen = Marks(slope=1.5, excess=1.0, spread=4, even=0.5, mutual=0.9, disagreement=0.12)
    assert seen.human == 1
    assert seen.share == pytest.approx(0.85)
    assert seen.completed(0.04) == pytest.approx(0.04 + 0.85 * 0.08)
    assert min(seen.spanned([0.04])) == pytest.approx(0.04 + 0.6 * 0.08)
    assert max(seen.spanned([0.04])) == pytest.approx(0.04 + 1.05 * 0.08)
    assert seen.completed(0.2) == 0.2
