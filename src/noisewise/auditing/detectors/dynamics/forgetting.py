"""Forgetting events: how often a row was predicted as given at one observation and no longer at the next.

Toneva et al., An Empirical Study of Example Forgetting during Deep Neural Network Learning, ICLR 2019, definition 2.
Rows that were never predicted as given (the paper's "unlearned" ones) count as forgotten at every observation.
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence


def score(evidence: Evidence) -> np.ndarray:
    """(n,) forgetting events."""
    unlearned = evidence.statistic("wrong_events") >= evidence.statistic("seen")
    return np.where(unlearned, evidence.statistic("seen"), evidence.statistic("forgetting"))


FORGETTING = Detector(
    DetectorCard(
        "forgetting",
        "How often training forgot the given label; rows that it never learned come first.",
        ("ledger",),
        "Toneva et al., An Empirical Study of Example Forgetting during Deep Neural Network Learning, ICLR",
        2019,
        "sum_t [right at t, wrong at t + 1]; T if never right",
        ("seen", "wrong_events", "forgetting"),
    ),
    score,
)
