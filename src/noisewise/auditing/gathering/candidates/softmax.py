"""Multinomial logistic regression at many strengths, each started from the solution of the one before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import minimize
from scipy.sparse import issparse
from scipy.special import log_softmax, softmax

ROTATED = 2500  # rows or columns up to which the columns are rotated to their principal axes
CURVATURE = 0.25  # of the loss of one row, at most, in the direction of one logit
STEPS, TOLERANCE = 60, 1e-5


def rotated(columns: Any) -> Any:
    """The rows on their principal axes: a regression with an L2 penalty predicts the same from them.

    The axes are orthogonal, so that the penalty is the same; axes without variance are left out. Between them the loss
    has little curvature, which lets `path` take long steps, and of many columns at most one per row is left.

    Args:
        columns: (n, d) array or sparse matrix.

    Returns:
        (n, r) float32 with r at most min(n, d); the columns themselves where both n and d are above 2,500.
    """
    n, width = columns.shape
    if min(n, width) > ROTATED:
        return columns
    wide = width > n
    gram = columns @ columns.T if wide else columns.T @ columns
    gram = np.asarray(gram.todense() if issparse(gram) else gram, dtype=np.float64)
    values, axes = eigh(gram)
    kept = values > max(values[-1], 0.0) * 1e-7
    if not kept.any():
        return np.zeros((n, 1), np.float32)
    values, axes = values[kept], axes[:, kept]
    found = axes * np.sqrt(values) if wide else columns @ axes.astype(np.float32)
    return np.ascontiguousarray(found, dtype=np.float32)


def path(rows: Any, labels: np.ndarray, classes: int, strengths: Sequence[float], others: Any) -> Iterator[np.ndarray]:
    """Probabilities of other rows at every strength, from strong regularisation to weak.

    Minimises the summed cross entropy plus |W|^2 / (2 C), as scikit-learn's `LogisticRegression` does; intercepts are
    not penalised. The solution at each strength is the start of the next. L-BFGS works on weights that are scaled by
    the curvature along their column, CURVATURE * sum_i x_ij^2 + 1 / C, which on rotated columns is close to Newton's
    method.

    Args:
        rows: (m, d) array or sparse matrix.
        labels: (m,) given labels.
        classes: K.
        strengths: values of C, ascending.
        others: (o, d) rows to predict.

    Yields:
        (o, K) per strength; a class that no row has gets probability 0.
    """
    present = np.unique(labels)
    known = np.searchsorted(present, labels)
    target = np.eye(len(present), dtype=np.float32)[known]
    squares = (
        np.asarray(rows.multiply(rows).sum(axis=0)).ravel() if issparse(rows) else np.einsum("ij,ij->j", rows, rows)
    )
    weights = np.zeros((rows.shape[1] + 1, len(present)))
    weights[-1] = np.log(target.mean(axis=0))
    for strength in strengths:
        penalty = np.append(np.full(rows.shape[1], 1 / strength), 0.0)[:, None]
        curvature = CURVATURE * np.append(squares, len(labels))[:, None] + penalty
        scale = 1 / np.sqrt(np.maximum(curvature, 1e-12))
        weights = _minimised(rows, target, known, weights, penalty, scale)
        found = np.zeros((others.shape[0], classes))
        found[:, present] = softmax((others @ weights[:-1].astype(np.float32) + weights[-1]).astype(np.float64), axis=1)
        yield found


def _minimised(
    rows: Any, target: np.ndarray, known: np.ndarray, start: np.ndarray, penalty: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """(d + 1, K) weights, the last row being intercepts."""
    index = np.arange(len(known))

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(scale.shape[0], -1) * scale
        logs = log_softmax(rows @ weights[:-1].astype(np.float32) + weights[-1].astype(np.float32), axis=1)
        residual = np.exp(logs) - target
        gradient = np.concatenate([rows.T @ residual, residual.sum(axis=0, keepdims=True)]) + penalty * weights
        value = -float(logs[index, known].sum(dtype=np.float64)) + 0.5 * float((penalty * weights**2).sum())
        return value / len(known), (gradient * scale).astype(np.float64).ravel() / len(known)

    options = {"maxiter": STEPS, "ftol": TOLERANCE, "gtol": 1e-7, "maxcor": 10}
    found = minimize(loss, (start / scale).ravel(), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(scale.shape[0], -1) * scale
