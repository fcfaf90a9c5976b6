"""How sure the noise rate is."""

from __future__ import annotations

import numpy as np

from noisewise.judgement.constants import ERROR_ABOVE, ERROR_BELOW
from noisewise.judgement.signs import Signs

NORMAL_90 = 1.645  # a normal variable lies within so many standard deviations with probability 90 %


def sampling_error(rate: float, rows: int) -> float:
    """The standard error of a share of `rows`; that of one row more where the share is small."""
    return float(np.sqrt(min(rate + 1 / rows, 1.0) / rows))


def interval(signs: Signs) -> tuple[float, float]:
    """90 % interval of the noise rate, within [0, 1].

    Its ends are as far below and above the estimate as the truth was in 4 % of the evidence on data sets with known
    noise, by quantile regression on `Signs.error_terms` with non-negative coefficients (Koenker and Bassett, Regression
    Quantiles, Econometrica 1978; its coverage on data sets left out is in docs/results/judgement.md). The sampling of
    rows is added by the root of the sum of squares.
    """
    sampling = NORMAL_90 * sampling_error(signs.rate, signs.rows)
    below, above = (float(np.hypot(np.dot(f, signs.error_terms), sampling)) for f in (ERROR_BELOW, ERROR_ABOVE))
    return max(signs.rate - below, 0.0), min(signs.rate + above, 1.0)
