"""The study of influence, on planted results and on digits."""

import numpy as np
import pytest

from noisewise.compute import Result
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness import data as samples
from noisewise.studies.theory.influence import (
    INSPECTED,
    LABELS,
    RANKINGS,
    _drawn,
    _flipped,
    recalls,
    removals,
    search,
    traced,
)


def planted(removed=None, found=None, net=None):
    study = find("influence")
    items = []
    for task in study.tasks("cpu"):
        share = np.array(INSPECTED)
        by_name = {"self-influence": np.minimum(1, 4.6 * share), "loss": np.minimum(1, 4.7 * share), "random": share}
        by_name |= found or {}
        values = {
            "removals": {
                "correlations": np.array([0.999, 0.99]),
                "sampled_correlations": np.array([0.999, 0.99]),
                "iterated": 1e-9,
            }
            | (removed or {}),
            "search": {"recalls": np.array([by_name[name] for name in RANKINGS])},
            "traced": {"tracin": 0.9, **(net(task.arguments.get("flipped")) if net else {})},
        }[task.name]
        items.append(Result(task, values, 1.0, "here"))
    claims = study.judged(Results(study.scale("cpu"), tuple(items)))
    return {claim.id for claim in claims if not claim.holds}


def test_each_claim_can_hold_and_fail():
    share = np.array(INSPECTED)
    assert planted() == set()
    assert planted({"correlations": np.array([0.999, 0.94])}) == {"leave-one-out"}
    assert planted({"sampled_correlations": np.array([0.999, 0.94])}) == {"lissa"}
    assert planted({"iterated": 1e-5}) == {"conjugate-gradients"}
    assert planted(found={"self-influence": 3.9 * share}) == {"recall"}
    assert planted(found={"random": 1.6 * share}) == {"beats-chance"}
    assert planted(found={"loss": 4.2 * share}) == {"loss-as-good"}
    assert planted(net=lambda share: {"tracin": 0.9 if share == 0.2 else 0.79}) == {"tracin-40"}
    assert planted(net=lambda share: {"tracin": 0.9 if share == 0.4 else 0.79}) == {"tracin-20"}


def test_recall_by_hand():
    """Twenty rows, of which those of the numbers 3 and 7 are wrong; an order that has them second and fifth."""
    order = np.array([0, 3, 1, 2, 7, *(k for k in range(20) if k not in (0, 1, 2, 3, 7))])
    wrong = np.isin(np.arange(20), [3, 7])
    assert recalls(order, wrong).tolist() == [0, 0, 0.5, 0.5, 0.5, 1, 1]


@pytest.mark.parametrize("labels", LABELS)
def test_inputs_are_of_one_length_and_labels_of_one_kind(labels):
    x, y, test_x, test_y, classes = _drawn("digits", 200, 50, labels, 0)
    assert x.shape == (200, 65)
    assert test_x.shape == (50, 65)
    assert (x[:, -1] == 1).all()
    assert (x[:, :-1] ** 2).sum(axis=1).mean() == pytest.approx(16)
    assert x[:, :-1].mean(axis=0) == pytest.approx(np.zeros(64), abs=1e-12)
    assert set(y) == set(test_y) == set(range(2 if labels == "parity" else 10))
    assert classes == (2 if labels == "parity" else 10)


def test_wide_inputs_keep_their_principal_directions(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 70)) * np.where(np.arange(70) < 10, 10.0, 0.001)
    test = Dataset(x[200:].astype(np.float32), rng.integers(3, size=100), tuple("abc"), "vector", name="test")
    data = Dataset(x[:200].astype(np.float32), rng.integers(3, size=200), tuple("abc"), "vector", name="own", test=test)
    monkeypatch.setattr(samples, "load", lambda source: data)
    found, *_ = _drawn("own", 200, 100, "classes", 0)
    assert found.shape == (200, 65)
    assert np.linalg.matrix_rank(found[:, :-1], tol=0.1) == 10


def test_texts_are_refused(monkeypatch):
    test = Dataset(np.array(["c", "d"]), np.array([0, 1]), ("a", "b"), "text", name="test")
    data = Dataset(np.array(["c", "d"]), np.array([0, 1]), ("a", "b"), "text", name="own", test=test)
    monkeypatch.setattr(samples, "load", lambda source: data)
    with pytest.raises(BadInput, match="holds texts"):
        _drawn("own", 2, 2, "classes", 0)


def test_a_share_of_the_labels_is_wrong():
    x, y, _, _, classes = _drawn("digits", 1000, 1, "parity", 0)
    given = _flipped(x, y, classes, 0.1, 0)
    assert (given != y).mean() == pytest.approx(0.1, abs=0.03)
    assert set(given) == {0, 1}


@pytest.mark.parametrize("labels", LABELS)
def test_predictions_are_held_against_retraining(labels):
    found = removals("digits", 200, labels, 300, 2, 15, 0)
    assert found["predicted"].shape == found["found"].shape == found["by_lissa"].shape == (15, 2)
    assert found["correlations"].min() >= 0.95
    assert found["sampled_correlations"].min() >= 0.95
    assert 0 < found["iterated"] < 1e-6 < found["sampled"] < 0.2
    largest = np.abs(found["predicted"])
    assert (np.diff(largest, axis=0) <= 0).all()


def test_flipped_labels_are_found():
    found = search("digits", 300, "classes", 0.1, 0)["recalls"]
    twice = INSPECTED.index(0.2)
    assert found[0, twice] >= 0.8
    assert found[1, twice] >= 0.8
    assert found[2, twice] <= 0.4


def test_the_detector_tells_flipped_labels_of_a_network():
    found = traced("digits", 300, 0.2, 8, 0)
    assert set(found) == {"tracin", "self_influence", "self_confidence"}
    assert 0.8 <= found["tracin"] < 1.0
