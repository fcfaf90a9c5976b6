"""Influence functions of regularised logistic regression: the effect of a training row on a loss, without retraining.

Koh and Liang, Understanding Black-box Predictions via Influence Functions, ICML 2017. With the weights that minimise
(1 / n) sum_i L(z_i, w), where the penalty is part of every L, leaving z out changes the loss at a test point t by about

    g_t^T H^-1 g_z / n

(equation 2 with the opposite sign and divided by n, section 2.1). H is the Hessian of the objective. H^-1 v is computed
directly, by conjugate gradients, or by LiSSA (Agarwal, Bullins and Hazan, Second-Order Stochastic Optimization for
Machine Learning in Linear Time, JMLR 2017), which uses a few rows at a time (Koh and Liang, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import log_softmax

from noisewise.errors import BadInput

TOLERANCE = 1e-10
STEPS = 200


@dataclass(frozen=True, eq=False)
class Regression:
    """Logistic regression that minimises the mean cross-entropy plus strength / 2 |w|^2.

    For two classes there is one column of weights, for the log-odds of class 1; otherwise one column per class. P is
    the number of weights, ordered by inputs, then columns.

    Attributes:
        x: (n, d) float64; a column of ones is an intercept, penalised like the others.
        y: (n,) class numbers.
        classes: K.
        strength: above 0.
        weights: (d, C), C = 1 for two classes and K otherwise.
    """

    x: np.ndarray
    y: np.ndarray
    classes: int
    strength: float
    weights: np.ndarray

    @classmethod
    def fit(
        cls, x: np.ndarray, y: np.ndarray, classes: int, strength: float, start: np.ndarray | None = None
    ) -> Regression:
        """Fit by Newton's method with step halving, until the norm of the gradient is below 1e-10.

        Args:
            x: (n, d).
            y: (n,) class numbers.
            classes: K.
            strength: factor of the penalty, above 0.
            start: (d, C) initial weights; zero by default.

        Raises:
            BadInput: strength is not above 0, classes is below 2, labels are out of range, or shapes do not match.
        """
        points, labels = np.asarray(x, dtype=np.float64), np.asarray(y)
        if not strength > 0:
            raise BadInput(f"strength={strength!r} must be above 0")
        if classes < 2:
            raise BadInput(f"classes={classes!r} must be at least 2")
        if points.ndim != 2 or labels.shape != (len(points),) or not len(points):
            raise BadInput(f"x has shape {points.shape} and y {labels.shape}, but must have (n, d) and (n,), n >= 1")
        if labels.min() < 0 or labels.max() >= classes:
            raise BadInput(f"y has labels from {labels.min()} to {labels.max()}, but must have 0 to {classes - 1}")
        columns = 1 if classes == 2 else classes
        weights = np.zeros((points.shape[1], columns)) if start is None else np.array(start, dtype=np.float64)
        found = cls(points, labels, classes, strength, weights)
        for _ in range(STEPS):
            slope = found.slope()
            if np.linalg.norm(slope) <= TOLERANCE:
                break
            found = found._lower(found.solve(slope).reshape(weights.shape))
        return found

    def logs(self, x: np.ndarray) -> np.ndarray:
        """(m, K) log-probabilities of the classes at x (m, d)."""
        values = x @ self.weights
        full = np.concatenate([np.zeros_like(values), values], axis=1) if self.classes == 2 else values
        return np.asarray(log_softmax(full, axis=1))

    def losses(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(m,) cross-entropy at x (m, d) with labels y (m,), without the penalty."""
        return np.asarray(-self.logs(x)[np.arange(len(x)), y])

    def gradients(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(m, P) gradients of `losses` with respect to the weights."""
        return np.asarray((x[:, :, None] * self._errors(x, y)[:, None, :]).reshape(len(x), -1))

    def slope(self) -> np.ndarray:
        """(P,) gradient of the objective; zero at the optimum."""
        mean = self.x.T @ self._errors(self.x, self.y) / len(self.x)
        return np.asarray((mean + self.strength * self.weights).ravel())

    def objective(self) -> float:
        """The mean cross-entropy of the training rows plus the penalty."""
        return float(self.losses(self.x, self.y).mean() + self.strength / 2 * (self.weights**2).sum())

    def product(self, v: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """(P, k) product of the Hessian of the objective and v, without forming the Hessian.

        Args:
            v: (P, k).
            rows: positions of the training rows over which to average; by default all.
        """
        x, p = (self.x, self._p) if rows is None else (self.x[rows], self._p[rows])
        count = v.shape[1]
        moved = (x @ v.reshape(x.shape[1], -1)).reshape(len(x), -1, count)
        bent = p[:, :, None] * (moved - (p[:, None, :] @ moved))
        return (x.T @ bent.reshape(len(x), -1)).reshape(-1, count) / len(x) + self.strength * v

    def hessian(self) -> np.ndarray:
        """(P, P) Hessian of the objective."""
        (n, d), columns = self.x.shape, self._p.shape[1]
        joint = (self.x[:, :, None] * self._p[:, None, :]).reshape(n, -1)
        total = -joint.T @ joint
        blocks = total.reshape(d, columns, d, columns)
        for k in range(columns):
            blocks[:, k, :, k] += self.x.T @ (self._p[:, k, None] * self.x)
        total /= n
        total[np.diag_indices_from(total)] += self.strength
        return total

    def solve(self, v: np.ndarray) -> np.ndarray:
        """H^-1 v for v (P,) or (P, k), by a Cholesky factorisation of the Hessian."""
        return np.asarray(cho_solve(self._factor, v))

    def without(self, row: int) -> Regression:
        """The regression on all rows except one, retrained until the norm of its gradient is below 1e-10."""
        kept = np.delete(np.arange(len(self.x)), row)
        return self.again(self.x[kept], self.y[kept])

    def again(self, x: np.ndarray, y: np.ndarray) -> Regression:
        """The regression on similar rows, retrained from these weights until the norm of its gradient is below 1e-10.

        Steps use the present Hessian, which saves recomputing it; if they do not converge, Newton's method is used.

        Args:
            x: (m, d) rows, such as those of this regression without some.
            y: (m,) their labels.
        """
        found = replace(self, x=x, y=y)
        for _ in range(STEPS):
            slope = found.slope()
            if np.linalg.norm(slope) <= TOLERANCE:
                return found
            found = replace(found, weights=found.weights - self.solve(slope).reshape(found.weights.shape))
        return Regression.fit(x, y, self.classes, self.strength, self.weights)

    @cached_property
    def _p(self) -> np.ndarray:
        """(n, C) probabilities of the classes that have weights."""
        return np.exp(self.logs(self.x))[:, -self.weights.shape[1] :]

    @cached_property
    def _factor(self) -> tuple[np.ndarray, bool]:
        factor: tuple[np.ndarray, bool] = cho_factor(self.hessian())
        return factor

    def _errors(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        excess = np.exp(self.logs(x))
        excess[np.arange(len(x)), y] -= 1
        return np.asarray(excess[:, -self.weights.shape[1] :])

    def _lower(self, step: np.ndarray) -> Regression:
        """Newton's step, halved while the objective rises by more than rounding."""
        before, length = self.objective(), 1.0
        while True:
            found = replace(self, weights=self.weights - length * step)
            if found.objective() <= before + 1e-14 * abs(before) or length < 1e-8:
                return found
            length /= 2


def conjugate_gradients(fitted: Regression, v: np.ndarray, *, tolerance: float = 1e-8, steps: int = 1000) -> np.ndarray:
    """(P, k) H^-1 v of v (P, k) by conjugate gradients, from products with H alone.

    Args:
        fitted: the regression.
        v: (P, k).
        tolerance: norm of the residual of every column, relative to that of v, at which the iteration ends.
        steps: largest number of steps.

    Raises:
        BadInput: the iteration does not reach the tolerance.
    """
    found, left = np.zeros_like(v), v.copy()
    direction, energy, goal = left, (left * left).sum(axis=0), tolerance**2 * (v * v).sum(axis=0)
    for _ in range(steps):
        if (energy <= goal).all():
            return found
        applied = fitted.product(direction)
        length = energy / np.maximum((direction * applied).sum(axis=0), np.finfo(float).tiny)
        found = found + length * direction
        left = left - length * applied
        energy, before = (left * left).sum(axis=0), energy
        direction = left + energy / np.maximum(before, np.finfo(float).tiny) * direction
    if (energy <= goal).all():
        return found
    raise BadInput(f"steps={steps} are too few for conjugate gradients to reach tolerance={tolerance:g}")


def lissa(
    fitted: Regression, v: np.ndarray, *, depth: int = 5000, batch: int = 16, repeats: int = 10, seed: int = 0
) -> np.ndarray:
    """(P, k) an estimate of H^-1 v for v (P, k), from the Hessians of a few rows at a time.

        h_j = v + (I - H_j / s) h_{j-1},   H^-1 v ~ mean over repeats of h_depth / s

    s bounds the Hessian of every row, |x|^2 / 2 + strength (a quarter for two classes), so that every step contracts.

    Args:
        fitted: the regression.
        v: (P, k).
        depth: number of steps; the remaining error decreases as (1 - smallest eigenvalue / s)^depth.
        batch: rows per step.
        repeats: number of independent runs to average.
        seed: random seed of the choice of rows.

    Raises:
        BadInput: depth, batch or repeats is below 1.
    """
    for name, value in {"depth": depth, "batch": batch, "repeats": repeats}.items():
        if value < 1:
            raise BadInput(f"{name}={value!r} must be at least 1")
    share = 0.25 if fitted.classes == 2 else 0.5
    bound = share * float((fitted.x**2).sum(axis=1).max()) + fitted.strength
    rng, total = np.random.default_rng(seed), np.zeros_like(v)
    for _ in range(repeats):
        rows = rng.integers(len(fitted.x), size=(depth, batch))
        found = v
        for drawn in rows:
            found = v + found - fitted.product(found, drawn) / bound
        total += found / bound
    return total / repeats


def changes(fitted: Regression, solved: np.ndarray) -> np.ndarray:
    """(n, k) predicted changes of k losses when a training row is left out and the regression is retrained.

        g_t^T H^-1 (g_z + strength w) / n

    Args:
        fitted: the regression.
        solved: (P, k) H^-1 g_t for the gradients of k losses, by any of the solvers.
    """
    gradients = fitted.gradients(fitted.x, fitted.y) + fitted.strength * fitted.weights.ravel()
    return np.asarray(gradients @ solved / len(fitted.x))


def self_influence(fitted: Regression) -> np.ndarray:
    """(n,) predicted rise of a training row's own loss when it is left out; high for wrong labels (section 5.4)."""
    gradients = fitted.gradients(fitted.x, fitted.y)
    moved = gradients + fitted.strength * fitted.weights.ravel()
    return np.asarray((fitted.solve(gradients.T).T * moved).sum(axis=1) / len(fitted.x))
