"""The study of co-teaching, on planted results and in small."""

import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.training_phases.coteaching import NOISES, fall, name, ramp

PUBLISHED = 0.8218


def planted(scale="cpu", tests=None, precisions=None):
    """`tests` and `precisions` are asked per run, and say which histories differ from what the paper found."""
    study = find("coteaching")
    items = []
    for task in study.tasks(scale):
        given = task.arguments
        epochs, rate = given["epochs"], given["noise_rate"]
        curve = [0.9] + [0.6] * (epochs - 1) if name(given["method"]) != "coteaching" else [PUBLISHED] * epochs
        picked = [1 - rate + 0.15 * min(1, epoch / 5) for epoch in range(epochs)]
        values = {
            "noise_rate": rate,
            "rows": 10,
            "history": pd.DataFrame(
                {
                    "epoch": range(1, epochs + 1),
                    "test_accuracy": (tests and tests(given)) or curve,
                    "label_precision": (precisions and precisions(given)) or picked,
                }
            ),
        }
        items.append(Result(task, values, 1.0, "here"))
    claims = study.judged(Results(study.scale(scale), tuple(items)))
    return {claim.id for claim in claims if not claim.holds}


def only(method, noise, curve):
    return lambda given: (
        curve(given["epochs"]) if (name(given["method"]), given["corrupt"]) == (method, noise) else None
    )


def test_all_hold_when_all_is_as_published():
    assert planted() == set()
    assert planted("paper") == set()


@pytest.mark.parametrize(
    "tests, broken",
    [
        (only("ce", "symmetric:0.5", lambda n: [0.9] + [0.78] * (n - 1)), {"gain-symmetric-50"}),
        (only("ce", "pair:0.45", lambda n: [0.9] + [0.78] * (n - 1)), {"gain-pair-45"}),
        (only("ce", "pair:0.45", lambda n: [0.69] + [0.6] * (n - 1)), {"plain-falls"}),
        (only("coteaching", "symmetric:0.5", lambda n: [0.9] + [0.86] * (n - 1)), {"taught-stays"}),
        (
            only("mentornet", "pair:0.45", lambda n: [0.83] * n),
            {"before-mentornet-mnist"},
        ),
        (only("mentornet", "symmetric:0.2", lambda n: [0.99] * n), set()),
    ],
)
def test_each_claim_on_accuracies_can_fail(tests, broken):
    assert planted(tests=tests) == broken


@pytest.mark.parametrize("noise", NOISES)
def test_each_claim_on_picks_can_fail(noise):
    right = 1 - NOISES[noise]
    flat = only("coteaching", noise, lambda n: [right + 0.15] * n)
    low = only("coteaching", noise, lambda n: [right + 0.09 * min(1, epoch / 5) for epoch in range(n)])
    unknown = only("coteaching", noise, lambda n: [float("nan")] * n)
    assert planted(precisions=flat) == {"picks-rise"}
    assert planted(precisions=low) == {"picks"}
    assert planted(precisions=unknown) == {"picks", "picks-rise"}


def test_the_published_accuracy_counts_at_paper_scale():
    assert planted("paper", tests=only("coteaching", "symmetric:0.2", lambda n: [0.79] * n)) == {"published"}
    assert planted("cpu", tests=only("coteaching", "symmetric:0.2", lambda n: [0.79] * n)) == set()


def test_the_last_epochs_count_by_hand():
    task = find("coteaching").tasks("smoke")[0]
    history = pd.DataFrame({"epoch": [1, 2, 3], "test_accuracy": [0.5, 0.9, 0.6]})
    item = Result(task, {"history": history}, 1.0, "here")
    assert fall(item, 2) == pytest.approx(0.9 - 0.75)
    assert ramp(24) == 6
    assert ramp(200) == 10


def test_settings_of_the_paper():
    tasks = find("coteaching").tasks("paper")
    given = tasks[0].arguments
    assert len(tasks) == 90
    assert {name: given[name] for name in ("model", "optimizer", "lr", "epochs", "batch_size", "beta_from")} == {
        "model": "cnn9",
        "optimizer": "adam",
        "lr": 0.001,
        "epochs": 200,
        "batch_size": 128,
        "beta_from": 80,
    }
    assert given["milestones"] == [0.4]
    assert given["rows"] is None
    assert "coteaching:gradual=10" in {task.arguments["method"] for task in tasks}
