"""Which columns of a table are used, and columns of odd kinds."""

import numpy as np
import pandas as pd
import pytest

from noisewise.data import load, save
from noisewise.errors import BadInput


@pytest.fixture
def many(tmp_path):
    """A table of 40 rows with a name, a code and two numbers, as CSV; the path."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "who": [f"{i:04}" for i in range(40)],
            "zip": rng.choice(["01067", "04109", "80331"], 40),
            "a": rng.normal(size=40),
            "b": rng.normal(size=40),
            "rank": np.arange(40),
            "label": ["x", "y"] * 20,
        }
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def used(data):
    return [column.name for column in data.columns if column.used]


def why(data, name):
    return next(column.why for column in data.columns if column.name == name)


def test_which_columns_are_used_is_said_and_recorded(many):
    assert used(load(many)) == ["zip", "a", "b"]
    assert why(load(many), "zip") == "codes, written with leading zeros"
    one = load(many, columns="a")
    assert (used(one), one.shape) == (["a"], (1,))
    assert why(one, "b") == "not among the columns asked for"
    assert used(load(many, columns="a,b")) == used(load(many, columns=["a", "b"])) == ["a", "b"]
    assert used(load(many, ignore=["a"])) == ["zip", "b"]
    assert why(load(many, ignore="a"), "a") == "ignored, as asked"
    asked = load(many, columns=["rank", "a"])
    assert (used(asked), why(asked, "rank")) == (["a", "rank"], "numbers the rows; used as asked")


@pytest.mark.parametrize(
    "stated, said",
    [
        ({"columns": "aa"}, "columns='aa': .* has no column 'aa'"),
        ({"ignore": "bb"}, "ignore='bb': .* has no column 'bb'"),
        ({"columns": "label"}, "'label' of .* holds the labels, and is never an input"),
        ({"id": "whom"}, r"no column id='whom' \(did you mean 'who'\?\)"),
        ({"ignore": ["zip", "a", "b"]}, "no column to learn from"),
        ({"skip_broken": True}, "skip_broken=True is for folders"),
        ({"size": 8}, "size=8 is for images"),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(many, stated, said):
    with pytest.raises(BadInput, match=said):
        load(many, **stated)


def test_ids_are_kept_as_they_are_written(many):
    data = load(many, id="who")
    assert data.ids.name == "who"
    assert data.ids.tolist()[:2] == ["0000", "0001"]
    assert why(data, "who") == "names the rows"


def test_a_saved_table_is_read_with_the_same_choice(many, tmp_path):
    data = load(many, id="who", ignore="zip", na="")
    save(data, tmp_path / "s.parquet")
    for again in (load(tmp_path / "s.parquet"), load(tmp_path / "s.parquet", labels="label", id="who")):
        assert again.columns == data.columns
        np.testing.assert_array_equal(again.inputs, data.inputs)
        assert again.ids.tolist() == data.ids.tolist()
    assert used(load(tmp_path / "s.parquet", columns="a")) == ["a"]
    assert used(load(tmp_path / "s.parquet", columns=["zip"])) == ["zip"]
    assert used(load(tmp_path / "s.parquet", ignore="a")) == ["b"]
    with pytest.raises(BadInput, match=r"labels='zip': noisewise wrote .* with labels='label', which stays"):
        load(tmp_path / "s.parquet", labels="zip")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
@pytest.mark.parametrize("na", ["?", ["?", "unknown"], ""])
def test_rows_without_a_label_stay_if_that_is_asked_for(tmp_path, suffix, na):
    gap = "?" if na else None
    table = pd.DataFrame({"a": np.arange(30.0) % 7, "label": ["x", "y", gap] * 10})
    path = tmp_path / f"t{suffix}"
    if suffix == ".csv":
        table.to_csv(path, index=False)
    elif suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    data = load(path, na=na)
    assert data.classes == ("x", "y")
    assert data.index.tolist() == [i for i in range(30) if i % 3 != 2]
    assert data.unlabelled.index.tolist() == [2, 5, 8, 11, 14, 17, 20, 23, 26, 29]
    assert "10 rows have no label, and are not learned from" in data.notes
    np.testing.assert_array_equal(data.unlabelled.inputs[:1], data.inputs[6:7])  # rows 2 and 9 both hold a = 2
    if not na:
        with pytest.raises(BadInput, match=r"10 missing label.* by --na ''.*; .* by --na TEXT, .* several times"):
            load(path)


def test_texts_and_numbers_that_mean_missing(tmp_path):
    table = pd.DataFrame({"a": [1.5, -1, 2, -1] * 5, "b": ["u", "w", "k.A.", "w"] * 5, "label": ["x", "y"] * 10})
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    for path in (tmp_path / "t.csv", tmp_path / "t.parquet"):
        data = load(path, na=["-1", "k.A."])
        assert data.described["a"].isna().sum() == 10
        assert data.described["b"].isna().sum() == 5
        assert data.shape == (2 + 3,)  # the number and its mark; u, w and missing


def test_names_are_not_classes(tmp_path):
    pd.DataFrame({"a": np.arange(200.0) % 9, "label": [f"n{i}" for i in range(200)]}).to_csv(tmp_path / "t.csv")
    with pytest.raises(BadInput, match="200 different labels in 200 rows: these are names or quantities, not classes"):
        load(tmp_path / "t.csv")
    pd.DataFrame({"a": np.arange(300.0) % 9, "label": [f"n{i % 100}" for i in range(300)]}).to_csv(tmp_path / "t.csv")
    assert len(load(tmp_path / "t.csv").classes) == 100


def test_objects_in_rows_become_columns(tmp_path):
    rows = [{"label": "xy"[i % 2], "of": {"a": i % 5, "in": {"b": i % 3}}, "tags": ["t"] * (i % 2)} for i in range(30)]
    pd.DataFrame(rows).to_parquet(tmp_path / "t.parquet")
    pd.DataFrame(rows).to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    for path in (tmp_path / "t.parquet", tmp_path / "t.jsonl"):
        data = load(path)
        assert used(data) == ["of.a", "of.in.b", "tags"]
        assert load(save(data, tmp_path / "s.parquet")).columns == data.columns


ODD = {
    "complex": np.arange(30) * 1j,
    "interval": pd.cut(np.arange(30), 4),
    "sparse": pd.arrays.SparseArray(np.arange(30) % 4),
    "matrices": [np.eye(2) * (i % 7) for i in range(30)],
    "vectors with a gap": [None if i == 4 else np.ones(3) * (i % 7) for i in range(30)],
    "huge numbers": [10**25 + i % 4 for i in range(30)],
    "huge identifiers": [10**25 + i for i in range(30)],
    "sets": [{i % 3} for i in range(30)],
    "periods": pd.period_range("2020-01", periods=30, freq="M"),
    "bytes": [bytes([255, i]) for i in range(30)],
    "nullable": pd.array([None if i % 7 == 0 else i % 5 for i in range(30)], dtype="Int64"),
}


@pytest.mark.parametrize("name", ODD)
def test_columns_of_odd_kinds_are_read_and_kept_by_a_file(tmp_path, name):
    frame = pd.DataFrame({"a": np.arange(30.0) % 7, "odd": ODD[name], "label": ["x", "y"] * 15})
    data = load(frame)
    again = load(save(data, tmp_path / "s.parquet"))
    assert again.columns == data.columns
    np.testing.assert_array_equal(again.inputs, data.inputs)
    expected = {"huge identifiers": "codes, too long for numbers", "bytes": "bytes", "matrices": "4 numbers per row"}
    assert expected.get(name, "") in why(data, "odd")


def test_a_truth_with_gaps_is_named(tmp_path):
    frame = pd.DataFrame({"a": np.arange(9.0) % 4, "truth": ["x", None, "y"] * 3, "label": ["x", "y", "x"] * 3})
    with pytest.raises(BadInput, match="column 'truth' of DataFrame is empty in 3 rows"):
        load(frame)


def test_ids_that_do_not_tell_rows_apart_are_noted(many):
    assert "40 rows share what the column 'zip' calls them" in load(many, id="zip").notes
