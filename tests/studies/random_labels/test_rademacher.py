"""The study of random signs, on planted results."""

import numpy as np
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.random_labels.rademacher import _signs, linear, network, separated


def planted(plane=None, net=1.0, rank=784, weights=100_000, bound=1.0, **margins):
    study = find("rademacher")
    items = []
    for task in study.tasks("cpu"):
        points = task.arguments["points"]
        fitted = min(1.0, 1500 / points) if plane is None else plane
        values = {
            "network": {
                "correlation": net,
                "parameters": weights,
                "margin": margins.get("margin", 1.0),
                "norm": margins.get("norm", points),
            },
            "separated": {"margin": margins.get("separated", 0.5) / points, "bound": 1.0 / points, "rank": points - 1},
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
    assert failed(planted(separated=1.1)) == {"fat-hyperplanes"}
    assert failed(planted(norm=1.0)) == {"fat-limited"}


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


def test_the_largest_margin_lies_between_the_least_and_the_distance_of_means():
    found = separated("digits", 40, 0)
    assert 0 < found["margin"] < found["bound"]
    assert found["rank"] == 39
    assert separated("digits", 2, 0)["margin"] == pytest.approx(separated("digits", 2, 0)["bound"]), "two points"


def test_outputs_of_a_network_are_measured():
    found = network("digits", 40, 0, "mlp:64")
    assert found["margin"] > 0.5
    assert found["norm"] > 8 * np.sqrt(2)
