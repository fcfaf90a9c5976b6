from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from noisewise.data import split
from noisewise.data.row_names import name_columns, named

IDS = pd.Series([f"P{i}" for i in range(40)], name="patient")
FILES = pd.DataFrame({"file": [f"a/{i}.png" for i in range(40)]})


def table(*index, **columns):
    return pd.DataFrame({"index": index, "given": "x", **columns})


def test_ids_and_files_follow_the_index(images):
    data = images(ids=IDS, described=FILES).take(np.arange(39, -1, -2))
    found = named(table(3, 39, 7), data)
    assert list(found.columns) == ["index", "patient", "file", "given"]
    assert found["patient"].tolist() == ["P3", "P39", "P7"]
    assert found["file"].tolist() == ["a/3.png", "a/39.png", "a/7.png"]
    assert name_columns(found, "given") == ["index", "patient", "file"]


def test_several_parts(images):
    data = split(images(described=FILES), validation=0.5)
    assert named(table(*range(40)), data, data.validation)["file"].tolist() == FILES["file"].tolist()


def test_rows_without_names(images, vectors):
    rows = table(1, 2)
    assert named(rows, images()) is rows
    assert named(rows, vectors(described=FILES)) is rows


def test_no_lines(vectors):
    assert list(named(table().astype({"index": int}), vectors(ids=IDS)).columns) == ["index", "patient", "given"]


@pytest.mark.parametrize("name, found", [("given", "id"), ("index", "id"), ("x", "x"), ("id", "id"), ("split", "id")])
def test_an_id_column_that_is_called_like_another(vectors, name, found):
    columns = named(table(1, split="train"), vectors(ids=IDS.rename(name))).columns
    assert list(columns) == ["index", found, "given", "split"]


def test_ids_that_are_the_files(images):
    data = images(ids=FILES["file"], described=FILES)
    assert list(named(table(1), data).columns) == ["index", "file", "given"]


def test_numbers_stay_numbers(vectors):
    found = named(table(4, 2), replace(vectors(), ids=pd.Series(np.arange(40) + 100, name="order")))
    assert found["order"].tolist() == [104, 102]
    assert found["order"].dtype.kind == "i"
