"""Early-stopped descent in a kernel, against descent itself and by hand."""

import math

import numpy as np
import pytest

from noisewise.errors import BadInput
from noisewise.theory.early_stopping import descent_path


def test_two_directions_by_hand():
    """Eigenvalues 4 and 1 at a rate of 1/4: the first is fitted in one step, the second by 1/4 and then by 7/16."""
    kernel, y = np.diag([4.0, 1.0]), np.array([[1.0], [1.0]])
    one, two, all_of_it = descent_path(kernel, y, [kernel], [1, 2, math.inf])
    assert one[0][:, 0].tolist() == pytest.approx([1, 1 / 4])
    assert two[0][:, 0].tolist() == pytest.approx([1, 7 / 16])
    assert all_of_it[0][:, 0].tolist() == pytest.approx([1, 1])


def test_path_equals_gradient_descent_and_converges_to_the_interpolant():
    rng = np.random.default_rng(0)
    features, others, y = rng.normal(size=(6, 9)), rng.normal(size=(4, 9)), rng.normal(size=(6, 2))
    kernel, cross = features @ features.T, others @ features.T
    rate, alpha = 0.5 / np.linalg.eigvalsh(kernel)[-1], np.zeros((6, 2))
    for _ in range(25):
        alpha += rate * (y - kernel @ alpha)
    after, limit = descent_path(kernel, y, [cross], [25, math.inf], pace=0.5)
    assert after[0] == pytest.approx(cross @ alpha)
    assert limit[0] == pytest.approx(cross @ np.linalg.solve(kernel, y))


def test_directions_of_no_eigenvalue_stay():
    kernel = np.ones((2, 2))
    ((found,),) = descent_path(kernel, np.array([[1.0], [3.0]]), [kernel], [math.inf])
    assert found[:, 0].tolist() == pytest.approx([2, 2])


def test_what_does_not_fit_is_refused():
    with pytest.raises(BadInput, match=r"pace=1\.5"):
        list(descent_path(np.eye(2), np.ones((2, 1)), [], [1], pace=1.5))
    with pytest.raises(BadInput, match=r"\(n, K\)"):
        list(descent_path(np.eye(3), np.ones((2, 1)), [], [1]))
