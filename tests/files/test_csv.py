"""CSV without formulas: a spreadsheet runs none of our cells, and every text comes back."""

import csv
import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from noisewise.files import read_cell, safe_cell, write_csv

FORMULAS = [
    "=cmd|' /C calc'!A0",
    "=1+1",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1",
    " =HYPERLINK(1)",
    "\uff1d1+1",
    "'=1+1",
    "''=1+1",
    "-cmd|x",
]
HARMLESS = [
    "",
    "-",
    "=",
    "ash",
    "it's",
    "'quoted'",
    "'",
    "-1",
    "+5",
    "-1.5e-3",
    "-1,234.5",
    "a=b",
    "-inf",
    "'-1",
    "5-3",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_become_text_and_come_back(text):
    assert safe_cell(text) == f"'{text}"
    assert read_cell(safe_cell(text)) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_are_written_as_they_are(text):
    assert safe_cell(text) == text
    assert read_cell(text) == text


def test_no_two_texts_are_written_alike():
    rng = np.random.default_rng(0)
    texts = {"".join(rng.choice(list("'=-+@1. \tx,e%"), rng.integers(0, 7))) for _ in range(20_000)}
    assert len({safe_cell(text) for text in texts}) == len(texts)
    assert all(read_cell(safe_cell(text)) == text for text in texts)


def test_tables_with_every_kind_of_column(tmp_path):
    frame = pd.DataFrame({"=name": ["=a", "b"], "n": [-1.5, 2.0], "k": pd.Categorical(["-x", "y"])})
    frame["mixed"] = pd.Series(["+x", Decimal("-1.5")], dtype=object)
    frame["lists"] = pd.Series([["=a"], "=b"], dtype=object)
    before = frame.copy(deep=True)
    write_csv(tmp_path / "t.csv", frame)
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["'=name", "n", "k", "mixed", "lists"]
    assert lines[1] == ["'=a", "-1.5", "'-x", "'+x", "['=a']"]
    assert lines[2] == ["b", "2.0", "y", "-1.5", "'=b"]
    pd.testing.assert_frame_equal(frame, before)


def test_dialect_and_open_files():
    frame, file = pd.DataFrame({"a": [1.5], "b": ["=x;y"]}), io.StringIO()
    write_csv(file, frame, separator=";", decimal=",")
    assert file.getvalue() == 'a;b\n1,5;"\'=x;y"\n'
