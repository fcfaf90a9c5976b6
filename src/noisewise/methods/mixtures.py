"""Clean and noisy rows separated by their losses: mixtures of two Gaussians or of two beta distributions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import betaln, expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

_EDGE = 1e-4
_LEAST = 1e-12


def clean_probability(losses: np.ndarray, seed: int = 0) -> np.ndarray:
    """(n,) posterior of the component with the lower mean in a two-component mixture of min-max normalised losses.

    Settings of DivideMix (Li et al. 2020): at most 10 EM iterations, tolerance 1e-2, covariance floor 5e-4. When all
    losses are equal the rows cannot be separated and every row is clean with probability 1.

    Args:
        losses: (n,) finite.
        seed: of the initial means.

    Raises:
        ValueError: losses that are not finite.
    """
    values = np.asarray(losses, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{int((~np.isfinite(values)).sum())} of {len(values)} losses are not finite")
    low, high = values.min(), values.max()
    if high - low < 1e-12 or len(values) < 2:
        return np.ones(len(values))
    scaled = ((values - low) / (high - low))[:, None]
    mixture = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(scaled)
    return mixture.predict_proba(scaled)[:, int(np.argmin(mixture.means_[:, 0]))]


@dataclass(frozen=True)
class BetaMixture:
    """A mixture of two beta distributions (Arazo et al., ICML 2019, section 3.1).

    Its density is sum_k w_k Beta(x; a_k, b_k) of values in (0, 1); the second component holds the larger values.

    Attributes:
        alphas: (2,) first parameters of the components.
        betas: (2,) second parameters.
        weights: (2,) shares of the components.
    """

    alphas: np.ndarray
    betas: np.ndarray
    weights: np.ndarray

    @property
    def odds(self) -> tuple[float, float, float]:
        """The log odds of the second component are c + a log x + b log(1 - x): c, a, b."""
        c = np.log(self.weights[1] / self.weights[0])
        c += betaln(self.alphas[0], self.betas[0]) - betaln(self.alphas[1], self.betas[1])
        return float(c), float(self.alphas[1] - self.alphas[0]), float(self.betas[1] - self.betas[0])

    @property
    def reach(self) -> tuple[float, float]:
        """Where in (0, 1) the log odds rise; beyond, they are held at their last value."""
        _, a, b = self.odds
        turn = a / (a + b) if a * b > 0 else 0.0
        if a > 0 and b > 0:
            return _EDGE, float(np.clip(turn, _EDGE, 1 - _EDGE))
        return float(np.clip(turn, _EDGE, 1 - _EDGE)), 1 - _EDGE


def fit(values: np.ndarray, iterations: int = 10) -> BetaMixture:
    """Expectation maximisation on (n,) values in [0, 1], with weighted moments for the maximisation.

    It starts at Beta(1, 2) and Beta(2, 1) with equal weights.
    """
    x = np.clip(np.asarray(values, dtype=np.float64), _EDGE, 1 - _EDGE)
    found = BetaMixture(np.array([1.0, 2.0]), np.array([2.0, 1.0]), np.array([0.5, 0.5]))
    for _ in range(iterations):
        c, a, b = found.odds
        second = np.clip(expit(c + a * np.log(x) + b * np.log1p(-x)), _LEAST, 1 - _LEAST)
        parts = np.stack([1 - second, second])
        shares = parts / parts.sum(axis=1, keepdims=True)
        mean = shares @ x
        variance = np.maximum((shares * (x - mean[:, None]) ** 2).sum(axis=1), 1e-8)
        alphas = np.maximum(mean * (mean * (1 - mean) / variance - 1), _EDGE)
        found = BetaMixture(alphas, alphas * (1 - mean) / mean, parts.mean(axis=1))
    means = found.alphas / (found.alphas + found.betas)
    order = np.argsort(means, kind="stable")
    return BetaMixture(found.alphas[order], found.betas[order], found.weights[order])


def loss_model(losses: np.ndarray) -> Tensor:
    """(7,) float32: from a loss to the probability that its row is noisy; read by `noisy_probability`.

    The losses between their 5th and 95th percentile are scaled to [0, 1] and the mixture is fitted to them. Where they
    are all equal, the rows cannot be separated and no row is noisy.

    Raises:
        ValueError: losses that are not finite.
    """
    values = np.asarray(losses, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{int((~np.isfinite(values)).sum())} of {len(values)} losses are not finite")
    low, high = np.percentile(values, [5, 95])
    if high - low < 1e-6:
        return torch.tensor([-1e4, 0.0, 0.0, _EDGE, 1 - _EDGE, low, low + 1.0])
    mixture = fit((values[(values >= low) & (values <= high)] - low) / (high - low))
    return torch.tensor([*mixture.odds, *mixture.reach, low, high])


def noisy_probability(losses: Tensor, model: Tensor) -> Tensor:
    """Posterior of the noisy component for losses of any shape, by what `loss_model` gave; it never falls."""
    c, a, b, least, most, low, high = model.to(losses.dtype).unbind()
    x = torch.minimum(torch.maximum((losses - low) / (high - low), least), most)
    return torch.sigmoid(c + a * x.log() + b * torch.log1p(-x))
