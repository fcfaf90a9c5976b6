"""Area under the margin: by how much, over the whole training, another logit exceeded that of the given label.

    s_i = -(1 / T) sum_t (z_i^t[y_i] - max_{j != y_i} z_i^t[j])

Pleiss, Zhang, Elenberg and Weinberger, Identifying Mislabeled Data using the Area Under the Margin Ranking, NeurIPS
2020, equations 1 and 2, with the sign turned. The paper's threshold class, which needs a second training, is not used.
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores, in units of logits."""
    return -evidence.statistic("margin_mean")


AUM = Detector(
    DetectorCard(
        "aum",
        "The mean over training of the best other logit minus the logit of the given label.",
        ("ledger",),
        "Pleiss et al., Identifying Mislabeled Data using the Area Under the Margin Ranking, NeurIPS",
        2020,
        "-mean_t (z_t[y] - max_{j != y} z_t[j])",
        ("margin_mean",),
    ),
    score,
)
