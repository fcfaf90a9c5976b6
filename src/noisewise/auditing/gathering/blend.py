"""Several predictions of the same rows merged into one, each weighted by how well it predicts the given labels."""

from __future__ import annotations

import numpy as np

from noisewise.auditing.judgement.calibration import SMALLEST, tempered

STEPS = 200  # of expectation-maximisation


def blended(predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mixture of out-of-fold predictions with the weights under which the given labels are most likely.

    This is the super learner (van der Laan, Polley and Hubbard, Statistical Applications in Genetics and Molecular
    Biology 2007, section 2) with the log likelihood as the criterion: a few weights are fitted to n held-out labels.
    Predictions are calibrated first (see `tempered`), since an underconfident one would otherwise get too little
    weight. Noise in the labels lowers the likelihood of all members alike.

    Args:
        predictions: (M, n, K) distributions by M members.
        labels: (n,) given labels.

    Returns:
        (n, K).
    """
    if len(predictions) == 1:
        return predictions[0]
    calibrated = np.stack([tempered(p, labels) for p in predictions])
    weights = mixture_weights(calibrated[:, np.arange(len(labels)), labels])
    return np.einsum("m,mnk->nk", weights, calibrated)


def mixture_weights(likelihoods: np.ndarray) -> np.ndarray:
    """(M,) weights w of the mixture sum_m w_m L[m, i] that maximise its mean logarithm, by expectation-maximisation.

    Args:
        likelihoods: (M, n) probabilities of the given labels by each member.
    """
    likelihoods = np.maximum(likelihoods, SMALLEST)
    weights = np.full(len(likelihoods), 1 / len(likelihoods))
    for _ in range(STEPS):
        shares = weights[:, None] * likelihoods
        weights = (shares / shares.sum(axis=0)).mean(axis=1)
    return weights
