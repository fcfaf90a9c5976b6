"""Giving back: folders of images, lists of moves, and tables in their own format with their own columns."""

import json
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from noisewise.auditing.findings import Findings
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.plan import AuditPlan
from noisewise.auditing.review.decide import decide
from noisewise.auditing.review.folder import original_data
from noisewise.auditing.review.giving.give import give_back
from noisewise.auditing.reviewed import reviewed_before
from noisewise.data.sources import load
from noisewise.errors import BadInput

NAMES = ["ash", "birch", "ash", "birch", "ash", "birch"]


def audited(source, folder, **reading):
    """A folder of an audit that suggests the other class for the row with index 0."""
    data = load(source, **reading)
    suggested = data.given.copy()
    suggested[0] = 1 - suggested[0]
    issue = suggested != data.given
    plan = AuditPlan(str(source), **reading)
    judgement = Judgement(issue * 0.9, suggested, issue, 0.5, (0.4, 0.6), np.eye(len(data.classes)))
    Findings(data, judgement, plan=plan).save(folder)
    return folder


def given_back(folder, out, *lines, **more):
    before = original_data(folder)
    decided, _ = decide(before, pd.DataFrame(lines, columns=["index", "decision", "label"]), findings_folder=folder)
    return give_back(before, decided, out, audit=folder, **more)


def reviewed(source, **reading):
    """The labels of the reviewed rows of what was written."""
    data = load(source, **reading)
    known = reviewed_before(data)
    return [] if known is None else [data.classes[label] for label in data.given[known.rows]]


@pytest.fixture
def photos(tmp_path):
    for number, name in enumerate(NAMES):
        file = tmp_path / "photos" / name / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 9, 3), 40 * number, np.uint8)).save(file)
    (tmp_path / "photos" / "birch" / "0.png").write_bytes((tmp_path / "photos" / "birch" / "1.png").read_bytes())
    (tmp_path / "photos" / "README.txt").write_text("about")
    return tmp_path / "photos", audited(tmp_path / "photos", tmp_path / "audit")


def tree(folder):
    return sorted(os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names)


@pytest.mark.parametrize("copies", [False, True], ids=["links", "copies"])
def test_a_folder_of_images_comes_back_as_one(photos, tmp_path, copies):
    source, audit = photos
    before = tree(source)
    # in the order of the files: ash/0, ash/2, ash/4, birch/0, birch/1, birch/3, birch/5
    written = given_back(
        audit, tmp_path / "new", (0, "accept", ""), (1, "remove", ""), (6, "unsure", ""), copies=copies
    )
    birch = [f"birch/{name}.png" for name in ("0-2", "0", "1", "3", "5")]
    assert tree(tmp_path / "new") == [".noisewise-reviews.json", "README.txt", "ash/4.png", *birch]
    assert (tmp_path / "new" / "birch" / "0-2.png").read_bytes() == (source / "ash" / "0.png").read_bytes()
    assert (tmp_path / "new" / "birch" / "0-2.png").is_symlink() is not copies
    assert {key: written[key] for key in ("form", "files", "moved", "removed", "renamed")} == {
        "form": "folder", "files": 7, "moved": 1, "removed": 1, "renamed": 1,
    }  # fmt: skip
    assert tree(source) == before
    again = load(tmp_path / "new")
    assert again.given.tolist() == [0, 1, 1, 1, 1, 1]
    known = reviewed_before(again)
    assert again.described["file"].iloc[known.rows].tolist() == ["birch/0-2.png"]
    assert (known.wrong.tolist(), known.accepted.tolist()) == ([True], [True])


def test_without_an_audit_a_folder_says_that_it_does_not_keep_the_reviews(photos, tmp_path):
    source, _ = photos
    data = load(source)
    decided, _ = decide(data, pd.DataFrame({"file": ["ash/0.png"], "decision": "accept", "Suggested": "birch"}))
    for out in ("new", "moves.csv", "new.npz"):
        written = give_back(data, decided, tmp_path / out, source=source)
        assert written["note"].startswith("what was reviewed is not kept, since that needs the audit")
    with pytest.raises(
        BadInput, match=r"the row with index 0 and file ash/0\.png has the decision relabel and needs a"
    ):
        decide(data, pd.DataFrame({"file": ["ash/0.png"], "decision": "relabel", "label": " "}))
    assert tree(tmp_path / "new")[0] == "README.txt"
    assert (tmp_path / "new" / "birch" / "0-2.png").is_file()


