"""The detectors by name: one line each."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

DETECTORS = Catalogue(
    "detector",
    {
        "self-confidence": "noisewise.audit.detectors.self_confidence:SELF_CONFIDENCE",
        "normalised-margin": "noisewise.audit.detectors.normalised_margin:NORMALISED_MARGIN",
        "confident-learning": "noisewise.audit.detectors.confident_learning:CONFIDENT_LEARNING",
        "aum": "noisewise.audit.detectors.aum:AUM",
        "forgetting": "noisewise.audit.detectors.forgetting:FORGETTING",
        "wrong-events": "noisewise.audit.detectors.wrong_events:WRONG_EVENTS",
        "loss-mixture": "noisewise.audit.detectors.loss_mixture:LOSS_MIXTURE",
        "knn": "noisewise.audit.detectors.knn:KNN",
    },
)
