"""Penalties on sample weights whose optimum is a weighting function of the loss.

A decreasing weighting function is the v that minimises v l + H(v) over [0, 1], with a convex H (Kumar, Packer and
Koller, Self-Paced Learning for Latent Variable Models, NeurIPS 2010, equation 4; Jiang et al., Easy Samples First, ACM
Multimedia 2014):

    self-paced   H = -lambda v                    v = 1[l <= lambda]
    linear       H = lambda (v^2 / 2 - v)         v = max(0, 1 - l / lambda)
    polynomial   H = lambda (v^d / d - v)         v = max(0, 1 - l / lambda)^(1 / (d - 1))
    mixture      H = -zeta log(v + zeta / l1)     v = clip(zeta (1 / l - 1 / l1), 0, 1)

with zeta = l1 l2 / (l1 - l2) for the mixture.

An increasing one is the v that maximises v l - H(v). For the focal weight H is the integral of its inverse,
l = -log(1 - sqrt v), and for boosting that of l = log(1 + v^2), which are our own derivations:

    hard mining  H = lambda v                               v = 1[l >= lambda]
    focal        H = (1 - v) log(1 - sqrt v) + v / 2 + sqrt v    v = (1 - e^-l)^2
    boosting     H = v log(1 + v^2) - 2 v + 2 arctan v      v = sqrt(e^l - 1)

AdaBoost weights a row by e^(-y F), and F is half the log odds (Friedman, Hastie and Tibshirani, Additive Logistic
Regression, Annals of Statistics 2000, section 4.1), so that l = log(1 + e^(-2 y F)) and the weight is sqrt(e^l - 1).
"""

from __future__ import annotations

import numpy as np


def self_paced(v: np.ndarray, lam: float) -> np.ndarray:
    """-lambda v of weights v of any shape; its negative is that of hard mining."""
    return -lam * v


def linear(v: np.ndarray, lam: float) -> np.ndarray:
    """Of weights v of any shape: lambda (v^2 / 2 - v)."""
    return lam * (v**2 / 2 - v)


def polynomial(v: np.ndarray, lam: float, d: float) -> np.ndarray:
    """Of weights v of any shape, d > 1: lambda (v^d / d - v)."""
    return lam * (v**d / d - v)


def mixture(v: np.ndarray, upper: float, lower: float) -> np.ndarray:
    """-zeta log(v + zeta / l1) of weights v of any shape, with l1 = upper > l2 = lower > 0."""
    zeta = upper * lower / (upper - lower)
    return -zeta * np.log(v + zeta / upper)


def focal(v: np.ndarray) -> np.ndarray:
    """(1 - v) log(1 - sqrt v) + v / 2 + sqrt v of weights v in [0, 1] of any shape; 3 / 2 at v = 1."""
    root = np.sqrt(v)
    left = np.where(v < 1, 1 - root, 1.0)
    return (1 - v) * np.log(left) + v / 2 + root


def boosting_weights(losses: np.ndarray) -> np.ndarray:
    """Weights of AdaBoost, sqrt(e^l - 1), of losses l of any shape; they have no largest value."""
    return np.sqrt(np.expm1(losses))


def boosting(v: np.ndarray) -> np.ndarray:
    """Of weights v >= 0 of any shape: v log(1 + v^2) - 2 v + 2 arctan v."""
    return v * np.log1p(v**2) - 2 * v + 2 * np.arctan(v)


def lightest(losses: np.ndarray, penalties: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weight that minimises v l + H(v), and the minimum, both (n,).

    Args:
        losses: (n,) l.
        penalties: (m,) H at v.
        v: (m,) candidate weights.
    """
    values = losses[:, None] * v + penalties
    best = values.argmin(axis=1)
    return v[best], values[np.arange(len(losses)), best]


def heaviest(losses: np.ndarray, penalties: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(n,) the weight that maximises v l - H(v); see `lightest`."""
    return v[(losses[:, None] * v - penalties).argmax(axis=1)]
