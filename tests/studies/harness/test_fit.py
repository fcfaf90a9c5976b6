"""Trainings that are followed epoch by epoch."""

import math

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.errors import BadInput
from noisewise.studies.harness.fit import best, best_epoch, curve, following, last
from noisewise.studies.harness.statistics import least
from noisewise.training.optim import build_optimizer

SMALL = {"source": "digits", "model": "mlp:16", "rows": 100, "tested": 80, "seed": 0, "batch_size": 20}


def test_histories_hold_what_is_asked_for(tmp_path):
    found = curve(
        method="coteaching",
        epochs=3,
        scratch=tmp_path,
        corrupt="symmetric:0.4",
        noise_rate=0.4,
        effective=1e-3,
        keep={"first": "1.weight"},
        **SMALL,
    )
    history = found["history"]
    assert list(history["epoch"]) == [1, 2, 3]
    assert {"test_accuracy", "train_accuracy", "label_precision", "effective_parameters"} <= set(history)
    assert 0.5 < history["effective_parameters/1.weight"].iloc[-1] <= 1
    assert found["first"].shape == (16, 64)
    assert found["noise_rate"] == pytest.approx(0.4, abs=0.12)
    assert found["rows"] == 100
    assert "validation_accuracy" not in history


def test_rows_do_not_depend_on_the_seed(tmp_path):
    one, other = (
        curve(method="ce", epochs=1, scratch=tmp_path / str(seed), keep={"w": "1.weight"}, **{**SMALL, "seed": seed})
        for seed in (0, 1)
    )
    assert one["rows"] == other["rows"]
    assert not np.array_equal(one["w"], other["w"])


def test_the_first_beta_falls_once(tmp_path, monkeypatch):
    made = []

    def remembered(config, params):
        made.append(build_optimizer(config, params))
        return made[-1]

    monkeypatch.setattr("noisewise.training.learners.build_optimizer", remembered)
    adam = {"optimizer": "adam", "lr": 0.001}
    curve(method="ce", epochs=3, scratch=tmp_path / "a", beta_from=2, **adam, **SMALL)
    curve(method="ce", epochs=3, scratch=tmp_path / "b", beta_from=4, **adam, **SMALL)
    assert [optimizer.param_groups[0]["betas"] for optimizer in made] == [(0.1, 0.999), (0.9, 0.999)]


def test_what_cannot_be_done_is_refused(tmp_path):
    with pytest.raises(BadInput, match="is of Adam, but the optimizer is 'sgd'"):
        curve(method="ce", epochs=2, scratch=tmp_path / "a", beta_from=1, **SMALL)
    with pytest.raises(BadInput, match="keep='none' is not a parameter"):
        curve(method="ce", epochs=1, scratch=tmp_path / "b", keep={"w": "none"}, **SMALL)


def test_ends_by_hand():
    task = following(**SMALL, method="ce", epochs=4)
    history = pd.DataFrame({"epoch": [1, 2, 3, 4], "test_accuracy": [0.5, 0.9, 0.9, 0.6], "other": [1.0, 2, 3, 4]})
    item = Result(task, {"history": history}, 1.0, "here")
    assert best(item) == 0.9
    assert best_epoch(item) == 2
    assert last(item) == 0.6
    assert last(item, 2) == pytest.approx(0.75)
    assert last(item, 3, "other") == pytest.approx(3.0)
    assert least(last, [item, item]) == 0.6
    assert math.isnan(least(last, []))
    assert math.isnan(least(lambda one: math.nan if one is None else 1.0, [item, None]))
