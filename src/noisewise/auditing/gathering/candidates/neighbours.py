"""The labels of a row's nearest neighbours, their number chosen by held-out loss."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

from noisewise.auditing.candidate import log_loss
from noisewise.auditing.gathering.candidates.predictor import Predicted, Predictor, Task
from noisewise.auditing.gathering.candidates.regression import standardised
from noisewise.auditing.progress import Progress
from noisewise.auditing.rows.neighbours import find_neighbours
from noisewise.judgement.calibration import tempered

COUNTS = (3, 5, 10, 20, 40, 80)
SMALLEST = 1e-12  # distance
SPREAD = 2.0  # exponent of the weight of the farthest neighbour that votes
COMPARED, PER_SECOND = 5e-9, 2e10  # seconds per pair of rows; multiplications per second


def neighbours(view: np.ndarray, task: Task, progress: Progress) -> Predicted:
    """Shares of the labels among the nearest other rows, weighted by distance or not.

    Columns are standardised and compared by Euclidean distance, embeddings by the cosine after centring. Copies of a
    row have no vote. One vote is spread as the classes are, so that no probability is 0.

    Args:
        view: (n, d) columns.
        task: which labels to predict.
        progress: reports how much is done.
    """
    rows, labels = standardised(view), task.labels
    metric = "euclidean" if task.data.kind in ("table", "vector") else "cosine"
    found = find_neighbours(rows, COUNTS[-1], metric=metric)
    progress(0.8)
    voters = labels[found.positions]
    counted = np.ones(voters.shape) if task.groups is None else task.groups[found.positions] != task.groups[:, None]
    best: tuple[float, np.ndarray, str, int, bool] = (np.inf, np.empty(0), "", 1, False)
    for count in sorted({min(k, voters.shape[1]) for k in COUNTS}):
        near = found.distances[:, :count] / np.maximum(found.distances[:, count - 1 : count], SMALLEST)
        for by, weights in (("", 1.0), (", weighted", np.exp(-SPREAD * near**2))):
            shares = _shares(voters[:, :count], counted[:, :count] * weights, labels, task.classes)
            loss = log_loss(tempered(shares, labels), labels)
            if loss < best[0]:
                best = (loss, shares, f"k={count}{by}", count, bool(by))
    progress(1.0)

    def further(every: np.ndarray) -> np.ndarray:
        rows = standardised(every)
        search = NearestNeighbors(n_neighbors=min(best[3], len(task)), metric=metric).fit(rows[: len(task)])
        distances, positions = search.kneighbors(rows[len(task) :])
        near = distances / np.maximum(distances[:, -1:], SMALLEST)
        weights = np.exp(-SPREAD * near**2) if best[4] else np.ones(near.shape)
        return _shares(labels[positions], weights, labels, task.classes)

    return Predicted(best[1], best[2], further=further)


def _shares(voters: np.ndarray, weights: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """(n, K) shares of the votes (n, k) with weights (n, k), and one more vote that is spread as the labels are."""
    cast = np.tile(np.bincount(labels, minlength=classes) / len(labels), (len(voters), 1))
    rows = np.arange(len(voters))
    for at in range(voters.shape[1]):
        cast[rows, voters[:, at]] += weights[:, at]
    return cast / cast.sum(axis=1, keepdims=True)


def cost(shape: tuple[int, int], classes: int, folds: int) -> float:
    """Counted seconds on one core."""
    n, width = shape
    return float(n) ** 2 * (COMPARED + 2 * width / PER_SECOND)


NEIGHBOURS = Predictor(
    ("columns", "ranks", "features", "embeddings", "visual features", "directions of words"), cost, neighbours
)
