"""The judgement of arrays alone: the audit's numbers, without evidence."""

import numpy as np
import pytest

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judge import judge
from noisewise.judgement.judged import judged

ROWS, CLASSES = 3000, 5


def a_task(rate):
    """Given labels, of which a share is wrong, and predictions that know the truth fairly well."""
    rng = np.random.default_rng(1)
    truth = rng.integers(CLASSES, size=ROWS)
    wrong = rng.random(ROWS) < rate
    given = np.where(wrong, (truth + rng.integers(1, CLASSES, size=ROWS)) % CLASSES, truth)
    logits = 3 * np.eye(CLASSES)[truth] + rng.normal(size=(ROWS, CLASSES))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return truth, given, probabilities


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5])
def test_rate_interval_and_rows_are_those_of_an_audit_with_the_same_predictions(rate):
    _, given, probabilities = a_task(rate)
    found = judged(given, probabilities)
    audit = judge(Evidence(given, CLASSES, probabilities=probabilities))
    assert (found.rate, *found.interval) == pytest.approx((audit.noise_rate, *audit.interval), rel=1e-12)
    np.testing.assert_allclose(found.right, 1 - audit.suspicion, rtol=1e-9)
    np.testing.assert_array_equal(found.suggestion[audit.is_issue], audit.suggested[audit.is_issue])


def test_rows_with_wrong_labels_are_less_probably_right_and_get_their_class():
    truth, given, probabilities = a_task(0.2)
    found = judged(given, probabilities)
    wrong = given != truth
    assert found.right[wrong].mean() < 0.2 < 0.9 < found.right[~wrong].mean()
    assert found.right.mean() == pytest.approx(1 - found.rate, abs=1e-6)
    assert (found.suggestion[wrong] == truth[wrong]).mean() > 0.9
    assert (found.suggestion != given).all()
    assert repr(found).startswith("Judged(3,000 rows, noise rate ")
