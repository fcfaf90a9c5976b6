"""The noise rate, the suspicions, the issues, the gate and the cleaned copy of an audit say the same."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import noisewise as nw
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gate import gate
from noisewise.auditing.judgement.judge import judge
from noisewise.data import Dataset

POINT = 0.01
EXTREME = (0.0, 1.0, -1.0, 1e-30, 40000.0, -9999.0, 1e12, -3e38, 3e38)


def assert_agreement(found, labels, case):
    """`found` has suspicion, rate, interval, issues and threshold."""
    n, issues = len(labels), int(found.is_issue.sum())
    low, high = found.interval
    assert np.isfinite(found.suspicion).all(), case
    assert ((found.suspicion >= 0) & (found.suspicion <= 1)).all(), case
    assert 0 <= low <= found.noise_rate <= high <= 1, case
    assert abs(found.suspicion.mean() - found.noise_rate) <= POINT, case
    # issues have suspicions above the threshold, so many of them make a large mean, and thus a large rate
    assert issues * found.threshold <= n * (found.noise_rate + POINT), case
    assert (found.is_issue == (found.suspicion > found.threshold)).all(), case
    assert (found.suggested[~found.is_issue] == labels[~found.is_issue]).all(), case
    assert (found.suggested[found.is_issue] != labels[found.is_issue]).all(), case


def predictions(kind, labels, classes, rng):
    n = len(labels)
    if kind == "uniform":
        return np.full((n, classes), 1 / classes)
    if kind == "random":
        return rng.dirichlet(np.full(classes, 0.3), n)
    said = labels.copy()
    wrong = rng.random(n) < {"certain": 0.2, "wrong": 1.0, "right": 0.0, "vague": 0.3}[kind]
    said[wrong] = (said[wrong] + 1) % classes
    sharp = 0.2 if kind == "vague" else 1.0
    return sharp * np.eye(classes)[said] + (1 - sharp) / classes


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(3, 80),
    classes=st.integers(2, 6),
    kind=st.sampled_from(["uniform", "random", "certain", "wrong", "right", "vague"]),
    seed=st.integers(0, 1000),
)
def test_a_judgement_of_any_probabilities_agrees_with_itself(n, classes, kind, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    found = judge(Evidence(labels, classes, probabilities=predictions(kind, labels, classes, rng)))
    assert_agreement(found, labels, (n, classes, kind, seed))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    slips=st.lists(st.tuples(st.integers(0, 59), st.integers(0, 2), st.sampled_from(EXTREME)), max_size=8),
    informative=st.booleans(),
    seed=st.integers(0, 100),
)
def test_an_audit_of_a_table_with_extreme_values_agrees_with_itself(slips, informative, seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, 60)
    inputs = rng.normal(size=(60, 3)) + (3.0 * truth[:, None] if informative else 0.0)
    for row, column, value in slips:
        inputs[row, column] = value
    labels = np.where(rng.random(60) < 0.1, 1 - truth, truth)
    data = Dataset(inputs.astype(np.float32), labels, ("a", "b"), "table")
    found = nw.audit(data, model="linear", conditions=False, seed=seed)
    assert_agreement(found, labels, (slips, informative, seed))


def test_slips_of_40000_in_a_file_leave_the_rest_of_the_audit_right(tmp_path):
    rng = np.random.default_rng(0)
    truth = np.repeat(["left", "right"], 120)
    columns = rng.normal(size=(240, 2)) + np.where(truth == "left", -2.0, 2.0)[:, None]
    columns[17, 0] = columns[203, 1] = 40000
    labels = truth.copy()
    labels[::10] = np.where(truth[::10] == "left", "right", "left")
    pd.DataFrame(columns, columns=["x", "y"]).assign(label=labels).to_csv(tmp_path / "rows.csv", index=False)
    found = nw.audit(tmp_path / "rows.csv", labels="label", budget="quick", conditions=False, fail_above=0.02)
    assert_agreement(found, found.data.given, "slips")
    assert not found.gate.passed
    cleaned = np.array(found.data.classes)[found.cleaned().given]
    assert (cleaned == truth).mean() > (labels == truth).mean()


@pytest.mark.parametrize("limit", [0.0, 0.05, 0.3])
def test_a_passed_gate_bounds_the_issues(limit):
    rows = nw.corrupt(nw.subset(nw.load("digits"), 300, 0), "symmetric:0.1")
    found = nw.audit(rows, model="linear", conditions=False)
    verdict = gate(found.noise_rate, found.interval, limit, False)
    assert verdict.passed is (found.noise_rate <= limit)
    if verdict.passed:
        assert found.is_issue.mean() * found.threshold <= limit + POINT
