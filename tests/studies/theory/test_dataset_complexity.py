"""The study of complexity, on planted results and on digits."""

import numpy as np
import pytest

from noisewise.compute import Result
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness import data as samples
from noisewise.studies.theory.dataset_complexity import COMPARED, _by_kernel, _drawn, measured, tracking
from noisewise.theory.wide import Spectrum, infinite_gram, unit_rows

STUDY = find("dataset-complexity")
OPTIONS = {"source": "digits", "shares": [0.0, 1.0], "seed": 0}


def rows(changed=None, only=None):
    """Results in which every measure rises by the share; `changed` holds for all problems, or for one source."""
    shares = np.array(STUDY.scale("cpu").shares)
    usual = dict.fromkeys(COMPARED, 1 + 2 * shares)
    usual |= {"alignment": 0.3 - 0.2 * shares, "kernel_error": 0.5 * shares, "net_error": 0.02 + 0.4 * shares}
    items = []
    for task in STUDY.tasks("cpu"):
        own = (changed or {}) if only in (None, task.arguments["source"]) else {}
        items.append(Result(task, {**usual, **own}, 1.0, "here"))
    return Results(STUDY.scale("cpu"), tuple(items))


def failing(changed=None, only=None):
    return {claim.id for claim in STUDY.judged(rows(changed, only)) if not claim.holds}


def test_each_claim_can_hold_and_fail():
    shares = np.array(STUDY.scale("cpu").shares)
    assert failing() == set()
    bent = 1 + 2 * shares
    bent[1] = 1.0
    assert failing({"complexity": bent}, "mnist") == {"complexity-rises"}
    assert "random-more" in failing({"complexity": 1 - 0.1 * shares}, "cifar10")
    turned = shares[[0, 2, 1, 4, 3, 5, 6]]
    assert failing({"kernel_error": turned}) == {"tracks-kernel"}
    assert failing({"net_error": turned}, "fashion-mnist") == {"tracks-network"}
    for name in COMPARED[1:]:
        flat = np.full(len(shares), 0.2)
        assert failing({name: flat}, "mnist") == {f"order-{name.replace('_', '-')}"}
    assert failing({"alignment": 0.1 + shares}) == {"order-alignment"}


def test_measures_go_with_the_error_over_all_problems():
    """Where problems differ in scale alone, only what is relative to random labels orders all of them."""
    shares = np.array(STUDY.scale("cpu").shares)
    assert tracking(rows(), "complexity", "net_error", relative=False) == pytest.approx(1)
    assert tracking(rows(), "alignment", "net_error", relative=False) == pytest.approx(1)
    scaled = rows({"complexity": 10 + 20 * shares}, "mnist")
    assert tracking(scaled, "complexity", "net_error", relative=False) < 0.9
    assert tracking(scaled, "complexity", "net_error", relative=True) > 0.99


def test_the_reference_on_digits():
    """A thousand digits by parity, computed apart from this code: 1.99 with true labels and 6.81 with random ones."""
    found = measured(**OPTIONS, labels="parity", points=1000, tested=300, model="mlp:16", epochs=1, batch=64, rate=0.02)
    assert found["complexity"] == pytest.approx([1.99, 6.81], abs=0.45)
    assert found["alignment"][0] > 5 * found["alignment"][1]
    assert found["kernel_error"][0] < 0.03 < 0.35 < found["kernel_error"][1]
    assert found["wrong"][0] == 0
    assert found["wrong"][1] == pytest.approx(0.5, abs=0.05)


def test_the_network_learns_and_forgets():
    found = measured(**OPTIONS, labels="pair", points=100, tested=60, model="mlp:64", epochs=25, batch=16, rate=0.05)
    assert found["net_error"][0] < 0.05 < 0.2 < found["net_error"][1]
    assert found["net_fit"][0] == 1
    assert found["forgetting"][0] < found["forgetting"][1]


def test_the_kernel_by_hand():
    """Two points at a right angle have H = I / 2, so alpha = 2 y; a test row that is the first point gets its value."""
    x = np.eye(2)
    spectrum, tests = Spectrum.of(infinite_gram(x)), unit_rows(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    found = _by_kernel(spectrum, infinite_gram(tests, x), np.array([1.0, -1.0]), np.array([1.0, 1.0, 1.0]))
    assert found["kernel_error"] == pytest.approx(2 / 3), "the third lies between both, at zero"
    assert found["kernel_loss"] == pytest.approx((0 + 1 + 1) / 3)


def test_what_is_drawn():
    x, y, test_x, test_y = _drawn("digits", "pair", 100, 1000, 0)
    assert (len(x), len(y)) == (100, 100)
    assert set(y) == {1.0, -1.0}
    assert 0 < len(test_x) == len(test_y) < 200
    assert set(_drawn("digits", "parity", 100, 50, 0)[1]) == {1.0, -1.0}
    with pytest.raises(BadInput, match="but this study needs 5000"):
        _drawn("digits", "pair", 5000, 10, 0)


def test_sources_that_do_not_serve_are_refused(monkeypatch):
    texts = Dataset(np.array(["c", "d"]), np.array([0, 1]), ("a", "b"), "text", name="own")
    monkeypatch.setattr(samples, "load", lambda source: texts)
    with pytest.raises(BadInput, match="holds texts"):
        _drawn("own", "pair", 2, 2, 0)
    alone = Dataset(np.ones((2, 3), dtype=np.float32), np.array([0, 1]), ("a", "b"), "vector", name="own")
    monkeypatch.setattr(samples, "load", lambda source: alone)
    with pytest.raises(BadInput, match="no test split"):
        _drawn("own", "pair", 2, 2, 0)


def test_a_source_of_ones_own_is_asked_both_ways():
    tasks = STUDY.tasks("cpu", source="digits")
    assert {task.arguments["labels"] for task in tasks} == {"pair", "parity"}
    assert {task.arguments["source"] for task in tasks} == {"digits"}


def test_the_scale_of_the_paper_builds():
    assert {task.arguments["points"] for task in STUDY.tasks("paper")} == {10_000}
