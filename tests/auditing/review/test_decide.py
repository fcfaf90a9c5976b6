"""Decisions: what they do to the labels, what they gained, and every way in which they can be wrong."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisewise.auditing.findings import Findings
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.review.decide import decide
from noisewise.auditing.review.exchange.decisions import read_decisions
from noisewise.auditing.review.folder import original_data, read_issues
from noisewise.auditing.reviewed import reviewed_before
from noisewise.data.dataset import Dataset
from noisewise.data.sources import load
from noisewise.errors import BadInput
from noisewise.files import safe_cell

CLASSES = ("cat", "dog", "fox, red")
LOADED = {"step": "load", "source": "made up"}


def findings(n=6, truth=None, labels=(0, 1, 2, 0, 1, 2), suggested=(1, 1, 2, 2, 0, 2)):
    labels, suggested = np.resize(labels, n), np.resize(suggested, n)
    inputs = np.arange(n * 2, dtype=np.float32).reshape(n, 2)
    data = Dataset(inputs, labels, CLASSES, index=np.arange(n) * 10 + 5, truth=truth, provenance=(LOADED,))
    issue = labels != suggested
    metrics = {} if truth is None else {"true_noise_rate": data.noise_rate}
    judgement = Judgement(issue * 0.9, suggested, issue, 0.5, (0.4, 0.6), np.eye(3))
    return Findings(data, judgement, metrics=metrics)


@pytest.fixture
def audited(tmp_path):
    found = findings()
    found.save(tmp_path / "audit")
    return found.data, tmp_path / "audit"


def choices(*lines):
    return pd.DataFrame(lines, columns=["index", "decision", "label"])


def test_each_kind_of_decision(audited):
    data, folder = audited
    lines = choices((5, "accept", "dog"), (35, "keep", "cat"), (45, "relabel", "fox, red"), (55, "relabel", "fox, red"))
    decided, summary = decide(data, lines, findings_folder=folder)
    assert decided.given.tolist() == [1, 1, 2, 0, 2, 2]
    record = {
        "base": "given",
        "reviewed": 4,
        "decisions": {"accept": 1, "keep": 1, "relabel": 2},
        "not_reviewed": 2,
        "issues_not_reviewed": 0,
        "relabelled": 2,
    }
    assert summary == {**record, "changed_per_100": [2]}
    rows = {
        "index": [5, 35, 45, 55],
        "decision": ["accept", "keep", "relabel", "relabel"],
        "former": ["cat", "cat", "dog", "fox, red"],
        "label": ["dog", "cat", "fox, red", "fox, red"],
        "suggested": ["dog", "fox, red", "cat", "fox, red"],
        "suspicion": [0.9, 0.9, 0.9, 0.0],
        "weight": [1.0] * 4,
    }
    assert decided.provenance == (LOADED, {"step": "decide", **record, "reviewed_rows": rows})
    assert decided.truth is None
    assert decided.index.tolist() == data.index.tolist()
    assert data.given.tolist() == [0, 1, 2, 0, 1, 2]


def test_accept_needs_no_label_and_keep_ignores_it(audited):
    data, folder = audited
    decided, _ = decide(data, choices((5, "accept", None), (35, "keep", "dog")), findings_folder=folder)
    assert decided.given.tolist() == [1, 1, 2, 0, 1, 2]


def test_a_decision_said_twice_counts_once(audited):
    data, folder = audited
    _, summary = decide(data, choices((5, "accept", "dog"), (5, "accept", "dog")), findings_folder=folder)
    assert summary["reviewed"] == 1


def test_no_decisions_change_nothing(audited, tmp_path):
    data, folder = audited
    (tmp_path / "none.csv").write_text("index,decision,label\n")
    decided, summary = decide(data, tmp_path / "none.csv", findings_folder=folder)
    assert decided.given.tolist() == data.given.tolist()
    assert summary["reviewed"] == summary["relabelled"] == 0


def test_the_gain_is_counted_per_hundred_in_the_order_of_the_review(tmp_path):
    truth = np.r_[np.ones(100, int), np.zeros(150, int)]
    found = findings(250, truth, labels=[0], suggested=[1])
    found.save(tmp_path)
    lines = choices(*((int(index), "accept", "dog") for index in found.data.index))
    decided, summary = decide(found.data, lines, findings_folder=tmp_path)
    assert (summary["accuracy_before"], summary["accuracy_after"]) == (0.6, 0.4)
    assert summary["gain_per_100"] == [100, -100, -50]
    assert decided.truth.tolist() == truth.tolist()
    _, backwards = decide(found.data, lines[::-1], findings_folder=tmp_path)
    assert backwards["gain_per_100"] == [-100, 0, 50]


@pytest.mark.parametrize(
    "lines,message",
    [
        ([(7, "accept", "")], "index 7 is not in the data set, which has 6 rows"),
        ([("x1", "accept", "")], "index 'x1' must be a whole number"),
        (
            [(5, "acept", "")],
            r"'acept' must be one of accept, keep, relabel, unsure, remove \(did you mean 'accept'\?\)",
        ),
        ([(5, "relabel", "dgo")], r"this data set has no class 'dgo' \(did you mean 'dog'\?\)"),
        ([(5, "relabel", "")], "the row with index 5 has the decision relabel and needs a label"),
        ([(5, "accept", "cat")], "accept 'cat' for the row with index 5, but this audit suggested 'dog'"),
        ([(5, "accept", ""), (5, "keep", "")], "contradict each other on the row with index 5: accept and keep"),
        ([(5, "relabel", "cat"), (5, "relabel", "dog")], "contradict each other on the row with index 5"),
    ],
)
def test_wrong_decisions_are_refused_in_one_sentence(audited, lines, message):
    data, folder = audited
    with pytest.raises(BadInput, match=message) as caught:
        decide(data, choices(*lines), findings_folder=folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("column", ["index", "decision", "label"])
def test_a_missing_column_is_named(audited, column):
    data, folder = audited
    with pytest.raises(BadInput, match=f"missing: {column}"):
        decide(data, choices((5, "relabel", "dog")).drop(columns=column), findings_folder=folder)
    if column == "index":
        with pytest.raises(BadInput, match="missing: index; a column of identifiers counts if --id names it"):
            decide(data, pd.DataFrame({"id": ["P5"], "decision": "keep"}), findings_folder=folder)


def test_only_another_label_needs_the_column_of_labels(audited, tmp_path):
    data, folder = audited
    (tmp_path / "d.csv").write_text("Index,DECISION\n5,accept\n15,keep\n25,\n35,unsure\n45,remove\n")
    decided, summary = decide(data, tmp_path / "d.csv", findings_folder=folder)
    assert decided.given.tolist() == [1, 1, 2, 0, 2]
    assert summary["decisions"] == {"accept": 1, "keep": 1, "relabel": 0, "unsure": 1, "remove": 1}


def test_without_an_audit_an_accepted_label_is_the_suggested_one(audited, tmp_path):
    data, _ = audited
    (tmp_path / "d.csv").write_text("index,decision,label,SUGGESTED\n5,accept,,dog\n15,accept,cat,cat\n25,keep,,cat\n")
    decided, summary = decide(data, tmp_path / "d.csv")
    assert decided.given.tolist() == [1, 0, 2, 0, 1, 2]
    assert "issues_not_reviewed" not in summary
    for line, message in (
        ("5,accept,cat,dog", "accept 'cat' for the row with index 5, but their column suggested has 'dog'"),
        ("5,accept,,", "accept a suggestion for the row with index 5 that they do not name"),
    ):
        (tmp_path / "d.csv").write_text(f"index,decision,label,SUGGESTED\n{line}\n")
        with pytest.raises(BadInput, match=message):
            decide(data, tmp_path / "d.csv")


@pytest.mark.parametrize("known", [False, True], ids=["data", "audit"])
def test_a_row_without_a_label_is_not_decided_and_no_other_row_is_suggested(tmp_path, known):
    lines = [f"P{at:02},{at},{'' if at == 3 else 'ab'[at % 2]}" for at in range(6)]
    (tmp_path / "t.csv").write_text("\n".join(["patient,dose,ill", *lines, ""]))
    data = load(tmp_path / "t.csv", labels="ill", id="patient", na=[""])
    folder = None
    if known:
        judgement = Judgement(np.zeros(5), data.given, np.zeros(5, bool), 0.5, (0.4, 0.6), np.eye(2))
        further = np.full((1, 2), 0.5)
        folder = Findings(data, judgement, further=further).save(tmp_path / "audit")
    for lines, message in (
        ({"patient": ["P03"]}, "the row with the patient 'P03' has no label, and decide judges only rows that have"),
        ({"ID": [" P03"]}, "the row with the patient 'P03' has no label"),
        ({"index": [3]}, "the row with the index 3 has no label, .* fill it in in the source"),
        ({"patient": ["P33"]}, "no row of this audit has the patient 'P33'$"),
    ):
        with pytest.raises(BadInput, match=message):
            decide(data, pd.DataFrame({**lines, "decision": "keep"}), findings_folder=folder)


@pytest.mark.parametrize(
    "content,message",
    [
        (b"", "but have none; missing: index, decision, label"),
        (b"index,decision,label\n5,keep\n", "has 3 columns, but a line with 2 cells: '5,keep'"),
        (b'index,decision,label\n5,keep,"cat\n', "cannot read the decisions"),
        (b"index,decision,label\n5,keep,\x81\n", "cannot read the decisions"),
    ],
)
def test_a_broken_file_is_refused(audited, tmp_path, content, message):
    data, folder = audited
    (tmp_path / "broken.csv").write_bytes(content)
    with pytest.raises(BadInput, match=message):
        decide(data, tmp_path / "broken.csv", findings_folder=folder)


def test_a_file_that_is_not_there_is_named(audited):
    data, folder = audited
    with pytest.raises(BadInput, match=r"nowhere\.csv"):
        decide(data, folder / "nowhere.csv", findings_folder=folder)


def test_a_folder_that_is_no_audit_is_refused(audited, tmp_path):
    data, folder = audited
    with pytest.raises(BadInput, match=r"has no issues\.parquet"):
        decide(data, choices((5, "keep", "")), findings_folder=tmp_path)
    (folder / "issues.parquet").write_text("no parquet")
    with pytest.raises(BadInput, match="was not written by an audit"):
        decide(data, choices((5, "keep", "")), findings_folder=folder)


def test_spreadsheets_may_have_saved_the_file(audited, tmp_path):
    data, folder = audited
    (tmp_path / "saved.csv").write_bytes("\ufeffindex,decision,label\r\n5,accept,dog\r\n\r\n".encode())
    decided, _ = decide(data, tmp_path / "saved.csv", findings_folder=folder)
    assert decided.given.tolist() == [1, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    "content",
    [
        "index;decision;label\r\n5;accept;dog\r\n45;relabel;fox, red\r\n;;\r\n".encode("utf-16"),
        b"sep=;\r\nIndex;Decision;Label;Note\r\n5,0;Accept;;\xe4\r\n45,0; relabel ; fox, red ;\r\n",
        b"Label\tINDEX\tdecision \n\t5.0\tACCEPT\nfox, red\t45.0\trelabel\t\t\n",
        b' index , decision , label \n 5 , accept , dog \n 45 ,relabel,"fox, red"\n',
    ],
    ids=["UTF-16 with semicolons", "decimal commas in Windows-1252", "tabs and capitals", "spaces"],
)
def test_spreadsheets_of_any_country_are_read(audited, tmp_path, content):
    data, folder = audited
    (tmp_path / "saved.csv").write_bytes(content)
    decided, summary = decide(data, tmp_path / "saved.csv", findings_folder=folder)
    assert decided.given.tolist() == [1, 1, 2, 0, 2, 2]
    assert summary["decisions"] == {"accept": 1, "keep": 0, "relabel": 1}


@pytest.mark.parametrize("index", ["5.5", "1.000", "5e0", "five"])
def test_an_index_that_may_mean_another_row_is_refused(audited, index):
    data, folder = audited
    with pytest.raises(BadInput, match=f"index '{index}' must be a whole number"):
        decide(data, choices((index, "keep", "")), findings_folder=folder)


def test_unsure_rows_stay_open_and_removed_rows_leave(audited):
    data, folder = audited
    lines = choices((5, "unsure", ""), (15, "remove", ""), (35, "accept", ""), (45, "remove", "cat"))
    decided, summary = decide(data, lines, findings_folder=folder, base="cleaned")
    assert decided.index.tolist() == [5, 25, 35, 55]
    assert decided.given.tolist() == [0, 2, 2, 2]  # the unsure one keeps its given label over cleaned labels too
    assert summary["decisions"] == {"accept": 1, "keep": 0, "relabel": 0, "unsure": 1, "remove": 2}
    assert (summary["reviewed"], summary["not_reviewed"], summary["relabelled"]) == (4, 2, 1)
    assert summary["issues_not_reviewed"] == 0
    known = reviewed_before(decided)
    assert decided.index[known.rows].tolist() == [35]  # nobody settled the unsure row
    assert np.array_equal(decided.inputs, data.inputs[[0, 2, 3, 5]])


def test_rows_are_found_by_file_or_identifier_and_a_wrong_one_is_refused(audited):
    data, folder = audited
    issues = pd.read_parquet(folder / "issues.parquet")
    issues.insert(1, "patient", [f"P{index:03}" for index in issues["index"]])
    issues.insert(2, "file", [f"cat/{index}.png" for index in issues["index"]])
    issues.to_parquet(folder / "issues.parquet")
    wanted = [1, 1, 2, 2, 1, 2]
    for lines in (
        {"file": ["cat/5.png", ".\\cat\\35.png"]},
        {"patient": ["P005", "P035"]},
        {"ID": ["P005", " P035"]},
        {"index": [5, 35], "file": ["cat/5.png", "cat/35.png"]},
    ):
        frame = pd.DataFrame({**lines, "decision": "accept", "label": ""})
        assert decide(data, frame, findings_folder=folder)[0].given.tolist() == wanted
    for lines, message in (
        ({"file": ["dog/5.png"]}, r"no row of this audit has the file 'dog/5\.png'"),
        ({"index": [5], "file": ["cat/15.png"]}, "index 5 has the file 'cat/5.png' in this audit, not 'cat/15.png'"),
        ({"file": [""]}, "line 1 does not say which row it is about"),
    ):
        with pytest.raises(BadInput, match=message):
            decide(data, pd.DataFrame({**lines, "decision": "accept", "label": ""}), findings_folder=folder)


NO_ISSUES = pd.DataFrame({"index": [], "given": [], "suggested": []})
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(st.lists(names, min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_every_class_name_comes_back_as_it_was(tmp_path_factory, wanted):
    path = tmp_path_factory.mktemp("names") / "decisions.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerows(
            [("index", "decision", "label"), *((i, "relabel", safe_cell(name)) for i, name in enumerate(wanted))]
        )
    assert read_decisions(path, NO_ISSUES)["label"].tolist() == wanted


@pytest.mark.parametrize("truth", [None, np.array([1, 1, 2, 0, 1, 2])], ids=["unknown", "known"])
def test_the_audited_data_comes_back(tmp_path, truth):
    found = findings(truth=truth)
    found.save(tmp_path)
    data = original_data(tmp_path)
    assert data.given.tolist() == found.data.given.tolist()
    assert data.classes == CLASSES
    assert data.index.tolist() == found.data.index.tolist()
    np.testing.assert_array_equal(data.inputs[:], found.data.inputs[:])
    assert data.provenance == found.data.provenance
    assert (data.truth is None) if truth is None else (data.truth.tolist() == truth.tolist())


def test_an_audited_table_comes_back(tmp_path):
    frame = pd.DataFrame({"size": [1.0, 2, 3, 4, 5, 6], "kind": ["cat", "dog", "fox", "cat", "dog", "fox"]})
    frame.to_csv(tmp_path / "table.csv", index=False)
    data = load(tmp_path / "table.csv", labels="kind")
    issue = data.given != 0
    judgement = Judgement(issue * 0.9, np.zeros(6, int), issue, 0.5, (0.4, 0.6), np.eye(3))
    Findings(data, judgement).save(tmp_path / "audit")
    again = original_data(tmp_path / "audit")
    assert [again.classes[label] for label in again.given] == frame["kind"].tolist()
    pd.testing.assert_frame_equal(again.described, frame[["size"]])
    decided, summary = decide(again, choices((1, "accept", "cat"), (2, "keep", "")), findings_folder=tmp_path / "audit")
    assert [decided.classes[label] for label in decided.given] == ["cat", "cat", "fox", "cat", "dog", "fox"]
    assert summary["relabelled"] == 1


def test_a_damaged_audit_is_refused(audited):
    _, folder = audited
    pd.read_parquet(folder / "issues.parquet").head(3).to_parquet(folder / "issues.parquet")
    with pytest.raises(BadInput, match=r"issues\.parquet has 3 rows, the data has 6"):
        original_data(folder)
    (folder / "summary.json").write_text(json.dumps({"rows": 6}))
    with pytest.raises(BadInput, match=r"summary\.json was not written by an audit"):
        original_data(folder)
    (folder / "summary.json").unlink()
    with pytest.raises(BadInput, match=r"has no summary\.json"):
        original_data(folder)


def test_the_base_of_cleaned_labels_relabels_issues_nobody_reviewed(audited):
    data, folder = audited
    decided, summary = decide(data, choices((35, "keep", "")), findings_folder=folder, base="cleaned")
    assert decided.given.tolist() == [1, 1, 2, 0, 0, 2]
    assert summary["base"] == "cleaned"
    assert (summary["not_reviewed"], summary["issues_not_reviewed"], summary["relabelled"]) == (5, 2, 2)
    assert summary["changed_per_100"] == [1]


def test_an_unknown_base_is_refused(audited):
    data, folder = audited
    with pytest.raises(BadInput, match="base='clean' must be one of given, cleaned"):
        decide(data, choices((35, "keep", "")), findings_folder=folder, base="clean")


def test_the_whole_queue_is_simulated_where_the_truth_is_known(tmp_path):
    truth = np.r_[np.ones(150, int), np.zeros(100, int)]
    given, suggested = np.zeros(250, int), np.ones(250, int)
    found = findings(250, truth, labels=given, suggested=np.where(np.arange(250) < 120, suggested, given))
    found.save(tmp_path)
    lines = choices((5, "accept", "dog"), (15, "keep", ""))
    _, summary = decide(found.data, lines, findings_folder=tmp_path)
    assert summary["simulated_gain_per_100"] == {"queue": [100, 50, 0], "random": [60.0, 60.0, 30.0]}
    assert (summary["gain_per_100"], summary["changed_per_100"]) == ([1], [1])
    _, summary = decide(found.data, lines, findings_folder=tmp_path, base="cleaned")
    assert summary["simulated_gain_per_100"] == {"queue": [0, 30, 0], "random": [12.0, 12.0, 6.0]}
    assert (summary["gain_per_100"], summary["accuracy_before"]) == ([-1], 220 / 250)


def test_lines_without_a_decision_were_not_reviewed(audited, tmp_path):
    data, folder = audited
    (tmp_path / "sheet.csv").write_text("index,decision,label,given\n5,,,cat\n35,keep,,cat\n")
    _, summary = decide(data, tmp_path / "sheet.csv", findings_folder=folder)
    assert (summary["reviewed"], summary["not_reviewed"]) == (1, 5)
    (tmp_path / "sheet.csv").write_text("index,decision,label\n5,,dog\n")
    with pytest.raises(
        BadInput, match="'' must be one of accept, keep, relabel, unsure, remove, on the row with index 5"
    ):
        decide(data, tmp_path / "sheet.csv", findings_folder=folder)


def test_issues_of_an_audit_without_the_expected_gain_are_read(audited):
    data, folder = audited
    pd.read_parquet(folder / "issues.parquet").drop(columns="expected_gain").to_parquet(folder / "issues.parquet")
    assert len(read_issues(folder)) == len(data)
    pd.read_parquet(folder / "issues.parquet").drop(columns="is_issue").to_parquet(folder / "issues.parquet")
    with pytest.raises(BadInput, match="it has no column is_issue"):
        read_issues(folder)
