"""Naive Bayes on the words of texts."""

from __future__ import annotations

from typing import Any

from sklearn.naive_bayes import ComplementNB

from noisewise.auditing.gathering.candidates.classifier import cross_fitted
from noisewise.auditing.gathering.candidates.predictor import Predicted, Predictor, Task
from noisewise.auditing.progress import Progress

SMOOTHING = 1.0  # weight added to every word
PER_ROW = 2e-4  # seconds per row, fold and ten classes


def bayes(view: Any, task: Task, progress: Progress) -> Predicted:
    """Complement naive Bayes (Rennie, Shih, Teevan and Karger, ICML 2003), which needs few texts.

    Args:
        view: (n, d) weights of words, not negative.
        task: which labels to predict.
        progress: reports how much is done.
    """
    return cross_fitted(ComplementNB(alpha=SMOOTHING), view, task, progress)


def cost(shape: tuple[int, int], classes: int, folds: int) -> float:
    """Counted seconds on one core."""
    n, _ = shape
    return folds * PER_ROW * n * (1 + classes / 10)


BAYES = Predictor(("words",), cost, bayes)