def test_a_list_of_moves(photos, tmp_path):
    _, audit = photos
    given_back(audit, tmp_path / "moves.csv", (0, "accept", ""), (1, "remove", ""))
    lines = pd.read_csv(tmp_path / "moves.csv", keep_default_na=False)
    assert lines.to_dict("list") == {
        "file": ["ash/0.png", "ash/2.png"],
        "to": ["birch/0-2.png", ""],
        "given": ["ash", "ash"],
        "label": ["birch", ""],
    }


def test_folders_that_hold_something_are_never_written_to(photos, tmp_path):
    source, audit = photos
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    for out, message in ((tmp_path / "full", "is there already"), (source / "new", "lies in"), (source, "is there")):
        with pytest.raises(BadInput, match=message):
            given_back(audit, out, (0, "accept", ""))
    assert tree(tmp_path / "full") == ["thesis.txt"]
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_a_folder_that_moved_is_found_by_its_source(tmp_path):
    for number, name in enumerate(NAMES):  # large enough to be read on access
        file = tmp_path / "photos" / name / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((90, 99, 3), 40 * number, np.uint8)).save(file)
    audit = audited(tmp_path / "photos", tmp_path / "audit")
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="move them back"):
        original_data(audit)
    before = original_data(audit, tmp_path / "elsewhere")
    lines = pd.DataFrame({"file": ["ash/0.png"], "decision": "accept", "label": ""})
    decided, _ = decide(before, lines, findings_folder=audit)
    with pytest.raises(BadInput, match="is not found; say where it is by --source"):
        give_back(before, decided, tmp_path / "new", audit=audit)
    give_back(before, decided, tmp_path / "new", audit=audit, source=tmp_path / "elsewhere")
    assert (tmp_path / "new" / "birch" / "0.png").is_file()
    (tmp_path / "elsewhere" / "ash" / "4.png").unlink()
    with pytest.raises(BadInput, match=r"has no file 'ash/4\.png'"):
        give_back(before, decided, tmp_path / "newer", audit=audit, source=tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "separator,decimal,encoding,end",
    [
        (",", ".", "utf-8", "\n"),
        (";", ",", "utf-16", "\r\n"),
        ("\t", ".", "utf-8-sig", "\n"),
        ("|", ",", "cp1252", "\r\n"),
    ],
)
def test_delimited_text_keeps_its_dialect_and_every_other_cell(tmp_path, separator, decimal, encoding, end):
    rows = [
        f'P0{at}{separator}{at}{decimal}50{separator}"a{separator}\u00e4"{separator}{n}' for at, n in enumerate(NAMES)
    ]
    lines = [separator.join(["patient", "height", "note", "kind"]), *rows]
    source = tmp_path / "clinic.csv"
    source.write_bytes((end.join(lines) + end).encode(encoding))
    audit = audited(source, tmp_path / "audit", labels="kind")
    written = given_back(audit, tmp_path / "new.csv", (0, "accept", ""), (3, "remove", ""))
    expected = [*lines[:1], lines[1].removesuffix("ash") + "birch", *lines[2:4], *lines[5:]]
    assert (tmp_path / "new.csv").read_bytes().decode(encoding) == end.join(expected) + end
    assert (written["form"], written["rows"], written["neutralised"]) == ("table", 5, 0)
    assert "note" not in written
    assert reviewed(tmp_path / "new.csv", labels="kind") == ["birch"]


