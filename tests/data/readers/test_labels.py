import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisewise.data.readers.labels import encode, number_labels
from noisewise.errors import BadInput


@pytest.mark.parametrize(
    "labels, numbers, classes",
    [
        (["b", "a", "b"], [1, 0, 1], ("a", "b")),
        ([10, 9, 10], [1, 0, 1], ("9", "10")),
        ([2.0, 0.0], [1, 0], ("0", "2")),
        ([True, False], [1, 0], ("False", "True")),
        (np.array(["x", "y"], dtype=object), [0, 1], ("x", "y")),
        (np.array([3, 1], dtype=object), [1, 0], ("1", "3")),
        (np.array([[7], [5]]), [1, 0], ("5", "7")),
        (np.array([1, "a"], dtype=object), [0, 1], ("1", "a")),
        (np.array([b"x", "\u00e4".encode()]), [0, 1], ("x", "\u00e4")),
        (np.array([b"x", "y"], dtype=object), [0, 1], ("x", "y")),
    ],
)
def test_labels_as_people_write_them(labels, numbers, classes):
    (found,), names = encode("here", labels)
    assert found.tolist() == numbers
    assert found.dtype == np.int64
    assert names == classes


def test_columns_share_their_classes():
    (train, test), classes = encode("here", ["c", "a"], ["b", "a", "a"])
    assert classes == ("a", "b", "c")
    assert train.tolist() == [2, 0]
    assert test.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    "labels, said",
    [
        ([b"\xff", b"x"], "no text in UTF-8"),
        (np.array([b"\xff", b"x"], dtype=object), r"has the label b'\\xff'"),
        ([1, 1, 1], "only the class '1'"),
        ([], "no labels"),
        ([0.5, 1.0], "0.5, but numbers as labels must be whole"),
        (["a", None, "b", None], "2 missing"),
        ([1.0, np.nan], "1 missing"),
        (np.eye(3), r"one label per row, but has shape \(3, 3\)"),
    ],
)
def test_refused(labels, said):
    with pytest.raises(BadInput, match=f"^here .*{said}"):
        encode("here", labels)


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(TEXT, min_size=2).filter(lambda labels: len(set(labels)) > 1))
def test_names_of_the_numbers_are_the_labels(labels):
    (numbers,), classes = encode("here", np.array(labels, dtype=object))
    assert [classes[i] for i in numbers] == labels
    assert list(classes) == sorted(set(labels))


def test_number_labels_by_name_and_by_number():
    assert number_labels("here", ["b", "a"], ("a", "b")).tolist() == [1, 0]
    assert number_labels("here", np.array([1, 0], dtype=np.uint8), ("a", "b")).dtype == np.int64


@pytest.mark.parametrize("labels, said", [(["c"], "'c'"), ([2], "2"), ([-1], "-1")])
def test_number_labels_rejects_unknown_labels(labels, said):
    with pytest.raises(BadInput, match=f"^here has the label {said}"):
        number_labels("here", labels, ("a", "b"))
