import numpy as np
import pytest

from noisewise.auditing.evidence import Evidence
from noisewise.errors import BadInput

LABELS = np.array([0, 1, 1])


def test_probabilities_are_scaled_to_sum_to_one() -> None:
    evidence = Evidence(LABELS, 2, probabilities=np.array([[2, 2], [0, 3], [1, 3]]))
    assert evidence.probabilities is not None
    assert evidence.probabilities.tolist() == [[0.5, 0.5], [0, 1], [0.25, 0.75]]


def test_knows_its_parts() -> None:
    assert Evidence(LABELS, 2).parts == ()
    assert Evidence(LABELS, 2, features=np.ones((3, 4)), ledger={}).parts == ("features", "ledger")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 1}, "classes=1"),
        ({"labels": np.array([0, 2, 1])}, r"0..1, but 2"),
        ({"labels": np.array([0.0, 1.0, 1.0])}, "integers"),
        ({"labels": np.empty(0, dtype=int)}, "at least one row"),
        ({"probabilities": np.ones((2, 2))}, r"shape \(2, 2\), but must be \(3, 2\)"),
        ({"probabilities": np.array([[1, 1], [np.nan, 1], [1, 1]])}, "row 1 has nan"),
        ({"probabilities": np.array([[1, 1], [1, 1], [-1, 2]])}, "row 2 has -1"),
        ({"probabilities": np.array([[1, 1], [0, 0], [1, 2]])}, "row 1 sums to 0"),
        ({"probabilities": np.array([["a", "b"]] * 3)}, "must be numbers"),
        ({"features": np.ones(3)}, r"\(3, d\)"),
        ({"features": np.full((3, 1), np.inf)}, "row 0 has inf"),
        ({"ledger": {"loss_mean": np.ones(2)}}, "'loss_mean'"),
        ({"ledger": {"margin_mean": np.array([1, np.nan, 2])}}, "'margin_mean' must be finite"),
        ({"ledger": {"probability_mean": np.ones((3, 5))}}, "'probability_mean'"),
    ],
)
def test_bad_input_is_one_sentence(arguments: dict, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Evidence(**{"labels": LABELS, "classes": 2, **arguments})


def test_a_missing_statistic_is_named() -> None:
    with pytest.raises(BadInput, match="no 'loss_last'; it has loss_mean"):
        Evidence(LABELS, 2, ledger={"loss_mean": np.ones(3)}).statistic("loss_last")


def test_other_features_leave_probabilities_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    evidence = Evidence(np.zeros(500, int), 7, probabilities=rng.random((500, 7)))
    other = evidence.with_features(np.ones((500, 2)))
    assert evidence.features is None
    assert other.features is not None
    assert np.array_equal(other.probabilities, evidence.probabilities)
    assert other.with_features(None).parts == ("probabilities",)
    with pytest.raises(BadInput, match="features have shape"):
        evidence.with_features(np.ones((499, 2)))


def test_evidence_says_what_it_has() -> None:
    assert repr(Evidence(LABELS, 2, features=np.ones((3, 4)))) == "Evidence(3 rows, 2 classes; features)"
    assert repr(Evidence(LABELS, 2)) == "Evidence(3 rows, 2 classes; labels only)"
