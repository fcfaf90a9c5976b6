"""Audits of tables with columns of every kind."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import noisewise as nw
from noisewise.data.columns.column import in_words
from noisewise.data.features import matrix
from noisewise.data.readers.tables import from_frame

TOPICS = {
    "food": ["bread", "cheese", "soup", "apple", "salt", "oven", "pepper", "onion", "rice", "butter"],
    "sport": ["ball", "goal", "team", "race", "coach", "match", "score", "run", "win", "league"],
    "space": ["star", "orbit", "moon", "rocket", "planet", "comet", "gravity", "launch", "mars", "probe"],
}
COMMON = ["the", "and", "with", "this", "that", "some", "one", "very", "then", "when", "there", "for"]


def texts(names, rng):
    """A sentence per row, with two words of its topic and, in every fourth, one of another."""
    every = list(TOPICS)
    return [
        " ".join(
            rng.permutation(
                [
                    *rng.choice(COMMON, 6),
                    *rng.choice(TOPICS[n], 2),
                    *rng.choice(TOPICS[rng.choice(every)], int(i % 4 == 0)),
                ]
            )
        )
        for i, n in enumerate(names)
    ]


def corrupted(truth, rate, classes, rng):
    wrong = rng.random(len(truth)) < rate
    return np.where(wrong, (truth + rng.integers(1, classes, len(truth))) % classes, truth)


@pytest.mark.parametrize("model", [None, "linear", "forest"])
def test_texts_beside_numbers_are_learned_from_without_being_named(tmp_path, model):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 900)
    names = np.array(list(TOPICS))
    frame = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(900)],
            "stars": rng.integers(1, 6, 900),
            "note": texts(names[truth], rng),
            "label": names[corrupted(truth, 0.08, 3, rng)],
            "truth": names[truth],
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = nw.audit(tmp_path / "t.csv", model=model, conditions=False)
    assert found.metrics["auroc"] > 0.95
    assert abs(found.noise_rate - found.metrics["true_noise_rate"]) < 0.05
    columns = {column["name"]: (column["kind"], column["used"]) for column in found.summary["columns"]}
    assert columns == {
        "id": ("identifier", False),
        "stars": ("number", True),
        "note": ("text", True),
        "label": ("category", False),
        "truth": ("category", False),
    }


@pytest.mark.parametrize("value", [40000, 1e9])
@pytest.mark.parametrize("seed", range(3))
def test_a_slip_in_each_of_two_columns_spoils_neither(value, seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 240)
    given = corrupted(truth, 0.1, 3, rng)
    frame = pd.DataFrame({"a": truth + rng.normal(0, 0.25, 240), "b": rng.normal(0, 0.25, 240) - truth})
    frame.loc[3, "a"] = frame.loc[9, "b"] = value
    found = nw.audit(from_frame(frame.assign(label=given, truth=truth), "t", "t"))
    assert abs(found.noise_rate - 0.1) < 0.05
    assert found.metrics["precision"] > 0.8
    assert found.metrics["recall"] > 0.75


def test_dates_are_learned_from(tmp_path):
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", "2023-12-31", periods=600)[rng.permutation(600)]
    truth = (days.day_of_week >= 5).astype(int)
    frame = pd.DataFrame({"day": days.strftime("%d.%m.%Y"), "label": corrupted(truth, 0.1, 2, rng), "truth": truth})
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = nw.audit(tmp_path / "t.csv", model="forest")
    assert found.data.columns[0].kind == "date"
    assert found.metrics["auroc"] > 0.95


def test_categories_of_many_levels_are_learned_from():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 2000)
    town = np.where(rng.random(2000) < 0.95, truth, 1 - truth) * 100 + rng.integers(0, 100, 2000)
    frame = pd.DataFrame({"town": [f"t{i}" for i in town], "label": corrupted(truth, 0.1, 2, rng), "truth": truth})
    data = from_frame(frame, "t", "t")
    assert data.columns[0].used
    assert matrix(data).shape[1] > 190  # a feature per level
    assert nw.audit(data, model="linear", conditions=False).metrics["auroc"] > 0.85


N = 60
RNG = np.random.default_rng(1)
KINDS = {
    "number": RNG.normal(size=N),
    "gaps": np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(size=N)),
    "huge": np.where(RNG.random(N) < 0.1, 1e308, RNG.normal(size=N)),
    "infinite": np.where(RNG.random(N) < 0.1, np.inf, RNG.normal(size=N)),
    "category": RNG.choice(["a", "b"], N),
    "truth": RNG.random(N) < 0.5,
    "towns": [f"t{i}" for i in RNG.integers(0, 40, N)],
    "text": texts(RNG.choice(list(TOPICS), N), RNG),
    "dates": pd.date_range("2020-01-01", periods=N).strftime("%d/%m/%Y"),
    "row": np.arange(N),
    "file": [f"x/{i}.png" for i in range(N)],
    "fixed": ["x"] * N,
    "empty": [None] * N,
    "mixed": [i if i % 2 else "x" for i in range(N)],
    "lists": [[i] if i % 2 else "x" for i in range(N)],
    "money": [f"{v:,.2f} €" for v in 9999 * RNG.random(N)],
}
LEFT_OUT = ("row", "file", "fixed", "empty")


@settings(max_examples=40, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=8).filter(lambda k: set(k) - set(LEFT_OUT)),
    names=st.data(),
)
def test_every_column_is_accounted_for_once_and_useless_ones_change_nothing(kinds, names):
    alike = names.draw(st.booleans())
    called = ["same" if alike else f"{kind} {at}" for at, kind in enumerate(kinds)]
    frame = pd.concat([pd.Series(KINDS[kind], name=name) for kind, name in zip(kinds, called, strict=True)], axis=1)
    labels = pd.Series(np.arange(N) % 2, name="label")
    data = from_frame(pd.concat([frame, labels], axis=1), "t", "t")
    recorded = [column.name for column in data.columns]
    assert len(set(recorded)) == len(recorded) == len(kinds) + 1
    assert set(recorded) == {*data.described.columns, "label"}
    assert all(column.why for column in data.columns if not column.used)
    assert [column.used for column in data.columns[:-1]] == [kind not in LEFT_OUT for kind in kinds]
    assert np.isfinite(data.inputs[:]).all()
    said = " ".join(in_words(data.columns))
    unnamed = sum(column.name not in said for column in data.columns[:-1])
    counted = sum(int(number) for number in re.findall(r"and (\d+) more", said))
    assert unnamed <= counted  # at most six columns of a kind are named, the others are counted

    useless = frame.assign(constant=7, case_id=np.arange(N) * 3)
    again = from_frame(pd.concat([useless, labels], axis=1), "t", "t")
    np.testing.assert_array_equal(again.inputs[:], data.inputs[:])
    for purpose in ("linear", "trees"):
        one, other = matrix(data, for_=purpose), matrix(again, for_=purpose)
        assert abs(one - other).max() == 0


def test_useless_columns_do_not_change_the_probabilities():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 150)
    names = np.array(list(TOPICS))
    frame = pd.DataFrame({"note": texts(names[truth], rng), "size": rng.normal(size=150)})
    given = corrupted(truth, 0.1, 3, rng)
    found = nw.audit(from_frame(frame.assign(label=given), "t", "t"))
    useless = frame.assign(fixed="x", case_id=np.arange(150), label=given)
    again = nw.audit(from_frame(useless, "t", "t"))
    np.testing.assert_array_equal(found.probabilities, again.probabilities)


def test_sentences_about_many_columns_stay_short():
    frame = pd.DataFrame({f"column {i}": RNG.normal(size=N) for i in range(200)}).assign(
        **{f"fixed {i}": i for i in range(50)}, label=np.arange(N) % 2
    )
    said = in_words(from_frame(frame, "t", "t").columns)
    assert said[0].endswith("column 5 and 194 more")
    assert said[1].endswith("fixed 5 (always 5) and 44 more")
    assert len(said) == 2
