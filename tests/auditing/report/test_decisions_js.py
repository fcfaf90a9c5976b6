"""The decisions that the page keeps: their CSV is the one that Python reads and writes, and every action is undone."""

import csv
import io
import json
import shutil
import subprocess

import numpy as np
import pytest

from noisewise.auditing.report.markup import resource
from noisewise.auditing.review.exchange.decisions import COLUMNS
from noisewise.auditing.review.exchange.spreadsheet import read_csv
from noisewise.files import safe_cell

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node, which runs the page's script, is not installed")
START = """
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const data = { key: "k", classes: given.classes, names: ["file"] };
const store = decisionStore(data, () => {});
const rows = new Map(given.classes.map((name, at) => [at, { names: ["f" + at], given: at }]));
const answer = (value) => process.stdout.write(JSON.stringify(value));
"""
WRITTEN = """
store.act(given.classes.map((name, at) => [at, ["relabel", name]]));
const text = store.written(rows);
const other = decisionStore(data, () => {});
const found = other.read(text);
answer({ text, found, labels: [...other.decisions].map(([, [, label]]) => label) });
"""
UNDONE = """
const states = [[]];
const state = () => [...store.decisions].map(([index, [word]]) => [index, word]).sort();
for (const changes of given.actions) { store.act(changes); states.push(state()); }
const back = [];
while (store.undoable()) { back.push(state()); store.undo(); }
back.push(state());
answer({ states, back: back.reverse(), more: store.undo() });
"""
READ = "answer(given.texts.map((text) => { const one = decisionStore(data, () => {}); "
READ += "const found = one.read(text); return { found, decisions: [...one.decisions] }; }));"


def by_the_page(program, **given):
    script = resource("decisions.js") + START + program
    text = json.dumps(given)
    done = subprocess.run([NODE, "-e", script], input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_class_names_leave_the_page_as_python_writes_them_and_come_back():
    draw = np.random.default_rng(0)
    names = {"".join(draw.choice(list("'=-+@1. \t,;\"\nxe%\u00e4\uff1d"), draw.integers(1, 7))) for _ in range(3000)}
    classes = sorted({*names, "=cmd|' /C calc'!A0", "-5 kg", "+49 30 12", "-inf"})
    page = by_the_page(WRITTEN, classes=classes)
    assert page["found"] == {"read": len(classes), "skipped": 0}
    assert page["labels"] == classes
    lines = list(csv.DictReader(io.StringIO(page["text"], newline="")))
    assert [line["label"] for line in lines] == [safe_cell(name) for name in classes]
    assert (lines[0]["decision"], lines[0]["file"]) == ("relabel", "f0")
    assert read_csv(page["text"], "d.csv", COLUMNS)["label"].tolist() == classes


def test_undo_takes_back_one_action_after_the_other():
    actions = [
        [[1, ["accept", "b"]]],
        [[2, ["keep", "a"]]],
        [[1, ["unsure", ""]]],
        [[1, ["accept", "b"]], [3, ["accept", "b"]], [4, ["remove", ""]]],
        [[2, None]],
    ]
    page = by_the_page(UNDONE, classes=["a", "b"], actions=actions)
    assert page["states"] == page["back"]
    assert page["more"] == []


def test_decisions_saved_by_spreadsheets_are_imported():
    texts = [
        '\ufeffIndex;Decision;Label\r\n5,0;KEEP;a\r\n6;remove;\r\n7;relabel;"b,c"\r\n;;\r\n',
        "sep=;\r\nindex;decision;label\r\n5;keep;a\r\n",
        "label\tdecision\tindex\nb,c\taccept\t5.0\n",
        "index,decision,label\n5,relabel,unknown\n5.5,keep,a\nx,keep,a\n6,unsure,\n",
        "row,what\n1,2\n",
    ]
    first, second, third, fourth, fifth = by_the_page(READ, classes=["a", "b,c"], texts=texts)
    assert first["decisions"] == [[5, ["keep", "a"]], [6, ["remove", ""]], [7, ["relabel", "b,c"]]]
    assert second["decisions"] == [[5, ["keep", "a"]]]
    assert third["decisions"] == [[5, ["accept", "b,c"]]]
    assert (fourth["decisions"], fourth["found"]) == ([[6, ["unsure", ""]]], {"read": 1, "skipped": 3})
    assert fifth["found"] is None
