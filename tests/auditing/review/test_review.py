"""The review queue: its order, its expected gain, and what a whole review would bring."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisewise.auditing.findings import Findings
from noisewise.auditing.judgement.judgement import Judgement, expected_gain
from noisewise.auditing.report.page import render
from noisewise.auditing.report.shown import shown
from noisewise.auditing.review.decide import decide
from noisewise.auditing.review.folder import original_data
from noisewise.auditing.review.queue import gain_over, per_hundred, review_queue, simulated_gain
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput

ISSUES = pd.DataFrame(
    {
        "index": [4, 3, 2, 1, 0],
        "given": list("aaaaa"),
        "suggested": list("bbaaa"),
        "suspicion": [0.9, 0.6, 0.45, 0.4, 0.1],
        "is_issue": [True, True, False, False, False],
    }
)


def test_the_gain_over_cleaned_is_the_chance_that_the_cleaned_label_is_wrong():
    gain = expected_gain(ISSUES["suspicion"].to_numpy(), ISSUES["is_issue"].to_numpy(), 1.0)
    np.testing.assert_allclose(gain, [0.1, 0.4, 0.45, 0.4, 0.1])


def test_the_queue_over_given_labels_is_by_suspicion():
    assert review_queue(ISSUES.sample(frac=1, random_state=0))["index"].tolist() == [4, 3, 2, 1, 0]


def test_the_queue_over_cleaned_labels_begins_near_the_threshold_and_breaks_ties_by_suspicion():
    queue = review_queue(ISSUES.sample(frac=1, random_state=0), "cleaned")
    assert queue["index"].tolist() == [2, 3, 1, 4, 0]


def test_equal_rows_are_ordered_by_index():
    same = ISSUES.assign(suspicion=0.3, is_issue=False)
    assert review_queue(same)["index"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("base", ["cleand", ""])
def test_an_unknown_base_is_refused(base):
    with pytest.raises(BadInput, match=f"base='{base}' must be one of given, cleaned"):
        gain_over(ISSUES, base)


def test_two_classes_of_calibrated_suspicion_are_corrected_as_often_as_expected():
    rng = np.random.default_rng(0)
    suspicion = rng.random(40_000)
    wrong, issue = rng.random(40_000) < suspicion, suspicion > 0.5
    wrong_in_cleaned = wrong ^ issue
    assert expected_gain(suspicion, issue, 1.0).sum() == pytest.approx(wrong_in_cleaned.sum(), rel=0.03)


def test_a_suggestion_that_may_be_wrong_leaves_more_to_gain():
    gain = expected_gain(np.array([0.8, 0.8, 0.3]), np.array([True, False, False]), np.array([0.75, 0.75, 0.1]))
    np.testing.assert_allclose(gain, [0.4, 0.8, 0.3])


def test_the_table_says_what_the_gain_over_cleaned_is():
    assert gain_over(ISSUES.assign(expected_gain=0.25), "cleaned").tolist() == [0.25] * 5


def unsure_findings():
    data = Dataset(np.zeros((3, 2), np.float32), np.array([0, 0, 1]), ("a", "b"))
    suspicion, issue = np.array([0.9, 0.6, 0.2]), np.array([True, True, False])
    relabel = np.array([True, False, False])
    judgement = Judgement(suspicion, np.array([1, 1, 1]), issue, 0.5, (0, 1), np.eye(2), relabel=relabel)
    return Findings(data, judgement)


def test_an_unsure_issue_keeps_its_label_or_is_dropped():
    found = unsure_findings()
    assert found.action.tolist() == ["relabel", "unsure", "keep"]
    assert found.issues["action"].tolist() == ["relabel", "unsure", "keep"]
    assert found.summary["actions"] == {"keep": 1, "relabel": 1, "unsure": 1}
    assert found.cleaned().given.tolist() == [1, 0, 1]
    dropped = found.cleaned(unsure="drop")
    assert (dropped.given.tolist(), dropped.index.tolist()) == ([1, 1], [0, 2])
    assert dropped.provenance[-1] == {"step": "audit", "relabelled": 1, "dropped": 1}
    with pytest.raises(BadInput, match="unsure='hold' must be one of keep, drop"):
        found.cleaned(unsure="hold")


def test_a_decision_over_cleaned_labels_leaves_the_unsure_ones(tmp_path):
    folder = unsure_findings().save(tmp_path / "audit")
    decisions = pd.DataFrame({"index": [2], "decision": ["keep"], "label": [""]})
    decided, _ = decide(original_data(folder), decisions, findings_folder=folder, base="cleaned")
    assert decided.given.tolist() == [1, 0, 1]


def test_blocks_of_a_hundred():
    assert per_hundred(np.ones(250, int)) == [100, 100, 50]
    assert per_hundred(np.array([], int)) == []


@given(st.lists(st.booleans(), max_size=350))
@settings(max_examples=50, deadline=None)
def test_queue_and_random_order_correct_the_same_labels_in_the_end(wrong):
    found = simulated_gain(np.array(wrong, bool))
    assert sum(found["queue"]) == sum(wrong)
    assert sum(found["random"]) == pytest.approx(sum(wrong))
    assert len(found["queue"]) == len(found["random"])


def test_a_good_order_gains_first_what_a_random_one_gains_evenly():
    found = simulated_gain(np.r_[np.ones(100, bool), np.zeros(100, bool)])
    assert found == {"queue": [100, 0], "random": [50.0, 50.0]}


def test_the_findings_and_the_report_say_the_expected_gain():
    data = Dataset(np.zeros((3, 2), np.float32), np.array([0, 0, 1]), ("a", "b"))
    issue = np.array([True, False, False])
    judgement = Judgement(np.array([0.9, 0.45, 0.2]), np.array([1, 0, 1]), issue, 0.5, (0, 1), np.eye(2))
    found = Findings(data, judgement)
    assert found.issues["expected_gain"].tolist() == [0.1, 0.45, 0.2]
    assert [row["gain"] for row in shown(found, 3)["rows"]] == [0.1, 0.45, 0.2]
    page = render(found)
    assert '<option value="gain">' in page
    assert "gain: (a, b) => b.gain - a.gain" in page
