"""The study of weight functions, on planted results and on its closed forms."""

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.weighting import GRID
from noisewise.studies.meta_learning.weight_functions import (
    FALLING,
    RISING,
    VARIANCE,
    forms,
    grouped,
    hump,
)

LOSSES = np.linspace(0.1, 5, 100)
MIDDLE = np.where((LOSSES > 2) & (LOSSES < 3), 1.5, 0.9)
FORMS = forms(200, 401)


def results(closed=None, noisy=-GRID, tailed=GRID, varying=MIDDLE):
    study, items = find("weight-functions"), []
    for task in study.tasks("cpu"):
        values = {**FORMS, **(closed or {})}
        if task.name == "weighted":
            curves = tailed if "longtail" in task.arguments["corrupt"] else noisy
            values = {"losses": LOSSES, "history": pd.DataFrame()}
            values |= {"weights": varying} if task.arguments["method"] == VARIANCE else {"curves": curves[None]}
        items.append(Result(task, values, 1.0, "here"))
    return Results(study.scale("cpu"), tuple(items))


def failed(**planted):
    claims = find("weight-functions").judged(results(**planted))
    return {claim.id for claim in claims if not claim.holds}


def changed(row, by):
    weights = FORMS["weights"].copy()
    weights[row] += by
    return {"weights": weights, "best": weights}


def test_each_claim_can_hold_and_fail():
    exact = {"best": FORMS["weights"]}
    assert failed(closed=exact) == set()
    assert failed(closed={"best": FORMS["weights"] + 0.001}) == {"best-weight"}
    assert failed(closed={**exact, "constant": 1e-4}) == {"robust-loss"}
    assert failed(closed=changed(1, 0.02 * np.sin(np.arange(200)))) == {"falls"}
    assert failed(closed=changed(4, 0.02 * np.sin(np.arange(200)))) == {"rises"}
    assert failed(closed=exact, noisy=GRID) == {"learned-falls"}
    assert failed(closed=exact, tailed=-GRID) == {"learned-rises"}
    assert failed(closed=exact, varying=LOSSES) == {"variance-peaks"}
    assert failed(closed=exact, varying=-LOSSES + 6) == {"variance-peaks"}


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


def test_closed_forms_are_the_best_weights():
    scale = find("weight-functions").scale("smoke")
    found = forms(scale.points, scale.tried)
    assert np.abs(found["weights"] - found["best"]).max() <= 0.0005
    assert 0 < found["constant"] <= 1e-5


def test_groups_by_hand():
    item = next(i for i in results().of("weighted").where(method=VARIANCE))
    losses, weights = grouped(item)
    assert losses == pytest.approx(LOSSES.reshape(10, 10).mean(axis=1))
    assert weights[0] == 0.9
    assert hump(item) == pytest.approx(MIDDLE.reshape(10, 10).mean(axis=1)[1:-1].max() / 0.9)


def test_the_figure_can_be_drawn():
    drawn = find("weight-functions").figure(results())
    assert len(drawn.axes) == 4
