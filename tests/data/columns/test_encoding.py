"""Further rows of a table become the features that they would have been."""

import json

import numpy as np
import pandas as pd
import pytest

import noisewise as nw
from noisewise.data.columns.encoding import Fitted
from noisewise.data.readers.tables import further_rows
from noisewise.data.reading import DEFAULT
from noisewise.errors import BadInput

N = 240
RNG = np.random.default_rng(8)
ADJECTIVES = np.array(["dry", "wet", "cold", "warm", "long", "short"])
FRAME = pd.DataFrame(
    {
        "height": np.where(RNG.random(N) < 0.1, np.nan, RNG.normal(3, 2, N)),
        "coded": np.where(RNG.random(N) < 0.1, -9999, RNG.integers(1, 9, N)),
        "price": [f"{v:,.2f} €" for v in RNG.gamma(2, 2000, N)],
        "rare": np.where(RNG.random(N) < 0.1, RNG.normal(size=N), 0.0),
        "colour": RNG.choice(["red", "blue", None], N),
        "fine": RNG.random(N) < 0.5,
        "seen": pd.to_datetime("2019-03-01") + pd.to_timedelta(RNG.integers(0, 1500, N), unit="D"),
        "day": [f"{d:02}.{m:02}.2021" for d, m in zip(RNG.integers(1, 29, N), RNG.integers(1, 13, N), strict=True)],
        "note": [f"a {a} one, quite {b} and number {i}" for i, (a, b) in enumerate(RNG.choice(ADJECTIVES, (N, 2)))],
        "street": RNG.choice([f"{k} street" for k in ("oak", "elm", "ash")], N) + RNG.integers(0, 30, N).astype(str),
        "id": np.arange(N),
        "always": 1,
        "label": RNG.choice(["owl", "hen"], N),
    }
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "t.parquet"
    FRAME.to_parquet(path)
    return nw.load(path, labels="label")


@pytest.fixture(scope="module")
def fitted(data):
    written, arrays = data.encoding.fitted.plain()
    return Fitted.read(json.loads(json.dumps(written)), arrays)


def test_the_table_holds_every_kind(data):
    kinds = {column.name: column.kind for column in data.columns if column.used}
    assert set(kinds.values()) == {"number", "category", "date", "text"}
    assert kinds["price"] == "number"
    assert kinds["day"] == "date"


def test_the_same_rows_become_the_same_features(data, fitted):
    found, notes = fitted.encode(FRAME, "t")
    np.testing.assert_allclose(found, data.inputs, atol=1e-3)
    assert notes == []


@pytest.mark.parametrize("rows", [slice(0, 1), slice(17, 19), slice(None, None, -1)])
def test_a_row_does_not_depend_on_the_others(data, fitted, rows):
    found, _ = fitted.encode(FRAME.iloc[rows].sample(frac=1, axis=1, random_state=0), "t")
    np.testing.assert_allclose(found, data.inputs[rows], atol=1e-3)


def test_rows_from_a_file_of_text(tmp_path, data, fitted):
    part = FRAME.drop(columns="label").iloc[:50]
    part.to_csv(tmp_path / "new.csv", index=False)
    found, _ = fitted.encode(further_rows(tmp_path / "new.csv", DEFAULT, ())[0], "new.csv")
    np.testing.assert_allclose(found, data.inputs[:50], atol=1e-3)


def test_what_cannot_be_read_is_counted(fitted):
    frame = FRAME.iloc[:4].assign(colour=["red", "green", None, "mauve"], price=["1.00 €", "much", "", "2.00 €"])
    found, notes = fitted.encode(frame, "t")
    assert np.isfinite(found).all()
    assert notes == [
        "column price: 1 value that is no number; it counts as missing",
        "column colour: 2 values that the model has not seen; they count as missing",
    ]


def test_a_column_that_is_not_there(fitted):
    with pytest.raises(BadInput, match="t has no column 'price', which the model learned from"):
        fitted.encode(FRAME.drop(columns="price"), "t")


def test_blind_data_do_not_carry_the_table(data):
    assert data.encoding is not None
    assert data.blind().encoding is None
