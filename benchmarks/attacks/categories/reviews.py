"""Category 2c: decisions of reviewers, damaged and mixed audit folders, and exports into folders of a person."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

import noisewise as nw

from ..case import ENDS, Case, Outcome
from ..made import QUICK, all_of, copied, photos, read_json, table, text, write

FILES = (
    "summary.json",
    "issues.parquet",
    "cleaned.parquet",
    "conditions.parquet",
    "certify.parquet",
    "issues.csv",
    "report.html",
)
DAMAGES: dict[str, Callable[[bytes], bytes] | None] = {
    "gone": None,
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "binary": lambda content: bytes(range(256)) * 4,
    "nested deeply": lambda content: b"[" * 100_000,
    "a list": lambda content: b"[1, 2]",
    "of another audit": lambda content: (other_audit() / "issues.parquet").read_bytes(),
}
HEAD = "index,decision,label\n"
DECISIONS: dict[str, str | bytes] = {
    "empty": "",
    "a head alone": HEAD,
    "no head": "0,keep,\n",
    "binary": bytes(range(256)),
    "UTF-16": (HEAD + "0,keep,\n").encode("utf-16"),
    "an index below 0": HEAD + "-1,keep,\n",
    "an index beyond the rows": HEAD + "999999,keep,\n",
    "an index of 30 digits": HEAD + "9" * 30 + ",keep,\n",
    "an index of half": HEAD + "0.5,keep,\n",
    "an index nan": HEAD + "nan,keep,\n",
    "an index that is text": HEAD + "x,keep,\n",
    "no index": HEAD + ",keep,\n",
    "one row twice, equal": HEAD + "0,keep,\n0,keep,\n",
    "one row twice, unequal": HEAD + "0,keep,\n0,relabel,fir\n",
    "an unknown decision": HEAD + "0,destroy,\n",
    "relabel without a label": HEAD + "0,relabel,\n",
    "relabel to an unknown class": HEAD + "0,relabel,oak\n",
    "relabel to markup": HEAD + "0,relabel,<img src=x onerror=alert(1)>\n",
    "a label with ../": HEAD + "0,relabel,../../x\n",
    "a label with a null byte": HEAD + "0,relabel,a\0b\n",
    "a label of 1 MB": HEAD + "0,relabel," + "x" * 10**6 + "\n",
    "a formula as label": HEAD + "0,relabel,=cmd|x\n",
    "another given label": "index,decision,label,given\n0,keep,,fir\n",
    "decisions in capitals": HEAD + "0,KEEP,\n",
    "blanks": HEAD + " 0 , keep , \n",
    "semicolons": "index;decision;label\n0;keep;\n",
    "all removed": HEAD + "".join(f"{row},remove,\n" for row in range(60)),
    "all of one class": HEAD + "".join(f"{row},relabel,ash\n" for row in range(60)),
    "a column twice": "index,decision,decision\n0,keep,remove\n",
    "rows of other lengths": HEAD + "0\n1,keep,a,b,c\n",
    "an audit's issues": "index,given,suggested,suspicion,is_issue\n0,ash,fir,1,True\n",
}
_CHOICE = '[{"data": {"index": 0}, "annotations": [{"result": [{"type": "choices", "value": {"choices": CHOICES}}]}]}]'
EXPORTS: dict[str, str | bytes] = {
    "empty": "",
    "null": "null",
    "a number": "3",
    "an empty list": "[]",
    "a list of numbers": "[1, 2]",
    "nested 100,000 deep": "[" * 100_000,
    "nan": '[{"data": {"index": NaN}, "annotations": []}]',
    "no data": '[{"annotations": []}]',
    "data that are a list": '[{"data": [], "annotations": {}}]',
    "results of other kinds": '[{"data": {"index": 0}, "annotations": [{"result": [{"value": 3}]}]}]',
    "two choices": _CHOICE.replace("CHOICES", '["ash", "fir"]'),
    "an unknown choice": _CHOICE.replace("CHOICES", '["oak"]'),
    "FiftyOne's without samples": '{"samples": 3}',
    "FiftyOne's with odd samples": '{"samples": [1, {"index": "x"}]}',
    "cut": '[{"data": {"index": 0}',
    "lone surrogates": '[{"data": {"index": "\\ud800"}, "annotations": []}]',
}


def other_audit() -> Path:
    from .. import made

    return made.STOCK / "audit-photos"


def cases() -> Iterator[Case]:
    """All of them."""
    for name, content in DECISIONS.items():
        for to in ("out.csv", "out.npz", "out.parquet"):
            words = ["decide", "audit", "d.csv", "--out", to]
            yield Case("2c", f"decisions: {name}", words, all_of(_audited, text("d.csv", content)), after=_complete)
        words = ["review", "audit", "--decided", "d.csv", "--out", "out.csv"]
        yield Case("2c", f"decisions left out: {name}", words, all_of(_audited, text("d.csv", content)))
    for name, content in EXPORTS.items():
        words = ["decide", "audit", "d.json", "--out", "out.csv"]
        yield Case(
            "2c", f"JSON of decisions: {name}", words, all_of(_audited, text("d.json", content)), after=_complete
        )
    for file in FILES:
        for name, damage in DAMAGES.items():
            before = all_of(
                _audited, lambda file=file, damage=damage: _harm(file, damage), text("d.csv", HEAD + "0,keep,\n")
            )
            yield Case(
                "2c",
                f"{file} is {name}, decide",
                ["decide", "audit", "d.csv", "--out", "out.csv"],
                before,
                after=_complete,
            )
            yield Case("2c", f"{file} is {name}, review", ["review", "audit", "--out", "out.csv"], before)
    for key in ("classes", "plan", "source", "issues", "true_noise_rate"):
        for value in (None, 3, [], [[1]], {"x": 1}, ["a"]):
            before = all_of(
                _audited, lambda key=key, value=value: _state(key, value), text("d.csv", HEAD + "0,keep,\n")
            )
            yield Case(
                "2c", f"summary.json says {key}={value!r}", ["decide", "audit", "d.csv", "--out", "out.csv"], before
            )
    yield from _mixed()
    yield from _exported()


def _audited() -> None:
    table()
    copied("audit")()


def _harm(file: str, damage: Callable[[bytes], bytes] | None) -> None:
    path = Path("audit", file)
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))


def _state(key: str, value: object) -> None:
    summary = read_json("audit/summary.json")
    write("audit/summary.json", json.dumps({**summary, key: value}))


def _complete(outcome: Outcome) -> str:
    """What is written has legal labels, and no more rows than the table."""
    if outcome.code:
        return ""
    path = next((one for one in Path().glob("out.*") if one.suffix != ".json"), None)
    if path is None:
        return "nothing was written"
    found = pd.read_csv(path) if path.suffix == ".csv" else nw.load(path)
    return "" if len(found) <= 60 else f"{len(found)} rows of 60"


def _mixed() -> Iterator[Case]:
    keep = text("d.csv", HEAD + "0,keep,\n")
    yield Case(
        "2c",
        "an audit of a table in the folder of one of arrays, then decided",
        ["decide", "out", "d.csv", "--out", "out.parquet"],
        all_of(table, copied("audit-npz", "out"), lambda: _audit("t.csv", "out"), keep),
        (0,),
        _of_the_table,
    )
    yield Case(
        "2c",
        "an audit of arrays in the folder of one of a table, then decided",
        ["decide", "out", "d.csv", "--out", "out.npz"],
        all_of(copied("v.npz"), copied("audit", "out"), lambda: _audit("v.npz", "out"), keep),
        (0,),
    )
    yield Case(
        "2c",
        "--no-conditions in the folder of an audit with conditions",
        ["audit", "t.csv", *QUICK, "--no-conditions", "--out", "out"],
        all_of(table, copied("audit", "out")),
        (0,),
        lambda outcome: ", ".join(str(path) for path in Path("out").glob("conditions.*")),
    )
    yield Case(
        "2c",
        "an audit in a folder with a person's files",
        ["audit", "t.csv", *QUICK, "--out", "mine"],
        all_of(table, lambda: os.mkdir("mine"), text("mine/notes.txt", "mine"), text("mine/cleaned.txt", "mine")),
        (0,),
        ours=("mine/[!nc]*", "mine/c*.parquet", "mine/conditions.csv"),
    )
    for words in (["decide", "p", "d.csv", "--out", "p"], ["decide", "audit-photos", "d.csv", "--out", "p"]):
        yield Case(
            "2c",
            "decided into the folder of the photographs",
            words,
            all_of(photos, copied("audit-photos"), keep),
            (2,),
            ours=(),
        )
    for words in (
        ["decide", "none", "d.csv", "--out", "out.csv"],
        ["decide", "audit", "none.csv", "--out", "out.csv"],
        ["decide", "audit", "d.csv", "--source", "none", "--out", "out.csv"],
        ["decide", "audit", "audit", "--out", "out.csv"],
        ["decide", "audit", "d.csv", "--base", "x", "--out", "out.csv"],
        ["review", "none", "--out", "out.csv"],
        ["review", "audit", "--to", "x", "--out", "out.csv"],
        ["review", "audit", "--for", "x", "--out", "out.csv"],
        ["review", "audit", "--images", "x", "--to", "label-studio", "--out", "out.json"],
        ["review", "audit", "--to", "label-studio", "--out", "out.csv"],
        ["review", "t.csv", "--out", "out.csv"],
    ):
        yield Case("2c", "words that do not fit", words, all_of(_audited, keep), (2,))
    yield Case(
        "2c",
        "decided in place of the table",
        ["decide", "audit", "d.csv", "--out", "t.csv"],
        all_of(_audited, keep),
        ENDS,
        ours=("t.csv",),
    )


def _audit(source: str, out: str) -> None:
    nw.audit(source, model="linear", out=out)


def _of_the_table(outcome: Outcome) -> str:
    found = nw.load("out.parquet")
    return "" if found.shape == (4,) and found.name == "t.csv" else f"the result is of {found.name}, {found.shape}"


def _exported() -> Iterator[Case]:
    mine = all_of(
        lambda: os.mkdir("data"),
        text("data/thesis.txt", "mine"),
        text("samples.json", "mine"),
        text("metadata.json", "mine"),
    )
    images = all_of(
        lambda: os.mkdir("tasks-images"), text("tasks-images/thesis.txt", "mine"), text("tasks-images/0.png", "mine")
    )
    yield Case(
        "2c",
        "FiftyOne's export into a folder with data/ of a person",
        ["review", "audit-photos", "--to", "fiftyone", "--out", "."],
        all_of(copied("audit-photos"), mine),
        ENDS,
        ours=("data/*.png", "samples.json", "metadata.json", "labels.json"),
    )
    yield Case(
        "2c",
        "Label Studio's pictures into a folder of a person",
        ["review", "audit-photos", "--to", "label-studio", "--images", "folder", "--out", "tasks.json"],
        all_of(copied("audit-photos"), images),
        ENDS,
        ours=("tasks.json", "tasks.xml", "tasks-images/[1-9]*.png", "tasks-images/*-*", "tasks-images/*_*"),
    )
    yield Case(
        "2c",
        "decided into a folder with files of a person",
        ["decide", "audit-photos", "d.csv", "--copy", "--out", "data"],
        all_of(copied("audit-photos"), mine, text("d.csv", HEAD + "0,keep,\n")),
        ENDS,
        ours=("data/*/*",),
    )
