"""Several reviewers: the majority decides, agreement is measured, disagreements come first; and what is remembered."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from noisewise.auditing.findings import Findings
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.review.decide import decide
from noisewise.auditing.review.exchange.export import export_review
from noisewise.auditing.reviewed import reviewed_before
from noisewise.data.dataset import Dataset
from noisewise.data.save import save
from noisewise.data.sources import load
from noisewise.errors import BadInput


@pytest.fixture
def audited(tmp_path):
    """Six rows: index 5, 15, ..., 55; given a b c a b c; the first, fourth and fifth are issues."""
    labels, suggested = np.array([0, 1, 2, 0, 1, 2]), np.array([1, 1, 2, 2, 0, 2])
    data = Dataset(np.zeros((6, 2), np.float32), labels, ("a", "b", "c"), index=np.arange(6) * 10 + 5)
    issue = labels != suggested
    Findings(data, Judgement(issue * 0.9, suggested, issue, 0.5, (0.4, 0.6), np.eye(3))).save(tmp_path / "audit")
    return data, tmp_path / "audit"


def table(*lines):
    return pd.DataFrame(lines, columns=["index", "decision", "label"])


ADA = table((5, "accept", ""), (15, "keep", ""), (35, "keep", ""), (45, "relabel", "c"))
BEN = table((35, "accept", ""), (5, "relabel", "b"), (15, "keep", ""), (45, "relabel", "c"))
CLEO = table((35, "relabel", "c"), (55, "relabel", "a"))


def test_two_reviewers_agree_or_the_row_is_left_as_it_is(audited):
    data, folder = audited
    decided, summary = decide(data, [ADA, BEN], findings_folder=folder)
    assert decided.given.tolist() == [1, 1, 2, 0, 2, 2]
    assert (summary["reviewed"], summary["decisions"]) == (3, {"accept": 1, "keep": 1, "relabel": 1})
    found = summary["agreement"]
    assert found["reviewers"] == {"reviewer 1": 4, "reviewer 2": 4}
    assert (found["rows"], found["share"]) == (4, 0.75)
    # Ada's labels b b a c and Ben's b b c c: chance agrees in 2/4 * 2/4 + 1/4 * 0 + 1/4 * 2/4
    assert found["kappa"] == pytest.approx((0.75 - 0.375) / (1 - 0.375))
    split = {"index": 35, "labels": {"reviewer 1": "a", "reviewer 2": "c"}, "decided": None}
    assert found["disagreements"] == [split]


def test_the_majority_decides(audited):
    data, folder = audited
    decided, summary = decide(data, [ADA, BEN, CLEO], findings_folder=folder)
    assert decided.given.tolist() == [1, 1, 2, 2, 2, 0]
    (split,) = summary["agreement"]["disagreements"]
    assert split["decided"] == "c"


def test_whoever_is_unsure_has_no_vote_and_removing_is_a_vote(audited):
    data, folder = audited
    ada = table((5, "unsure", ""), (15, "remove", ""), (25, "unsure", ""), (35, "remove", ""))
    ben = table((5, "accept", ""), (15, "remove", ""), (25, "unsure", ""), (35, "keep", ""))
    decided, summary = decide(data, [ada, ben], findings_folder=folder)
    assert (decided.index.tolist(), decided.given.tolist()) == ([5, 25, 35, 45, 55], [1, 2, 0, 1, 2])
    assert summary["decisions"] == {"accept": 1, "keep": 0, "relabel": 0, "unsure": 1, "remove": 1}
    split = {"index": 35, "labels": {"reviewer 1": "(removed)", "reviewer 2": "a"}, "decided": None}
    assert summary["agreement"]["disagreements"] == [split]


def test_a_column_of_reviewers_is_the_same_as_files(audited, tmp_path):
    data, folder = audited
    ADA.to_csv(tmp_path / "ada.csv", index=False)
    BEN.to_csv(tmp_path / "ben.csv", index=False)
    files = decide(data, [tmp_path / "ada.csv", tmp_path / "ben.csv"], findings_folder=folder)
    both = pd.concat([ADA.assign(reviewer="ada"), BEN.assign(reviewer="ben")])
    column = decide(data, both, findings_folder=folder)
    assert files[1] == column[1]
    assert files[1]["agreement"]["reviewers"] == {"ada": 4, "ben": 4}
    assert files[0].given.tolist() == column[0].given.tolist()


def test_a_reviewer_who_contradicts_himself_is_rejected(audited):
    data, folder = audited
    twice = pd.concat([ADA, ADA.assign(decision="keep")]).assign(reviewer="ada")
    with pytest.raises(BadInput, match="decisions contradict each other on the row with index 5"):
        decide(data, twice, findings_folder=folder)


def test_one_reviewer_has_no_agreement_and_strangers_none(audited):
    data, folder = audited
    assert "agreement" not in decide(data, ADA, findings_folder=folder)[1]
    apart = decide(data, [table((5, "keep", "")), table((15, "keep", ""))], findings_folder=folder)[1]["agreement"]
    assert (apart["rows"], apart["share"], apart["kappa"], apart["disagreements"]) == (0, None, None, [])


def test_disagreements_come_first_in_the_next_queue_and_decided_rows_not_at_all(audited, tmp_path):
    _, folder = audited
    export_review(folder, "csv", tmp_path / "next.csv", decided=[ADA, BEN])
    assert pd.read_csv(tmp_path / "next.csv")["index"].tolist() == [35, 25, 55]


def test_reviewed_rows_are_remembered_through_a_file(audited, tmp_path):
    data, folder = audited
    decided, _ = decide(data, ADA, findings_folder=folder)
    save(decided, tmp_path / "decided.npz")
    known = reviewed_before(load(tmp_path / "decided.npz"))
    assert known.rows.tolist() == [0, 1, 3, 4]
    assert known.wrong.tolist() == [True, False, False, True]
    assert known.suggested.tolist() == [True, False, True, True]
    assert known.accepted.tolist() == [True, True, False, False]
    assert known.suspicion.tolist() == [0.9, 0.0, 0.9, 0.9]
    assert known.remaining is None
    assert known.mask(6).tolist() == [True, True, False, True, True, False]


def test_a_label_that_changed_since_is_not_reviewed(audited):
    data, folder = audited
    decided, _ = decide(data, ADA, findings_folder=folder)
    other = decided.given.copy()
    other[[0, 2]] = 2
    assert reviewed_before(replace(decided, given=other)).rows.tolist() == [1, 3, 4]
    assert reviewed_before(decided.take(np.array([5, 4]))).rows.tolist() == [1]
    assert reviewed_before(data) is None


def test_a_later_review_counts(audited):
    data, folder = audited
    once, _ = decide(data, ADA, findings_folder=folder)
    again, _ = decide(once, table((35, "relabel", "c"), (55, "keep", "")), findings_folder=folder)
    known = reviewed_before(again)
    assert known.rows.tolist() == [0, 1, 3, 4, 5]
    assert known.wrong.tolist() == [True, False, True, True, False]
