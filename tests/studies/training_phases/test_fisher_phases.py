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


def history(trace=RISING, tests=None, last=0.5):
    """A training whose last layer holds that share of the trace."""
    trace = np.array(trace)
    return pd.DataFrame(
        {
            "epoch": np.arange(EPOCHS) + 1,
            "deficient": 0.0,
            "test_accuracy": np.linspace(0.1, 0.8, EPOCHS) if tests is None else tests,
            "fisher_trace": trace,
            "fisher_trace/0.0": 0.5 * (1 - last) * trace,
            "fisher_trace/0.1": 0.5 * (1 - last) * trace,
            "fisher_trace/1": last * trace,
        }
    )


def planted(clean=None, blurred=None, scale="cpu"):
    """Results whose runs without and with blur have these histories."""
    clean, blurred = history() if clean is None else clean, history(last=0.7) if blurred is None else blurred
    items = [
        Result(task, {"history": blurred if task.arguments["stop"] else clean}, 1.0, "here")
        for task in find("fisher-phases").tasks(scale)
    ]
    return Results(find("fisher-phases").scale(scale), tuple(items))


def failing(clean=None, blurred=None):
    return {claim.id for claim in find("fisher-phases").judged(planted(clean, blurred)) if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failing() == set()
    assert failing(history((5.8, *RISING[1:]))) == {"rises"}
    assert failing(history((*RISING[:2], 3.0, 3.0, 3.0, 6.0, 2.0, 2.0, 2.0, 2.0))) == {"early-peak"}
    assert failing(history((*RISING[:-1], 3.1))) == {"falls"}
    assert failing(history(tests=np.array([0.1, 0.2, 0.5, *[0.4] * 7]))) == {"learns-on"}
    assert failing(blurred=history(last=0.4)) == {"later-layers"}


def test_the_trace_after_blur_makes_no_claim():
    assert failing(blurred=history([1.0] * EPOCHS, last=0.7)) == set()


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