def test_formulas_of_a_table_become_text_and_come_back(tmp_path):
    source = tmp_path / "t.csv"
    lines = [f"=1+{at},{at},{'=cmd|x' if name == 'ash' else name}" for at, name in enumerate(NAMES)]
    source.write_text("note,height,kind\n" + "\n".join(lines) + "\n")
    audit = audited(source, tmp_path / "audit", labels="kind")
    written = given_back(audit, tmp_path / "new.csv", (1, "accept", "birch"), (3, "relabel", "=cmd|x"))
    assert written["neutralised"] == 6
    text = (tmp_path / "new.csv").read_text()
    assert text.startswith("note,height,kind\n'=1+0,0,'=cmd|x\n'=1+1,1,birch\n'=1+2,2,'=cmd|x\n'=1+3,3,'=cmd|x\n")
    again = load(tmp_path / "new.csv", labels="kind")
    assert [again.classes[label] for label in again.given] == ["=cmd|x", "birch", "=cmd|x", "=cmd|x", "=cmd|x", "birch"]


@pytest.mark.parametrize("labels", [[1, 2] * 3, [1.0, 2.0] * 3, ["007", "07"] * 3, [True, False] * 3], ids=str)
def test_parquet_keeps_its_columns_and_types(tmp_path, labels):
    table = pa.table({"id": list("abcdef"), "y": labels, "when": pd.date_range("2020", periods=6), "x": range(6)})
    parquet.write_table(table, tmp_path / "t.parquet")
    audit = audited(tmp_path / "t.parquet", tmp_path / "audit", labels="y")
    given_back(audit, tmp_path / "new.parquet", (0, "accept", ""), (3, "remove", ""), (5, "keep", ""))
    new = parquet.read_table(tmp_path / "new.parquet")
    assert new.schema.equals(table.schema)
    data = load(tmp_path / "new.parquet", labels="y")
    assert data.index[reviewed_before(data).rows].tolist() == [0, 4]
    kept = table.take([0, 1, 2, 4, 5])
    assert new.drop_columns("y") == kept.drop_columns("y")
    assert new["y"].to_pylist() == [labels[1], *kept["y"].to_pylist()[1:]]


