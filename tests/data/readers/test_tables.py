import numpy as np
import pandas as pd
import pytest

from noisewise.data import load, save
from noisewise.errors import BadInput


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "length": [1.0, 2.0, 3.0, 6.0, 1.0, 5.0],
            "colour": ["red", "blue", "red", "red", "blue", "red"],
            "wild": [True, False, True, True, False, False],
            "fixed": [7, 7, 7, 7, 7, 7],
            "species": ["owl", "hen", "owl", "hen", "owl", "hen"],
        }
    )


@pytest.fixture(params=[".csv", ".parquet"])
def write(request, tmp_path):
    def write(frame):
        path = tmp_path / f"table{request.param}"
        if request.param == ".csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)
        return path

    return write


def test_columns_become_numbers(frame, write):
    data = load(write(frame), labels="species")
    length = (frame["length"].to_numpy() - 2.5) / 3.25  # minus the median, over the interquartile range
    length = length / np.sqrt(1 + (length / 3) ** 2)
    expected = np.column_stack(
        [
            (length - length.mean()) / length.std(),
            frame["colour"] == "blue",
            frame["colour"] == "red",
            ~frame["wild"],
            frame["wild"],
        ]
    )
    np.testing.assert_allclose(data.inputs, expected, atol=1e-6)
    assert data.inputs.dtype == np.float32
    assert data.kind == "table"
    assert data.classes == ("hen", "owl")
    assert data.given.tolist() == [1, 0, 1, 0, 1, 0]
    assert list(data.described) == ["length", "colour", "wild", "fixed"]
    assert data.described["colour"].tolist() == frame["colour"].tolist()
    assert [column.plain for column in data.columns] == [
        {"name": "length", "kind": "number", "used": True, "why": ""},
        {"name": "colour", "kind": "category", "used": True, "why": ""},
        {"name": "wild", "kind": "category", "used": True, "why": ""},
        {"name": "fixed", "kind": "constant", "used": False, "why": "always 7"},
        {"name": "species", "kind": "category", "used": False, "why": "the labels"},
    ]


@pytest.mark.parametrize("name", ["label", "labels", "target", "class", "y", "Label"])
def test_usual_names_of_labels(frame, write, name):
    assert load(write(frame.rename(columns={"species": name}))).classes == ("hen", "owl")


def test_labels_must_be_clear(frame, write):
    with pytest.raises(BadInput, match=r"say which column of .* none of length, colour"):
        load(write(frame))
    with pytest.raises(BadInput, match="y and label could each be them"):
        load(write(frame.assign(y=1, label=frame["species"])))
    with pytest.raises(BadInput, match=r"no column 'speces' .did you mean 'species'"):
        load(write(frame), labels="speces")


def test_truth_is_not_a_feature(frame, write):
    truth = ["owl", "owl", "owl", "hen", "owl", "emu"]
    data = load(write(frame.assign(truth=truth)), labels="species")
    assert data.classes == ("emu", "hen", "owl")
    assert [data.classes[k] for k in data.truth] == truth
    assert data.shape == load(write(frame), labels="species").shape
    assert "truth" not in data.described
    assert "species" not in data.described


def test_whole_numbers_as_labels(frame, write):
    data = load(write(frame.assign(species=[10, 9, 10, 9, 2, 2])), labels="species")
    assert data.classes == ("2", "9", "10")


def test_missing_text_is_a_level(frame, write):
    data = load(write(frame.assign(colour=["red", None, "red", "blue", "blue", None])), labels="species")
    np.testing.assert_array_equal(data.inputs[:, 1], [0, 1, 0, 0, 0, 1])


def test_missing_numbers_become_the_mean_and_are_marked(frame, write):
    data = load(write(frame.assign(length=[1, np.nan, 3, np.nan, 1, 3])), labels="species")
    np.testing.assert_allclose(data.inputs[:, 0], [-1, 0, 1, 0, -1, 1], atol=1e-6)
    np.testing.assert_array_equal(data.inputs[:, 1], [0, 1, 0, 1, 0, 0])
    assert data.described["length"].isna().sum() == 2


def test_infinite_numbers_are_missing_numbers(frame, write):
    data = load(write(frame.assign(length=[1, np.inf, 3, -np.inf, 1, 3])), labels="species")
    expected = load(write(frame.assign(length=[1, np.nan, 3, np.nan, 1, 3])), labels="species")
    np.testing.assert_array_equal(data.inputs, expected.inputs)
    assert data.columns[0].why == "2 infinite values count as missing"


def test_a_column_without_any_number_does_no_harm(frame, write):
    data = load(write(frame.assign(length=[np.nan] * 6)), labels="species")
    assert np.isfinite(data.inputs).all()


def test_row_numbers_and_names_are_left_out_by_name(write):
    n = 200
    plain = pd.DataFrame({"a": np.arange(n) % 9, "y": np.arange(n) % 2})
    noted = plain.assign(note=[f"text {i}" for i in range(n)], **{"Unnamed: 0": range(n)})
    data = load(write(noted))
    np.testing.assert_array_equal(data.inputs, load(write(plain)).inputs)
    assert {c.name: c.kind for c in data.columns if not c.used and c.name != "y"} == {
        "note": "identifier",
        "Unnamed: 0": "identifier",
    }
    assert "note" in data.described
    with pytest.raises(BadInput, match=r"no column to learn from .*left out as identifier: note .differs in every row"):
        load(write(noted[["note", "y"]]))


