"""The study of weight functions, on planted results and on its closed forms."""

import numpy as np
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.weighting import GRID
from noisewise.studies.meta_learning.meta_weight_net import CASES
from noisewise.studies.meta_learning.weight_functions import (
    FALLING,
    FORMS,
    NOISE,
    RISING,
    TAIL,
    TRAINED,
    forms,
    hump,
    spec,
)

STUDY = find("weight-functions")
CPU = STUDY.scale("cpu")
LOSSES = np.linspace(0.1, 5, 1000)
MIDDLE = np.where((LOSSES > 2) & (LOSSES < 3), 1.5, 0.9)
MIXED = np.random.default_rng(0).uniform(size=1000)  # weights that do not depend on the loss
CLOSED = forms(200, 401)
SCORES = {
    (NOISE, "self-paced"): 0.8,
    (NOISE, "focal-weighting"): 0.6,
    (TAIL, "focal-weighting"): 0.75,
    "other": 0.7,
}


def values_of(task, plan):
    if task.name == "forms":
        return {**CLOSED, **plan.get("closed", {})}
    case = next(case for case, corrupt in CASES.items() if corrupt == task.arguments["corrupt"])
    name = next(name for name in TRAINED if spec(name, CPU) == task.arguments["method"])
    weights = {"prediction-variance": MIDDLE, "reweighted": MIXED}.get(name, np.exp(-LOSSES))
    curves = np.tile(plan.get((case, name, "curve"), GRID if case == TAIL else -GRID), (5, 1))
    return {
        "losses": LOSSES,
        "weights": plan.get(name, weights),
        "curves": curves,
        "recalls": np.full((1, 10), plan.get((case, name), SCORES.get((case, name), SCORES["other"]))),
        "sizes": np.arange(10, 0, -1),
    }


def results(plan):
    items = (Result(task, values_of(task, plan), 1.0, "here") for task in STUDY.tasks("cpu"))
    return Results(CPU, tuple(items))


def failed(closed, at=(), **plan):
    claims = STUDY.judged(results({"closed": closed, **plan, **dict(at)}))
    assert all(claim.error is not None for claim in claims)
    return {claim.id for claim in claims if not claim.holds}


def changed(row, by):
    weights = CLOSED["weights"].copy()
    weights[row] += by
    return {"weights": weights, "best": weights}


def test_each_claim_can_hold_and_fail():
    exact = {"best": CLOSED["weights"]}
    assert failed(exact) == set()
    assert failed({"best": CLOSED["weights"] + 0.001}) == {"best-weight"}
    assert failed({**exact, "constant": 1e-4}) == {"robust-loss"}
    assert failed(changed(1, 0.02 * np.sin(np.arange(200)))) == {"falls"}
    assert failed(changed(4, 0.02 * np.sin(np.arange(200)))) == {"rises"}
    assert failed(exact, {(NOISE, "self-paced"): 0.705}) == {"falling-under-noise"}
    assert failed(exact, {(NOISE, "focal-weighting"): 0.71}) == {"rising-under-noise"}
    assert failed(exact, {(TAIL, "focal-weighting"): 0.69}) == {"rising-under-tail"}
    for form in FORMS:
        assert failed(exact, {(NOISE, form, "curve"): GRID}) == {f"{form}-falls"}
        assert failed(exact, {(TAIL, form, "curve"): -GRID}) == {f"{form}-rises"}
    assert failed(exact, authors=MIXED) == {"of-loss"}
    assert failed(exact, reweighted=np.exp(-LOSSES)) == {"not-of-loss"}
    assert failed(exact, {"prediction-variance": LOSSES}) == {"variance-peaks"}
    assert failed(exact, {"prediction-variance": 6 - LOSSES}) == {"variance-peaks"}


def test_closed_forms_by_hand():
    """At threshold 3, full weight up to 1.5, d = 3 and gamma = 2."""
    found = forms(4, 2001)
    assert found["losses"].tolist() == [1, 3, 5, 7]
    names = dict(zip((*FALLING, *RISING), found["weights"], strict=True))
    assert names["self-paced"].tolist() == [1, 1, 0, 0]
    assert names["linear"] == pytest.approx([2 / 3, 0, 0, 0])
    assert names["poly-soft"][0] == pytest.approx(np.sqrt(2 / 3))
    assert names["mixture"].tolist() == [1, 0, 0, 0]
    assert names["focal"] == pytest.approx((1 - np.exp(-found["losses"])) ** 2)
    assert names["hard mining"].tolist() == [0, 1, 1, 1]
    assert names["boosting"] == pytest.approx(np.sqrt((np.exp(found["losses"]) - 1) / (np.exp(8) - 1)))


def test_closed_forms_are_the_best_weights():
    scale = find("weight-functions").scale("smoke")
    found = forms(scale.points, scale.tried)
    assert np.abs(found["weights"] - found["best"]).max() <= 0.0005
    assert 0 < found["constant"] <= 1e-5


def test_the_hump_by_hand():
    item = Result(None, {"losses": LOSSES, "weights": MIDDLE}, 1.0, "here")
    assert hump(item) == pytest.approx(MIDDLE.reshape(10, 100).mean(axis=1)[1:-1].max() / 0.9)


def test_the_figure_can_be_drawn():
    drawn = STUDY.figure(results({}))
    assert len(drawn.axes) == 6
