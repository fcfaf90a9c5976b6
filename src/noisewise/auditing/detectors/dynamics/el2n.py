"""EL2N: the distance of the prediction from the given label, early in training.

    s_i = mean over the first half of the observations t of ||p_i^t - onehot(y_i)||_2

Paul, Ganguli and Dziugaite, Deep Learning on a Data Diet: Finding Important Examples Early in Training, NeurIPS 2021,
definition 2.2. The paper uses one early epoch and the mean over ten networks; here the mean is over the first half of
the epochs and the other folds' networks. The paper uses it to find hard rows, and wrong labels are among them.
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, sqrt(2)]."""
    return evidence.statistic("error_early")


EL2N = Detector(
    DetectorCard(
        "el2n",
        "The mean distance of the prediction from the given label over the first half of the training.",
        ("ledger",),
        "Paul, Ganguli and Dziugaite, Deep Learning on a Data Diet, NeurIPS",
        2021,
        "mean_{t early} ||p_t - onehot(y)||_2",
        ("error_early",),
    ),
    score,
)
