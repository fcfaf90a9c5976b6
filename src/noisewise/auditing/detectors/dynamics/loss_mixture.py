"""Loss mixture: the posterior of the high-loss component of a two-component Gaussian mixture.

    s_i = P(component with the larger mean | l_i),   l = min-max normalised mean losses

Arazo et al., Unsupervised Label Noise Modeling and Loss Correction, ICML 2019 (the mixture); Li et al., DivideMix, ICLR
2020 (Gaussians and their settings). The mean over training replaces the last epoch's loss, which memorisation lowers.
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence
from noisewise.methods.mixtures import clean_probability


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, 1]; all zero when all losses are equal."""
    return 1 - clean_probability(evidence.statistic("loss_mean"))


LOSS_MIXTURE = Detector(
    DetectorCard(
        "loss-mixture",
        "The probability that the row's mean training loss belongs to the upper of two Gaussians.",
        ("ledger",),
        "Li, Socher and Hoi, DivideMix: Learning with Noisy Labels as Semi-supervised Learning, ICLR",
        2020,
        "P(upper component | mean_t l_t)",
        ("loss_mean",),
        threshold=0.5,
    ),
    score,
)
