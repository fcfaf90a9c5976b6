"""Suspicion: the probability that a given label is wrong, from its confidence and the noise rate."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit

from noisewise.judgement.calibration import POWERS, SMALLEST
from noisewise.judgement.constants import CONFIDENCE_FLOOR, SHARPENING, STEEPNESS
from noisewise.judgement.margins import Margins

BINS, MARGIN = 2**12, 0.01
FIT_ROWS = 2**17
FARTHEST = 100.0  # by which log-odds are shifted at most
STEPS = 3  # of Newton's method, after which the mean is exact to rounding


def log_odds(margins: Margins, power: float) -> np.ndarray:
    """(n,) log-odds of a wrong label, up to a constant that depends on the noise rate.

    Args:
        margins: of the rows.
        power: that calibrates the predictions; see `calibrating_power`.
    """
    return -STEEPNESS * np.log(margins.confidence.astype(float) ** power**SHARPENING + CONFIDENCE_FLOOR)


def calibrating_power(margins: Margins, classes: int) -> float:
    """The power a under which p^a, normalised, makes the given labels most likely.

    It is `best_power` of predictions of which only the two probabilities in the margins are known, while all other
    classes are equally probable.

    Args:
        margins: of at most `FIT_ROWS` rows, evenly chosen where there are more.
        classes: K.
    """
    step = -(-len(margins.given) // FIT_ROWS)
    given, other = (np.maximum(part[::step].astype(float), SMALLEST) for part in (margins.given, margins.other))
    others = max(classes - 2, 1)
    rest = np.maximum(1 - given - other, SMALLEST) / others
    logs = np.log(np.stack([given, other, rest]))
    counts = np.array([1, 1, others if classes > 2 else 0])

    def loss(power: float) -> float:
        return float(np.log(counts @ np.exp(power * (logs - logs[0]))).mean())

    return float(minimize_scalar(loss, bounds=POWERS, method="bounded", options={"xatol": 1e-3}).x)


def shift_to_mean(odds: np.ndarray, mean: float) -> float:
    """The amount by which all log-odds are shifted so that the mean of their probabilities is `mean`.

    It is found on a histogram of the log-odds and then improved on all of them, so that many rows cost little.

    Args:
        odds: (n,) log-odds.
        mean: in [0, 1]; 0 and 1 give a shift of minus and plus 100.
    """
    if not len(odds):
        return 0.0
    counts, edges = np.histogram(odds, BINS, range=(odds.min() - MARGIN, odds.max() + MARGIN))
    middles = (edges[1:] + edges[:-1]) / 2

    def beyond(by: float) -> float:
        return float(counts @ expit(middles + by)) / len(odds) - mean

    if beyond(-FARTHEST) >= 0 or beyond(FARTHEST) <= 0:
        return -FARTHEST if mean < 0.5 else FARTHEST
    shift = float(brentq(beyond, -FARTHEST, FARTHEST))
    for _ in range(STEPS):
        chances = expit(odds + shift)
        slope = float((chances * (1 - chances)).mean())
        shift += (mean - float(chances.mean())) / slope if slope > 0 else 0.0
    return shift
