"""Several held-out predictions of the same rows merged into one, weighted by how well they predict the given labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from noisewise.judgement.calibration import SMALLEST, tempered

SMALL = 0.05  # weight below which a candidate gets none
ERRORS = 1.0  # standard errors by which a further member has to lower the loss; by benchmarks/pool/candidates.py
STEPS = 400  # of expectation-maximisation for the weights, at most
CHANNEL_STEPS = 30  # of expectation-maximisation for a confusion matrix
POWERS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6)
PRIOR_ROWS, PRIOR_RIGHT = 5.0, 0.8  # rows per class that a confusion matrix begins with, and the share on its diagonal
SAMPLED = 2**19  # probabilities that are enough for a few weights


@dataclass(frozen=True, eq=False, repr=False)
class Stack:
    """Held-out predictions merged into one.

    Attributes:
        probabilities: (n, K) mixture.
        weights: of the M members, which sum to one.
        losses: of the M members, held-out and seen through their noise channels, in nats.
    """

    probabilities: np.ndarray
    weights: tuple[float, ...]
    losses: tuple[float, ...]

    def __repr__(self) -> str:
        return f"Stack(weights {', '.join(f'{weight:.2f}' for weight in self.weights)})"


def stacked(predictions: Sequence[np.ndarray], labels: np.ndarray) -> Stack:
    """Mixture of held-out predictions with the weights under which the given labels are most likely.

    This is the super learner (van der Laan, Polley and Hubbard, Statistical Applications in Genetics and Molecular
    Biology 2007, section 2) with the log likelihood as the criterion. Each prediction is calibrated and compared as it
    is seen through its own noise channel (see `through_channel`): a smooth model of the correct labels would otherwise
    lose against a ragged model of the given ones, although it shows wrong labels better. The mixture is of the
    predictions calibrated by a power alone. A member that does not surely help gets no weight (see `chosen_weights`),
    and neither does one with less than a twentieth of it.

    Weights and calibration are a few numbers fitted to n held-out labels, so they are fitted on the rows that they are
    used on.

    Args:
        predictions: M times (n, K) held-out distributions.
        labels: (n,) given labels.
    """
    part = slice(None, None, max(1, predictions[0].size // SAMPLED))
    seen = np.stack([through_channel(p[part], labels[part]) for p in predictions])
    losses = tuple(float(-np.log(np.maximum(row, SMALLEST)).mean()) for row in seen)
    weights = chosen_weights(seen)
    if len(predictions) == 1:
        return Stack(predictions[0], (1.0,), losses)
    mixed = np.zeros(predictions[0].shape)
    for weight, prediction in zip(weights, predictions, strict=True):
        if weight:
            mixed += weight * tempered(prediction, labels)
    return Stack(mixed, tuple(min(float(weight), 1.0) for weight in weights), losses)


def chosen_weights(likelihoods: np.ndarray) -> np.ndarray:
    """(M,) weights of the member with the smallest loss and of those whose addition surely lowers it.

    Members are added one at a time, the most helpful first, as long as the mean logarithm of the mixture rises by more
    than its standard error: with few rows the most likely weights would follow chance.

    Args:
        likelihoods: (M, n) probabilities of the given labels by each member.
    """
    likelihoods = np.maximum(likelihoods, SMALLEST)
    kept = [int(np.log(likelihoods).mean(axis=1).argmax())]
    weights, logs = np.ones(1), np.log(likelihoods[kept[0]])
    while True:
        best = (0.0, kept, weights, logs)
        for member in set(range(len(likelihoods))) - set(kept):
            tried = [*kept, member]
            found = mixture_weights(likelihoods[tried])
            mixed = np.log(found @ likelihoods[tried])
            gain = float((mixed - logs).mean())
            if found[-1] and gain > max(best[0], ERRORS * float((mixed - logs).std()) / np.sqrt(len(logs))):
                best = (gain, tried, found, mixed)
        if not best[0]:
            break
        _, kept, weights, logs = best
    everyone = np.zeros(len(likelihoods))
    everyone[kept] = weights
    return everyone


def mixture_weights(likelihoods: np.ndarray) -> np.ndarray:
    """(M,) weights w of the mixture sum_m w_m L[m, i] that maximise its mean logarithm, by expectation-maximisation.

    Weights below a twentieth become zero, and the others are fitted again.

    Args:
        likelihoods: (M, n) probabilities of the given labels by each member.
    """
    likelihoods = np.maximum(likelihoods, SMALLEST)
    weights = np.full(len(likelihoods), 1 / len(likelihoods))
    for _ in range(STEPS):
        shares = weights[:, None] * likelihoods
        before, weights = weights, (shares / shares.sum(axis=0)).mean(axis=1)
        if np.abs(weights - before).max() < 1e-6:
            break
    kept = weights >= min(SMALL, weights.max())
    if not kept.all():
        weights = np.zeros(len(weights))
        weights[kept] = mixture_weights(likelihoods[kept])
    return weights


def through_channel(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) probabilities of the given labels by p^a T: of the correct labels, and of how these became the given ones.

    The power a and the confusion matrix T are those under which the given labels are most likely, T by
    expectation-maximisation (Dawid and Skene, Applied Statistics 1979) from a prior of five rows per class.

    Args:
        probabilities: (n, K).
        labels: (n,) given labels.
    """
    order = np.argsort(labels, kind="stable")
    logs = np.log(np.maximum(probabilities[order], SMALLEST))
    logs -= logs.max(axis=1, keepdims=True)
    best, least = np.empty(0), np.inf
    for power in POWERS:
        clean = np.exp(power * logs)
        clean /= clean.sum(axis=1, keepdims=True)
        seen = Channel(clean, labels[order]).fit()
        loss = -float(np.log(np.maximum(seen, SMALLEST)).mean())
        if loss < least:
            best, least = seen, loss
    likelihoods = np.empty(len(labels))
    likelihoods[order] = best
    return likelihoods


class Channel:
    """How correct labels became given ones: P(given = j | correct = i), fitted to rows that are sorted by given label.

    Only the columns of labels that occur are held, one row of `matrix` each. Rows of one label are multiplied by one
    column, so that a step reads the table twice and makes no other of its size.

    Attributes:
        matrix: (labels that occur, K) P(given = j | correct = i), at [j, i].
    """

    def __init__(self, clean: np.ndarray, labels: np.ndarray) -> None:
        """Begin with the prior: five rows per class, four of them right, the others as frequent as the given labels.

        Args:
            clean: (n, K) probabilities of the correct labels.
            labels: (n,) given labels, in ascending order.
        """
        classes = clean.shape[1]
        present, sizes = np.unique(labels, return_counts=True)
        ends = np.cumsum(sizes)
        self.groups = [clean[end - size : end] for end, size in zip(ends, sizes, strict=True)]
        own = PRIOR_RIGHT * (present[:, None] == np.arange(classes))
        self.prior = PRIOR_ROWS * (own + (1 - PRIOR_RIGHT) * (sizes / len(labels))[:, None])
        self.matrix = self.prior / PRIOR_ROWS

    def fit(self) -> np.ndarray:
        """(n,) probabilities of the given labels under the fitted matrix."""
        counts = np.empty_like(self.prior)
        for _ in range(CHANNEL_STEPS):
            for column, rows, found in zip(self.matrix, self.groups, counts, strict=True):
                np.dot(1 / np.maximum(rows @ column, SMALLEST), rows, out=found)
            counts *= self.matrix
            self.matrix = (self.prior + counts) / (PRIOR_ROWS + counts.sum(axis=0))
        return np.concatenate([rows @ column for column, rows in zip(self.matrix, self.groups, strict=True)])