def test_huge_and_tiny_numbers_stay_finite(frame, write):
    extreme = frame.assign(length=[1e300, -1e300, 0, 1, 2, 3], fixed=[1e-300, 0, 0, 0, 0, 0])
    assert np.isfinite(load(write(extreme), labels="species").inputs).all()


@pytest.mark.parametrize(
    "column, values, said",
    [
        ("species", ["owl", None, "hen", "hen", "hen", "hen"], "column 'species' of .* has 1 missing label"),
        ("species", ["owl"] * 6, "only the class 'owl'"),
        ("species", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "must be whole"),
    ],
)
def test_refused(frame, write, column, values, said):
    with pytest.raises(BadInput, match=said):
        load(write(frame.assign(**{column: values})), labels="species")


def test_a_word_among_numbers_is_a_missing_number(write):
    values = [str(i % 90) for i in range(99)] + ["?"]
    data = load(write(pd.DataFrame({"a": values, "y": np.arange(100) % 2})))
    assert data.columns[0].plain == {
        "name": "a",
        "kind": "number",
        "used": True,
        "why": "1 value '?' counts as missing",
    }
    assert data.inputs[:, 1].tolist() == [0] * 99 + [1]


def test_no_rows(frame, write):
    with pytest.raises(BadInput, match="no rows"):
        load(write(frame[:0]), labels="species")


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b'a,b\n1,"2\n', "cannot read"),
        ("a.csv", b"\xff\xfe\x00,\xd8", "cannot read"),
        ("a.parquet", b"no parquet", "cannot read"),
        ("a.parquet", b"", "cannot read"),
    ],
)
def test_damaged(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=said):
        load(tmp_path / name)


@pytest.mark.parametrize("separator, decimal", [(";", ","), (";", "."), ("|", "."), ("\t", ",")])
def test_separators_and_decimals(frame, tmp_path, separator, decimal):
    frame = frame.assign(length=[1.5, 2.25, 3, 6.5, 1, 5])
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "b.CSV", index=False, sep=separator, decimal=decimal)
    one, other = (load(tmp_path / name, labels="species") for name in ("a.csv", "b.CSV"))
    np.testing.assert_allclose(other.inputs, one.inputs, atol=1e-6)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_encodings(frame, tmp_path, encoding):
    frame.assign(species=["mésange", "hen"] * 3).to_csv(tmp_path / "a.csv", index=False, encoding=encoding)
    data = load(tmp_path / "a.csv", labels="species")
    assert data.classes == ("hen", "mésange")
    assert data.columns[0].name == "length"


@pytest.mark.parametrize(
    "values, classes",
    [
        (["007", "07", "007", "07", "10", "10"], ("007", "07", "10")),
        (["NA", "EU", "NA", "EU", "NA", "None"], ("EU", "NA", "None")),
        (["10", "9", "10", "9", "9", "9"], ("9", "10")),
        (["1.0", "2.0", "1.0", "2.0", "1.0", "2.0"], ("1.0", "2.0")),
        (["1.1", "1.10", "1.1", "1.10", "1", "1"], ("1", "1.1", "1.10")),
        (["1", "2", "nan", "1", "2", "NA"], ("1", "2", "NA", "nan")),
        (["True", "False"] * 3, ("False", "True")),
        ([" owl", "owl", "hen", "hen ", "hen", "owl\t"], ("hen", "owl")),
    ],
)
def test_labels_stay_as_they_are_written(frame, tmp_path, values, classes):
    frame.assign(species=values).to_csv(tmp_path / "a.csv", index=False)
    assert load(tmp_path / "a.csv", labels="species").classes == classes


def test_classes_that_are_probably_the_same_are_named(frame, write):
    data = load(write(frame.assign(species=["owl", "Owl", "hen", "hen", "sea eagle", "Sea_eagle"])), labels="species")
    assert data.notes == (
        "the classes 'Owl' and 'owl' are probably the same, written differently",
        "the classes 'Sea_eagle' and 'sea eagle' are probably the same, written differently",
    )
    assert load(write(frame), labels="species").notes == ()


def test_lists_are_no_labels(frame, tmp_path):
    frame.assign(species=[["owl"], ["hen"]] * 3).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="each row must have one label"):
        load(tmp_path / "a.parquet", labels="species")


def test_an_index_with_a_name_is_a_column(frame, tmp_path):
    frame.set_index(pd.Index([f"P{i}" for i in range(6)], name="patient")).to_parquet(tmp_path / "a.parquet")
    data = load(tmp_path / "a.parquet", labels="species")
    assert [column.name for column in data.columns] == ["patient", "length", "colour", "wild", "fixed", "species"]
    assert data.columns[0].kind == "identifier"


@pytest.mark.parametrize("odd", ["x", [1], {"a": 1}])
def test_objects_of_several_types_are_text(frame, tmp_path, odd):
    rows = frame.assign(extra=[1, odd, 2, odd, 1, odd])
    rows.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    data = load(tmp_path / "a.jsonl", labels="species")
    again = load(save(data, tmp_path / "b.parquet"))
    assert data.described["extra"].tolist() == ["1", str(odd), "2", str(odd), "1", str(odd)]
    np.testing.assert_array_equal(again.inputs, data.inputs)
    assert again.columns == data.columns
