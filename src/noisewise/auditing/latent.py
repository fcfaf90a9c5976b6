"""The true label as a latent variable: what the row looks like, and how its label may have gone wrong.

    P(true = i | x, given = j)  proportional to  pi_i(x) T[i, j]

pi(x), the posterior of the true label without the given one, comes from a calibrated posterior q(x) of given labels in
two steps. `unmixed` takes the noise out of q: pi maximises sum_j q_j log (pi T)_j, by the iteration of Richardson
(1972) and Lucy (1974), which keeps pi a distribution. `sharpened` then corrects how sure pi is: a network fitted to
noisy labels is less sure than it is right. The chance A that the first choice s is the true class satisfies

    P(given = s) = A T[s, s] + (1 - A) sum_{i != s} pi_i T[i, s] / (1 - pi_s),

so A is regressed, monotonously in pi_s, on whether the given label is s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression

from noisewise.auditing.detectors.detector import at_labels

ITERATIONS = 50
SMALLEST = 1e-12
SMALLEST_GAP = 0.05
SUREST = 0.999


@dataclass(frozen=True, eq=False)
class Latent:
    """A fitted model of the true labels.

    Attributes:
        clean: (n, K) P(true | x), not knowing the given label.
        posterior: (n, K) P(true | x, given).
        transition: (K, K) P(given = j | true = i).
    """

    clean: np.ndarray
    posterior: np.ndarray
    transition: np.ndarray

    def wrong(self, labels: np.ndarray) -> np.ndarray:
        """(n,) probability that the given label is not the true one."""
        return np.clip(1 - at_labels(self.posterior, labels), 0, 1)

    @property
    def doubt(self) -> float:
        """The expected share of rows whose first choice, without the given label, is not the true class."""
        return float(1 - self.clean.max(axis=1).mean())


def fit_latent(noisy: np.ndarray, labels: np.ndarray, transition: np.ndarray) -> Latent:
    """The model for calibrated posteriors `noisy` (n, K) of the labels (n,), and a transition matrix (K, K)."""
    clean = sharpened(unmixed(noisy, transition), labels, transition)
    return Latent(clean, posterior(clean, labels, transition), transition)


def posterior(clean: np.ndarray, labels: np.ndarray, transition: np.ndarray) -> np.ndarray:
    """(n, K) P(true | x, given) by Bayes' rule."""
    mass = clean * transition[:, labels].T
    return mass / np.maximum(mass.sum(axis=1, keepdims=True), SMALLEST)


def unmixed(noisy: np.ndarray, transition: np.ndarray) -> np.ndarray:
    """(n, K) distributions pi with pi T as close to `noisy` (n, K), in Kullback-Leibler divergence, as may be."""
    clean = noisy
    for _ in range(ITERATIONS):
        clean = clean * ((noisy / np.maximum(clean @ transition, SMALLEST)) @ transition.T)
        clean = clean / clean.sum(axis=1, keepdims=True)
    return clean


def sharpened(clean: np.ndarray, labels: np.ndarray, transition: np.ndarray) -> np.ndarray:
    """(n, K) `clean` with the probability of each row's first choice replaced by the chance that it is right."""
    n, k = clean.shape
    rows, first = np.arange(n), clean.argmax(axis=1)
    others = np.maximum(clean, SMALLEST)
    others[rows, first] = 0
    others /= others.sum(axis=1, keepdims=True)
    by_mistake = (others * transition[:, first].T).sum(axis=1)
    gap = np.maximum(transition[first, first] - by_mistake, SMALLEST_GAP)
    right = ((labels == first) - by_mistake) / gap
    regression = IsotonicRegression(y_min=1 / k, y_max=SUREST, out_of_bounds="clip")
    chance = regression.fit_transform(clean[rows, first], right, sample_weight=gap**2)
    result = others * (1 - chance)[:, None]
    result[rows, first] = chance
    return result
