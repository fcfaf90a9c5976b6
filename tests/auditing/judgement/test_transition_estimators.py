"""The estimators of the transition matrix that an audit can also report, by name."""

import json

import numpy as np
import pytest
import torch

import noisewise as nw
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.estimates import estimated_transition
from noisewise.cli import main
from noisewise.data import Dataset
from noisewise.data.save import save
from noisewise.errors import BadInput
from noisewise.methods.transition.estimators import ESTIMATORS, estimate_transition

CLASSES, ROWS = 3, 1500
TRUE = np.array([[0.8, 0.2, 0.0], [0.05, 0.9, 0.05], [0.1, 0.2, 0.7]])


@pytest.fixture(scope="module")
def problem():
    """Features, clean posteriors and labels that went wrong by TRUE."""
    rng = np.random.default_rng(0)
    true = rng.integers(CLASSES, size=ROWS)
    x = 5 * np.eye(CLASSES)[true] + rng.normal(size=(ROWS, CLASSES))
    labels = (rng.random(ROWS)[:, None] > TRUE[true].cumsum(axis=1)).sum(axis=1)
    clean = np.exp(5 * x - (5 * x).max(axis=1, keepdims=True))
    return x, clean / clean.sum(axis=1, keepdims=True), labels


def distance(found):
    return np.abs(found - TRUE).sum(axis=1).mean() / 2


@pytest.mark.parametrize(
    "name, by_probabilities, by_features",
    [("anchor", 0.02, 0.11), ("anchor-mean", 0.02, 0.04), ("dual-t", 0.15, 0.20), ("hoc", 0.07, 0.04)],
)
def test_a_known_matrix_is_found(problem, name, by_probabilities, by_features):
    """Neighbours' votes stand in for probabilities where there are features alone."""
    x, clean, labels = problem
    for parts, error in (({"probabilities": clean @ TRUE}, by_probabilities), ({"features": x}, by_features)):
        found = estimated_transition(Evidence(labels, CLASSES, **parts), name)
        assert found.shape == (CLASSES, CLASSES)
        assert np.allclose(found.sum(axis=1), 1)
        assert (found >= 0).all()
        assert distance(found) < error


@pytest.fixture(scope="module")
def data(problem):
    x, _, labels = problem
    return Dataset(x.astype(np.float32), labels, ("a", "b", "c"), name="synthetic")


def test_it_is_reported_beside_the_judgements_own(problem, data, tmp_path):
    x = problem[0]
    plain, found = (nw.audit(data, features=x, transition=name) for name in (None, "hoc"))
    assert plain.estimates == {}
    assert "transition_estimates" not in plain.summary
    assert np.array_equal(plain.transition, found.transition)
    assert np.array_equal(plain.suspicion, found.suspicion)
    assert set(found.estimates) == {"hoc"}
    assert distance(found.estimates["hoc"]) < 0.05
    found.save(tmp_path / "audit")
    summary = json.loads((tmp_path / "audit" / "summary.json").read_text())
    assert np.allclose(summary["transition_estimates"]["hoc"], found.estimates["hoc"])
    report = (tmp_path / "audit" / "report.html").read_text()
    assert "(transition matrix), by hoc" in report
    plain.save(tmp_path / "plain")
    assert "(transition matrix), by" not in (tmp_path / "plain" / "report.html").read_text()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_serves_a_cross_fitted_audit(name):
    noisy = nw.corrupt(nw.subset(nw.load("digits"), 300, 0), "symmetric:0.2")
    found = nw.audit(noisy, transition=name, epochs=4, folds=2, model="mlp:widths=32").estimates[name]
    assert np.isfinite(found).all()
    assert np.allclose(found.sum(axis=1), 1)


def test_a_bad_name_is_refused_before_anything_is_trained(data):
    with pytest.raises(BadInput, match="unknown transition estimator 'hok'"):
        nw.audit(data, transition="hok", epochs=10**9)


def test_evidence_that_predicts_nothing():
    with pytest.raises(BadInput, match="needs probabilities"):
        estimated_transition(Evidence(np.array([0, 1, 1]), 2), "hoc")


def called(*arguments):
    """The exit code of the command line."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code


def test_the_command_line(data, problem, tmp_path, capsys):
    save(data, tmp_path / "data.npz")
    np.save(tmp_path / "x.npy", problem[0])
    common = ("audit", tmp_path / "data.npz", "--features", tmp_path / "x.npy", "--transition-estimator")
    assert called(*common, "hoc", "--out", tmp_path / "audit") == 0
    summary = json.loads((tmp_path / "audit" / "summary.json").read_text())
    assert distance(np.array(summary["transition_estimates"]["hoc"])) < 0.05
    assert called(*common, "hok", "--out", tmp_path / "b") == 2
    assert "unknown transition estimator 'hok' (did you mean 'hoc'?)" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_estimates_do_not_mind_the_order_of_rows(problem):
    x, clean, labels = (torch.as_tensor(part) for part in problem)
    order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(0))
    for name in ESTIMATORS:
        one = estimate_transition(name, clean, labels, x)
        two = estimate_transition(name, clean[order], labels[order], x[order])
        assert torch.allclose(one, two, atol=1e-6), name
