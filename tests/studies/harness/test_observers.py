"""Trainings whose method is looked at: what is drawn, and what is read."""

import numpy as np
import pytest
import torch

from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.methods.learned.learned_loss import LearnedLoss
from noisewise.methods.transition.glc import GoldLossCorrection
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.fit import follow, redrawn_curve
from noisewise.studies.harness.observers import MethodObserver, learned_values
from noisewise.training.method import LearningTask

SMALL = {"model": "mlp:16", "epochs": 3, "rows": 200, "tested": 50}


def test_what_is_drawn():
    data = draw("digits", 200, 50, "symmetric:0.4", 1, 30, redraw=True)
    assert (len(data), len(data.test), len(data.trusted)) == (200, 50, 30)
    assert 0.3 < data.noise_rate < 0.5
    assert (data.trusted.given == data.trusted.truth).all()
    assert set(np.bincount(data.trusted.given)) == {3}
    again, other = (
        draw("digits", 200, 50, "symmetric:0.4", 1, 30, redraw=True),
        draw("digits", 200, 50, None, 2, 30, redraw=True),
    )
    assert (again.given == data.given).all()
    assert not set(again.index) ^ set(data.index)
    assert (other.test.index == data.test.index).all()
    assert set(other.index) != set(data.index)
    assert other.noise_rate == 0


def test_a_source_without_test_rows_is_refused():
    bare = Dataset(np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1]), ("a", "b"), "vector", name="own")
    with pytest.raises(BadInput, match="no test split"):
        draw(bare, 4, 1, None, 0, redraw=True)


def test_hyper_parameters_of_a_learned_loss_are_read():
    found = redrawn_curve("digits", method="learned-loss:base=poly-soft,lr=0.1", trusted=30, seed=0, **SMALL)
    history = found["history"]
    assert np.ptp(history["value_0"]) > 0
    assert np.ptp(history["value_1"]) > 0
    assert (history["value_1"] > 1).all()
    assert found["trusted_accuracy"] == history["trusted_accuracy"].iloc[-1]
    assert found["test_accuracy"] == history["test_accuracy"].iloc[-1]
    assert 0.1 <= found["trusted_confidence"] <= 1
    assert found["seconds"] > 0


def test_a_learned_loss_starts_at_its_own_values():
    method = LearnedLoss("gce")
    method.prepare(LearningTask(10, 5, torch.zeros(10, dtype=torch.int64)))
    assert learned_values(method) == pytest.approx([0.7], abs=1e-3)


def test_rates_and_decays_are_read():
    found = redrawn_curve("digits", method="hypergradient", lr=0.01, schedule="constant", seed=0, **SMALL)["history"]
    assert found["lr"].iloc[-1] > 0.0105
    decays = redrawn_curve("digits", method="hypergradient:learn=weight-decay,decay=0.01", trusted=30, seed=0, **SMALL)[
        "history"
    ]
    assert decays["decay"].iloc[-1] != 0.01
    plain = redrawn_curve("digits", method="ce", lr=0.01, schedule="constant", seed=0, **SMALL)["history"]
    assert (plain["lr"] == 0.01).all()
    assert "decay" not in plain


def test_the_error_of_a_transition_by_hand():
    """Two classes, a quarter of the first flipped: the identity is off by 1/4 + 1/4 there, and by nothing elsewhere."""
    x, truth = np.zeros((8, 2), np.float32), np.array([0, 0, 0, 0, 1, 1, 1, 1])
    given = np.array([1, 0, 0, 0, 1, 1, 1, 1])
    data = Dataset(x, given, ("a", "b"), "vector", name="own", truth=truth)
    row = MethodObserver(data).learned(GoldLossCorrection(torch.eye(2), 0.1), None)
    assert row["transition_error"] == pytest.approx(0.25)


def test_interrupted_trainings_go_on(tmp_path):
    data = draw("digits", 200, 50, "symmetric:0.4", 0, 30, redraw=True)
    whole = follow(data, method="glc", model="mlp:16", epochs=4)
    follow(data, tmp_path, method="glc", model="mlp:16", epochs=4)
    again = follow(data, tmp_path, method="glc", model="mlp:16", epochs=4)
    assert again["test_accuracy"] == whole["test_accuracy"]
    assert len(again["history"]) == 4
