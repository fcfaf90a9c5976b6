import numpy as np
import pandas as pd
import pytest

from noisewise.data import load
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
    length = frame["length"].to_numpy()
    expected = np.column_stack(
        [
            (length - length.mean()) / length.std(),
            frame["colour"] == "blue",
            frame["colour"] == "red",
            ~frame["wild"],
            frame["wild"],
            np.zeros(6),
        ]
    )
    np.testing.assert_allclose(data.inputs, expected, atol=1e-6)
    assert data.inputs.dtype == np.float32
    assert data.kind == "table"
    assert data.classes == ("hen", "owl")
    assert data.given.tolist() == [1, 0, 1, 0, 1, 0]
    assert list(data.described) == ["length", "colour", "wild", "fixed"]
    assert data.described["colour"].tolist() == frame["colour"].tolist()


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
    expected = [-1, 0, 1, 0, -1, 1] / np.sqrt(np.mean([1, 0, 1, 0, 1, 1]))
    np.testing.assert_allclose(data.inputs[:, 0], expected, atol=1e-6)
    np.testing.assert_array_equal(data.inputs[:, 1], [0, 1, 0, 1, 0, 0])
    assert data.described["length"].isna().sum() == 2


def test_a_column_without_any_number_does_no_harm(frame, write):
    data = load(write(frame.assign(length=[np.nan] * 6)), labels="species")
    assert np.isfinite(data.inputs).all()


def test_free_text_dates_and_row_numbers_are_left_out(write):
    n = 200
    plain = pd.DataFrame({"a": np.arange(n), "y": np.arange(n) % 2})
    noted = plain.assign(note=[f"text {i}" for i in range(n)], **{"Unnamed: 0": range(n)})
    data = load(write(noted))
    np.testing.assert_array_equal(data.inputs, load(write(plain)).inputs)
    data = load(write(noted))
    assert data.provenance[0]["ignored"] == ["note", "Unnamed: 0"]
    assert "note" in data.described
    with pytest.raises(BadInput, match=r"no column to learn from .*note"):
        load(write(noted[["note", "y"]]))


def test_huge_and_tiny_numbers_stay_finite(frame, write):
    extreme = frame.assign(length=[1e300, -1e300, 0, 1, 2, 3], fixed=[1e-300, 0, 0, 0, 0, 0])
    assert np.isfinite(load(write(extreme), labels="species").inputs).all()


@pytest.mark.parametrize(
    "column, values, said",
    [
        ("length", [1, np.inf, 2, 2, 3, 4], "column 'length' of .* has 1 infinite"),
        ("species", ["owl", None, "hen", "hen", "hen", "hen"], "column 'species' of .* has 1 missing label"),
        ("species", ["owl"] * 6, "only the class 'owl'"),
        ("species", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "must be whole"),
    ],
)
def test_refused(frame, write, column, values, said):
    with pytest.raises(BadInput, match=said):
        load(write(frame.assign(**{column: values})), labels="species")


def test_numbers_mixed_with_text(write):
    values = [str(i) for i in range(99)] + ["?"]
    with pytest.raises(BadInput, match=r"column 'a' of .* holds numbers and also 1 such as '\?'"):
        load(write(pd.DataFrame({"a": values, "y": np.arange(100) % 2})))


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
