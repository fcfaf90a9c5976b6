"""The study of random signs, on planted results."""

import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.random_labels.rademacher import _signs, linear, network


def planted(plane=None, net=1.0, rank=784, weights=100_000, bound=1.0):
    study = find("rademacher")
    items = []
    for task in study.tasks("cpu"):
        points = task.arguments["points"]
        fitted = min(1.0, 1500 / points) if plane is None else plane
        values = {
            "network": {"correlation": net, "parameters": weights},
            "linear": {"correlation": fitted, "dimensions": min(points - 1, rank), "bound": bound},
        }[task.name]
        items.append(Result(task, values, 1.0, "here"))
    return {claim.id: claim for claim in study.judged(Results(study.scale("cpu"), tuple(items)))}


def failed(found):
    return {name for name, claim in found.items() if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failed(planted()) == set()
    assert failed(planted(net=0.97)) == {"networks"}
    assert failed(planted(plane=1.0)) == {"linear-falls"}
    assert failed(planted(plane=0.5)) == {"cover"}
    assert failed(planted(bound=0.9)) == {"massart"}
    assert failed(planted(weights=100)) == {"networks"}, "nothing was measured"


def test_nothing_is_said_of_sizes_that_are_not_there():
    assert "linear-falls" not in planted(rank=20_000)


def test_signs_are_drawn():
    drawn = _signs(10_000, 0)
    assert set(drawn) == {0, 1}
    assert drawn.mean() == pytest.approx(0.5, abs=0.02)
    assert (drawn == _signs(10_000, 1)).mean() == pytest.approx(0.5, abs=0.02)
    assert all(set(_signs(2, draw)) == {0, 1} for draw in range(10))


def test_hyperplanes_fit_as_many_signs_as_counting_says():
    few = linear("digits", 50, 0)
    assert few["correlation"] == few["separable"] == pytest.approx(1.0)
    assert few["dimensions"] == 49
    many = linear("digits", 1200, 0)
    assert 0.05 < many["correlation"] < many["bound"] < 0.7
    assert many["separable"] < 1e-50


def test_a_network_fits_signs():
    found = network("digits", 40, 0, "mlp:64")
    assert found["correlation"] == 1.0
    assert found["parameters"] == 64 * 64 + 64 + 2 * 64 + 2
