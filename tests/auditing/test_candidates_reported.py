"""The candidates of an audit are carried from the evidence to the findings and into summary.json."""

import json

import numpy as np
import pytest

import noisewise as nw
from noisewise.auditing.candidate import Candidate, accuracy, guessing, log_loss
from noisewise.errors import BadInput


def test_loss_and_accuracy_by_hand():
    chances = np.array([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]])
    labels = np.array([1, 1, 1])
    assert log_loss(chances, labels) == pytest.approx(-np.log([0.5, 0.75, 0.1]).mean())
    assert accuracy(chances, labels) == pytest.approx(1 / 3)  # a tie goes to the first class
    assert Candidate("m", 0.3, 0.9).was_run
    assert not Candidate("other", note="too costly").was_run


def test_guessing_is_the_entropy_of_the_labels():
    found = guessing(np.array([0, 0, 0, 1]), 3)
    assert found.loss == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert found.accuracy == 0.75
    assert found.weight == 0


def test_a_weight_above_one_is_refused():
    with pytest.raises(BadInput, match=r"'m': weight=1\.5"):
        Candidate("m", weight=1.5)


def test_an_audit_reports_its_candidates(tmp_path):
    rows = nw.corrupt(nw.subset(nw.load("digits"), 200, 0), "symmetric:0.1")
    found = nw.audit(rows, model="forest", out=tmp_path, conditions=False)
    names = [one.name for one in found.candidates]
    assert names == ["guessing", "forest"]
    assert found.candidates[1].loss < found.candidates[0].loss
    assert sum(one.weight for one in found.candidates) == 1
    written = json.loads((tmp_path / "summary.json").read_text())
    assert [one["name"] for one in written["candidates"]] == names
    assert set(written["candidates"][1]) == {"name", "loss", "accuracy", "seconds", "weight", "note"}
    assert written["plan"]["budget"] == "default"


def test_given_probabilities_and_features_are_candidates_too():
    rows = nw.subset(nw.load("digits"), 200, 0)
    chances = np.eye(10)[rows.given] * 0.9 + 0.01
    assert nw.audit(rows, probs=chances, conditions=False).candidates[1].accuracy == 1
    features = rows.inputs.reshape(200, -1) / 16
    assert sum(one.weight for one in nw.audit(rows, features=features, conditions=False).candidates) == pytest.approx(1)


def test_an_unknown_budget_is_refused():
    with pytest.raises(BadInput, match="budget='slow' must be one of quick, default, thorough"):
        nw.audit("digits", budget="slow")
