"""Category 2a, tables: CSV, JSON lines, Parquet and lines of text that are broken or odd."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

import noisewise as nw

from ..case import ENDS, Case, Outcome, nothing
from ..made import QUICK, all_of, archive, frame, lines, table, text, write


def of_source(
    name: str,
    before: Callable[[], object],
    path: str,
    *options: str,
    codes: tuple[int, ...] = ENDS,
    after: Callable[[Outcome], str] = nothing,
    to: str = "out.parquet",
) -> Iterator[Case]:
    """Two attacks by one source: corrupt it, and audit it."""
    yield Case(
        "2a", f"{name}, corrupt", ["corrupt", path, "symmetric:0.4", *options, "--out", to], before, codes, after
    )
    yield Case("2a", f"{name}, audit", ["audit", path, *options, *QUICK, "--out", "out"], before, codes)


def cases() -> Iterator[Case]:
    """All of them."""
    for name, content in CSV.items():
        yield from of_source(f"CSV: {name}", text("t.csv", content), "t.csv")
    for name, content in OTHER.items():
        path = name.split(" ")[0]
        yield from of_source(f"{path}: {name[len(path) + 1 :]}", text(path, content), path)
    for name, values in LABELS.items():
        yield from of_source(
            f"Parquet: labels {name}", lambda values=values: _labelled(values), "t.parquet", after=_same_classes
        )
    for name, column in COLUMNS.items():
        yield from of_source(f"Parquet: a column of {name}", lambda column=column: _with(column), "t.parquet")
    yield from _clashes()
    yield from _paths()
    yield from _packed()


ROW = "1,2,3,4,ash\n"
BODY = "\n".join(lines()[1:]) + "\n"
CSV: dict[str, str | bytes] = {
    "empty": "",
    "only a line break": "\n",
    "only a head": "a,b,label\n",
    "no head": BODY,
    "a byte order mark": b"\xef\xbb\xbf" + "\n".join(lines()).encode(),
    "UTF-16": "\n".join(lines()).encode("utf-16"),
    "Latin-1": "\n".join(lines(names=("\xe4sche", "\xf6l", "\xfcbel"))).encode("latin-1"),
    "null bytes": b"a,b,label\n" + b"1,\0,x\n2,3,y\n" * 20,
    "only null bytes": bytes(10_000),
    "binary": bytes(range(256)) * 40,
    "rows of different lengths": "a,b,label\n1,2,x\n1\n1,2,3,4,5\n" * 10,
    "a quote that does not end": 'a,label\n"1,x\n' + "2,y\n" * 30,
    "columns of one name": "a,a,label\n" + "1,2,x\n3,4,y\n" * 20,
    "an empty name of a column": ",a,label\n" + "1,2,x\n3,4,y\n" * 20,
    "two columns of labels": "a,label,label\n" + "1,x,y\n3,y,x\n" * 20,
    "no column of labels": "a,b\n" + "1,2\n3,4\n" * 20,
    "one class": "a,label\n" + "1,x\n2,x\n" * 20,
    "one row": "a,label\n1,x\n",
    "two rows": "a,label\n1,x\n2,y\n",
    "all labels missing": "a,label\n" + "1,\n2,\n" * 20,
    "all values missing": "a,b,label\n" + ",,x\n,,y\n" * 20,
    "infinities": "a,label\n" + "inf,x\n-inf,y\nnan,x\n1e999,y\n" * 10,
    "numbers of 20 digits": "a,b,label\n"
    + "".join(f"1234567890123456789{n % 4},{n},{'xy'[n % 2]}\n" for n in range(40)),
    "numbers of 5,000 digits": "a,label\n" + f"{'9' * 5000},x\n1,y\n" * 20,
    "labels of 1 MB": "a,label\n" + f"1,{'x' * 10**6}\n2,y\n" * 3,
    "a line of 5 MB": "a,label\n" + "1" * 5_000_000 + ",x\n2,y\n",
    "20,000 columns": ",".join(f"c{n}" for n in range(20_000))
    + ",label\n"
    + ("1," * 20_000 + "x\n" + "2," * 20_000 + "y\n") * 2,
    "names with line breaks": 'a,label\n1,"x\ny"\n2,"z\r\nw"\n' + '3,"x\ny"\n4,"z\r\nw"\n' * 20,
    "names with escape sequences": "a,label\n" + "1,\x1b[31mred\x1b[0m\n2,\x1b]0;title\x07y\n" * 20,
    "names of the other direction": "a,label\n" + "1,\u202ex\n2,\u2066y\n" * 20,
    "names of blanks": "a,label\n" + "1, \n2,  \n3,\t\n" * 20,
    "names none, nan and null": "a,label\n" + "1,none\n2,nan\n3,null\n4,x\n" * 10,
    "a comma as decimal sign": "a;b;label\n" + "1,5;2,5;x\n3,5;4,5;y\n" * 20,
    "old Mac's line ends": "a,b,label\r" + "1,2,x\r3,4,y\r" * 20,
    "dates of year 0": "d,label\n" + "0000-00-00,x\n9999-99-99,y\n" * 20,
    "a zip": b"PK\x03\x04" + bytes(1000),
    "a lone surrogate": b"a,label\n" + b"1,\xed\xa0\x80x\n2,y\n" * 20,
}
_OBJECTS = [{"a": n, "b": n % 5, "label": "xy"[n % 2]} for n in range(40)]
OTHER: dict[str, str | bytes] = {
    "t.jsonl empty": "",
    "t.jsonl nested 100,000 deep": "[" * 100_000 + "]" * 100_000,
    "t.jsonl a cell nested 100,000 deep": '{"label": "x", "a": ' + "[" * 100_000 + "]" * 100_000 + "}\n",
    "t.jsonl lone surrogates": '{"a": 1, "label": "\\ud800x"}\n{"a": 2, "label": "y"}\n' * 20,
    "t.jsonl a lone surrogate in a text": '{"text": "well \\udfff", "label": "x"}\n{"text": "no", "label": "y"}\n' * 20,
    "t.jsonl labels that are lists": '{"a": 1, "label": ["x"]}\n{"a": 2, "label": ["y", "x"]}\n' * 20,
    "t.jsonl labels that are objects": '{"a": 1, "label": {"x": 1}}\n{"a": 2, "label": {}}\n' * 20,
    "t.jsonl labels of 20 digits": '{"a": 1, "label": 12345678901234567890}\n{"a": 2, "label": 3}\n' * 20,
    "t.jsonl mixed labels": '{"a": 1, "label": 1}\n{"a": 2, "label": "1"}\n{"a": 3, "label": true}\n{"a": 3}\n' * 9,
    "t.jsonl numbers of 400 digits": f'{{"a": {"9" * 400}, "label": "x"}}\n{{"a": 2, "label": "y"}}\n' * 20,
    "t.jsonl Infinity": '{"a": Infinity, "label": "x"}\n{"a": NaN, "label": "y"}\n' * 20,
    "t.jsonl lines that are no objects": "1\n[2]\nnull\n" * 20,
    "t.jsonl a name twice": '{"a": 1, "a": 2, "label": "x"}\n{"a": 3, "label": "y"}\n' * 20,
    "t.jsonl cut": "\n".join(map(json.dumps, _OBJECTS))[:-20],
    "t.json cut": json.dumps(_OBJECTS)[:-20],
    "t.json a number": "3",
    "t.json an object of columns": json.dumps({"a": [1, 2], "label": ["x"]}),
    "t.tsv rows that are CSV": "\n".join(lines()),
    "t.txt empty": "",
    "t.txt no labels": "some text\nand more\n" * 20,
    "t.txt only labels": "__label__x\n__label__y\n" * 20,
    "t.txt labels without names": "__label__ some\n__label__ more\n" * 20,
    "t.txt many labels": "__label__x __label__y some\n__label__y more\n" * 20,
    "t.txt Latin-1": "__label__x \xe4\n__label__y \xf6\n".encode("latin-1") * 20,
    "t.parquet empty": b"",
    "t.parquet no Parquet": b"PAR1" + bytes(100) + b"PAR1",
    "t.parquet a CSV": "\n".join(lines()),
    "t.xlsx empty": b"",
    "t.xlsx no zip": b"PK\x03\x04" + bytes(100),
    "t.csv.gz not packed": "\n".join(lines()),
    "t.csv.gz cut": gzip.compress("\n".join(lines()).encode())[:-20],
    "t.csv.gz twice": gzip.compress(gzip.compress("\n".join(lines()).encode())),
    "t.unknown of no known kind": "\n".join(lines()),
}
HALF = 20
LABELS: dict[str, list[Any]] = {
    "inf": [float("inf"), 1.0] * HALF,
    "-inf and nan": [float("-inf"), float("nan"), 1.0, 2.0] * (HALF // 2),
    "1e300": [1e300, 1.0] * HALF,
    "fractions": [0.5, 1.5] * HALF,
    "beyond 64 bits": ["9" * 30, "1"] * HALF,
    "negative": [-1, 5] * HALF,
    "class number 200,000": [0, 200_000] * HALF,
    "truth values": [True, False] * HALF,
    "bytes": [b"\xff\xfe", b"x"] * HALF,
    "lists": [[1], [2, 3]] * HALF,
    "dates": list(pd.to_datetime(["1700-01-01", "2200-01-01"])) * HALF,
    "times without end": [pd.Timedelta(1), pd.Timedelta(2)] * HALF,
    "all missing": [None] * (2 * HALF),
    "all different": [f"id-{n}" for n in range(2 * HALF)],
}
COLUMNS: dict[str, Any] = {
    "bytes": pa.array([bytes([200 + n % 9, 255]) for n in range(40)]),
    "empty bytes": pa.array([b""] * 40),
    "lists": pa.array([[1, 2], [3]] * 20),
    "empty lists": pa.array([[]] * 40, pa.list_(pa.float32())),
    "structs": pa.array([{"x": 1}, {"x": 2}] * 20),
    "maps": pa.array([[("k", 1)], []] * 20, pa.map_(pa.string(), pa.int64())),
    "decimals": pa.array([10**30, 2] * 20, pa.decimal128(38, 0)),
    "unsigned numbers beyond 63 bits": pa.array([2**64 - 1, 1, 2, 2**63] * 10, pa.uint64()),
    "times of day": pa.array([1, 2] * 20, pa.time64("ns")),
    "durations": pa.array([1, -(2**62)] * 20, pa.duration("ns")),
    "dates beyond Python's": pa.array([2**30, -(2**30)] * 20, pa.date32()),
    "nothing": pa.nulls(40),
    "words in a dictionary": pa.array(["x", None] * 20).dictionary_encode(),
    "pictures as bytes": pa.array([{"bytes": b"not a picture", "path": "../x.png"}] * 40),
}


def _labelled(values: list[Any]) -> None:
    try:
        made = pa.table({"a": list(range(len(values))), "label": values})
        parquet.write_table(made, "t.parquet")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        write("t.parquet", b"")


def _with(column: Any) -> None:
    known = frame(len(column))
    made = pa.Table.from_pandas(known, preserve_index=False).append_column("extra", column)
    parquet.write_table(made, "t.parquet")


def _same_classes(outcome: Outcome) -> str:
    """Labels that differ must stay different, and none becomes the smallest whole number."""
    if outcome.code:
        return ""
    given = [value for value in parquet.read_table("t.parquet").column("label").to_pylist() if value == value]
    different = {str(value) for value in given if value is not None}
    classes = nw.load("out.parquet").classes
    if any("9223372036854775808" in name for name in classes):
        return f"classes {classes}"
    return "" if len(classes) <= len(different) else f"{len(classes)} classes of {len(different)} labels"


def _clashes() -> Iterator[Case]:
    for to in ("out.csv", "out.parquet", "out.npz"):
        yield from of_source(
            f"the label column is called truth, to {to}",
            lambda: table(head="a,b,c,d,truth"),
            "t.csv",
            "--labels",
            "truth",
            after=_is_noisy,
            to=to,
        )
    for column in ("_index", "_split", "_given", "_truth", "truth", "index", "suspicion", "0"):
        yield from of_source(
            f"a column is called {column}",
            lambda column=column: table(head=f"a,b,c,{column},label"),
            "t.csv",
            "--labels",
            "label",
            after=_all_features,
        )
    for name, changed in ARCHIVES.items():
        yield from of_source(
            f"npz: {name}", lambda changed=changed: archive(**changed), "v.npz", after=_counts, to="out.npz"
        )
    many = "a,label\n" + "".join(f"{n},id{n}\n" for n in range(2_000))
    yield from of_source("CSV: 2,000 labels, all different", text("t.csv", many), "t.csv")


def _is_noisy(outcome: Outcome) -> str:
    if outcome.code:
        return ""
    path = next(iter(Path().glob("out.*")))
    if path.suffix == ".csv":
        found = pd.read_csv(path)
        given = found["label"] if "label" in found else found["truth"]
        wrong = (given.to_numpy() != pd.read_csv("t.csv")["truth"].to_numpy()).mean()
        return "" if wrong > 0.1 else f"{path} holds {wrong:.1%} wrong labels of 40 %"
    rate = nw.load(path).noise_rate
    return "" if rate is not None and rate > 0.1 else f"{path} holds a noise rate of {rate}"


def _all_features(outcome: Outcome) -> str:
    if outcome.code:
        return ""
    was, now = nw.load("t.csv", labels="label"), nw.load("out.parquet")
    return "" if was.inputs.shape == now.inputs.shape else f"{was.inputs.shape} became {now.inputs.shape}"


def _counts(outcome: Outcome) -> str:
    if outcome.code:
        return ""
    data = nw.load("out.npz")
    if len(set(data.classes)) < len(data.classes):
        return f"classes {data.classes}"
    return "" if len(set(data.index.tolist())) == len(data) else "rows share an index"


ARCHIVES: dict[str, dict[str, Any]] = {
    "two classes of one name": {"classes": np.array(["a", "a", "b"])},
    "empty names of classes": {"classes": np.array(["", "", ""])},
    "fewer names than classes": {"classes": np.array(["a"])},
    "an index twice": {"index": np.zeros(60, int), "_index": np.zeros(60, int)},
    "complex labels": {"y": np.array([1j, 1, 2] * 20), "classes": None},
    "labels inf": {"y": np.array([np.inf, 1, 2] * 20), "classes": None},
    "labels nan": {"y": np.full(60, np.nan), "classes": None},
    "labels 1e300": {"y": np.array([1e300, 1, 2] * 20), "classes": None},
    "labels of two columns": {"y": np.zeros((60, 2), int), "classes": None},
    "fewer labels than rows": {"y": np.array([0, 1, 2])},
    "no labels": {"y": None},
    "no inputs": {"X": None},
    "rows of objects": {"X": np.array([[1, "a"], [2, None]] * 30, dtype=object)},
    "inputs of complex numbers": {"X": np.ones((60, 2), complex)},
    "inputs of dates": {"X": np.full((60, 2), np.datetime64("NaT", "s"))},
    "inputs of no columns": {"X": np.zeros((60, 0), np.float32)},
    "inputs of no rows": {"X": np.zeros((0, 3), np.float32), "y": np.zeros(0, int)},
    "inputs of nine axes": {"X": np.ones((60, *[1] * 8), np.float32)},
    "inputs of NaN": {"X": np.full((60, 3), np.nan, np.float32)},
    "inputs of 1e38": {"X": np.full((60, 3), 3e38, np.float32)},
    "a name of an array of 300 characters": {"x" * 300: np.ones(60)},
}


def _loop() -> None:
    os.symlink("loop.csv", "loop.csv")


def _paths() -> Iterator[Case]:
    for name, path, before in (
        ("there is nothing", "none.csv", nothing),
        ("a user who does not exist", "~nobody-here/x.csv", nothing),
        ("a name of 300 bytes", "x" * 300 + ".csv", nothing),
        ("a path of 10,000 characters", "x/" * 5_000 + "t.csv", nothing),
        ("a null byte", "t\0.csv", nothing),
        ("an empty path", "", nothing),
        ("a link to itself", "loop.csv", _loop),
        ("a named pipe", "pipe.csv", lambda: os.mkfifo("pipe.csv")),
        ("a device", "/dev/zero", nothing),
        ("a file of the system", "/proc/self/mem", nothing),
        ("a folder called x.csv", "x.csv", lambda: os.mkdir("x.csv")),
        ("an empty folder", "empty", lambda: os.mkdir("empty")),
        ("an option as a name", "--help.csv", nothing),
        ("a web address", "https://example.invalid/x.csv", nothing),
        ("below a file", "t.csv/x.csv", table),
    ):
        yield from of_source(name, before, path, codes=(2,))
    hostile = b"t\xe9.csv"
    shown = os.fsdecode(hostile)
    yield from of_source(
        "a Latin-1 name of a file", all_of(table, lambda: os.rename("t.csv", hostile)), shown, codes=(0,)
    )


def _packed() -> Iterator[Case]:
    def encrypted() -> None:
        archive()
        content = bytearray(Path("v.npz").read_bytes())
        for at in range(len(content) - 4):
            if content[at : at + 4] == b"PK\x03\x04":
                content[at + 6] |= 1
            if content[at : at + 4] == b"PK\x01\x02":
                content[at + 8] |= 1
        write("v.npz", bytes(content))

    def method(number: int) -> Callable[[], None]:
        def change() -> None:
            archive()
            with zipfile.ZipFile("v.npz") as old, zipfile.ZipFile("w.npz", "w", number) as new:
                for name in old.namelist():
                    new.writestr(name, old.read(name))
            os.replace("w.npz", "v.npz")

        return change

    yield from of_source("npz: encrypted", encrypted, "v.npz", codes=(2,))
    yield from of_source("npz: packed by LZMA", method(zipfile.ZIP_LZMA), "v.npz")
    yield from of_source("npz: packed by bzip2", method(zipfile.ZIP_BZIP2), "v.npz")
