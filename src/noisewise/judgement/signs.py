"""The quantities from which the noise rate and its uncertainty are estimated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisewise.judgement.confident import Table, confidently_other
from noisewise.judgement.constants import ANCHOR_SHARE, ANCHOR_WEIGHT
from noisewise.judgement.margins import Margins

FEWEST_ANCHORS = 10


@dataclass(frozen=True)
class Signs:
    """What given labels and held-out predictions show together; shares of the rows, in [0, 1].

    Attributes:
        anchors: of the rows predicted with most confidence, those with another label than the predicted one.
        confident: the rows whose confident class and whose prediction are both another class than the given one
            (Northcutt, Jiang and Chuang, JAIR 2021, equation 1; without the second condition in the paper, with it in
            its authors' package).
        disagreement: the rows with another label than the predicted one.
        guessing: the rows with another label than the most frequent one.
        rows: their number.
    """

    anchors: float
    confident: float
    disagreement: float
    guessing: float
    rows: int

    @property
    def rate(self) -> float:
        """The estimated noise rate: the weighted mean of what anchors and confident learning show.

        It is at most the disagreement, and at least half a row.
        """
        found = ANCHOR_WEIGHT * self.anchors + (1 - ANCHOR_WEIGHT) * self.confident
        return max(min(found, self.disagreement), 0.5 / (self.rows + 1))

    @property
    def ignorance(self) -> float:
        """Disagreement relative to that of guessing the most frequent class, in [0, 1]."""
        return min(self.disagreement / self.guessing, 1.0) if self.guessing > 0 else 1.0

    @property
    def error_terms(self) -> tuple[float, float]:
        """What the error of the rate grows with, apart from the sampling of rows.

        The disagreement that the rate leaves unexplained, and the rate times the ignorance of the model.
        """
        return max(self.disagreement - self.rate, 0.0), self.rate * self.ignorance


def measure(probabilities: Table, labels: np.ndarray, margins: Margins) -> Signs:
    """Measure the signs.

    Args:
        probabilities: (n, K) held-out predictions, of which few rows are read.
        labels: (n,) given labels.
        margins: of these predictions.
    """
    k = probabilities.shape[1]
    predicted, top = margins.predicted(labels), np.maximum(margins.given, margins.other)
    chosen = most_confident(predicted, top, k)
    return Signs(
        anchors=float((predicted[chosen] != labels[chosen]).mean()),
        confident=float(confidently_other(probabilities, labels, margins).mean()),
        disagreement=float((predicted != labels).mean()),
        guessing=float(1 - np.bincount(labels, minlength=k).max() / len(labels)),
        rows=len(labels),
    )


def most_confident(
    predicted: np.ndarray, confidence: np.ndarray, classes: int, share: float = ANCHOR_SHARE
) -> np.ndarray:
    """(m,) positions of the most confident rows among those predicted as each class, at least ten per class.

    Args:
        predicted: (n,) most probable classes.
        confidence: (n,) their probabilities.
        classes: K.
        share: of the rows predicted as a class.
    """
    small = predicted.astype(np.uint16) if classes <= 2**16 else predicted  # which NumPy sorts in one pass
    order = np.argsort(small, kind="stable")
    sizes = np.bincount(predicted, minlength=classes)
    chosen = []
    for rows in np.split(order, np.cumsum(sizes)[:-1]):
        wanted = max(int(np.rint(share * len(rows))), FEWEST_ANCHORS)
        if wanted < len(rows):
            sure = confidence[rows]
            least = np.partition(sure, len(rows) - wanted)[len(rows) - wanted]
            more, equal = rows[sure > least], rows[sure == least]
            rows = np.concatenate([more, equal[: wanted - len(more)]])
        chosen.append(rows)
    return np.concatenate(chosen)
