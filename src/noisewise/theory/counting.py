"""The number of labellings that linear classifiers realise, and a bound of their Rademacher complexity.

Cover, Geometrical and Statistical Properties of Systems of Linear Inequalities with Applications in Pattern
Recognition, IEEE Transactions on Electronic Computers, 1965, theorem 1: hyperplanes through the origin of d dimensions
split n points in general position in C(n, d) = 2 sum_{k < d} binom(n - 1, k) ways. Hyperplanes anywhere in d dimensions
are those through the origin of d + 1.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln, logsumexp

from noisewise.errors import BadInput


def log_dichotomies(points: int, dimensions: int) -> float:
    """Log of C(n, d + 1), the number of ways to split n points in general position in d dimensions by a hyperplane.

    Raises:
        BadInput: fewer than one point, or fewer than zero dimensions.
    """
    if points < 1 or dimensions < 0:
        raise BadInput(f"points={points} must be at least 1 and dimensions={dimensions} at least 0")
    k = np.arange(min(points - 1, dimensions) + 1)
    terms = gammaln(points) - gammaln(k + 1) - gammaln(points - k)
    return math.log(2) + float(logsumexp(terms))


def separable(points: int, dimensions: int) -> float:
    """The probability that random signs of n points in general position are split by a hyperplane: C(n, d + 1) / 2^n.

    Raises:
        BadInput: as `log_dichotomies`.
    """
    found = math.exp(log_dichotomies(points, dimensions) - points * math.log(2))
    return 1.0 if points <= dimensions + 1 else min(1.0, found)


def massart(points: int, dimensions: int) -> float:
    """An upper bound of the Rademacher complexity of hyperplanes on n points in d dimensions.

    Massart's lemma for the C(n, d + 1) labellings that Cover counts: min(1, sqrt(2 ln C(n, d + 1) / n)). Mohri,
    Rostamizadeh and Talwalkar, Foundations of Machine Learning, 2nd edition, theorem 3.7 and corollary 3.8.

    Raises:
        BadInput: as `log_dichotomies`.
    """
    return min(1.0, math.sqrt(2 * log_dichotomies(points, dimensions) / points))
