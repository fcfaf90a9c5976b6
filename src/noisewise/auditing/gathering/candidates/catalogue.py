"""The names of the candidates and where each is defined: a new one is a file and a line here."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

PREDICTORS = Catalogue(
    "candidate",
    {
        "regression": "noisewise.auditing.gathering.candidates.regression:REGRESSION",
        "neighbours": "noisewise.auditing.gathering.candidates.neighbours:NEIGHBOURS",
        "forest": "noisewise.auditing.gathering.candidates.trees:FOREST",
        "boosting": "noisewise.auditing.gathering.candidates.trees:BOOSTING",
        "bayes": "noisewise.auditing.gathering.candidates.bayes:BAYES",
        "networks": "noisewise.auditing.gathering.candidates.networks:NETWORKS",
    },
    groups=("noisewise.candidates",),
    refusal="noisewise.auditing.gathering.candidates.predictor:refusal",
)
