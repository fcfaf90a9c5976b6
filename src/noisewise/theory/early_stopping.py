"""Early-stopped kernel gradient descent: a filter on the directions of the labels.

After k steps of descent on 1/2 |K a - y|^2 in the kernel's space, from zero, the function at other points is

    f_k = K_* K^-1 (I - (I - rate K)^k) y

The component along an eigenvector of eigenvalue l is fitted by the share 1 - (1 - rate l)^k: large eigenvalues first
(Yao, Rosasco and Caponnetto, On Early Stopping in Gradient Descent Learning, Constructive Approximation 2007, section
2). Li, Soltanolkotabi and Oymak, Gradient Descent with Early Stopping Is Provably Robust to Label Noise, AISTATS 2020,
show the same for the Jacobian of a network: labels lie along few directions of large eigenvalues, their noise along
all directions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from noisewise.errors import BadInput


def descent_path(
    kernel: np.ndarray, y: np.ndarray, crosses: Sequence[np.ndarray], steps: Sequence[float], pace: float = 1.0
) -> Iterator[list[np.ndarray]]:
    """Values at other points after given numbers of steps.

    Args:
        kernel: (n, n), symmetric and positive semi-definite.
        y: (n, K) values.
        crosses: (m, n) kernels between other points and the n points, one or more.
        steps: numbers of steps from 0; infinity is the interpolant. Directions whose eigenvalue is zero up to rounding
            are never fitted.
        pace: step size, in units of 1 over the largest eigenvalue.

    Yields:
        For every number of steps, one (m, K) array per cross kernel.

    Raises:
        BadInput: the pace is not above 0 and at most 1, or shapes do not match.
    """
    if not 0 < pace <= 1:
        raise BadInput(f"pace={pace!r} must be above 0 and at most 1")
    if y.ndim != 2 or kernel.shape != (len(y), len(y)):
        raise BadInput(f"kernel of shape {kernel.shape} and y of shape {y.shape} must be (n, n) and (n, K)")
    values, vectors = np.linalg.eigh(kernel)
    values = np.where(values > np.finfo(np.float64).eps * len(values) * values[-1], values, 0.0)
    left, turned = vectors.T @ y, [cross @ vectors for cross in crosses]
    for count in steps:
        fitted = 1 - (1 - pace * values / values[-1]) ** count
        weights = np.divide(fitted, values, out=np.zeros_like(values), where=values > 0)
        yield [cross @ (weights[:, None] * left) for cross in turned]
