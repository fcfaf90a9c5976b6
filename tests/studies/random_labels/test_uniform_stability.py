"""The study of stability, on planted results."""

import numpy as np
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.random_labels.uniform_stability import _drawn, _replaced, _summary, regularised, twins


def planted(net=None, reference=None, noisy=None):
    study = find("uniform-stability")
    items = []
    for task in study.tasks("cpu"):
        points, labels = task.arguments["points"], task.arguments["labels"]
        if task.name == "twins":
            own = 0.8 if labels == "random" else 0.1
            values = {"control": 0.0, "fitted": 1.0, "largest": 0.99, "own": np.full((6, 2), own), **(net or {})}
            values |= noisy(points) if noisy and labels == "random" else {}
        else:
            values = {"largest": 10 / points, "bound": 200 / points, **(reference or {})}
        items.append(Result(task, values, 1.0, "here"))
    found = study.judged(Results(study.scale("cpu"), tuple(items)))
    return {claim.id for claim in found if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert planted() == set()
    assert planted(net={"control": 1e-9}) == {"control"}
    assert planted(net={"fitted": 0.98}) == {"fitted"}
    assert planted(net={"largest": 0.5}) == {"unstable"}
    assert planted(net={"own": np.full((6, 2), 0.5)}) == {"labels"}
    assert planted(noisy=lambda points: {"own": np.full((6, 2), 240 / points)}) == {"no-decay"}
    assert planted(reference={"bound": 0.001}) == {"bound"}
    assert planted(reference={"largest": 0.05}) == {"decay"}


def test_one_row_makes_way():
    assert _replaced(4, 2).tolist() == [0, 1, 6, 3]


def test_summary_by_hand():
    """Two rows, two that replace them, one tested; the changes of two twins."""
    changes = [np.array([0.5, 0.0, 0.3, 0.9, 0.1]), np.array([0.0, 0.2, 0.0, 0.4, 0.3])]
    found = _summary(changes, points=2)
    assert found["own"].tolist() == [[0.5, 0.3], [0.2, 0.4]]
    assert found["own_mean"] == pytest.approx(0.35)
    assert found["largest"] == 0.9
    assert found["tested"] == 0.3
    assert found["tested_mean"] == pytest.approx(0.2)


def test_random_labels_share_the_inputs():
    true, noisy = (_drawn("digits", 100, labels, 2, 0) for labels in ("true", "random"))
    assert (true[0] == noisy[0]).all()
    assert len(true[1]) == 102
    assert (true[1] == noisy[1]).mean() < 0.3
    assert (true[3] == noisy[3]).mean() < 0.3


@pytest.mark.parametrize("labels", ["true", "random"])
def test_the_reference_keeps_to_its_bound(labels):
    few, many = (regularised("digits", points, labels, 2, 0) for points in (100, 400))
    assert 0 < few["largest"] <= few["bound"] == pytest.approx(2.0)
    assert 0 < many["largest"] <= many["bound"] == pytest.approx(0.5)
    assert many["largest"] < few["largest"]


def test_twins_differ_by_their_example_alone():
    found = twins("digits", 60, "random", "mlp:128", 1, 0)
    assert found["control"] == 0.0
    assert found["fitted"] >= 0.9
    assert found["own_mean"] > 0.3
