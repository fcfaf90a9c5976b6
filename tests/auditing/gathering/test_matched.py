"""Probabilities and features of other tools are matched by the names of rows and classes, never by position alone."""

import numpy as np
import pandas as pd
import pytest
import torch

import noisewise as nw
from noisewise.auditing.gathering.matched import of_classes, of_rows
from noisewise.data.dataset import Dataset
from noisewise.data.readers.matrices import Matrix, read_given
from noisewise.errors import BadInput

ROWS = 90
RNG = np.random.default_rng(2)
CLASSES = ("ash", "birch", "cedar")
KIND = np.arange(ROWS) % 3
GIVEN = np.where(np.arange(ROWS) % 10 == 4, (KIND + 1) % 3, KIND)
PROBS = np.full((ROWS, 3), 0.05)
PROBS[np.arange(ROWS), KIND] = 0.9
NAMES = [f"P{i}" for i in range(ROWS)]
FRAME = pd.DataFrame({"a": RNG.normal(size=ROWS), "label": np.array(CLASSES)[GIVEN]}, index=pd.Index(NAMES, name="who"))
EXPECTED = pd.DataFrame(PROBS, index=FRAME.index, columns=CLASSES)


@pytest.fixture
def rows():
    return nw.load(FRAME)


def matched(table, rows):
    found, notes = of_rows(Matrix.of(table), rows, "probs")
    rows, (values,) = of_classes(rows, [found])
    return rows, values, (*notes, *rows.notes)


def shuffled():
    return EXPECTED.sample(frac=1, random_state=3)


@pytest.mark.parametrize(
    "table",
    [
        PROBS,
        torch.tensor(PROBS),
        EXPECTED,
        EXPECTED.reset_index(drop=True),
        EXPECTED[["cedar", "ash", "birch"]],
        shuffled(),
        shuffled().reset_index(),
        shuffled().add_prefix("p_"),
        shuffled().add_prefix("prob of ")[["prob of cedar", "prob of ash", "prob of birch"]],
        EXPECTED.reset_index(drop=True).assign(index=range(ROWS)).sample(frac=1, random_state=1),
    ],
)
def test_rows_and_classes_are_matched_by_name(table, rows):
    same, values, _ = matched(table, rows)
    np.testing.assert_array_equal(values, PROBS)
    assert same.classes == CLASSES


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz"])
def test_files_that_name_their_rows(tmp_path, suffix, rows):
    path = tmp_path / f"p{suffix}"
    table = shuffled()[["cedar", "birch", "ash"]]
    table.to_parquet(path) if suffix == ".parquet" else table.to_csv(path)
    _, values, notes = matched(read_given(path), rows)
    np.testing.assert_allclose(values, PROBS)
    assert notes == ("the rows of probs are matched by who",)


def test_whole_numbers_may_name_rows():
    frame = FRAME.reset_index(drop=True).assign(order=np.arange(ROWS) * 7 + 3)
    rows = nw.load(frame, id="order")
    table = EXPECTED.reset_index(drop=True).assign(order=frame["order"]).sample(frac=1, random_state=4)
    np.testing.assert_array_equal(matched(table, rows)[1], PROBS)


def test_a_further_class_is_kept(rows):
    rows, values, notes = matched(shuffled().assign(oak=0.0), rows)
    assert rows.classes == (*CLASSES, "oak")
    np.testing.assert_array_equal(values, np.column_stack([PROBS, np.zeros(ROWS)]))
    np.testing.assert_array_equal(rows.given, GIVEN)
    assert "no row has the label oak, which has a column in the probabilities" in notes


def test_columns_of_numbered_classes_are_those_of_the_numbers():
    wide = np.zeros((ROWS, 4))
    wide[:, [0, 2, 3]] = PROBS
    rows = Dataset(np.zeros((ROWS, 1)), GIVEN, ("0", "2", "3"))
    found, values, notes = matched(wide, rows)
    assert found.classes == ("0", "1", "2", "3")
    np.testing.assert_array_equal(found.given, np.array([0, 2, 3])[GIVEN])
    np.testing.assert_array_equal(values, wide)
    assert notes == ("no row has the label 1, which has a column in the probabilities",)


def test_names_that_are_no_classes_are_taken_in_order_and_that_is_noted(rows):
    _, values, notes = matched(pd.DataFrame(PROBS, columns=["c0", "c1", "c2"]), rows)
    np.testing.assert_array_equal(values, PROBS)
    assert notes == ("the columns c0, c1, c2 of probs are taken in the order of the classes: ash, birch, cedar",)


def test_a_tool_that_does_not_know_a_class_gives_it_zero(rows):
    first, second = Matrix.of(EXPECTED.assign(oak=0.0)), Matrix.of(EXPECTED)
    _, (one, two) = of_classes(rows, [first, second])
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "table, said",
    [
        (EXPECTED[:-1], "probs has no row with who 'P89' .1 rows are missing."),
        (pd.concat([EXPECTED, EXPECTED[:1]]), "probs has the who 'P0' twice"),
        (EXPECTED.drop(columns="cedar"), "probs has a column for the class 'ash', but none for 'cedar'"),
        (EXPECTED.reset_index(drop=True).assign(name=NAMES), "a column 'name' of text, which does not name the rows"),
    ],
)
def test_what_does_not_match_is_refused(table, said, rows):
    with pytest.raises(BadInput, match=said):
        matched(table, rows)


def test_an_audit_by_names():
    found = nw.audit(FRAME, probs=shuffled()[["cedar", "ash", "birch"]].assign(oak=0.0))
    issues = found.issues.set_index("who")["is_issue"]
    assert set(issues.index[issues]) == {name for name, one, two in zip(NAMES, GIVEN, KIND, strict=True) if one != two}
    again = nw.audit(FRAME, probs=PROBS)
    np.testing.assert_array_equal(again.is_issue, found.is_issue)
    assert "the rows of probs are matched by who" in found.summary["notes"]


def test_features_are_matched_too():
    features = pd.DataFrame(np.eye(3)[KIND] + RNG.normal(0, 0.1, (ROWS, 3)), index=FRAME.index)
    found = nw.audit(FRAME, features=features.sample(frac=1, random_state=5), budget="quick")
    wrong = found.issues.set_index("who")["is_issue"][NAMES].to_numpy()
    assert (wrong == (GIVEN != KIND)).mean() > 0.95
