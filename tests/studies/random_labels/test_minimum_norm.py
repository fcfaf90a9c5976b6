"""The study of interpolation, on planted results."""

import numpy as np
import pytest

from noisewise import allowance
from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.random_labels.minimum_norm import (
    EPOCHS,
    WIDTHS,
    convolved,
    descent,
    digits,
    kernel,
    mapped,
    misled,
)


def planted(**changes):
    study = find("minimum-norm")
    items = []
    for task in study.tasks("cpu", source="fashion-mnist"):
        given = task.arguments
        values = {
            "digits": {"train_error": 0.0, "test_error": 0.01, "norm": 1.0 + 3 * (given.get("labels") == "random")},
            "kernel": {
                "train_error": 0.0,
                "test_error": 100 / given.get("points", 1),
                "norm": 1.0 + (given.get("labels") == "random"),
            },
            "mapped": {
                "norms": np.arange(6.0) + (given.get("features") == "gabor"),
                "errors": np.full(6, 0.1 if given.get("features") == "gabor" else 0.3) - 0.001 * np.arange(6),
            },
            "convolved": {"errors": np.array([0.2, 0.5]) + 0.01 * given["seed"], "tested": 5000},
            "descent": {"distances": np.geomspace(1, 1e-8, len(EPOCHS)), "elsewhere": 0.9},
        }[task.name]
        items.append(Result(task, {**values, **changes.get(task.name, {})}, 1.0, "here"))
    return {
        claim.id: claim for claim in study.judged(Results(study.scale("cpu", source="fashion-mnist"), tuple(items)))
    }


def test_all_hold_when_all_is_as_published():
    assert [name for name, claim in planted().items() if not claim.holds] == []


@pytest.mark.parametrize(
    "changes, broken",
    [
        ({"digits": {"train_error": 0.001}}, {"digits-fit"}),
        ({"digits": {"norm": 1.0}}, {"digits-norm"}),
        ({"kernel": {"train_error": 0.001}}, {"fit"}),
        ({"kernel": {"test_error": 0.1}}, {"more-points"}),
        ({"kernel": {"norm": 1.0}}, {"random-norm"}),
        ({"descent": {"distances": np.full(6, 1e-5)}}, {"descent"}),
        ({"descent": {"elsewhere": 0.0}}, {"start"}),
        ({"mapped": {"norms": np.arange(6.0)}}, {"gabor-norm"}),
        ({"mapped": {"errors": np.arange(6) / 10 + 0.1}}, {"gabor-error"}),
        ({"convolved": {"errors": np.array([0.5, 0.4])}}, {"convolution"}),
    ],
)
def test_each_claim_can_fail(changes, broken):
    assert broken <= {name for name, claim in planted(**changes).items() if not claim.holds}


def test_misled_by_hand():
    assert misled([1, 2, 3], [1, 2, 3]) == 0.0
    assert misled([1, 2, 3], [3, 2, 1]) == 1.0
    assert misled([1, 2, 3], [2, 1, 3]) == pytest.approx(1 / 3)
    assert misled([1, 2, 3], [5, 5, 1]) == 1.0
    assert np.isnan(misled([1, 2], [5, 5]))


def test_digits_are_the_known_ones():
    true, random = digits("true", 0), digits("random", 0)
    assert true["train_error"] == random["train_error"] == 0
    assert true["test_error"] <= 0.02
    assert random["test_error"] > 0.8
    assert random["norm"] / true["norm"] >= 3


def test_runs_compute_what_they_say():
    assert kernel("digits", 200, "true", 0)["test_error"] < 0.2
    assert kernel("digits", 200, "random", 0)["test_error"] > 0.7
    found = mapped("digits", 100, "gabor", 0)
    assert found["errors"].shape == found["norms"].shape == (len(WIDTHS),)
    steps = descent("digits", 30, 0)
    assert steps["distances"][-1] < 1e-6 < 0.1 < steps["elsewhere"]
    assert steps["elsewhere_residual"] < 1e-6


def test_an_interrupted_gram_matrix_is_continued(tmp_path, monkeypatch):
    whole = convolved("digits", 80, 192, 60, 0)
    assert whole["train_error"] == 0
    assert whole["errors"].max() < 0.5
    moments = iter(range(1000))
    monkeypatch.setattr(allowance, "now", lambda: float(next(moments)))
    with allowance.allowing(allowance.Allowance(until=1.5)), pytest.raises(allowance.OutOfTime):
        convolved("digits", 80, 192, 60, 0, scratch=tmp_path)
    with np.load(tmp_path / "grams.npz") as state:
        assert 0 < state["bank"] < 3
    again = convolved("digits", 80, 192, 60, 0, scratch=tmp_path)
    assert again["errors"] == pytest.approx(whole["errors"])
