"""Wrong events: the share of observations in which training predicted another label than the given one.

    s_i = (1 / T) sum_t [argmax_j z_i^t[j] != y_i]

The share, not the count, so that rows observed more often are not more suspect. Counts over the whole training survive
memorisation, which lowers the last epochs' losses. Events as in Toneva et al., An Empirical Study of Example Forgetting
during Deep Neural Network Learning, ICLR 2019, counted when wrong, not when forgotten.
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, 1]."""
    return evidence.statistic("wrong_events") / np.maximum(evidence.statistic("seen"), 1)


WRONG_EVENTS = Detector(
    DetectorCard(
        "wrong-events",
        "The share of the predictions during training that were not the given label.",
        ("ledger",),
        "Toneva et al., An Empirical Study of Example Forgetting during Deep Neural Network Learning, ICLR",
        2019,
        "mean_t [argmax_j z_t[j] != y]",
        ("seen", "wrong_events"),
    ),
    score,
)
