"""The study of the phases of the Fisher information, on planted results and on digits."""

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.training_phases.fisher_phases import _shares, layers, peak

EPOCHS = 10
RISING = (2.0, 3.0, 6.0, 5.0, 4.0, 3.0, 2.0, 2.0, 1.0, 1.0)


def history(trace=RISING, tests=None):
    trace = np.array(trace)
    return pd.DataFrame(
        {
            "epoch": np.arange(EPOCHS) + 1,
            "deficient": 0.0,
            "test_accuracy": np.linspace(0.1, 0.8, EPOCHS) if tests is None else tests,
            "fisher_trace": trace,
            "fisher_trace/0.0": 0.25 * trace,
            "fisher_trace/0.1": 0.25 * trace,
            "fisher_trace/1": 0.5 * trace,
        }
    )


def planted(one=None, scale="cpu"):
    """Results of which the first run has a history of its own."""
    tasks = find("fisher-phases").tasks(scale)
    histories = [one if k == 0 and one is not None else history() for k in range(len(tasks))]
    items = [Result(task, {"history": h}, 1.0, "here") for task, h in zip(tasks, histories, strict=True)]
    return Results(find("fisher-phases").scale(scale), tuple(items))


def failing(one=None):
    return {claim.id for claim in find("fisher-phases").judged(planted(one)) if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failing() == set()
    assert failing(history((5.8, *RISING[1:]))) == {"rises"}
    assert failing(history((*RISING[:2], 3.0, 3.0, 3.0, 6.0, 2.0, 2.0, 2.0, 2.0))) == {"early-peak"}
    assert failing(history((*RISING[:-1], 3.1))) == {"falls"}
    assert failing(history(tests=np.array([0.1, 0.2, 0.5, *[0.4] * 7]))) == {"learns-on"}


def test_runs_with_blur_make_no_claim():
    results = planted()
    blurred = [k for k, item in enumerate(results) if item.task.arguments["stop"]]
    assert len(blurred) == len(results) / 2
    flat = Result(results.items[blurred[0]].task, {"history": history([1.0] * EPOCHS)}, 1.0, "here")
    items = [flat if k == blurred[0] else item for k, item in enumerate(results)]
    assert all(
        claim.holds for claim in find("fisher-phases").judged(Results(find("fisher-phases").scale("cpu"), tuple(items)))
    )


def test_layers_are_a_networks_children():
    found = layers(history())
    assert list(found) == ["0", "1"]
    assert found["0"].to_numpy() == pytest.approx(0.5 * np.array(RISING))
    assert _shares(history()) == pytest.approx([0.5, 0.5])
    assert peak(history()) == 2


def test_the_figure_is_drawn():
    results = planted()
    assert len(find("fisher-phases").figure(results).axes) == 3 * len(results.choices("source"))


def test_a_source_and_a_model_of_ones_own():
    tasks = find("fisher-phases").tasks("cpu", source="cifar10", model="fast")
    assert {(task.arguments["source"], task.arguments["model"]) for task in tasks} == {("cifar10", "fast")}
