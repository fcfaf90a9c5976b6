"""The detectors by name: one line each."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

DETECTORS = Catalogue(
    "detector",
    {
        "self-confidence": "noisewise.auditing.detectors.predictions.self_confidence:SELF_CONFIDENCE",
        "normalised-margin": "noisewise.auditing.detectors.predictions.normalised_margin:NORMALISED_MARGIN",
        "confident-learning": "noisewise.auditing.detectors.predictions.confident_learning:CONFIDENT_LEARNING",
        "aum": "noisewise.auditing.detectors.dynamics.aum:AUM",
        "forgetting": "noisewise.auditing.detectors.dynamics.forgetting:FORGETTING",
        "wrong-events": "noisewise.auditing.detectors.dynamics.wrong_events:WRONG_EVENTS",
        "loss-mixture": "noisewise.auditing.detectors.dynamics.loss_mixture:LOSS_MIXTURE",
        "knn": "noisewise.auditing.detectors.neighbours.knn:KNN",
        "el2n": "noisewise.auditing.detectors.dynamics.el2n:EL2N",
        "cores": "noisewise.auditing.detectors.dynamics.cores:CORES",
        "incv": "noisewise.auditing.detectors.predictions.incv:INCV",
        "grand": "noisewise.auditing.detectors.gradients.grand:GRAND",
        "tracin": "noisewise.auditing.detectors.gradients.tracin:TRACIN",
        "self-influence": "noisewise.auditing.detectors.gradients.self_influence:SELF_INFLUENCE",
        "simifeat": "noisewise.auditing.detectors.neighbours.simifeat:SIMIFEAT",
        "simifeat-v": "noisewise.auditing.detectors.neighbours.simifeat:SIMIFEAT_V",
        "knn-shapley": "noisewise.auditing.detectors.neighbours.knn_shapley:KNN_SHAPLEY",
    },
    groups=("noisewise.detectors",),
    refusal="noisewise.auditing.detectors.detector:refusal",
)
