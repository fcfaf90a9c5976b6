"""Logistic regression on standardised columns, its strength chosen by held-out loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

from noisewise.auditing.candidate import log_loss
from noisewise.auditing.gathering.candidates.predictor import Predicted, Predictor, Task
from noisewise.auditing.gathering.candidates.softmax import path, rotated
from noisewise.auditing.progress import Progress

STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # scikit-learn's C
CHOSEN_ON = 2000  # held-out rows that are enough to choose the strength
WORSE = 2  # strengths in a row with a higher loss than the best, after which weaker ones are not tried
PATH, ONE, PER_SECOND = 80, 25, 2e10  # passes over the rows along the path, and at one strength; multiplications


def regression(view: Any, task: Task, progress: Progress) -> Predicted:
    """Held-out predictions at the strength with the smallest held-out loss.

    One number is chosen by n held-out labels, so the loss at the chosen strength is hardly optimistic. With many rows
    it is chosen on the first folds, and the others are fitted at this strength alone.

    Args:
        view: (n, d) columns or a sparse matrix, which is not standardised.
        task: which labels to predict.
        progress: reports how much is done.
    """
    rows = rotated(view if issparse(view) else standardised(view))
    folds, labels = [np.flatnonzero(task.fold == k) for k in range(task.folds)], task.labels
    sizes = np.cumsum([len(held) for held in folds])
    first = min(int(np.searchsorted(sizes, CHOSEN_ON)) + 1, len(folds))
    choosing = np.concatenate(folds[:first])
    paths = [_held_out(rows, task, held, STRENGTHS) for held in folds[:first]]
    best: tuple[float, int, list[np.ndarray]] = (np.inf, 0, [])
    worse = 0
    for at in range(len(STRENGTHS)):
        found = [next(one) for one in paths]
        loss = log_loss(np.concatenate(found), labels[choosing])
        best, worse = ((loss, at, found), 0) if loss < best[0] else (best, worse + 1)
        progress(first / len(folds) * (at + 1) / len(STRENGTHS))
        if worse == WORSE:
            break
    _, at, parts = best
    strengths = STRENGTHS[max(at - 1, 0) : at + 1]
    for done, held in enumerate(folds[first:], first + 1):
        *_, last = _held_out(rows, task, held, strengths)
        parts.append(last)
        progress(done / len(folds))
    probabilities = np.empty((len(task), task.classes))
    probabilities[np.concatenate(folds)] = np.concatenate(parts)

    def further(every: Any) -> np.ndarray:
        rows = rotated(every if issparse(every) else standardised(every))
        *_, last = path(rows[: len(task)], task.labels, task.classes, strengths, rows[len(task) :])
        return last

    return Predicted(probabilities, f"C={STRENGTHS[at]:g}", further=further)


def standardised(columns: np.ndarray) -> np.ndarray:
    """(n, d) float32 columns with mean 0 and variance 1; constant ones become 0."""
    columns = np.asarray(columns, dtype=np.float32)
    mean = columns.mean(axis=0, dtype=np.float64)
    spread = columns.std(axis=0, dtype=np.float64)
    flat = spread <= 1e-6 * (1 + np.abs(mean))
    return ((columns - mean) / np.where(flat, np.inf, spread)).astype(np.float32)


def _held_out(rows: Any, task: Task, held: np.ndarray, strengths: tuple[float, ...]) -> Any:
    inside = np.ones(len(task), dtype=bool)
    inside[held] = False
    return path(rows[inside], task.labels[inside], task.classes, strengths, rows[held])


def cost(shape: tuple[int, int], classes: int, folds: int) -> float:
    """Counted seconds on one core."""
    n, width = shape
    chosen_on = min(-(-CHOSEN_ON * folds // n), folds)  # folds, rounded up
    passes = chosen_on * PATH + (folds - chosen_on) * ONE
    return 0.02 + passes * 4.0 * n * min(width, n) * classes / PER_SECOND


REGRESSION = Predictor(
    (
        "columns",
        "ranks",
        "features",
        "embeddings",
        "visual features",
        "words",
        "columns and words",
        "directions of words",
    ),
    cost,
    regression,
)
