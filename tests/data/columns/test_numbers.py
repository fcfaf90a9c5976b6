import numpy as np
import pytest

from noisewise.data.columns.numbers import missing_codes, parse_numbers, scaled


@pytest.mark.parametrize(
    "texts, numbers",
    [
        (["1", "2.5", "-3e2"], [1, 2.5, -300]),
        (["1,234.5", "12", "1,000,000"], [1234.5, 12, 1e6]),
        (["1.234,5", "12", "0,5"], [1234.5, 12, 0.5]),
        (["1 234,5", "12\u00a0000", "-7,25"], [1234.5, 12000, -7.25]),
        (["1'234.50", "20"], [1234.5, 20]),
        (["<0.5", "1.5", "≥ 3"], [0.5, 1.5, 3]),
        (["<", "20"], [np.nan, 20]),
        (["$1,200", "-$5.50", "($3)"], [1200, -5.5, -3]),
        (["1.200 EUR", "3,5 EUR"], [1200, 3.5]),
        (["12 %", "3.5%"], [12, 3.5]),
        (["12 kg", "3.5 kg"], [12, 3.5]),
        (["12 kg", "3.5 lb"], [np.nan, np.nan]),
        (["r1", "r2"], [np.nan, np.nan]),
        (["3", "x"], [3, np.nan]),
        (["1.jpg", "2.jpg"], [np.nan, np.nan]),
    ],
)
def test_numbers_are_read_from_text(texts, numbers):
    np.testing.assert_array_equal(parse_numbers(texts), numbers)


@pytest.mark.parametrize(
    "values, codes",
    [
        ([1, 2, 3, 4, -9999, -9999], [-9999]),
        ([1, 2, 3, 4, 999, 999, -99, -99, 5], [-99, 999]),
        ([1, 2, 3, 4, -9999], [-9999]),
        ([1, 2, 3, 4, -99], []),  # once may be a slip
        ([1, 2000, 3, 4, -9999], []),  # not so far away
        ([91, 95, 97, 98, 99, 99], []),  # as near as the others
        ([100, 2000, 50000, 800, -99, -99], [-99]),  # the only negative number
        ([1, 2, 3, 4, 1234, 1234], []),
    ],
)
def test_codes_of_missing_values(values, codes):
    assert sorted(missing_codes(np.array(values, dtype=float))) == codes


def test_a_slip_moves_no_other_number():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(500, 1))
    slipped = values.copy()
    slipped[7] = 40000
    moved = np.abs(scaled(slipped) - scaled(values))[np.arange(500) != 7]
    assert moved.max() < 0.1
    assert 2.5 < scaled(slipped)[7, 0] < 8


def test_columns_are_standardised():
    rng = np.random.default_rng(0)
    values = np.column_stack(
        [rng.normal(5, 3, 400), np.exp(4 * rng.normal(size=400)), rng.random(400) < 0.1, 1e300 * rng.normal(size=400)]
    )
    values[3] = np.nan
    found = scaled(values)
    known = np.delete(found, 3, axis=0)
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(known.std(axis=0), 1, atol=1e-5)
    assert found[3].tolist() == [0, 0, 0, 0]
    assert scaled(np.full((5, 1), 7.0)).tolist() == [[0]] * 5
    for at in range(4):  # the order of the numbers stays
        order = np.argsort(known[:, at], kind="stable")
        assert (np.diff(np.delete(values, 3, axis=0)[order, at]) >= 0).all()
