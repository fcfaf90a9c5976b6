"""One call from labels and predictions to a noise rate and, per row, the probability that its label is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from noisewise.formatting import count, percent
from noisewise.judgement.margins import margins_of
from noisewise.judgement.rate import interval
from noisewise.judgement.signs import measure
from noisewise.judgement.suspicion import calibrating_power, log_odds, shift_to_mean


@dataclass(frozen=True, eq=False, repr=False)
class Judged:
    """What predictions say about n given labels.

    Attributes:
        rate: estimated share of wrong labels, in [0, 1].
        interval: 90 % interval of the rate.
        right: (n,) in [0, 1], the probability that the given label is right; their mean is one minus the rate.
        suggestion: (n,) int64, the most probable class other than the given one.
    """

    rate: float
    interval: tuple[float, float]
    right: np.ndarray
    suggestion: np.ndarray

    def __repr__(self) -> str:
        low, high = (percent(end) for end in self.interval)
        return f"Judged({count(len(self.right), 'row')}, noise rate {percent(self.rate)} ({low} to {high}))"


def judged(labels: np.ndarray, probabilities: np.ndarray) -> Judged:
    """Judge given labels by predictions, with the constants of the audit.

    The rate and its interval are those of an audit with the same predictions. The audit also ranks rows by what
    networks that trained on them predict.

    Args:
        labels: (n,) given labels, as class numbers.
        probabilities: (n, K) predictions, best by models that have not seen the row's label. From predictions that have
            memorised the labels the rate is too low.
    """
    margins = margins_of(probabilities, labels)
    signs = measure(probabilities, labels, margins)
    odds = log_odds(margins, calibrating_power(margins, probabilities.shape[1]))
    wrong = expit(odds + shift_to_mean(odds, signs.rate))
    return Judged(signs.rate, interval(signs), 1 - wrong, margins.best_other.astype(np.int64))
