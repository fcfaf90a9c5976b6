import math
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from noisewise.errors import BadInput
from noisewise.theory.counting import log_dichotomies, massart, separable


@pytest.mark.parametrize(
    "points, dimensions, ways", [(1, 2, 2), (3, 2, 8), (4, 2, 14), (5, 2, 22), (3, 1, 6), (4, 0, 2)]
)
def test_dichotomies_by_hand(points, dimensions, ways):
    assert math.exp(log_dichotomies(points, dimensions)) == pytest.approx(ways)


@pytest.mark.parametrize("points, dimensions", [(5, 2), (6, 3)])
def test_dichotomies_are_those_that_linear_programs_find(points, dimensions):
    x = np.random.default_rng(0).normal(size=(points, dimensions))
    extended = np.column_stack([x, np.ones(points)])
    found = 0
    for signs in product((-1, 1), repeat=points):
        sides = -np.array(signs)[:, None] * extended
        program = linprog(np.zeros(dimensions + 1), A_ub=sides, b_ub=-np.ones(points), bounds=(None, None))
        found += program.status == 0
    assert math.exp(log_dichotomies(points, dimensions)) == pytest.approx(found)


def test_all_signs_up_to_one_more_than_the_dimension_and_half_at_twice_that():
    assert separable(51, 50) == 1.0
    assert separable(3, 1) == pytest.approx(0.75)
    assert separable(102, 50) == pytest.approx(0.5)
    assert separable(1000, 50) < 1e-100


def test_massart_by_hand():
    assert massart(4, 0) == pytest.approx(math.sqrt(2 * math.log(2) / 4))
    assert massart(10, 9) == 1.0
    assert massart(5000, 10) < 0.25


@pytest.mark.parametrize("points, dimensions", [(0, 3), (3, -1)])
def test_bad_input(points, dimensions):
    with pytest.raises(BadInput, match="points="):
        log_dichotomies(points, dimensions)
