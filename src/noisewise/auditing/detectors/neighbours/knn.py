"""Nearest neighbours: the share of the row's neighbours with another given label.

    s_i = |{j in N_k(i): y_j != y_i}| / k,   N_k(i) by cosine similarity of the features, k = 10

Bahri, Jiang and Gupta, Deep k-NN for Noisy Labels, ICML 2020, section 3.1, where rows are kept when the vote agrees.
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.rows.neighbours import neighbour_shares
from noisewise.judgement.entries import at_labels


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, 1]."""
    assert evidence.features is not None
    return 1 - at_labels(neighbour_shares(evidence.features, evidence.labels, evidence.classes), evidence.labels)


KNN = Detector(
    DetectorCard(
        "knn",
        "The share of the ten nearest rows in feature space that were given another label.",
        ("features",),
        "Bahri, Jiang and Gupta, Deep k-NN for Noisy Labels, ICML",
        2020,
        "share of N_k(x) with another label",
        cost="a pass for features where none are given; all pairs of rows",
    ),
    score,
)
