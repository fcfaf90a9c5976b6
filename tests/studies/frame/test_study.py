"""Claims, cards and what asks for results."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisewise.compute import Result, Task
from noisewise.errors import BadInput
from noisewise.studies import STUDIES, Claim, Results, find, training

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(NUMBERS, NUMBERS)
def test_a_claim_holds_as_it_says(measured, threshold):
    def holds(comparison):
        return Claim("c", "s", measured, comparison, threshold).holds

    assert holds(">=") == (measured >= threshold)
    assert holds("<=") == (measured <= threshold)
    assert holds(">") != holds("<=")
    assert holds("<") != holds(">=")
    assert holds("==") == (holds(">=") and holds("<="))


@given(NUMBERS, NUMBERS, NUMBERS)
def test_an_interval_is_closed(measured, low, high):
    assert Claim("c", "s", measured, "in", (low, high)).holds == (low <= measured <= high)
    assert Claim("c", "s", low, "in", (low, low)).holds


@pytest.mark.parametrize("comparison, threshold", [(">=", -1e300), ("<=", 1e300), ("in", (-1e300, 1e300))])
@pytest.mark.parametrize("measured", [None, math.nan, math.inf, -math.inf])
def test_what_was_not_measured_does_not_hold(measured, comparison, threshold):
    assert not Claim("c", "s", measured, comparison, threshold).holds


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"id": "Z 1"}, "hyphens"),
        ({"comparison": "=>"}, "'=>' of claim 'c' is not one of >=, <=, >, <, ==, in"),
        ({"threshold": math.nan}, "a finite number"),
        ({"threshold": (0.0, 1.0)}, "a finite number"),
        ({"comparison": "in"}, "two finite numbers"),
        ({"comparison": "in", "threshold": (0.0,)}, "two finite numbers"),
    ],
)
def test_bad_claims_are_refused(changes, words):
    with pytest.raises(BadInput, match=words):
        replace(Claim("c", "s", 1.0, ">=", 0.5), **changes)


def test_a_claim_as_text():
    claim = Claim("c", "s", 0.98765, ">=", 0.5)
    assert (claim.found, claim.required) == ("0.9877", ">= 0.5")
    assert Claim("c", "s", None, "in", (0.1, 2.0)).required == "0.1 to 2"
    assert claim.plain("cpu") == {
        "claim": "c",
        "statement": "s",
        "measured": 0.98765,
        "comparison": ">=",
        "threshold": 0.5,
        "holds": True,
        "scale": "cpu",
    }


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"name": "Mean"}, "hyphens"),
        ({"scales": {"large": "x"}}, "'large'"),
        ({"budget": {"paper": 1}}, "'paper'"),
        ({"takes": ("method",)}, "'method'"),
        ({"budget": {}}, "no budget for the scale smoke"),
    ],
)
def test_bad_cards_are_refused(example, changes, words):
    with pytest.raises(BadInput, match=words):
        replace(example.STUDY.card, **changes)


def test_a_study_refuses_what_it_does_not_take(example):
    study = example.STUDY
    with pytest.raises(BadInput, match="scale='paper' is none of the study 'mean-error', which has: smoke, cpu"):
        study.tasks("paper")
    for choice in ("source", "model"):
        with pytest.raises(BadInput, match=f"{choice}='x' cannot be chosen"):
            study.tasks("smoke", **{choice: "x"})


def test_a_study_gets_what_a_person_chose_and_runs_nothing_twice(example):
    def runs(scale, source, model):
        return [Task("m:f", {"scale": scale, "source": source, "model": model})] * 2

    study = replace(example.STUDY, runs=runs, card=replace(example.STUDY.card, takes=("source", "model")))
    (task,) = study.tasks("smoke", source="digits", model="mlp")
    assert task.arguments == {"scale": "smoke", "source": "digits", "model": "mlp"}


def test_two_claims_of_one_id_are_refused(example):
    study = replace(example.STUDY, claims=lambda results: [Claim("c", "s", 1.0, ">", 0.0)] * 2)
    with pytest.raises(BadInput, match="two claims called 'c'"):
        study.judged(Results("smoke", ()))


@pytest.fixture
def results():
    def one(function, arguments, **values):
        return Result(Task(f"m:{function}", arguments), values, 1.0, "here")

    fits = [one("fit", {"p": p, "seed": seed}, x=p + seed) for p in (0.0, 0.5) for seed in (0, 1)]
    return Results("smoke", (*fits, one("solve", {"n": 3}, x=None)))


def test_results_are_asked_by_arguments(results):
    assert len(results.of("fit")) == 4
    assert results.where(p=0.5).numbers("x").tolist() == [0.5, 1.5]
    assert results.where(p=0.5).mean("x") == 1.0
    assert results.one(p=0.0, seed=1)["x"] == 1.0
    assert results.choices("p") == [0.0, 0.5, None]
    assert np.isnan(results.of("solve").numbers("x")).all()
    assert [item.task.name for item in results.where(seed=None)] == ["solve"]
    with pytest.raises(BadInput, match="2 runs match"):
        results.one(p=0.0)
    with pytest.raises(BadInput, match="no run to take the mean 'x' of"):
        results.where(p=0.7).mean("x")


def test_a_training_is_a_task_with_its_history(tmp_path):
    task = training(source="digits", rows=100, model="mlp:widths=8", method="ce", epochs=2, seed=1, device="cpu")
    assert task.title == "train digits ce mlp:widths=8 rows=100 epochs=2 seed=1 device=cpu"
    task.compute(tmp_path / task.key)
    (result,) = Results.read("smoke", [task], tmp_path)
    assert result["history"]["epoch"].tolist() == [1, 2]
    assert result["test_accuracy_last"] == result["history"]["test_accuracy"].iloc[-1]
    assert result["config"]["seed"] == 1


def test_a_name_is_found_or_the_nearest_is_told(catalogued, example):
    assert find("mean-error") is find("mean_error:STUDY") is catalogued
    with pytest.raises(BadInput, match=r"unknown study 'mean-eror' \(did you mean 'mean-error'"):
        find("mean-eror")
    with pytest.raises(BadInput, match="'mean_error:SIZES' is no study but a dict"):
        find("mean_error:SIZES")
    assert "mean-error" in STUDIES
