"""The candidates of an audit are carried from the evidence to the findings and into summary.json."""

import json

import numpy as np
import pytest

import noisewise as nw
from noisewise.auditing.candidate import Candidate, accuracy, guessing, log_loss
from noisewise.auditing.gathering.given import given
from noisewise.cli import main
from noisewise.data import Dataset
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


@pytest.fixture(scope="module")
def rows():
    return nw.corrupt(nw.subset(nw.load("digits"), 300, 0), "symmetric:0.2")


def test_several_probabilities_are_stacked(rows):
    rng = np.random.default_rng(0)
    good = np.eye(10)[rows.truth] * 0.7 + 0.03
    useless = rng.dirichlet(np.ones(10), len(rows))
    found = nw.audit(rows, probs=[useless, good], conditions=False)
    assert [(one.name, one.weight) for one in found.candidates] == [("guessing", 0), ("probs 1", 0), ("probs 2", 1)]
    assert found.plan.given == "probs"
    alone = nw.audit(rows, probs=good, conditions=False)
    assert [one.name for one in alone.candidates] == ["guessing", "probs"]
    assert found.metrics["average_precision"] == pytest.approx(alone.metrics["average_precision"], abs=1e-3)


def test_the_command_takes_several_probabilities(rows, tmp_path):
    nw.data.save(rows, tmp_path / "rows.npz")
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.eye(10)[rows.given] * 0.9 + 0.01)
    arguments = ["audit", str(tmp_path / "rows.npz"), "--out", str(tmp_path / "out"), "--no-conditions"]
    files = [part for name in ("a", "b") for part in ("--probs", str(tmp_path / f"{name}.npy"))]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, *files])
    assert not ended.value.code
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [one["name"] for one in written["candidates"]] == ["guessing", "probs 1", "probs 2"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([2.0, -1.0, 0.5], "probs: row 4 has negative numbers; of logits, give the softmax"),
        ([0.5, 0.5, 0.5], "probs: row 4 does not sum to one"),
        ([0.3, 0.3, 0.38], "probs: row 4 does not sum to one"),
    ],
)
def test_what_is_no_distribution_is_refused_with_its_row(row, words):
    data = Dataset(np.zeros((6, 2), np.float32), np.arange(6) % 3, ("a", "b", "c"))
    chances = np.full((6, 3), 1 / 3)
    chances[4] = row
    with pytest.raises(BadInput, match=words):
        nw.audit(data, probs=chances)
    with pytest.raises(BadInput, match=words.replace("probs:", "probs 2:")):
        nw.audit(data, probs=[np.full((6, 3), 1 / 3), chances])


def test_rounding_is_normalised():
    chances = np.full((6, 3), 1 / 3) + 0.002
    found = given([chances], np.arange(6) % 3, 3)
    np.testing.assert_allclose(found.probabilities, 1 / 3, atol=1e-12)


@pytest.mark.parametrize(
    "setting", [{"model": "mlp"}, {"method": "elr"}, {"epochs": 3}, {"folds": 4}, {"lr": 0.1}, {"budget": "thorough"}]
)
def test_settings_that_probabilities_make_void_are_refused(rows, setting):
    (name,) = setting
    with pytest.raises(BadInput, match=f"{name}=.* is for training, but with probs nothing is trained"):
        nw.audit(rows, probs=np.eye(10)[rows.given], **setting)


def test_an_embedding_is_refused_along_with_features(rows):
    with pytest.raises(BadInput, match="embed='x' computes features"):
        nw.audit(rows, features=np.zeros((300, 2)), embed="x")


def test_a_classifier_learns_from_given_features(rows):
    features = np.eye(10)[rows.truth] + np.random.default_rng(0).normal(size=(300, 10)) / 5
    found = nw.audit(rows, features=features, model="linear", conditions=False)
    assert [one.name for one in found.candidates] == ["guessing", "linear"]
    assert found.metrics["auroc"] > 0.99