def test_json_lines_and_labelled_lines(tmp_path):
    lines = [{"x": at, "more": [at], "kind": name} for at, name in enumerate(NAMES)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    given_back(audited(tmp_path / "t.jsonl", tmp_path / "a", labels="kind"), tmp_path / "new.jsonl", (0, "accept", ""))
    new = [json.loads(line) for line in (tmp_path / "new.jsonl").read_text().splitlines()]
    assert new == [lines[0] | {"kind": "birch"}, *lines[1:]]
    (tmp_path / "t.txt").write_text("".join(f"__label__{name} some text {at}\n" for at, name in enumerate(NAMES)))
    audit = audited(tmp_path / "t.txt", tmp_path / "b")
    given_back(audit, tmp_path / "new.txt", (0, "accept", ""), (1, "remove", ""))
    assert (tmp_path / "new.txt").read_text().startswith("__label__birch some text 0\n__label__ash some text 2\n")


@pytest.mark.parametrize("name", ["t.json", "t.csv.gz", "t.xlsx"])
def test_other_files_of_tables(tmp_path, name):
    frame = pd.DataFrame({"code": ["007", "07", "1", "2", "3", "4"], "x": range(6), "kind": NAMES})
    if name.endswith("xlsx"):
        pytest.importorskip("openpyxl")
        frame.to_excel(tmp_path / name, index=False)
    elif name.endswith("json"):
        frame.to_json(tmp_path / name, orient="records")
    else:
        frame.to_csv(tmp_path / name, index=False)
    audit = audited(tmp_path / name, tmp_path / "audit", labels="kind")
    out = tmp_path / f"new-{name}"
    written = given_back(audit, out, (0, "accept", ""), (3, "remove", ""))
    read = pd.read_excel if name.endswith("xlsx") else pd.read_json if name.endswith("json") else pd.read_csv
    expected = frame.assign(kind=["birch", *NAMES[1:]]).drop(index=3).reset_index(drop=True)
    pd.testing.assert_frame_equal(read(out, dtype={"code": "str"}), expected, check_dtype=False)
    assert (written["form"], written["rows"]) == ("table", 5)


def test_comments_quotes_and_rows_without_a_label_stay_as_they_are(tmp_path):
    lines = ["# by hand", "x,kind,note", '1,ash,"two\nlines"', "2,,none", "", "3,birch,b", "4, ash ,c", "5,birch,d"]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    audit = audited(tmp_path / "t.csv", tmp_path / "audit", labels="kind", na=[""])
    before = original_data(audit)
    assert before.index.tolist() == [0, 2, 3, 4]
    given_back(audit, tmp_path / "new.csv", (4, "relabel", "ash"))
    lines[7] = "5,ash,d"
    assert (tmp_path / "new.csv").read_text() == "\n".join(line for line in lines if line) + "\n"


def test_a_table_that_changed_since_the_audit_is_refused(tmp_path):
    frame = pd.DataFrame({"x": range(6), "kind": NAMES})
    frame.to_csv(tmp_path / "t.csv", index=False)
    audit = audited(tmp_path / "t.csv", tmp_path / "audit", labels="kind")
    frame.iloc[::-1].to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(BadInput, match="has changed since the audit: the row with index 0 has the label 'birch'"):
        given_back(audit, tmp_path / "new.csv", (0, "accept", ""))
    with pytest.raises(BadInput, match="is never overwritten"):
        given_back(audit, tmp_path / "t.csv", (0, "accept", ""))
    assert not (tmp_path / "new.csv").exists()


def test_reviews_of_another_version_of_a_table_are_not_used_and_broken_ones_refused(tmp_path):
    pd.DataFrame({"x": range(6), "kind": NAMES}).to_csv(tmp_path / "t.csv", index=False)
    audit = audited(tmp_path / "t.csv", tmp_path / "audit", labels="kind")
    given_back(audit, tmp_path / "new.csv", (0, "accept", ""))
    assert reviewed(tmp_path / "new.csv", labels="kind") == ["birch"]
    lines = (tmp_path / "new.csv").read_text().splitlines()
    (tmp_path / "new.csv").write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n")
    data = load(tmp_path / "new.csv", labels="kind")
    assert reviewed_before(data) is None
    assert "new.csv.reviews.json holds reviews of another version of new.csv, and is not used" in data.notes
    good = {"steps": [{"step": "decide", "reviewed": 1, "not_reviewed": 5, "decisions": {"keep": 1}}]}
    lines = {"index": [0], "decision": ["keep"], "former": ["ash"], "label": ["ash"], "suggested": ["birch"]}
    good["steps"][0]["reviewed_rows"] = {**lines, "suspicion": [0.5], "weight": [1.0]}
    broken = [
        json.dumps(good).replace(*change)
        for change in (("[0.5]", '["x"]'), ("[0]", "[[0]]"), ('"keep": 1', '"keep": "a"'))
    ]
    for content in (
        *broken,
        "",
        "[]",
        "{}",
        '{"steps": [1]}',
        '{"steps": [{"reviewed_rows": {"index": [0], "label": []}}]}',
    ):
        (tmp_path / "new.csv.reviews.json").write_text(content)
        with pytest.raises(BadInput, match="is no file of reviews by noisewise"):
            load(tmp_path / "new.csv", labels="kind")
    (tmp_path / "new.csv.reviews.json").write_text(json.dumps(good))
    assert reviewed(tmp_path / "new.csv", labels="kind") == []  # the label of that row is birch now
    pd.DataFrame({"x": range(6), "kind": NAMES}).to_csv(tmp_path / "new.csv", index=False)
    assert reviewed(tmp_path / "new.csv", labels="kind") == ["ash"]


def test_a_damaged_source_is_one_sentence(tmp_path):
    pd.DataFrame({"x": range(6), "kind": NAMES}).to_parquet(tmp_path / "t.parquet")
    audit = audited(tmp_path / "t.parquet", tmp_path / "audit", labels="kind")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(BadInput, match=r"t\.parquet"):
        given_back(audit, tmp_path / "new.parquet", (0, "accept", ""))
    assert not (tmp_path / "new.parquet").exists()
