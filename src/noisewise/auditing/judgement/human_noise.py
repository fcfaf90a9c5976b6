"""Noise that people make, and when it can be distinguished from a model's own mistakes.

Anchors (see `transition`) measure how labels go wrong where the class is nearly certain. Simulated noise is as
frequent there as anywhere. People make mistakes where a row is hard, so anchors show only a part of them: of 9.0 %
wrong labels in CIFAR-10N (aggregate) about 3.5 %. The rest hides among the rows on which given label and prediction
disagree, along with the model's own mistakes. Four measurements, each from given labels and out-of-sample predictions,
indicate whether that disagreement is mostly noise:

- `slope`: within a class, disagreement grows with falling confidence already among the more confident half of the rows,
  where a good model makes next to no mistakes. Class-conditional noise is flat there.
- `excess`: among the least confident tenth of the rows there is more disagreement than that growth explains. There a
  good model makes its mistakes; a weak one makes them everywhere, so its growth is steep and leaves no excess.
- `spread`: the wrong labels of confident rows are of several classes, but not evenly of all.
- `mutual`: people confuse classes both ways.

These marks and their limits were found on measured sets of labels (see docs/audit.md), not derived: without a trusted
row, nothing distinguishes a hard row that people mislabel from a hard row that a model mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

# shares of the rows predicted as a class, the most confident first
CONFIDENT, UNCONFIDENT, TOP = 0.5, 0.9, 0.4
FEWEST = 50  # rows of each kind without which nothing is measured
# where each mark begins and where it is full; the limits separated human from simulated labels of CIFAR-10
# (docs/audit.md)
SLOPE, EXCESS, SPREAD, MUTUAL = (0.6, 0.9), (0.3, 0.45), (1.4, 2.0), (0.35, 0.55)
# where the growth is too steep for a good model, and where the classes are too even for people
STEEP, EVEN = (3.0, 3.5), (0.8, 0.9)
# the share of the disagreement that is noise: it falls with the excess, and is known up to its error
SHARE, SHARE_PER_EXCESS, SHARE_ERROR, MOST = 1.2, 0.35, 0.25, 1.05


@dataclass(frozen=True)
class Marks:
    """The four measurements, and how often label and prediction disagree.

    Attributes:
        slope: growth of the log-odds of disagreement with the rank of a row among those predicted as its class.
        excess: log-odds of disagreement among the least confident rows, minus what the growth explains.
        spread: effective number of wrong classes.
        even: `spread` divided by K - 1.
        mutual: overlap of the confusions with their transpose, in [0, 1].
        disagreement: share of the rows whose label and prediction disagree, in [0, 1].
    """

    slope: float
    excess: float
    spread: float
    even: float
    mutual: float
    disagreement: float

    @property
    def human(self) -> float:
        """In [0, 1]; 1 when the data show all marks of human noise under a good model."""
        rising = _ramp(self.slope, SLOPE) * (1 - _ramp(self.slope, STEEP)) * _ramp(self.excess, EXCESS)
        return rising * _ramp(self.spread, SPREAD) * (1 - _ramp(self.even, EVEN)) * _ramp(self.mutual, MUTUAL)

    @property
    def share(self) -> float:
        """Share of the disagreement unexplained by anchors that counts as noise where the noise is human."""
        return float(np.clip(SHARE - SHARE_PER_EXCESS * self.excess, 0.5, 1.0))

    def completed(self, rate: float) -> float:
        """The noise rate, where anchors show `rate`."""
        return rate + self.human * self.share * max(self.disagreement - rate, 0.0)

    def spanned(self, rates: list[float]) -> list[float]:
        """What the noise rate may be, where anchors show one of `rates`: with a smaller and a larger `share`."""
        found = rates if self.human < 1 else []
        if self.human > 0:
            shares = np.clip([self.share - SHARE_ERROR, self.share + SHARE_ERROR], 0, MOST)
            found = found + [r + float(s) * max(self.disagreement - r, 0.0) for r in rates for s in shares]
        return found


def marks(predicted: np.ndarray, confidence: np.ndarray, labels: np.ndarray, classes: int) -> Marks:
    """Measure the marks of human noise; with too few rows there are none.

    Args:
        predicted: (n,) most probable classes.
        confidence: (n,) their probabilities.
        labels: (n,) given labels.
        classes: K.
    """
    rank, differs = _ranks(predicted, confidence), predicted != labels
    disagreement = float(differs.mean())
    unconfident, confident = rank > UNCONFIDENT, rank < CONFIDENT
    if min(unconfident.sum(), confident.sum(), differs.sum()) < FEWEST:
        return Marks(0.0, 0.0, 0.0, 1.0, 0.0, disagreement)
    level, slope = _growth(rank[confident], differs[confident], predicted[confident], classes)
    expected = expit(level[predicted[unconfident]] + slope * rank[unconfident]).mean()
    found = (differs[unconfident].sum() + 0.5) / (unconfident.sum() + 1)
    counts = _confusions(predicted, labels, differs & (rank < TOP), classes)
    spread = _effective(counts)
    return Marks(
        slope,
        float(logit(found) - logit(np.clip(expected, 1e-6, 1 - 1e-6))),
        spread,
        spread / max(classes - 1, 1),
        float((counts * counts.T).sum() / max((counts * counts).sum(), 1)),
        disagreement,
    )


def _ramp(value: float, limits: tuple[float, float]) -> float:
    return float(np.clip((value - limits[0]) / (limits[1] - limits[0]), 0, 1))


def _ranks(predicted: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """(n,) in (0, 1), the place of each row among those predicted as its class, the most confident first."""
    order = np.lexsort((-confidence, predicted))
    sizes = np.bincount(predicted)
    starts = np.cumsum(sizes) - sizes
    place = np.arange(len(predicted)) - starts[predicted[order]]
    rank = np.empty(len(predicted))
    rank[order] = (place + 0.5) / sizes[predicted[order]]
    return rank


def _growth(rank: np.ndarray, differs: np.ndarray, predicted: np.ndarray, classes: int) -> tuple[np.ndarray, float]:
    """A logistic regression of disagreement on rank, with a level per class (K,) and one slope."""
    bins = np.minimum((rank / CONFIDENT * 10).astype(int), 9)
    cell = predicted * 10 + bins
    rows = np.bincount(cell, minlength=classes * 10).reshape(classes, 10).astype(float)
    hits = np.bincount(cell, differs, minlength=classes * 10).reshape(classes, 10)
    middle = (np.arange(10) + 0.5) / 10 * CONFIDENT

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        z = theta[:-1, None] + theta[-1] * middle
        residual = rows * expit(z) - hits
        value = (rows * np.logaddexp(0, z) - hits * z).sum() + 0.05 * ((theta[:-1] + 3) ** 2).sum()
        slope = (residual * middle).sum()
        return value, np.append(residual.sum(axis=1) + 0.1 * (theta[:-1] + 3), slope)

    start = np.append(logit((hits.sum(axis=1) + 0.5) / (rows.sum(axis=1) + 1)), 0.0)
    theta = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return theta[:-1], float(theta[-1])


def _confusions(predicted: np.ndarray, labels: np.ndarray, chosen: np.ndarray, classes: int) -> np.ndarray:
    cell = predicted[chosen] * classes + labels[chosen]
    return np.bincount(cell, minlength=classes**2).reshape(classes, classes).astype(float)


def _effective(counts: np.ndarray) -> float:
    """One over the chance that two wrong labels of one predicted class are the same, averaged over classes."""
    total = counts.sum(axis=1)
    pairs = (total * (total - 1)).sum()
    same = (counts * (counts - 1)).sum()
    return float(pairs / same) if same > 0 else float(counts.shape[1] - 1)
