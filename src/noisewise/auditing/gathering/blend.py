"""Several predictions of the same rows as one, each weighted by how well it foretells the given labels."""

from __future__ import annotations

import numpy as np

from noisewise.auditing.judgement.calibration import SMALLEST, tempered

STEPS = 200


def blended(predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n, K) mixture of M out-of-fold predictions, of the weights under which the given labels are most likely.

    The idea is the super learner's (van der Laan, Polley and Hubbard, Statistical Applications in Genetics and
    Molecular Biology 2007, section 2), with the log likelihood as the criterion: a few weights are fitted to n held-out
    labels. Predictions are made calibrated first (see `tempered`), since one that is too modest would otherwise get
    too little weight. Noise in the labels lowers the likelihood of all members alike.

    Args:
        predictions: (M, n, K) distributions. labels: (n,) given labels.
    """
    if len(predictions) == 1:
        return predictions[0]
    calibrated = np.stack([tempered(p, labels) for p in predictions])
    weights = mixture_weights(calibrated[:, np.arange(len(labels)), labels])
    return np.einsum("m,mnk->nk", weights, calibrated)


def mixture_weights(likelihoods: np.ndarray) -> np.ndarray:
    """(M,) weights w of the mixture sum_m w_m L[m, i] that maximise its mean logarithm, by expectation-maximisation.

    Args:
        likelihoods: (M, n), not negative.
    """
    likelihoods = np.maximum(likelihoods, SMALLEST)
    weights = np.full(len(likelihoods), 1 / len(likelihoods))
    for _ in range(STEPS):
        shares = weights[:, None] * likelihoods
        weights = (shares / shares.sum(axis=0)).mean(axis=1)
    return weights
