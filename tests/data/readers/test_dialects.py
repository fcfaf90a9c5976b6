"""The same table in every dialect and format is the same data set."""

import gzip
import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from noisewise.data import load
from noisewise.errors import BadInput

ROWS = 40
RNG = np.random.default_rng(3)
KIND = RNG.integers(0, 3, ROWS)
PLAIN = pd.DataFrame(
    {
        "height": np.round(KIND + RNG.normal(0, 0.3, ROWS), 3),
        "width": np.round(RNG.normal(5, 2, ROWS), 2),
        "label": np.array(["ash", "birch", "cedar"])[KIND],
    }
)
CSV = PLAIN.to_csv(index=False)
NAMES, *BODY = CSV.splitlines()
RECORDS = PLAIN.to_dict("records")


def german(decimal=","):
    return PLAIN.to_csv(index=False, sep=";", decimal=decimal)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "t.csv"
    path.write_text(CSV)
    return load(path)


@pytest.mark.parametrize(
    "name, content",
    [
        ("t.CSV", CSV),
        ("t.csv", german()),
        ("t.csv", german(".")),
        ("t.csv", CSV.replace(",", "|")),
        ("t.tsv", CSV.replace(",", "\t")),
        ("t.csv", CSV.replace(",", "\t")),
        ("t.csv", CSV.replace(",", ", ")),
        ("t.csv", CSV.replace(",", " ")),
        ("t.txt", CSV),
        ("t.csv", "sep=;\n" + german()),
        ("t.csv", "# made on Monday\n#, by hand\n" + CSV),
        ("t.csv", "#" + CSV.replace("height", "height", 1)),
        ("t.csv", CSV.replace("\n", "\r\n")),
        ("t.csv", CSV.replace("\n", "\r")),
        ("t.csv", CSV.replace("\n", "\n\n")),
        ("t.csv", "\n\n" + CSV),
        ("t.csv", CSV.encode("utf-8-sig")),
        ("t.csv", CSV.encode("utf-16")),
        ("t.csv", CSV.encode("utf-16-le")),
        ("t.csv", CSV.encode("utf-16-be")),
        ("t.csv", CSV.encode("utf-32")),
        ("t.csv.gz", gzip.compress(CSV.encode())),
        ("t.tsv.GZ", gzip.compress(CSV.replace(",", "\t").encode())),
        ("t.jsonl", PLAIN.to_json(orient="records", lines=True)),
        ("t.ndjson", PLAIN.to_json(orient="records", lines=True)),
        ("t.jsonl.gz", gzip.compress(PLAIN.to_json(orient="records", lines=True).encode())),
        ("t.json", PLAIN.to_json(orient="records")),
        ("t.json", PLAIN.to_json(orient="records", lines=True)),
        ("t.json", PLAIN.to_json(orient="columns")),
        ("t.json", PLAIN.to_json(orient="split")),
        ("t.json", PLAIN.to_json(orient="table")),
        ("t.json", json.dumps(PLAIN.to_dict("list"))),
        ("t.json", json.dumps({"rows": RECORDS, "made": "today"})),
        ("t.json", json.dumps([{"label": r["label"], "of": {"h": r["height"], "w": r["width"]}} for r in RECORDS])),
        ("t.csv", "\n".join([NAMES, *(f"{line}," for line in BODY)])),  # a separator at the end of rows
        ("t.csv", "\n".join([NAMES, *(f"r{i},{line}" for i, line in enumerate(BODY))])),  # row names of R
        ("t.csv", CSV.replace("label", " label ", 1)),
        ("t.csv", CSV.replace("height", '"height\n(cm)"', 1)),
    ],
)
def test_a_dialect_changes_nothing(tmp_path, expected, name, content):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    data = load(tmp_path / name)
    np.testing.assert_allclose(np.asarray(data.inputs), expected.inputs, atol=1e-5)
    assert data.classes == expected.classes
    np.testing.assert_array_equal(data.given, expected.given)


def test_a_workbook(tmp_path, expected):
    pytest.importorskip("openpyxl")
    PLAIN.to_excel(tmp_path / "t.xlsx", index=False)
    data = load(tmp_path / "t.xlsx")
    np.testing.assert_allclose(data.inputs, expected.inputs, atol=1e-5)
    np.testing.assert_array_equal(data.given, expected.given)
    with pd.ExcelWriter(tmp_path / "two.xlsx") as book:
        PLAIN.to_excel(book, sheet_name="a", index=False)
        PLAIN.to_excel(book, sheet_name="b", index=False)
    with pytest.raises(BadInput, match="2 sheets with rows, a, b"):
        load(tmp_path / "two.xlsx")


def test_a_workbook_needs_an_extra(tmp_path, monkeypatch):
    def missing(*args, **options):
        raise ImportError

    monkeypatch.setattr(pd, "read_excel", missing)
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(BadInput, match=r"needs the extra excel: pip install noisewise\[excel\]"):
        load(tmp_path / "t.xlsx")


@pytest.mark.parametrize(
    "content, note",
    [
        (CSV.replace("ash", "frêne").encode("cp1252"), "the text is read as Windows-1252, since it is not UTF-8"),
        (CSV.encode("utf-16-le"), "the text is read as UTF-16-LE"),
        (f"# a comment\n{CSV}".encode(), "1 line of comment above the names is skipped"),
        (CSV.replace("width", "height", 1).encode(), "2 columns are called 'height'; they are numbered"),
        (CSV.replace("ash", "N/A").encode(), "'N/A' among the labels is a class like any other"),
    ],
)
def test_what_is_not_obvious_is_noted(tmp_path, content, note):
    (tmp_path / "t.csv").write_bytes(content)
    assert [said for said in load(tmp_path / "t.csv").notes if said.startswith(note)]


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("t.csv", "\n".join(BODY), r"holds the labels: none of .* \(does the file lack a line of names\?\)"),
        ("t.csv", CSV + "1,2,ash,4\n", "cannot read .* as CSV: Expected 3 fields in line 42, saw 4$"),
        ("t.csv", CSV.replace("height", "label", 1), "has 2 columns called 'label'"),
        ("t.csv", b"PAR1" + bytes(40), "it holds Parquet, not CSV"),
        ("t.csv", b"\x01\x02\0\0\0\x05" * 9, "it is not text"),
        ("t.csv.gz", gzip.compress(CSV.encode())[:-20], "cannot read"),
        ("t.json", "3", "the JSON is no table"),
        ("t.json", '{"a": [1, 2], "b": [1]}', "the JSON is no table"),
        ("t.json", "{", "cannot read .* as JSON"),
        ("t.json", "[" * 100_000, "cannot read .* as JSON"),
        ("t.jsonl", "[1]", "a line is not an object"),
        ("t.xlsx", b"PK\x03\x04" + bytes(40), "cannot read|needs the extra"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match=said) as caught:
        load(tmp_path / name)
    assert "\n" not in str(caught.value).strip()
