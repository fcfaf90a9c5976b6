"""Bounds on the change of a regularised learner when one example changes.

Bousquet and Elisseeff, Stability and Generalization, JMLR 2002. Theorem 22: minimising the mean loss plus
strength |f|^2 over functions of a reproducing kernel with k(x, x) <= radius^2, where the loss changes by at most
`lipschitz` times as much as the function's value, has uniform stability lipschitz^2 radius^2 / (2 strength n) when an
example is removed. Replacing one is removing it and adding another, which doubles that.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from noisewise.errors import BadInput

SOFTMAX_LIPSCHITZ = 2**0.5


def replacement_bound(lipschitz: float, radius: float, strength: float, points: int) -> float:
    """The largest change of the loss at any point when one of n examples is replaced, for any labels.

        lipschitz^2 radius^2 / (strength n)

    Args:
        lipschitz: Lipschitz constant of the loss in the function's values; sqrt(2) for softmax cross-entropy, whose
            gradient is a difference of two probability vectors, with one value per class and |f|^2 summed over classes.
        radius: the largest sqrt(k(x, x)); for a linear function, the largest |x|.
        strength: factor of |f|^2 in the objective, relative to the mean loss.
        points: n.

    Raises:
        BadInput: an argument is not above 0.
    """
    given = {"lipschitz": lipschitz, "radius": radius, "strength": strength, "points": points}
    for name, value in given.items():
        if not value > 0:
            raise BadInput(f"{name}={value!r} must be above 0")
    return lipschitz**2 * radius**2 / (strength * points)


def softmax_regression(x: np.ndarray, y: np.ndarray, classes: int, strength: float) -> np.ndarray:
    """(d, K) the weights W that minimise the mean cross-entropy plus strength |W|^2, without intercept, by L-BFGS.

    The largest entry of the final gradient is below 1e-8, or as small as rounding allows.

    Args:
        x: (n, d).
        y: (n,) class numbers.
        classes: K.
        strength: above 0.

    Raises:
        BadInput: strength is not above 0.
    """
    if not strength > 0:
        raise BadInput(f"strength={strength!r} must be above 0")
    rows = np.arange(len(x))

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(x.shape[1], classes)
        logs = log_softmax(x @ w, axis=1)
        excess = np.exp(logs)
        excess[rows, y] -= 1
        value = -logs[rows, y].mean() + strength * (w * w).sum()
        return float(value), (x.T @ excess / len(x) + 2 * strength * w).ravel()

    options = {"maxiter": 5000, "maxfun": 10_000, "gtol": 1e-8, "ftol": 0.0, "maxcor": 20}
    found = minimize(objective, np.zeros(x.shape[1] * classes), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x).reshape(x.shape[1], classes)
