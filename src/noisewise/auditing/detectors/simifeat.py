"""SimiFeat: rows whose label their neighbours share least, as many per class as the labels of neighbours say are wrong.

    q_i = soft vote of the ten nearest rows,   c_i = q_i[y_i] / ||q_i||_2           (the cosine of q_i and onehot(y_i))
    R:  of the N_j rows given j, the (1 - P(true = j | given = j)) N_j with the smallest c_i are named
    s_i = [row i is named] + 1 - c_i

Zhu, Dong and Liu, Detecting Corrupted Labels Without Training a Model to Predict, ICML 2022: SimiFeat-R (algorithm 2),
with P(true | given) by the estimator from the labels of neighbours (Zhu, Song and Liu, ICML 2021, see `methods/hoc`).
`simifeat-v` is SimiFeat-V (algorithm 1), which names the rows whose neighbours vote for another label. The paper
repeats both over augmented views and takes the majority; here the features are those of the evidence, once.
"""

from __future__ import annotations

import numpy as np
import torch

from noisewise.auditing.detectors.detector import Card, Detector, at_labels, best_other
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.rows.neighbours import neighbour_shares
from noisewise.methods.transition.hoc import hoc_transition

FEWEST = 3
_TINY = 1e-12


def voted(shares: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) bool, the rows for whose given label fewer neighbours voted than for another; shares (n, K)."""
    return best_other(shares, labels) > at_labels(shares, labels)


def likeness(shares: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) in [0, 1], the cosine of the neighbours' votes (n, K) and the given label."""
    return at_labels(shares, labels) / np.maximum(np.linalg.norm(shares, axis=1), _TINY)


def wrong_shares(features: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """(K,) estimated P(true != j | given = j); zero for classes that no row is given."""
    transition, prior = hoc_transition(torch.as_tensor(features), torch.as_tensor(labels), classes)
    given = np.bincount(labels, minlength=classes) / len(labels)
    right = prior.numpy() * transition.numpy().diagonal()
    return np.clip(1 - np.divide(right, given, out=np.ones(classes), where=given > 0), 0, 1)


def ranked(alike: np.ndarray, labels: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """(n,) bool, per class the share `wrong` (K,) of the rows that are least `alike` (n,).

    Rows that are alike to the same degree are named together or not at all, whichever is nearer to the share.
    """
    named = np.zeros(len(labels), dtype=bool)
    for label, share in enumerate(wrong):
        rows = np.flatnonzero(labels == label)
        count = round(share * len(rows))
        if count:
            last = np.partition(alike[rows], count - 1)[count - 1]
            below, upto = alike[rows] < last, alike[rows] <= last
            named[rows] = upto if upto.sum() - count <= count - below.sum() else below
    return named


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, 2]; above one for the rows that are named. Of fewer than three rows none is."""
    features, labels, classes = evidence.features, evidence.labels, evidence.classes
    assert features is not None
    alike = likeness(neighbour_shares(features, labels, classes), labels)
    if len(labels) < FEWEST:
        return 1 - alike
    return ranked(alike, labels, wrong_shares(features, labels, classes)) + 1 - alike


def score_by_vote(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, 2]; above one for the rows whose neighbours vote for another label."""
    features, labels = evidence.features, evidence.labels
    assert features is not None
    shares = neighbour_shares(features, labels, evidence.classes)
    return voted(shares, labels) + 1 - likeness(shares, labels)


SIMIFEAT = Detector(
    Card(
        "simifeat",
        "The rows whose neighbours vote least for their label, as many per class as the transition matrix says.",
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
    Card(
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
