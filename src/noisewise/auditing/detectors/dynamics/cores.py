"""CORES: the score of the confidence-regularised sample sieve.

    s_i = (1 / T) sum_t (l(f_t(x_i), y_i) - (1 / K) sum_k l(f_t(x_i), k)),   l cross entropy

Cheng, Zhu, Li, Gong, Sun and Liu, Learning with Instance-Dependent Label Noise: A Sample Sieve Approach, ICLR 2021,
equation 3: a row is sieved out where the score is above zero, that is, where its label is less likely than a random
guess. The regulariser does not depend on the label and cancels. The mean over training replaces the epoch at which the
paper sieves, and the networks are trained by the audit's method (`--method cores2` trains them as in the paper).
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores; rows above zero are dropped by the paper's sieve."""
    return evidence.statistic("sieve_mean")


CORES = Detector(
    DetectorCard(
        "cores",
        "The cross entropy with the given label minus its mean over all classes; rows above zero are sieved out.",
        ("ledger",),
        "Cheng et al., Learning with Instance-Dependent Label Noise: A Sample Sieve Approach, ICLR",
        2021,
        "mean_t (l_t(y) - mean_k l_t(k))",
        ("sieve_mean",),
        threshold=0.0,
    ),
    score,
)
