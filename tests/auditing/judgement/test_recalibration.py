"""Recalibration: reviewed rows stay reviewed, and their decisions correct the other rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import noisewise as nw
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.judgement.recalibration import fitted_line, recalibrated
from noisewise.auditing.review.folder import original_data
from noisewise.auditing.reviewed import Reviewed

N = 4000


def judged(suspicion):
    issue = suspicion > 0.5
    rate = float(suspicion.mean())
    interval = (0.8 * rate, min(1.2 * rate, 1.0))
    right = np.full(len(suspicion), 0.9)
    return Judgement(suspicion, issue.astype(int), issue, rate, interval, np.eye(2), suggestion_right=right)


def reviewed(rows, wrong, suspicion, *, weight=None, accepted=None, remaining=None):
    weight = np.ones(len(rows)) if weight is None else weight
    accepted = wrong if accepted is None else accepted
    return Reviewed(rows, wrong, suspicion[rows], np.ones(len(rows), bool), accepted, weight, remaining)


@pytest.fixture(scope="module")
def overconfident():
    """(n,) log-odds that are twice too large and one too high, and whether labels are wrong."""
    random = np.random.default_rng(0)
    odds = random.normal(-2, 2, N)
    wrong = random.random(N) < 1 / (1 + np.exp(-odds))
    return 1 / (1 + np.exp(-(2 * odds + 1))), wrong


def apply(suspicion, known):
    given = np.zeros(len(suspicion), dtype=int)
    evidence = Evidence(given, 3, probabilities=np.tile([0.5, 0.2, 0.3], (len(suspicion), 1)))
    return recalibrated(judged(suspicion), evidence, known)


def test_no_reviewed_rows_change_nothing(overconfident):
    suspicion, _ = overconfident
    none = np.zeros(0, dtype=int)
    assert fitted_line(reviewed(none, none.astype(bool), suspicion)) == (0, 1)


def test_many_reviewed_rows_are_believed(overconfident):
    suspicion, wrong = overconfident
    rows = np.arange(2000)
    shift, slope = fitted_line(reviewed(rows, wrong[rows], suspicion))
    assert slope == pytest.approx(0.5, abs=0.05)
    assert shift == pytest.approx(-0.5, abs=0.15)


def test_few_reviewed_rows_are_believed_little(overconfident):
    suspicion, _ = overconfident
    shift, slope = fitted_line(reviewed(np.arange(2), np.array([True, False]), suspicion))
    assert abs(shift) < 1
    assert abs(slope - 1) < 0.5


def test_rows_count_as_many_as_they_stand_for(overconfident):
    suspicion, _ = overconfident
    rows = np.argsort(np.abs(suspicion - 0.5))[:100]
    wrong = np.arange(100) < 50
    weight = np.where(wrong, 1.0, 9.0)
    plain, weighted = (fitted_line(reviewed(rows, wrong, suspicion, weight=w))[0] for w in (np.ones(100), weight))
    assert abs(plain) < 0.1
    assert -2.2 < weighted < -1.5


def test_reviewed_rows_are_right_and_the_others_calibrated(overconfident):
    suspicion, wrong = overconfident
    rows = np.arange(1000)
    found = apply(suspicion, reviewed(rows, wrong[rows], suspicion))
    assert not found.suspicion[rows].any()
    assert not found.is_issue[rows].any()
    assert not found.relabel[rows].any()
    others, before = found.suspicion[1000:], suspicion[1000:]
    brier = [float(((values - wrong[1000:]) ** 2).mean()) for values in (others, before)]
    assert brier[0] < 0.95 * brier[1]
    assert others.mean() == pytest.approx(wrong[1000:].mean(), abs=0.02)
    assert found.noise_rate == pytest.approx(others.sum() / N)
    assert found.interval[0] < found.noise_rate < found.interval[1]
    assert (found.suspicion[found.is_issue] > found.threshold).all()


def test_the_rate_is_that_of_the_certified_review(overconfident):
    suspicion, wrong = overconfident
    rows = np.arange(200)
    found = apply(suspicion, reviewed(rows, wrong[rows], suspicion, remaining=(600.0, 400.0, 900.0)))
    assert found.noise_rate == pytest.approx(0.15)
    assert found.interval == pytest.approx((0.1, 0.225))
    assert found.suspicion.sum() == pytest.approx(600, rel=1e-3)
    assert "A person has reviewed 200 rows" in found.explanation
    assert "15.0 % (10.0 % to 22.5 %) are still wrong" in found.explanation


def test_suggestions_that_were_rejected_are_trusted_less(overconfident):
    suspicion, _ = overconfident
    rows = np.flatnonzero(suspicion > 0.9)[:60]
    wrong = np.ones(60, dtype=bool)
    liked, disliked = (
        apply(suspicion, reviewed(rows, wrong, suspicion, accepted=np.full(60, accepted))) for accepted in (True, False)
    )
    assert liked.suggestion_right.mean() > 0.9 > 0.2 > disliked.suggestion_right.mean()
    assert liked.relabel.sum() > disliked.relabel.sum()


def test_rows_that_became_issues_get_a_suggestion():
    suspicion = np.full(200, 0.3)
    suspicion[:40] = 0.9
    rows = np.arange(30, 100)
    found = apply(suspicion, reviewed(rows, np.ones(70, dtype=bool), suspicion))
    assert found.is_issue[100:].all()
    assert (found.suggested[100:] == 2).all()
    assert (found.suggested[:30] == 1).all()
    assert (found.suggested[rows] == 0).all()


def test_a_weak_model_names_no_further_rows(overconfident):
    suspicion, wrong = overconfident
    rows = np.arange(500)
    known = reviewed(rows, wrong[rows], suspicion)
    evidence = Evidence(np.zeros(N, dtype=int), 3, probabilities=np.tile([0.5, 0.2, 0.3], (N, 1)))
    weak = replace(judged(suspicion), weak="The model cannot tell.")
    found = recalibrated(weak, evidence, known)
    assert (found.is_issue[500:] == weak.is_issue[500:]).all()
    assert (found.is_issue == (found.suspicion > found.threshold)).all()
    assert found.weak
    certified = recalibrated(weak, evidence, replace(known, remaining=(600.0, 400.0, 900.0)))
    assert not certified.weak


def test_everything_reviewed():
    suspicion = np.array([0.9, 0.1, 0.6])
    known = reviewed(np.arange(3), np.array([True, False, True]), suspicion, remaining=(0.0, 0.0, 0.0))
    found = apply(suspicion, known)
    assert (found.noise_rate, found.interval, found.is_issue.any()) == (0, (0, 0), False)


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """Letters of digits with a tenth of wrong labels, 150 suspects and 60 drawn rows reviewed, audited again."""
    folder = tmp_path_factory.mktemp("audit")
    data = nw.corrupt(nw.load("digits"), "symmetric:0.1", seed=0)
    first = nw.audit(data, model="boosting", conditions=False, out=folder)
    rows = np.union1d(first.issues["index"][:150], first.sample["index"][:60])
    place = {index: at for at, index in enumerate(data.index.tolist())}
    truth = np.array([data.truth[place[index]] for index in rows.tolist()])
    table = pd.DataFrame({"index": rows, "decision": "relabel", "label": [data.classes[label] for label in truth]})
    after, summary = nw.decide(original_data(folder), table, findings_folder=folder)
    return data, rows, after, summary, nw.audit(after, model="boosting", conditions=False)


def test_a_second_audit_does_not_ask_again(decided):
    data, rows, after, summary, again = decided
    assert summary["certified"]["reviews"] >= 60
    issues = again.issues.set_index("index")
    assert not issues.loc[rows, "is_issue"].any()
    assert not set(again.sample["index"]) & set(rows.tolist())
    assert len(again.reviewed) == len(rows)
    low, high = again.interval
    assert low <= (after.given != data.truth).mean() <= high
