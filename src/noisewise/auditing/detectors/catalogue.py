"""The detectors by name: one line each."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

DETECTORS = Catalogue(
    "detector",
    {
        "self-confidence": "noisewise.auditing.detectors.self_confidence:SELF_CONFIDENCE",
        "normalised-margin": "noisewise.auditing.detectors.normalised_margin:NORMALISED_MARGIN",
        "confident-learning": "noisewise.auditing.detectors.confident_learning:CONFIDENT_LEARNING",
        "aum": "noisewise.auditing.detectors.aum:AUM",
        "forgetting": "noisewise.auditing.detectors.forgetting:FORGETTING",
        "wrong-events": "noisewise.auditing.detectors.wrong_events:WRONG_EVENTS",
        "loss-mixture": "noisewise.auditing.detectors.loss_mixture:LOSS_MIXTURE",
        "knn": "noisewise.auditing.detectors.knn:KNN",
        "el2n": "noisewise.auditing.detectors.el2n:EL2N",
        "cores": "noisewise.auditing.detectors.cores:CORES",
        "incv": "noisewise.auditing.detectors.incv:INCV",
        "grand": "noisewise.auditing.detectors.grand:GRAND",
        "tracin": "noisewise.auditing.detectors.tracin:TRACIN",
        "self-influence": "noisewise.auditing.detectors.self_influence:SELF_INFLUENCE",
        "simifeat": "noisewise.auditing.detectors.simifeat:SIMIFEAT",
        "simifeat-v": "noisewise.auditing.detectors.simifeat:SIMIFEAT_V",
        "knn-shapley": "noisewise.auditing.detectors.knn_shapley:KNN_SHAPLEY",
    },
)
