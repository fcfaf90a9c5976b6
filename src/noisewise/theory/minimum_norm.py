"""Interpolation without regularisation: the minimum-norm solution, by kernels and by gradient descent.

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking Generalization, ICLR 2017,
section 5: gradient descent from zero stays in the span of the data, w = X^T alpha. At zero loss X X^T alpha = y, which
has one solution; with a kernel in place of X X^T it is the interpolant of minimum norm in the kernel's space.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from noisewise.allowance import Pace
from noisewise.errors import BadInput
from noisewise.files import whole

BLOCK = 4096  # rows of a Gram matrix computed at a time
DIRECT = 12_000  # largest system solved directly: 2.3 GB for two copies of the Gram matrix
JITTER = 1e-10  # added to the diagonal, relative to its ones, so that Cholesky succeeds despite rounding


@dataclass(frozen=True, eq=False)
class Interpolant:
    """f(x) = sum_i alpha_i exp(-gamma |x - x_i|^2), with a value per class.

    Attributes:
        points: (n, d).
        alpha: (n, K).
        gamma: factor of the squared distance.
        steps: iterations of the solver; 0 if the system was solved directly.
        residual: the largest |f(x_i) - y_i|, relative to the largest |y|.
        norm: the norm in the kernel's space, sqrt(sum over classes of alpha^T G alpha).
    """

    points: np.ndarray
    alpha: np.ndarray
    gamma: float
    steps: int
    residual: float
    norm: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(m, K) values at x (m, d), in the precision of the points."""
        x = np.asarray(x, dtype=self.points.dtype)
        parts = [x[start : start + BLOCK] for start in range(0, len(x), BLOCK)]
        return np.concatenate([gaussian_gram(part, self.points, self.gamma) @ self.alpha for part in parts], axis=0)


def gaussian_gram(x: np.ndarray, y: np.ndarray, gamma: float, out: np.ndarray | None = None) -> np.ndarray:
    """(m, n) exp(-gamma |x_i - y_j|^2) of x (m, d) and y (n, d), in their precision.

    Args:
        x: (m, d) points.
        y: (n, d) points.
        gamma: factor of the squared distance.
        out: (m, n) array for the result; if given, no other array of that size is allocated.
    """
    gram: np.ndarray = np.matmul(x, y.T, out=out)
    gram *= -2
    gram += (x * x).sum(axis=1)[:, None]
    gram += (y * y).sum(axis=1)[None]
    np.maximum(gram, 0, out=gram)
    gram *= -gamma
    return np.exp(gram, out=gram)


