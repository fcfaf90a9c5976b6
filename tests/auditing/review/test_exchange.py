"""The review queue in other tools and back: CSV, and how a file of decisions is recognised."""

import csv
import json

import numpy as np
import pandas as pd
import pytest

from noisewise.auditing.findings import Findings
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.review.decide import decide
from noisewise.auditing.review.exchange.decisions import read_decisions
from noisewise.auditing.review.exchange.export import export_review
from noisewise.auditing.review.folder import original_data, read_issues
from noisewise.data.dataset import Dataset
from noisewise.data.sources import load
from noisewise.errors import BadInput

CLASSES = ("cat", "dog", "fox, red")
SUSPICION = np.array([0.9, 0.1, 0.2, 0.8, 0.7, 0.3])


def audited(folder, data=None, suggested=(1, 1, 2, 2, 0, 2)):
    inputs = np.arange(12, dtype=np.float32).reshape(6, 2)
    data = data or Dataset(inputs, np.array([0, 1, 2, 0, 1, 2]), CLASSES, index=np.arange(6) * 10 + 5)
    issue = data.given != np.array(suggested)
    Findings(data, Judgement(SUSPICION, np.array(suggested), issue, 0.5, (0.4, 0.6), np.eye(3))).save(folder)
    return folder


def test_csv_goes_out_in_the_order_of_the_queue_and_comes_back(tmp_path):
    folder = audited(tmp_path / "audit")
    summary = export_review(folder, "csv", tmp_path / "queue.csv", limit=4)
    assert summary["files"] == [tmp_path / "queue.csv"]
    assert summary["expected_gain"] == pytest.approx(0.9 + 0.8 + 0.7 + 0.3)
    frame = pd.read_csv(tmp_path / "queue.csv")
    assert frame["index"].tolist() == [5, 35, 45, 55]
    assert frame["expected_gain"].tolist() == [0.9, 0.8, 0.7, 0.3]
    assert frame["data.feature 1"].tolist() == [1, 7, 9, 11]
    frame = frame.astype({"decision": object, "label": object})
    frame.loc[0, "decision"], frame.loc[2, ["decision", "label"]] = "accept", ["relabel", "fox, red"]
    frame.to_csv(tmp_path / "queue.csv", index=False)
    decided, done = decide(original_data(folder), tmp_path / "queue.csv", findings_folder=folder)
    assert decided.given.tolist() == [1, 1, 2, 0, 2, 2]
    assert (done["reviewed"], done["not_reviewed"], done["issues_not_reviewed"]) == (2, 4, 1)


def test_the_queue_over_cleaned_labels_goes_out_in_its_own_order(tmp_path):
    folder = audited(tmp_path / "audit")
    export_review(folder, "csv", tmp_path / "queue.csv", base="cleaned")
    frame = pd.read_csv(tmp_path / "queue.csv")
    assert frame["index"].tolist() == [45, 55, 35, 25, 5, 15]
    np.testing.assert_allclose(frame["expected_gain"], [0.3, 0.3, 0.2, 0.2, 0.1, 0.1])


def test_columns_of_the_data_are_not_mistaken_for_those_of_the_review(tmp_path):
    names = {"index": [7, 8, 9] * 2, "decision": list("abcdef"), "kind": ["cat", "dog", "fox"] * 2}
    pd.DataFrame(names).to_csv(tmp_path / "table.csv", index=False)
    folder = audited(tmp_path / "audit", load(tmp_path / "table.csv", labels="kind"))
    export_review(folder, "csv", tmp_path / "queue.csv")
    with (tmp_path / "queue.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["index"] for line in lines] == ["0", "3", "4", "5", "2", "1"]
    assert [line["data.decision"] for line in lines] == list("adefcb")
    assert {line["decision"] for line in lines} == {""}


@pytest.mark.parametrize(
    "asked,message",
    [
        ({"to": "labelstudio"}, r"to='labelstudio' must be one of label-studio, fiftyone, csv \(did you mean"),
        ({"out": "queue.txt"}, r"queue\.txt must end in \.csv"),
        ({"limit": 0}, "limit=0 must be at least 1"),
        ({"base": "clean"}, "base='clean' must be one of given, cleaned"),
        ({"to": "fiftyone", "out": "q"}, "to=fiftyone needs images, but these data are of kind 'vector'"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_is_written(tmp_path, asked, message):
    folder = audited(tmp_path / "audit")
    wanted = {"to": "csv", "out": "queue.csv", **asked}
    with pytest.raises(BadInput, match=message):
        export_review(folder, wanted.pop("to"), tmp_path / wanted.pop("out"), **wanted)
    assert [entry.name for entry in tmp_path.iterdir()] == ["audit"]


@pytest.mark.parametrize(
    "content,message",
    [
        ("[{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ('{"tasks": []}', "has no decisions: neither a list of Label Studio tasks nor 'labels' or 'samples'"),
        ("what is this", "but have what is this; missing: index, decision, label"),
        ('{"labels": 3}', "must hold 'classes', a list, and 'labels', an object"),
        ('{"samples": 3}', "must hold 'samples', a list of objects"),
        ("[3]", "task 1 of Label Studio has no row index"),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_sentence(tmp_path, content, message):
    folder = audited(tmp_path / "audit")
    (tmp_path / "decisions").write_text(content)
    with pytest.raises(BadInput, match=message) as caught:
        decide(original_data(folder), tmp_path / "decisions", findings_folder=folder)
    assert "\n" not in str(caught.value)


def test_labels_of_a_tool_become_decisions(tmp_path):
    issues = read_issues(audited(tmp_path / "audit"))
    tasks = [
        {"data": {"index": index}, "annotations": [{"result": [_chosen(label)]}]}
        for index, label in [(5, "dog"), (35, "cat"), (45, "fox, red"), (15, "dog")]
    ]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    read = read_decisions(tmp_path / "tasks.json", issues)
    assert read.to_numpy().tolist() == [
        [5, "accept", "dog"],
        [35, "keep", "cat"],
        [45, "relabel", "fox, red"],
        [15, "keep", "dog"],
    ]


def _chosen(label):
    return {"from_name": "label", "to_name": "input", "type": "choices", "value": {"choices": [label]}}


def test_formulas_in_labels_and_cells_are_text_in_every_csv_and_come_back(tmp_path):
    names = {
        "note": ["=1+1", "ok", "-2+3"] * 2,
        "x": [1.0, -2.5, 3.0] * 2,
        "kind": ["=cmd|' /C calc'!A0", "b", "@c"] * 2,
    }
    pd.DataFrame(names).to_csv(tmp_path / "table.csv", index=False)
    data = load(tmp_path / "table.csv", labels="kind")
    folder = audited(tmp_path / "audit", data)
    export_review(folder, "csv", tmp_path / "queue.csv")
    for path in (folder / "issues.csv", tmp_path / "queue.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            cells = [cell for line in csv.reader(file) for cell in line]
        assert "'=cmd|' /C calc'!A0" in cells
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "-2+"))], path
    lines = pd.read_csv(tmp_path / "queue.csv", dtype=str, keep_default_na=False)
    lines.assign(decision="relabel", label="'=cmd|' /C calc'!A0").to_csv(tmp_path / "queue.csv", index=False)
    decided, _ = decide(original_data(folder), tmp_path / "queue.csv", findings_folder=folder)
    assert {decided.classes[label] for label in decided.given} == {"=cmd|' /C calc'!A0"}
