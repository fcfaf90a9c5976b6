"""Tasks: their names, what they keep, what they refuse."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisewise.compute import Task, read
from noisewise.errors import BadInput
from noisewise.files import digest

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def function(a):
    return {"a": a}


@given(st.dictionaries(st.text(), PLAIN, max_size=3))
def test_the_key_follows_from_what_is_computed_alone(arguments):
    task = Task("m:f", arguments)
    again = Task("m:f", json.loads(json.dumps(dict(reversed(arguments.items())))), title="else")
    assert task.key == again.key == digest(["m:f", 1, arguments])
    others = (Task("m:g", arguments), Task("m:f", arguments, version=2), Task("m:f", {**arguments, "further": 0}))
    assert task.key not in {other.key for other in others}


def test_a_task_says_what_it_is():
    assert Task("m:f", {"a": (1, 2), "b": "x"}).title == "f a=[1, 2] b=x"
    assert Task("m:f", {"a": 1}, title="t").title == "t"
    assert Task.of(function, a=1) == Task(f"{__name__}:function", {"a": 1})


@pytest.mark.parametrize("name", ["f", "m:", ":f", "m:f.g", "m f:g"])
def test_a_name_must_be_importable(name):
    with pytest.raises(BadInput, match="module:name"):
        Task(name)


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), np.zeros(2), {1, 2}])
def test_arguments_must_be_plain(value):
    with pytest.raises(BadInput, match="arguments of m:f must be plain data"):
        Task("m:f", {"a": value})


def test_functions_within_functions_are_refused():
    for bad in (lambda a: {}, Task.of):
        with pytest.raises(BadInput, match="at the top of a module"):
            Task.of(bad)


def test_what_a_function_gives_comes_back(work):
    task = work.task("everything", value=7)
    folder = work.folder / task.key
    assert not task.finished(folder)
    task.compute(folder)
    assert task.finished(folder)
    assert {path.name for path in folder.iterdir()} == {"result.json", "arrays.npz", "history.parquet"}
    result = read(task, folder)
    assert (result["n"], result["bad"]) == (7, None)
    assert result["x"].tolist() == [0.0, 1.0, 2.0]
    assert result["words"].tolist() == ["a"]
    assert result["history"]["loss"].tolist() == [0.5, 0.25]
    assert result.seconds >= 0
    assert result.machine
    with pytest.raises(BadInput, match="has no 'y'"):
        result["y"]
    about = json.loads((folder / "result.json").read_text())
    assert about["function"] == "work_functions:everything"
    assert about["arguments"] == {"value": 7}
    assert about["versions"]["numpy"] == np.__version__


@pytest.mark.parametrize(
    "what, error, words",
    [
        ("list", BadInput, "must give a dict of results by name, not list"),
        ("name", BadInput, "'no name', which is not an identifier"),
        ("objects", BadInput, "an array of objects as 'a'"),
        ("object", TypeError, "not JSON serializable"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_appears(work, what, error, words):
    task = work.task("gives", what=what)
    with pytest.raises(error, match=words):
        task.compute(work.folder / task.key)
    assert not (work.folder / task.key).exists()


def test_an_unknown_function_is_refused(work):
    for name, words in (("work_functions:none", "no attribute 'none'"), ("no_module:f", "no module 'no_module'")):
        with pytest.raises(BadInput, match=words):
            Task(name).compute(work.folder / "x")


@pytest.mark.parametrize("damaged", ["", '{"values": ', "[]"])
def test_a_damaged_result_counts_as_not_computed(damaged, tmp_path):
    task = Task.of(function, a=1)
    task.compute(tmp_path / task.key)
    assert task.finished(tmp_path / task.key)
    (tmp_path / task.key / "result.json").write_text(damaged, encoding="utf-8")
    assert not task.finished(tmp_path / task.key)
    task.compute(tmp_path / task.key)
    assert read(task, tmp_path / task.key)["a"] == 1
