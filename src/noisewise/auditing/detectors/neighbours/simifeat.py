"""SimiFeat: rows whose label agrees least with their neighbours, as many per class as are estimated to be wrong.

    q_i = soft vote of the ten nearest rows,   c_i = q_i[y_i] / ||q_i||_2           (the cosine of q_i and onehot(y_i))
    R:  of the N_j rows given j, the (1 - P(true = j | given = j)) N_j with the smallest c_i are flagged
    s_i = [row i is flagged] + 1 - c_i

Zhu, Dong and Liu, Detecting Corrupted Labels Without Training a Model to Predict, ICML 2022: SimiFeat-R (algorithm 2),
with P(true | given) by the estimator from neighbours' labels (Zhu, Song and Liu, ICML 2021, see
`methods/transition/hoc`). `simifeat-v` is SimiFeat-V (algorithm 1), which flags the rows whose neighbours vote for
another label. The paper repeats both over augmented views and takes the majority; here the features of the evidence are
used, once.
"""

from __future__ import annotations

import numpy as np
import torch

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.rows.neighbours import neighbour_shares
from noisewise.judgement.entries import at_labels, best_other
from noisewise.methods.transition.hoc import hoc_transition

FEWEST = 3
_TINY = 1e-12


def voted(shares: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) bool, the rows with more votes for another label than for the given one; shares (n, K)."""
    return best_other(shares, labels) > at_labels(shares, labels)


def agreement(shares: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) in [0, 1], the cosine between the neighbours' votes (n, K) and the given label."""
    return at_labels(shares, labels) / np.maximum(np.linalg.norm(shares, axis=1), _TINY)


def wrong_shares(features: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """(K,) estimated P(true != j | given = j); zero for classes that do not occur.

    Args:
        features: (n, d) in which similar rows are close.
        labels: (n,) given labels.
        classes: K.
    """
    transition, prior = hoc_transition(torch.as_tensor(features), torch.as_tensor(labels), classes)
    given = np.bincount(labels, minlength=classes) / len(labels)
    right = prior.numpy() * transition.numpy().diagonal()
    return np.clip(1 - np.divide(right, given, out=np.ones(classes), where=given > 0), 0, 1)


def ranked(agreements: np.ndarray, labels: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Flag the rows of each class with the lowest agreement.

    Rows of equal agreement are flagged together or not at all, whichever is closer to the share.

    Args:
        agreements: (n,) of neighbours with the given label.
        labels: (n,) given labels.
        wrong: (K,) share of each class to flag.

    Returns:
        (n,) bool.
    """
    flagged = np.zeros(len(labels), dtype=bool)
    for label, share in enumerate(wrong):
        rows = np.flatnonzero(labels == label)
        count = round(share * len(rows))
        if count:
            last = np.partition(agreements[rows], count - 1)[count - 1]
            below, upto = agreements[rows] < last, agreements[rows] <= last
            flagged[rows] = upto if upto.sum() - count <= count - below.sum() else below
    return flagged


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, 2]; above one for flagged rows. With fewer than three rows none is flagged."""
    features, labels, classes = evidence.features, evidence.labels, evidence.classes
    assert features is not None
    agreements = agreement(neighbour_shares(features, labels, classes), labels)
    if len(labels) < FEWEST:
        return 1 - agreements
    return ranked(agreements, labels, wrong_shares(features, labels, classes)) + 1 - agreements


def score_by_vote(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, 2]; above one for the rows whose neighbours vote for another label."""
    features, labels = evidence.features, evidence.labels
    assert features is not None
    shares = neighbour_shares(features, labels, evidence.classes)
    return voted(shares, labels) + 1 - agreement(shares, labels)


SIMIFEAT = Detector(
    DetectorCard(
        "simifeat",
        "The rows whose neighbours vote least for their label, as many per class as the transition matrix implies.",
        ("features",),
        "Zhu, Dong and Liu, Detecting Corrupted Labels Without Training a Model to Predict, ICML",
        2022,
        "[c among the lowest P(true != y | given = y) of its class] + 1 - c, c = cos(votes, onehot(y))",
        cost="a pass for features where none are given; all pairs of rows, twice",
        threshold=1.0,
        on_request=True,
    ),
    score,
)

SIMIFEAT_V = Detector(
    DetectorCard(
        "simifeat-v",
        "The rows whose ten nearest neighbours vote for another label come first.",
        ("features",),
        "Zhu, Dong and Liu, Detecting Corrupted Labels Without Training a Model to Predict, ICML",
        2022,
        "[argmax votes != y] + 1 - cos(votes, onehot(y))",
        cost="a pass for features where none are given; all pairs of rows",
        threshold=1.0,
        on_request=True,
    ),
    score_by_vote,
)
