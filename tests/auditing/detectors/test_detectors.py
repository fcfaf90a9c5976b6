import numpy as np
import pytest

from noisewise.auditing.detectors.catalogue import DETECTORS
from noisewise.auditing.detectors.detector import Detector
from noisewise.auditing.detectors.predictions import confident_learning
from noisewise.auditing.evidence import LEDGER_VECTORS, Evidence
from noisewise.errors import BadInput
from noisewise.judgement.confident import confident_class, thresholds

PROBABILITIES = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.1, 0.8, 0.1]])
LABELS = np.array([0, 1, 2, 0])


def from_probabilities() -> Evidence:
    return Evidence(LABELS, 3, probabilities=PROBABILITIES)


def simulated(n: int = 600, k: int = 4, seed: int = 0) -> tuple[Evidence, np.ndarray]:
    """Evidence of all kinds on an easy problem with a fifth of the labels wrong, and which ones are."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(k, size=n)
    wrong = rng.random(n) < 0.2
    labels = np.where(wrong, (truth + rng.integers(1, k, size=n)) % k, truth)
    logits = rng.normal(size=(n, k)) + 4 * np.eye(k)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    at = probabilities[np.arange(n), labels]
    others = logits.copy()
    others[np.arange(n), labels] = -np.inf
    seen = np.full(n, 10)
    wrong_events = rng.binomial(10, 1 - at)
    ledger = {
        "seen": seen,
        "loss_mean": -np.log(at),
        "loss_last": -np.log(at),
        "margin_mean": logits[np.arange(n), labels] - others.max(axis=1),
        "wrong_events": wrong_events,
        "forgetting": rng.binomial(5, 1 - at),
        "agreement": 1 - wrong_events / seen,
        "probability_mean": probabilities,
        "error_early": np.linalg.norm(probabilities - np.eye(k)[labels], axis=1),
        "sieve_mean": np.log(probabilities).mean(axis=1) - np.log(at),
        "gradient_norm": rng.gamma(2, size=n) * (1.1 - at),
        "tracin": rng.gamma(2, size=n) * (1.1 - at) ** 2,
        "self_influence": rng.gamma(2, size=n) * (1.1 - at) ** 2,
    }
    return Evidence(labels, k, probabilities, rng.normal(size=(n, 8)) + 3 * np.eye(8)[truth], ledger), wrong


def rearranged(evidence: Evidence, rows: np.ndarray, names: np.ndarray) -> Evidence:
    """The evidence for the rows in another order, with class k called names[k]."""
    back = np.argsort(names)
    assert evidence.probabilities is not None
    assert evidence.features is not None
    assert evidence.ledger is not None
    ledger = {key: value[rows] for key, value in evidence.ledger.items()}
    ledger["probability_mean"] = ledger["probability_mean"][:, back]
    return Evidence(
        names[evidence.labels][rows],
        evidence.classes,
        evidence.probabilities[rows][:, back],
        evidence.features[rows],
        ledger,
    )


def test_self_confidence_by_hand() -> None:
    assert DETECTORS["self-confidence"](from_probabilities()) == pytest.approx([0.1, 0.3, 0.6, 0.9])


def test_normalised_margin_by_hand() -> None:
    assert DETECTORS["normalised-margin"](from_probabilities()) == pytest.approx([0.1, 0.25, 0.45, 0.85])


def test_confident_learning_by_hand() -> None:
    # thresholds: class 0 (0.9 + 0.1) / 2 = 0.5, class 1 0.7, class 2 0.4; the last row is confidently of class 1
    assert thresholds(PROBABILITIES[np.arange(len(LABELS)), LABELS], LABELS, 3) == pytest.approx([0.5, 0.7, 0.4])
    assert confident_class(PROBABILITIES, LABELS).tolist() == [0, 1, 2, 1]
    joint = confident_learning.confident_joint(PROBABILITIES, LABELS)
    assert joint.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert confident_learning.noise_rate(PROBABILITIES, LABELS) == pytest.approx(0.25)
    assert confident_learning.transition(PROBABILITIES, LABELS)[1] == pytest.approx([0.5, 0.5, 0])
    assert DETECTORS["confident-learning"](from_probabilities()) == pytest.approx([0.1, 0.25, 0.45, 1.85])


def test_ledger_detectors_by_hand() -> None:
    ledger = {
        "seen": np.array([4, 4, 4]),
        "margin_mean": np.array([2.5, -1.0, 0.0]),
        "wrong_events": np.array([1, 4, 2]),
        "forgetting": np.array([1, 0, 2]),
        "loss_mean": np.array([0.1, 4.0, 0.2]),
    }
    evidence = Evidence(np.array([0, 1, 1]), 2, ledger=ledger)
    assert DETECTORS["aum"](evidence).tolist() == [-2.5, 1.0, 0.0]
    assert DETECTORS["wrong-events"](evidence).tolist() == [0.25, 1.0, 0.5]
    assert DETECTORS["forgetting"](evidence).tolist() == [1, 4, 2]
    assert DETECTORS["loss-mixture"](evidence) == pytest.approx([0, 1, 0], abs=1e-6)


def test_loss_mixture_of_equal_losses_suspects_nobody() -> None:
    evidence = Evidence(np.array([0, 1, 1]), 2, ledger={"loss_mean": np.ones(3)})
    assert DETECTORS["loss-mixture"](evidence).tolist() == [0, 0, 0]


def test_knn_by_hand() -> None:
    # two bundles of directions; the last row of the first bundle carries the other bundle's label
    features = np.array([[1, 0], [1, 0.1], [2, 0.1], [1, 0.2], [0, 1], [0.1, 1], [0.1, 3]])
    evidence = Evidence(np.array([0, 0, 0, 1, 1, 1, 1]), 2, features=features)
    assert DETECTORS["knn"](evidence) == pytest.approx([4 / 6] * 3 + [3 / 6] * 4)


def test_confident_joint_without_a_class() -> None:
    labels = np.array([0, 1, 1, 0])
    joint = confident_learning.joint(PROBABILITIES, labels)
    assert joint.sum() == pytest.approx(1)
    assert joint[2] == pytest.approx([0, 0, 0])
    assert confident_learning.transition(PROBABILITIES, labels)[2] == pytest.approx([0, 0, 1])


@pytest.mark.parametrize("seed", range(5))
def test_confident_joint_is_cleanlabs(seed: int) -> None:
    count = pytest.importorskip("cleanlab.count", reason="cleanlab is not installed")
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 7))
    labels = np.append(np.arange(k), rng.integers(k, size=300))
    table = rng.dirichlet(np.ones(k), len(labels)) + 1.5 * rng.random((len(labels), 1)) * np.eye(k)[labels]
    table /= table.sum(axis=1, keepdims=True)
    theirs = count.compute_confident_joint(labels, table, calibrate=False)
    assert (confident_learning.confident_joint(table, labels) == theirs).all()
    estimated = count.estimate_joint(labels, table, confident_joint=theirs)
    assert confident_learning.joint(table, labels) == pytest.approx(estimated, abs=1 / len(labels))


@pytest.mark.parametrize("name", DETECTORS)
class TestEveryDetector:
    def test_its_card_names_it(self, name: str) -> None:
        detector = DETECTORS[name]
        assert isinstance(detector, Detector)
        assert detector.card.name == name
        assert detector.card.does.endswith(".")

    def test_finds_easy_errors(self, name: str) -> None:
        evidence, wrong = simulated()
        scores = DETECTORS[name](evidence)
        assert scores.shape == wrong.shape
        higher = scores[wrong][:, None] > scores[~wrong]
        ties = scores[wrong][:, None] == scores[~wrong]
        assert (higher + ties / 2).mean() > 0.85

    def test_follows_the_rows_and_ignores_class_names(self, name: str) -> None:
        evidence, _ = simulated()
        rng = np.random.default_rng(1)
        rows, names = rng.permutation(len(evidence)), rng.permutation(evidence.classes)
        moved = DETECTORS[name](rearranged(evidence, rows, names))
        assert moved == pytest.approx(DETECTORS[name](evidence)[rows], abs=1e-6)

    def test_is_finite_at_extremes(self, name: str) -> None:
        labels = np.array([0, 0, 1, 1])
        sure = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
        far = np.array([0.0, 1e6, 0.0, 1e6])
        ledger = dict.fromkeys(LEDGER_VECTORS, far) | {"probability_mean": sure}
        assert np.isfinite(DETECTORS[name](Evidence(labels, 2, sure, np.zeros((4, 2)), ledger))).all()
        even = np.full((4, 2), 0.5)
        assert np.isfinite(DETECTORS[name](Evidence(labels, 2, even, np.ones((4, 2)), ledger))).all()

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_serves_the_fewest_rows(self, name: str, n: int) -> None:
        table = np.full((n, 2), 0.5)
        ledger = dict.fromkeys(LEDGER_VECTORS, np.ones(n)) | {"probability_mean": table}
        scores = DETECTORS[name](Evidence(np.arange(n) % 2, 2, table, np.eye(n), ledger))
        assert scores.shape == (n,)
        assert np.isfinite(scores).all()

    def test_two_classes(self, name: str) -> None:
        evidence, wrong = simulated(n=300, k=2)
        scores = DETECTORS[name](evidence)
        assert scores[wrong].mean() > scores[~wrong].mean()

    def test_a_class_that_nobody_is_given(self, name: str) -> None:
        evidence, _ = simulated(n=300, k=4)
        labels = np.where(evidence.labels == 3, 0, evidence.labels)
        scores = DETECTORS[name](Evidence(labels, 4, evidence.probabilities, evidence.features, evidence.ledger))
        assert np.isfinite(scores).all()

    def test_asks_for_statistics_that_exist(self, name: str) -> None:
        card = DETECTORS[name].card
        assert set(card.statistics) <= {*LEDGER_VECTORS, "probability_mean"}
        assert ("ledger" in card.needs) == bool(card.statistics)

    def test_says_what_it_lacks(self, name: str) -> None:
        with pytest.raises(BadInput, match=f"'{name}' needs {DETECTORS[name].card.needs[0]}"):
            DETECTORS[name](Evidence(LABELS, 3))
