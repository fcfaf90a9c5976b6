"""The study of winning tickets, on planted results and in small."""

import math

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.fit import curve
from noisewise.studies.robust_early_learning.lottery_tickets import (
    FAN_IN,
    KEPT,
    decay_of,
    expected_knee,
    measured_knee,
    spec,
)
from noisewise.theory.decay import share_left

ACCURACIES = {0.995: 0.97, 0.999: 0.75, 0.9999: 0.4}


def item_of(task, rows, accuracy, kept, slower=1.0):
    """A run that decays as the closed form says, slower by a factor."""
    item = Result(task, {"rows": rows}, 1.0, "here")
    epochs = np.arange(1, task.arguments["epochs"] + 1)
    columns = {"epoch": epochs, "test_accuracy": np.full(len(epochs), accuracy), "effective_parameters": kept}
    for part, name in KEPT.items():
        columns[f"effective_parameters/{name}"] = share_left(epochs / slower, FAN_IN[part], decay_of(item))
    return Result(task, {"rows": rows, "history": pd.DataFrame(columns)}, 1.0, "here")


def planted(accuracies=None, slower=1.0, twice_slower=1.0, kept=lambda tau: 1 - tau):
    study = find("lottery-tickets")
    tasks = study.tasks("cpu")
    items = []
    for task in tasks:
        tau = float(task.arguments["method"].partition("tau=")[2].partition(",")[0])
        doubled = task is tasks[-1]
        accuracy = {**ACCURACIES, **(accuracies or {})}.get(tau, 0.97)
        items.append(item_of(task, 12_000, accuracy, kept(tau), twice_slower if doubled else slower))
    claims = study.judged(Results(study.scale("cpu"), tuple(items)))
    return {claim.id for claim in claims if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert planted() == set()
    assert planted({0.995: 0.94}) == {"ticket"}
    assert planted({0.999: 0.65}) == {"few"}
    assert planted({0.999: 0.702}) == {"few"}
    assert planted({0.9999: 0.9}) == {"too-few"}
    assert planted(kept=lambda tau: tau) == {"fewer"}
    assert planted(slower=1.06, twice_slower=1.06) >= {"knees"}
    assert planted(slower=1.6, twice_slower=1.6) >= {"knees", "decay"}
    assert planted(twice_slower=1.2) == {"decay", "knees"}


def test_knees_by_hand():
    """Gone are 1/4 and 1/2, so that all are one epoch later; or, less the 0.1 that stay, 0.4 and 0.8."""
    task = find("lottery-tickets").tasks("cpu")[0]

    def found(shares):
        history = pd.DataFrame({"epoch": range(1, len(shares) + 1), f"effective_parameters/{KEPT['fc1']}": shares})
        return measured_knee(Result(task, {"history": history, "rows": 12_000}, 1.0, "here"), "fc1")

    assert found([0.75, 0.5, 0.0, 0.0]) == pytest.approx(3.0)
    assert found([0.9, 0.75, 0.5, 0.009, 0.0, 0.0]) == pytest.approx(4.0)
    assert found([0.7, 0.3, 0.1, 0.1]) == pytest.approx(2 + math.log(1.25) / math.log(2))
    assert math.isnan(found([0.5, 0.4, 0.3, 0.2, 0.1]))
    assert math.isnan(found([0.5, 0.5, 0.5]))
    assert math.isnan(found([0.5, 0.0, 0.0]))


def test_the_closed_form_of_the_runs():
    """375 steps of 12,000 rows, 0.02 x 0.001 / 0.1 each: 0.075 per epoch, and ln(1000 / 20) / 0.075 = 52.2."""
    task = find("lottery-tickets").tasks("cpu")[0]
    item = Result(task, {"rows": 12_000}, 1.0, "here")
    assert decay_of(item) == pytest.approx(0.075, rel=0.03)
    assert expected_knee(item, "fc1") == pytest.approx(52.2, rel=0.03)


def test_weights_are_those_of_the_layers(tmp_path):
    task = find("lottery-tickets").tasks("smoke")[-1]
    given = {**task.arguments, "epochs": 1, "rows": 40}
    found = curve(scratch=tmp_path, **given)
    assert found["conv2"].shape == (16, 6, 5, 5)
    assert found["fc1"].shape == (120, 400)
    for part, name in KEPT.items():
        assert np.prod(found[part].shape[1:]) == FAN_IN[part]
        assert f"effective_parameters/{name}" in found["history"]


def test_settings_of_the_note():
    tasks = find("lottery-tickets").tasks("paper")
    given = tasks[0].arguments
    assert len(tasks) == 12
    wanted = {"model": "lenet", "lr": 0.01, "momentum": 0.9, "weight_decay": 1e-3, "batch_size": 128}
    assert {name: given[name] for name in wanted} == wanted
    assert {spec(tau) for tau in (0.995, 0.999, 0.9999)} <= {task.arguments["method"] for task in tasks}
