"""Two kinds of rows by their losses: a Gaussian mixture, as every loss-mixture method fits it."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture


def clean_probability(losses: np.ndarray, seed: int = 0) -> np.ndarray:
    """(n,) posterior of the component with the lower mean in a two-component mixture of min-max normalised losses.

    Settings of DivideMix (Li et al. 2020): at most 10 EM iterations, tolerance 1e-2, covariance floor 5e-4. When all
    losses are equal nothing can be told apart and every row is clean with probability 1.

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
