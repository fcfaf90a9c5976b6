"""The transition matrix by the estimators that methods use, from the evidence of an audit."""

from __future__ import annotations

import numpy as np
import torch

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judge import predictions
from noisewise.methods.transition.estimators import estimate_transition


def estimated_transition(evidence: Evidence, name: str) -> np.ndarray:
    """(K, K) P(given = j | true = i) by the estimator `name` of `noisewise.methods.transition.estimators`.

    The estimator is given the calibrated predictions by which the judgement chooses its anchors, the given labels, and
    the features. Without features, `hoc` seeks neighbours among the predictions.

    Args:
        evidence: with anything that predicts.
        name: anchor, anchor-mean, dual-t or hoc.

    Raises:
        BadInput: an unknown name; nothing in the evidence predicts; fewer than three rows for `hoc`.
    """
    unseen = predictions(evidence)
    features = None if evidence.features is None else torch.as_tensor(evidence.features)
    return estimate_transition(name, torch.as_tensor(unseen), torch.as_tensor(evidence.labels), features).numpy()