@dataclass(frozen=True)
class ConjugateGradients:
    """The iterative solver of large systems, for all classes together.

    It is preconditioned by the Nystrom approximation (Frangella, Tropp and Udell, Randomized Nystrom Preconditioning,
    SIAM J. Matrix Anal. Appl. 2023, equation 5.3).

    Attributes:
        rank: number of columns of the Nystrom approximation.
        steps: largest number of iterations.
        tolerance: the iterations end when the residual relative to y is below this value.
        seed: random seed of the choice of columns for the approximation.
        on_step: called with the number of the step and the relative residual.
        checkpoint: a file from which interrupted iterations continue, to the same bits; None keeps none. It is
            written where there is no time for another iteration (`noisewise.allowance`).
    """

    rank: int = 1000
    steps: int = 300
    tolerance: float = 1e-3
    seed: int = 0
    on_step: Callable[[int, float], None] | None = None
    checkpoint: Path | None = None

    def solve(self, gram: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
        """Solve gram alpha = y.

        Args:
            gram: (n, n), symmetric and positive definite.
            y: (n, K).

        Returns:
            alpha (n, K) and the number of iterations.
        """
        precondition = _nystrom(gram, min(self.rank, len(gram)), self.seed)
        alpha = np.zeros_like(y)
        left = y.copy()
        z = precondition(left)
        direction, energy = z, (left * z).sum(axis=0)
        scale = np.linalg.norm(y)
        done = step = 0
        if self.checkpoint is not None and self.checkpoint.exists():
            with np.load(self.checkpoint) as state:
                done = int(state["step"])
                alpha, left, direction, energy = (state[name] for name in ("alpha", "left", "direction", "energy"))
        pace = Pace()
        for step in range(done + 1, self.steps + 1):
            state = {"step": step - 1, "alpha": alpha, "left": left, "direction": direction, "energy": energy}
            pace.begin(functools.partial(self._store, state))
            applied = gram @ direction
            length = energy / np.maximum((direction * applied).sum(axis=0), 1e-30)
            alpha += length * direction
            left -= length * applied
            size = float(np.linalg.norm(left) / scale)
            if self.on_step:
                self.on_step(step, size)
            if size < self.tolerance:
                break
            z = precondition(left)
            energy, before = (left * z).sum(axis=0), energy
            direction = z + energy / np.maximum(before, 1e-30) * direction
        return alpha, step

    def _store(self, state: Mapping[str, Any]) -> None:
        if self.checkpoint is not None:
            with whole(self.checkpoint) as path, path.open("wb") as file:
                np.savez(file, **state)


def interpolate(
    x: np.ndarray, y: np.ndarray, gamma: float, solver: ConjugateGradients = ConjugateGradients()
) -> Interpolant:
    """The minimum-norm interpolant of the values y (n, K) at the points x (n, d), without regularisation.

    Up to 12,000 points the system is solved directly, in float64, in twice the memory of the Gram matrix (16 n^2
    bytes). Beyond, the Gram matrix is stored once in float32 (4 n^2 bytes: 14.4 GB for 60,000 points) and the system is
    solved iteratively.

    Args:
        x: (n, d) points, all different.
        y: (n, K) values.
        gamma: width parameter of the kernel, above 0.
        solver: for more than 12,000 points.

    Raises:
        BadInput: gamma is not above 0, or shapes do not match.
    """
    if gamma <= 0:
        raise BadInput(f"gamma={gamma} must be above 0")
    values = np.asarray(y)
    if values.ndim != 2 or len(values) != len(x):
        raise BadInput(f"y has shape {values.shape}, but must be ({len(x)}, K): a row of values per point")
    if len(x) <= DIRECT:
        points = np.asarray(x, dtype=np.float64)
        gram = gaussian_gram(points, points, gamma)
        alpha, taken = _solve_directly(gram, values.astype(np.float64)), 0
    else:
        points = np.asarray(x, dtype=np.float32)
        gram = np.empty((len(points), len(points)), dtype=np.float32)
        for start in range(0, len(points), BLOCK):
            gaussian_gram(points[start : start + BLOCK], points, gamma, out=gram[start : start + BLOCK])
        alpha, taken = solver.solve(gram, values.astype(np.float32))
    fitted = gram @ alpha
    residual = float(np.abs(fitted - values).max() / max(np.abs(values).max(), 1e-30))
    norm = float(np.sqrt(np.maximum((alpha.astype(np.float64) * fitted).sum(), 0)))
    return Interpolant(points, alpha, gamma, taken, residual, norm)


def least_norm(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(d, K) the minimum-norm weights with x w closest to y (n, K): the pseudo-inverse of x (n, d) times y."""
    return np.linalg.pinv(np.asarray(x, dtype=np.float64)) @ np.asarray(y, dtype=np.float64)


def descend(
    x: np.ndarray, y: np.ndarray, *, epochs: int, batch: int = 32, seed: int = 0, start: np.ndarray | None = None
) -> np.ndarray:
    """(d, K) weights after stochastic gradient descent on the squared error at points x (n, d), n < d.

    The step size of a batch is one over the largest eigenvalue of its Gram matrix, for which the error contracts in
    every interpolating problem. From zero the weights stay in the span of the points and converge to the minimum-norm
    solution; from another start they converge to the solution nearest to the start.

    Args:
        x: (n, d) points.
        y: (n, K) values.
        epochs: number of passes over the points.
        batch: points per step.
        seed: random seed of the order of the points.
        start: (d, K) initial weights; zero by default.
    """
    points, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    rng = np.random.default_rng(seed)
    w = np.zeros((points.shape[1], values.shape[1])) if start is None else np.array(start, dtype=np.float64)
    for _ in range(epochs):
        order = rng.permutation(len(points))
        for first in range(0, len(order), batch):
            rows = order[first : first + batch]
            part = points[rows]
            error = part @ w - values[rows]
            w -= part.T @ error / np.linalg.norm(part, 2) ** 2
    return w


def _solve_directly(gram: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The solution by Cholesky factorisation; a jitter keeps the factor real and is removed from the matrix again."""
    diagonal = np.arange(len(gram))
    gram[diagonal, diagonal] += JITTER
    alpha: np.ndarray = cho_solve(cho_factor(gram), y)
    gram[diagonal, diagonal] -= JITTER
    return alpha


def _nystrom(gram: np.ndarray, rank: int, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """The function v -> P^-1 v of the preconditioner from `rank` columns of the matrix."""
    chosen = np.sort(np.random.default_rng(seed).choice(len(gram), rank, replace=False))
    columns = gram[:, chosen].astype(np.float64)
    inner = columns[chosen] + 1e-6 * np.eye(rank)
    tall = solve_triangular(np.linalg.cholesky(inner), columns.T, lower=True, overwrite_b=True).T
    eigenvalues, turned = np.linalg.eigh(tall.T @ tall)
    eigenvalues = np.maximum(eigenvalues, np.finfo(np.float64).eps * eigenvalues[-1])
    vectors = (tall @ (turned / np.sqrt(eigenvalues))).astype(np.float32)
    factors = (eigenvalues[0] / eigenvalues - 1).astype(np.float32)
    return lambda v: v + vectors @ (factors[:, None] * (vectors.T @ v))
