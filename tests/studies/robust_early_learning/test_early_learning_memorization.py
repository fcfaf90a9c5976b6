"""The study of early learning and memorisation, on planted results."""

import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.robust_early_learning.robust_early import accuracies


def planted(scale="cpu", **changes):
    """Histories as in the note; `changes` by percent of noise, of the test or the training accuracies."""
    study = find("early-learning-memorization")
    items = []
    for at, task in enumerate(study.tasks(scale)):
        rate = float((task.arguments["corrupt"] or "symmetric:0").partition(":")[2])
        epochs, longer = task.arguments["epochs"], at >= len(study.scale(scale).rates)
        middle = [0.9] * (epochs - 2)
        tests = [0.5, *middle, 0.9 if rate == 0 else 0.6] if rate < 0.9 else [0.1] * epochs
        trains = [0.2] * (epochs - 1) + [0.6 if longer and rate == 0.9 else 0.5]
        name = f"at_{100 * rate:.0f}"
        tests = changes.get(name, {}).get("test", lambda n, t=tests: t)(epochs)
        trains = changes.get(name, {}).get("train", lambda n, t=trains: t)(epochs)
        history = pd.DataFrame({"epoch": range(1, epochs + 1), "test_accuracy": tests, "train_accuracy": trains})
        items.append(Result(task, {"history": history, "rows": 20_000}, 1.0, "here"))
    claims = study.judged(Results(study.scale(scale), tuple(items)))
    return {claim.id for claim in claims if not claim.holds}


def test_all_hold_when_all_is_as_in_the_note():
    assert planted() == set()
    assert planted("paper") == set()


@pytest.mark.parametrize(
    "changes, broken",
    [
        ({"at_80": {"test": lambda n: [0.5, *[0.84] * (n - 2), 0.54]}}, {"best"}),
        ({"at_80": {"train": lambda n: [0.36] * (n - 1) + [0.5]}}, {"train-then"}),
        ({"at_40": {"test": lambda n: [0.6] * (n - 2) + [0.9, 0.6]}}, {"early"}),
        ({f"at_{rate}": {"test": lambda n: [0.9] * (n - 1) + [0.87]} for rate in (40, 60, 80)}, {"falls"}),
        ({"at_80": {"train": lambda n: [0.3] * n}}, {"late"}),
        ({"at_0": {"train": lambda n: [0.99] * n}}, set()),
        ({"at_0": {"test": lambda n: [0.99] * (n - 1) + [0.96]}}, {"clean"}),
        ({"at_90": {"train": lambda n: [0.1] * n}}, {"late"}),
    ],
)
def test_each_claim_can_fail(changes, broken):
    assert planted(**changes) == broken


def test_peaks_by_hand():
    task = find("early-learning-memorization").tasks("smoke")[0]
    history = pd.DataFrame({"epoch": [1, 2, 3], "test_accuracy": [0.5, 0.8, 0.7], "train_accuracy": [0.1, 0.3, 0.6]})
    found = accuracies(Results(None, (Result(task, {"history": history}, 1.0, "here"),))).iloc[0]
    assert (found["best"], found["best_epoch"], found["last"], found["train_accuracy"]) == (0.8, 2, 0.7, 0.6)


def test_settings_of_the_note():
    tasks = find("early-learning-memorization").tasks("paper")
    given = tasks[9].arguments
    assert len(tasks) == 12
    assert given["corrupt"] == "symmetric:0.9"
    wanted = {"model": "lenet", "epochs": 100, "lr": 0.01, "momentum": 0.9, "weight_decay": 1e-3, "batch_size": 128}
    assert {name: given[name] for name in wanted} == wanted
    assert given["schedule"] == "constant"
