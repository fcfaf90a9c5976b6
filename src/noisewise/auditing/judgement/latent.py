"""The true label as a latent variable: the evidence of the row's input, and how labels go wrong.

    P(true = i | x, given = j)  proportional to  pi_i(x) T[i, j]

pi(x), the posterior of the true label without the given one, comes from a calibrated posterior q(x) of given labels in
two steps. `unmixed` removes the noise from q: pi maximises sum_j q_j log (pi T)_j, by the iteration of Richardson
(1972) and Lucy (1974), which keeps pi a distribution. `Latent.clean` then corrects the confidence of pi, since a
network fitted to noisy labels is underconfident. The chance A that the first choice s is the true class satisfies

    P(given = s) = A T[s, s] + (1 - A) sum_{i != s} pi_i T[i, s] / (1 - pi_s),

so A is fitted by isotonic regression, as an increasing function of pi_s, to whether the given label is s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression

from noisewise.auditing.detectors.detector import at_labels

ITERATIONS, START, CONVERGED = 50, 1e-3, 1e-4
SMALLEST = 1e-12
SMALLEST_GAP = 0.05
MOST_CONFIDENT = 0.999


@dataclass(frozen=True, eq=False)
class Latent:
    """A fitted model of the true labels.

    Attributes:
        transition: (K, K) P(given = j | true = i).
        chance: maps the probability of a row's first choice, noise removed, to the chance that it is right.
    """

    transition: np.ndarray
    chance: IsotonicRegression

    def clean(self, noisy: np.ndarray) -> np.ndarray:
        """(n, K) P(true | x) without the given label, from calibrated posteriors of the given label (n, K)."""
        clean = unmixed(noisy, self.transition)
        rows, first = np.arange(len(clean)), clean.argmax(axis=1)
        right = self.chance.predict(clean[rows, first])
        result = _others(clean, first) * (1 - right)[:, None]
        result[rows, first] = right
        return result


def fit_latent(noisy: np.ndarray, labels: np.ndarray, transition: np.ndarray) -> Latent:
    """Fit the model.

    Args:
        noisy: (n, K) calibrated posteriors of the given labels.
        labels: (n,) given labels.
        transition: (K, K) P(given = j | true = i).
    """
    clean = unmixed(noisy, transition)
    rows, first = np.arange(len(clean)), clean.argmax(axis=1)
    by_mistake = (_others(clean, first) * transition[:, first].T).sum(axis=1)
    gap = np.maximum(transition[first, first] - by_mistake, SMALLEST_GAP)
    right = ((labels == first) - by_mistake) / gap
    chance = IsotonicRegression(y_min=1 / clean.shape[1], y_max=MOST_CONFIDENT, out_of_bounds="clip")
    return Latent(transition, chance.fit(clean[rows, first], right, sample_weight=gap**2))


def posterior(clean: np.ndarray, labels: np.ndarray, transition: np.ndarray) -> np.ndarray:
    """(n, K) P(true | x, given) by Bayes' rule.

    Args:
        clean: (n, K) P(true | x).
        labels: (n,) given labels.
        transition: (K, K) P(given = j | true = i).
    """
    mass = clean * transition[:, labels].T
    return mass / np.maximum(mass.sum(axis=1, keepdims=True), SMALLEST)


def wrong(posterior: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) probability that the label is not the true one, from posteriors (n, K) of the true label."""
    return np.clip(1 - at_labels(posterior, labels), 0, 1)


def unmixed(noisy: np.ndarray, transition: np.ndarray) -> np.ndarray:
    """(n, K) distributions pi whose pi T is closest to `noisy` (n, K) in Kullback-Leibler divergence.

    The iteration starts from q T^-1, made positive, which is the solution wherever it is a distribution. Rows that have
    converged are left out of further iterations.
    """
    clean = np.maximum(noisy @ np.linalg.pinv(transition), START / len(transition))
    clean /= clean.sum(axis=1, keepdims=True)
    moving = np.arange(len(clean))
    for _ in range(ITERATIONS):
        before, wanted = clean[moving], noisy[moving]
        after = before * ((wanted / np.maximum(before @ transition, SMALLEST)) @ transition.T)
        after /= after.sum(axis=1, keepdims=True)
        clean[moving] = after
        moving = moving[np.abs(after - before).max(axis=1) > CONVERGED]
        if not len(moving):
            break
    return clean


def _others(clean: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(n, K) how the chance of being wrong divides among the classes other than the first choice (n,)."""
    others = np.maximum(clean, SMALLEST)
    others[np.arange(len(clean)), first] = 0
    return others / others.sum(axis=1, keepdims=True)
