import numpy as np
import pytest

from noisewise.auditing.metrics import best_f1, calibration_error, score_against_truth

GIVEN, TRUTH = np.array([0, 1, 2, 0]), np.array([0, 2, 1, 0])


def test_by_hand() -> None:
    suspicion = np.array([0.5, 0.9, 0.4, 0.1])
    found = score_against_truth(suspicion, suspicion > 0.45, np.array([1, 2, 2, 0]), GIVEN, TRUTH, rate=0.4)
    assert found == pytest.approx(
        {
            "true_noise_rate": 0.5,
            "rate_error": -0.1,
            "calibration_error": 0.325,
            "recall": 0.5,
            "precision": 0.5,
            "f1": 0.5,
            "f1_best": 0.8,
            "auroc": 0.75,
            "average_precision": (1 + 2 / 3) / 2,
            "suggestion_accuracy": 1.0,
        }
    )


def test_without_wrong_rows_there_is_nothing_to_find() -> None:
    found = score_against_truth(np.zeros(4), np.zeros(4, dtype=bool), GIVEN, GIVEN, GIVEN)
    assert found == {"true_noise_rate": 0.0, "calibration_error": 0.0}


def test_all_wrong_and_nothing_named() -> None:
    found = score_against_truth(np.arange(4.0), np.zeros(4, dtype=bool), GIVEN, GIVEN, (GIVEN + 1) % 3)
    assert found["f1"] == 0
    assert found["f1_best"] == 1
    assert not {"auroc", "precision", "suggestion_accuracy"} & set(found)


def test_rows_of_equal_suspicion_stand_together() -> None:
    assert best_f1(np.ones(4), np.array([True, False, False, False])) == pytest.approx(0.4)


def test_calibration_error_of_what_is_calibrated() -> None:
    rng = np.random.default_rng(0)
    suspicion = rng.random(100_000)
    assert calibration_error(suspicion, rng.random(100_000) < suspicion) < 0.01
    assert calibration_error(np.full(10, 0.8), np.arange(10) < 8) == pytest.approx(0)
    assert calibration_error(np.ones(4), np.zeros(4, dtype=bool)) == 1
