"""The study of spectral bias, on planted results and in small."""

import numpy as np
import pytest

from noisewise.compute import Result
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness import data as samples
from noisewise.studies.theory.spectral_bias import MOVED, MOVES, _fell, cloud, line, spectrum


def planted(order=None, kept=None, true=None, random=None, labels=None):
    study = find("spectral-bias")
    items = []
    for task in study.tasks("cpu"):
        if task.name == "line":
            name = task.arguments["amplitudes"]
            falls = np.linspace(1, 0.7, len(task.arguments["frequencies"])) if kept is None else kept
            values = {"order": (order or {}).get(name, 0.97), "kept": np.outer(np.ones(len(MOVES)), falls)}
        elif task.name == "cloud":
            values = {"low_steps": 50.0, "high_steps": 200.0, "half_steps": 80.0}
            values |= (true if task.arguments["labels"] == "true" else random) or {}
            if task.arguments["labels"] == "random" and not random:
                values["half_steps"] = 120.0
        else:
            shares = np.linspace(0, 0.9, 5)
            values = {"wrong": shares, "energies": shares**2, "true": np.array([0.1]), "random": np.array([0.2])}
            values |= labels or {}
        items.append(Result(task, values, 1.0, "here"))
    claims = study.judged(Results(study.scale("cpu"), tuple(items)))
    return {claim.id for claim in claims if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert planted() == set()
    assert planted(order={"equal": 0.85}) == {"order-equal"}
    assert planted(order={"rising": None}) == {"order-rising"}
    assert planted(kept=np.ones(8)) == {"robust"}
    assert planted(true={"low_steps": 210.0}) == {"low-first"}
    assert planted(true={"high_steps": None}) == {"low-first"}, "nothing was measured"
    assert planted(labels={"random": np.array([0.1])}) == {"random-high"}
    assert planted(labels={"energies": np.array([0.0, 0.2, 0.1, 0.3, 0.4])}) == {"wrong-high"}
    assert planted(random={"half_steps": 80.0}) == {"random-slower"}


def test_the_claimed_move_is_measured():
    assert MOVED in MOVES
    assert MOVES[0] == 0


def test_the_first_step_of_a_falling_error():
    times, errors = np.array([0, 5, 10]), np.array([1.0, 0.2, 0.1])
    assert _fell(times, errors, 0.2) == 5
    assert np.isnan(_fell(times, errors, 0.05))


@pytest.mark.parametrize("amplitudes", ["equal", "rising"])
def test_low_frequencies_come_first(amplitudes):
    setting = find("spectral-bias").scale("smoke").line | {"frequencies": [1, 3, 6], "steps": 300}
    found = line(amplitudes=amplitudes, seed=0, **setting)
    assert found["times"].tolist() == list(range(0, 301, 10))
    assert found["ratios"].shape == (31, 3)
    assert found["ratios"][0].max() < 0.3
    assert found["order"] >= 0.9
    assert found["reached"][0] < 150
    assert found["missed"] == np.isnan(found["reached"]).sum()
    assert found["kept"][0] == pytest.approx(np.ones(3))
    assert found["errors"][0] == pytest.approx(np.zeros(3))
    assert found["errors"][-1].min() > 0


def test_the_slow_part_of_labels_comes_first():
    true, random = (cloud("digits", 150, labels, 300, 0) for labels in ("true", "random"))
    assert true["low"][0] == pytest.approx(1.0, abs=0.2)
    assert true["low_steps"] < true["high_steps"]
    assert true["half_steps"] < random["half_steps"]
    assert true["whole"][-1] < 0.1


def test_wrong_labels_have_high_frequencies():
    found = spectrum("digits", 400, 0)
    assert found["wrong"][0] == 0
    assert found["wrong"] == pytest.approx(0.9 * np.array([0, 0.25, 0.5, 0.75, 1]), abs=0.06)
    assert (np.diff(found["energies"]) > 0).all()
    assert (found["random"] > found["true"]).all()
    assert ((found["true"] >= 0) & (found["random"] <= 1.01)).all()


def test_texts_are_refused(monkeypatch):
    test = Dataset(np.array(["c", "d"]), np.array([0, 1]), ("a", "b"), "text", name="test")
    data = Dataset(np.array(["c", "d"]), np.array([0, 1]), ("a", "b"), "text", name="own", test=test)
    monkeypatch.setattr(samples, "load", lambda source: data)
    with pytest.raises(BadInput, match="holds texts"):
        spectrum("own", 2, 0)
